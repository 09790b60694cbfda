// Sends requests over kept-alive connections and receives the responses: the part of a load that touches sockets.
#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection_list.hpp"
#include "http_connection.hpp"
#include "http_limits.hpp"
#include "load_records.hpp"
#include "request_plan.hpp"

namespace inference_bench {

// One thread at a time, but for sent() and tls_error().
class HttpClient {
  public:
    // Sockets join `epoll`, and what it says of them goes to handle(). All that is given by reference must outlive the
    // client. `tls`: null for plain HTTP. std::bad_alloc.
    HttpClient(const HttpAddress& address, const TlsContext* tls, const std::vector<std::string>& requests,
               const HttpLimits& limits, RequestPlan& plan, LoadRecords& records, int epoll);

    void send_due();                        // all that is planned until now
    void handle(const epoll_event& event);  // what happened to a socket
    void end_overdue(std::int64_t now_ns);  // requests beyond their limits
    void end_all(std::int64_t now_ns);      // as interrupted or unsent; closes everything

    [[nodiscard]] std::int64_t next_limit_ns() const noexcept { return next_limit_ns_; }  // none ends before
    [[nodiscard]] bool under_way() const noexcept { return !waiting_.empty() || busy_ > 0; }
    // Why the first handshake that failed did; empty: none. From any thread.
    [[nodiscard]] std::string tls_error() const { return tls_failed_ ? tls_error_ : std::string(); }
    [[nodiscard]] std::size_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }

  private:
    enum class Opened : std::uint8_t { Yes, No, Later };

    // ---- sending
    void serve_waiting();
    [[nodiscard]] std::uint64_t key_of(const HttpConnection& connection) const noexcept;
    Opened open(std::size_t request);
    [[nodiscard]] Opened refuse(HttpConnection& connection, int error, std::size_t request);
    void begin(HttpConnection& connection, std::size_t request);
    void write(HttpConnection& connection);
    void answered_or_lost(HttpConnection& connection);
    void flush(HttpConnection& connection);

    // ---- receiving
    void finish_connecting(HttpConnection& connection);
    void continue_handshake(HttpConnection& connection);
    void fail_handshake(HttpConnection& connection, const std::string& reason);
    void read_all(HttpConnection& connection, bool ended);
    void receive_sealed(HttpConnection& connection, const HttpConnection::Read& read);
    void receive(HttpConnection& connection, const HttpConnection::Read& read, std::string_view bytes);
    void end_of_stream(HttpConnection& connection, std::int64_t at_ns);
    void lose(HttpConnection& connection, std::int64_t at_ns);

    // ---- ending
    void end(HttpConnection& connection, Outcome outcome, std::int64_t at_ns);
    void end_request(std::size_t request, Outcome outcome, std::int64_t at_ns, std::string_view head);
    void close(HttpConnection& connection) noexcept;
    [[nodiscard]] std::int64_t limit_ns(std::size_t request) const noexcept;
    [[nodiscard]] std::int64_t limit_ns(const HttpConnection& connection) const noexcept;
    void end_within(std::int64_t limit_ns) noexcept { next_limit_ns_ = std::min(next_limit_ns_, limit_ns); }

    const HttpAddress address_;
    const TlsContext* const tls_;
    const std::vector<std::string>& requests_;
    const HttpLimits limits_;
    RequestPlan& plan_;
    LoadRecords& records_;
    int epoll_;

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
    const std::unique_ptr<char[]> opened_;  // what was read, without TLS
    std::string tls_error_;
    std::atomic<bool> tls_failed_{false};
};

}  // namespace inference_bench
