// A column of numbers that is written once and then shown to Python.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "table.hpp"

namespace inference_bench {

// Shared, since Python's views outlive what they were taken from; not zeroed, so that only written pages cost anything.
// Huge pages were tried: on a machine that had to compact its memory first, a drain took four times as long.
template <typename T>
class NumberColumn {
  public:
    NumberColumn() = default;
    explicit NumberColumn(std::size_t n) : numbers_(new T[n]) {}
    // Numbers inside a block that several columns share.
    NumberColumn(const std::shared_ptr<char[]>& block, std::size_t offset)
        : numbers_(block, reinterpret_cast<T*>(block.get() + offset)) {}

    [[nodiscard]] T& operator[](std::size_t i) const noexcept { return numbers_.get()[i]; }
    [[nodiscard]] const T* data() const noexcept { return numbers_.get(); }
    [[nodiscard]] std::shared_ptr<const void> owner() const noexcept { return numbers_; }

  private:
    std::shared_ptr<T[]> numbers_;
};

template <typename T>
TableColumn as_column(const char* name, const NumberColumn<T>& numbers,
                      std::shared_ptr<const Labels> labels = nullptr) {
    return {name, kArrowFormat<T>, numbers.owner(), numbers.data(), std::move(labels)};
}

}  // namespace inference_bench
