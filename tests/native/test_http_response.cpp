#include "http_response.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

using inference_bench::HttpResponse;

namespace {

constexpr std::size_t kMostBytes = 1 << 20;

struct Framed {
    HttpResponse::Progress progress;
    int status;
    std::string body;
};

// Each piece and its room are blocks of their own size, so that a sanitizer sees a step beyond either.
Framed framed(const std::vector<std::string>& pieces, bool bodiless) {
    HttpResponse response;
    response.begin(kMostBytes, bodiless);
    std::string body;
    for (const std::string& piece : pieces) {
        const std::unique_ptr<char[]> data(new char[piece.size()]);
        const std::unique_ptr<char[]> room(new char[piece.size()]);
        piece.copy(data.get(), piece.size());
        const HttpResponse::Fed fed = response.feed(data.get(), piece.size(), room.get());
        REQUIRE(fed.taken <= piece.size());
        REQUIRE(fed.body_bytes <= fed.taken);
        body.append(room.get(), fed.body_bytes);
    }
    response.end_of_connection();
    return {response.progress(), response.status(), body};
}

class Mutations {
  public:
    explicit Mutations(unsigned seed) : random_(seed) {}

    std::string mutated(std::string text) {
        static const std::string kBytes = "\r\n :;,\t0159afgHx\x7f\xff";
        for (std::size_t n = below(5); n > 0 && !text.empty(); --n) {
            const std::size_t at = below(text.size());
            const char byte = kBytes[below(kBytes.size())];
            switch (below(4)) {
                case 0:
                    text[at] = byte;
                    break;
                case 1:
                    text.insert(at, 1, byte);
                    break;
                case 2:
                    text.erase(at, 1 + below(3));
                    break;
                default:
                    text.insert(at, text.substr(below(text.size()), below(12)));
            }
        }
        return text;
    }

    std::vector<std::string> cut(const std::string& text) {
        std::vector<std::string> pieces;
        for (std::size_t at = 0; at < text.size();) {
            pieces.push_back(text.substr(at, 1 + below(20)));
            at += pieces.back().size();
        }
        return pieces;
    }

    std::size_t below(std::size_t n) { return random_() % n; }

  private:
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("whatever comes, cut anywhere, is framed alike and within its bytes") {
    const std::vector<std::string> seeds = {
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.0 200 OK\nConnection: keep-alive\n\nuntil the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nA: b\r\n folded\r\nContent-Length: 2, 2\r\n\r\nno",
        "HTTP/1.1 204 No Content\r\n\r\n",
    };
    Mutations mutations(1);
    int complete = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string text = mutations.mutated(seeds[mutations.below(seeds.size())]);
        const bool bodiless = mutations.below(10) == 0;
        const Framed whole = framed({text}, bodiless);
        const Framed in_pieces = framed(mutations.cut(text), bodiless);
        INFO(text);
        REQUIRE(in_pieces.progress == whole.progress);
        if (whole.progress != HttpResponse::Progress::Complete) continue;
        ++complete;
        CHECK(in_pieces.status == whole.status);
        CHECK(in_pieces.body == whole.body);
    }
    CHECK(complete > 2'000);
    CHECK(complete < 18'000);
}

TEST_CASE("one response after another is framed as if it were the first") {
    HttpResponse response;
    char room[64];
    const std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for (const std::size_t stopped_after : {text.size(), std::size_t{20}, text.size() - 3, text.size()}) {
        response.begin(kMostBytes, false);
        static_cast<void>(response.feed(text.data(), stopped_after, room));
        CHECK((response.progress() == HttpResponse::Progress::Complete) == (stopped_after == text.size()));
    }
}
