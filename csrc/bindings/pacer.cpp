#include "pacer.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "column.hpp"
#include "guarded.hpp"
#include "native_class.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;

constexpr const char* kInEventfd = "this pacer's ticks go to its eventfd: take() them";

py::object view(const std::shared_ptr<const std::int64_t[]>& column, std::size_t rows) {
    PyObject* const made = make_memoryview<std::int64_t>(column, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

std::unique_ptr<Pacer> make(Schedule schedule, std::int64_t longest_spin_ns) {
    return std::make_unique<Pacer>(std::move(schedule), longest_spin_ns);
}

std::unique_ptr<Pacer> constant(const py::object& rate, const py::object& count, const py::object& longest_spin_ns) {
    const double ticks_per_s = real("rate", rate);
    const auto n = whole<std::int64_t>("count", count);
    const auto spin = whole<std::int64_t>("longest_spin_ns", longest_spin_ns);
    const WithoutGil released;
    return make(Schedule::constant(ticks_per_s, n), spin);
}

std::unique_ptr<Pacer> poisson(const py::object& rate, const py::object& count, const py::object& seed,
                               const py::object& longest_spin_ns) {
    const double ticks_per_s = real("rate", rate);
    const auto n = whole<std::int64_t>("count", count);
    const auto random_seed = whole<std::uint64_t>("seed", seed);
    const auto spin = whole<std::int64_t>("longest_spin_ns", longest_spin_ns);
    const WithoutGil released;
    return make(Schedule::poisson(ticks_per_s, n, random_seed), spin);
}

std::unique_ptr<Pacer> gamma(const py::object& rate, const py::object& count, const py::object& shape,
                             const py::object& seed, const py::object& longest_spin_ns) {
    const double ticks_per_s = real("rate", rate);
    const auto n = whole<std::int64_t>("count", count);
    const double gamma_shape = real("shape", shape);
    const auto random_seed = whole<std::uint64_t>("seed", seed);
    const auto spin = whole<std::int64_t>("longest_spin_ns", longest_spin_ns);
    const WithoutGil released;
    return make(Schedule::gamma(ticks_per_s, n, gamma_shape, random_seed), spin);
}

std::unique_ptr<Pacer> trace(const py::object& offsets_ns, const py::object& longest_spin_ns) {
    const auto spin = whole<std::int64_t>("longest_spin_ns", longest_spin_ns);
    std::vector<std::int64_t> given = whole_numbers("offsets_ns", offsets_ns);
    const WithoutGil released;
    return make(Schedule::trace(std::move(given)), spin);
}

// ---- waiting: plain C methods, which cost less for each tick

PyObject* next_tick(PyObject* self, bool* over) {
    auto* const pacer = py::handle(self).cast<Pacer*>();
    for (;;) {
        std::size_t index = 0;
        Pacer::Next next{};
        try {
            const WithoutGil released;
            next = pacer->wait(index);
        } catch (...) {
            return guarded([]() -> py::object { throw; });
        }
        switch (next) {
            case Pacer::Next::Tick:
                pacer->delivered(index);
                return PyLong_FromSize_t(index);
            case Pacer::Next::Over:
                *over = true;
                return nullptr;
            case Pacer::Next::InEventfd:
                PyErr_SetString(PyExc_RuntimeError, kInEventfd);
                return nullptr;
            case Pacer::Next::Interrupted:
                if (PyErr_CheckSignals() < 0) return nullptr;
        }
    }
}

PyObject* pacer_wait(PyObject* self, PyObject*) {
    bool over = false;
    PyObject* const index = next_tick(self, &over);
    if (over) Py_RETURN_NONE;
    return index;
}

PyObject* pacer_next(PyObject* self, PyObject*) {
    bool over = false;
    PyObject* const index = next_tick(self, &over);
    if (over) PyErr_SetNone(PyExc_StopIteration);
    return index;
}

PyMethodDef waiting_methods[] = {
    {"wait", pacer_wait, METH_NOARGS, "The index of the next tick, when it is due; None after the last, or a stop."},
    {"__next__", pacer_next, METH_NOARGS, "The same, as an iterator."},
};

void add_waiting_methods(py::handle type) {
    for (PyMethodDef& method : waiting_methods) {
        const auto made =
            py::reinterpret_steal<py::object>(PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &method));
        if (!made) throw py::error_already_set();
        py::setattr(type, method.ml_name, made);
    }
}

// ---- results

py::dict description(const Pacer& pacer) {
    const Schedule& s = pacer.schedule();
    py::dict out("kind"_a = s.kind, "count"_a = s.offsets_ns.size(), "duration_ns"_a = s.offsets_ns.back());
    if (s.rate > 0) out["rate"] = s.rate;
    if (s.shape > 0) out["shape"] = s.shape;
    if (s.random()) {
        out["seed"] = s.seed;
        out["generator"] = Schedule::kGenerator;
    }
    return out;
}

py::object schedule(const Pacer& pacer) {
    const auto& offsets = pacer.schedule().offsets_ns;
    // Shows the pacer's own array and keeps the pacer alive for it. A column is dropped under the GIL, so the owner may
    // be dropped with it.
    const std::shared_ptr<const std::int64_t[]> shown(offsets.data(),
                                                      [owner = py::cast(&pacer)](const std::int64_t*) {});
    return view(shown, offsets.size());
}

py::dict columns(const Pacer& pacer) {
    PacerColumns c{};
    {
        const WithoutGil released;
        c = pacer.columns();
    }
    return py::dict("index"_a = view(c.index, c.rows), "scheduled_ns"_a = view(c.scheduled_ns, c.rows),
                    "woken_ns"_a = view(c.woken_ns, c.rows), "actual_ns"_a = view(c.actual_ns, c.rows),
                    "lag_ns"_a = view(c.lag_ns, c.rows));
}

py::object start_ns(const Pacer& pacer) {
    const std::int64_t ns = pacer.start_ns();
    return ns == Pacer::kNotYet ? py::object(py::none()) : py::int_(ns);
}

py::object take(Pacer& pacer) {
    const Pacer::Ticks ticks = pacer.take();
    return py::handle(reinterpret_cast<PyObject*>(&PyRange_Type))(ticks.first, ticks.end);
}

}  // namespace

void register_pacer(py::module_& m) {
    const auto spin = "longest_spin_ns"_a = Sleeper::kDefaultSpinNs;
    NativeClass<Pacer> type(m, "Pacer", "Hands out the ticks of a seeded schedule when they are due.");
    type.no_constructor("make a Pacer with constant(), poisson(), gamma() or trace()")
        .def_static("constant", &constant, "rate"_a, "count"_a, py::kw_only(), spin)
        .def_static("poisson", &poisson, "rate"_a, "count"_a, py::kw_only(), "seed"_a, spin)
        .def_static("gamma", &gamma, "rate"_a, "count"_a, py::kw_only(), "shape"_a, "seed"_a, spin)
        .def_static("trace", &trace, "offsets_ns"_a, py::kw_only(), spin)
        .def("start", &Pacer::start, NoGil())
        .def("stop", &Pacer::stop, NoGil())
        .def("close", &Pacer::close_eventfd, NoGil())
        .def("open_eventfd", &Pacer::open_eventfd, NoGil())
        .def("take", &take)
        .def(
            "__enter__", [](Pacer& self) -> Pacer& { return self; }, py::return_value_policy::reference)
        .def(
            "__exit__", [](Pacer& self, py::handle, py::handle, py::handle) { self.close_eventfd(); }, NoGil(),
            py::pos_only())
        .def(
            "__iter__", [](Pacer& self) -> Pacer& { return self; }, py::return_value_policy::reference)
        .def("__len__", [](const Pacer& self) { return self.schedule().offsets_ns.size(); })
        .def("describe", &description)
        .def("schedule", &schedule)
        .def("columns", &columns)
        .def_property_readonly("start_ns", &start_ns)
        .def_property_readonly("done", &Pacer::done)
        .def_property_readonly("spin_ns", &Pacer::spin_ns);
    add_waiting_methods(type);
}

}  // namespace inference_bench::bindings
