// One connection of a scripted server: reads requests and plays a script for each, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "script.hpp"
#include "server_records.hpp"

namespace inference_bench {

class ScriptedConnection {
  public:
    static constexpr std::int64_t kNever = INT64_MAX;

    // Owns `socket`, which does not block.
    ScriptedConnection(int socket, std::int64_t number, Playbook& playbook, ServerRecords& records) noexcept;
    ~ScriptedConnection();
    ScriptedConnection(const ScriptedConnection&) = delete;
    ScriptedConnection& operator=(const ScriptedConnection&) = delete;

    // Takes what the socket has, and plays what is due. False when the connection is over. std::bad_alloc.
    [[nodiscard]] bool serve(std::uint32_t events);

    [[nodiscard]] int socket() const noexcept { return socket_; }
    [[nodiscard]] std::int64_t due_ns() const noexcept;     // when the next step is; kNever if nothing waits for time
    [[nodiscard]] std::uint32_t interest() const noexcept;  // events that serve() is to be called for

  private:
    enum class Progress : std::uint8_t { Done, Blocked, Broken };

    [[nodiscard]] bool receive();
    [[nodiscard]] bool take_request();  // false if the input breaks the rules
    [[nodiscard]] bool play();
    [[nodiscard]] Progress send_step(const Step& step);
    [[nodiscard]] bool finish();
    void give_up();

    const int socket_;
    const std::int64_t number_;
    Playbook& playbook_;
    ServerRecords& records_;

    std::string input_;
    std::int64_t first_byte_ns_ = 0;
    std::int64_t read_ns_ = 0;
    bool input_over_ = false;  // the client has closed its half
    bool deaf_ = false;        // our half is closed: later requests have no answer

    const Script* script_ = nullptr;  // null: no request is being answered
    std::int64_t request_ = 0;
    std::int64_t began_ns_ = 0;
    std::size_t step_ = 0;
    std::size_t sent_bytes_ = 0;  // of the present step
    bool blocked_ = false;        // the socket's buffer is full
};

}  // namespace inference_bench
