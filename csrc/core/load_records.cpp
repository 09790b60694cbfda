#include "load_records.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "number_column.hpp"

namespace inference_bench {
namespace {

// Reads shortly after a stall catch up with what came during it.
constexpr std::int64_t kCatchUpNs = 1'000'000;

std::shared_ptr<const Labels> outcome_labels() {
    static const auto labels = std::make_shared<const Labels>(
        std::vector<std::string>{"ok", "refused", "unreachable", "timeout", "idle_timeout", "reset", "malformed",
                                 "too_large", "interrupted", "unsent", "tls"});
    return labels;
}

template <typename Number, typename Row, typename Value>
TableColumn column_of(const char* name, const std::vector<Row>& rows, Value value,
                      std::shared_ptr<const Labels> labels = nullptr) {
    const NumberColumn<Number> numbers(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) numbers[i] = static_cast<Number>(value(rows[i]));
    return as_column(name, numbers, std::move(labels));
}

template <typename Row, std::size_t kBlockRows>
std::vector<Row> copy(const BlockList<Row, kBlockRows>& list) {
    std::vector<Row> rows;
    const std::size_t n = list.size();
    rows.reserve(n);
    list.visit(n, [&](std::size_t, const Row& row) { rows.push_back(row); });
    return rows;
}

// Whether some stall overlaps the time from `from_ns` to `to_ns`; stalls follow one another.
bool touched(const std::vector<StallRow>& stalls, std::int64_t from_ns, std::int64_t to_ns) {
    const auto first =
        std::lower_bound(stalls.begin(), stalls.end(), from_ns,
                         [](const StallRow& stall, std::int64_t ns) { return stall.ended_ns + kCatchUpNs < ns; });
    return first != stalls.end() && first->began_ns <= to_ns;
}

}  // namespace

LoadRecords::LoadRecords(std::size_t requests) : size_(requests), rows_(new RequestRow[requests]) {}

void LoadRecords::add_chunk(std::size_t request, std::int64_t kernel_ns, std::int64_t read_ns, std::string_view bytes) {
    RequestRow& of = rows_[request];
    const char* const first = bytes.data();
    const auto length = static_cast<std::int64_t>(bytes.size());
    of.last_chunk = chunks_.append(
        {static_cast<std::int64_t>(request), kernel_ns, read_ns, of.body_bytes, length, first, of.last_chunk});
    of.body_bytes += length;
}

void LoadRecords::end(std::size_t request, Outcome outcome, std::int64_t at_ns, std::string_view head) {
    RequestRow& of = rows_[request];
    char* const kept = bytes_.reserve(head.size());
    std::copy(head.begin(), head.end(), kept);
    bytes_.keep(head.size());
    of.head = {kept, head.size()};
    of.ended_ns = at_ns;
    of.outcome = outcome;
    of.over.store(true, std::memory_order_release);
    ended_.fetch_add(1, std::memory_order_release);
}

void LoadRecords::make_room() {
    chunks_.make_room();
    stalls_.make_room();
    bytes_.make_room();
}

std::string LoadRecords::body(std::size_t request) const {
    const RequestRow& of = rows_[request];
    std::string body(static_cast<std::size_t>(of.body_bytes), '\0');
    for (const ChunkRow* chunk = of.last_chunk; chunk != nullptr; chunk = chunk->before) {
        std::memcpy(&body[static_cast<std::size_t>(chunk->offset)], chunk->bytes,
                    static_cast<std::size_t>(chunk->length));
    }
    return body;
}

Table LoadRecords::requests(const KernelTimes& kernel) const {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < size_; ++i) {
        if (over(i)) rows.push_back(i);
    }
    const auto number = [&](const char* name, std::int64_t RequestRow::* member) {
        return column_of<std::int64_t>(name, rows, [&](std::size_t i) { return rows_[i].*member; });
    };
    const auto first_byte_kernel_ns = [&](std::size_t i) {
        return kernel.to_now_ns(rows_[i].first_byte_kernel_ns, rows_[i].first_byte_ns);
    };
    const auto outcome = [&](std::size_t i) { return rows_[i].outcome; };
    return {rows.size(),
            {column_of<std::int64_t>("request", rows, [](std::size_t i) { return i; }),
             number("connection", &RequestRow::connection), number("planned_ns", &RequestRow::planned_ns),
             number("sent_ns", &RequestRow::sent_ns), number("written_ns", &RequestRow::written_ns),
             number("connect_ns", &RequestRow::connect_ns), number("tls_ns", &RequestRow::tls_ns),
             column_of<std::int64_t>("first_byte_kernel_ns", rows, first_byte_kernel_ns),
             number("first_byte_ns", &RequestRow::first_byte_ns), number("ended_ns", &RequestRow::ended_ns),
             column_of<std::int32_t>("status", rows, [&](std::size_t i) { return rows_[i].status; }),
             column_of<std::int32_t>("outcome", rows, outcome, outcome_labels()),
             column_of<std::int64_t>("head_bytes", rows, [&](std::size_t i) { return rows_[i].head.size(); }),
             number("body_bytes", &RequestRow::body_bytes),
             column_of<std::uint8_t>("resent", rows, [&](std::size_t i) { return rows_[i].resent; })}};
}

Table LoadRecords::chunks(const KernelTimes& kernel) const {
    std::vector<ChunkRow> rows = copy(chunks_);
    const std::vector<StallRow> stalls = copy(stalls_);
    for (ChunkRow& row : rows) row.kernel_ns = kernel.to_now_ns(row.kernel_ns, row.read_ns);
    const auto number = [&](const char* name, std::int64_t ChunkRow::* member) {
        return column_of<std::int64_t>(name, rows, [&](const ChunkRow& row) { return row.*member; });
    };
    const auto stalled = [&](const ChunkRow& row) {
        const std::int64_t came_ns = row.kernel_ns == KernelTimes::kNone ? row.read_ns : row.kernel_ns;
        return touched(stalls, std::min(came_ns, row.read_ns), row.read_ns);
    };
    return {rows.size(),
            {number("request", &ChunkRow::request), number("kernel_ns", &ChunkRow::kernel_ns),
             number("read_ns", &ChunkRow::read_ns), number("offset", &ChunkRow::offset),
             number("length", &ChunkRow::length), column_of<std::uint8_t>("stalled", rows, stalled)}};
}

Table LoadRecords::stalls() const {
    const std::vector<StallRow> rows = copy(stalls_);
    return {rows.size(),
            {column_of<std::int64_t>("began_ns", rows, [](const StallRow& row) { return row.began_ns; }),
             column_of<std::int64_t>("ended_ns", rows, [](const StallRow& row) { return row.ended_ns; })}};
}

}  // namespace inference_bench
