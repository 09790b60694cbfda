#include "sample_columns.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace inference_bench {
namespace {

constexpr std::size_t kColumns = 4;
constexpr std::size_t kCell = 8;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunkRows = 4096;  // 128 KiB over the four columns: 41 s at 10 ms
constexpr std::size_t kHeadroomRows = 512;

static_assert(sizeof(MemorySample) == kColumns * kCell, "each field is one column of 8-byte cells");

}  // namespace

SampleColumns::SampleColumns(std::size_t capacity)
    : capacity_(capacity),
      column_bytes_((capacity * kCell + kPage - 1) / kPage * kPage),
      memory_(mmap(nullptr, column_bytes_ * kColumns, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    // A huge page would make 128 KiB of samples look like 8 MiB of the process that is measured.
    madvise(memory_, column_bytes_ * kColumns, MADV_NOHUGEPAGE);
    auto* const base = static_cast<char*>(memory_);
    ticks_ = reinterpret_cast<std::uint64_t*>(base);
    rss_bytes_ = reinterpret_cast<std::int64_t*>(base + column_bytes_);
    cgroup_bytes_ = reinterpret_cast<std::int64_t*>(base + 2 * column_bytes_);
    cost_ticks_ = reinterpret_cast<std::int64_t*>(base + 3 * column_bytes_);
    commit_ahead();
}

SampleColumns::~SampleColumns() { munmap(memory_, column_bytes_ * kColumns); }

bool SampleColumns::append(const MemorySample& sample) noexcept {
    const std::size_t row = size_.load(std::memory_order_relaxed);
    if (row == capacity_) return false;
    ticks_[row] = sample.ticks;
    rss_bytes_[row] = sample.rss_bytes;
    cgroup_bytes_[row] = sample.cgroup_bytes;
    cost_ticks_[row] = sample.cost_ticks;
    size_.store(row + 1, std::memory_order_release);
    return true;
}

void SampleColumns::commit_ahead() noexcept {
    const std::size_t committed = committed_.load(std::memory_order_relaxed);
    const std::size_t row = size_.load(std::memory_order_relaxed);
    if (committed == capacity_ || row + kHeadroomRows < committed) return;
    const std::size_t until = std::min(capacity_, committed + kChunkRows);
    for (std::size_t column = 0; column < kColumns; ++column) {
        volatile char* const cells = static_cast<char*>(memory_) + column * column_bytes_;
        for (std::size_t at = committed * kCell; at < until * kCell; at += kPage) cells[at] = 0;
    }
    committed_.store(until, std::memory_order_relaxed);
}

std::size_t SampleColumns::committed_bytes() const noexcept {
    return committed_.load(std::memory_order_relaxed) * kCell * kColumns;
}

}  // namespace inference_bench
