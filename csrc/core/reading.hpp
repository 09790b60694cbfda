// A set of named counters at one moment. What the kernel does not tell is absent, never 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace inference_bench {

using Count = std::optional<std::int64_t>;

// The table of a reading's counters, for whatever is done to each of them alike.
template <typename Reading>
struct CounterField {
    const char* name;
    Count Reading::* member;
};

// What was counted between two readings; absent where either is.
template <typename Reading>
[[nodiscard]] Reading difference(const Reading& later, const Reading& earlier) noexcept {
    Reading out{};
    out.time_ns = later.time_ns - earlier.time_ns;
    for (const CounterField<Reading>& field : Reading::kFields) {
        const Count& to = later.*field.member;
        const Count& from = earlier.*field.member;
        if (to && from) out.*field.member = *to - *from;
    }
    return out;
}

namespace procfs {

// Unsigned decimal numbers, one after the other, past whatever stands between them.
class Numbers {
  public:
    explicit Numbers(std::string_view text) noexcept : rest_(text) {}
    [[nodiscard]] Count next() noexcept;

  private:
    std::string_view rest_;
};

// The first number behind `key`, wherever it stands.
[[nodiscard]] Count number_after(std::string_view text, std::string_view key) noexcept;

}  // namespace procfs
}  // namespace inference_bench
