#include "request_plan.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

using inference_bench::RequestPlan;

namespace {

// The order in which requests are taken where each ends `service_ns` after it was due.
std::vector<std::size_t> carried_out(RequestPlan& plan, std::int64_t service_ns) {
    std::vector<std::size_t> order;
    plan.begin(1'000);
    while (plan.next_ns() != RequestPlan::kNever) {
        const RequestPlan::Planned next = plan.take();
        order.push_back(next.request);
        plan.ended(next.request, next.due_ns + service_ns);
    }
    return order;
}

}  // namespace

TEST_CASE("requests of an open loop are due at their offsets, whatever ends") {
    RequestPlan plan(3, {5, 5, 9}, {}, 0);
    plan.begin(100);
    for (const std::size_t i : {0U, 1U, 2U}) {
        const RequestPlan::Planned next = plan.take();
        CHECK(next.request == i);
        CHECK(next.due_ns == 100 + (i < 2 ? 5 : 9));
    }
    CHECK(plan.next_ns() == RequestPlan::kNever);
    plan.ended(0, 500);
    CHECK(plan.next_ns() == RequestPlan::kNever);
}

TEST_CASE("what comes after a request counts from its end") {
    RequestPlan plan(3, {0, 20, 10}, {-1, 0, 0}, 0);
    plan.begin(100);
    plan.ended(plan.take().request, 300);
    const RequestPlan::Planned second = plan.take();
    CHECK(second.request == 2);
    CHECK(second.due_ns == 310);
    CHECK(plan.take().due_ns == 320);
}

TEST_CASE("a closed loop has so many requests planned or under way, and each once") {
    for (const std::int64_t clients : {1, 3, 50}) {
        RequestPlan plan(10, {}, {}, clients);
        plan.begin(0);
        std::vector<std::size_t> under_way;
        std::vector<int> taken(10);
        for (std::size_t ended = 0; ended < 10;) {
            while (plan.next_ns() != RequestPlan::kNever) {
                under_way.push_back(plan.take().request);
                ++taken[under_way.back()];
            }
            CHECK(under_way.size() == std::min<std::size_t>(static_cast<std::size_t>(clients), 10 - ended));
            plan.ended(under_way.front(), static_cast<std::int64_t>(++ended));
            under_way.erase(under_way.begin());
        }
        CHECK(taken == std::vector<int>(10, 1));
    }
}

TEST_CASE("a client ends its session, with all branches, before it begins another") {
    RequestPlan plan(6, {}, {-1, 0, 0, 2, -1, 4}, 1);
    CHECK(carried_out(plan, 10) == std::vector<std::size_t>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("plans that cannot be are refused") {
    CHECK_THROWS_AS(RequestPlan(0, {}, {}, 1), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(2, {0}, {}, 0), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(2, {1, 0}, {}, 0), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(1, {-1}, {}, 0), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(2, {0, 0}, {-1, 1}, 0), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(2, {0, 0}, {-1, -2}, 0), std::invalid_argument);
    CHECK_THROWS_AS(RequestPlan(1, {}, {}, -1), std::invalid_argument);
    CHECK_NOTHROW(RequestPlan(2, {5, 0}, {-1, 0}, 0));
    CHECK_NOTHROW(RequestPlan(2, {5, 0}, {}, 1));
}
