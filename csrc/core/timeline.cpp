#include "timeline.hpp"

namespace inference_bench {

TickRate TickRate::from(std::uint64_t ns, std::uint64_t ticks) noexcept {
    if (ticks == 0) return {1, 0};
    unsigned shift = 62;
    // mult must stay below 2^63 so that `adjusted` has room above it.
    while (shift > 0 && ((static_cast<uint128>(ns) << shift) / ticks) >> 63 != 0) --shift;
    return {static_cast<std::uint64_t>(((static_cast<uint128>(ns) << shift) + ticks / 2) / ticks), shift};
}

TickRate TickRate::adjusted(std::int64_t ppb) const noexcept {
    constexpr std::uint64_t kBillion = 1'000'000'000;
    const std::uint64_t size = static_cast<std::uint64_t>(ppb < 0 ? -ppb : ppb);
    const auto change = static_cast<std::uint64_t>(static_cast<uint128>(mult) * size / kBillion);
    return {ppb < 0 ? mult - change : mult + change, shift};
}

TickRate TickRate::with_shift(unsigned new_shift) const noexcept {
    if (new_shift >= shift) return {mult << (new_shift - shift), new_shift};
    return {mult >> (shift - new_shift), new_shift};
}

double TickRate::hertz() const noexcept {
    return 1e9 * static_cast<double>(std::uint64_t{1} << shift) / static_cast<double>(mult);
}

Timeline::Timeline() : segments_(new Segment[kCapacity]) {}

void Timeline::begin(std::uint64_t ticks, std::int64_t ns, TickRate rate) noexcept {
    shift_ = rate.shift;
    segments_[0] = {ticks, ns, rate.mult};
    count_.store(1, std::memory_order_release);
}

bool Timeline::append(std::uint64_t ticks, TickRate rate) noexcept {
    const std::size_t count = size();
    if (count == kCapacity || ticks <= segments_[count - 1].ticks) return false;
    // The old slope's value at the joint: continuous, hence monotone.
    segments_[count] = {ticks, convert(segments_[count - 1], ticks), rate.with_shift(shift_).mult};
    count_.store(count + 1, std::memory_order_release);
    return true;
}

std::size_t Timeline::find(std::uint64_t ticks, std::size_t count) const noexcept {
    // Nearly every question is about now, so the last two are tried before a search.
    const std::size_t last = count - 1;
    if (last == 0 || ticks >= segments_[last].ticks) return last;
    if (ticks >= segments_[last - 1].ticks) return last - 1;
    std::size_t low = 0, high = last - 1;  // the answer is in [low, high)
    while (high - low > 1) {
        const std::size_t middle = low + (high - low) / 2;
        if (segments_[middle].ticks <= ticks) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void Timeline::convert(const std::uint64_t* ticks, std::int64_t* ns, std::size_t n) const noexcept {
    // One count for the whole array: every element is converted by the same function.
    const std::size_t count = size();
    std::size_t at = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const bool inside = ticks[i] >= segments_[at].ticks && (at + 1 == count || ticks[i] < segments_[at + 1].ticks);
        if (!inside) at = find(ticks[i], count);
        ns[i] = convert(segments_[at], ticks[i]);
    }
}

}  // namespace inference_bench
