// Giving the GIL up and taking it back, in a way that survives the end of the interpreter.
//
// While the interpreter ends, CPython up to 3.13 ends every daemon thread that asks for the GIL with pthread_exit. That
// unwinds the thread's C++ frames without the GIL: a destructor that cannot throw (py::gil_scoped_release has one)
// makes it std::terminate, and a py::object would change a reference count that the main thread is using. Such a thread
// waits here until the process ends instead, as CPython does from 3.14 on.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <unistd.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

// A forced unwinding has no exception object: the reference in its handler binds to null, which UBSan would report,
// also where GCC inlines the function into one that is checked.
#ifdef __SANITIZE_ADDRESS__
#define INFERENCE_BENCH_UNCHECKED_NULL [[gnu::no_sanitize("null"), gnu::noinline]]
#else
#define INFERENCE_BENCH_UNCHECKED_NULL
#endif

namespace inference_bench::bindings {

// Calls what may take the GIL. Returns its result, or never if the interpreter ends meanwhile.
template <typename Call>
INFERENCE_BENCH_UNCHECKED_NULL auto survive_exit(Call call) -> decltype(call()) {
#ifdef __GLIBCXX__
    try {
        return call();
    } catch (abi::__forced_unwind&) {
        for (;;) pause();  // leaving this handler would go on with the unwinding
    }
#else
    return call();
#endif
}

// Lets other threads have the GIL while it lives. Everything that gives the GIL up uses this class.
class WithoutGil {
  public:
    WithoutGil() : thread_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        survive_exit([this] { PyEval_RestoreThread(thread_); });
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

  private:
    PyThreadState* const thread_;
};

}  // namespace inference_bench::bindings
