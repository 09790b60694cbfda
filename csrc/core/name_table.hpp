// Names as small numbers, so that a record holds no string. Process-wide, since spans outlive recorders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inference_bench {

// Names are never freed. The limit stops a program that puts a request's number into a name.
constexpr std::uint32_t kMaxNames = 1U << 16;

// The same number for the same name. std::length_error beyond kMaxNames.
[[nodiscard]] std::uint32_t intern_name(std::string_view name);

// How many there are. A name keeps its number, and none is ever removed.
[[nodiscard]] std::size_t interned_count();

// All so far, in the order of their numbers.
[[nodiscard]] std::vector<std::string> interned_names();

}  // namespace inference_bench
