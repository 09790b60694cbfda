#include "tls.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <climits>
#include <new>
#include <stdexcept>
#include <utility>

namespace inference_bench {
namespace {

// Numbers of OpenSSL's interface, the same in 1.1 and 3 (openssl/ssl.h, openssl/tls1.h, openssl/x509_vfy.h).
constexpr int kVerifyPeer = 1;                                                    // SSL_VERIFY_PEER
constexpr int kSetHostName = 55;                                                  // SSL_CTRL_SET_TLSEXT_HOSTNAME
constexpr int kSetLeastVersion = 123;                                             // SSL_CTRL_SET_MIN_PROTO_VERSION
constexpr long kTls12 = 0x0303;                                                   // TLS1_2_VERSION
constexpr int kWantsRead = 2;                                                     // SSL_ERROR_WANT_READ
constexpr int kEnded = 6;                                                         // SSL_ERROR_ZERO_RETURN
constexpr long kVerified = 0;                                                     // X509_V_OK
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};  // for ALPN

bool is_ip(const std::string& name) noexcept {
    in6_addr address{};
    return inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

template <typename T>
T* whole(T* made) {
    if (made == nullptr) throw std::bad_alloc();
    return made;
}

int size_of(std::size_t bytes) noexcept { return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX)); }

}  // namespace

// ---- what sessions share

TlsContext::TlsContext(std::string name, const std::string& authorities)
    : openssl_(OpenSsl::get()),
      context_(whole(openssl_.new_context(openssl_.client_method()))),
      name_(std::move(name)) {
    openssl_.set_verify(context_, kVerifyPeer, nullptr);
    openssl_.control_context(context_, kSetLeastVersion, kTls12, nullptr);
    if (authorities.empty()) {
        openssl_.use_default_authorities(context_);
    } else if (openssl_.load_authorities(context_, authorities.c_str(), nullptr) != 1) {
        openssl_.clear_errors();
        openssl_.free_context(context_);
        throw std::invalid_argument("tls_ca must be a PEM file with certificates; given '" + authorities + "'");
    }
}

TlsContext::~TlsContext() { openssl_.free_context(context_); }

ssl_st* TlsContext::new_session() const {
    ssl_st* const session = whole(openssl_.new_session(context_));
    bool set = openssl_.set_protocols(session, kHttp11, sizeof kHttp11) == 0;
    if (is_ip(name_)) {
        set = set && openssl_.set_ip(openssl_.parameters(session), name_.c_str()) == 1;
    } else {
        set = set && openssl_.set_host(session, name_.c_str()) == 1 &&
              openssl_.control_session(session, kSetHostName, 0, const_cast<char*>(name_.c_str())) == 1;
    }
    if (set) return session;
    openssl_.free_session(session);
    throw std::bad_alloc();
}

// ---- a session

TlsSession::TlsSession(const TlsContext& context) : openssl_(OpenSsl::get()), session_(context.new_session()) {
    in_ = openssl_.new_bio(openssl_.memory_method());
    out_ = openssl_.new_bio(openssl_.memory_method());
    if (in_ == nullptr || out_ == nullptr) {
        if (in_ != nullptr) openssl_.free_bio(in_);
        openssl_.free_session(session_);
        throw std::bad_alloc();
    }
    openssl_.set_bios(session_, in_, out_);
}

TlsSession::~TlsSession() { openssl_.free_session(session_); }

void TlsSession::receive(const char* ciphertext, std::size_t bytes) {
    if (openssl_.write_bio(in_, ciphertext, size_of(bytes)) != size_of(bytes)) throw std::bad_alloc();
}

TlsSession::Handshake TlsSession::shake_hands() {
    openssl_.clear_errors();
    const int result = openssl_.connect(session_);
    if (result == 1) return Handshake::Done;
    return openssl_.error(session_, result) == kWantsRead ? Handshake::Pending : Handshake::Failed;
}

TlsSession::Readable TlsSession::read(char* plaintext, std::size_t room, std::size_t& bytes) {
    openssl_.clear_errors();
    const int result = openssl_.read(session_, plaintext, size_of(room));
    bytes = static_cast<std::size_t>(std::max(result, 0));
    if (result > 0) return Readable::Some;
    switch (openssl_.error(session_, result)) {
        case kWantsRead:
            return Readable::None;
        case kEnded:
            return Readable::Ended;
        default:
            return Readable::Failed;
    }
}

// Into memory, so that all of it is taken at once.
bool TlsSession::write(const char* plaintext, std::size_t bytes) {
    openssl_.clear_errors();
    while (bytes > 0) {
        const int written = openssl_.write(session_, plaintext, size_of(bytes));
        if (written <= 0) return false;
        plaintext += written;
        bytes -= static_cast<std::size_t>(written);
    }
    return true;
}

void TlsSession::take_ciphertext(std::string& to) {
    char piece[16 * 1024];
    for (;;) {
        const int bytes = openssl_.read_bio(out_, piece, sizeof piece);
        if (bytes <= 0) return;
        to.append(piece, static_cast<std::size_t>(bytes));
    }
}

std::string TlsSession::reason() const {
    const long verified = openssl_.verify_result(session_);
    if (verified != kVerified) return openssl_.verify_text(verified);
    const unsigned long error = openssl_.next_error();
    if (error == 0) return "the server ended the connection during the handshake";
    char text[256];
    openssl_.error_text(error, text, sizeof text);
    return text;
}

}  // namespace inference_bench
