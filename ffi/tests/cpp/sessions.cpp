// Sessions: receiving over connections that break, callbacks and their exceptions, messages without a connection, the end.
#include "check.hpp"

#include <atomic>
#include <future>
#include <vector>

using namespace std::chrono_literals;
using landline::options;
using landline::session;
using landline::session_stage;
using landline::status;

namespace {

options quick() { return options().backoff_first(2ms).backoff_max(10ms); }
options slow() { return options().backoff_first(1000s).backoff_max(1000s); }

/// A URL at which nobody listens.
std::string nobody() {
    const landline::listener listener("127.0.0.1:0");
    return "ws://" + std::string(listener.local_addr()) + "/";
}

/// A server that gives back the first message with a number; it breaks off, and closes the `last` time.
class breaking {
public:
    explicit breaking(int last, int code = landline::close_code::normal_closure)
        : server_([this, last, code](landline::connection& connection) {
              std::error_code failure;
              const auto first = connection.recv(soon, failure);
              if (!first)
                  return;
              const int number = ++count_;
              connection.send(std::string(first->text()) + " " + std::to_string(number), failure);
              if (number < last)
                  connection.abort();
              else
                  connection.close(code, {}, soon, failure);
          }) {}
    std::string url() const { return server_.url(); }

private:
    std::atomic<int> count_{0};
    running server_;
};

void receiving_goes_on_over_connections() {
    const breaking server(3);
    int connects = 0;
    session feed(server.url(), quick(), [&](landline::connection& connection) {
        ++connects;
        CHECK(!connection.header("upgrade")->empty());
        connection.send("prices");
    });
    CHECK(feed.stage() == session_stage::waiting && feed.wait() == 0ms && !feed.failure());
    std::vector<std::string> all;
    while (auto event = feed.recv(soon))
        all.push_back(event->is_connected() ? "connected" : std::string(event->message().text()));
    const std::vector<std::string> expected{"connected", "prices 1", "connected", "prices 2", "connected", "prices 3"};
    CHECK(all == expected && connects == 3);
    CHECK(feed.reconnects() == 2 && feed.close_code() == 1000 && feed.stage() == session_stage::ended);
    CHECK(feed.failure()->status() == status::closed);
    CHECK(!feed.recv(soon));
    CHECK(thrown_by([&] { feed.send("x"); }).status() == status::closing);
}

void the_program_decides_what_is_tried_again() {
    const breaking server(1, 4000);
    std::vector<int> codes;
    session feed(
        server.url(), quick(), [](landline::connection& connection) { connection.send("a"); },
        [&](const landline::error& failure, int code, bool is_transient) {
            CHECK(failure.status() == status::closed && !is_transient);
            codes.push_back(code);
            return codes.size() < 2;
        });
    int messages = 0;
    while (auto event = feed.recv(soon))
        messages += *event ? 1 : 0;
    CHECK(messages == 2 && codes == std::vector<int>({4000, 4000}));
}

void it_gives_up_with_the_last_error() {
    session feed(nobody(), quick().max_attempts(3));
    const auto failure = thrown_by([&] { feed.recv(soon); });
    CHECK(failure.status() == status::connect && failure.is_transient() && failure.retry_after() == 0ms);
    CHECK(feed.attempts() == 3 && feed.failure()->status() == status::connect);
    std::error_code code;
    CHECK(!feed.recv(soon, code) && code == status::connect);
}

void an_error_of_the_callback_is_a_failed_attempt_and_another_exception_ends_the_session() {
    const breaking server(1);
    int calls = 0;
    session feed(server.url(), quick(), [&](landline::connection& connection) {
        if (++calls == 1)
            connection.recv(0ms); // timeout
        if (calls == 2)
            throw std::out_of_range("seven");
    });
    const auto thrown = thrown_by<std::out_of_range>([&] { feed.recv(soon); });
    CHECK(thrown.what() == std::string("seven") && calls == 2 && feed.stage() == session_stage::ended);
    CHECK(thrown_by([&] { feed.recv(soon); }).status() == status::io);

    session undecided(nobody(), quick(), nullptr,
                      [](const landline::error&, int, bool) -> bool { throw std::out_of_range("eight"); });
    CHECK(thrown_by<std::out_of_range>([&] { undecided.recv(soon); }).what() == std::string("eight"));
}

void a_call_with_an_error_code_leaves_no_exception_to_later_ones() {
    const breaking server(1);
    const auto fails = [](landline::connection&) { throw std::out_of_range("seven"); };
    std::error_code failure;
    session receiving(server.url(), quick(), fails);
    CHECK(!receiving.recv(soon, failure) && failure == status::io);
    CHECK(thrown_by([&] { receiving.recv(soon); }).status() == status::io);
    session opening(server.url(), quick(), fails);
    CHECK(!opening.next_connection(soon, failure) && failure == status::io);
    CHECK(thrown_by([&] { opening.next_connection(soon); }).status() == status::io);
}

void without_a_connection_messages_are_refused_or_kept() {
    session off(nobody(), quick());
    CHECK(thrown_by([&] { off.send("x"); }).status() == status::not_connected);
    std::error_code failure;
    off.try_send("x", failure);
    CHECK(failure == status::not_connected);

    const breaking server(1);
    session kept(server.url(), quick().outbox_messages(1).outbox_bytes(4));
    CHECK(kept.try_send("kept"));
    CHECK(thrown_by([&] { kept.send(std::vector<unsigned char>{1}); }).status() == status::outbox_full);
    CHECK(kept.number(LANDLINE_SESSION_OUTBOX_MESSAGES) == 1 && kept.number(LANDLINE_SESSION_OUTBOX_BYTES) == 4);
    CHECK(kept.recv(soon)->is_connected());
    CHECK(kept.recv(soon)->message().text() == "kept 1");
    kept.abort();
    CHECK(thrown_by([&] { kept.recv(soon); }).status() == status::aborted);
}

void waits_have_limits_and_can_be_interrupted() {
    session feed(nobody(), slow());
    thrown_by<landline::timeout>([&] { feed.recv(200ms); });
    CHECK(feed.attempts() == 1 && feed.wait() > 400s);
    auto receiving = std::async(std::launch::async, [&] { return feed.recv(); });
    feed.interrupt(landline::direction::recv);
    thrown_by<landline::interrupted>([&] { receiving.get(); });
    receiving = std::async(std::launch::async, [&] { return feed.recv(); });
    feed.close_start();
    CHECK(!receiving.get());
    feed.close();
    CHECK(!session());
    std::error_code failure;
    const session wrong("http://localhost/", landline::defaults, nullptr, nullptr, failure);
    CHECK(!wrong && failure == status::url);
}

void the_server_gets_code_and_reason() {
    std::promise<std::pair<int, std::string>> closed;
    const running server([&](landline::connection& connection) {
        CHECK(!connection.recv(soon));
        closed.set_value({connection.close_code(), std::string(connection.close_reason())});
    });
    session feed(server.url(), quick());
    CHECK(feed.recv(soon)->is_connected());
    std::error_code failure;
    feed.close_start(4001, "later", failure);
    CHECK(!failure && !feed.recv(soon));
    CHECK((closed.get_future().get() == std::pair<int, std::string>(4001, "later")));
}

void connections_can_be_used_by_the_program() {
    const breaking server(2);
    session feed(server.url(), quick(), [](landline::connection& connection) { connection.send("a"); });
    for (int i = 1; i <= 2; ++i) {
        auto connection = feed.next_connection(soon);
        CHECK(connection.recv(soon)->text() == "a " + std::to_string(i));
    }
    feed.close();
    CHECK(!feed.next_connection(soon));
}

void a_callback_can_close_the_session_and_not_send_by_it() {
    const breaking server(1);
    session feed(server.url(), quick().close_timeout(60s), [&](landline::connection&) { feed.close(); });
    CHECK(!feed.recv(soon));
    session sending(server.url(), quick(), [&](landline::connection&) { sending.send("prices"); });
    CHECK(thrown_by([&] { sending.recv(soon); }).status() == status::state);
}

void giving_up_because_time_ran_out_is_the_end() {
    const landline::listener silent("127.0.0.1:0");
    session feed("ws://" + std::string(silent.local_addr()) + "/", quick().handshake_timeout(50ms).max_attempts(1));
    for (int i = 0; i < 2; ++i) {
        const auto error = thrown_by([&] { feed.recv(soon); });
        CHECK(error.status() == status::gave_up && error.code() == std::errc::timed_out);
    }
}

} // namespace

int main() {
    test("receiving goes on over connections", receiving_goes_on_over_connections);
    test("the program decides what is tried again", the_program_decides_what_is_tried_again);
    test("it gives up with the last error", it_gives_up_with_the_last_error);
    test("an error of the callback is a failed attempt, and another exception ends the session",
         an_error_of_the_callback_is_a_failed_attempt_and_another_exception_ends_the_session);
    test("a call with an error code leaves no exception to later ones",
         a_call_with_an_error_code_leaves_no_exception_to_later_ones);
    test("without a connection, messages are refused or kept", without_a_connection_messages_are_refused_or_kept);
    test("waits have limits and can be interrupted", waits_have_limits_and_can_be_interrupted);
    test("the server gets code and reason", the_server_gets_code_and_reason);
    test("connections can be used by the program", connections_can_be_used_by_the_program);
    test("a callback can close the session, and not send by it", a_callback_can_close_the_session_and_not_send_by_it);
    test("giving up because time ran out is the end", giving_up_because_time_ran_out_is_the_end);
}
