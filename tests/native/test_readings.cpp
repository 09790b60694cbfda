#include <doctest/doctest.h>

#include "system_counters.hpp"
#include "thread_counters.hpp"

using namespace inference_bench;

TEST_CASE("numbers are read one after the other, and an impossible one is absent") {
    procfs::Numbers numbers("cpu  12 a 0, 9223372036854775807 9223372036854775808 99999999999999999999999 7\n");
    CHECK(numbers.next() == 12);
    CHECK(numbers.next() == 0);
    CHECK(numbers.next() == INT64_MAX);
    CHECK_FALSE(numbers.next());
    CHECK_FALSE(numbers.next());
    CHECK(numbers.next() == 7);
    CHECK_FALSE(numbers.next());
}

TEST_CASE("the line of all cores") {
    SystemReading r{};
    procfs::read_cpu_line("cpu  10 1 20 30 4 5 6 7 0 0\ncpu0 1 1 1 1 1 1 1 1\n", 10'000'000, r);
    CHECK(r.user_ns == 110'000'000);
    CHECK(r.system_ns == 200'000'000);
    CHECK(r.idle_ns == 300'000'000);
    CHECK(r.iowait_ns == 40'000'000);
    CHECK(r.interrupts_ns == 110'000'000);
    CHECK(r.steal_ns == 70'000'000);
}

TEST_CASE("what an old kernel does not tell is absent, not 0") {
    SystemReading r{};
    procfs::read_cpu_line("cpu  10 1 20 30\ncpu0 1 1 1 1 1 1 1 1\n", 10'000'000, r);
    CHECK(r.idle_ns == 300'000'000);
    CHECK_FALSE(r.iowait_ns);
    CHECK_FALSE(r.interrupts_ns);
    CHECK_FALSE(r.steal_ns);
    procfs::read_cpu_line("", 10'000'000, r);
}

TEST_CASE("pressure") {
    const char* const text =
        "some avg10=0.14 avg60=1.45 avg300=18.07 total=261606720\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n";
    CHECK(procfs::pressure_ns(text, "some") == 261606720000);
    CHECK(procfs::pressure_ns(text, "full") == 5000);
    CHECK_FALSE(procfs::pressure_ns("some avg10=0.14\n", "full"));
    CHECK_FALSE(procfs::pressure_ns("", "some"));
}

TEST_CASE("a difference is absent where either reading is") {
    ThreadReading a{}, b{};
    a.time_ns = 10, b.time_ns = 25;
    a.minor_faults = 3, b.minor_faults = 5;
    a.cycles = 7;
    const ThreadReading between = difference(b, a);
    CHECK(between.time_ns == 15);
    CHECK(between.minor_faults == 2);
    CHECK_FALSE(between.cycles);
}
