// One C call with a peak in it: `bytes` touched, held for `hold_ns`, given back. bench/memory_peaks.py calls it through
// ctypes with the GIL held throughout, as an operator of a framework may.
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

int hold_memory(size_t bytes, int64_t hold_ns) {
    void* block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return -1;
    memset(block, 1, bytes);
    const struct timespec hold = {hold_ns / 1000000000, hold_ns % 1000000000};
    if (hold_ns > 0) clock_nanosleep(CLOCK_MONOTONIC, 0, &hold, NULL);
    return munmap(block, bytes);
}
