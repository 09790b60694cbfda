#include "http_client.hpp"

#include <algorithm>
#include <cerrno>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kOpenedBytes = kReadBytes + 16 * 1024;  // with a TLS record that earlier reads began
constexpr int kReadsInARow = 16;                              // of one connection
constexpr std::uint32_t kHasEnded = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// A connection's place below, its number above: an event of an earlier connection at the same place is told apart.
constexpr int kPlaceBits = 16;

bool expects_no_body(const std::string& request) noexcept { return request.compare(0, 5, "HEAD ") == 0; }

Outcome outcome_of_connect(int error) noexcept {
    if (error == ECONNREFUSED) return Outcome::Refused;
    return error == ECONNRESET ? Outcome::Reset : Outcome::Unreachable;
}

Outcome outcome_of(HttpResponse::Progress progress) noexcept {
    if (progress == HttpResponse::Progress::Malformed) return Outcome::Malformed;
    return progress == HttpResponse::Progress::TooLarge ? Outcome::TooLarge : Outcome::Ok;
}

}  // namespace

HttpClient::HttpClient(const HttpAddress& address, const TlsContext* tls, const std::vector<std::string>& requests,
                       const HttpLimits& limits, RequestPlan& plan, LoadRecords& records, int epoll)
    : address_(address),
      tls_(tls),
      requests_(requests),
      limits_(limits),
      plan_(plan),
      records_(records),
      epoll_(epoll),
      slots_(std::min(static_cast<std::size_t>(limits.connections), requests.size())),
      connections_(new HttpConnection[slots_]),
      buffer_(new char[kReadBytes]()),
      opened_(new char[tls != nullptr ? kOpenedBytes : 0]()) {
    idle_.reserve(slots_);
    closed_.reserve(slots_);
    for (std::size_t i = slots_; i-- > 0;) closed_.add(connections_[i]);
}

// ---- sending

void HttpClient::send_due() {
    while (plan_.next_ns() <= now_ns()) {
        const RequestPlan::Planned planned = plan_.take();
        records_.row(planned.request).planned_ns = planned.due_ns;
        end_within(limit_ns(planned.request));
        waiting_.push_back(planned.request);
        serve_waiting();
    }
    serve_waiting();
}

void HttpClient::serve_waiting() {
    while (!waiting_.empty()) {
        const std::size_t request = waiting_.front();
        if (!idle_.empty()) {
            waiting_.pop_front();
            ++busy_;
            begin(idle_.take(), request);
            continue;
        }
        if (closed_.empty() || open(request) == Opened::Later) return;
        waiting_.pop_front();
    }
}

std::uint64_t HttpClient::key_of(const HttpConnection& connection) const noexcept {
    const auto place = static_cast<std::uint64_t>(&connection - connections_.get());
    return (static_cast<std::uint64_t>(connection.number) << kPlaceBits) | place;
}

HttpClient::Opened HttpClient::open(std::size_t request) {
    HttpConnection& connection = closed_.take();
    connection.number = numbers_;
    const int error = connection.open(address_, epoll_, key_of(connection));
    if (error != 0) return refuse(connection, error, request);
    connection.request = request;
    ++numbers_;
    ++open_;
    ++busy_;
    return Opened::Yes;
}

// Without descriptors, the request waits for a connection that is open, if there is one.
HttpClient::Opened HttpClient::refuse(HttpConnection& connection, int error, std::size_t request) {
    connection.close();
    closed_.add(connection);
    if ((error == EMFILE || error == ENFILE) && open_ > 0) return Opened::Later;
    end_request(request, outcome_of_connect(error), now_ns(), {});
    return Opened::No;
}

void HttpClient::begin(HttpConnection& connection, std::size_t request) {
    RequestRow& row = records_.row(request);
    row.connection = connection.number;
    row.connect_ns = connection.fresh ? connection.connect_ns : 0;
    row.tls_ns = connection.fresh ? connection.tls_ns : 0;
    row.written_ns = RequestRow::kNone;
    connection.state = HttpConnection::State::Busy;
    connection.request = request;
    connection.response.begin(static_cast<std::size_t>(limits_.most_bytes), expects_no_body(requests_[request]));
    if (!connection.begin_request(requests_[request])) return lose(connection, now_ns());
    write(connection);
}

void HttpClient::write(HttpConnection& connection) {
    RequestRow& row = records_.row(connection.request);
    const bool first = !connection.begun() && !row.resent;
    const int error = connection.send(row.sent_ns, row.written_ns);
    if (first && connection.begun()) sent_.fetch_add(1, std::memory_order_relaxed);
    if (error != 0) return answered_or_lost(connection);
    if (connection.all_sent()) end_within(limit_ns(connection));
}

// The server may have answered before it ended the connection.
void HttpClient::answered_or_lost(HttpConnection& connection) {
    const std::int64_t number = connection.number;
    read_all(connection, true);
    if (connection.number == number && connection.state == HttpConnection::State::Busy) lose(connection, now_ns());
}

// ---- receiving

void HttpClient::handle(const epoll_event& event) {
    const std::uint64_t key = event.data.u64;
    HttpConnection& connection = connections_[key & ((1U << kPlaceBits) - 1)];
    if (connection.state == HttpConnection::State::Closed || key != key_of(connection)) return;
    const bool writable = (event.events & EPOLLOUT) != 0;
    const bool ended = (event.events & kHasEnded) != 0;
    if (connection.state == HttpConnection::State::Connecting) {
        if (writable || ended) finish_connecting(connection);
    } else if (writable && !connection.all_sent()) {
        connection.state == HttpConnection::State::Busy ? write(connection) : flush(connection);
    }
    const bool readable = ended || (event.events & EPOLLIN) != 0;
    if (readable && connection.readable() && key == key_of(connection)) read_all(connection, ended);
}

void HttpClient::finish_connecting(HttpConnection& connection) {
    const int error = connection.connected();
    if (error != 0) return end(connection, outcome_of_connect(error), now_ns());
    if (tls_ == nullptr) return begin(connection, connection.request);
    connection.secure(*tls_);
    continue_handshake(connection);
}

void HttpClient::continue_handshake(HttpConnection& connection) {
    const TlsSession::Handshake handshake = connection.tls()->shake_hands();
    const std::string reason = handshake == TlsSession::Handshake::Failed ? connection.tls()->reason() : "";
    if (connection.send_own() != 0 || handshake == TlsSession::Handshake::Failed) {
        return fail_handshake(connection, reason);
    }
    if (handshake == TlsSession::Handshake::Pending) return;
    connection.tls_ns = now_ns() - connection.opened_ns - connection.connect_ns;
    begin(connection, connection.request);
}

void HttpClient::fail_handshake(HttpConnection& connection, const std::string& reason) {
    if (!tls_failed_) {
        tls_error_ = reason.empty() ? "the server ended the connection during the handshake" : reason;
        tls_failed_ = true;
    }
    end(connection, Outcome::Tls, now_ns());
}

// Until nothing is left, which a short read shows as well, unless the server has ended its side. A server that sends
// faster than it is read must not keep the others waiting: what is left after some reads comes with the next turn.
void HttpClient::read_all(HttpConnection& connection, bool ended) {
    const std::int64_t number = connection.number;
    for (int reads = 0; reads < kReadsInARow; ++reads) {
        const HttpConnection::Read read = connection.read(buffer_.get(), kReadBytes);
        if (read.bytes < 0 && read.error == EAGAIN) return;
        if (read.bytes < 0) return lose(connection, read.read_ns);
        if (read.bytes == 0) return end_of_stream(connection, read.read_ns);
        if (connection.tls() != nullptr) {
            receive_sealed(connection, read);
        } else {
            receive(connection, read, {buffer_.get(), static_cast<std::size_t>(read.bytes)});
        }
        if (!connection.readable() || connection.number != number) return;
        if (!ended && static_cast<std::size_t>(read.bytes) < kReadBytes) return;
    }
    connection.watch(epoll_, EPOLL_CTL_MOD, key_of(connection));
}

// TLS's own messages bring nothing to receive(), and may have to be answered.
void HttpClient::receive_sealed(HttpConnection& connection, const HttpConnection::Read& read) {
    TlsSession& tls = *connection.tls();
    tls.receive(buffer_.get(), static_cast<std::size_t>(read.bytes));
    if (connection.state == HttpConnection::State::Securing) return continue_handshake(connection);
    std::size_t opened = 0;
    TlsSession::Readable readable = TlsSession::Readable::Some;
    while (readable == TlsSession::Readable::Some && opened < kOpenedBytes) {
        std::size_t bytes = 0;
        readable = tls.read(opened_.get() + opened, kOpenedBytes - opened, bytes);
        opened += bytes;
    }
    const std::int64_t number = connection.number;
    flush(connection);
    if (opened > 0 && connection.number == number && connection.readable()) {
        receive(connection, read, {opened_.get(), opened});
    }
    if (connection.number != number || !connection.readable()) return;
    if (readable == TlsSession::Readable::Ended) end_of_stream(connection, read.read_ns);
    if (readable == TlsSession::Readable::Failed) lose(connection, read.read_ns);
}

// What TLS has to say by itself.
void HttpClient::flush(HttpConnection& connection) {
    if (connection.send_own() != 0) lose(connection, now_ns());
}

void HttpClient::receive(HttpConnection& connection, const HttpConnection::Read& read, std::string_view bytes) {
    // No request is under way on an idle connection, so these bytes answer none.
    if (connection.state == HttpConnection::State::Idle) return close(connection);
    RequestRow& row = records_.row(connection.request);
    if (row.first_byte_ns == RequestRow::kNone) {
        row.first_byte_ns = read.read_ns;
        row.first_byte_kernel_ns = read.kernel_ns;
    }
    connection.last_byte_ns = read.read_ns;
    char* const body = records_.bytes().reserve(bytes.size());
    const HttpResponse::Fed fed = connection.response.feed(bytes.data(), bytes.size(), body);
    if (fed.body_bytes > 0) {
        records_.bytes().keep(fed.body_bytes);
        records_.add_chunk(connection.request, read.kernel_ns, read.read_ns, {body, fed.body_bytes});
    }
    const HttpResponse::Progress progress = connection.response.progress();
    if (progress == HttpResponse::Progress::Unfinished) return;
    end(connection, outcome_of(progress), read.read_ns);
    // What follows the response belongs to no request.
    if (fed.taken < bytes.size() && connection.state == HttpConnection::State::Idle) close(connection);
}

// The server will send nothing more, which ends a body without a length.
void HttpClient::end_of_stream(HttpConnection& connection, std::int64_t at_ns) {
    connection.response.end_of_connection();
    const bool whole = connection.response.progress() == HttpResponse::Progress::Complete;
    if (whole && connection.state == HttpConnection::State::Busy) return end(connection, Outcome::Ok, at_ns);
    lose(connection, at_ns);
}

// The connection is of no more use. A server may close a kept-alive connection just when a request goes out; that
// request has not been answered and goes out once more.
void HttpClient::lose(HttpConnection& connection, std::int64_t at_ns) {
    if (connection.state == HttpConnection::State::Idle) return close(connection);
    if (connection.state == HttpConnection::State::Securing) return fail_handshake(connection, "");
    const std::size_t request = connection.request;
    RequestRow& row = records_.row(request);
    if (connection.fresh || row.resent || row.first_byte_ns != RequestRow::kNone) {
        return end(connection, Outcome::Reset, at_ns);
    }
    row.resent = true;
    close(connection);
    --busy_;
    if (open(request) == Opened::Later) waiting_.push_front(request);
}

// ---- ending

void HttpClient::end(HttpConnection& connection, Outcome outcome, std::int64_t at_ns) {
    const std::size_t request = connection.request;
    const HttpResponse& response = connection.response;
    const bool reusable = outcome == Outcome::Ok && response.reusable() && connection.all_sent();
    --busy_;
    if (connection.state == HttpConnection::State::Busy) {
        records_.row(request).status = response.status();
        end_request(request, outcome, at_ns, response.head());
    } else {
        end_request(request, outcome, at_ns, {});
    }
    if (!reusable) return close(connection);
    connection.state = HttpConnection::State::Idle;
    connection.fresh = false;
    connection.request = HttpConnection::kNoRequest;
    idle_.add(connection);
}

void HttpClient::end_request(std::size_t request, Outcome outcome, std::int64_t at_ns, std::string_view head) {
    records_.end(request, outcome, at_ns, head);
    plan_.ended(request, at_ns);
}

void HttpClient::close(HttpConnection& connection) noexcept {
    if (connection.state == HttpConnection::State::Idle) idle_.remove(connection);
    connection.close();
    closed_.add(connection);
    --open_;
}

std::int64_t HttpClient::limit_ns(std::size_t request) const noexcept {
    return records_.row(request).planned_ns + limits_.timeout_ns;
}

std::int64_t HttpClient::limit_ns(const HttpConnection& connection) const noexcept {
    const std::int64_t limit = limit_ns(connection.request);
    const bool written = connection.state == HttpConnection::State::Busy && connection.all_sent();
    if (!written || limits_.idle_timeout_ns == 0) return limit;
    return std::min(limit, connection.last_byte_ns + limits_.idle_timeout_ns);
}

void HttpClient::end_overdue(std::int64_t now_ns) {
    if (now_ns < next_limit_ns_) return;
    next_limit_ns_ = RequestPlan::kNever;
    for (std::size_t i = 0; i < slots_; ++i) {
        HttpConnection& connection = connections_[i];
        if (connection.request == HttpConnection::kNoRequest) continue;
        const std::int64_t limit = limit_ns(connection);
        if (now_ns < limit) {
            end_within(limit);
        } else {
            end(connection, now_ns < limit_ns(connection.request) ? Outcome::IdleTimeout : Outcome::Timeout, now_ns);
        }
    }
    const auto overdue = [&](std::size_t request) {
        const std::int64_t limit = limit_ns(request);
        if (now_ns < limit) {
            end_within(limit);
            return false;
        }
        end_request(request, Outcome::Timeout, now_ns, {});
        return true;
    };
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), overdue), waiting_.end());
}

void HttpClient::end_all(std::int64_t now_ns) {
    for (std::size_t i = 0; i < slots_; ++i) {
        HttpConnection& connection = connections_[i];
        if (connection.request == HttpConnection::kNoRequest) continue;
        const bool sent = records_.row(connection.request).sent_ns != RequestRow::kNone;
        end(connection, sent ? Outcome::Interrupted : Outcome::Unsent, now_ns);
    }
    for (std::size_t i = 0; i < records_.size(); ++i) {
        if (!records_.over(i)) records_.end(i, Outcome::Unsent, now_ns, {});
    }
    for (std::size_t i = 0; i < slots_; ++i) connections_[i].close();
}

}  // namespace inference_bench
