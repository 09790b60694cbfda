// The status line and the header fields of a response: what they say about where its body ends (RFC 9112, 6.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace inference_bench {

struct HttpHead {
    int status = 0;
    bool chunked = false;
    bool keep_alive = true;
    std::optional<std::uint64_t> content_length;  // of more digits than fit: the greatest number

    [[nodiscard]] bool informational() const noexcept { return status < 200; }
};

// `bytes` from the status line to the empty line. Nothing where they break the rules: also a transfer coding other than
// chunked, lengths that differ, and 101. Lines may end in a bare LF, and be folded.
[[nodiscard]] std::optional<HttpHead> parse_head(std::string_view bytes);  // std::bad_alloc

// The same for header fields alone.
[[nodiscard]] bool are_fields(std::string_view bytes);

// The size in the line before a chunk, "1f;extension", without its line end; nothing if it has none.
[[nodiscard]] std::optional<std::uint64_t> parse_chunk_size(std::string_view line) noexcept;

}  // namespace inference_bench
