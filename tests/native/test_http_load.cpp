#include "http_load.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

using inference_bench::HttpAddress;
using inference_bench::HttpLimits;
using inference_bench::HttpLoad;
using inference_bench::RequestPlan;

namespace {

constexpr std::int64_t kHourNs = 3'600'000'000'000;
const std::string kGet = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

// Answers every request on every connection, a thread for each.
class Server {
  public:
    Server() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(listen(listener_, 100) == 0);
        REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~Server() {
        shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        for (std::thread& thread : threads_) thread.join();
        close(listener_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::int64_t port = 0;

  private:
    void accept_all() {
        for (int connection; (connection = accept(listener_, nullptr, nullptr)) >= 0;) {
            threads_.emplace_back([connection] { answer_all(connection); });
        }
    }

    static void answer_all(int connection) {
        const std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        char buffer[4096];
        while (recv(connection, buffer, sizeof buffer, 0) > 0) {
            if (send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
        }
        close(connection);
    }

    int listener_;
    std::thread acceptor_;
    std::vector<std::thread> threads_;
};

HttpLoad::Waited wait_for(HttpLoad& load) { return load.wait(60'000'000'000); }

}  // namespace

TEST_CASE("a load carries out its plan while others read what it recorded") {
    Server server;
    HttpLoad load(HttpAddress("127.0.0.1", server.port), nullptr, std::vector<std::string>(200, kGet),
                  RequestPlan(200, {}, {}, 8), HttpLimits(), 200'000);
    load.start();
    std::thread reader([&] {
        while (load.wait(0) != HttpLoad::Waited::Over) {
            static_cast<void>(load.requests());
            static_cast<void>(load.chunks());
            static_cast<void>(load.stalls());
            static_cast<void>(load.sent());
            if (load.ended() > 0 && load.requests().rows == 200) CHECK(load.body(0) == "hello");
        }
    });
    CHECK(wait_for(load) == HttpLoad::Waited::Over);
    reader.join();
    CHECK(load.ended() == 200);
    for (std::int64_t i = 0; i < 200; ++i) CHECK(load.body(i) == "hello");
}

TEST_CASE("a load is stopped from several threads, or never started, or destroyed at once") {
    Server server;
    const HttpAddress address("127.0.0.1", server.port);
    for (int round = 0; round < 20; ++round) {
        HttpLoad load(address, nullptr, {kGet, kGet}, RequestPlan(2, {0, kHourNs}, {}, 0), HttpLimits(), 0);
        if (round % 4 != 0) load.start();
        if (round % 4 == 1) continue;
        std::thread other([&] { load.stop(); });
        load.stop();
        other.join();
        CHECK(wait_for(load) == HttpLoad::Waited::Over);
        CHECK(load.requests().rows == 2);
    }
}

TEST_CASE("the end of the process does not wait for a load") {
    HttpLoad load(HttpAddress("127.0.0.1", 9), nullptr, {kGet}, RequestPlan(1, {kHourNs}, {}, 0), HttpLimits(), 0);
    load.start();
    inference_bench::NativeThread::stop_all();
    CHECK(wait_for(load) == HttpLoad::Waited::Over);
}
