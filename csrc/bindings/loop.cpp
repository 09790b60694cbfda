// Times a Python callable without an interpreter loop around it: the calls and the ticks are both made in C.
#include <pybind11/stl.h>

#include <algorithm>

#include "call_times.hpp"
#include "column.hpp"
#include "method.hpp"
#include "native_class.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

constexpr std::int64_t kMaxTimedCalls = std::int64_t{1} << 28;  // 4 GiB of ticks
constexpr std::int64_t kFloorCalls = 255;

struct Call {
    PyObject* callable;
    PyObject* const* args;
    std::size_t nargs;
};

// A daemon thread may be in here when the interpreter ends.
PyObject* call_once(const Call& call) {
    return survive_exit([&call] { return PyObject_Vectorcall(call.callable, call.args, call.nargs, nullptr); });
}

// Lets the result of a call go, but keeps that of the last one, and looks for signals: a loop of C functions never
// passes the interpreter's look.
bool settle(PyObject* result, bool last, py::object& returned) {
    if (result == nullptr) return false;
    if (last) {
        returned = py::reinterpret_steal<py::object>(result);
    } else {
        Py_DECREF(result);
    }
    return PyErr_CheckSignals() == 0;
}

// Both are false with an exception set if not all calls returned; `done` says how many did. Letting the result go and
// looking for signals lies outside of the timed part where each call is timed, and inside where all are.
bool time_each(const Call& call, std::int64_t n, CallTimes& times, std::int64_t& done, py::object& returned) {
    while (done < n) {
        times.begin();
        PyObject* const result = call_once(call);
        times.end();
        if (result != nullptr) ++done;
        if (!settle(result, done == n, returned)) return false;
    }
    return true;
}

bool time_all(const Call& call, std::int64_t n, CallTimes& times, std::int64_t& done, py::object& returned) {
    times.begin();
    while (done < n) {
        PyObject* const result = call_once(call);
        if (result != nullptr) ++done;
        if (!settle(result, done == n, returned)) return false;
    }
    times.end();
    return true;
}

bool time_calls(bool each, const Call& call, std::int64_t n, CallTimes& times, std::int64_t& done,
                py::object& returned) {
    return each ? time_each(call, n, times, done, returned) : time_all(call, n, times, done, returned);
}

[[noreturn]] void throw_with_note(std::int64_t done, std::int64_t n, const char* what) {
    const py::error_already_set error;  // takes the exception that is set
    const std::string note =
        "inference_bench: " + std::to_string(done) + " of " + std::to_string(n) + " " + what + " had returned";
    const auto noted =
        py::reinterpret_steal<py::object>(PyObject_CallMethod(error.value().ptr(), "add_note", "s", note.c_str()));
    if (!noted) PyErr_Clear();  // an exception that takes no note is still the one to raise
    throw error;
}

PyObject* do_nothing(PyObject*, PyObject* const*, Py_ssize_t) { Py_RETURN_NONE; }

PyMethodDef do_nothing_def = {"do_nothing", as_method(do_nothing), METH_FASTCALL, nullptr};

struct LoopTimes {
    std::int64_t calls;
    std::shared_ptr<const std::int64_t[]> begin_ns, duration_ns, warmup_ns;
    std::size_t rows, warmup_rows;
    double floor_ns;
    py::object returned;
};

// The time per call that the same loop gives a C function which does nothing.
double floor_of(Call call, bool each) {
    const auto nothing = py::reinterpret_steal<py::object>(PyCFunction_New(&do_nothing_def, nullptr));
    if (!nothing) throw py::error_already_set();
    call.callable = nothing.ptr();
    CallTimes times(kFloorCalls);
    std::int64_t done = 0;
    py::object returned;
    if (!time_calls(each, call, kFloorCalls, times, done, returned)) throw py::error_already_set();
    const auto ns = times.durations_ns();
    if (!each) return static_cast<double>(ns[0]) / static_cast<double>(kFloorCalls);
    std::vector<std::int64_t> sorted(ns.get(), ns.get() + kFloorCalls);
    std::nth_element(sorted.begin(), sorted.begin() + kFloorCalls / 2, sorted.end());
    return static_cast<double>(sorted[kFloorCalls / 2]);
}

void require_calls(const char* name, std::int64_t given, std::int64_t least, std::int64_t most) {
    if (given >= least && given <= most) return;
    throw py::value_error(std::string(name) + " must be from " + std::to_string(least) + " to " + std::to_string(most) +
                          "; given " + std::to_string(given));
}

LoopTimes loop(const py::object& callable, std::int64_t n, std::int64_t warmup, bool each, const py::tuple& args) {
    if (PyCallable_Check(callable.ptr()) == 0) {
        throw py::type_error("loop() times a callable; given " + py::repr(callable).cast<std::string>());
    }
    require_calls("n", n, 1, each ? kMaxTimedCalls : INT64_MAX);
    require_calls("warmup", warmup, 0, kMaxTimedCalls);

    const Call call{callable.ptr(), &PyTuple_GET_ITEM(args.ptr(), 0), args.size()};
    {
        const WithoutGil released;
        calibrate_clock();
    }
    const double floor_ns = floor_of(call, each);
    CallTimes warming(static_cast<std::size_t>(warmup));
    CallTimes times(each ? static_cast<std::size_t>(n) : 1);
    std::int64_t done = 0;
    py::object returned;
    if (!time_each(call, warmup, warming, done, returned)) throw_with_note(done, warmup, "warm-up calls");
    returned = py::none();
    done = 0;
    if (!time_calls(each, call, n, times, done, returned)) throw_with_note(done, n, "calls");

    LoopTimes found{};
    found.calls = n;
    found.rows = times.size();
    found.warmup_rows = warming.size();
    found.floor_ns = floor_ns;
    found.returned = std::move(returned);
    const WithoutGil released;
    found.begin_ns = times.begin_ns();
    found.duration_ns = times.durations_ns();
    found.warmup_ns = warming.durations_ns();
    return found;
}

template <typename Member>
py::object column(const LoopTimes& times, Member member, std::size_t rows) {
    PyObject* const made = make_memoryview<std::int64_t>(times.*member, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

}  // namespace

void register_loop(py::module_& m) {
    NativeClass<LoopTimes>(m, "LoopTimes", "The result of loop().")
        .def_readonly("calls", &LoopTimes::calls)
        .def_readonly("floor_ns", &LoopTimes::floor_ns)
        .def_readonly("returned", &LoopTimes::returned)
        .def_property_readonly("begin_ns", [](const LoopTimes& t) { return column(t, &LoopTimes::begin_ns, t.rows); })
        .def_property_readonly("duration_ns",
                               [](const LoopTimes& t) { return column(t, &LoopTimes::duration_ns, t.rows); })
        .def_property_readonly("warmup_duration_ns",
                               [](const LoopTimes& t) { return column(t, &LoopTimes::warmup_ns, t.warmup_rows); });
    m.def("loop", &loop, "callable"_a, "n"_a, py::pos_only(), py::kw_only(), "warmup"_a = 0, "each"_a = true,
          "args"_a = py::tuple(), "Call `callable` n times from C and time each call, or all together.");
}

}  // namespace inference_bench::bindings
