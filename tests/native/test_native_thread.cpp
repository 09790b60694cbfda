#include "native_thread.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

using inference_bench::monotonic_ns;
using inference_bench::NativeThread;

namespace {

struct Worker {
    NativeThread thread;
    std::atomic<int> woken{0};
    std::int64_t pause_ns = NativeThread::kForever;

    static void main(void* self) noexcept {
        auto* const worker = static_cast<Worker*>(self);
        const auto deadline = [worker] {
            return worker->pause_ns == NativeThread::kForever ? NativeThread::kForever
                                                              : monotonic_ns() + worker->pause_ns;
        };
        while (!worker->thread.wait_until(deadline())) ++worker->woken;
    }
};

}  // namespace

TEST_CASE("a call is never lost, and a thread that waits for ever is stopped at once") {
    Worker worker;
    worker.thread.start("ib-test", Worker::main, &worker);
    for (int i = 0; i < 100; ++i) {
        const int before = worker.woken;
        worker.thread.wake();
        while (worker.woken == before) std::this_thread::yield();
    }
    worker.thread.stop();
    CHECK_FALSE(worker.thread.running());
    worker.thread.stop();
}

TEST_CASE("deadlines pass without calls; one object starts many times") {
    Worker worker;
    worker.pause_ns = 1000;
    for (int i = 0; i < 50; ++i) {
        const int before = worker.woken;
        worker.thread.start("ib-test", Worker::main, &worker);
        while (worker.woken < before + 3) std::this_thread::yield();
        worker.thread.stop();
    }
}

TEST_CASE("many are stopped from several threads and all at once") {
    std::vector<Worker> workers(8);
    for (Worker& worker : workers) worker.thread.start("ib-test", Worker::main, &worker);
    std::vector<std::thread> stoppers;
    for (int i = 0; i < 3; ++i) {
        stoppers.emplace_back([&workers] {
            for (Worker& worker : workers) worker.thread.stop();
        });
    }
    NativeThread::stop_all();
    for (std::thread& stopper : stoppers) stopper.join();
    for (const Worker& worker : workers) CHECK_FALSE(worker.thread.running());
}

TEST_CASE("a child has no thread, and may start one") {
    Worker worker;
    worker.thread.start("ib-test", Worker::main, &worker);
    const pid_t pid = fork();
    if (pid == 0) {
        bool good = !worker.thread.running();
        worker.thread.stop();
#ifndef __SANITIZE_THREAD__  // which ends a process that starts a thread after a fork with threads
        Worker own;
        own.thread.start("ib-test", Worker::main, &own);
        good = good && own.thread.running();
        own.thread.stop();
#endif
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(worker.thread.running());
    worker.thread.stop();
}
