// The least that a client must do: epoll_wait and read, nothing looked at but the last chunk of each response.
// bench/endpoint/targets.py compiles it: the CPU time that it prints is what the kernel takes of every client.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char kRequest[] = "POST / HTTP/1.1\r\nContent-Length: 2\r\nX-Request-Id: 0\r\n\r\n{}";
static const char kEnd[] = "0\r\n\r\n";

static int begin_stream(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) return -1;
    return write(fd, kRequest, sizeof kRequest - 1) > 0 ? fd : -1;
}

static long long cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// bare_reader PORT STREAMS GAP_US: prints the CPU time in ns.
int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int poll = epoll_create1(0);
    int under_way = atoi(argv[2]);
    for (int i = 0; i < under_way; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = begin_stream(atoi(argv[1]))};
        if (event.data.fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event) != 0) return 1;
        usleep((useconds_t)atoi(argv[3]));
    }
    const long long before = cpu_ns();
    static char bytes[65536];
    const ssize_t end = sizeof kEnd - 1;
    while (under_way > 0) {
        struct epoll_event events[64];
        const int ready = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < ready; ++i) {
            const ssize_t n = read(events[i].data.fd, bytes, sizeof bytes);
            if (n > 0 && (n < end || memcmp(bytes + n - end, kEnd, (size_t)end) != 0)) continue;
            close(events[i].data.fd);
            --under_way;
        }
    }
    printf("%lld\n", cpu_ns() - before);
    return 0;
}
