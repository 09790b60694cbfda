#include "arrow_export.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <new>
#include <string>

#include "failing_allocations.hpp"

using namespace inference_bench;
using inference_bench::testing::FailingAllocations;
using inference_bench::testing::live_allocations;

namespace {

SharedTable two_columns() {
    static const std::int32_t names[] = {1, 0, 1};
    static const std::int64_t values[] = {10, 20, 30};
    auto table = std::make_shared<Table>();
    table->rows = 3;
    const auto labels = std::make_shared<const Labels>(std::vector<std::string>{"prefill", "decode"});
    table->columns.push_back({"name", kArrowFormat<std::int32_t>, nullptr, names, labels});
    table->columns.push_back({"value", kArrowFormat<std::int64_t>, nullptr, values, nullptr});
    return table;
}

struct Stream {
    explicit Stream(const SharedTable& table) { export_stream(table, &raw); }
    ~Stream() {
        if (raw.release != nullptr) raw.release(&raw);
    }
    ArrowArrayStream raw{};
};

// Fails the first allocation, then the second and so on, until `attempt` succeeds; returns how many failed. `failed`
// says what a failure looks like.
template <typename Attempt>
int failures_of(Attempt attempt) {
    const std::int64_t before = live_allocations();
    for (int nth = 0;; ++nth) {
        bool succeeded = false;
        {
            const FailingAllocations failing(nth);
            succeeded = attempt();
        }
        CHECK(live_allocations() == before);
        if (succeeded) return nth;
        REQUIRE(nth < 1000);
    }
}

}  // namespace

TEST_CASE("a table is exported with its labels as a dictionary, and a moved child outlives its parent") {
    SharedTable table = two_columns();
    ArrowSchema schema{};
    ArrowArray array{};
    export_schema(table, &schema);
    export_array(table, &array);
    REQUIRE(table.use_count() > 1);
    table.reset();

    CHECK(std::string(schema.format) == "+s");
    REQUIRE(schema.n_children == 2);
    CHECK(std::string(schema.children[0]->name) == "name");
    CHECK(std::string(schema.children[0]->dictionary->format) == "u");
    CHECK(schema.children[1]->dictionary == nullptr);
    schema.release(&schema);
    CHECK((schema.release == nullptr));

    REQUIRE(array.n_children == 2);
    ArrowArray moved = *array.children[0];
    array.children[0]->release = nullptr;
    array.release(&array);
    CHECK(moved.length == 3);
    CHECK(static_cast<const std::int32_t*>(moved.buffers[1])[2] == 1);
    CHECK(moved.dictionary->n_buffers == 3);
    CHECK(std::string(static_cast<const char*>(moved.dictionary->buffers[2]), 13) == "prefilldecode");
    moved.release(&moved);
}

TEST_CASE("an export that runs out of memory half-way leaves nothing behind") {
    const SharedTable table = two_columns();
    ArrowSchema schema{};
    const int schema_failures = failures_of([&] {
        try {
            export_schema(table, &schema);
        } catch (const std::bad_alloc&) {
            return schema.release != nullptr;
        }
        schema.release(&schema);
        return true;
    });
    CHECK(schema_failures > 3);
    ArrowArray array{};
    const int array_failures = failures_of([&] {
        try {
            export_array(table, &array);
        } catch (const std::bad_alloc&) {
            return array.release != nullptr;
        }
        array.release(&array);
        return true;
    });
    CHECK(array_failures > 3);
    CHECK(table.use_count() == 1);
}

TEST_CASE("a stream without memory returns ENOMEM with a text, and works once there is memory") {
    const SharedTable table = two_columns();
    Stream stream(table);
    ArrowSchema schema{};
    const int schema_failures = failures_of([&] {
        const int error = stream.raw.get_schema(&stream.raw, &schema);
        const char* const text = stream.raw.get_last_error(&stream.raw);
        if (error != 0) {
            const bool told = error == ENOMEM && text != nullptr && *text != '\0' && schema.release == nullptr;
            return !told;
        }
        schema.release(&schema);
        return text == nullptr;
    });
    CHECK(schema_failures > 3);
    ArrowArray array{};
    const int array_failures = failures_of([&] {
        const int error = stream.raw.get_next(&stream.raw, &array);
        if (error != 0) return error != ENOMEM || array.release != nullptr;
        if (array.release == nullptr) return true;
        array.release(&array);
        return true;
    });
    CHECK(array_failures > 3);
    CHECK(stream.raw.get_next(&stream.raw, &array) == 0);
    CHECK((array.release == nullptr));
    CHECK(stream.raw.get_last_error(&stream.raw) == nullptr);
}
