#include "span_recorder.hpp"

#include <utility>

#include "name_table.hpp"
#include "native_class.hpp"
#include "register.hpp"
#include "spans.hpp"
#include "table_object.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;

std::shared_ptr<const Labels> kind_labels() {
    static const auto labels =
        std::make_shared<const Labels>(std::vector<std::string>{"span", "begin", "end", "instant", "counter"});
    return labels;
}

// All names so far, copied only where some came since the last call: a flight recorder keeps thousands of batches. The
// caller holds the GIL.
std::shared_ptr<const Labels> shared_names() {
    static auto* const names = new std::shared_ptr<const Labels>(std::make_shared<const Labels>(interned_names()));
    if ((*names)->size() != interned_count()) *names = std::make_shared<const Labels>(interned_names());
    return *names;
}

// The result of a drain or a snapshot: every record, and the spans among them.
class SpanRecords {
  public:
    SpanRecords(DrainedSpans drained, std::shared_ptr<const Labels> names)
        : drained_(std::move(drained)), names_(std::move(names)) {}

    [[nodiscard]] std::size_t size() const noexcept { return drained_.records.rows; }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return kObjectBytes + size() * RecordColumns::kRowBytes + drained_.matched.capacity() * sizeof(MatchedSpan);
    }

    [[nodiscard]] Table records() const {
        const RecordColumns& r = drained_.records;
        return {r.rows,
                {as_column("name", r.name, names_), as_column("kind", r.kind, kind_labels()),
                 as_column("thread", r.thread), as_column("id", r.id), as_column("value", r.value),
                 as_column("begin_ns", r.begin_ns), as_column("end_ns", r.end_ns), as_column("raised", r.raised)}};
    }

    [[nodiscard]] Table spans() const {
        const SpanColumns s(drained_.records, drained_.matched);
        return {s.rows,
                {as_column("name", s.name, names_), as_column("thread", s.thread), as_column("id", s.id),
                 as_column("value", s.value), as_column("begin_ns", s.begin_ns),
                 as_column("duration_ns", s.duration_ns), as_column("raised", s.raised)}};
    }

  private:
    // The Python object, this one, the block's control block, and what malloc() adds to each.
    static constexpr std::size_t kObjectBytes = sizeof(DrainedSpans) + 256;

    const DrainedSpans drained_;
    const std::shared_ptr<const Labels> names_;
};

std::unique_ptr<SpanRecorder> make_recorder(std::int64_t capacity, const std::string& mode, std::int64_t backlog) {
    if (mode != "discard" && mode != "overwrite") {
        throw py::value_error("mode must be 'discard' or 'overwrite'; given '" + mode + "'");
    }
    const WithoutGil released;  // touching the memory takes 0.1 s a gigabyte
    return std::make_unique<SpanRecorder>(SpanRecorderOptions{capacity, backlog, mode == "overwrite"});
}

py::dict counts(SpanRecorder& recorder) {
    SpanCounts c{};
    {
        const WithoutGil released;
        c = recorder.counts();
    }
    return py::dict("recorded"_a = c.recorded, "waiting"_a = c.waiting, "lost"_a = c.lost_full + c.overwritten,
                    "lost_full"_a = c.lost_full, "overwritten"_a = c.overwritten, "open"_a = c.open,
                    "unmatched_begins"_a = c.unmatched_begins, "unmatched_ends"_a = c.unmatched_ends,
                    "memory_bytes"_a = c.memory_bytes);
}

template <DrainedSpans (SpanRecorder::*Read)()>
std::unique_ptr<SpanRecords> read(SpanRecorder& recorder) {
    DrainedSpans drained = [&] {
        const WithoutGil released;
        return (recorder.*Read)();
    }();
    return std::make_unique<SpanRecords>(std::move(drained), shared_names());
}

template <Table (SpanRecords::*Make)() const>
py::object table_of(const SpanRecords& records) {
    Table table{};
    {
        const WithoutGil released;
        table = (records.*Make)();
    }
    return make_table(std::move(table));
}

// The ticks that NativeSpan and two bare readings take, for `n` of each: what C++ pays.
py::tuple native_span_cost(std::uint64_t n) {
    const std::uint32_t name = intern_name("native span cost");
    std::uint64_t begin = 0, middle = 0, end = 0;
    {
        const WithoutGil released;
        begin = ticks_begin();
        for (std::uint64_t i = 0; i < n; ++i) const NativeSpan span(name);
        middle = ticks_end();
        std::uint64_t sink = 0;
        for (std::uint64_t i = 0; i < n; ++i) {
            const std::uint64_t first = ticks();
            sink += ticks() - first;
            __asm__ volatile("" : "+r"(sink));
        }
        end = ticks_end();
    }
    return py::make_tuple(middle - begin, end - middle);
}

}  // namespace

void register_spans(py::module_& m) {
    PyObject* const module = m.ptr();
    if (!add_span_type(module) || !add_span_entry_type(module) || !add_span_function_type(module) ||
        !add_span_coroutine_type(module) || !add_span_calls(module) || !add_noop_context(module)) {
        throw py::error_already_set();
    }
    m.def("recording", &recording, "Return whether a recorder runs.");
    m.def("_native_span_cost", &native_span_cost);

    NativeClass<SpanRecords>(m, "SpanRecords", "The records of a drain or a snapshot.")
        .def("__len__", &SpanRecords::size)
        .def_property_readonly("memory_bytes", &SpanRecords::memory_bytes)
        .def("records", &table_of<&SpanRecords::records>)
        .def("spans", &table_of<&SpanRecords::spans>)
        .def(
            "__arrow_c_stream__",
            [](const SpanRecords& self, const py::object& schema) {
                return table_of<&SpanRecords::records>(self).attr("__arrow_c_stream__")(schema);
            },
            "requested_schema"_a = py::none());

    const SpanRecorderOptions defaults;
    NativeClass<SpanRecorder>(m, "SpanRecorder",
                              "Collects the spans, instants and counters of all threads while it runs.")
        .constructor(&make_recorder, "capacity"_a = defaults.capacity, "mode"_a = "discard",
                     "backlog"_a = defaults.backlog)
        .def("start", &SpanRecorder::start, NoGil())
        .def("stop", &SpanRecorder::stop, NoGil())
        .def("close", &SpanRecorder::close, NoGil())
        .def(
            "__enter__",
            [](SpanRecorder& self) -> SpanRecorder& {
                self.start();
                return self;
            },
            NoGil(), py::return_value_policy::reference)
        .def(
            "__exit__", [](SpanRecorder& self, py::handle, py::handle, py::handle) { self.stop(); }, NoGil(),
            py::pos_only())
        .def_property_readonly("running", &SpanRecorder::running)
        .def_property_readonly("closed", &SpanRecorder::closed)
        .def_property_readonly("capacity", &SpanRecorder::capacity)
        .def_property_readonly("mode",
                               [](const SpanRecorder& self) { return self.overwrites() ? "overwrite" : "discard"; })
        .def("drain", &read<&SpanRecorder::drain>)
        .def("snapshot", &read<&SpanRecorder::snapshot>)
        .def("counts", &counts);
}

}  // namespace inference_bench::bindings
