#include "probes.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

#include "fork_handlers.hpp"

namespace inference_bench {
namespace procfs {
namespace {

std::string_view next_line(std::string_view& text) noexcept {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

std::string_view next_word(std::string_view& text, char separator) noexcept {
    const std::size_t end = text.find(separator);
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

bool has_word(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        if (next_word(list, ',') == word) return true;
    }
    return false;
}

// The group's folder below a mount. A container may mount only its own part of the tree: `root` is what it left out.
std::string below(std::string_view mount_point, std::string_view root, std::string_view group) {
    if (root == "/") root = "";
    if (group.substr(0, root.size()) != root) return "";  // the mount shows another part of the tree
    group.remove_prefix(root.size());
    std::string folder(mount_point);
    if (group != "/") folder += group;
    return folder;
}

}  // namespace

std::int64_t first_number(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
    const std::size_t begin = i;
    std::int64_t value = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) value = value * 10 + (text[i] - '0');
    return i == begin ? kAbsent : value;
}

std::int64_t resident_pages(std::string_view statm) noexcept {
    next_word(statm, ' ');
    return first_number(statm);
}

std::int64_t kib_field(std::string_view text, std::string_view key) noexcept {
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (line.substr(0, key.size()) != key) continue;
        line.remove_prefix(key.size());
        return first_number(line);
    }
    return kAbsent;
}

CgroupFiles memory_cgroup_files(std::string_view cgroup, std::string_view mountinfo) {
    std::string_view v1_group, v2_group;
    while (!cgroup.empty()) {
        std::string_view line = next_line(cgroup);  // "4:memory:/path", and for v2 "0::/path"
        const std::string_view id = next_word(line, ':');
        const std::string_view controllers = next_word(line, ':');
        if (has_word(controllers, "memory")) v1_group = line;
        if (id == "0" && controllers.empty()) v2_group = line;
    }
    std::string v1, v2;
    while (!mountinfo.empty()) {
        // "35 31 0:32 <root> <mount point> rw,relatime <optional fields> - <type> <source> <super options>"
        std::string_view line = next_line(mountinfo);
        for (int i = 0; i < 3; ++i) next_word(line, ' ');
        const std::string_view root = next_word(line, ' ');
        const std::string_view mount_point = next_word(line, ' ');
        const std::size_t dash = line.find(" - ");
        if (dash == std::string_view::npos) continue;
        line.remove_prefix(dash + 3);
        const std::string_view type = next_word(line, ' ');
        next_word(line, ' ');
        if (type == "cgroup" && has_word(line, "memory") && !v1_group.empty()) v1 = below(mount_point, root, v1_group);
        if (type == "cgroup2" && !v2_group.empty()) v2 = below(mount_point, root, v2_group);
    }
    if (!v1.empty()) return {v1 + "/memory.usage_in_bytes", v1 + "/memory.max_usage_in_bytes"};
    if (!v2.empty()) return {v2 + "/memory.current", v2 + "/memory.peak"};
    return {};
}

}  // namespace procfs

namespace {

constexpr std::int64_t kKib = 1024;

std::atomic<std::uint64_t> resets{0};

std::string whole_file(const char* path) {
    std::string text;
    const KernelFile file(path);
    std::array<char, 4096> block;
    for (;;) {
        const ssize_t n = pread(file.fd(), block.data(), block.size(), static_cast<off_t>(text.size()));
        if (n <= 0) return text;
        text.append(block.data(), static_cast<std::size_t>(n));
    }
}

std::int64_t number_in(const KernelFile& file) noexcept {
    std::array<char, 32> buffer;
    return procfs::first_number(file.read(buffer));
}

std::int64_t bytes(std::int64_t count, std::int64_t unit) noexcept { return count < 0 ? kAbsent : count * unit; }

}  // namespace

ProcessProbes::ProcessProbes()
    : statm_("/proc/self/statm"),
      status_("/proc/self/status"),
      smaps_rollup_("/proc/self/smaps_rollup"),
      clear_refs_("/proc/self/clear_refs", O_WRONLY) {
    const procfs::CgroupFiles files =
        procfs::memory_cgroup_files(whole_file("/proc/self/cgroup"), whole_file("/proc/self/mountinfo"));
    if (files.usage.empty()) return;
    cgroup_usage_ = KernelFile(files.usage.c_str());
    cgroup_peak_ = KernelFile(files.peak.c_str());
}

std::int64_t ProcessProbes::rss_bytes() const noexcept {
    static const std::int64_t page_size = sysconf(_SC_PAGESIZE);
    std::array<char, 128> buffer;
    return bytes(procfs::resident_pages(statm_.read(buffer)), page_size);
}

std::int64_t ProcessProbes::hwm_bytes() const noexcept {
    std::array<char, 2048> buffer;  // the Vm lines stand within the first 600 bytes
    return bytes(procfs::kib_field(status_.read(buffer), "VmHWM:"), kKib);
}

std::int64_t ProcessProbes::cgroup_bytes() const noexcept { return number_in(cgroup_usage_); }
std::int64_t ProcessProbes::cgroup_peak_bytes() const noexcept { return number_in(cgroup_peak_); }

bool ProcessProbes::smaps_rollup(SmapsRollup& out) const noexcept {
    std::array<char, 2048> buffer;
    const std::string_view text = smaps_rollup_.read(buffer);
    const std::int64_t clean = procfs::kib_field(text, "Private_Clean:");
    const std::int64_t dirty = procfs::kib_field(text, "Private_Dirty:");
    if (clean < 0 || dirty < 0) return false;
    out.rss_bytes = bytes(procfs::kib_field(text, "Rss:"), kKib);
    out.pss_bytes = bytes(procfs::kib_field(text, "Pss:"), kKib);
    out.uss_bytes = (clean + dirty) * kKib;
    out.swap_bytes = bytes(procfs::kib_field(text, "Swap:"), kKib);
    return true;
}

bool ProcessProbes::reset_hwm() const noexcept {
    if (pwrite(clear_refs_.fd(), "5", 1, 0) != 1) return false;
    resets.fetch_add(1, std::memory_order_relaxed);
    return true;
}

std::int64_t max_rss_bytes() noexcept {
    rusage usage{};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? bytes(usage.ru_maxrss, kKib) : kAbsent;
}

std::uint64_t hwm_resets() noexcept { return resets.load(std::memory_order_relaxed); }

namespace {

std::atomic<const ProcessProbes*> shared{nullptr};

void forget_after_fork() { delete shared.exchange(nullptr, std::memory_order_relaxed); }

}  // namespace

const ProcessProbes& process_probes() {
    const ProcessProbes* probes = shared.load(std::memory_order_acquire);
    if (probes != nullptr) return *probes;
    static std::once_flag once;
    std::call_once(once, [] { at_fork(nullptr, nullptr, forget_after_fork); });
    const auto* const fresh = new ProcessProbes;
    if (shared.compare_exchange_strong(probes, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;  // another thread was first
    return *probes;
}

}  // namespace inference_bench
