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

static_assert(moves_only<landline::options> && moves_only<landline::interrupter>);
static_assert(moves_only<landline::connection> && moves_only<landline::message> && moves_only<landline::writer>);
static_assert(moves_only<landline::listener> && moves_only<landline::request> && moves_only<landline::server>);
static_assert(moves_only<landline::protocol>);
static_assert(std::is_nothrow_copy_constructible_v<landline::error>);

static_assert(landline::no_timeout.milliseconds() == -1);
static_assert(time_limit(0s).milliseconds() == 0);
static_assert(time_limit(-1s).milliseconds() == 0);
static_assert(time_limit(1us).milliseconds() == 1);
static_assert(time_limit(1500us).milliseconds() == 2);
static_assert(time_limit(2min).milliseconds() == 120000);
static_assert(time_limit(std::chrono::hours::max()).milliseconds() == 2147483647);
static_assert(time_limit(std::chrono::duration<double>(0.25)).milliseconds() == 250);

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
    client.send(std::string_view("view"), landline::send_flag::plain);
    CHECK(arrives(kind::text, "view"));
    client.send("both", {landline::send_flag::plain | landline::send_flag::feed, soon});
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
    // The old message of an assignment is given back.
    moved.send("two");
    other = landline::message();
    CHECK(next(server).second == "two");
    // A connection that is assigned to ends, and the peer sees it.
    moved = landline::connection();
    CHECK(thrown_by([&] { server.recv(soon); }).status() == landline::status::eof);
    landline::options options;
    landline::options taken = std::move(options).max_message_size(5).compression(true);
    CHECK(taken && !options);
    CHECK(thrown_by([&] { options.compression(true); }).status() == landline::status::null);
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
    test("a shared connection outlives the first object", shares);
}
