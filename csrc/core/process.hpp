// This process among others.
#pragma once

namespace inference_bench {

// Asks the kernel to send `signal` to this process when the thread that forked it ends. False with errno set if
// refused.
bool die_with_parent(int signal) noexcept;

}  // namespace inference_bench
