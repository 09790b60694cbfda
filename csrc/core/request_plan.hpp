// Which request of a load is due when: after the start, after another request has ended, or when a client is free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inference_bench {

// A request's offset counts
// - from the end of the request that it comes after, if there is one;
// - without one, from the start (open loop), or
// - from when one of `concurrency` clients became free (closed loop): at the start, or when all that came after the
//   client's last request has ended too.
// What is planned is never planned anew: a late request stays late. One thread at a time.
class RequestPlan {
  public:
    static constexpr std::int64_t kNever = INT64_MAX;
    static constexpr std::int64_t kNone = -1;  // of `after`: none

    // Both lists are empty (offsets of 0; none comes after another) or have an element for each request.
    // Throws std::invalid_argument and std::bad_alloc.
    RequestPlan(std::size_t requests, std::vector<std::int64_t> offsets_ns, std::vector<std::int64_t> after,
                std::int64_t concurrency);

    [[nodiscard]] std::size_t size() const noexcept { return offsets_ns_.size(); }

    struct Planned {
        std::int64_t due_ns;
        std::size_t request;
    };

    void begin(std::int64_t start_ns) noexcept;
    [[nodiscard]] std::int64_t next_ns() const noexcept { return queue_.empty() ? kNever : queue_.front().due_ns; }
    Planned take() noexcept;  // the next one; there must be one
    void ended(std::size_t request, std::int64_t at_ns) noexcept;

  private:
    void check(std::int64_t concurrency) const;
    void link_followers();
    void plan(std::size_t request, std::int64_t from_ns) noexcept;
    void plan_client(std::int64_t from_ns) noexcept;

    std::vector<std::int64_t> offsets_ns_;
    std::vector<std::int64_t> after_;
    const std::int64_t concurrency_;  // 0: an open loop
    std::int64_t clients_ = 0;        // requests that are planned or under way in a closed loop
    std::vector<std::int64_t> first_follower_;
    std::vector<std::int64_t> next_follower_;
    std::size_t next_root_ = 0;   // of a closed loop
    std::vector<Planned> queue_;  // a heap with room for all
};

}  // namespace inference_bench
