#include "openssl.hpp"

#include <stdexcept>

namespace inference_bench {
namespace {

// The symbols of libcrypto, which libssl needs, are found through libssl too.
template <typename Function>
void find(const SharedLibrary& library, const char* symbol, Function& function) {
    function = exported<Function>(library, symbol);
    if (function == nullptr) {
        throw std::runtime_error("https needs OpenSSL 1.1 or 3; " + library.name + " lacks " + symbol);
    }
}

}  // namespace

const OpenSsl& OpenSsl::get() {
    static const OpenSsl the_library([] {
        SharedLibrary library = open_library("INFERENCE_BENCH_LIBSSL", {"libssl.so.3", "libssl.so.1.1"});
        if (library.handle != nullptr) return library;
        throw std::runtime_error("https needs OpenSSL, as apt install libssl3 gives it: " + library.reason);
    }());
    return the_library;
}

OpenSsl::OpenSsl(const SharedLibrary& library) {
    find(library, "TLS_client_method", client_method);
    find(library, "SSL_CTX_new", new_context);
    find(library, "SSL_CTX_free", free_context);
    find(library, "SSL_CTX_ctrl", control_context);
    find(library, "SSL_CTX_set_verify", set_verify);
    find(library, "SSL_CTX_set_default_verify_paths", use_default_authorities);
    find(library, "SSL_CTX_load_verify_locations", load_authorities);
    find(library, "SSL_new", new_session);
    find(library, "SSL_free", free_session);
    find(library, "SSL_ctrl", control_session);
    find(library, "SSL_set1_host", set_host);
    find(library, "SSL_get0_param", parameters);
    find(library, "X509_VERIFY_PARAM_set1_ip_asc", set_ip);
    find(library, "SSL_set_alpn_protos", set_protocols);
    find(library, "SSL_set_bio", set_bios);
    find(library, "SSL_connect", connect);
    find(library, "SSL_read", read);
    find(library, "SSL_write", write);
    find(library, "SSL_get_error", error);
    find(library, "SSL_get_verify_result", verify_result);
    find(library, "X509_verify_cert_error_string", verify_text);
    find(library, "BIO_s_mem", memory_method);
    find(library, "BIO_new", new_bio);
    find(library, "BIO_free", free_bio);
    find(library, "BIO_read", read_bio);
    find(library, "BIO_write", write_bio);
    find(library, "ERR_get_error", next_error);
    find(library, "ERR_error_string_n", error_text);
    find(library, "ERR_clear_error", clear_errors);
}

}  // namespace inference_bench
