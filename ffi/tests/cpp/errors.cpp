// Failures: the same one as an exception and as an error code, with its details.
#include "check.hpp"

#include <cerrno>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace std::chrono_literals;
using landline::status;

namespace {

/// Makes a call fail in both ways, and compares them.
template <class Throwing, class Coded>
landline::error both(Throwing throwing, Coded coded) {
    const auto failure = thrown_by(throwing);
    std::error_code code;
    coded(code);
    CHECK(code && code == failure.code() && code == failure.status());
    CHECK(code.category() == landline::category() && code.message() == landline_status_text(code.value()));
    const auto last = landline::last_error();
    CHECK(last.status() == failure.status() && std::string(last.what()) == failure.what());
    CHECK(last.phase() == failure.phase() && last.system_errno() == failure.system_errno());
    CHECK(last.http_status() == failure.http_status() && last.http_body() == failure.http_body());
    return failure;
}

landline::error connecting(const std::string& url, const landline::options& with = landline::defaults) {
    return both([&] { landline::connect(url, with, soon); },
                [&](std::error_code& code) { CHECK(!landline::connect(url, with, soon, code)); });
}

bool has(const landline::error& failure, const char* part) {
    return std::string(failure.what()).find(part) != std::string::npos;
}

/// An address on which nothing listens: bound, but not listening, while this exists.
class silent_port {
public:
    silent_port() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        url_ = "ws://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    }
    ~silent_port() { close(fd_); }
    const std::string& url() const { return url_; }

private:
    int fd_;
    std::string url_;
};

void before_connecting() {
    CHECK(connecting("http://127.0.0.1/").status() == status::url);
    CHECK(connecting(std::string("ws://127.0.0.1/\0", 16)).status() == status::utf8);
    CHECK(both([] { landline::connect(nullptr); },
               [](std::error_code& code) { landline::connect(nullptr, code); }).status() == status::null);
    landline::options options;
    options.subprotocol("not a token");
    CHECK(connecting("ws://127.0.0.1:1/", options).status() == status::config);
    CHECK(both([] { landline::listener("nowhere"); },
               [](std::error_code& code) { CHECK(!landline::listener("nowhere", landline::defaults, code)); })
              .status() == status::config);
    const auto listening = [](const char* address, const landline::options& with) {
        return both([&] { landline::listener(address, with); },
                    [&](std::error_code& code) { CHECK(!landline::listener(address, with, code)); });
    };
    CHECK(listening("127.0.0.1:0", options).status() == status::config);
    CHECK(listening("127.0.0.1:0", landline::options().allowed_origin("nonsense")).status() == status::config);
    const auto reserved = listening("127.0.0.1:0", landline::options().header("Upgrade", "mine"));
    CHECK(reserved.status() == status::config && has(reserved, "header upgrade is written by the library"));
    for (const char* address : {"256.1.1.1:1", "a b:1", "127.0.0.1:x", ""}) {
        const auto wrong = listening(address, landline::defaults);
        CHECK(wrong.status() == status::config && has(wrong, "127.0.0.1:9001"));
    }
    CHECK(listening("unix:", landline::defaults).status() == status::config);
    const auto mixed = listening("127.0.0.1:0", landline::options().cert_file("cert").key_pem("key"));
    CHECK(mixed.status() == status::config && has(mixed, "cert_file cannot go with key_pem"));
    const auto missing = listening("127.0.0.1:0", landline::options().cert_file("/nowhere").key_file("/nowhere"));
    CHECK(missing.status() == status::tls && missing.system_errno() == ENOENT && has(missing, "/nowhere"));
}

void refused_connection() {
    const silent_port port;
    const auto failure = connecting(port.url());
    CHECK(failure.status() == status::connect && failure.phase() == landline::phase::connect);
    CHECK(failure.system_errno() == ECONNREFUSED && failure.fault() == landline::fault::network);
    CHECK(failure.is_fatal() && failure.http_status() == 0 && failure.http_body().empty());
}

void refused_handshake() {
    const landline::listener listener("127.0.0.1:0");
    const auto url = "ws://" + std::string(listener.local_addr()) + "/";
    auto serving = std::async(std::launch::async, [&] {
        for (int i = 0; i < 2; ++i) {
            auto request = listener.accept(soon);
            request.add_header("X-Reason", "seven");
            request.reject(403, "not\nyou");
        }
    });
    const auto failure = connecting(url);
    serving.get();
    CHECK(failure.status() == status::handshake && failure.phase() == landline::phase::handshake);
    CHECK(failure.http_status() == 403 && failure.http_body() == "not\nyou");
    CHECK(failure.http_headers().find("x-reason: seven\r\n") != std::string::npos);
    CHECK(failure.fault() == landline::fault::peer && failure.is_fatal());
    // It is a copy, which later failures do not change.
    const landline::error copy = failure;
    CHECK(connecting("none:").status() == status::url);
    CHECK(copy.http_body() == "not\nyou" && copy.http_status() == 403);
}

void timeouts() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    const auto failure = both([&from = client] { from.recv(0s); },
                              [&from = client](std::error_code& code) { from.recv(1ms, code); });
    CHECK(failure.status() == status::timed_out && failure.code() == std::errc::timed_out && !failure.is_fatal());
    thrown_by<landline::timeout>([&from = client] { from.recv(10ms); });
    thrown_by<landline::timeout>([&from = client] { from.recv_ref(10ms); });
    thrown_by<landline::timeout>([] { landline::listener("127.0.0.1:0").accept(10ms); });
    thrown_by<landline::timeout>([&of = client] { of.ping_wait(10ms); });
    const auto ping = client.ping_start();
    thrown_by<landline::timeout>([&of = client, ping] { of.pong_wait(ping, 10ms); });
    // The code is cleared on success, and nothing is lost.
    std::error_code code = status::busy;
    server.send("late", code);
    CHECK(!code);
    code = status::busy;
    CHECK(client.recv(soon, code)->text() == "late" && !code);
}

void closed_is_no_error() {
    auto ends = landline::pair();
    auto &client = ends.first, &server = ends.second;
    server.close_start();
    CHECK(!client.recv(soon));
    std::error_code code = status::busy;
    CHECK(!client.recv(soon, code) && !code);
    code = status::busy;
    CHECK(!client.recv_ref(soon, code) && !code);
    CHECK(!client.recv_ref(soon));
}

void closing() {
    auto ends = landline::pair();
    auto& client = ends.first;
    CHECK(both([&of = client] { of.close(1005); },
               [&of = client](std::error_code& code) { of.close(1005, {}, soon, code); }).status() == status::invalid);
    client.close_start();
    CHECK(both([&of = client] { of.send("late"); }, [&of = client](std::error_code& code) { of.send("late", code); })
              .status() == status::closing);
    CHECK(!landline::last_error().is_fatal());
}

void peer_at_fault() {
    const landline::listener listener("127.0.0.1:0", landline::options().max_message_size(10));
    auto connecting_client = std::async(std::launch::async, [&] {
        auto client = landline::connect("ws://" + std::string(listener.local_addr()));
        client.send("eleven byte");
        std::error_code code;
        client.recv(soon, code);
        return client.close_code_received();
    });
    auto server = listener.accept(soon).accept();
    const auto failure = thrown_by([&] { server.recv(soon); });
    CHECK(failure.status() == status::limit && failure.close_code() == landline::close_code::message_too_big);
    CHECK(failure.is_fatal() && failure.fault() != landline::fault::caller);
    server = landline::connection();
    CHECK(connecting_client.get() == landline::close_code::message_too_big);
}

void pending_messages() {
    // More than the kernel accepts: the message is being sent when time runs out.
    const landline::listener listener("127.0.0.1:0", landline::options().max_message_size(1 << 26));
    auto accepted = std::async(std::launch::async, [&] { return listener.accept(soon).accept(); });
    auto client = landline::connect("ws://" + std::string(listener.local_addr()));
    auto server = accepted.get();
    const std::vector<std::byte> much(1 << 25);
    const auto failure = thrown_by<landline::pending>([&] { client.send(much, 50ms); });
    CHECK(failure.status() == status::pending && !failure.is_fatal());
    auto receiving = std::async(std::launch::async, [&] { return server.recv(soon)->size(); });
    client.flush(soon);
    CHECK(receiving.get() == much.size());
}

void categories() {
    const std::error_code code = status::interrupted;
    CHECK(code == status::interrupted && code != status::timed_out && code == std::errc::interrupted);
    CHECK(std::string(code.category().name()) == "landline");
    // An error that was not the thread's last one does not report details of an older failure.
    thrown_by([] { landline::connect("none:"); });
    CHECK(std::string(landline::error(status::busy).what()) == landline_status_text(LANDLINE_ERR_BUSY));
    std::thread([] { CHECK(landline::last_error().status() == status::ok); }).join();
}

} // namespace

int main() {
    test("failures before connecting", before_connecting);
    test("a refused connection", refused_connection);
    test("a refused handshake", refused_handshake);
    test("time limits", timeouts);
    test("a closed connection is no error", closed_is_no_error);
    test("closing and closed connections", closing);
    test("a peer over a limit", peer_at_fault);
    test("messages on their way", pending_messages);
    test("error codes and their category", categories);
}
