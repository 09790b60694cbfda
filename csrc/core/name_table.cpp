#include "name_table.hpp"

#include <deque>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "fork_handlers.hpp"

namespace inference_bench {
namespace {

struct NameTable {
    std::mutex mutex;
    std::deque<std::string> names;  // a deque, since the map's keys look into its strings
    std::unordered_map<std::string_view, std::uint32_t> ids;
};

// Never destroyed: a thread may still intern while the process exits.
NameTable& table() {
    static NameTable* const the_table = [] {
        at_fork([] { table().mutex.lock(); }, [] { table().mutex.unlock(); }, [] { table().mutex.unlock(); });
        return new NameTable;
    }();
    return *the_table;
}

}  // namespace

std::uint32_t intern_name(std::string_view name) {
    NameTable& t = table();
    const std::lock_guard<std::mutex> lock(t.mutex);
    const auto known = t.ids.find(name);
    if (known != t.ids.end()) return known->second;
    if (t.names.size() >= kMaxNames) {
        throw std::length_error("there are " + std::to_string(kMaxNames) +
                                " names of spans already, which is the most; put what varies into the id or the value");
    }
    const auto id = static_cast<std::uint32_t>(t.names.size());
    t.names.emplace_back(name);
    t.ids.emplace(t.names.back(), id);
    return id;
}

std::size_t interned_count() {
    NameTable& t = table();
    const std::lock_guard<std::mutex> lock(t.mutex);
    return t.names.size();
}

std::vector<std::string> interned_names() {
    NameTable& t = table();
    const std::lock_guard<std::mutex> lock(t.mutex);
    return {t.names.begin(), t.names.end()};
}

}  // namespace inference_bench
