// One TCP connection to an HTTP server: opened without blocking, carrying one request at a time.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http_response.hpp"
#include "tls.hpp"

namespace inference_bench {

// An IPv4 or IPv6 address and a port.
struct HttpAddress {
    // Throws std::invalid_argument for a name, or a port outside of 1 to 65535.
    HttpAddress(const std::string& address, std::int64_t port);

    [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }

    sockaddr_storage storage{};
    socklen_t size = 0;
};

// Written by one thread. The descriptor alone may be closed by another: in the child of a fork.
class HttpConnection {
  public:
    static constexpr std::size_t kNoRequest = SIZE_MAX;
    static constexpr std::int64_t kNone = -1;

    enum class State : std::uint8_t { Closed, Connecting, Securing, Idle, Busy };

    struct Read {
        ssize_t bytes;           // 0: the server ended its side; -1: see `error`
        int error;               // EAGAIN: nothing more at present
        std::int64_t kernel_ns;  // when the kernel received the last of it, by CLOCK_REALTIME, or kNone
        std::int64_t read_ns;
    };

    HttpConnection() = default;
    ~HttpConnection() { close(); }
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    // Begins to connect: 0, or an errno. Its events are edge-triggered and come with `key`.
    [[nodiscard]] int open(const HttpAddress& address, int epoll, std::uint64_t key) noexcept;
    // Begins to watch it, or says again what is the case (EPOLL_CTL_ADD, _MOD): 0, or an errno.
    int watch(int epoll, int operation, std::uint64_t key) const noexcept;
    [[nodiscard]] int connected() noexcept;  // once it is writable: 0, or the errno of the failure
    void close() noexcept;

    // Begins a TLS session, once it is connected. std::bad_alloc.
    void secure(const TlsContext& context);
    [[nodiscard]] TlsSession* tls() noexcept { return tls_.get(); }

    // What send() is to send: `bytes` must stay where they are until all of them are sent. False if TLS refuses them.
    [[nodiscard]] bool begin_request(std::string_view bytes);
    // Sends as much as possible, of TLS's own messages too: 0 or an errno. `sent_ns` is set before the first byte of a
    // request is handed to the kernel, `written_ns` after the last one.
    [[nodiscard]] int send(std::int64_t& sent_ns, std::int64_t& written_ns);
    [[nodiscard]] int send_own();                                 // where there is no request
    [[nodiscard]] bool begun() const noexcept { return begun_; }  // a byte of the request was sent
    [[nodiscard]] bool all_sent() const noexcept { return outgoing().empty(); }

    // Whether bytes may come.
    [[nodiscard]] bool readable() const noexcept { return state != State::Closed && state != State::Connecting; }
    [[nodiscard]] Read read(char* buffer, std::size_t size) const noexcept;

    State state = State::Closed;
    bool fresh = true;  // no response has come over it yet
    std::size_t request = kNoRequest;
    std::size_t list_position = 0;  // among the idle or closed connections
    std::int64_t number = kNone;
    std::int64_t opened_ns = 0;
    std::int64_t connect_ns = 0;  // how long it took
    std::int64_t tls_ns = 0;
    std::int64_t last_byte_ns = 0;  // or when the request was written
    HttpResponse response;

  private:
    [[nodiscard]] std::string_view outgoing() const noexcept {
        return (tls_ != nullptr ? std::string_view(sealed_) : request_bytes_).substr(sent_);
    }

    std::atomic<int> socket_{-1};
    std::unique_ptr<TlsSession> tls_;
    std::string_view request_bytes_;
    std::string sealed_;    // what goes out instead, through TLS
    std::size_t sent_ = 0;  // of either
    bool begun_ = false;
};

}  // namespace inference_bench
