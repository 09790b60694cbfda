// Sends requests over kept-alive connections and receives the responses: the part of a load that touches sockets.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "http_connection.hpp"
#include "load_records.hpp"
#include "request_plan.hpp"

namespace inference_bench {

struct HttpLimits {
    static constexpr std::int64_t kMostConnections = 65'536;

    std::int64_t connections = 4096;                   // most that are open at once
    std::int64_t timeout_ns = 600'000'000'000;         // of a request, from its planned instant
    std::int64_t idle_timeout_ns = 0;                  // without a byte; 0: none
    std::int64_t most_bytes = std::int64_t{64} << 20;  // of one response

    void check() const;  // std::invalid_argument
};

// Connections, unordered. Each knows its place, so that any can be removed at once.
class ConnectionList {
  public:
    void reserve(std::size_t n) { items_.reserve(n); }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    void add(HttpConnection& connection) noexcept;
    void remove(HttpConnection& connection) noexcept;
    [[nodiscard]] HttpConnection& take() noexcept;  // the last one that was added, if none was removed since

  private:
    std::vector<HttpConnection*> items_;
};

// One thread at a time, but for sent().
class HttpClient {
  public:
    // Sockets join `epoll`, tagged for handle(). All that is given by reference must outlive the client.
    HttpClient(const HttpAddress& address, const std::vector<std::string>& requests, const HttpLimits& limits,
               RequestPlan& plan, LoadRecords& records, int epoll);  // std::bad_alloc

    void send_due();                        // all that is planned until now
    void handle(const epoll_event& event);  // what happened to a socket
    void end_overdue(std::int64_t now_ns);  // requests beyond their limits
    void end_all(std::int64_t now_ns);      // as interrupted or unsent; closes everything
    void close_all() noexcept;

    [[nodiscard]] std::int64_t next_limit_ns() const noexcept { return next_limit_ns_; }  // none ends before
    [[nodiscard]] bool under_way() const noexcept { return !waiting_.empty() || busy_ > 0; }
    [[nodiscard]] std::size_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }

  private:
    enum class Opened : std::uint8_t { Yes, No, Later };

    // ---- sending
    void serve_waiting();
    Opened open(std::size_t request);
    [[nodiscard]] Opened refuse(HttpConnection& connection, int error, std::size_t request);
    void begin(HttpConnection& connection, std::size_t request);
    void write(HttpConnection& connection);

    // ---- receiving
    void finish_connecting(HttpConnection& connection);
    void read_all(HttpConnection& connection, bool ended);
    void receive(HttpConnection& connection, const HttpConnection::Read& read);
    void lose(HttpConnection& connection, std::int64_t at_ns);

    // ---- ending
    void end(HttpConnection& connection, Outcome outcome, std::int64_t at_ns);
    void end_request(std::size_t request, Outcome outcome, std::int64_t at_ns, std::string_view head);
    void close(HttpConnection& connection) noexcept;
    [[nodiscard]] std::int64_t limit_ns(std::size_t request) const noexcept;
    [[nodiscard]] std::int64_t limit_ns(const HttpConnection& connection) const noexcept;
    void end_within(std::int64_t limit_ns) noexcept;

    const HttpAddress address_;
    const std::vector<std::string>& requests_;
    const HttpLimits limits_;
    RequestPlan& plan_;
    LoadRecords& records_;
    const int epoll_;

    const std::size_t slots_;
    const std::unique_ptr<HttpConnection[]> connections_;
    ConnectionList idle_;
    ConnectionList closed_;
    std::deque<std::size_t> waiting_;  // requests that are due and have no connection
    std::size_t open_ = 0;
    std::size_t busy_ = 0;  // requests on a connection, or on one that is being opened
    std::int64_t numbers_ = 0;
    std::int64_t next_limit_ns_ = RequestPlan::kNever;
    std::atomic<std::size_t> sent_{0};
    const std::unique_ptr<char[]> buffer_;
};

}  // namespace inference_bench
