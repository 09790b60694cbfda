#include "script.hpp"

#include <stdexcept>
#include <utility>

namespace inference_bench {
namespace {

void check(const std::string& name, const Script& script) {
    std::int64_t before = 0;
    for (std::size_t i = 0; i < script.steps.size(); ++i) {
        const std::int64_t offset = script.steps[i].offset_ns;
        if (offset < before) {
            throw std::invalid_argument("offsets of a script must be 0 or more and never decrease; " + name + "[" +
                                        std::to_string(i) + "] is at " + std::to_string(offset) + " ns, after " +
                                        std::to_string(before));
        }
        before = offset;
    }
}

}  // namespace

Playbook::Playbook(std::vector<std::shared_ptr<const Script>> scripts, std::vector<Route> routes)
    : scripts_(std::move(scripts)), routes_(std::move(routes)) {
    if (scripts_.empty()) throw std::invalid_argument("a scripted server needs at least one script; none given");
    for (std::size_t i = 0; i < scripts_.size(); ++i) check("scripts[" + std::to_string(i) + "]", *scripts_[i]);
    for (const Route& route : routes_) check("routes['" + route.prefix + "']", *route.script);
}

Playbook::Choice Playbook::choose(std::string_view request) noexcept {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        const std::string& prefix = routes_[i].prefix;
        if (request.substr(0, prefix.size()) == prefix) return {scripts_.size() + i, routes_[i].script.get()};
    }
    const std::size_t index = next_++ % scripts_.size();
    return {index, scripts_[index].get()};
}

}  // namespace inference_bench
