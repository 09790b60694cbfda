#include "histogram_counts.hpp"

#include <pybind11/stl.h>

#include <cmath>

#include "column.hpp"
#include "hdr_encoding.hpp"
#include "native_class.hpp"
#include "register.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

constexpr std::size_t kCompressedHeaderBytes = 8;

using Range = std::pair<std::optional<std::uint64_t>, std::optional<std::int64_t>>;

std::optional<Range> percentile(const HistogramCounts& counts, double percent) {
    if (!(percent >= 0.0 && percent <= 100.0)) {
        throw py::value_error("a percentile must be from 0 to 100; given " +
                              py::repr(py::float_(percent)).cast<std::string>());
    }
    const std::optional<ValueRange> range = counts.percentile(percent);
    if (!range) return std::nullopt;
    return Range{range->lowest, range->highest};
}

HistogramCounts converted(const HistogramCounts& counts, std::optional<std::int64_t> bits,
                          std::optional<std::int64_t> highest_ns) {
    if (bits && *bits != 7 && *bits != 10) {
        throw py::value_error("bits must be 7 or 10; given " + std::to_string(*bits));
    }
    if (highest_ns && *highest_ns < 2) {
        throw py::value_error("highest_ns must be from 2 to 2^63 - 1; given " + std::to_string(*highest_ns));
    }
    return counts.converted({bits ? static_cast<unsigned>(*bits) : counts.layout().bits(),
                             highest_ns ? static_cast<std::uint64_t>(*highest_ns) : counts.layout().highest()});
}

template <typename T>
py::object view(const std::shared_ptr<const T[]>& column, std::size_t rows) {
    PyObject* const made = make_memoryview<T>(column, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

py::object counts_view(const HistogramCounts& counts) { return view(counts.counts(), counts.layout().size()); }

py::object lowest_ns_view(const HistogramCounts& counts) {
    const HistogramLayout& layout = counts.layout();
    const std::shared_ptr<std::int64_t[]> lowest(new std::int64_t[layout.size()]);
    for (std::size_t i = 0; i < layout.size(); ++i) lowest.get()[i] = static_cast<std::int64_t>(layout.lowest(i));
    return view<std::int64_t>(lowest, layout.size());
}

std::optional<double> mean_ns(const HistogramCounts& counts) {
    if (!counts.sum() || counts.in_range() == 0) return std::nullopt;
    return static_cast<double>(*counts.sum()) / static_cast<double>(counts.in_range());
}

py::str repr(const HistogramCounts& counts) {
    return py::str("HistogramCounts(total={}, p50_ns={}, p99_ns={})")
        .format(counts.total(), percentile(counts, 50.0), percentile(counts, 99.0));
}

// The compressed form: a cookie and a length, big-endian, then the payload through zlib; all of it in base64.
py::bytes to_hdr(const HistogramCounts& counts) {
    const py::bytes compressed = py::module_::import("zlib").attr("compress")(py::bytes(encode_hdr(counts)));
    const auto length = static_cast<std::uint32_t>(py::len(compressed));
    std::string out;
    for (const std::uint32_t word : {kHdrCompressedCookie, length}) {
        for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(word >> shift));
    }
    return py::module_::import("base64").attr("b64encode")(py::bytes(out) + compressed);
}

std::uint32_t big_endian(std::string_view text, std::size_t at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) word = (word << 8) | static_cast<unsigned char>(text[at + i]);
    return word;
}

py::bytes decompress(const std::string& compressed) {
    const py::module_ zlib = py::module_::import("zlib");
    try {
        // Stops where no valid payload goes on, however much a hostile stream would unpack to.
        return zlib.attr("decompressobj")().attr("decompress")(py::bytes(compressed), kMaxHdrPayloadBytes + 1);
    } catch (py::error_already_set& error) {
        if (!error.matches(zlib.attr("error"))) throw;
        throw py::value_error("not a compressed HdrHistogram: " + std::string(py::str(error.value())));
    }
}

HistogramCounts from_hdr(const py::object& encoded) {
    // binascii.Error, for what is not base64, is a ValueError already.
    const std::string raw = py::bytes(py::module_::import("base64").attr("b64decode")(encoded, "validate"_a = true));
    if (raw.size() < kCompressedHeaderBytes || big_endian(raw, 0) != kHdrCompressedCookie) {
        throw py::value_error("not a compressed HdrHistogram V2: it begins with another cookie");
    }
    if (big_endian(raw, 4) != raw.size() - kCompressedHeaderBytes) {
        throw py::value_error("the HdrHistogram says " + std::to_string(big_endian(raw, 4)) +
                              " compressed bytes; given " + std::to_string(raw.size() - kCompressedHeaderBytes));
    }
    return decode_hdr(std::string(decompress(raw.substr(kCompressedHeaderBytes))));
}

}  // namespace

void register_histogram_counts(py::module_& m) {
    NativeClass<HistogramCounts>(m, "HistogramCounts", "The counts of a histogram at one moment.")
        .def_property_readonly("bits", [](const HistogramCounts& self) { return self.layout().bits(); })
        .def_property_readonly("highest_ns", [](const HistogramCounts& self) { return self.layout().highest(); })
        .def_property_readonly("underflow", &HistogramCounts::underflow)
        .def_property_readonly("overflow", &HistogramCounts::overflow)
        .def_property_readonly("in_range", &HistogramCounts::in_range)
        .def_property_readonly("total", &HistogramCounts::total)
        .def_property_readonly("sum_ns", &HistogramCounts::sum)
        .def_property_readonly("mean_ns", &mean_ns)
        .def_property_readonly("counts", &counts_view)
        .def_property_readonly("lowest_ns", &lowest_ns_view)
        .def("percentile", &percentile, "percent"_a, py::pos_only())
        .def("merged", &HistogramCounts::merged, "other"_a, py::pos_only())
        .def("converted", &converted, "bits"_a = py::none(), "highest_ns"_a = py::none())
        .def("to_hdr", &to_hdr)
        .def_static("from_hdr", &from_hdr, "encoded"_a, py::pos_only())
        .def("__repr__", &repr)
        .def("__eq__", &HistogramCounts::operator==, py::is_operator())
        .def("__add__", &HistogramCounts::merged, py::is_operator())
        .attr("__hash__") = py::none();
}

}  // namespace inference_bench::bindings
