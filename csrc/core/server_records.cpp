#include "server_records.hpp"

#include <algorithm>
#include <stdexcept>

#include "number_column.hpp"

namespace inference_bench {

std::int64_t ServerRecords::received(const Received& request, std::string_view bytes) {
    char* const kept = bytes_.reserve(bytes.size());
    std::copy(bytes.begin(), bytes.end(), kept);
    bytes_.keep(bytes.size());
    received_.append({request, kept, bytes.size()});
    return static_cast<std::int64_t>(received_.size()) - 1;
}

void ServerRecords::ended(std::int64_t request, std::int64_t ended_ns, bool complete) {
    ended_.append({request, ended_ns, complete});
}

Table ServerRecords::requests() const {
    const std::size_t ends = ended_.size();  // first: each of these requests is among the rows below
    const std::size_t rows = received_.size();
    const NumberColumn<std::int64_t> request(rows), script(rows), connection(rows);
    const NumberColumn<std::int64_t> first_byte_ns(rows), received_ns(rows), ended_ns(rows);
    const NumberColumn<std::uint8_t> complete(rows);
    received_.visit(rows, [&](std::size_t i, const Request& row) {
        request[i] = static_cast<std::int64_t>(i);
        script[i] = row.at.script;
        connection[i] = row.at.connection;
        first_byte_ns[i] = row.at.first_byte_ns;
        received_ns[i] = row.at.received_ns;
        ended_ns[i] = -1;
        complete[i] = 0;
    });
    ended_.visit(ends, [&](std::size_t, const Ended& row) {
        ended_ns[static_cast<std::size_t>(row.request)] = row.ended_ns;
        complete[static_cast<std::size_t>(row.request)] = row.complete ? 1 : 0;
    });
    return {rows,
            {as_column("request", request), as_column("script", script), as_column("connection", connection),
             as_column("first_byte_ns", first_byte_ns), as_column("received_ns", received_ns),
             as_column("ended_ns", ended_ns), as_column("complete", complete)}};
}

Table ServerRecords::sends() const {
    const std::size_t rows = sent_.size();
    const NumberColumn<std::int64_t> request(rows), step(rows), planned_ns(rows), sent_ns(rows), length(rows);
    sent_.visit(rows, [&](std::size_t i, const Sent& row) {
        request[i] = row.request;
        step[i] = row.step;
        planned_ns[i] = row.planned_ns;
        sent_ns[i] = row.sent_ns;
        length[i] = row.length;
    });
    return {rows,
            {as_column("request", request), as_column("step", step), as_column("planned_ns", planned_ns),
             as_column("sent_ns", sent_ns), as_column("length", length)}};
}

std::string ServerRecords::request_bytes(std::size_t request) const {
    const std::size_t rows = received_.size();
    if (request >= rows) {
        throw std::out_of_range("no request " + std::to_string(request) + "; " + std::to_string(rows) + " came");
    }
    std::string found;
    received_.visit(request + 1, [&](std::size_t i, const Request& row) {
        if (i == request) found.assign(row.bytes, row.length);
    });
    return found;
}

}  // namespace inference_bench
