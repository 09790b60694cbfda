// What a scripted server answers, and when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace inference_bench {

// What happens to the connection after the last step.
enum class Ending : std::uint8_t {
    Keep,   // it waits for the next request
    Close,  // in the orderly way
    Reset,  // by a TCP reset
    Half,   // the server's half alone: the client may still send
};

struct Step {
    std::int64_t offset_ns;                    // after the whole request arrived
    std::shared_ptr<const std::string> bytes;  // as they go on the wire; empty: only time passes
};

struct Script {
    std::vector<Step> steps;  // offsets never decrease
    Ending ending = Ending::Keep;
};

// For requests that begin with `prefix`, such as "GET /v1/models".
struct Route {
    std::string prefix;
    std::shared_ptr<const Script> script;
};

// The first route that fits a request, or else the scripts in turn, from the start again after the last.
class Playbook {
  public:
    struct Choice {
        std::size_t index;  // of a script; routes are numbered after the scripts
        const Script* script;
    };

    // std::invalid_argument where there is no script, or an offset is negative or decreases.
    Playbook(std::vector<std::shared_ptr<const Script>> scripts, std::vector<Route> routes);

    [[nodiscard]] Choice choose(std::string_view request) noexcept;

  private:
    std::vector<std::shared_ptr<const Script>> scripts_;
    std::vector<Route> routes_;
    std::size_t next_ = 0;
};

}  // namespace inference_bench
