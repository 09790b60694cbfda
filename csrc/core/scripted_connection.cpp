#include "scripted_connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "clock.hpp"
#include "http_request.hpp"

namespace inference_bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

bool would_block() noexcept { return errno == EAGAIN || errno == EINTR; }

}  // namespace

ScriptedConnection::ScriptedConnection(int socket, std::int64_t number, Playbook& playbook,
                                       ServerRecords& records) noexcept
    : socket_(socket), number_(number), playbook_(playbook), records_(records) {}

ScriptedConnection::~ScriptedConnection() { close(socket_); }

std::int64_t ScriptedConnection::due_ns() const noexcept {
    return script_ == nullptr || blocked_ ? kNever : began_ns_ + script_->steps[step_].offset_ns;
}

std::uint32_t ScriptedConnection::interest() const noexcept {
    return (input_over_ ? 0U : EPOLLIN) | (blocked_ ? EPOLLOUT : 0U);
}

bool ScriptedConnection::serve(std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (broken || !receive() || !play()) {
        give_up();
        return false;
    }
    return true;
}

// ---- requests

bool ScriptedConnection::receive() {
    while (!input_over_) {
        char bytes[kReadBytes];
        const ssize_t n = recv(socket_, bytes, sizeof bytes, 0);
        if (n < 0) {
            if (!would_block()) return false;
            break;
        }
        read_ns_ = now_ns();
        if (n == 0) {
            input_over_ = true;
        } else if (!deaf_) {
            if (input_.empty()) first_byte_ns_ = read_ns_;
            input_.append(bytes, static_cast<std::size_t>(n));
        }
    }
    return take_request() && !(input_over_ && script_ == nullptr);
}

bool ScriptedConnection::take_request() {
    if (script_ != nullptr || input_.empty()) return true;
    const std::optional<std::size_t> length = request_length(input_);
    if (!length || *length == 0) return length.has_value();
    const std::string_view bytes = std::string_view(input_).substr(0, *length);
    const Playbook::Choice choice = playbook_.choose(bytes);
    began_ns_ = read_ns_;
    request_ = records_.received({static_cast<std::int64_t>(choice.index), number_, first_byte_ns_, began_ns_}, bytes);
    script_ = choice.script;
    step_ = 0;
    input_.erase(0, *length);
    first_byte_ns_ = read_ns_;
    return true;
}

// ---- answers

bool ScriptedConnection::play() {
    blocked_ = false;
    while (script_ != nullptr) {
        if (step_ == script_->steps.size()) {
            if (!finish()) return false;
            continue;
        }
        const Step& step = script_->steps[step_];
        if (now_ns() < began_ns_ + step.offset_ns) return true;
        switch (send_step(step)) {
            case Progress::Done:
                ++step_;
                break;
            case Progress::Blocked:
                blocked_ = true;
                return true;
            case Progress::Broken:
                return false;
        }
    }
    return true;
}

ScriptedConnection::Progress ScriptedConnection::send_step(const Step& step) {
    const std::string& bytes = *step.bytes;
    std::int64_t sent_ns = 0;
    while (sent_bytes_ < bytes.size()) {
        sent_ns = now_ns();
        const ssize_t n = send(socket_, bytes.data() + sent_bytes_, bytes.size() - sent_bytes_, MSG_NOSIGNAL);
        if (n < 0) return would_block() ? Progress::Blocked : Progress::Broken;
        sent_bytes_ += static_cast<std::size_t>(n);
    }
    sent_bytes_ = 0;
    if (!bytes.empty()) {
        records_.sent({request_, static_cast<std::int64_t>(step_), began_ns_ + step.offset_ns, sent_ns,
                       static_cast<std::int64_t>(bytes.size())});
    }
    return Progress::Done;
}

// The present request is answered; the next one may have come already.
bool ScriptedConnection::finish() {
    records_.ended(request_, now_ns(), true);
    switch (std::exchange(script_, nullptr)->ending) {
        case Ending::Keep:
            read_ns_ = now_ns();  // a request that waited for its turn begins here
            return take_request() && !(input_over_ && script_ == nullptr);
        case Ending::Close:
            return false;
        case Ending::Reset: {
            const linger at_once{1, 0};
            setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            return false;
        }
        case Ending::Half:
            shutdown(socket_, SHUT_WR);
            deaf_ = true;
            input_.clear();
            return !input_over_;
    }
    return false;
}

void ScriptedConnection::give_up() {
    if (std::exchange(script_, nullptr) != nullptr) records_.ended(request_, now_ns(), false);
}

}  // namespace inference_bench
