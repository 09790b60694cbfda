// TLS of a client as bytes in and bytes out: the sockets, and the stamps of what they bring, are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "openssl.hpp"

namespace inference_bench {

// What all sessions with one server share: whose certificates are believed, and the name that they must be for.
class TlsContext {
  public:
    // `name`: a host name, sent as SNI too, or an IP address. `authorities`: a PEM file; empty: the system's own.
    // Throws std::runtime_error without OpenSSL, std::invalid_argument for a file that cannot be read.
    TlsContext(std::string name, const std::string& authorities);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    [[nodiscard]] ssl_st* new_session() const;  // std::bad_alloc

  private:
    const OpenSsl& openssl_;
    ssl_ctx_st* const context_;
    const std::string name_;
};

// One thread at a time.
class TlsSession {
  public:
    enum class Handshake : std::uint8_t { Done, Pending, Failed };
    enum class Readable : std::uint8_t { Some, None, Ended, Failed };

    explicit TlsSession(const TlsContext& context);  // std::bad_alloc
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    void receive(const char* ciphertext, std::size_t bytes);  // std::bad_alloc
    // As far as what was received allows. What is to be sent may have grown, also where it failed: by an alert.
    [[nodiscard]] Handshake shake_hands();
    [[nodiscard]] Readable read(char* plaintext, std::size_t room, std::size_t& bytes);
    [[nodiscard]] bool write(const char* plaintext, std::size_t bytes);  // false if the session has failed

    // Appends what is to be sent to the server.
    void take_ciphertext(std::string& to);
    // Why the handshake failed, in one line.
    [[nodiscard]] std::string reason() const;

  private:
    const OpenSsl& openssl_;
    ssl_st* const session_;
    bio_st* in_ = nullptr;  // the session's own
    bio_st* out_ = nullptr;
};

}  // namespace inference_bench
