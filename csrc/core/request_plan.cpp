#include "request_plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "schedule.hpp"

namespace inference_bench {
namespace {

// The heap's front is the earliest; of two at once, the one that was given first.
bool later(const RequestPlan::Planned& a, const RequestPlan::Planned& b) noexcept {
    return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.request > b.request;
}

void require(bool good, const std::string& what, std::int64_t given) {
    if (!good) throw std::invalid_argument(what + "; given " + std::to_string(given));
}

std::vector<std::int64_t> completed(std::vector<std::int64_t> given, const char* name, std::size_t requests,
                                    std::int64_t fill) {
    if (given.empty()) given.assign(requests, fill);
    require(given.size() == requests,
            std::string(name) + " must have an element for each of the " + std::to_string(requests) + " requests",
            static_cast<std::int64_t>(given.size()));
    return given;
}

}  // namespace

RequestPlan::RequestPlan(std::size_t requests, std::vector<std::int64_t> offsets_ns, std::vector<std::int64_t> after,
                         std::int64_t concurrency)
    : offsets_ns_(completed(std::move(offsets_ns), "offsets_ns", requests, 0)),
      after_(completed(std::move(after), "after", requests, kNone)),
      concurrency_(concurrency) {
    check(concurrency);
    link_followers();
    queue_.reserve(requests);
}

void RequestPlan::check(std::int64_t concurrency) const {
    constexpr auto kMost = static_cast<std::size_t>(Schedule::kMostTicks);
    require(size() >= 1 && size() <= kMost, "a load must have from 1 to " + std::to_string(kMost) + " requests",
            static_cast<std::int64_t>(size()));
    require(concurrency >= 0, "concurrency must be at least 1 client, or 0 for an open loop", concurrency);
    std::int64_t before = 0;
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string at = "[" + std::to_string(i) + "]";
        const std::int64_t offset = offsets_ns_[i];
        require(offset >= 0 && offset <= Schedule::kLongestNs,
                "offsets_ns" + at + " must be from 0 to " + std::to_string(Schedule::kLongestNs) + " nanoseconds",
                offset);
        require(after_[i] >= kNone && after_[i] < static_cast<std::int64_t>(i),
                "after" + at + " must be an earlier request, or -1 for none", after_[i]);
        if (concurrency > 0 || after_[i] != kNone) continue;
        require(offset >= before, "offsets_ns" + at + " must be at least the " + std::to_string(before) + " before it",
                offset);
        before = offset;
    }
}

// From the last to the first, so that a request's followers are in the order in which they were given.
void RequestPlan::link_followers() {
    first_follower_.assign(size(), kNone);
    next_follower_.assign(size(), kNone);
    for (std::size_t i = size(); i-- > 0;) {
        if (after_[i] == kNone) continue;
        const auto before = static_cast<std::size_t>(after_[i]);
        next_follower_[i] = first_follower_[before];
        first_follower_[before] = static_cast<std::int64_t>(i);
    }
}

void RequestPlan::begin(std::int64_t start_ns) noexcept {
    if (concurrency_ > 0) return plan_client(start_ns);
    for (std::size_t i = 0; i < size(); ++i) {
        if (after_[i] == kNone) plan(i, start_ns);
    }
}

void RequestPlan::plan(std::size_t request, std::int64_t from_ns) noexcept {
    queue_.push_back({from_ns + offsets_ns_[request], request});
    std::push_heap(queue_.begin(), queue_.end(), later);
    ++clients_;
}

void RequestPlan::plan_client(std::int64_t from_ns) noexcept {
    for (; clients_ < concurrency_ && next_root_ < size(); ++next_root_) {
        if (after_[next_root_] == kNone) plan(next_root_, from_ns);
    }
}

RequestPlan::Planned RequestPlan::take() noexcept {
    std::pop_heap(queue_.begin(), queue_.end(), later);
    const Planned next = queue_.back();
    queue_.pop_back();
    return next;
}

void RequestPlan::ended(std::size_t request, std::int64_t at_ns) noexcept {
    --clients_;
    for (std::int64_t i = first_follower_[request]; i != kNone; i = next_follower_[static_cast<std::size_t>(i)]) {
        plan(static_cast<std::size_t>(i), at_ns);
    }
    if (concurrency_ > 0) plan_client(at_ns);
}

}  // namespace inference_bench
