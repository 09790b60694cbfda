// Columns of one length that leave as Arrow or through the buffer protocol, without a copy.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace inference_bench::bindings {

// What a column's numbers stand for, where they are indices.
struct Labels {
    explicit Labels(const std::vector<std::string>& labels);  // std::length_error beyond 2 GiB of text

    std::vector<std::int32_t> offsets;  // as Arrow lays strings out
    std::string text;
    [[nodiscard]] std::size_t size() const noexcept { return offsets.size() - 1; }
};

struct TableColumn {
    std::string name;
    const char* format;  // as Arrow and struct both spell it: c C s S i I; l and L are 64 bits
    std::shared_ptr<const void> owner;
    const void* data;
    std::shared_ptr<const Labels> labels;  // null: plain numbers
};

struct Table {
    std::size_t rows;
    std::vector<TableColumn> columns;
};

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

// The Python object: `column(name)`, `labels(name)`, `column_names`, len() and the Arrow PyCapsule interface.
pybind11::object make_table(Table table);

}  // namespace inference_bench::bindings
