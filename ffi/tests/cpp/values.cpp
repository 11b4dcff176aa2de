// Views, durations, moves, and which overload takes what.
#include "check.hpp"

using namespace std::chrono_literals;
using landline::bytes_view;
using landline::kind;
using landline::time_limit;

namespace {

template <class T>
inline constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                                   !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

// Every class that owns a handle. The runner checks that none is missing.
static_assert(moves_only<landline::options>);
static_assert(moves_only<landline::interrupter>);
static_assert(moves_only<landline::cookie_jar>);
static_assert(moves_only<landline::connection>);
static_assert(moves_only<landline::message>);
static_assert(moves_only<landline::writer>);
static_assert(moves_only<landline::listener>);
static_assert(moves_only<landline::request>);
static_assert(moves_only<landline::tls_info>);
static_assert(moves_only<landline::server>);
static_assert(moves_only<landline::session>);
static_assert(moves_only<landline::protocol>);
static_assert(std::is_nothrow_copy_constructible_v<landline::error>);

static_assert(landline::no_timeout.milliseconds() == -1);
static_assert(time_limit(0s).milliseconds() == 0);
static_assert(time_limit(1us).milliseconds() == 1);
static_assert(time_limit(1500us).milliseconds() == 2);
static_assert(time_limit(2min).milliseconds() == 120000);
static_assert(time_limit(std::chrono::duration<double>(0.25)).milliseconds() == 250);
// The longest, and what is longer.
using seconds_as_double = std::chrono::duration<double>;
constexpr double infinity = std::numeric_limits<double>::infinity();
static_assert(time_limit(std::chrono::milliseconds(2147483647)).milliseconds() == 2147483647);
static_assert(time_limit(std::chrono::milliseconds(2147483648)).milliseconds() == -1);
static_assert(time_limit(std::chrono::nanoseconds::max()).milliseconds() == -1);
static_assert(time_limit(std::chrono::milliseconds::max()).milliseconds() == -1);
static_assert(time_limit(std::chrono::hours::max()).milliseconds() == -1);
static_assert(time_limit(seconds_as_double(infinity)).milliseconds() == -1);
// An invalid limit becomes neither infinite nor zero.
static_assert(time_limit(-1s).milliseconds() == -2);
static_assert(time_limit(-1ns).milliseconds() == -2);
static_assert(time_limit(std::chrono::hours::min()).milliseconds() == -2);
static_assert(time_limit(seconds_as_double(-infinity)).milliseconds() == -2);
static_assert(time_limit(seconds_as_double(std::numeric_limits<double>::quiet_NaN())).milliseconds() == -2);
static_assert(time_limit::from_milliseconds(-1).milliseconds() == -1);
static_assert(time_limit::from_milliseconds(-2).milliseconds() == -2);

void views() {
    const std::string text("a\0b", 3);
    const std::vector<std::byte> bytes{std::byte{1}, std::byte{2}};
    const std::vector<unsigned char> octets{1, 2, 3};
    const std::vector<char> chars{'a'};
    const std::array<unsigned char, 4> four{1, 2, 3, 4};
    const unsigned char plain[] = {9, 0, 9};
    CHECK(bytes_view(std::string_view(text)).chars() == text);
    CHECK(bytes_view(bytes).size() == 2 && bytes_view(bytes)[1] == 2);
    CHECK(bytes_view(octets).size() == 3 && bytes_view(chars).size() == 1 && bytes_view(four).size() == 4);
    CHECK(bytes_view(plain).size() == 3 && bytes_view(plain)[2] == 9);
    CHECK(bytes_view().empty() && bytes_view().begin() == bytes_view().end());
    CHECK(landline::payload("literal").size() == 7 && landline::payload(text).size() == 3);
    CHECK(landline::payload(plain).size() == 3 && landline::payload(bytes).size() == 2);
    std::size_t sum = 0;
    for (const auto byte : bytes_view(octets))
        sum += byte;
    CHECK(sum == 6);
#if __cplusplus >= 202002L
    CHECK(bytes_view(std::span(octets)).size() == 3);
    CHECK(bytes_view(std::as_bytes(std::span(octets))).size() == 3);
#endif
}

/// The kind and the bytes that arrive.
std::pair<kind, std::string> next(landline::connection& from) {
    const auto message = from.recv(soon);
    CHECK(message);
    return {message->kind(), std::string(message->text())};
}

void overloads() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    const auto arrives = [&from = server](kind as, std::string_view data) {
        const auto [found, bytes] = next(from);
        return found == as && bytes == data;
    };
    std::error_code failure;
    client.send("literal");
    CHECK(arrives(kind::text, "literal"));
    client.send(std::string("s\0s", 3), soon);
    CHECK(arrives(kind::text, std::string_view("s\0s", 3)));
    client.send(std::string_view("view"), landline::send_flag::compress_never);
    CHECK(arrives(kind::text, "view"));
    client.send("both", {landline::send_flag::compress_never | landline::send_flag::feed, soon});
    client.flush();
    CHECK(arrives(kind::text, "both"));
    client.send("code", failure);
    CHECK(!failure && arrives(kind::text, "code"));
    client.send(std::vector<std::byte>{std::byte{'b'}});
    CHECK(arrives(kind::binary, "b"));
    client.send(std::vector<char>{'c', 'd'});
    CHECK(arrives(kind::binary, "cd"));
    client.send(std::array<unsigned char, 2>{'e', 'f'}, failure);
    CHECK(!failure && arrives(kind::binary, "ef"));
    client.send(bytes_view(std::string_view("bytes")), 1s, failure);
    CHECK(!failure && arrives(kind::binary, "bytes"));
    const unsigned char plain[] = {'x', 'y'};
    client.send(plain);
    CHECK(arrives(kind::binary, "xy"));
    client.send("");
    CHECK(arrives(kind::text, ""));
    client.feed("fed");
    client.feed(bytes_view(plain));
    client.flush();
    CHECK(arrives(kind::text, "fed") && arrives(kind::binary, "xy"));
}

void moves() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    landline::connection moved(std::move(client));
    CHECK(moved && !client);
    CHECK(thrown_by([&] { client.send("nobody"); }).status() == landline::status::null);
    std::error_code failure;
    CHECK(!client.recv(failure) && failure == landline::status::null);
    moved.send("one");
    auto message = server.recv_ref(soon);
    auto other = std::move(*message);
    CHECK(!*message && other.text() == "one");
    // Assigning frees the old message.
    moved.send("two");
    other = landline::message();
    CHECK(next(server).second == "two");
    // Assigning ends the old connection, and the peer notices.
    moved = landline::connection();
    CHECK(thrown_by([&] { server.recv(soon); }).status() == landline::status::eof);
    landline::options options;
    landline::options taken = std::move(options).max_message_size(5).compression(true);
    CHECK(taken && !options);
    CHECK(thrown_by([&] { options.compression(true); }).status() == landline::status::null);
}

/// Whether it is empty, and stays so when it is moved again.
template <class T>
bool is_left_empty(T owner) {
    T taken(std::move(owner));
    T again(std::move(owner));
    return taken && !owner && !again && owner.get() == nullptr;
}

void what_was_moved_from_can_be_called() {
    auto ends = landline::pair();
    landline::listener listener("127.0.0.1:0");
    CHECK(is_left_empty(ends.first.share()));
    CHECK(is_left_empty(ends.first.send_stream(kind::text)));
    CHECK(is_left_empty(landline::options()) && is_left_empty(landline::interrupter()));
    CHECK(is_left_empty(landline::server("127.0.0.1:0")) && is_left_empty(landline::protocol::server()));
    CHECK(is_left_empty(landline::listener("127.0.0.1:0")));

    std::error_code failure;
    landline::connection connection(std::move(ends.first));
    const landline::connection& gone = ends.first;
    ends.first.close(failure);
    CHECK(failure == landline::status::null && !gone.share() && gone.user() == nullptr);
    landline::writer writer;
    writer.finish(soon, failure);
    CHECK(failure == landline::status::null);
    landline::listener other(std::move(listener));
    CHECK(!listener.accept(soon, failure) && failure == landline::status::null && listener.local_addr().empty());
    landline::request request;
    request.reject(403, {}, failure);
    CHECK(failure == landline::status::null);
    CHECK(request.text(LANDLINE_REQUEST_PATH, failure).empty() && failure == landline::status::null);
    CHECK(request.subprotocols(failure).empty() && failure == landline::status::null);
    CHECK(!request.header("host", 0, failure) && failure == landline::status::null);
    CHECK(thrown_by([&] { request.path(); }).status() == landline::status::null);
    landline::server server;
    server.stop(soon, failure);
    CHECK(failure == landline::status::null && server.connections() == 0 && server.local_addr().empty());
    server.run([](landline::connection&) {}, nullptr, failure);
    CHECK(failure == landline::status::null);
    landline::protocol protocol;
    CHECK(protocol.next(failure).kind == landline::event_kind::none && failure == landline::status::null);
    const landline::message message;
    CHECK(message.size() == 0 && message.text().empty());
}

void wrong_time_limits() {
    auto ends = landline::pair();
    auto& client = ends.first;
    CHECK(thrown_by([&] { client.recv(-1s); }).status() == landline::status::invalid);
    CHECK(std::string(landline::last_error().what()).find("timeout_ms") != std::string::npos);
    CHECK(thrown_by([&] { client.send("a", -1s); }).status() == landline::status::invalid);
    CHECK(thrown_by([&] { client.close(1000, {}, -1s); }).status() == landline::status::invalid);
    CHECK(thrown_by([&] { landline::connect("ws://127.0.0.1:1/", landline::defaults, -1ms); }).status() ==
          landline::status::invalid);
    CHECK(thrown_by([&] { landline::listener("127.0.0.1:0").accept(seconds_as_double(-infinity)); }).status() ==
          landline::status::invalid);
    CHECK(thrown_by([&] { landline::server("127.0.0.1:0").stop(-1s); }).status() == landline::status::invalid);
    landline::options options;
    CHECK(thrown_by([&] { options.close_timeout(-1s); }).status() == landline::status::invalid);
    CHECK(thrown_by([&] { options.handshake_timeout(-1s); }).status() == landline::status::invalid);
    // No limit, in calls and in options.
    options.close_timeout(std::chrono::hours::max()).handshake_timeout(landline::no_timeout);
    options.keepalive_interval(landline::no_timeout).keepalive_timeout(std::chrono::hours::max());
    auto both = landline::pair(options, options);
    both.first.send("a", std::chrono::nanoseconds::max());
    CHECK(both.second.recv(std::chrono::hours::max())->text() == "a");
    CHECK(landline::server("127.0.0.1:0").stop(std::chrono::hours::max()).finished == 0);
}

void shares() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    landline::connection shared = client.share();
    CHECK(shared.get() == client.get());
    client = landline::connection();
    shared.send("still there");
    CHECK(next(server).second == "still there");
}

} // namespace

int main() {
    test("views and payloads", views);
    test("strings go as text, bytes as binary", overloads);
    test("moved objects are empty", moves);
    test("what was moved from can be called", what_was_moved_from_can_be_called);
    test("time limits that cannot be are refused", wrong_time_limits);
    test("a shared connection outlives the first object", shares);
}
