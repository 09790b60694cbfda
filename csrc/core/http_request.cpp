#include "http_request.hpp"

#include <charconv>

#include "http_text.hpp"

namespace inference_bench {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

// The value of a header field, or nothing; `head` begins with the request line, and `name` is in lower case.
std::optional<std::string_view> field(std::string_view head, std::string_view name) noexcept {
    std::size_t at = head.find(kLineEnd);
    while (at != std::string_view::npos) {
        head.remove_prefix(at + kLineEnd.size());
        at = head.find(kLineEnd);
        const std::string_view line = head.substr(0, at);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name)) {
            return trimmed(line.substr(colon + 1));
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> number(std::string_view digits, int base) noexcept {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

// How many bytes a chunked body takes; 0 while its end has not come.
std::optional<std::size_t> chunked_length(std::string_view body) noexcept {
    std::size_t at = 0;
    for (;;) {
        const std::size_t line_end = body.find(kLineEnd, at);
        if (line_end == std::string_view::npos) return 0;
        const std::string_view line = body.substr(at, line_end - at);
        const std::optional<std::size_t> size = number(trimmed(line.substr(0, line.find(';'))), 16);
        if (!size) return std::nullopt;
        at = line_end + kLineEnd.size();
        if (*size == 0) break;
        if (*size > body.size() - at || body.size() - at - *size < kLineEnd.size()) return 0;
        at += *size + kLineEnd.size();
    }
    // Trailers, if any, up to the empty line.
    if (body.substr(at, kLineEnd.size()) == kLineEnd) return at + kLineEnd.size();
    const std::size_t end = body.find(kHeadEnd, at);
    return end == std::string_view::npos ? 0 : end + kHeadEnd.size();
}

}  // namespace

std::optional<std::size_t> request_length(std::string_view bytes) noexcept {
    const std::size_t blank = bytes.substr(0, kMostRequestHeadBytes).find(kHeadEnd);
    if (blank == std::string_view::npos) {
        if (bytes.size() < kMostRequestHeadBytes) return 0;
        return std::nullopt;
    }
    const std::string_view head = bytes.substr(0, blank);
    const std::size_t head_bytes = blank + kHeadEnd.size();
    if (const auto coding = field(head, "transfer-encoding"); coding && equal_ignoring_case(*coding, "chunked")) {
        const std::optional<std::size_t> body = chunked_length(bytes.substr(head_bytes));
        return body && *body > 0 ? head_bytes + *body : body;
    }
    const auto given = field(head, "content-length");
    const std::optional<std::size_t> body = given ? number(*given, 10) : 0;
    if (!body) return std::nullopt;
    return *body <= bytes.size() - head_bytes ? head_bytes + *body : 0;
}

}  // namespace inference_bench
