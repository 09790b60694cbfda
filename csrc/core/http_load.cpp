#include "http_load.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>
#include <stdexcept>
#include <utility>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr int kEvents = 64;                          // of one turn
constexpr std::int64_t kHeartbeatNs = 1'050'000;     // while a request is under way; more than EventPoll's millisecond
constexpr std::int64_t kRestNs = 100'000'000;        // otherwise
constexpr std::int64_t kStallNs = 1'000'000;         // later than this is a stall
constexpr std::int64_t kSpareNs = 500'000;           // before the next request: time for what can wait
constexpr std::int64_t kComparisonNs = 100'000'000;  // between comparisons of the kernel's clock with ours

std::vector<std::string> checked(std::vector<std::string> requests) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (requests[i].empty()) {
            throw std::invalid_argument("requests[" + std::to_string(i) +
                                        "] must be the bytes of an HTTP/1.1 request; given none");
        }
    }
    return requests;
}

const HttpLimits& checked(const HttpLimits& limits) {
    limits.check();
    return limits;
}

}  // namespace

HttpLoad::HttpLoad(const HttpAddress& address, std::unique_ptr<TlsContext> tls, std::vector<std::string> requests,
                   RequestPlan plan, const HttpLimits& limits, std::int64_t longest_spin_ns)
    : registry_(ForkRegistry<HttpLoad>::get()),
      tls_(std::move(tls)),
      requests_(checked(std::move(requests))),
      plan_(std::move(plan)),
      records_(requests_.size()),
      poll_(longest_spin_ns),
      client_(address, tls_.get(), requests_, checked(limits), plan_, records_, poll_.descriptor()) {
    registry_.add(this);
}

HttpLoad::~HttpLoad() {
    stop();
    registry_.remove(this);
}

// ---- control

void HttpLoad::start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) throw std::runtime_error("this load was stopped, and one load runs once; make another");
    if (start_ns_ != kNotYet) throw std::runtime_error("this load has started already, and one load runs once");
    start_ns_ = now_ns() + kLeadNs;
    try {
        thread_.start("ib-http", thread_main, this, interrupt_thread);
    } catch (...) {
        start_ns_ = kNotYet;
        throw;
    }
}

void HttpLoad::stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    thread_.stop();
    if (over_ != 0) return;
    client_.end_all(now_ns());
    set_over();
}

HttpLoad::Waited HttpLoad::wait(std::int64_t timeout_ns) {
    if (start_ns() == kNotYet && over_ == 0) throw std::runtime_error("this load has not started; start() it first");
    const std::int64_t now = monotonic_ns();
    const std::int64_t until = timeout_ns < kForever - now ? now + timeout_ns : kForever;
    const timespec deadline{until / 1'000'000'000, static_cast<long>(until % 1'000'000'000)};
    while (over_.load(std::memory_order_acquire) == 0) {
        // WAIT_BITSET takes an absolute CLOCK_MONOTONIC time.
        if (syscall(SYS_futex, &over_, FUTEX_WAIT_BITSET_PRIVATE, 0, until == kForever ? nullptr : &deadline, nullptr,
                    FUTEX_BITSET_MATCH_ANY) == 0) {
            continue;
        }
        if (errno == EINTR) return Waited::Interrupted;
        if (errno == ETIMEDOUT && over_.load(std::memory_order_acquire) == 0) return Waited::TimedOut;
    }
    if (out_of_memory_) throw std::bad_alloc();
    return Waited::Over;
}

std::int64_t HttpLoad::start_ns() const { return start_ns_.load(std::memory_order_acquire); }

void HttpLoad::set_over() noexcept {
    static_assert(sizeof over_ == 4, "a futex is 32 bits");
    over_.store(1, std::memory_order_release);
    syscall(SYS_futex, &over_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// ---- the thread

void HttpLoad::thread_main(void* self) noexcept { static_cast<HttpLoad*>(self)->run(); }

void HttpLoad::interrupt_thread(void* self) noexcept {
    auto* const load = static_cast<HttpLoad*>(self);
    load->stopping_ = true;
    load->poll_.wake();
}

void HttpLoad::run() {
    try {
        play();
    } catch (const std::bad_alloc&) {
        out_of_memory_ = true;
    }
    const std::lock_guard<std::mutex> turn(turn_);
    kernel_clock_.compare();
    client_.end_all(now_ns());
    cpu_ns_ = thread_cpu_ns();
    set_over();
}

// What can wait comes after what is due; a fork comes between two turns.
void HttpLoad::play() {
    epoll_event events[kEvents];
    begin();
    while (!stopping_ && records_.ended() < total()) {
        const std::int64_t due_ns = plan_.next_ns();
        const std::int64_t latest_ns = latest_wake_ns(now_ns());
        const int n = poll_.wait(due_ns, latest_ns, events, kEvents);
        const std::lock_guard<std::mutex> turn(turn_);
        beat(std::min(due_ns, latest_ns));
        for (int i = 0; i < n; ++i) {
            client_.handle(events[i]);
            client_.send_due();
            beat(alive_ns_);
        }
        client_.send_due();
        client_.end_overdue(alive_ns_);
        use_spare_time(now_ns());
    }
}

void HttpLoad::begin() {
    const std::lock_guard<std::mutex> turn(turn_);
    plan_.begin(start_ns_);
    alive_ns_ = now_ns();
}

std::int64_t HttpLoad::latest_wake_ns(std::int64_t now_ns) const noexcept {
    return std::min(client_.next_limit_ns(), now_ns + (client_.under_way() ? kHeartbeatNs : kRestNs));
}

// The thread is alive. It is not a stall if it slept until `expected_ns` on purpose.
void HttpLoad::beat(std::int64_t expected_ns) {
    const std::int64_t now = now_ns();
    if (now - std::max(expected_ns, alive_ns_) > kStallNs) records_.add_stall(alive_ns_, now);
    alive_ns_ = now;
}

void HttpLoad::use_spare_time(std::int64_t now_ns) {
    if (plan_.next_ns() - now_ns < kSpareNs) return;
    records_.make_room();
    if (now_ns - compared_ns_ < kComparisonNs) return;
    compared_ns_ = now_ns;
    kernel_clock_.compare();
    maintain_clock();
    alive_ns_ = inference_bench::now_ns();
}

// ---- what was recorded

std::size_t HttpLoad::ended_request(std::int64_t request) const {
    if (request < 0 || request >= static_cast<std::int64_t>(total())) {
        throw std::out_of_range("request must be from 0 to " + std::to_string(total() - 1) + "; given " +
                                std::to_string(request));
    }
    const auto index = static_cast<std::size_t>(request);
    if (!records_.over(index)) {
        throw std::runtime_error("request " + std::to_string(request) + " has not ended; wait() for it, or stop()");
    }
    return index;
}

std::string HttpLoad::head(std::int64_t request) const { return std::string(records_.head(ended_request(request))); }
std::string HttpLoad::body(std::int64_t request) const { return records_.body(ended_request(request)); }

// ---- fork

// The thread did not come along. The sockets are the parent's: closed here, they stay open there.
void HttpLoad::abandon_in_child() noexcept {
    stopping_ = true;
    if (start_ns_ != kNotYet && over_ == 0) {
        client_.end_all(now_ns());
        over_ = 1;
    }
    poll_.close();
}

}  // namespace inference_bench
