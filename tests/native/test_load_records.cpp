#include "load_records.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

using inference_bench::BlockList;
using inference_bench::ByteArena;
using inference_bench::ClockPair;
using inference_bench::KernelTimes;
using inference_bench::LoadRecords;
using inference_bench::Outcome;
using inference_bench::Table;
using inference_bench::TableColumn;

namespace {

const KernelTimes kSameClock(std::vector<ClockPair>{{0, 0, 0}});

void receive(LoadRecords& records, std::size_t request, std::int64_t kernel_ns, std::int64_t read_ns,
             const std::string& text) {
    char* const kept = records.bytes().reserve(text.size());
    std::memcpy(kept, text.data(), text.size());
    records.bytes().keep(text.size());
    records.add_chunk(request, kernel_ns, read_ns, {kept, text.size()});
}

template <typename Number>
Number cell(const Table& table, const std::string& name, std::size_t row) {
    for (const TableColumn& column : table.columns) {
        if (column.name == name) return static_cast<const Number*>(column.data)[row];
    }
    FAIL("no column " << name);
    return 0;
}

}  // namespace

TEST_CASE("rows of a list stay where they are while it grows, and are read while it is written") {
    BlockList<std::int64_t, 8> list;
    std::atomic<bool> over{false};
    std::thread reader([&] {
        while (!over) {
            const std::size_t n = list.size();
            std::int64_t sum = 0;
            list.visit(n, [&](std::size_t, std::int64_t row) { sum += row; });
            CHECK(sum == static_cast<std::int64_t>(n * (n - (n > 0)) / 2));
        }
    });
    const std::int64_t* const first = list.append(0);
    for (std::int64_t i = 1; i < 1'000; ++i) {
        if (i % 3 == 0) list.make_room();
        CHECK(*list.append(i) == i);
    }
    over = true;
    reader.join();
    CHECK(*first == 0);
    CHECK(list.size() == 1'000);
}

TEST_CASE("pieces of an arena stay where they are, also large ones") {
    ByteArena arena;
    std::vector<std::pair<char*, std::size_t>> pieces;
    for (const std::size_t size : {std::size_t{1}, std::size_t{300'000}, std::size_t{2'000'000}, std::size_t{100'000},
                                   std::size_t{200'000}, std::size_t{0}, std::size_t{7}}) {
        char* const piece = arena.reserve(size + 100);
        std::memset(piece, static_cast<int>(pieces.size()), size);
        arena.keep(size);
        arena.make_room();
        pieces.emplace_back(piece, size);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        for (std::size_t at = 0; at < pieces[i].second; ++at) REQUIRE(pieces[i].first[at] == static_cast<char>(i));
    }
}

TEST_CASE("a body is put together from its chunks, among those of others") {
    LoadRecords records(3);
    receive(records, 1, 5, 6, "hel");
    receive(records, 0, 6, 7, "other");
    receive(records, 1, 8, 9, "lo");
    CHECK_FALSE(records.over(1));
    records.end(1, Outcome::Ok, 9, "HTTP/1.1 200 OK");
    CHECK(records.over(1));
    CHECK(records.ended() == 1);
    CHECK(records.body(1) == "hello");
    CHECK(records.head(1) == "HTTP/1.1 200 OK");
    const Table requests = records.requests(kSameClock);
    REQUIRE(requests.rows == 1);
    CHECK(cell<std::int64_t>(requests, "request", 0) == 1);
    CHECK(cell<std::int64_t>(requests, "body_bytes", 0) == 5);
    const Table chunks = records.chunks(kSameClock);
    REQUIRE(chunks.rows == 3);
    CHECK(cell<std::int64_t>(chunks, "offset", 2) == 3);
    CHECK(cell<std::int64_t>(chunks, "kernel_ns", 2) == 8);
}

TEST_CASE("a chunk is marked where a stall overlaps the time that it waited, or the millisecond after") {
    constexpr std::int64_t kMs = 1'000'000;
    LoadRecords records(1);
    records.add_stall(100 * kMs, 200 * kMs);
    records.add_stall(500 * kMs, 600 * kMs);
    const std::vector<std::pair<std::int64_t, std::int64_t>> chunks = {
        {99 * kMs, 99 * kMs},                  // before
        {150 * kMs, 200 * kMs + 5},            // came during the first
        {KernelTimes::kNone, 200 * kMs + 10},  // read just after it
        {300 * kMs, 300 * kMs},                // between
        {450 * kMs, 601 * kMs},                // waited through the second
        {602 * kMs, 602 * kMs},                // after
    };
    for (const auto& [kernel_ns, read_ns] : chunks) receive(records, 0, kernel_ns, read_ns, "x");
    const Table table = records.chunks(kSameClock);
    const std::vector<int> expected = {0, 1, 1, 0, 1, 0};
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(cell<std::uint8_t>(table, "stalled", i) == expected[i]);
}
