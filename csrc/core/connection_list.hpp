// Connections, unordered. Each knows its place, so that any can be removed at once.
#pragma once

#include <cstddef>
#include <vector>

#include "http_connection.hpp"

namespace inference_bench {

class ConnectionList {
  public:
    void reserve(std::size_t n) { items_.reserve(n); }  // as many as will be in it
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

    void add(HttpConnection& connection) noexcept {
        connection.list_position = items_.size();
        items_.push_back(&connection);
    }

    void remove(HttpConnection& connection) noexcept {
        HttpConnection* const last = items_.back();
        items_[connection.list_position] = last;
        last->list_position = connection.list_position;
        items_.pop_back();
    }

    // The one that was added last, if none was removed since.
    [[nodiscard]] HttpConnection& take() noexcept {
        HttpConnection* const last = items_.back();
        items_.pop_back();
        return *last;
    }

  private:
    std::vector<HttpConnection*> items_;
};

}  // namespace inference_bench
