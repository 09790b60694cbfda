#include "poller.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "clock.hpp"

using inference_bench::calibrate_clock;
using inference_bench::now_ns;
using inference_bench::Poller;

namespace {

struct SocketPair {
    SocketPair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
    ~SocketPair() {
        close(ends[0]);
        close(ends[1]);
    }
    int ends[2];
};

bool nothing(const Poller::Ready& ready) { return ready.begin() == ready.end(); }

}  // namespace

TEST_CASE("a poller waits until its moment and never claims that it passed early") {
    calibrate_clock();
    for (const std::int64_t spin : {0, 200'000}) {
        Poller poller(spin);
        const std::int64_t due = now_ns() + 2'000'000;
        while (now_ns() < due) CHECK(nothing(poller.wait(due)));
        CHECK(nothing(poller.wait(due)));  // a moment that has passed does not block
    }
}

TEST_CASE("a poller says which descriptor is ready, also while it spins") {
    calibrate_clock();
    for (const std::int64_t spin : {0, 1'000'000}) {
        SocketPair pair;
        Poller poller(spin);
        poller.watch(pair.ends[0], EPOLLIN, 7);
        REQUIRE(write(pair.ends[1], "x", 1) == 1);
        const Poller::Ready ready = poller.wait(Poller::kNever);
        REQUIRE(ready.end() - ready.begin() == 1);
        CHECK(ready.begin()->data.u64 == 7);
        poller.forget(pair.ends[0]);
        CHECK(nothing(poller.wait(now_ns() + 100'000)));
        poller.watch(pair.ends[0], 0, 8);
        poller.change(pair.ends[0], EPOLLIN, 9);
        CHECK(poller.wait(Poller::kNever).begin()->data.u64 == 9);
    }
}

TEST_CASE("a stop from another thread ends the wait for ever") {
    Poller poller;
    std::thread other([&] { poller.stop(); });
    while (!poller.stopped()) CHECK(nothing(poller.wait(Poller::kNever)));
    other.join();
    CHECK(nothing(poller.wait(Poller::kNever)));
}
