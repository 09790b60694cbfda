// Columns of one length, each of which shares the ownership of the numbers it shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace inference_bench {

// The texts that a column's numbers are indices of.
struct Labels {
    explicit Labels(const std::vector<std::string>& labels);  // std::length_error beyond 2 GiB of text

    std::vector<std::int32_t> offsets;  // as Arrow lays strings out
    std::string text;
    [[nodiscard]] std::size_t size() const noexcept { return offsets.size() - 1; }
};

struct TableColumn {
    std::string name;
    const char* format;  // Arrow's letter: C (uint8), i (int32), l (int64) or L (uint64)
    std::shared_ptr<const void> owner;
    const void* data;
    std::shared_ptr<const Labels> labels;  // null: plain numbers
};

struct Table {
    std::size_t rows;
    std::vector<TableColumn> columns;
};

using SharedTable = std::shared_ptr<const Table>;

template <typename T>
constexpr const char* kArrowFormat = nullptr;
template <>
inline constexpr const char* kArrowFormat<std::uint8_t> = "C";
template <>
inline constexpr const char* kArrowFormat<std::int32_t> = "i";
template <>
inline constexpr const char* kArrowFormat<std::int64_t> = "l";
template <>
inline constexpr const char* kArrowFormat<std::uint64_t> = "L";

}  // namespace inference_bench
