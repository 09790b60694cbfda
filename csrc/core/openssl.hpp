// The part of OpenSSL's interface (3.x and 1.1) that TLS sessions use, from a library found at run time.
#pragma once

#include <cstddef>

#include "shared_library.hpp"

// OpenSSL's own types are only pointed to.
struct ssl_st;
struct ssl_ctx_st;
struct ssl_method_st;
struct bio_st;
struct bio_method_st;
struct X509_VERIFY_PARAM_st;

namespace inference_bench {

struct OpenSsl {
    // The library, opened on first use. Throws std::runtime_error, saying what is missing, where it cannot be used.
    static const OpenSsl& get();

    const ssl_method_st* (*client_method)();
    ssl_ctx_st* (*new_context)(const ssl_method_st*);
    void (*free_context)(ssl_ctx_st*);
    long (*control_context)(ssl_ctx_st*, int, long, void*);
    void (*set_verify)(ssl_ctx_st*, int, int (*)(int, void*));
    int (*use_default_authorities)(ssl_ctx_st*);
    int (*load_authorities)(ssl_ctx_st*, const char* file, const char* folder);

    ssl_st* (*new_session)(ssl_ctx_st*);
    void (*free_session)(ssl_st*);
    long (*control_session)(ssl_st*, int, long, void*);
    int (*set_host)(ssl_st*, const char*);
    X509_VERIFY_PARAM_st* (*parameters)(ssl_st*);
    int (*set_ip)(X509_VERIFY_PARAM_st*, const char*);
    int (*set_protocols)(ssl_st*, const unsigned char*, unsigned);
    void (*set_bios)(ssl_st*, bio_st* in, bio_st* out);
    int (*connect)(ssl_st*);
    int (*read)(ssl_st*, void*, int);
    int (*write)(ssl_st*, const void*, int);
    int (*error)(const ssl_st*, int);
    long (*verify_result)(const ssl_st*);
    const char* (*verify_text)(long);

    const bio_method_st* (*memory_method)();
    bio_st* (*new_bio)(const bio_method_st*);
    int (*free_bio)(bio_st*);
    int (*read_bio)(bio_st*, void*, int);
    int (*write_bio)(bio_st*, const void*, int);

    unsigned long (*next_error)();
    void (*error_text)(unsigned long, char*, std::size_t);
    void (*clear_errors)();

  private:
    explicit OpenSsl(const SharedLibrary& library);
};

}  // namespace inference_bench
