#include "hdr_encoding.hpp"

#include <stdexcept>

namespace inference_bench {
namespace {

constexpr std::uint64_t kRatioOne = 0x3ff0000000000000;  // 1.0 as a double

template <typename T>
void put(std::string& out, T value) {
    for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
    }
}

template <typename T>
T get(std::string_view payload, std::size_t at) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>(value << 8) | static_cast<unsigned char>(payload[at + i]);
    }
    return value;
}

// LEB128 of a ZigZag, but the ninth byte carries 8 bits, so that 64 bits never need a tenth.
void put_varint(std::string& out, std::int64_t value) {
    std::uint64_t rest = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    for (int i = 0; i < 8 && rest >= 0x80; ++i, rest >>= 7) out.push_back(static_cast<char>((rest & 0x7f) | 0x80));
    out.push_back(static_cast<char>(static_cast<unsigned char>(rest)));
}

std::int64_t get_varint(std::string_view& in) {
    std::uint64_t raw = 0;
    for (unsigned i = 0; i < 9; ++i) {
        if (in.empty()) throw std::invalid_argument("the HdrHistogram payload ends inside a count");
        const auto byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        if (i == 8 || byte < 0x80) {
            raw |= static_cast<std::uint64_t>(byte) << (7 * i);
            break;
        }
        raw |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    }
    return static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
}

void require(bool held, const std::string& what) {
    if (!held) throw std::invalid_argument("cannot hold this HdrHistogram exactly: " + what);
}

HistogramLayout layout_of(std::string_view payload) {
    const auto digits = get<std::uint32_t>(payload, 12);
    const auto lowest = get<std::uint64_t>(payload, 16);
    const auto highest = get<std::uint64_t>(payload, 24);
    require(get<std::uint32_t>(payload, 8) == 0, "its normalizing offset is not 0");
    require(digits == 2 || digits == 3, "2 or 3 significant digits are allowed; it has " + std::to_string(digits));
    require(lowest == 1, "its lowest value must be 1; it is " + std::to_string(lowest));
    require(highest >= 2 && highest <= HistogramLayout::kMaxHighest,
            "its highest value must be from 2 to 2^63 - 1; it is " + std::to_string(highest));
    require(get<std::uint64_t>(payload, 32) == kRatioOne, "its conversion ratio is not 1");
    return {digits == 2 ? 7U : 10U, highest};
}

}  // namespace

std::string encode_hdr(const HistogramCounts& counts) {
    std::size_t end = counts.layout().size();
    while (end > 0 && counts.count(end - 1) == 0) --end;

    std::string body;
    for (std::size_t i = 0; i < end;) {
        std::size_t zeros = 0;
        while (counts.count(i + zeros) == 0) ++zeros;  // the last count is not 0
        if (zeros > 0) {
            put_varint(body, -static_cast<std::int64_t>(zeros));
            i += zeros;
        } else {
            put_varint(body, static_cast<std::int64_t>(counts.count(i++)));
        }
    }

    std::string out;
    out.reserve(kHdrHeaderBytes + body.size());
    put(out, kHdrPayloadCookie);
    put(out, static_cast<std::uint32_t>(body.size()));
    put(out, std::uint32_t{0});
    put(out, std::uint32_t{counts.layout().bits() == 7 ? 2U : 3U});
    put(out, std::uint64_t{1});
    put(out, counts.layout().highest());
    put(out, kRatioOne);
    return out + body;
}

HistogramCounts decode_hdr(std::string_view payload) {
    if (payload.size() < kHdrHeaderBytes) {
        throw std::invalid_argument("an HdrHistogram payload has at least 40 bytes; given " +
                                    std::to_string(payload.size()));
    }
    // The low byte of the cookie gave the word size in earlier versions; here it is fixed.
    if (get<std::uint32_t>(payload, 0) != kHdrPayloadCookie) {
        throw std::invalid_argument("not an HdrHistogram V2 payload: it begins with another cookie");
    }
    HistogramCounts out(layout_of(payload));
    std::string_view body = payload.substr(kHdrHeaderBytes);
    if (get<std::uint32_t>(payload, 4) != body.size()) {
        throw std::invalid_argument("the HdrHistogram payload says " + std::to_string(get<std::uint32_t>(payload, 4)) +
                                    " bytes of counts; given " + std::to_string(body.size()));
    }
    const std::size_t size = out.layout().size();
    for (std::size_t i = 0; !body.empty();) {
        const std::int64_t n = get_varint(body);
        // Unsigned negation, since -INT64_MIN is no int64.
        const std::uint64_t advance = n < 0 ? 0 - static_cast<std::uint64_t>(n) : 1;
        if (advance > size - i) throw std::invalid_argument("the HdrHistogram payload has more counts than its range");
        if (n > 0) out.add(i, static_cast<std::uint64_t>(n));
        i += static_cast<std::size_t>(advance);
    }
    out.set_sum(std::nullopt);
    return out;
}

}  // namespace inference_bench
