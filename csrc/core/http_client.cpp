#include "http_client.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "clock.hpp"
#include "schedule.hpp"

namespace inference_bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::uint32_t kHasEnded = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// A connection's place below, its number above: an event of an earlier connection at the same place is told apart.
constexpr int kPlaceBits = 16;

std::uint64_t tag_of(std::size_t place, std::int64_t number) noexcept {
    return (static_cast<std::uint64_t>(number) << kPlaceBits) | place;
}

bool expects_no_body(const std::string& request) noexcept { return request.compare(0, 5, "HEAD ") == 0; }

bool out_of_descriptors(int error) noexcept { return error == EMFILE || error == ENFILE; }

void require(bool good, const char* name, std::int64_t least, std::int64_t most, std::int64_t given) {
    if (good) return;
    throw std::invalid_argument(std::string(name) + " must be from " + std::to_string(least) + " to " +
                                std::to_string(most) + "; given " + std::to_string(given));
}

void check_range(const char* name, std::int64_t least, std::int64_t most, std::int64_t given) {
    require(given >= least && given <= most, name, least, most, given);
}

}  // namespace

void HttpLimits::check() const {
    check_range("connections", 1, kMostConnections, connections);
    check_range("timeout_ns", 1, Schedule::kLongestNs, timeout_ns);
    check_range("idle_timeout_ns", 0, Schedule::kLongestNs, idle_timeout_ns);
    check_range("most_bytes", 1, std::int64_t{1} << 40, most_bytes);
}

// ---- lists

void ConnectionList::add(HttpConnection& connection) noexcept {
    connection.list_position = items_.size();
    items_.push_back(&connection);
}

void ConnectionList::remove(HttpConnection& connection) noexcept {
    HttpConnection* const last = items_.back();
    items_[connection.list_position] = last;
    last->list_position = connection.list_position;
    items_.pop_back();
}

HttpConnection& ConnectionList::take() noexcept {
    HttpConnection* const last = items_.back();
    items_.pop_back();
    return *last;
}

// ---- the client

HttpClient::HttpClient(const HttpAddress& address, const std::vector<std::string>& requests, const HttpLimits& limits,
                       RequestPlan& plan, LoadRecords& records, int epoll)
    : address_(address),
      requests_(requests),
      limits_(limits),
      plan_(plan),
      records_(records),
      epoll_(epoll),
      slots_(std::min(static_cast<std::size_t>(limits.connections), requests.size())),
      connections_(new HttpConnection[slots_]),
      buffer_(new char[kReadBytes]()) {
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

HttpClient::Opened HttpClient::open(std::size_t request) {
    HttpConnection& connection = closed_.take();
    const auto place = static_cast<std::size_t>(&connection - connections_.get());
    connection.number = numbers_++;
    const int error = connection.open(address_, epoll_, tag_of(place, connection.number));
    if (error != 0) return refuse(connection, error, request);
    connection.request = request;
    ++open_;
    ++busy_;
    return Opened::Yes;
}

// Without descriptors, the request waits for a connection that is open, if there is one.
HttpClient::Opened HttpClient::refuse(HttpConnection& connection, int error, std::size_t request) {
    connection.close();
    closed_.add(connection);
    if (out_of_descriptors(error) && open_ > 0) return Opened::Later;
    end_request(request, error == ECONNREFUSED ? Outcome::Refused : Outcome::Unreachable, now_ns(), {});
    return Opened::No;
}

void HttpClient::begin(HttpConnection& connection, std::size_t request) {
    RequestRow& row = records_.row(request);
    row.connection = connection.number;
    row.connect_ns = connection.fresh ? connection.connect_ns : 0;
    row.written_ns = RequestRow::kNone;
    connection.state = HttpConnection::State::Busy;
    connection.request = request;
    connection.bytes_sent = 0;
    connection.response.begin(static_cast<std::size_t>(limits_.most_bytes), expects_no_body(requests_[request]));
    write(connection);
}

void HttpClient::write(HttpConnection& connection) {
    RequestRow& row = records_.row(connection.request);
    const std::string& bytes = requests_[connection.request];
    const bool first = connection.bytes_sent == 0 && !row.resent;
    const int error = connection.send(bytes, row.sent_ns, row.written_ns);
    if (first && connection.bytes_sent > 0) sent_.fetch_add(1, std::memory_order_relaxed);
    if (error != 0) return lose(connection, now_ns());
    if (connection.bytes_sent == bytes.size()) end_within(limit_ns(connection));
}

// ---- receiving

void HttpClient::handle(const epoll_event& event) {
    const std::uint64_t tag = event.data.u64;
    const auto place = static_cast<std::size_t>(tag & ((1U << kPlaceBits) - 1));
    HttpConnection& connection = connections_[place];
    if (connection.state == HttpConnection::State::Closed || tag != tag_of(place, connection.number)) return;
    const bool writable = (event.events & EPOLLOUT) != 0;
    const bool ended = (event.events & kHasEnded) != 0;
    const std::size_t request = connection.request;
    if (connection.state == HttpConnection::State::Connecting) {
        if (writable || ended) finish_connecting(connection);
    } else if (writable && connection.state == HttpConnection::State::Busy &&
               connection.bytes_sent < requests_[request].size()) {
        write(connection);
    }
    const bool readable = ended || (event.events & EPOLLIN) != 0;
    if (readable && tag == tag_of(place, connection.number)) read_all(connection, ended);
}

void HttpClient::finish_connecting(HttpConnection& connection) {
    const int error = connection.connected();
    if (error == 0) return begin(connection, connection.request);
    end(connection, error == ECONNREFUSED ? Outcome::Refused : Outcome::Unreachable, now_ns());
}

// Until nothing is left, which a short read shows as well, unless the server has ended its side.
void HttpClient::read_all(HttpConnection& connection, bool ended) {
    while (connection.state == HttpConnection::State::Busy || connection.state == HttpConnection::State::Idle) {
        const HttpConnection::Read read = connection.read(buffer_.get(), kReadBytes);
        if (read.bytes < 0 && read.error == EAGAIN) return;
        if (read.bytes <= 0) return lose(connection, read.read_ns);
        receive(connection, read);
        if (!ended && static_cast<std::size_t>(read.bytes) < kReadBytes) return;
    }
}

void HttpClient::receive(HttpConnection& connection, const HttpConnection::Read& read) {
    if (connection.state == HttpConnection::State::Idle) return close(connection);  // nobody asked for it
    RequestRow& row = records_.row(connection.request);
    if (row.first_byte_ns == RequestRow::kNone) {
        row.first_byte_ns = read.read_ns;
        row.first_byte_kernel_ns = read.kernel_ns;
    }
    connection.last_byte_ns = read.read_ns;
    const auto size = static_cast<std::size_t>(read.bytes);
    char* const body = records_.bytes().reserve(size);
    const HttpResponse::Fed fed = connection.response.feed(buffer_.get(), size, body);
    if (fed.body_bytes > 0) {
        records_.bytes().keep(fed.body_bytes);
        records_.add_chunk(connection.request, read.kernel_ns, read.read_ns, {body, fed.body_bytes});
    }
    switch (connection.response.progress()) {
        case HttpResponse::Progress::Unfinished:
            return;
        case HttpResponse::Progress::Complete:
            end(connection, Outcome::Ok, read.read_ns);
            // What follows the response belongs to no request.
            if (fed.taken < size && connection.state == HttpConnection::State::Idle) close(connection);
            return;
        case HttpResponse::Progress::Malformed:
            return end(connection, Outcome::Malformed, read.read_ns);
        case HttpResponse::Progress::TooLarge:
            return end(connection, Outcome::TooLarge, read.read_ns);
    }
}

// The connection has ended. A server may close a kept-alive connection just when a request goes out; that request has
// not been answered and goes out once more.
void HttpClient::lose(HttpConnection& connection, std::int64_t at_ns) {
    if (connection.state == HttpConnection::State::Idle) return close(connection);
    connection.response.end_of_connection();
    if (connection.response.progress() == HttpResponse::Progress::Complete) {
        return end(connection, Outcome::Ok, at_ns);
    }
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
    const bool reusable =
        outcome == Outcome::Ok && response.reusable() && connection.bytes_sent == requests_[request].size();
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
    const bool written = connection.state == HttpConnection::State::Busy &&
                         connection.bytes_sent == requests_[connection.request].size();
    if (!written || limits_.idle_timeout_ns == 0) return limit;
    return std::min(limit, connection.last_byte_ns + limits_.idle_timeout_ns);
}

void HttpClient::end_within(std::int64_t limit_ns) noexcept { next_limit_ns_ = std::min(next_limit_ns_, limit_ns); }

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
    close_all();
}

void HttpClient::close_all() noexcept {
    for (std::size_t i = 0; i < slots_; ++i) connections_[i].close();
}

}  // namespace inference_bench
