// A vendor's library that this machine may lack: opened on first use, never closed.
#pragma once

#include <initializer_list>
#include <string>

namespace inference_bench {

struct SharedLibrary {
    void* handle;        // null: it is not here
    std::string name;    // what it was opened by
    std::string reason;  // why it is not here
};

// The file that the environment variable names or, where that is unset, the first of `names` that can be opened. One
// that the process has loaded already (a framework's) is taken before another is looked for.
[[nodiscard]] SharedLibrary open_library(const char* override_variable, std::initializer_list<const char*> names);

// Null where the library does not export it.
template <typename Function>
[[nodiscard]] Function exported(const SharedLibrary& library, const char* symbol) noexcept;

namespace detail {
[[nodiscard]] void* find_symbol(void* library, const char* symbol) noexcept;
}

template <typename Function>
Function exported(const SharedLibrary& library, const char* symbol) noexcept {
    return reinterpret_cast<Function>(detail::find_symbol(library.handle, symbol));
}

}  // namespace inference_bench
