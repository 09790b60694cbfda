#include "native_thread.hpp"

#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "clock_source.hpp"
#include "fork_generation.hpp"
#include "fork_handlers.hpp"

namespace inference_bench {
namespace {

constexpr std::size_t kStackBytes = 512 * 1024;  // a vendor's library runs on it too

void check(int error, const char* name) {
    if (error != 0) throw std::system_error(error, std::generic_category(), std::string("cannot start thread ") + name);
}

class StackSize {
  public:
    explicit StackSize(const char* name) {
        check(pthread_attr_init(&attributes_), name);
        const int error = pthread_attr_setstacksize(&attributes_, kStackBytes);
        if (error != 0) pthread_attr_destroy(&attributes_);
        check(error, name);
    }
    ~StackSize() { pthread_attr_destroy(&attributes_); }
    StackSize(const StackSize&) = delete;
    StackSize& operator=(const StackSize&) = delete;

    [[nodiscard]] const pthread_attr_t* attributes() const noexcept { return &attributes_; }

  private:
    pthread_attr_t attributes_;
};

// Signals are for the threads of the application, and a thread inherits its mask from the one that makes it.
class AllSignalsBlocked {
  public:
    AllSignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

  private:
    sigset_t before_;
};

// Held while a thread of ours is waited for: none may ever take it, nor wait for a lock that is held over a fork.
std::mutex registry;
std::vector<NativeThread*>& threads() {
    static auto& all = *new std::vector<NativeThread*>;  // outlives static destruction
    return all;
}

// The child has the caller of fork() alone.
void forget_threads() {
    threads().clear();
    registry.unlock();
}

}  // namespace

std::int64_t monotonic_ns() noexcept { return static_cast<std::int64_t>(detail::read_clock_ns(CLOCK_MONOTONIC)); }
std::int64_t thread_cpu_ns() noexcept {
    return static_cast<std::int64_t>(detail::read_clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

void NativeThread::handle_forks() {
    count_forks();
    static std::once_flag once;
    std::call_once(once, [] { at_fork([] { registry.lock(); }, [] { registry.unlock(); }, forget_threads); });
}

void NativeThread::start(const char* name, Function main, void* argument, Function interrupt) {
    handle_forks();
    const std::lock_guard<std::mutex> lock(registry);
    threads().reserve(threads().size() + 1);
    generation_ = fork_generation();
    name_ = name;
    main_ = main;
    argument_ = argument;
    interrupt_ = interrupt;
    stopping_.store(false, std::memory_order_relaxed);
    const StackSize stack_size(name);
    const AllSignalsBlocked inherited_by_the_thread;
    check(pthread_create(&thread_, stack_size.attributes(), enter, this), name);
    running_ = true;
    threads().push_back(this);
}

void NativeThread::stop() noexcept {
    if (!running()) return;
    const std::lock_guard<std::mutex> lock(registry);
    if (running()) join();
}

void NativeThread::stop_all() noexcept {
    const std::lock_guard<std::mutex> lock(registry);
    while (!threads().empty()) threads().back()->join();
}

void NativeThread::join() noexcept {
    stopping_.store(true, std::memory_order_release);
    wake();
    if (interrupt_ != nullptr) interrupt_(argument_);
    pthread_join(thread_, nullptr);
    running_ = false;
    threads().erase(std::remove(threads().begin(), threads().end(), this), threads().end());
}

bool NativeThread::running() const noexcept { return running_ && generation_ == fork_generation(); }

void NativeThread::wake() noexcept {
    calls_.fetch_add(1, std::memory_order_release);
    syscall(SYS_futex, &calls_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool NativeThread::wait_until(std::int64_t deadline_ns) noexcept {
    static_assert(sizeof calls_ == 4, "a futex is 32 bits");
    const timespec deadline{deadline_ns / 1'000'000'000, static_cast<long>(deadline_ns % 1'000'000'000)};
    const timespec* const until = deadline_ns == kForever ? nullptr : &deadline;
    std::uint32_t calls = calls_.load(std::memory_order_acquire);
    while (calls == seen_ && monotonic_ns() < deadline_ns) {
        // WAIT_BITSET takes an absolute CLOCK_MONOTONIC time. A call since `seen_` makes it return at once.
        syscall(SYS_futex, &calls_, FUTEX_WAIT_BITSET_PRIVATE, seen_, until, nullptr, FUTEX_BITSET_MATCH_ANY);
        calls = calls_.load(std::memory_order_acquire);
    }
    seen_ = calls;
    return stopping_.load(std::memory_order_acquire);
}

void* NativeThread::enter(void* self) {
    auto* const thread = static_cast<NativeThread*>(self);
    pthread_setname_np(pthread_self(), thread->name_);
    prctl(PR_SET_TIMERSLACK, 1);  // the default lets the kernel wake us 50 us late
    thread->main_(thread->argument_);
    return nullptr;
}

}  // namespace inference_bench
