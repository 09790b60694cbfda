#include "http_head.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "http_text.hpp"

namespace inference_bench {
namespace {

constexpr std::size_t kMostDigits = 20;  // of a length: 2^64 has as many
constexpr std::uint64_t kGreatest = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_token_char(char c) noexcept {
    const char l = lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Control characters are let through, as servers send them, but for those that end lines or texts elsewhere.
bool is_text(std::string_view text) noexcept {
    return text.find_first_of(std::string_view("\0\r\n\v\f", 5)) == std::string_view::npos;
}

// Cuts the first line off, without its line end.
std::string_view take_line(std::string_view& bytes) noexcept {
    const std::size_t end = bytes.find('\n');
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

// Calls `each(element)` for the elements of a list that commas separate, until it returns false.
template <typename Each>
bool each_element(std::string_view list, Each each) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (!each(trimmed(list.substr(0, comma)))) return false;
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
}

template <int kBase>
std::uint64_t number(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    for (const char c : digits) {
        const auto digit = static_cast<std::uint64_t>(is_digit(c) ? c - '0' : lower(c) - 'a' + 10);
        if (value > (kGreatest - digit) / kBase) return kGreatest;
        value = value * kBase + digit;
    }
    return value;
}

// What the fields have said so far.
class Fields {
  public:
    explicit Fields(HttpHead& head) noexcept : head_(head) {}

    bool take(std::string_view name, std::string_view value) {
        if (equal_ignoring_case(name, "content-length")) return take_length(value);
        if (equal_ignoring_case(name, "transfer-encoding")) return take_coding(value);
        if (equal_ignoring_case(name, "connection")) take_connection(value);
        return true;
    }

  private:
    bool take_length(std::string_view value) {
        return each_element(value, [this](std::string_view digits) {
            if (digits.empty() || digits.size() > kMostDigits) return false;
            if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
            if (length_.empty()) length_ = digits;
            head_.content_length = number<10>(digits);
            return length_ == digits;
        });
    }

    bool take_coding(std::string_view value) noexcept {
        return !std::exchange(head_.chunked, true) && equal_ignoring_case(value, "chunked");
    }

    void take_connection(std::string_view value) {
        each_element(value, [this](std::string_view option) {
            if (equal_ignoring_case(option, "close")) closes_ = true;
            head_.keep_alive = !closes_ && (head_.keep_alive || equal_ignoring_case(option, "keep-alive"));
            return true;
        });
    }

    HttpHead& head_;
    std::string length_;
    bool closes_ = false;
};

// Calls `each(name, value)` for every field; false if one is malformed, or if `each` returns false.
template <typename Each>
bool each_field(std::string_view bytes, Each each) {
    std::string folded;
    while (!bytes.empty()) {
        std::string_view line = take_line(bytes);
        if (line.empty()) return true;
        if (is_blank(line.front())) return false;  // folded, with nothing before it
        if (!bytes.empty() && is_blank(bytes.front())) {
            folded = line;
            while (!bytes.empty() && is_blank(bytes.front())) folded.append(" ").append(trimmed(take_line(bytes)));
            line = folded;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) return false;
        const std::string_view name = line.substr(0, colon);
        if (!std::all_of(name.begin(), name.end(), is_token_char)) return false;
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (!is_text(value) || !each(name, value)) return false;
    }
    return true;
}

// "HTTP/1.1 200 OK"; the reason may be missing with the space before it.
bool take_status_line(std::string_view line, HttpHead& head) noexcept {
    constexpr std::string_view kBegin = "HTTP/1.";
    constexpr std::size_t kStatus = kBegin.size() + 2;  // after the minor version and a space
    constexpr std::size_t kEnd = kStatus + 3;
    if (line.size() < kEnd || line.substr(0, kBegin.size()) != kBegin) return false;
    const std::string_view digits = line.substr(kStatus, 3);
    if (!is_digit(line[kBegin.size()]) || line[kStatus - 1] != ' ') return false;
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
    if (line.size() > kEnd && line[kEnd] != ' ') return false;
    head.status = static_cast<int>(number<10>(digits));
    head.keep_alive = line[kBegin.size()] != '0';
    return head.status >= 100 && head.status != 101 && is_text(line.substr(kEnd));
}

}  // namespace

std::optional<HttpHead> parse_head(std::string_view bytes) {
    HttpHead head;
    if (!take_status_line(take_line(bytes), head)) return std::nullopt;
    Fields fields(head);
    if (!each_field(bytes, [&](std::string_view name, std::string_view value) { return fields.take(name, value); })) {
        return std::nullopt;
    }
    return head;
}

bool are_fields(std::string_view bytes) {
    HttpHead dropped;
    Fields fields(dropped);
    return each_field(bytes, [&](std::string_view name, std::string_view value) { return fields.take(name, value); });
}

std::optional<std::uint64_t> parse_chunk_size(std::string_view line) noexcept {
    const auto is_hex = [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); };
    const auto end = std::find_if_not(line.begin(), line.end(), is_hex);
    const auto digits = static_cast<std::size_t>(end - line.begin());
    if (digits == 0 || digits > kMostDigits) return std::nullopt;
    const std::string_view rest = line.substr(digits);
    const bool extended = !rest.empty() && rest.front() == ';' && rest.find('\n') == std::string_view::npos;
    if (!extended && !trimmed(rest).empty()) return std::nullopt;
    return number<16>(line.substr(0, digits));
}

}  // namespace inference_bench
