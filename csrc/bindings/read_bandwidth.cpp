#include "read_bandwidth.hpp"

#include <memory>

#include "arguments.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

constexpr std::int64_t kSliceNs = 100'000'000;  // between two looks at Ctrl-C

// Ends with the GIL given up: its threads may be in the middle of a pass.
class Measuring {
  public:
    Measuring(std::int64_t bytes, std::int64_t threads, std::int64_t repetitions, std::int64_t least_ns) {
        const WithoutGil released;
        core_ = std::make_unique<ReadBandwidth>(bytes, threads, repetitions, least_ns);
    }
    ~Measuring() {
        const WithoutGil released;
        core_.reset();
    }
    Measuring(const Measuring&) = delete;
    Measuring& operator=(const Measuring&) = delete;

    const ReadBandwidth& result() {
        while (!waited()) {
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        }
        return *core_;
    }

  private:
    bool waited() {
        const WithoutGil released;
        return core_->wait(kSliceNs);
    }

    std::unique_ptr<ReadBandwidth> core_;
};

py::dict read_bandwidth(const py::object& working_set_bytes, const py::object& threads, const py::object& repetitions,
                        const py::object& least_ns) {
    Measuring measuring(whole<std::int64_t>("working_set_bytes", working_set_bytes),
                        whole<std::int64_t>("threads", threads), whole<std::int64_t>("repetitions", repetitions),
                        whole<std::int64_t>("least_ns", least_ns));
    const ReadBandwidth& found = measuring.result();
    py::list times;
    for (const std::int64_t ns : found.times_ns()) times.append(ns);
    return py::dict("working_set_bytes"_a = found.working_set_bytes(), "passes"_a = found.passes(),
                    "times_ns"_a = times, "instructions"_a = found.instructions());
}

}  // namespace

void register_read_bandwidth(py::module_& m) {
    m.def("read_bandwidth", &read_bandwidth, "working_set_bytes"_a, "threads"_a, py::kw_only(), "repetitions"_a,
          "least_ns"_a, "Time threads that add up all numbers of a working set, each thread its own part.");
}

}  // namespace inference_bench::bindings
