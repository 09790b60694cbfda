#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kIdleNs = 500'000;  // time enough to maintain the clock, which takes up to 50 us

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

// A listening socket on 127.0.0.1; `port` becomes the one it got.
int listen_on_loopback(int& port) {
    if (port < 0 || port > 65'535) {
        throw std::invalid_argument("port must be from 0 to 65535; given " + std::to_string(port));
    }
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("cannot make a socket");
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, generic, length) != 0 || listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, generic, &length) != 0) {
        const int error = errno;
        close(listener);
        errno = error;
        fail("cannot listen on 127.0.0.1 port " + std::to_string(port));
    }
    port = ntohs(address.sin_port);
    return listener;
}

}  // namespace

ScriptedServer::ScriptedServer(Playbook playbook, int port)
    : registry_(ForkRegistry<ScriptedServer>::get()),
      playbook_(std::move(playbook)),
      port_(port),
      live_(std::make_unique<Live>()) {
    calibrate_clock();  // as EventPoll asks for
    listener_ = listen_on_loopback(port_);
    try {
        registry_.add(this);
    } catch (...) {
        close_listener();
        throw;
    }
}

ScriptedServer::~ScriptedServer() {
    stop();
    registry_.remove(this);
}

void ScriptedServer::start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) throw std::runtime_error("this server was stopped, and one server runs once; make another");
    if (started_) throw std::runtime_error("this server runs already");
    listen_again();
    thread_.start("ib-serve", thread_main, this, interrupt_thread);
    started_ = true;
}

void ScriptedServer::stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    interrupt_thread(this);
    thread_.stop();
    if (live_ != nullptr) live_->connections.clear();
    close_listener();
}

void ScriptedServer::close_listener() noexcept {
    if (listener_ >= 0) close(std::exchange(listener_, -1));
}

// ---- the thread

void ScriptedServer::thread_main(void* self) noexcept { static_cast<ScriptedServer*>(self)->run(); }
void ScriptedServer::interrupt_thread(void* self) noexcept {
    static_cast<ScriptedServer*>(self)->stopped_ = true;
    static_cast<ScriptedServer*>(self)->poll_.wake();
}

void ScriptedServer::run() noexcept {
    try {
        while (!stopped_) run_once();
    } catch (const std::exception&) {
        stopped_ = true;  // no memory for records: a server that answered on would hide part of what it sent
    }
    live_->connections.clear();
}

void ScriptedServer::run_once() {
    const auto& dues = live_->dues;
    const std::int64_t due_ns = dues.empty() ? ScriptedConnection::kNever : dues.top().first;
    if (due_ns > now_ns() + kIdleNs) maintain_clock();
    epoll_event events[256];
    const int n = poll_.wait(due_ns, due_ns, events, 256);
    for (int i = 0; i < n; ++i) {
        if (events[i].data.u64 == kListener) {
            accept_connections();
        } else {
            serve(events[i].data.u64, events[i].events);
        }
    }
    play_due();
}

void ScriptedServer::play_due() {
    auto& dues = live_->dues;
    const std::int64_t now = now_ns();
    while (!dues.empty() && dues.top().first <= now) {
        const auto [due_ns, key] = dues.top();
        dues.pop();
        const auto found = live_->connections.find(key);
        if (found != live_->connections.end() && found->second.due_ns == due_ns) serve(key, 0);
    }
}

void ScriptedServer::serve(std::uint64_t key, std::uint32_t events) {
    const auto found = live_->connections.find(key);
    if (found == live_->connections.end()) return;
    Connection& connection = found->second;
    ScriptedConnection& served = *connection.served;
    if (!served.serve(events)) {
        live_->connections.erase(found);
        return listen_again();
    }
    if (const std::uint32_t interest = served.interest(); interest != connection.interest) {
        connection.interest = interest;
        watch(served.socket(), EPOLL_CTL_MOD, interest, key);
    }
    if (const std::int64_t due_ns = served.due_ns(); due_ns != connection.due_ns) {
        connection.due_ns = due_ns;
        if (due_ns != ScriptedConnection::kNever) live_->dues.emplace(due_ns, key);
    }
}

// ---- connections

void ScriptedServer::accept_connections() {
    for (;;) {
        const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            add_connection(socket);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE) {  // until one is closed; the listener would be ready all the time
            watch(listener_, EPOLL_CTL_DEL, 0, kListener);
            live_->accepting = false;
            return;
        }
        if (errno != EINTR && errno != ECONNABORTED) return;
    }
}

void ScriptedServer::add_connection(int socket) {
    const std::uint64_t key = ++live_->count;
    auto served = std::make_unique<ScriptedConnection>(socket, static_cast<std::int64_t>(key), playbook_, records_);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::uint32_t interest = served->interest();
    live_->connections.emplace(key, Connection{std::move(served), ScriptedConnection::kNever, interest});
    watch(socket, EPOLL_CTL_ADD, interest, key);
}

void ScriptedServer::listen_again() {
    if (std::exchange(live_->accepting, true)) return;
    watch(listener_, EPOLL_CTL_ADD, EPOLLIN, kListener);
}

void ScriptedServer::watch(int socket, int operation, std::uint32_t events, std::uint64_t key) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    if (epoll_ctl(poll_.descriptor(), operation, socket, &event) != 0) fail("cannot watch a socket");
}

// ---- fork

// The thread did not come along, and may have been in the midst of changing what is its own: that is left as it is.
void ScriptedServer::abandon_in_child() noexcept {
    stopped_ = true;
    poll_.close();
    [[maybe_unused]] const Live* const left_as_it_is = live_.release();
    close_listener();
}

}  // namespace inference_bench
