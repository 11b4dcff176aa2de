// Compiled with -fno-exceptions and -fno-rtti: everything can be done with error codes, and a failing call without one
// ends the program with a message.
#include <landline.hpp>

#include <atomic>
#include <csignal>
#include <future>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#ifdef __cpp_exceptions
#error "this is to be compiled without exceptions"
#endif

using landline::status;

namespace {

void check(bool holds, const char* what, int line) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, line, what);
        std::_Exit(1);
    }
}
#define CHECK(condition) check(static_cast<bool>(condition), #condition, __LINE__)

constexpr std::chrono::seconds soon(10);

void client_and_server() {
    std::error_code failure = status::busy;
    std::atomic<int> lines = 0;
    landline::set_log(landline::log_level::debug, [&](landline::log_level, std::string_view) { ++lines; }, failure);
    CHECK(!failure);

    landline::options options(failure);
    options.max_message_size(1 << 20, failure);
    CHECK(!failure);
    landline::server server("127.0.0.1:0", options, failure);
    CHECK(!failure && server);
    std::thread serving([&] {
        std::error_code result;
        server.run(
            [](landline::connection& connection) {
                std::error_code ended;
                while (auto message = connection.recv(ended))
                    connection.send(*message, ended);
            },
            nullptr, result);
        CHECK(!result);
    });

    auto client = landline::connect("ws://" + std::string(server.local_addr()) + "/", options, soon, failure);
    CHECK(!failure && client);
    client.send("text", failure);
    CHECK(!failure && client.recv(soon, failure)->text() == "text");
    client.feed("fed", soon, failure);
    client.flush(soon, failure);
    CHECK(!failure && client.recv_ref(soon, failure)->text() == "fed");
    auto writer = client.send_stream(landline::kind::binary, {}, failure);
    CHECK(!failure && writer.write("parts", soon, failure) == 5);
    writer.finish(soon, failure);
    char buffer[16];
    const auto part = client.recv_into(buffer, sizeof buffer, soon, failure);
    CHECK(!failure && part && part->size == 5 && part->last && part->kind == landline::kind::binary);
    CHECK(client.ping_wait(soon, failure).count() >= 0 && !failure);
    client.pong_wait(client.ping_start(soon, failure), soon, failure);
    CHECK(!failure);
    CHECK(client.fd(failure) >= 0 && !client.has_buffered(failure) && client.poll_events(failure) != 0 && !failure);
    CHECK(client.number(LANDLINE_CONN_STATE, failure) == 0 && client.text(LANDLINE_CONN_TARGET, failure) == "/");
    landline::wait_item item = landline::wait_for(client);
    CHECK(landline::wait(&item, 1, std::chrono::milliseconds(1), failure) == 0 && !failure);

    CHECK(!client.recv(std::chrono::milliseconds(1), failure) && failure == status::timed_out);
    CHECK(landline::last_error().status() == status::timed_out);
    CHECK(!client.recv(std::chrono::seconds(-1), failure) && failure == status::invalid);
    client.close(failure);
    CHECK(!failure && client.number(LANDLINE_CONN_CLOSE_CODE, failure) == landline::close_code::normal_closure);
    CHECK(!client.recv(soon, failure) && !failure);

    server.stop(soon, failure);
    CHECK(!failure);
    serving.join();
    landline::set_log(landline::log_level::off, nullptr, failure);
    CHECK(!failure);
}

void listeners_and_requests() {
    std::error_code failure;
    const landline::listener listener("127.0.0.1:0", landline::defaults, failure);
    CHECK(!failure);
    auto connecting = std::async(std::launch::async, [&] {
        std::error_code code;
        auto client = landline::connect("ws://" + std::string(listener.local_addr()) + "/", code);
        CHECK(code == status::handshake && landline::last_error().http_status() == 403);
    });
    auto request = listener.accept(soon, failure);
    CHECK(!failure && request.path() == "/");
    request.reject(403, "no", failure);
    CHECK(!failure);
    connecting.get();
}

void without_io() {
    std::error_code failure;
    auto client = landline::protocol::client("ws://a/", landline::defaults, failure);
    auto server = landline::protocol::server(landline::defaults, failure);
    CHECK(!failure && client && server);
    server.deciding_by_caller(failure);
    CHECK(!failure);
    for (int i = 0; i < 2; ++i) {
        auto &from = i == 0 ? client : server, &to = i == 0 ? server : client;
        const auto bytes = from.output(failure);
        CHECK(to.receive(landline::payload(bytes), failure) == bytes.size() && !failure);
        from.consume(bytes.size(), failure);
        if (i == 0) {
            CHECK(to.next(failure).kind == landline::event_kind::request && !failure);
            CHECK(to.request().text(LANDLINE_REQUEST_PATH, failure) == "/" && !failure);
            to.add_header("X-Mine", "1", failure);
            CHECK(!failure);
            to.accept(nullptr, failure);
            CHECK(!failure);
        }
        CHECK(to.next(failure).kind == landline::event_kind::open && !failure);
    }
}

void a_call_without_an_error_code_ends_the_program() {
    int both[2];
    CHECK(pipe(both) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(both[1], 2);
        landline::connect("none:");
        _exit(0);
    }
    close(both[1]);
    std::string said;
    char buffer[512];
    for (ssize_t count; (count = read(both[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(count));
    close(both[0]);
    int result = 0;
    CHECK(waitpid(child, &result, 0) == child && WIFSIGNALED(result) && WTERMSIG(result) == SIGABRT);
    CHECK(said.rfind("landline: LANDLINE_ERR_URL: ", 0) == 0 && said.find("no exceptions") != std::string::npos);
}

} // namespace

int main() {
    alarm(30);
    // First, while there is only one thread.
    a_call_without_an_error_code_ends_the_program();
    client_and_server();
    listeners_and_requests();
    without_io();
}
