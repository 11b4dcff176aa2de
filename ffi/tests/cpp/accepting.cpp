// Connections of a server in one step, sending without waiting, connections as keys, and how TCP sockets are set up.
#include "check.hpp"

#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unordered_map>

using namespace std::chrono_literals;
using landline::descriptor;
using landline::status;

namespace {

/// A pair connected in memory, where only the peer makes room.
int fill(landline::connection& connection) {
    const std::string payload(10000, 'x');
    int accepted = 0;
    while (connection.try_send(payload))
        accepted++;
    return accepted;
}

void what_is_accepted_arrives() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    const int accepted = fill(server);
    CHECK(accepted > 6);
    std::error_code failure;
    server.try_send("x", landline::send_flag::none, failure);
    CHECK(failure == status::would_block);
    const unsigned char bytes[] = {1, 2};
    CHECK(!server.try_send(landline::bytes_view(bytes)));
    auto receiving = std::async(std::launch::async, [from = server.share()]() mutable { return from.recv(); });
    for (int i = 0; i < accepted; i++) {
        const auto message = client.recv(soon);
        CHECK(message && message->size() == 10000);
    }
    server.send("next", soon);
    CHECK(client.recv(soon)->text() == "next");
    CHECK(server.try_send("room"));
    const auto message = client.recv(soon);
    CHECK(message->text() == "room");
    CHECK(client.try_send(*message, landline::send_flag::compress_never));
    CHECK(receiving.get()->text() == "room");
}

void what_try_send_sends_is_compressed_as_asked() {
    const auto with = landline::options().compression(true).compression_threshold(100000);
    auto ends = landline::pair(with, with);
    const auto wire_of = [&](landline::send_flag flags) {
        const auto before = ends.first.stats().wire_sent;
        CHECK(ends.first.try_send(std::string(5000, 'a'), flags));
        return ends.first.stats().wire_sent - before;
    };
    CHECK(wire_of(landline::send_flag::none) > 5000);
    CHECK(wire_of(landline::send_flag::compress_always) < 500);
    CHECK(wire_of(landline::send_flag::compress_never) > 5000);
}

void failures_are_no_lack_of_room() {
    auto ends = landline::pair();
    ends.first.abort();
    CHECK(thrown_by([&] { (void)ends.first.try_send("x"); }).status() == status::aborted);
    CHECK(thrown_by([&] { (void)ends.second.try_send("\xff"); }).status() == status::utf8);
    landline::connection empty;
    CHECK(thrown_by([&] { (void)empty.try_send("x"); }).status() == status::null);
}

void identities() {
    auto ends = landline::pair();
    std::unordered_map<std::uint64_t, std::string> names{{ends.first.id(), "client"}, {ends.second.id(), "server"}};
    CHECK(names.size() == 2 && names.at(ends.first.share().id()) == "client");
    std::error_code failure;
    CHECK(ends.first.id(failure) == ends.first.id() && !failure);
}

int option(const landline::connection& connection, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(connection.fd(), level, name, &value, &size) == 0);
    return value;
}

landline::options set_up() {
    return landline::options()
        .tcp_nodelay(false)
        .tcp_keepalive_time(59001ms)
        .tcp_keepalive_interval(7s)
        .tcp_keepalive_retries(4)
        .tcp_recv_buffer_size(20000)
        .tcp_send_buffer_size(30000);
}

void must_be_set_up(const landline::connection& connection) {
    CHECK(option(connection, IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(option(connection, SOL_SOCKET, SO_KEEPALIVE) == 1);
#ifdef __linux__
    CHECK(option(connection, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option(connection, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
    CHECK(option(connection, IPPROTO_TCP, TCP_KEEPCNT) == 4);
    CHECK(option(connection, SOL_SOCKET, SO_RCVBUF) == 40000);
    CHECK(option(connection, SOL_SOCKET, SO_SNDBUF) == 60000);
#endif
}

void sockets_are_set_up() {
    const landline::listener listener("127.0.0.1:0", set_up());
    auto connecting = std::async(std::launch::async, [url = "ws://" + std::string(listener.local_addr())] {
        auto with = set_up();
#ifdef __linux__
        with.tcp_user_timeout(8s);
#endif
        return landline::connect(url, with);
    });
    const auto server = listener.accept(soon).accept();
    const auto client = connecting.get();
    must_be_set_up(server);
    must_be_set_up(client);
#ifdef __linux__
    CHECK(option(client, IPPROTO_TCP, TCP_USER_TIMEOUT) == 8000);
#endif
    // Zero, and no limit, leave it to the system.
    auto with = set_up().tcp_keepalive_time(0s).tcp_keepalive_interval(landline::no_timeout);
    CHECK(thrown_by([&] { with.tcp_keepalive_time(-1s); }).status() == status::invalid);
}

void in_one_step() {
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    auto connecting = std::async(std::launch::async, [fd = both[0]] {
        return landline::connect_fd(fd, descriptor::take, "ws://localhost/", landline::options().subprotocol("chat"));
    });
    auto server = landline::accept_fd(both[1], descriptor::take, landline::options().subprotocol("chat"), soon);
    auto client = connecting.get();
    CHECK(client.subprotocol() == "chat");
    client.send("hello");
    CHECK(server.recv(soon)->text() == "hello");
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    close(both[0]);
    CHECK(thrown_by([&] { landline::accept_fd(both[1], descriptor::take); }).is_fatal());
    std::error_code failure;
    CHECK(!landline::accept_fd(-1, descriptor::keep, landline::defaults, soon, failure) && failure == status::invalid);
    CHECK(!landline::accept_transport(nullptr, landline::defaults, soon, failure) && failure == status::null);
    const int unconnected = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(thrown_by([&] { landline::connect_fd(unconnected, descriptor::keep, "ws://localhost/"); }).status() ==
          status::invalid);
    CHECK(thrown_by([&] { landline::accept_fd(unconnected, descriptor::take); }).status() == status::invalid);
}

void sockets_are_taken_out() {
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    auto connecting = std::async(std::launch::async, [fd = both[0]] {
        return landline::connect_fd(fd, descriptor::take, "ws://localhost/");
    });
    auto server = landline::accept_fd(both[1], descriptor::take);
    auto client = connecting.get();
    // Both messages arrive in one segment, and only the first is received.
    server.feed("one");
    server.send("two");
    CHECK(client.recv(soon)->text() == "one");
    client.feed("gathered");
    auto taken = client.detach(soon);
    CHECK(taken.fd >= 0 && taken.received == "\x81\x03two");
    CHECK(thrown_by([&] { client.send("x"); }).status() == status::detached);
    std::error_code failure;
    CHECK(client.detach(soon, failure).fd == -1 && failure == status::detached);
    client = landline::connection();
    CHECK(server.recv(soon)->text() == "gathered");
    server.send("x");
    char frame[3];
    CHECK(read(taken.fd, frame, sizeof frame) == 3 && std::string_view(frame, 3) == "\x81\x01x");
    close(taken.fd);
    CHECK(thrown_by([] { landline::pair().first.detach(); }).status() == status::unsupported);
}

} // namespace

int main() {
    test("what try_send accepts arrives", what_is_accepted_arrives);
    test("what try_send sends is compressed as asked", what_try_send_sends_is_compressed_as_asked);
    test("try_send on what cannot send", failures_are_no_lack_of_room);
    test("connections as keys", identities);
    test("TCP sockets are set up", sockets_are_set_up);
    test("accepting in one step", in_one_step);
    test("sockets are taken out", sockets_are_taken_out);
}
