// What runs around fork().
#pragma once

#include <pthread.h>

#include <system_error>

namespace inference_bench {

// pthread_atfork, or std::system_error where there is no memory for the handlers. Handlers cannot be removed again:
// call this once per process. fork() runs `prepare` handlers in the reverse order of their registration.
inline void at_fork(void (*prepare)(), void (*parent)(), void (*child)()) {
    const int error = pthread_atfork(prepare, parent, child);
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot register handlers of fork()");
}

}  // namespace inference_bench
