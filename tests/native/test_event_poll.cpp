#include "event_poll.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "clock.hpp"

using inference_bench::calibrate_clock;
using inference_bench::EventPoll;
using inference_bench::now_ns;

namespace {

constexpr std::int64_t kNever = INT64_MAX;

struct SocketPair {
    SocketPair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
    ~SocketPair() {
        close(ends[0]);
        close(ends[1]);
    }
    int ends[2];
};

}  // namespace

TEST_CASE("a poll without a spin sleeps until its moment, and does not block once that has passed") {
    calibrate_clock();
    EventPoll poll(0);
    epoll_event event{};
    const std::int64_t due = now_ns() + 2'000'000;
    int waits = 0;
    for (; now_ns() < due; ++waits) CHECK(poll.wait(due, due, &event, 1) == 0);
    CHECK(waits < 100);
    CHECK(poll.wait(due, due, &event, 1) == 0);
}

TEST_CASE("a wait that ends earlier than asked for leaves less to wait for, until there is nothing left") {
    calibrate_clock();
    EventPoll poll(0);
    epoll_event event{};
    const std::int64_t due = now_ns() + 30'000'000;  // whole milliseconds, then the rest
    int waits = 0;
    while (now_ns() < due) {
        CHECK(poll.wait(due, kNever, &event, 1) == 0);
        ++waits;
    }
    CHECK(waits < 100);
}

TEST_CASE("a poll says which descriptor is ready, with and without a spin") {
    calibrate_clock();
    for (const std::int64_t spin : {0, 1'000'000}) {
        SocketPair pair;
        EventPoll poll(spin);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = 7;
        REQUIRE(epoll_ctl(poll.descriptor(), EPOLL_CTL_ADD, pair.ends[0], &event) == 0);
        REQUIRE(write(pair.ends[1], "x", 1) == 1);
        REQUIRE(poll.wait(kNever, kNever, &event, 1) == 1);
        const std::uint64_t tag = event.data.u64;  // packed
        CHECK(tag == 7);
    }
}

TEST_CASE("a wake from another thread ends a wait without end, also one that begins later") {
    calibrate_clock();
    EventPoll poll(0);
    epoll_event event{};
    std::thread other([&] { poll.wake(); });
    CHECK(poll.wait(kNever, kNever, &event, 1) == 0);
    other.join();
    poll.wake();
    CHECK(poll.wait(kNever, kNever, &event, 1) == 0);
}
