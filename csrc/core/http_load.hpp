// Sends prepared HTTP/1.1 requests at their planned instants from a native thread, and stamps what arrives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "event_poll.hpp"
#include "fork_registry.hpp"
#include "http_client.hpp"
#include "kernel_clock.hpp"
#include "load_records.hpp"
#include "native_thread.hpp"
#include "request_plan.hpp"

namespace inference_bench {

// A load runs once. A late request is sent late and never planned anew. All members may be called from any thread, the
// tables and bytes also while it runs. After a fork the child's copy is stopped and keeps what was recorded.
class HttpLoad {
  public:
    enum class Waited : std::uint8_t { Over, TimedOut, Interrupted };

    static constexpr std::int64_t kNotYet = -1;
    static constexpr std::int64_t kForever = INT64_MAX;
    // From start() to the instant that offsets count from: the thread is up by then.
    static constexpr std::int64_t kLeadNs = 1'000'000;

    // `tls`: null for plain HTTP. Throws std::invalid_argument, std::system_error, std::bad_alloc.
    HttpLoad(const HttpAddress& address, std::unique_ptr<TlsContext> tls, std::vector<std::string> requests,
             RequestPlan plan, const HttpLimits& limits, std::int64_t longest_spin_ns);
    ~HttpLoad();
    HttpLoad(const HttpLoad&) = delete;
    HttpLoad& operator=(const HttpLoad&) = delete;

    void start();  // std::runtime_error if started or stopped before
    void stop();   // what has not ended is interrupted or unsent; no-op if it is over
    // Until all requests have ended, or the load was stopped. std::runtime_error if it was not started, std::bad_alloc
    // if the load ended for want of memory.
    [[nodiscard]] Waited wait(std::int64_t timeout_ns);

    [[nodiscard]] std::int64_t start_ns() const;                            // kNotYet before the start
    [[nodiscard]] std::int64_t cpu_ns() const noexcept { return cpu_ns_; }  // of the thread; 0 before the load is over
    [[nodiscard]] std::size_t total() const noexcept { return requests_.size(); }
    [[nodiscard]] std::size_t sent() const noexcept { return client_.sent(); }
    [[nodiscard]] std::string tls_error() const { return client_.tls_error(); }
    [[nodiscard]] std::size_t ended() const noexcept { return records_.ended(); }

    // Rows of requests that have ended; after the load, of all.
    [[nodiscard]] Table requests() const { return records_.requests(kernel_clock_.times()); }
    [[nodiscard]] Table chunks() const { return records_.chunks(kernel_clock_.times()); }
    [[nodiscard]] Table stalls() const { return records_.stalls(); }
    // std::out_of_range beyond total(), std::runtime_error for a request that has not ended.
    [[nodiscard]] std::string head(std::int64_t request) const;
    [[nodiscard]] std::string body(std::int64_t request) const;

  private:
    static void thread_main(void* self) noexcept;
    static void interrupt_thread(void* self) noexcept;
    void run();
    void play();
    void begin();
    [[nodiscard]] std::int64_t latest_wake_ns(std::int64_t now_ns) const noexcept;
    void use_spare_time(std::int64_t now_ns);
    void beat(std::int64_t expected_ns);
    void set_over() noexcept;
    [[nodiscard]] std::size_t ended_request(std::int64_t request) const;

    friend class ForkRegistry<HttpLoad>;
    void lock_before_fork() {
        mutex_.lock();
        turn_.lock();
    }
    void unlock_after_fork() noexcept {
        turn_.unlock();
        mutex_.unlock();
    }
    void abandon_in_child() noexcept;

    ForkRegistry<HttpLoad>& registry_;
    const std::unique_ptr<TlsContext> tls_;
    const std::vector<std::string> requests_;
    RequestPlan plan_;
    LoadRecords records_;
    KernelClock kernel_clock_;
    EventPoll poll_;
    HttpClient client_;

    mutable std::mutex mutex_;  // of start() and stop(); never taken by the thread, which stop() joins while holding it
    std::mutex turn_;  // held by the thread while it changes anything, so that a fork finds nothing half changed
    std::atomic<std::int64_t> start_ns_{kNotYet};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> out_of_memory_{false};
    std::atomic<std::int64_t> cpu_ns_{0};
    std::atomic<std::uint32_t> over_{0};  // a futex
    std::int64_t alive_ns_ = 0;           // when the thread last showed that it runs
    std::int64_t compared_ns_ = 0;        // when the kernel's clock was last compared

    NativeThread thread_;  // last, so that it ends before what it uses
};

}  // namespace inference_bench
