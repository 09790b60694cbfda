// An HTTP/1.1 server that plays prepared responses with fixed timings and stamps what it sends. On loopback alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event_poll.hpp"
#include "fork_registry.hpp"
#include "native_thread.hpp"
#include "script.hpp"
#include "scripted_connection.hpp"
#include "server_records.hpp"

namespace inference_bench {

// One thread, which sleeps between steps and never spins: a step may go out late, and its record says so. A server runs
// once. All members may be called from any thread. In the child of a fork it is stopped, with what was recorded.
class ScriptedServer {
  public:
    // Listens at once, and answers from start() on. Port 0 takes a free one. std::invalid_argument, std::system_error.
    ScriptedServer(Playbook playbook, int port);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    void start();  // std::runtime_error if started or stopped before
    void stop();   // closes every connection; no-op if stopped

    [[nodiscard]] int port() const noexcept { return port_; }
    [[nodiscard]] const ServerRecords& records() const noexcept { return records_; }

  private:
    static constexpr std::uint64_t kListener = 0;  // connections are numbered from 1

    using Due = std::pair<std::int64_t, std::uint64_t>;  // when, and which connection
    struct Connection {
        std::unique_ptr<ScriptedConnection> served;
        std::int64_t due_ns;     // of its newest entry in `dues`
        std::uint32_t interest;  // as the poller knows it
    };
    struct Live {
        std::unordered_map<std::uint64_t, Connection> connections;
        std::priority_queue<Due, std::vector<Due>, std::greater<>> dues;  // older entries of a connection are void
        std::uint64_t count = 0;
        bool accepting = false;
    };

    static void thread_main(void* self) noexcept;
    static void interrupt_thread(void* self) noexcept;
    void run() noexcept;
    void run_once();
    void accept_connections();
    void add_connection(int socket);
    void watch(int socket, int operation, std::uint32_t events, std::uint64_t key);
    void listen_again();
    void serve(std::uint64_t key, std::uint32_t events);
    void play_due();
    void close_listener() noexcept;

    friend class ForkRegistry<ScriptedServer>;
    void lock_before_fork() { mutex_.lock(); }
    void unlock_after_fork() noexcept { mutex_.unlock(); }
    void abandon_in_child() noexcept;

    ForkRegistry<ScriptedServer>& registry_;
    Playbook playbook_;
    ServerRecords records_;
    EventPoll poll_{0};
    std::atomic<bool> stopped_{false};
    int listener_ = -1;
    int port_ = 0;
    std::unique_ptr<Live> live_;  // the thread's own

    std::mutex mutex_;  // never taken by the thread, which stop() joins while holding it
    bool started_ = false;
    NativeThread thread_;  // last, so that it ends before what it uses
};

}  // namespace inference_bench
