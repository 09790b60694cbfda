#include "http_response.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace inference_bench {
namespace {

constexpr std::uint64_t kNoEnd = UINT64_MAX;

// Appends to `gathered` until `end_of(gathered, searched)` finds an end, which is then its length. Returns how many of
// the bytes it took; `ended` says whether there was an end.
template <typename EndOf>
std::size_t gather(std::string& gathered, const char* data, std::size_t size, EndOf end_of, bool& ended) {
    const std::size_t before = gathered.size();
    const std::size_t room = HttpResponse::kMostHeadBytes + 1 - before;
    const std::size_t taken = std::min(size, room);
    gathered.append(data, taken);
    const std::size_t end = end_of(gathered, before);
    ended = end != 0;
    if (!ended) return taken;
    gathered.resize(end);
    return end - before;
}

std::size_t end_of_line(std::string_view bytes, std::size_t searched) noexcept {
    const std::size_t at = bytes.find("\r\n", searched > 0 ? searched - 1 : 0);
    return at == std::string_view::npos ? 0 : at + 2;
}

// No status line begins so; what does is not HTTP, and may never send a line end.
bool cannot_begin_head(char first) noexcept { return static_cast<unsigned char>(first) <= ' '; }

}  // namespace

void HttpResponse::begin(std::size_t most_bytes, bool bodiless) noexcept {
    stage_ = Stage::Head;
    bodiless_ = bodiless;
    reusable_ = false;
    most_bytes_ = most_bytes;
    received_ = 0;
    left_ = 0;
    head_ = HttpHead();
    head_bytes_.clear();
    lines_.clear();
}

HttpResponse::Fed HttpResponse::feed(const char* data, std::size_t size, char* body) {
    Fed fed{0, 0};
    while (fed.taken < size && !over()) {
        const std::size_t taken = take(data + fed.taken, size - fed.taken, body + fed.body_bytes, fed.body_bytes);
        fed.taken += taken;
        received_ += taken;
        if (received_ > most_bytes_) stage_ = Stage::TooLarge;
    }
    return fed;
}

std::size_t HttpResponse::take(const char* data, std::size_t size, char* body, std::size_t& body_bytes) {
    switch (stage_) {
        case Stage::Head:
            return take_head(data, size);
        case Stage::ChunkLine:
            return take_chunk_line(data, size);
        case Stage::ChunkEnd:
            return take_chunk_end(*data);
        case Stage::Trailers:
            return take_trailers(data, size);
        default: {
            const std::size_t taken = take_body(data, size, body);
            body_bytes += taken;
            return taken;
        }
    }
}

std::size_t HttpResponse::take_head(const char* data, std::size_t size) {
    bool ended = false;
    const std::size_t taken = gather(head_bytes_, data, size, end_of_lines, ended);
    if (cannot_begin_head(head_bytes_.front())) {
        stage_ = Stage::Malformed;
    } else if (head_bytes_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ended) {
        end_head();
    }
    return taken;
}

void HttpResponse::end_head() {
    const std::optional<HttpHead> parsed = parse_head(head_bytes_);
    if (!parsed) {
        stage_ = Stage::Malformed;
        return;
    }
    if (parsed->informational()) {
        head_bytes_.clear();
        return;
    }
    head_ = *parsed;
    reusable_ = head_.keep_alive;
    if (bodiless_ || head_.status == 204 || head_.status == 304) {
        stage_ = Stage::Complete;
    } else if (head_.chunked) {
        stage_ = Stage::ChunkLine;
        if (head_.content_length) reusable_ = false;  // two lengths: where the next response begins is not certain
    } else if (head_.content_length) {
        expect(*head_.content_length, Stage::Sized);
        if (left_ == 0) stage_ = Stage::Complete;
    } else {
        left_ = kNoEnd;
        stage_ = Stage::UntilClose;
        reusable_ = false;
    }
}

void HttpResponse::expect(std::uint64_t bytes, Stage stage) noexcept {
    left_ = bytes;
    stage_ = bytes > most_bytes_ ? Stage::TooLarge : stage;
}

std::size_t HttpResponse::take_chunk_line(const char* data, std::size_t size) {
    bool ended = false;
    const std::size_t taken = gather(lines_, data, size, end_of_line, ended);
    if (lines_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ended) {
        const std::optional<std::uint64_t> bytes =
            parse_chunk_size(std::string_view(lines_).substr(0, lines_.size() - 2));
        if (bytes) {
            expect(*bytes, *bytes == 0 ? Stage::Trailers : Stage::ChunkData);
        } else {
            stage_ = Stage::Malformed;
        }
        lines_.clear();
    }
    return taken;
}

std::size_t HttpResponse::take_chunk_end(char next) noexcept {
    const char expected = left_ == 2 ? '\r' : '\n';
    if (next != expected) {
        stage_ = Stage::Malformed;
    } else if (--left_ == 0) {
        stage_ = Stage::ChunkLine;
    }
    return 1;
}

std::size_t HttpResponse::take_trailers(const char* data, std::size_t size) {
    bool ended = false;
    const std::size_t taken = gather(lines_, data, size, end_of_lines, ended);
    if (lines_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ended) {
        stage_ = are_fields(lines_) ? Stage::Complete : Stage::Malformed;
    }
    return taken;
}

std::size_t HttpResponse::take_body(const char* data, std::size_t size, char* body) noexcept {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size));
    std::memcpy(body, data, taken);
    if (stage_ == Stage::UntilClose) return taken;
    left_ -= taken;
    if (left_ > 0) return taken;
    if (stage_ == Stage::Sized) {
        stage_ = Stage::Complete;
    } else {
        left_ = 2;
        stage_ = Stage::ChunkEnd;
    }
    return taken;
}

void HttpResponse::end_of_connection() noexcept {
    if (stage_ == Stage::UntilClose) stage_ = Stage::Complete;
}

HttpResponse::Progress HttpResponse::progress() const noexcept {
    switch (stage_) {
        case Stage::Complete:
            return Progress::Complete;
        case Stage::Malformed:
            return Progress::Malformed;
        case Stage::TooLarge:
            return Progress::TooLarge;
        default:
            return Progress::Unfinished;
    }
}

}  // namespace inference_bench
