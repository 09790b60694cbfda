#include "span_matcher.hpp"

#include <algorithm>

namespace inference_bench {

std::vector<MatchedSpan> SpanMatcher::match(std::vector<SpanHalf> halves) {
    const std::size_t early = early_ends_.size();  // these lie first, and get no third chance
    halves.insert(halves.begin(), early_ends_.begin(), early_ends_.end());
    early_ends_.clear();

    // Indices, since a half's age must survive the sorting; stable, since a thread's own order settles equal times.
    std::vector<std::size_t> order(halves.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return halves[a].ns < halves[b].ns; });

    std::vector<MatchedSpan> matched;
    for (const std::size_t i : order) {
        const SpanHalf& half = halves[i];
        const Key key{half.name, half.id};
        if (!half.is_end) {
            unmatched_begins_ += open_.count(key);
            open_[key] = half;
            continue;
        }
        const auto begun = open_.find(key);
        // An end that was kept must not take a beginning that came after it.
        if (begun != open_.end() && (i >= early || begun->second.ns < half.ns)) {
            matched.push_back({begun->second, half.ns});
            open_.erase(begun);
        } else if (i < early) {
            ++unmatched_ends_;
        } else {
            early_ends_.push_back(half);
        }
    }
    if (open_.size() > max_open_) give_up_oldest();
    return matched;
}

void SpanMatcher::give_up_oldest() {
    const std::size_t excess = open_.size() - max_open_;
    std::vector<std::pair<std::int64_t, Key>> ages;
    ages.reserve(open_.size());
    for (const auto& [key, begin] : open_) ages.emplace_back(begin.ns, key);
    std::nth_element(ages.begin(), ages.begin() + static_cast<std::ptrdiff_t>(excess), ages.end());
    for (std::size_t i = 0; i < excess; ++i) open_.erase(ages[i].second);
    unmatched_begins_ += excess;
}

}  // namespace inference_bench
