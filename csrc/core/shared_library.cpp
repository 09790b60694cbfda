#include "shared_library.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace inference_bench {
namespace {

// RTLD_LOCAL: the driver's symbols must not resolve those of other libraries.
void* open(const char* name, std::string& reason) {
    void* const handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr && reason.empty()) {
        const char* const error = dlerror();
        reason = error != nullptr ? error : std::string("cannot open ") + name;
    }
    return handle;
}

}  // namespace

SharedLibrary open_library(const char* override_variable, std::initializer_list<const char*> names) {
    std::string reason;
    const char* const chosen = std::getenv(override_variable);
    if (chosen != nullptr && *chosen != '\0') {
        void* const handle = open(chosen, reason);
        return {handle, chosen, handle != nullptr ? "" : reason + " (" + override_variable + ")"};
    }
    for (const char* const name : names) {
        if (void* const loaded = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return {loaded, name, ""};
    }
    for (const char* const name : names) {
        if (void* const handle = open(name, reason)) return {handle, name, ""};
    }
    return {nullptr, "", reason};
}

void* detail::find_symbol(void* library, const char* symbol) noexcept {
    return library == nullptr ? nullptr : dlsym(library, symbol);
}

}  // namespace inference_bench
