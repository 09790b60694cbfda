// What a scripted server received and sent, and when: the truth that clients are compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "block_list.hpp"
#include "byte_arena.hpp"
#include "table.hpp"

namespace inference_bench {

// Written by the server's thread, read by any.
class ServerRecords {
  public:
    struct Received {
        std::int64_t script;
        std::int64_t connection;
        std::int64_t first_byte_ns;
        std::int64_t received_ns;
    };
    struct Sent {
        std::int64_t request;
        std::int64_t step;
        std::int64_t planned_ns;
        std::int64_t sent_ns;  // just before the kernel was given the step's last byte
        std::int64_t length;
    };

    // The number of the request. std::bad_alloc.
    std::int64_t received(const Received& request, std::string_view bytes);
    void sent(const Sent& step) { sent_.append(step); }
    // `complete`: the whole script was played; otherwise the client went away.
    void ended(std::int64_t request, std::int64_t ended_ns, bool complete);

    // Times on the scale of now_ns(); -1 where a request has not ended.
    [[nodiscard]] Table requests() const;
    [[nodiscard]] Table sends() const;
    [[nodiscard]] std::string request_bytes(std::size_t request) const;  // std::out_of_range
    [[nodiscard]] std::size_t request_count() const noexcept { return received_.size(); }

  private:
    struct Request {
        Received at;
        const char* bytes;
        std::size_t length;
    };
    struct Ended {
        std::int64_t request;
        std::int64_t ended_ns;
        bool complete;
    };

    ByteArena bytes_;
    BlockList<Request> received_;
    BlockList<Sent> sent_;
    BlockList<Ended> ended_;
};

}  // namespace inference_bench
