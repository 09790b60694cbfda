// pybind11's classes, without the ways in which Python can make or reach half an object.
#pragma once

#include <pybind11/pybind11.h>

#include <type_traits>
#include <utility>

namespace inference_bench::bindings {

// Before the first class is made: refuses to make objects of the base of all classes, which have nothing inside.
void guard_base_class();

// After the last class is made: no type of the module can be pickled or copied unless it says how, and none can be
// changed, inherited from, or given to an object of another class.
void seal_types(pybind11::module_& m);

// The constructor of T: a callable that returns a whole object, or null and the reason why there is none.
template <typename T>
struct Constructor {
    static inline PyObject* call = nullptr;
    static inline const char* refusal = nullptr;
};

// tp_new: what it returns has been constructed, so that T.__new__(T) is T().
template <typename T>
PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    if (Constructor<T>::call != nullptr) return PyObject_Call(Constructor<T>::call, args, kwargs);
    if (Constructor<T>::refusal != nullptr) {
        PyErr_SetString(PyExc_TypeError, Constructor<T>::refusal);
        return nullptr;
    }
    return PyErr_Format(PyExc_TypeError, "cannot create '%.200s' instances", type->tp_name);
}

inline int already_constructed(PyObject*, PyObject*, PyObject*) { return 0; }

// ---- self: pybind11 passes None as a null pointer to a member function, or to what takes a pointer or a holder; to
// what takes a reference, it raises TypeError

template <typename T, typename Result, typename Owner, typename... Args>
auto on_self(Result (Owner::*member)(Args...)) {
    return [member](T& self, Args... args) -> Result { return (self.*member)(std::forward<Args>(args)...); };
}

template <typename T, typename Result, typename Owner, typename... Args>
auto on_self(Result (Owner::*member)(Args...) const) {
    return [member](const T& self, Args... args) -> Result { return (self.*member)(std::forward<Args>(args)...); };
}

template <typename Result, typename First, typename... Rest>
First first_argument(Result (*)(First, Rest...));
template <typename Result, typename Lambda, typename First, typename... Rest>
First first_argument(Result (Lambda::*)(First, Rest...) const);

template <typename T, typename First>
constexpr bool kIsSafeSelf = std::is_same_v<First, T&> || std::is_same_v<First, const T&>;

template <typename T, typename Result, typename... Args>
auto on_self(Result (*function)(Args...)) {
    static_assert(kIsSafeSelf<T, decltype(first_argument(function))>, "self must be a reference, which is never null");
    return function;
}

template <typename T, typename Lambda, typename Call = decltype(&Lambda::operator())>
auto on_self(Lambda lambda) {
    static_assert(kIsSafeSelf<T, decltype(first_argument(Call()))>, "self must be a reference, which is never null");
    return lambda;
}

// ---- the class

// A pybind11 class whose objects are always whole. Every class of the module is one.
template <typename T, typename... Options>
class NativeClass : public pybind11::class_<T, Options...> {
    using Base = pybind11::class_<T, Options...>;

  public:
    NativeClass(pybind11::handle scope, const char* name, const char* doc)
        : Base(scope, name, doc, pybind11::is_final(), pybind11::custom_type_setup([](PyHeapTypeObject* type) {
                   type->ht_type.tp_new = construct<T>;
                   type->ht_type.tp_init = already_constructed;
               })) {}

    // `make` returns a new object by std::unique_ptr. Without a constructor, only C++ makes objects of the class.
    template <typename Make, typename... Extra>
    NativeClass& constructor(Make make, const Extra&... extra) {
        const auto name = pybind11::str(this->attr("__name__")).template cast<std::string>();
        Constructor<T>::call = pybind11::cpp_function(make, pybind11::name(name.c_str()), extra...).release().ptr();
        return *this;
    }

    NativeClass& no_constructor(const char* refusal) {
        Constructor<T>::refusal = refusal;
        return *this;
    }

    template <typename Function, typename... Extra>
    NativeClass& def(const char* name, Function function, const Extra&... extra) {
        Base::def(name, on_self<T>(function), extra...);
        return *this;
    }

    template <typename Function, typename... Extra>
    NativeClass& def_static(const char* name, Function function, const Extra&... extra) {
        Base::def_static(name, function, extra...);
        return *this;
    }

    // Guards among `extra` hold for the call, where pybind11's own method ignores them.
    template <typename Getter, typename... Extra>
    NativeClass& def_property_readonly(const char* name, Getter getter, const Extra&... extra) {
        Base::def_property_readonly(name, pybind11::cpp_function(on_self<T>(getter), extra...));
        return *this;
    }

    template <typename Owner, typename Value>
    NativeClass& def_readonly(const char* name, const Value Owner::* member) {
        Base::def_readonly(name, member);
        return *this;
    }
};

}  // namespace inference_bench::bindings
