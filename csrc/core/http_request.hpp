// Where an HTTP/1.1 request ends (RFC 9112, 6.3).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace inference_bench {

constexpr std::size_t kMostRequestHeadBytes = std::size_t{1} << 20;

// How many of `bytes` the first request takes, head and body; 0 while its end has not come. Nothing if that cannot be
// told: a length that is no number, a chunk without a size, a head of more than kMostRequestHeadBytes.
[[nodiscard]] std::optional<std::size_t> request_length(std::string_view bytes) noexcept;

}  // namespace inference_bench
