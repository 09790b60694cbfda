// How much a load of HTTP requests may take of time, connections and memory.
#pragma once

#include <cstdint>

namespace inference_bench {

struct HttpLimits {
    static constexpr std::int64_t kMostConnections = 65'536;

    std::int64_t connections = 4096;                   // most that are open at once
    std::int64_t timeout_ns = 600'000'000'000;         // of a request, from its planned instant
    std::int64_t idle_timeout_ns = 0;                  // without a byte; 0: none
    std::int64_t most_bytes = std::int64_t{64} << 20;  // of one response

    void check() const;  // std::invalid_argument
};

}  // namespace inference_bench
