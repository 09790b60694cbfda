// Rows that are appended by one thread and read by any while it appends. A row never moves.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>

namespace inference_bench {

template <typename Row, std::size_t kBlockRows = 1024>
class BlockList {
    static_assert(std::is_trivially_copyable_v<Row>);

  public:
    BlockList() : first_(new Block()), last_(first_) {}  // std::bad_alloc
    ~BlockList() {
        delete spare_;
        for (Block* block = first_; block != nullptr;) {
            Block* const next = block->next;
            delete block;
            block = next;
        }
    }
    BlockList(const BlockList&) = delete;
    BlockList& operator=(const BlockList&) = delete;

    // Writer only. Allocates where make_room() was not called in time: std::bad_alloc, and nothing is appended.
    const Row* append(const Row& row) {
        const std::size_t at = size_.load(std::memory_order_relaxed);
        const std::size_t in_block = at % kBlockRows;
        if (at > 0 && in_block == 0) add_block();
        last_->rows[in_block] = row;
        size_.store(at + 1, std::memory_order_release);
        return &last_->rows[in_block];
    }

    // Writer only, when it has time: the next block, its pages touched, once the present one is half full.
    void make_room() {
        const std::size_t used = size_.load(std::memory_order_relaxed) % kBlockRows;
        if (spare_ == nullptr && used > kBlockRows / 2) spare_ = new Block();
    }

    // Rows below size() never change.
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

    // Calls `each(index, row)` for the first `rows` rows, which must not exceed size().
    template <typename Each>
    void visit(std::size_t rows, Each each) const {
        const Block* block = first_;
        for (std::size_t i = 0; i < rows; ++i) {
            if (i > 0 && i % kBlockRows == 0) block = block->next;
            each(i, block->rows[i % kBlockRows]);
        }
    }

  private:
    struct Block {
        Row rows[kBlockRows];
        Block* next;  // written before size() exceeds this block
    };

    void add_block() {
        Block* const block = spare_ != nullptr ? spare_ : new Block();
        spare_ = nullptr;
        last_->next = block;
        last_ = block;
    }

    Block* const first_;
    Block* last_;
    Block* spare_ = nullptr;
    std::atomic<std::size_t> size_{0};
};

}  // namespace inference_bench
