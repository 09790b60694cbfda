#include "http_connection.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "clock.hpp"

namespace inference_bench {
namespace {

std::int64_t kernel_stamp(msghdr& message) noexcept {
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
        return static_cast<std::int64_t>(stamp.tv_sec) * 1'000'000'000 + stamp.tv_nsec;
    }
    return HttpConnection::kNone;
}

void set_option(int socket, int level, int option) noexcept {
    const int on = 1;
    setsockopt(socket, level, option, &on, sizeof on);  // without it, the connection still works
}

}  // namespace

HttpAddress::HttpAddress(const std::string& address, std::int64_t port) {
    if (port < 1 || port > 65535) {
        throw std::invalid_argument("port must be from 1 to 65535; given " + std::to_string(port));
    }
    const in_port_t network_port = htons(static_cast<std::uint16_t>(port));
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = network_port;
        size = sizeof *v4;
    } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = network_port;
        size = sizeof *v6;
    } else {
        throw std::invalid_argument("address must be an IPv4 or IPv6 address, not a name; given '" + address + "'");
    }
}

int HttpConnection::open(const HttpAddress& address, int epoll, std::uint64_t key) noexcept {
    const int made = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) return errno;
    socket_.store(made, std::memory_order_relaxed);
    set_option(made, IPPROTO_TCP, TCP_NODELAY);
    set_option(made, SOL_SOCKET, SO_TIMESTAMPNS);
    opened_ns = now_ns();
    if (connect(made, address.data(), address.size) != 0 && errno != EINPROGRESS) return errno;
    if (const int error = watch(epoll, EPOLL_CTL_ADD, key); error != 0) return error;
    state = State::Connecting;
    fresh = true;
    return 0;
}

int HttpConnection::watch(int epoll, int operation, std::uint64_t key) const noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = key;
    return epoll_ctl(epoll, operation, socket_, &event) == 0 ? 0 : errno;
}

int HttpConnection::connected() noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    if (error == 0) connect_ns = now_ns() - opened_ns;
    return error;
}

void HttpConnection::close() noexcept {
    const int open = socket_.exchange(-1, std::memory_order_relaxed);
    if (open >= 0) ::close(open);
    tls_.reset();
    sealed_.clear();
    request_bytes_ = {};
    sent_ = 0;
    state = State::Closed;
    request = kNoRequest;
}

void HttpConnection::secure(const TlsContext& context) {
    tls_ = std::make_unique<TlsSession>(context);
    state = State::Securing;
}

bool HttpConnection::begin_request(std::string_view bytes) {
    begun_ = false;
    if (tls_ != nullptr) return tls_->write(bytes.data(), bytes.size());
    request_bytes_ = bytes;
    sent_ = 0;
    return true;
}

int HttpConnection::send(std::int64_t& sent_ns, std::int64_t& written_ns) {
    if (!begun_) sent_ns = now_ns();
    const int error = send_own();
    if (error == 0 && all_sent()) last_byte_ns = written_ns = now_ns();
    return error;
}

int HttpConnection::send_own() {
    if (tls_ != nullptr) tls_->take_ciphertext(sealed_);
    while (!all_sent()) {
        const std::string_view left = outgoing();
        const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            sent_ += static_cast<std::size_t>(sent);
            begun_ = true;
        } else if (errno != EINTR) {
            return errno == EAGAIN ? 0 : errno;
        }
    }
    if (tls_ != nullptr) {
        sealed_.clear();
        sent_ = 0;
    }
    return 0;
}

HttpConnection::Read HttpConnection::read(char* buffer, std::size_t size) const noexcept {
    alignas(cmsghdr) char control[256];
    iovec into{buffer, size};
    msghdr message{};
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    for (;;) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t bytes = recvmsg(socket_, &message, 0);
        const std::int64_t read_ns = now_ns();
        if (bytes >= 0) return {bytes, 0, kernel_stamp(message), read_ns};
        if (errno != EINTR) return {bytes, errno, kNone, read_ns};
    }
}

}  // namespace inference_bench
