#include "http_request.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using inference_bench::request_length;

namespace {

const std::string kNext = "GET /next HTTP/1.1\r\n\r\n";

// Every proper beginning is incomplete; the whole, also with another request behind it, has its own length.
void check_ends(const std::string& request) {
    for (std::size_t n = 0; n < request.size(); ++n) CHECK(request_length(request.substr(0, n)) == 0);
    CHECK(request_length(request) == request.size());
    CHECK(request_length(request + kNext) == request.size());
}

}  // namespace

TEST_CASE("a request ends where its head, length or last chunk says") {
    check_ends("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    check_ends("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    check_ends("POST / HTTP/1.1\r\nhost: a\r\ncontent-length:  0 \r\n\r\n");
    check_ends("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n");
    check_ends("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nDigest: 1\r\nOther: 2\r\n\r\n");
}

TEST_CASE("a request whose end cannot be told is refused") {
    CHECK(request_length("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n") == std::nullopt);
    CHECK(request_length("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == std::nullopt);
    CHECK(request_length("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n") == std::nullopt);
    CHECK(request_length("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") == std::nullopt);
    CHECK(request_length(std::string(inference_bench::kMostRequestHeadBytes, 'a')) == std::nullopt);
}

TEST_CASE("a length near the greatest number only means that the rest has not come") {
    CHECK(request_length("POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nx") == 0);
    CHECK(request_length("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc") == 0);
}
