#include "memory_phases.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "clock.hpp"

namespace inference_bench {
namespace {

void forget_end(MemoryPhase& readings) noexcept {
    readings.rss_end_bytes = kAbsent;
    readings.hwm_bytes = kAbsent;
    readings.cgroup_peak_bytes = kAbsent;
    readings.pss_bytes = kAbsent;
    readings.uss_bytes = kAbsent;
}

}  // namespace

std::uint16_t MemoryPhases::name_id(const std::string& name) {
    constexpr std::size_t kMostNames = std::numeric_limits<std::uint16_t>::max();
    if (const auto found = name_ids_.find(name); found != name_ids_.end()) return found->second;
    if (names_.size() > kMostNames) {
        throw std::runtime_error("a memory sampler has room for 65,535 different phase names; '" + name +
                                 "' is one more");
    }
    const auto id = static_cast<std::uint16_t>(names_.size());
    names_.push_back(name);
    name_ids_.emplace(name, id);
    return id;
}

MemoryPhases::Phase* MemoryPhases::open_phase() noexcept {
    return phases_.empty() || !phases_.back().open ? nullptr : &phases_.back();
}

void MemoryPhases::begin(const std::string& name, const ProcessProbes& probes) {
    Phase phase{};
    phase.name = name_id(name);
    end(probes);
    phase.open = true;
    phase.hwm_reset = reset_hwm_ && probes.reset_hwm();
    phase.resets = hwm_resets();
    phase.hwm_begin_bytes = probes.hwm_bytes();
    phase.readings.rss_begin_bytes = probes.rss_bytes();
    phase.begin_ticks = ticks();
    phases_.push_back(std::move(phase));
}

void MemoryPhases::end(const ProcessProbes& probes) noexcept {
    Phase* const phase = open_phase();
    if (phase == nullptr) return;
    phase->end_ticks = ticks();
    MemoryPhase& r = phase->readings;
    r.rss_end_bytes = probes.rss_bytes();
    r.hwm_bytes = probes.hwm_bytes();
    const bool mine = hwm_resets() == phase->resets;
    r.hwm_exact = mine && r.hwm_bytes >= 0 && (phase->hwm_reset || r.hwm_bytes > phase->hwm_begin_bytes);
    r.cgroup_peak_bytes = probes.cgroup_peak_bytes();
    SmapsRollup rollup{};
    const bool rolled_up = pss_ && probes.smaps_rollup(rollup);
    r.pss_bytes = rolled_up ? rollup.pss_bytes : kAbsent;
    r.uss_bytes = rolled_up ? rollup.uss_bytes : kAbsent;
    phase->open = false;
}

void MemoryPhases::end_unread() noexcept {
    Phase* const phase = open_phase();
    if (phase == nullptr) return;
    phase->open = false;
    phase->end_ticks = ticks();
    forget_end(phase->readings);
}

MemoryPhases::Rows MemoryPhases::rows_of(const Phase& phase, const SampleColumns& columns, std::size_t rows) noexcept {
    const std::uint64_t* const ticks = columns.ticks();
    const std::uint64_t* const first = std::lower_bound(ticks, ticks + rows, phase.begin_ticks);
    const std::uint64_t* const last =
        phase.open ? ticks + rows : std::lower_bound(first, ticks + rows, phase.end_ticks);
    return {static_cast<std::size_t>(first - ticks), static_cast<std::size_t>(last - ticks)};
}

MemoryPhase MemoryPhases::summary(const Phase& phase, const SampleColumns& columns, std::size_t rows) const {
    const Rows own = rows_of(phase, columns, rows);
    MemoryPhase out = phase.readings;
    if (phase.open) forget_end(out);
    out.name = names_[phase.name];
    out.begin_ns = ticks_to_ns(phase.begin_ticks);
    out.end_ns = phase.open ? kAbsent : ticks_to_ns(phase.end_ticks);
    out.samples = static_cast<std::int64_t>(own.end - own.begin);
    out.sampled_peak_bytes = std::max(out.rss_begin_bytes, out.rss_end_bytes);
    for (std::size_t row = own.begin; row < own.end; ++row) {
        out.sampled_peak_bytes = std::max(out.sampled_peak_bytes, columns.rss_bytes()[row]);
    }
    return out;
}

std::vector<MemoryPhase> MemoryPhases::summaries(const SampleColumns& columns, std::size_t rows) const {
    std::vector<MemoryPhase> out;
    out.reserve(phases_.size());
    for (const Phase& phase : phases_) out.push_back(summary(phase, columns, rows));
    return out;
}

void MemoryPhases::label(const SampleColumns& columns, std::size_t rows, std::uint16_t* out) const {
    for (const Phase& phase : phases_) {
        const Rows own = rows_of(phase, columns, rows);
        std::fill(out + own.begin, out + own.end, phase.name);
    }
}

}  // namespace inference_bench
