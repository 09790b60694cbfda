// The framing of one HTTP/1.1 response, from bytes that come in any pieces (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "http_head.hpp"

namespace inference_bench {

// Trailers and the informational responses (1xx) before a response are dropped. 101 is malformed: no request asks for
// an upgrade.
class HttpResponse {
  public:
    enum class Progress : std::uint8_t { Unfinished, Complete, Malformed, TooLarge };

    // Of one head, or of one line between chunks.
    static constexpr std::size_t kMostHeadBytes = 64 * 1024;

    // Forgets the response before. `bodiless`: it answers HEAD, and has no body whatever its head says.
    void begin(std::size_t most_bytes, bool bodiless) noexcept;

    struct Fed {
        std::size_t taken;       // fewer than given only where the response ended, or is wrong
        std::size_t body_bytes;  // of those, what belongs to the body
    };
    // Copies what belongs to the body to `body`, which has room for `size` bytes. std::bad_alloc.
    Fed feed(const char* data, std::size_t size, char* body);
    // The connection ended: a body without a length ends with it.
    void end_of_connection() noexcept;

    [[nodiscard]] Progress progress() const noexcept;
    [[nodiscard]] int status() const noexcept { return head_.status; }  // 0 before the end of the head
    [[nodiscard]] const std::string& head() const noexcept { return head_bytes_; }
    // Whether the connection may carry another request after this response.
    [[nodiscard]] bool reusable() const noexcept { return stage_ == Stage::Complete && reusable_; }

  private:
    enum class Stage : std::uint8_t {
        Head,
        Sized,       // `left_` bytes of body
        ChunkLine,   // the size of a chunk
        ChunkData,   // `left_` bytes of a chunk
        ChunkEnd,    // CR LF after a chunk
        Trailers,    // up to an empty line
        UntilClose,  // a body that the end of the connection ends
        Complete,
        Malformed,
        TooLarge,
    };

    [[nodiscard]] bool over() const noexcept { return stage_ >= Stage::Complete; }
    std::size_t take(const char* data, std::size_t size, char* body, std::size_t& body_bytes);
    std::size_t take_head(const char* data, std::size_t size);
    std::size_t take_chunk_line(const char* data, std::size_t size);
    std::size_t take_chunk_end(char next) noexcept;
    std::size_t take_trailers(const char* data, std::size_t size);
    std::size_t take_body(const char* data, std::size_t size, char* body) noexcept;
    void end_head();
    void expect(std::uint64_t bytes, Stage stage) noexcept;

    Stage stage_ = Stage::Complete;
    bool bodiless_ = false;
    bool reusable_ = false;
    std::size_t most_bytes_ = 0;
    std::size_t received_ = 0;  // all bytes that were taken
    std::uint64_t left_ = 0;
    HttpHead head_;
    std::string head_bytes_;
    std::string lines_;  // gathered between chunks
};

}  // namespace inference_bench
