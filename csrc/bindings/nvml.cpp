#include "nvml.hpp"

#include <pybind11/stl.h>

#include <stdexcept>

#include "column.hpp"
#include "native_class.hpp"
#include "nvml_sampler.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;

py::object number_or_none(std::int64_t value) { return value < 0 ? py::object(py::none()) : py::int_(value); }

py::object view(const std::shared_ptr<const std::int64_t[]>& column, std::size_t rows) {
    PyObject* const made = make_memoryview<std::int64_t>(column, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

// An index, a UUID or a PCI bus id.
std::string which(const py::object& gpu) {
    if (PyLong_Check(gpu.ptr()) == 0 && PyUnicode_Check(gpu.ptr()) == 0) {
        throw py::type_error("gpu must be an int (NVML's index) or a str (UUID or PCI bus id); given " +
                             py::cast<std::string>(py::repr(gpu)));
    }
    return py::cast<std::string>(py::str(gpu));
}

template <typename Owner>
const Owner& ours(const Owner& owner) {
    if (!owner.foreign()) return owner;
    throw std::runtime_error(
        "this object belongs to the process that this one was forked from, and NVML does not survive a fork: start "
        "processes with multiprocessing's 'spawn' method");
}

py::dict read(const nvml::Gpu& gpu) {
    nvml::Reading reading{};
    {
        const WithoutGil released;
        reading = ours(gpu).read();
    }
    py::dict out;
    for (std::size_t i = 0; i < nvml::kFields; ++i) {
        out[nvml::name_of(static_cast<nvml::Field>(i))] = number_or_none(reading[i]);
    }
    return out;
}

py::object processes(const nvml::Gpu& gpu) {
    std::vector<nvml::Process> found;
    bool known = false;
    {
        const WithoutGil released;
        known = ours(gpu).processes(found);
    }
    if (!known) return py::none();
    py::list out;
    for (const nvml::Process& process : found) {
        out.append(py::make_tuple(process.pid, number_or_none(process.memory_bytes)));
    }
    return out;
}

py::dict columns(const nvml::Sampler& sampler) {
    nvml::SamplerColumns c{};
    {
        const WithoutGil released;
        c = ours(sampler).columns();
    }
    py::dict out("time_ns"_a = view(c.time_ns, c.rows));
    for (std::size_t i = 0; i < nvml::kFields; ++i) {
        if (c.fields[i] != nullptr) out[nvml::name_of(static_cast<nvml::Field>(i))] = view(c.fields[i], c.rows);
    }
    out["probe_cost_ns"] = view(c.probe_cost_ns, c.rows);
    return out;
}

py::dict stats(const nvml::Sampler& sampler) {
    nvml::SamplerStats s{};
    {
        const WithoutGil released;
        s = ours(sampler).stats();
    }
    return py::dict("samples"_a = s.samples, "missed"_a = s.missed, "dropped"_a = s.dropped,
                    "interval_ns"_a = s.interval_ns, "present_interval_ns"_a = s.present_interval_ns,
                    "lengthened"_a = s.lengthened, "duty"_a = s.duty);
}

void start(nvml::Sampler& sampler) {
    static_cast<void>(ours(sampler));
    sampler.start();
}

void stop(nvml::Sampler& sampler) {
    static_cast<void>(ours(sampler));
    sampler.stop();
}

py::tuple nvml_available() {
    nvml::Availability found{};
    {
        const WithoutGil released;
        found = nvml::load_library();
    }
    return py::make_tuple(found.library != nullptr, found.reason);
}

}  // namespace

void register_nvml(py::module_& m) {
    m.def("nvml_available", &nvml_available,
          "Return whether NVIDIA's management library can be loaded, and which or why not.");

    NativeClass<nvml::Gpu>(m, "NvmlProbe", "One GPU's state, as NVIDIA's management library reports it.")
        .constructor(
            [](const py::object& gpu) {
                const std::string named = which(gpu);
                const WithoutGil released;  // the driver may take 50 ms to wake up
                return std::make_unique<nvml::Gpu>(named);
            },
            "gpu"_a = 0)
        .def("read", &read)
        .def("processes", &processes);

    const nvml::SamplerOptions defaults;
    NativeClass<nvml::Sampler>(m, "NvmlSampler", "A native thread that reads a GPU's state on a grid.")
        .constructor(
            [](const py::object& gpu, std::int64_t interval_ns, std::int64_t capacity, double budget) {
                const std::string named = which(gpu);
                const WithoutGil released;
                return std::make_unique<nvml::Sampler>(named, nvml::SamplerOptions{interval_ns, capacity, budget});
            },
            "gpu"_a = 0, "interval_ns"_a = defaults.interval_ns, "capacity"_a = defaults.capacity,
            "budget"_a = defaults.budget)
        .def("start", &start, NoGil())
        .def("stop", &stop, NoGil())
        .def(
            "__enter__",
            [](nvml::Sampler& self) -> nvml::Sampler& {
                start(self);
                return self;
            },
            NoGil(), py::return_value_policy::reference)
        .def(
            "__exit__", [](nvml::Sampler& self, py::handle, py::handle, py::handle) { stop(self); }, NoGil(),
            py::pos_only())
        .def_property_readonly("running", &nvml::Sampler::running)
        .def("columns", &columns)
        .def("stats", &stats);
}

}  // namespace inference_bench::bindings
