// Servers, listeners and requests, waiting for several handles, transports, the protocol without I/O, and the log.
#include "check.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using landline::kind;
using landline::status;

namespace {

void handlers_that_throw() {
    std::promise<std::string> told;
    const running server(
        [](landline::connection& connection) {
            const auto message = connection.recv_ref(soon);
            throw std::runtime_error("handler: " + std::string(message->text()));
        },
        landline::defaults,
        [&](std::exception_ptr thrown) {
            try {
                std::rethrow_exception(thrown);
            } catch (const std::runtime_error& failure) {
                told.set_value(failure.what());
            }
            throw 7; // goes nowhere
        });
    auto client = landline::connect(server.url());
    client.send("boom");
    CHECK(!client.recv(soon) && client.close_code() == landline::close_code::internal_error);
    auto text = told.get_future();
    CHECK(text.wait_for(soon) == std::future_status::ready && text.get() == "handler: boom");
    // Exceptions of handlers may be ignored, and the server continues.
    const running quiet([](landline::connection&) { throw 7; });
    for (int i = 0; i < 2; ++i) {
        auto other = landline::connect(quiet.url());
        CHECK(!other.recv(soon) && other.close_code() == landline::close_code::internal_error);
    }
}

void handlers_that_return() {
    const running server([](landline::connection&) {});
    auto client = landline::connect(server.url());
    CHECK(!client.recv(soon) && client.close_code() == landline::close_code::normal_closure);
}

void run_waits_for_handlers() {
    // A handler that returns long after its connection was cut: run() must not return before it.
    std::promise<void> started, go_on;
    auto going_on = go_on.get_future();
    std::atomic<bool> returned = false;
    landline::server server("127.0.0.1:0");
    auto serving = std::async(std::launch::async, [&] {
        server.run([&](landline::connection&) {
            started.set_value();
            going_on.wait();
            returned = true;
        });
        return returned.load();
    });
    const auto client = landline::connect("ws://" + std::string(server.local_addr()));
    CHECK(started.get_future().wait_for(soon) == std::future_status::ready);
    const auto all = server.stop(0s);
    CHECK(all.cut == 1 && all.finished == 0 && server.connections() == 1);
    CHECK(serving.wait_for(500ms) == std::future_status::timeout);
    go_on.set_value();
    CHECK(serving.get());
    CHECK(thrown_by([&] { server.run(echo); }).status() == status::state);
}

/// Breaks the only listening socket of this process, which is a server's.
void break_listening_socket() {
    int broken = 0;
    for (int fd = 3; fd < 1024; ++fd) {
        int listening = 0;
        socklen_t size = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0) {
            shutdown(fd, SHUT_RDWR);
            ++broken;
        }
    }
    CHECK(broken == 1);
}

void run_fails() {
    // Handlers are still running when the listening socket fails; they are ended and waited for.
    std::promise<void> started;
    std::atomic<bool> returned = false;
    landline::server server("127.0.0.1:0");
    auto serving = std::async(std::launch::async, [&] {
        const auto failure = thrown_by([&] {
            server.run([&](landline::connection& connection) {
                started.set_value();
                CHECK(!connection.recv(soon));
                returned = true;
            });
        });
        return failure.status() == status::io && returned;
    });
    auto client = landline::connect("ws://" + std::string(server.local_addr()));
    CHECK(started.get_future().wait_for(soon) == std::future_status::ready);
    break_listening_socket();
    CHECK(!client.recv(soon) && client.close_code() == landline::close_code::going_away);
    CHECK(serving.get());
}

void stopping() {
    running server(echo);
    auto client = landline::connect(server.url());
    auto closed = std::async(std::launch::async, [&] { return !client.recv(soon).has_value(); });
    const auto all = server.stop();
    CHECK(closed.get() && client.close_code() == landline::close_code::going_away && all.finished == 1 && all.cut == 0);
}

void connections_that_are_kept() {
    std::promise<landline::connection> kept;
    running server([&](landline::connection& connection) { kept.set_value(std::move(connection)); });
    auto client = landline::connect(server.url());
    auto connection = kept.get_future().get();
    CHECK(connection && !client.recv(soon));
}

void requests() {
    const landline::listener listener("127.0.0.1:0", landline::options().subprotocol("two"));
    const auto url = "ws://" + std::string(listener.local_addr()) + "/path?a=b";
    auto connecting = std::async(std::launch::async, [&] {
        const auto with = landline::options().subprotocol("one").subprotocol("two").origin("https://a.test");
        return landline::connect(url, with, soon);
    });
    auto request = listener.accept_incoming(soon);
    CHECK(thrown_by([&] { request.path(); }).status() == landline::status::state);
    request.read();
    CHECK(request.path() == "/path" && request.query() == "a=b" && request.origin() == "https://a.test");
    CHECK(request.host() == listener.local_addr() && !request.peer_addr().empty());
    CHECK((request.subprotocols() == std::vector<std::string_view>{"one", "two"}));
    CHECK(request.header("sec-websocket-version") == "13" && !request.header("none"));
    CHECK(request.headers().find("upgrade: websocket\r\n") != std::string_view::npos);
    request.add_header("X-Answer", "yes");
    auto connection = request.accept("one");
    CHECK(thrown_by([&] { request.accept(); }).status() == status::state);
    const auto client = connecting.get();
    CHECK(client.subprotocol() == "one" && client.header("x-answer") == "yes");
    listener.interrupt();
    thrown_by<landline::interrupted>([&] { listener.accept(soon); });
    const auto unreadable = thrown_by<landline::error>([] { landline::listener("no port"); });
    CHECK(unreadable.status() == landline::status::config);
    CHECK(std::string(unreadable.what()).find("no port") != std::string::npos);
    listener.stop();
    for (int i = 0; i < 2; i++) {
        const auto stopped = thrown_by<landline::interrupted>([&] { listener.accept(soon); });
        CHECK(stopped.phase() == landline::phase::accept);
    }
    thrown_by<landline::error>([&] { landline::connect(url, {}, soon); });

    // Non-ASCII bytes in the target, and header names that are sent exactly as given.
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const std::string sent = "GET /caf\xc3\xa9?q=\xfc HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    CHECK(write(ends[1], sent.data(), sent.size()) == static_cast<ssize_t>(sent.size()));
    auto raw = landline::request_from_fd(ends[0], landline::descriptor::take, landline::defaults, soon);
    CHECK(raw.path() == "/caf%C3%A9" && raw.query() == "q=%FC" && raw.raw_target() == "/caf\xc3\xa9?q=\xfc");
    raw.add_header("appKey", "6f2a");
    const auto opened = raw.accept();
    char answer[1024];
    const auto count = read(ends[1], answer, sizeof answer);
    CHECK(count > 0 && std::string_view(answer, count).find("\r\nappKey: 6f2a\r\n") != std::string_view::npos);
    close(ends[1]);
}

void descriptors() {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    auto accepting = std::async(std::launch::async, [&] {
        return landline::request_from_fd(ends[0], landline::descriptor::take, landline::defaults, soon).accept();
    });
    auto client = landline::connect_fd(ends[1], landline::descriptor::keep, "ws://host/", landline::defaults, soon);
    close(ends[1]);
    auto server = accepting.get();
    client.send("over a descriptor");
    CHECK(server.recv(soon)->text() == "over a descriptor");
    CHECK(thrown_by([] { landline::connect_fd(-1, landline::descriptor::take, "ws://host/"); }).status() ==
          status::invalid);
}

void waiting() {
    const landline::listener listener("127.0.0.1:0");
    const running server(echo);
    auto client = landline::connect(server.url());
    std::vector<landline::wait_item> items{landline::wait_for(listener), landline::wait_for(client)};
    CHECK(landline::wait(items, 0s) == 0);
    client.send("back");
    CHECK(landline::wait(items, soon) == 1 && items[0].revents == 0 && items[1].revents == POLLIN);
    CHECK(client.recv(0s)->text() == "back");
    int pipe_ends[2];
    CHECK(pipe(pipe_ends) == 0);
    items.push_back(landline::wait_for(pipe_ends[1], POLLOUT));
    std::error_code failure = status::busy;
    CHECK(landline::wait(items, soon, failure) == 1 && !failure && items[2].revents == POLLOUT);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    const auto in_memory = landline::pair();
    items = {landline::wait_for(in_memory.first)};
    CHECK(thrown_by([&] { landline::wait(items, 0s); }).status() == status::unsupported);
}

/// The data in a tunnel, in both directions.
struct tunnel {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<unsigned char> to[2];
    bool ended[2] = {false, false};
    std::atomic<int> alive{0};
};

/// One end of a tunnel. It does not watch the wake descriptor, but returns early every now and then.
class tunnel_end : public landline::transport {
public:
    tunnel_end(tunnel& through, int side) : tunnel_(through), side_(side) { ++tunnel_.alive; }
    ~tunnel_end() override {
        end(side_);
        end(1 - side_);
        --tunnel_.alive;
    }

    std::int64_t read(void* data, std::size_t size) override {
        const std::lock_guard lock(tunnel_.mutex);
        auto& from = tunnel_.to[side_];
        if (from.empty())
            return tunnel_.ended[side_] ? 0 : would_block;
        const auto count = std::min(size, from.size());
        std::copy_n(from.begin(), count, static_cast<unsigned char*>(data));
        from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
        return static_cast<std::int64_t>(count);
    }
    std::int64_t write(const void* data, std::size_t size) override {
        if (size > 1000)
            throw std::runtime_error("the tunnel is too narrow");
        const std::lock_guard lock(tunnel_.mutex);
        const auto* const bytes = static_cast<const unsigned char*>(data);
        tunnel_.to[1 - side_].insert(tunnel_.to[1 - side_].end(), bytes, bytes + size);
        tunnel_.changed.notify_all();
        return static_cast<std::int64_t>(size);
    }
    std::int32_t wait(std::int32_t wanted, int, landline::time_limit limit) override {
        std::unique_lock lock(tunnel_.mutex);
        const auto ready = [&] {
            const bool data = !tunnel_.to[side_].empty() || tunnel_.ended[side_];
            return wanted & (writable | (data ? readable : 0));
        };
        const auto early = limit.milliseconds() < 0 ? 20ms : std::min(20ms, std::chrono::milliseconds(limit.milliseconds()));
        tunnel_.changed.wait_for(lock, early, [&] { return ready() != 0; });
        return ready();
    }
    void close_write() override { end(1 - side_); }
    void abort() override {
        end(side_);
        end(1 - side_);
    }

private:
    void end(int side) {
        const std::lock_guard lock(tunnel_.mutex);
        tunnel_.ended[side] = true;
        tunnel_.changed.notify_all();
    }

    tunnel& tunnel_;
    int side_;
};

void transports() {
    tunnel through;
    auto accepting = std::async(std::launch::async, [&] {
        return landline::request_from_transport(std::make_unique<tunnel_end>(through, 0), landline::defaults, soon)
            .accept();
    });
    auto client = landline::connect_transport(std::make_unique<tunnel_end>(through, 1), "ws://host/", landline::defaults,
                                              soon);
    auto server = accepting.get();
    client.send("through the tunnel");
    CHECK(server.recv(soon)->text() == "through the tunnel");
    // Exceptions of a transport count as a broken stream.
    CHECK(thrown_by([&] { client.send(std::string(2000, 'x')); }).status() == status::io);
    server = landline::connection();
    client = landline::connection();
    CHECK(through.alive == 0);
    // Freed once, whatever fails.
    const auto connecting = [&](const char* url) {
        return thrown_by([&] {
                   landline::connect_transport(std::make_unique<tunnel_end>(through, 1), url, landline::defaults, soon);
               }).status();
    };
    CHECK(connecting(nullptr) == status::null && through.alive == 0);
    CHECK(connecting("none:") == status::url && through.alive == 0);
    // The tunnel has ended.
    CHECK(connecting("ws://host/") == status::handshake && through.alive == 0);
    CHECK(thrown_by([] { landline::connect_transport(nullptr, "ws://host/"); }).status() == status::null);
}

void protocols() {
    auto client = landline::protocol::client("ws://host/path", landline::options().subprotocol("a"));
    auto server = landline::protocol::server(landline::options().subprotocol("a"));
    const auto carry = [](landline::protocol& from, landline::protocol& to) {
        std::string all;
        for (;;) {
            const auto found = to.next();
            if (found.kind != landline::event_kind::none) {
                all += std::to_string(static_cast<int>(found.kind)) + ":" + std::string(found.data.chars()) + ";";
                continue;
            }
            const auto output = from.output();
            if (output.empty())
                return all;
            from.consume(to.receive(output.chars()));
        }
    };
    std::error_code failure;
    client.send("early", landline::send_flag::none, failure);
    CHECK(failure == status::state);
    CHECK(client.is_opening() && server.is_opening() && client.target().empty());
    CHECK(carry(client, server) == "16:;" && carry(server, client) == "16:;");
    CHECK(client.subprotocol() == "a" && server.target() == "/path" && !client.headers().empty());
    CHECK(!client.is_opening() && !client.is_over());
    client.give_up(); // It is too late for that.
    client.send("text");
    client.send(std::vector<char>{'b'});
    client.ping("p");
    CHECK(carry(client, server) == "1:text;2:b;9:p;" && carry(server, client) == "10:p;");
    server.close(4000, "bye");
    CHECK(carry(server, client) == "8:bye;" && client.close_code_received() == 4000);
    CHECK(carry(client, server) == "8:;" && client.is_over() && server.is_over());
    server.receive_eof();

    // An opening handshake that takes too long, in either role.
    client = landline::protocol::client("ws://host/");
    server = landline::protocol::server();
    CHECK(thrown_by([&] { client.give_up(); }).status() == status::timed_out && client.is_over());
    server.give_up(failure);
    CHECK(failure == status::rejected && server.is_over() && !server.is_opening());
    CHECK(std::string(server.output().chars()).rfind("HTTP/1.1 408 ", 0) == 0);

    // A stream that ends without a Close frame is over, and every later call reports that.
    client = landline::protocol::client("ws://host/");
    server = landline::protocol::server();
    CHECK(carry(client, server) == "16:;" && carry(server, client) == "16:;");
    for (auto* ended : {&client, &server}) {
        CHECK(!ended->is_over());
        CHECK(thrown_by([&] { ended->receive_eof(); }).status() == status::eof);
        CHECK(ended->is_over());
        CHECK(thrown_by([&] { ended->send("text"); }).status() == status::eof);
        CHECK(thrown_by([&] { ended->ping(); }).status() == status::eof);
        CHECK(thrown_by([&] { ended->close(); }).status() == status::eof);
        CHECK(thrown_by([&] { ended->next(); }).status() == status::eof);
        CHECK(thrown_by([&] { ended->receive("a"); }).status() == status::eof);
    }
}

void protocols_whose_caller_decides() {
    const auto ask = [](landline::protocol& client, landline::protocol& server) {
        client = landline::protocol::client(
            "ws://host/room?1", landline::options().subprotocol("a").subprotocol("b").origin("https://page").header("X-Key", "k"));
        server = landline::protocol::server(landline::options().subprotocol("b").header("X-Mine", "1"));
        server.deciding_by_caller();
        CHECK(thrown_by([&] { server.accept(); }).status() == status::state);
        CHECK(thrown_by([&] { server.request().path(); }).status() == status::state);
        const auto output = client.output();
        client.consume(server.receive(output.chars()));
        CHECK(server.next().kind == landline::event_kind::request);
        CHECK(server.next().kind == landline::event_kind::none && server.is_opening());
        const auto request = server.request();
        CHECK(request.path() == "/room" && request.query() == "1" && request.raw_target() == "/room?1");
        CHECK(request.host() == "host" && request.origin() == "https://page" && request.peer_addr().empty());
        CHECK(request.header("x-key") == "k" && !request.header("x-key", 1) && !request.headers().empty());
        CHECK((request.subprotocols() == std::vector<std::string_view>{"a", "b"}));
    };
    std::error_code failure;
    landline::protocol client, server;
    struct {
        const char *asked, *agreed;
    } const ways[] = {{nullptr, "b"}, {"", ""}, {"a", "a"}};
    for (const auto& way : ways) {
        ask(client, server);
        server.add_header("Upgrade", "mine");
        server.accept(way.asked, failure);
        CHECK(failure == status::config && !server.is_over() && server.output().empty());
        server.add_header("X-Yours", "2");
        server.accept(way.asked);
        CHECK(server.next().kind == landline::event_kind::open && server.subprotocol() == way.agreed);
        server.consume(client.receive(server.output().chars()));
        CHECK(client.next().kind == landline::event_kind::open && client.subprotocol() == way.agreed);
        CHECK(client.headers().find("x-mine: 1\r\nx-yours: 2\r\n") != std::string_view::npos);
        CHECK(server.request().path() == "/room");
    }
    ask(client, server);
    server.add_header("X-Why", "full");
    server.reject(404, "no such room");
    CHECK(server.is_over() && thrown_by([&] { server.next(); }).status() == status::rejected);
    const auto refused = thrown_by([&] { client.receive(server.output().chars()); });
    CHECK(refused.http_status() == 404 && refused.http_body() == "no such room");
    CHECK(refused.http_headers().find("x-why: full\r\n") != std::string::npos);
    ask(client, server);
    server.reject(99, {}, failure);
    CHECK(failure == status::invalid && !server.is_over());
    server.reject(200, {}, failure);
    CHECK(!failure && server.is_over());
}

void logs() {
    std::mutex mutex;
    int lines = 0, heads = 0;
    auto alive = std::make_shared<int>();
    const std::weak_ptr<int> held = alive;
    landline::set_log(landline::log_level::trace, [&, alive = std::move(alive)](landline::log_level, std::string_view text) {
        const std::lock_guard lock(mutex);
        CHECK(!text.empty());
        ++lines;
        heads += text == "> GET / HTTP/1.1" || text == "< HTTP 403 Forbidden" ? 1 : 0;
        throw 7; // goes nowhere
    });
    const auto cause_lines = [] {
        const running server(echo, landline::options().origins(landline::origins::same));
        thrown_by([&] { landline::connect(server.url(), landline::options().origin("https://a.test")); });
    };
    cause_lines();
    CHECK(lines > 0 && heads == 2 && !held.expired());
    landline::set_log(landline::log_level::off, nullptr);
    CHECK(held.expired());
    lines = 0;
    cause_lines();
    CHECK(lines == 0);
}

void log_after_a_fork() {
    std::atomic<int> lines = 0;
    std::atomic<bool> waits = true, entered = false, goes_on = false;
    landline::set_log(landline::log_level::debug, [&](landline::log_level, std::string_view) {
        ++lines;
        if (waits.exchange(false)) {
            entered = true;
            while (!goes_on)
                std::this_thread::yield();
        }
    });
    const auto log = [] {
        const running server(echo, landline::options().origins(landline::origins::same));
        thrown_by([&] { landline::connect(server.url(), landline::options().origin("https://a.test")); });
    };
    std::thread logging(log);
    while (!entered)
        std::this_thread::yield();
    // This waits for the call in progress. It has begun as soon as no more lines come.
    std::thread changing([] { landline::set_log(landline::log_level::off, nullptr); });
    for (int before = -1; before != lines;) {
        before = lines;
        log();
    }
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        landline::set_log(landline::log_level::debug, [&](landline::log_level, std::string_view) { entered = false; });
        landline::set_log(landline::log_level::off, nullptr);
        _exit(0);
    }
    int result = 0;
    CHECK(waitpid(child, &result, 0) == child && WIFEXITED(result) && WEXITSTATUS(result) == 0);
    goes_on = true;
    logging.join();
    changing.join();
}

} // namespace

int main() {
    test("handlers that throw", handlers_that_throw);
    test("handlers that return", handlers_that_return);
    test("run() waits for handlers that were cut", run_waits_for_handlers);
    test("run() waits for handlers when the listening socket fails", run_fails);
    test("stopping", stopping);
    test("a connection that its handler keeps", connections_that_are_kept);
    test("requests", requests);
    test("sockets of the caller's", descriptors);
    test("waiting for many things", waiting);
    test("transports of the caller's", transports);
    test("the protocol without I/O", protocols);
    test("the caller decides about a protocol's request", protocols_whose_caller_decides);
    test("the log", logs);
    test("a child that is forked while the log is changed can change it", log_after_a_fork);
}
