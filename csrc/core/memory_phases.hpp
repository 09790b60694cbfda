// The phases that marks cut a memory recording into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "probes.hpp"
#include "sample_columns.hpp"

namespace inference_bench {

// The time between two marks. Bytes are kAbsent where there is no reading.
struct MemoryPhase {
    std::string name;
    std::int64_t begin_ns;
    std::int64_t end_ns;  // kAbsent while it is open
    std::int64_t rss_begin_bytes;
    std::int64_t rss_end_bytes;
    std::int64_t samples;
    std::int64_t sampled_peak_bytes;  // the most that samples and edges saw; short peaks pass between samples
    std::int64_t hwm_bytes;           // the kernel's high-water mark at the end
    bool hwm_exact;                   // that mark was set within this phase: it is this phase's peak
    std::int64_t cgroup_peak_bytes;   // at the end, since the cgroup began
    std::int64_t pss_bytes;           // at the end
    std::int64_t uss_bytes;           // at the end
};

// Not synchronised: the sampler's lock guards it.
class MemoryPhases {
  public:
    // `reset_hwm` lowers the high-water mark as a phase begins; `pss` reads smaps_rollup as one ends.
    MemoryPhases(bool reset_hwm, bool pss) : reset_hwm_(reset_hwm), pss_(pss) {}

    // Ends the open phase and begins another. Throws std::runtime_error at the 65,536th different name.
    void begin(const std::string& name, const ProcessProbes& probes);
    // Does nothing if no phase is open.
    void end(const ProcessProbes& probes) noexcept;
    // Ends the open phase without readings: in the child of a fork the probes still look at the parent.
    void end_unread() noexcept;

    // The first name is "", for samples outside every phase.
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    // The first `rows` samples of `columns` are counted.
    [[nodiscard]] std::vector<MemoryPhase> summaries(const SampleColumns& columns, std::size_t rows) const;
    // Writes the index of its phase's name into names() for each of the first `rows` samples, which must be 0 before.
    void label(const SampleColumns& columns, std::size_t rows, std::uint16_t* out) const;

  private:
    struct Phase {
        std::uint16_t name;
        bool open;
        bool hwm_reset;
        std::uint64_t begin_ticks;
        std::uint64_t end_ticks;
        std::uint64_t resets;  // hwm_resets() as the phase began
        std::int64_t hwm_begin_bytes;
        MemoryPhase readings;
    };
    struct Rows {
        std::size_t begin;
        std::size_t end;
    };

    [[nodiscard]] Phase* open_phase() noexcept;
    std::uint16_t name_id(const std::string& name);
    [[nodiscard]] static Rows rows_of(const Phase& phase, const SampleColumns& columns, std::size_t rows) noexcept;
    [[nodiscard]] MemoryPhase summary(const Phase& phase, const SampleColumns& columns, std::size_t rows) const;

    const bool reset_hwm_;
    const bool pss_;
    std::vector<Phase> phases_;
    std::vector<std::string> names_{""};
    std::unordered_map<std::string, std::uint16_t> name_ids_;
};

}  // namespace inference_bench
