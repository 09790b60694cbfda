#include "pacer.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "clock.hpp"

namespace inference_bench {
namespace {

std::int64_t* new_column(std::shared_ptr<const std::int64_t[]>& column, std::size_t rows) {
    std::shared_ptr<std::int64_t[]> made(new std::int64_t[rows]);
    column = made;
    return made.get();
}

}  // namespace

Pacer::Pacer(Schedule schedule, std::int64_t longest_spin_ns)
    : registry_(ForkRegistry<Pacer>::get()),
      schedule_(std::move(schedule)),
      records_(new Record[schedule_.offsets_ns.size()]),
      sleeper_(longest_spin_ns) {
    // Written now, so that no wait meets a page fault.
    for (std::size_t i = 0; i < count(); ++i) {
        records_[i].woken_ns = kNotYet;
        records_[i].actual_ns.store(kNotYet, std::memory_order_relaxed);
    }
    calibrate_clock();  // as Sleeper asks for
    registry_.add(this);
}

Pacer::~Pacer() {
    close_eventfd();
    registry_.remove(this);
}

// ---- beginning and end

void Pacer::start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    start_locked();
}

void Pacer::start_locked() {
    if (sleeper_.stopped()) throw std::runtime_error("this pacer was stopped, and one pacer runs once; make another");
    if (start_ns_ != kNotYet) throw std::runtime_error("this pacer has started already, and one pacer runs once");
    start_ns_ = now_ns();
}

void Pacer::stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!sleeper_.stopped()) {
        sleeper_.stop();
        signal_eventfd();
    }
    thread_.stop();
}

bool Pacer::started() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return start_ns_ != kNotYet;
}

bool Pacer::done() const noexcept {
    return sleeper_.stopped() || handed_out_.load(std::memory_order_acquire) == count();
}

std::int64_t Pacer::start_ns() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return start_ns_;
}

// ---- for threads that wait

Pacer::Next Pacer::wait(std::size_t& index) {
    if (const Next claimed = claim(index); claimed != Next::Tick) return claimed;
    switch (sleeper_.wait_until(due_ns(index), records_[index].woken_ns)) {
        case Wake::Due:
            return Next::Tick;
        case Wake::Stopped:
            return Next::Over;
        case Wake::Interrupted:
            break;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    given_back_.push_back(index);
    return Next::Interrupted;
}

Pacer::Next Pacer::claim(std::size_t& index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (sleeper_.stopped()) return Next::Over;
    if (eventfd_ >= 0) return Next::InEventfd;
    if (start_ns_ == kNotYet) start_locked();
    if (!given_back_.empty()) {
        index = given_back_.back();
        given_back_.pop_back();
        return Next::Tick;
    }
    if (next_ == count()) return Next::Over;
    index = next_++;
    return Next::Tick;
}

void Pacer::delivered(std::size_t index) noexcept {
    records_[index].actual_ns.store(now_ns(), std::memory_order_release);
    handed_out_.fetch_add(1, std::memory_order_release);
}

// ---- for event loops

int Pacer::open_eventfd() {
    const std::lock_guard<std::mutex> lock(mutex_);
    start_locked();
    eventfd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (eventfd_ < 0) {
        const int error = errno;
        start_ns_ = kNotYet;
        throw std::system_error(error, std::generic_category(), "cannot make an eventfd");
    }
    try {
        thread_.start("ib-pace", thread_main, this, interrupt_thread);
    } catch (...) {
        close(std::exchange(eventfd_, -1));
        start_ns_ = kNotYet;
        throw;
    }
    return eventfd_;
}

void Pacer::close_eventfd() {
    stop();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (eventfd_ >= 0) close(std::exchange(eventfd_, -1));
}

Pacer::Ticks Pacer::take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (eventfd_ < 0) throw std::runtime_error("this pacer has no open eventfd to take ticks from; wait() for them");
    empty_eventfd();  // first: a tick that falls due in between makes it readable again
    const Ticks taken{next_, due_.load(std::memory_order_acquire)};
    next_ = taken.end;
    const std::int64_t now = now_ns();
    for (std::size_t i = taken.first; i < taken.end; ++i) records_[i].actual_ns.store(now, std::memory_order_release);
    handed_out_.store(taken.end, std::memory_order_release);
    return taken;
}

// Asks before it reads: the caller may have made the descriptor a blocking one.
void Pacer::empty_eventfd() const noexcept {
    pollfd readable{eventfd_, POLLIN, 0};
    if (poll(&readable, 1, 0) != 1) return;
    std::uint64_t wakes = 0;
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): poll() said that there is something to read
    const ssize_t emptied = read(eventfd_, &wakes, sizeof wakes);  // fails if another reader was faster
    static_cast<void>(emptied);
}

void Pacer::signal_eventfd() const noexcept {
    const std::uint64_t one = 1;
    if (eventfd_ < 0) return;
    const ssize_t written = write(eventfd_, &one, sizeof one);  // fails if the counter is full, and so readable already
    static_cast<void>(written);
}

void Pacer::thread_main(void* self) noexcept { static_cast<Pacer*>(self)->run(); }
void Pacer::interrupt_thread(void* self) noexcept { static_cast<Pacer*>(self)->sleeper_.stop(); }

void Pacer::run() noexcept {
    for (std::size_t i = 0; i < count();) {
        std::int64_t woken_ns = 0;
        const Wake wake = sleeper_.wait_until(due_ns(i), woken_ns);
        if (wake == Wake::Stopped) return;
        if (wake == Wake::Interrupted) continue;  // no handler runs here, but SIGSTOP and a debugger end a sleep too
        // One write for all that are due, so that a burst or a stolen core costs one wake-up.
        for (; i < count() && due_ns(i) <= woken_ns; ++i) records_[i].woken_ns = woken_ns;
        due_.store(i, std::memory_order_release);
        signal_eventfd();
    }
}

// ---- what was recorded

PacerColumns Pacer::columns() const {
    std::vector<std::size_t> rows;
    const std::lock_guard<std::mutex> lock(mutex_);
    rows.reserve(handed_out_.load(std::memory_order_relaxed));
    for (std::size_t i = 0; i < next_; ++i) {
        if (records_[i].actual_ns.load(std::memory_order_acquire) != kNotYet) rows.push_back(i);
    }
    PacerColumns c{};
    c.rows = rows.size();
    std::int64_t* const index = new_column(c.index, c.rows);
    std::int64_t* const scheduled = new_column(c.scheduled_ns, c.rows);
    std::int64_t* const woken = new_column(c.woken_ns, c.rows);
    std::int64_t* const actual = new_column(c.actual_ns, c.rows);
    std::int64_t* const lag = new_column(c.lag_ns, c.rows);
    for (std::size_t row = 0; row < c.rows; ++row) {
        const std::size_t i = rows[row];
        index[row] = static_cast<std::int64_t>(i);
        scheduled[row] = due_ns(i);
        woken[row] = records_[i].woken_ns;
        actual[row] = records_[i].actual_ns.load(std::memory_order_relaxed);
        lag[row] = actual[row] - scheduled[row];
    }
    return c;
}

// ---- fork

// The thread did not come along, so there is nothing to join. The descriptor shares its counter with the parent's:
// written or read here, it would wake the parent or rob it of a wake-up.
void Pacer::abandon_in_child() noexcept {
    sleeper_.stop();
    given_back_.clear();
    if (eventfd_ >= 0) close(std::exchange(eventfd_, -1));
}

}  // namespace inference_bench
