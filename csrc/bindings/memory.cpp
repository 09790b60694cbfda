#include <pybind11/stl.h>

#include <cerrno>
#include <csignal>

#include "column.hpp"
#include "memory_sampler.hpp"
#include "native_class.hpp"
#include "probes.hpp"
#include "process.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;

py::object bytes_or_none(std::int64_t bytes) { return bytes < 0 ? py::object(py::none()) : py::int_(bytes); }

template <typename T>
py::object view(const std::shared_ptr<const T[]>& column, std::size_t rows) {
    PyObject* const made = make_memoryview<T>(column, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

py::dict columns(const MemorySampler& sampler) {
    MemoryColumns c{};
    {
        const WithoutGil released;
        c = sampler.columns();
    }
    py::dict out("time_ns"_a = view(c.time_ns, c.rows), "rss_bytes"_a = view(c.rss_bytes, c.rows));
    if (c.cgroup_bytes != nullptr) out["cgroup_bytes"] = view(c.cgroup_bytes, c.rows);
    out["phase"] = view(c.phase, c.rows);
    out["probe_cost_ns"] = view(c.probe_cost_ns, c.rows);
    return out;
}

py::dict as_dict(const MemoryPhase& p) {
    return py::dict("name"_a = p.name, "begin_ns"_a = p.begin_ns, "end_ns"_a = bytes_or_none(p.end_ns),
                    "rss_begin_bytes"_a = bytes_or_none(p.rss_begin_bytes),
                    "rss_end_bytes"_a = bytes_or_none(p.rss_end_bytes), "samples"_a = p.samples,
                    "sampled_peak_bytes"_a = bytes_or_none(p.sampled_peak_bytes),
                    "hwm_bytes"_a = bytes_or_none(p.hwm_bytes), "hwm_exact"_a = p.hwm_exact,
                    "cgroup_peak_bytes"_a = bytes_or_none(p.cgroup_peak_bytes),
                    "pss_bytes"_a = bytes_or_none(p.pss_bytes), "uss_bytes"_a = bytes_or_none(p.uss_bytes));
}

py::list phases(const MemorySampler& sampler) {
    std::vector<MemoryPhase> recorded;
    {
        const WithoutGil released;
        recorded = sampler.phases();
    }
    py::list out;
    for (const MemoryPhase& phase : recorded) out.append(as_dict(phase));
    return out;
}

py::dict stats(const MemorySampler& sampler) {
    MemorySamplerStats s{};
    {
        const WithoutGil released;
        s = sampler.stats();
    }
    return py::dict("samples"_a = s.samples, "missed"_a = s.missed, "dropped"_a = s.dropped,
                    "interval_ns"_a = s.interval_ns, "present_interval_ns"_a = s.present_interval_ns,
                    "achieved_interval_ns"_a = s.achieved_interval_ns, "lengthened"_a = s.lengthened, "duty"_a = s.duty,
                    "probe_cost_p50_ns"_a = s.probe_cost_p50_ns, "probe_cost_max_ns"_a = s.probe_cost_max_ns,
                    "buffer_bytes"_a = s.buffer_bytes);
}

py::object smaps_rollup() {
    SmapsRollup r{};
    bool known = false;
    {
        const WithoutGil released;
        known = process_probes().smaps_rollup(r);
    }
    if (!known) return py::none();
    return py::dict("rss_bytes"_a = bytes_or_none(r.rss_bytes), "pss_bytes"_a = bytes_or_none(r.pss_bytes),
                    "uss_bytes"_a = bytes_or_none(r.uss_bytes), "swap_bytes"_a = bytes_or_none(r.swap_bytes));
}

void py_die_with_parent(int signal) {
    if (die_with_parent(signal)) return;
    PyErr_SetFromErrno(PyExc_OSError);
    throw py::error_already_set();
}

}  // namespace

void register_memory(py::module_& m) {
    const MemorySamplerOptions defaults;
    NativeClass<MemorySampler>(m, "MemorySampler", "A native thread that records this process's memory on a grid.")
        .constructor(
            [](std::int64_t interval_ns, std::int64_t capacity, double budget, bool reset_hwm, bool pss) {
                MemorySamplerOptions options;
                options.interval_ns = interval_ns;
                options.capacity = capacity;
                options.budget = budget;
                options.reset_hwm = reset_hwm;
                options.pss = pss;
                return std::make_unique<MemorySampler>(options);
            },
            "interval_ns"_a = defaults.interval_ns, "capacity"_a = defaults.capacity, "budget"_a = defaults.budget,
            "reset_hwm"_a = defaults.reset_hwm, "pss"_a = defaults.pss)
        .def("start", &MemorySampler::start, NoGil())
        .def("stop", &MemorySampler::stop, NoGil())
        .def(
            "__enter__",
            [](MemorySampler& self) -> MemorySampler& {
                self.start();
                return self;
            },
            NoGil(), py::return_value_policy::reference)
        .def(
            "__exit__", [](MemorySampler& self, py::handle, py::handle, py::handle) { self.stop(); }, NoGil(),
            py::pos_only())
        .def("mark_phase", &MemorySampler::mark_phase, "name"_a, NoGil())
        .def_property_readonly("running", &MemorySampler::running, NoGil())
        .def_property_readonly("phase_names", &MemorySampler::phase_names, NoGil())
        .def("columns", &columns)
        .def("phases", &phases)
        .def("stats", &stats);

    m.def("rss_bytes", [] { return bytes_or_none(process_probes().rss_bytes()); }, "Resident set, from statm.");
    m.def("hwm_bytes", [] { return bytes_or_none(process_probes().hwm_bytes()); }, "Peak resident set, VmHWM.");
    m.def(
        "reset_hwm", [] { return process_probes().reset_hwm(); }, "Lower VmHWM to the present RSS; False if refused.");
    m.def("max_rss_bytes", [] { return bytes_or_none(max_rss_bytes()); }, "Peak resident set, from getrusage.");
    m.def("smaps_rollup", &smaps_rollup, "RSS, PSS, USS and swap in bytes, or None; 0.3-170 ms.");
    m.def("die_with_parent", &py_die_with_parent, "signal"_a = SIGKILL,
          "Send this process `signal` when its parent ends.");
}

}  // namespace inference_bench::bindings
