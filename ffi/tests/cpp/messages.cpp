// Receiving and sending in all forms: owned, borrowed, into buffers, batched, in pieces, as streams; and closing.
#include "check.hpp"

#include <future>

using namespace std::chrono_literals;
using landline::kind;
using landline::status;

namespace {

void nul_in_text() {
    const running server(echo);
    auto client = landline::connect(server.url());
    const std::string text("a\0b\0", 4);
    client.send(text);
    const auto message = client.recv(soon);
    CHECK(message && message->is_text() && message->text() == text);
    CHECK(thrown_by([&] { client.send(std::string("\xff\0", 2)); }).status() == status::utf8);
    CHECK(thrown_by([&] { client.send("\xc3"); }).status() == status::utf8);
}

void borrowed() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    client.send("first");
    client.send("second");
    {
        const auto message = server.recv_ref(soon);
        CHECK(message && message->text() == "first");
        // Nothing else can be received while it exists; sending continues.
        CHECK(thrown_by([&] { server.recv(0s); }).status() == status::busy);
        server.send(*message);
        CHECK(message->text() == "first");
    }
    CHECK(client.recv(soon)->text() == "first");
    auto message = server.recv_ref(soon);
    CHECK(message->text() == "second");
    // It keeps its connection alive.
    server = landline::connection();
    CHECK(message->text() == "second");
    client.send("nobody reads this");
    message.reset();
    CHECK(thrown_by([&] { client.recv(soon); }).is_fatal());
}

void owned_outlives_connection() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    client.send("kept");
    auto message = server.recv(soon);
    client = landline::connection();
    server = landline::connection();
    std::thread([kept = std::move(*message)] { CHECK(kept.text() == "kept"); }).join();
}

void into_buffers() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    client.send(std::string(10, 'x'));
    client.close_start();
    char buffer[4];
    std::string whole;
    for (bool last = false; !last;) {
        const auto part = server.recv_into(buffer, sizeof buffer, soon);
        CHECK(part && part->kind == kind::text && part->size <= sizeof buffer);
        whole.append(buffer, part->size);
        last = part->last;
        CHECK(last == (whole.size() == 10));
    }
    CHECK(whole == std::string(10, 'x'));
    CHECK(!server.recv_into(buffer, sizeof buffer, soon));
    std::error_code failure;
    server.recv_into(buffer, 0, soon, failure);
    CHECK(failure == status::invalid);
}

void iteration() {
    const running server([](landline::connection& connection) {
        for (int number = 0; number < 5; ++number)
            connection.send(std::to_string(number));
    });
    auto client = landline::connect(server.url());
    std::string all;
    for (auto& message : client)
        all += message.text();
    CHECK(all == "01234" && client.close_code() == landline::close_code::normal_closure && client.closed_first_by_peer());
    // The loop does not end quietly when the connection ends without a closing handshake.
    auto ends = landline::pair();
    auto &left = ends.first, &right = ends.second;
    left.send("one");
    left.flush();
    left.abort();
    int count = 0;
    const auto failure = thrown_by([&to = right, &count] {
        for (auto& message : to)
            count += message.text() == "one";
    });
    CHECK(count == 1 && failure.status() == status::eof && failure.is_fatal());
}

void pieces() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    client.send_vectored(kind::text, {landline::slice("a"), landline::slice(""), landline::slice("bc")});
    CHECK(server.recv(soon)->text() == "abc");
    const std::vector<unsigned char> bytes{1, 2};
    const landline_slice parts[] = {landline::slice(bytes), landline::slice(bytes)};
    std::error_code failure;
    client.send_vectored(kind::binary, parts, 2, soon, failure);
    const auto message = server.recv(soon);
    CHECK(!failure && message->kind() == kind::binary && message->size() == 4 && message->bytes()[3] == 2);
}

void streams() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    auto writer = client.send_stream(kind::text);
    writer.write("one ");
    writer.flush(soon);
    char buffer[16];
    const auto part = server.recv_into(buffer, sizeof buffer, soon);
    CHECK(part && !part->last && std::string_view(buffer, part->size) == "one ");
    std::error_code failure;
    CHECK(writer.write(std::string("two"), soon, failure) == 3 && !failure);
    // Another message waits until this one ends.
    client.send("late", 0s, failure);
    CHECK(failure == status::timed_out);
    writer.finish();
    writer.flush();
    const auto rest = server.recv_into(buffer, sizeof buffer, soon);
    CHECK(rest && std::string_view(buffer, rest->size) == "two");
    CHECK(rest->last || server.recv_into(buffer, sizeof buffer, soon)->last);
    CHECK(thrown_by([&] { writer.write("behind the end"); }).status() == status::state);
    client.send("next");
    CHECK(server.recv(soon)->text() == "next");
    // An unfinished one ends the connection.
    client.send_stream(kind::binary).write("half");
    CHECK(!server.recv(soon) && server.close_code_received() == landline::close_code::internal_error);
}

void pings_and_statistics() {
    const running server(echo);
    auto client = landline::connect(server.url("/path?query"));
    CHECK(client.ping_wait(soon) > 0us);
    client.pong_wait(client.ping_start(), soon);
    client.ping("data");
    client.ping();
    CHECK(thrown_by([&] { client.ping(std::string(126, 'x')); }).status() == status::invalid);
    client.send("hello");
    CHECK(client.recv(soon)->text() == "hello");
    const auto stats = client.stats();
    CHECK(stats.messages_sent == 1 && stats.messages_received == 1);
    CHECK(stats.payload_sent == 5 && stats.payload_received == 5);
    CHECK(stats.wire_sent > stats.wire_received && stats.wire_received > 7);
    CHECK(client.target() == "/path?query" && client.peer_addr() == server.url().substr(5, client.peer_addr().size()));
    CHECK(!client.local_addr().empty() && client.header("upgrade") == "websocket" && !client.header("none"));
    CHECK(client.state() == landline::connection_state::open && client.close_code() == 0);
    CHECK(client.fd() >= 0 && client.poll_events() != 0 && !client.has_buffered());
    int mine = 0;
    CHECK(client.user() == nullptr);
    client.set_user(&mine);
    CHECK(client.user() == &mine);
}

void closing() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    auto answering = std::async(std::launch::async, [&from = server] { return !from.recv(soon).has_value(); });
    client.close(3001, "enough", soon);
    CHECK(answering.get());
    CHECK(client.state() == landline::connection_state::over && client.closed_cleanly());
    CHECK(client.closed_first_by_us() && client.close_code_sent() == 3001);
    CHECK(server.close_code() == 3001 && server.close_reason() == "enough" && server.closed_first_by_peer());
    CHECK(server.close_code_received() == 3001);
    CHECK(thrown_by([&to = client] { to.send("late"); }).status() != status::ok);
}

void interrupting() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    std::promise<void> noticed;
    auto waiting = std::async(std::launch::async, [from = client.share(), &noticed]() mutable {
        thrown_by<landline::interrupted>([&] { from.recv(); });
        noticed.set_value();
        return from.recv()->text() == "after";
    });
    client.interrupt(landline::direction::recv);
    noticed.get_future().get(); // What is there would come first.
    server.send("after");
    CHECK(waiting.get());
    client.interrupt(landline::direction::recv);
    server.send("first");
    CHECK(client.recv()->text() == "first");
    thrown_by<landline::interrupted>([&from = client] { from.recv(); });
    auto ending = std::async(std::launch::async, [from = client.share()]() mutable {
        return thrown_by([&] { from.recv(); }).status() == status::aborted;
    });
    client.abort();
    CHECK(ending.get());
}

} // namespace

int main() {
    test("text may hold NULs and must be UTF-8", nul_in_text);
    test("a borrowed message blocks receiving and keeps its connection", borrowed);
    test("an owned message outlives its connection", owned_outlives_connection);
    test("receiving into buffers", into_buffers);
    test("iterating until the connection is closed", iteration);
    test("messages in pieces", pieces);
    test("messages as streams", streams);
    test("pings, statistics, what is known of a connection", pings_and_statistics);
    test("closing with a code and a reason", closing);
    test("interrupting and aborting", interrupting);
}
