#include "reading.hpp"

namespace inference_bench::procfs {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

Count Numbers::next() noexcept {
    while (!rest_.empty() && !is_digit(rest_.front())) rest_.remove_prefix(1);
    if (rest_.empty()) return std::nullopt;
    std::uint64_t value = 0;
    bool fits = true;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1)) {
        fits = fits && !__builtin_mul_overflow(value, std::uint64_t{10}, &value) &&
               !__builtin_add_overflow(value, static_cast<std::uint64_t>(rest_.front() - '0'), &value);
    }
    if (!fits || value > INT64_MAX) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

Count number_after(std::string_view text, std::string_view key) noexcept {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    return Numbers(text.substr(at + key.size())).next();
}

}  // namespace inference_bench::procfs
