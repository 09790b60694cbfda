#include "pacer.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "clock.hpp"

using inference_bench::Pacer;
using inference_bench::PacerColumns;
using inference_bench::Schedule;

namespace {

constexpr std::int64_t kHourNs = 3'600'000'000'000;

std::size_t wait_for_all(Pacer& pacer) {
    std::size_t ticks = 0;
    std::size_t index = 0;
    for (;;) {
        const Pacer::Next next = pacer.wait(index);
        if (next == Pacer::Next::Interrupted) continue;
        if (next != Pacer::Next::Tick) return ticks;
        pacer.delivered(index);
        ++ticks;
    }
}

void check_complete(const Pacer& pacer) {
    const PacerColumns c = pacer.columns();
    REQUIRE(c.rows == pacer.schedule().offsets_ns.size());
    for (std::size_t i = 0; i < c.rows; ++i) {
        CHECK(c.index[static_cast<std::ptrdiff_t>(i)] == static_cast<std::int64_t>(i));
        const auto at = static_cast<std::ptrdiff_t>(i);
        CHECK(c.scheduled_ns[at] == pacer.start_ns() + pacer.schedule().offsets_ns[i]);
        CHECK(c.scheduled_ns[at] <= c.woken_ns[at]);
        CHECK(c.woken_ns[at] <= c.actual_ns[at]);
        CHECK(c.lag_ns[at] == c.actual_ns[at] - c.scheduled_ns[at]);
    }
}

}  // namespace

TEST_CASE("no tick comes early, with and without spinning") {
    for (const std::int64_t spin : {0, 50'000}) {
        Pacer pacer(Schedule::poisson(5'000, 300, 1), spin);
        CHECK(wait_for_all(pacer) == 300);
        CHECK(pacer.done());
        check_complete(pacer);
    }
}

TEST_CASE("threads that share a pacer get each tick once") {
    Pacer pacer(Schedule::poisson(10'000, 1'000, 2));
    std::atomic<std::size_t> ticks{0};
    std::atomic<bool> over{false};
    std::thread reader([&] {
        while (!over.load()) CHECK(pacer.columns().rows <= 1'000);
    });
    std::vector<std::thread> waiters;
    for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { ticks += wait_for_all(pacer); });
    for (std::thread& waiter : waiters) waiter.join();
    over = true;
    reader.join();
    CHECK(ticks == 1'000);
    check_complete(pacer);
}

TEST_CASE("a stop from another thread ends every wait") {
    Pacer pacer(Schedule::trace({kHourNs, kHourNs, kHourNs}));
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { CHECK(wait_for_all(pacer) == 0); });
    while (!pacer.started()) std::this_thread::yield();
    pacer.stop();
    for (std::thread& waiter : waiters) waiter.join();
    CHECK(pacer.done());
    CHECK(pacer.columns().rows == 0);
    CHECK_THROWS_AS(pacer.start(), std::runtime_error);
}

TEST_CASE("the eventfd becomes readable as ticks fall due, and take() hands out each once") {
    Pacer pacer(Schedule::poisson(5'000, 500, 3));
    pollfd watched{pacer.open_eventfd(), POLLIN, 0};
    std::size_t index = 0;
    CHECK(pacer.wait(index) == Pacer::Next::InEventfd);
    CHECK_THROWS_AS(pacer.start(), std::runtime_error);
    std::size_t taken = 0;
    while (!pacer.done()) {
        REQUIRE(poll(&watched, 1, 60'000) == 1);
        const Pacer::Ticks ticks = pacer.take();
        CHECK(ticks.first == taken);
        taken = ticks.end;
        static_cast<void>(pacer.columns());
    }
    CHECK(taken == 500);
    check_complete(pacer);
}

TEST_CASE("a stopped pacer's eventfd is readable, and closing it ends the thread") {
    Pacer pacer(Schedule::trace({kHourNs}));
    pollfd watched{pacer.open_eventfd(), POLLIN, 0};
    std::thread([&] { pacer.stop(); }).join();
    CHECK(poll(&watched, 1, 60'000) == 1);
    const Pacer::Ticks none = pacer.take();
    CHECK(none.first == none.end);
    pacer.close_eventfd();
    CHECK_THROWS_AS(static_cast<void>(pacer.take()), std::runtime_error);
}

TEST_CASE("pacers may be made, started and destroyed many times at once") {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            for (int n = 0; n < 100; ++n) {
                Pacer pacer(Schedule::trace({kHourNs}));
                static_cast<void>(pacer.open_eventfd());
                if (n % 2 == 0) pacer.stop();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_CASE("the end of the process does not wait for a pacer's last tick") {
    Pacer pacer(Schedule::trace({kHourNs}));
    static_cast<void>(pacer.open_eventfd());
    inference_bench::NativeThread::stop_all();
    CHECK(pacer.done());
    pacer.close_eventfd();
}

TEST_CASE("a spin outside the limits is refused") {
    CHECK_THROWS_AS(Pacer(Schedule::trace({0}), -1), std::invalid_argument);
    CHECK_THROWS_AS(Pacer(Schedule::trace({0}), 1'000'001), std::invalid_argument);
}
