// HdrHistogram's V2 payload, before compression: a header of 40 bytes, then counts as ZigZag LEB128, runs of zeros as
// their negative length. https://github.com/HdrHistogram/HdrHistogram, AbstractHistogram.encodeIntoByteBuffer.
#pragma once

#include <string>
#include <string_view>

#include "histogram_counts.hpp"

namespace inference_bench {

constexpr std::uint32_t kHdrPayloadCookie = 0x1c849313;
constexpr std::uint32_t kHdrCompressedCookie = 0x1c849314;
constexpr std::size_t kHdrHeaderBytes = 40;
// A count takes 9 bytes at most, so that no payload of ours is longer; a reader may stop decompressing here.
constexpr std::size_t kMaxHdrPayloadBytes =
    kHdrHeaderBytes + 9 * HistogramLayout(10, HistogramLayout::kMaxHighest).size();

// Underflow, overflow and the sum have no place in the format.
[[nodiscard]] std::string encode_hdr(const HistogramCounts& counts);

// Throws std::invalid_argument for what is malformed, and for what the layouts here cannot hold exactly: other than 2
// or 3 significant digits, a lowest value above 1, shifted or scaled values.
[[nodiscard]] HistogramCounts decode_hdr(std::string_view payload);

}  // namespace inference_bench
