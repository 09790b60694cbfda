#include "memory_sampler.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "clock.hpp"

using inference_bench::MemorySampler;
using inference_bench::MemorySamplerOptions;

TEST_CASE("columns are read, phases marked and samplers stopped from other threads while they sample") {
    static_cast<void>(inference_bench::now_ns());
    MemorySamplerOptions options;
    options.interval_ns = 100'000;
    options.budget = 1;
    MemorySampler first(options);
    MemorySampler second(options);
    first.start();
    second.start();
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&first, i] {
            for (int n = 0; n < 50; ++n) {
                first.mark_phase(i % 2 == 0 ? "even" : "odd");
                const auto columns = first.columns();
                const auto at = static_cast<std::ptrdiff_t>(columns.rows) - 1;
                if (at >= 0) CHECK(columns.rss_bytes[at] > 0);
                static_cast<void>(first.stats());
            }
        });
    }
    for (std::thread& reader : readers) reader.join();
    std::thread([&first] { first.stop(); }).join();
    second.stop();
    CHECK(first.phases().size() == 150);
    CHECK(second.stats().samples >= 2);
}

TEST_CASE("full columns drop and count") {
    MemorySamplerOptions options;
    options.capacity = 3;
    MemorySampler sampler(options);
    for (int i = 0; i < 5; ++i) {
        sampler.start();
        sampler.stop();
    }
    CHECK(sampler.columns().rows == 3);
    CHECK(sampler.stats().dropped == sampler.stats().samples - 3);
    CHECK(sampler.stats().dropped >= 7);
}
