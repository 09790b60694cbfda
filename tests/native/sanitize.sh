#!/usr/bin/env bash
# Run the C++ tests and the native Python tests under sanitizers: tests/native/sanitize.sh [address] [thread]
#
#   address  AddressSanitizer and UndefinedBehaviorSanitizer, all native tests
#   thread   ThreadSanitizer, the tests with threads in them
#
# PYTHON names the interpreter whose packages are used (default: python3), JOBS how many compilers run (default: 2),
# PYTEST_ARGS adds options for pytest. Needs g++ with libasan, libubsan and libtsan (Debian: with g++), doctest, CMake.
#
# Left out, and why:
# - Leaks: CPython keeps much until the process ends, and calls it no leak.
# - CPython and NumPy themselves: they are not instrumented. Their allocations are watched (PYTHONMALLOC=malloc), and
#   the GIL's mutex is seen, so that handing an object over under it is not taken for a race.
# - Under `thread`, tests that fork with threads alive, which ThreadSanitizer's own locks do not survive.
# - Tests that compare the resident size with what they allocated, since shadow memory counts too; those for which
#   AddressSanitizer's share is small enough run under `address`.
# - Two that limit the address space, which a sanitizer's shadow fills many times over.
# - `python -X dev`, the GPU, and tests marked slow: they run apart.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
base=$(command -v "${PYTHON:-python3}")
jobs=${JOBS:-2}

# A build directory of this kind: the C++ tests and the extension, and a Python that finds that extension.
build() {
    local dir=$1 preset=$2
    # An environment of its own, since an editable install in the other would put its own extension first. Naming the
    # other's packages in a .pth file makes them importable without running the hooks among them.
    if [[ ! -x $dir/venv/bin/python ]]; then
        "$base" -m venv --without-pip "$dir/venv"
        "$base" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
            >"$("$dir/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
    fi
    cmake -S "$root" -B "$dir/cmake" --preset "$preset" \
        -DPython_EXECUTABLE="$dir/venv/bin/python" -Dpybind11_DIR="$("$base" -m pybind11 --cmakedir)" >/dev/null
    cmake --build "$dir/cmake" --parallel "$jobs"

    # The repository as it is, but for the extension.
    rm -rf "$dir/tree"
    mkdir -p "$dir/tree/inference_bench"
    ln -s "$root"/{pyproject.toml,tests,bench,models,csrc} "$dir/tree/"
    find "$root/inference_bench" -mindepth 1 -maxdepth 1 ! -name '*.so' ! -name __pycache__ \
        -exec ln -s -t "$dir/tree/inference_bench" {} +
    ln -s "$dir"/cmake/csrc/bindings/_native*.so "$dir/tree/inference_bench/"
}

# Runs a command from the tree with the sanitizer's runtime loaded first, as it wants to be; and with libstdc++ beside
# it, or its wrapper of __cxa_throw would find nothing to wrap in an interpreter written in C.
sanitized() {
    local dir=$1 runtime=$2
    shift 2
    (cd "$dir/tree" && PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 PYTHON=$base \
        LD_PRELOAD="$(g++ -print-file-name="$runtime") $(g++ -print-file-name=libstdc++.so)" "$@")
}

cpp_tests() {
    echo "== C++ tests"
    "$1"/cmake/tests/native/inference_bench_core_tests
}

python_tests() {
    local dir=$1 runtime=$2 python=$1/venv/bin/python
    shift 2
    echo "== Python tests"
    sanitized "$dir" "$runtime" "$python" -c "
import inference_bench._native as native
assert native.__file__.startswith('$dir'), f'{native.__file__} is not the sanitized build'"
    sanitized "$dir" "$runtime" "$python" -m pytest -q -p no:cacheprovider -m 'not gpu and not slow' ${PYTEST_ARGS:-} "$@"
}

native_tests() { (cd "$root" && ls tests/native/test_*.py | grep -v "native_cpp\|gpu_events"); }

address() {
    local dir=$root/build/sanitize-address
    build "$dir" asan
    # A small quarantine: tests of the resident size expect freed memory to be gone.
    export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8:abort_on_error=1
    export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
    cpp_tests "$dir"
    python_tests "$dir" libasan.so -k 'not finds_no_memory and not wrong_calls_raise and not taken_at_once' \
        $(native_tests)
}

thread() {
    local dir=$root/build/sanitize-thread
    build "$dir" tsan
    export TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:second_deadlock_stack=1
    cpp_tests "$dir"
    # A process a file: the deadlock detector gives up at 64 locks held at once, and before a fork, as for a subprocess,
    # the handlers of everything that was ever imported hold theirs.
    for file in $(native_tests); do
        python_tests "$dir" libtsan.so "$file" \
            -k 'not fork and not grandchild and not exact_with_reset_hwm and not taken_at_once and not finds_no_memory and not wrong_calls_raise'
    done
}

for kind in "${@:-address thread}"; do
    for each in $kind; do
        case $each in
            address | thread) echo "==== $each" && "$each" ;;
            *) echo "no such sanitizer: $each; give address, thread, or nothing for both" >&2 && exit 2 ;;
        esac
    done
done
