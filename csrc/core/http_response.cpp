#include "http_response.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace inference_bench {
namespace {

constexpr std::uint64_t kNoEnd = UINT64_MAX;

// Appends what there is of the next line, its end included, and returns how many bytes that took.
std::size_t gather_line(std::string& gathered, const char* data, std::size_t size) {
    const void* const end = std::memchr(data, '\n', size);
    const std::size_t line = end == nullptr ? size : static_cast<std::size_t>(static_cast<const char*>(end) - data) + 1;
    const std::size_t taken = std::min(line, HttpResponse::kMostHeadBytes + 1 - gathered.size());
    gathered.append(data, taken);
    return taken;
}

bool ends_with(std::string_view text, std::string_view end) noexcept {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool ends_with_empty_line(std::string_view text) noexcept {
    return text == "\n" || text == "\r\n" || ends_with(text, "\n\n") || ends_with(text, "\n\r\n");
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
    const std::size_t taken = gather_line(head_bytes_, data, size);
    if (cannot_begin_head(head_bytes_.front())) {
        stage_ = Stage::Malformed;
    } else if (head_bytes_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ends_with_empty_line(head_bytes_)) {
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
    const std::size_t taken = gather_line(lines_, data, size);
    if (lines_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ends_with(lines_, "\r\n")) {
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
    const std::size_t taken = gather_line(lines_, data, size);
    if (lines_.size() > kMostHeadBytes) {
        stage_ = Stage::TooLarge;
    } else if (ends_with_empty_line(lines_)) {
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
