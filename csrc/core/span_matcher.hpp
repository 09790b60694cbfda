// Joins the two halves of a span, by name and id: never by order, so interleaved tasks and threads come out right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace inference_bench {

struct SpanHalf {
    std::int64_t ns;
    std::uint64_t id;
    std::int64_t value;
    std::int32_t name;
    std::int32_t thread;
    bool is_end;
};

struct MatchedSpan {
    SpanHalf begin;
    std::int64_t end_ns;
};

class SpanMatcher {
  public:
    static constexpr std::size_t kOpenBytes = 96;  // one open span in the map below

    // At most so many spans are held open; beyond that the oldest are given up, and counted.
    explicit SpanMatcher(std::size_t max_open) : max_open_(max_open) {}

    // The spans that these halves complete, in the order of their ends. The halves may come in any order within a
    // call. A span may begin in one call and end in a later one; an end whose beginning is unknown is kept for one
    // more call, since a reader passes over the threads one after the other and may find the end of one first.
    [[nodiscard]] std::vector<MatchedSpan> match(std::vector<SpanHalf> halves);

    [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return open_.size() * kOpenBytes + early_ends_.capacity() * sizeof(SpanHalf);
    }
    [[nodiscard]] std::uint64_t unmatched_begins() const noexcept { return unmatched_begins_; }  // begun anew, given up
    [[nodiscard]] std::uint64_t unmatched_ends() const noexcept { return unmatched_ends_; }

  private:
    using Key = std::pair<std::int32_t, std::uint64_t>;  // name, id

    void give_up_oldest();

    const std::size_t max_open_;
    std::map<Key, SpanHalf> open_;
    std::vector<SpanHalf> early_ends_;
    std::uint64_t unmatched_begins_ = 0;
    std::uint64_t unmatched_ends_ = 0;
};

}  // namespace inference_bench
