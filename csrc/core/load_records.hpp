// What a load of HTTP requests recorded: a row for each request and for each read, and the bytes of the responses.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "block_list.hpp"
#include "byte_arena.hpp"
#include "kernel_clock.hpp"
#include "table.hpp"

namespace inference_bench {

// How a request ended, in the order of outcome_labels().
enum class Outcome : std::uint8_t {
    Ok,           // a whole response, whatever its status
    Refused,      // no listener at the port
    Unreachable,  // no connection for another reason
    Timeout,      // not over in time, counted from the planned instant
    IdleTimeout,  // no byte came for too long
    Reset,        // the connection ended before the response did
    Malformed,    // no HTTP/1.1 response
    TooLarge,     // more bytes than allowed
    Interrupted,  // under way when the load was stopped
    Unsent,       // not sent when the load was stopped
    Tls,          // no secure connection
};

// A read that brought bytes of a body.
struct ChunkRow {
    std::int64_t request;
    std::int64_t kernel_ns;  // CLOCK_REALTIME, or KernelTimes::kNone
    std::int64_t read_ns;
    std::int64_t offset;
    std::int64_t length;
    const char* bytes;
    const ChunkRow* before;  // of the same request
};

// A time during which the thread did not run although it had reason to.
struct StallRow {
    std::int64_t began_ns;
    std::int64_t ended_ns;
};

// Written by the thread until `outcome` is set, and read by others only after that.
struct RequestRow {
    static constexpr std::int64_t kNone = -1;

    std::int64_t connection = kNone;
    std::int64_t planned_ns = kNone;
    std::int64_t sent_ns = kNone;
    std::int64_t written_ns = kNone;
    std::int64_t connect_ns = 0;
    std::int64_t tls_ns = 0;
    std::int64_t first_byte_kernel_ns = kNone;  // CLOCK_REALTIME
    std::int64_t first_byte_ns = kNone;
    std::int64_t ended_ns = kNone;
    std::int64_t body_bytes = 0;
    std::string_view head;
    const ChunkRow* last_chunk = nullptr;
    std::int32_t status = 0;
    bool resent = false;
    std::atomic<bool> over{false};
    Outcome outcome = Outcome::Unsent;
};

// One thread writes; any thread may ask for tables and bytes at any time.
class LoadRecords {
  public:
    explicit LoadRecords(std::size_t requests);  // std::bad_alloc

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // ---- the writer
    [[nodiscard]] RequestRow& row(std::size_t request) noexcept { return rows_[request]; }
    [[nodiscard]] ByteArena& bytes() noexcept { return bytes_; }
    // `bytes` are the arena's.
    void add_chunk(std::size_t request, std::int64_t kernel_ns, std::int64_t read_ns, std::string_view bytes);
    void add_stall(std::int64_t began_ns, std::int64_t ended_ns) { stalls_.append({began_ns, ended_ns}); }
    void end(std::size_t request, Outcome outcome, std::int64_t at_ns, std::string_view head);
    void make_room();  // when there is time

    // ---- any thread
    [[nodiscard]] std::size_t ended() const noexcept { return ended_.load(std::memory_order_acquire); }
    [[nodiscard]] bool over(std::size_t request) const noexcept {
        return rows_[request].over.load(std::memory_order_acquire);
    }
    // Of a request that is over.
    [[nodiscard]] std::string_view head(std::size_t request) const noexcept { return rows_[request].head; }
    [[nodiscard]] std::string body(std::size_t request) const;

    [[nodiscard]] Table requests(const KernelTimes& kernel) const;  // those that are over
    [[nodiscard]] Table chunks(const KernelTimes& kernel) const;
    [[nodiscard]] Table stalls() const;

  private:
    const std::size_t size_;
    const std::unique_ptr<RequestRow[]> rows_;
    std::atomic<std::size_t> ended_{0};
    BlockList<ChunkRow> chunks_;
    BlockList<StallRow, 256> stalls_;
    ByteArena bytes_;
};

}  // namespace inference_bench
