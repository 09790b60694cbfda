// Every living object of a class that has a lock and a thread, so that fork() finds none of them half changed.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "clock_source.hpp"
#include "fork_handlers.hpp"
#include "native_thread.hpp"

namespace inference_bench {

// T has these members, which the registry calls around a fork, and need not have any other part in it:
//
//   void lock_before_fork()             takes the object's own lock
//   void unlock_after_fork() noexcept   releases it, in the parent and in the child
//   void abandon_in_child() noexcept    locked: gives up what did not come along, which is every thread but one
//
// An object adds itself as the last step of its construction and removes itself as the first of its destruction, after
// its thread has ended. Lock order: the registry's mutex before any object's own lock.
template <typename T>
class ForkRegistry {
  public:
    // Never destroyed: threads may use it while the process exits. The first call may throw std::system_error.
    static ForkRegistry& get() {
        static ForkRegistry* const the_registry = new ForkRegistry;
        return *the_registry;
    }

    ForkRegistry(const ForkRegistry&) = delete;
    ForkRegistry& operator=(const ForkRegistry&) = delete;

    void add(T* object) {
        const std::lock_guard<std::mutex> lock(mutex_);
        objects_.push_back(object);
    }

    void remove(T* object) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        objects_.erase(std::find(objects_.begin(), objects_.end(), object));
    }

    // Guards objects(), and whatever else the class keeps for all its objects together.
    [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
    [[nodiscard]] const std::vector<T*>& objects() const noexcept { return objects_; }

  private:
    ForkRegistry() {
        // Objects read the clock and start threads under their own locks, so the locks of the clock and of the threads
        // come last: their handlers must be registered first.
        static_cast<void>(ticks());
        NativeThread::handle_forks();
        at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    }

    static void before_fork() {
        ForkRegistry& registry = get();
        registry.mutex_.lock();
        for (T* const object : registry.objects_) object->lock_before_fork();
    }

    static void after_fork_in_parent() {
        ForkRegistry& registry = get();
        for (T* const object : registry.objects_) object->unlock_after_fork();
        registry.mutex_.unlock();
    }

    static void after_fork_in_child() {
        for (T* const object : get().objects_) object->abandon_in_child();
        after_fork_in_parent();
    }

    std::mutex mutex_;
    std::vector<T*> objects_;
};

}  // namespace inference_bench
