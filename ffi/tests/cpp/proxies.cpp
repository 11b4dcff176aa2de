// Connecting through a proxy: what it is sent, and what an exception says if it refuses.
#include "check.hpp"

#include <arpa/inet.h>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>

using landline::options;
using landline::status;

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// An HTTP proxy for one connection. It sends `answer`, and is then the server itself if it has opened a tunnel.
class proxy {
public:
    explicit proxy(std::string answer) : listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        CHECK(listening_ >= 0 && ::bind(listening_, generic, size) == 0 && ::listen(listening_, 1) == 0);
        CHECK(::getsockname(listening_, generic, &size) == 0);
        port_ = ntohs(address.sin_port);
        served_ = std::async(std::launch::async, [this, answer = std::move(answer)] { return serve(answer); });
    }
    ~proxy() { ::close(listening_); }

    std::string url(const std::string& user = "") const {
        return "http://" + user + "127.0.0.1:" + std::to_string(port_);
    }
    /// The head of the request to the proxy, and of that which came through the tunnel.
    std::pair<std::string, std::string> heads() { return served_.get(); }

private:
    std::pair<std::string, std::string> serve(const std::string& answer) const {
        const int client = ::accept(listening_, nullptr, nullptr);
        std::string head;
        for (char byte; !holds(head, "\r\n\r\n"); head += byte)
            CHECK(::read(client, &byte, 1) == 1);
        CHECK(::write(client, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()));
        if (!holds(answer, " 200 ")) {
            for (char bytes[64]; ::read(client, bytes, sizeof bytes) > 0;) {
            }
            ::close(client);
            return {head, ""};
        }
        auto request = landline::request_from_fd(client, landline::descriptor::take);
        std::string inner(request.headers());
        auto server = request.accept();
        CHECK(!server.recv(soon));
        return {head, inner};
    }

    int listening_;
    int port_ = 0;
    std::future<std::pair<std::string, std::string>> served_;
};

void tunnels() {
    proxy through("HTTP/1.1 200 OK\r\n\r\n");
    const auto with = options().proxy(through.url("me:p%3aw@")).proxy_header("X-Job", "7").header("X-Feed", "8");
    landline::connect("ws://name.invalid/", with, soon).close();
    const auto [outer, inner] = through.heads();
    CHECK(outer.rfind("CONNECT name.invalid:80 HTTP/1.1\r\nHost: name.invalid:80\r\n", 0) == 0);
    CHECK(holds(outer, "\r\nProxy-Authorization: Basic bWU6cDp3\r\n") && holds(outer, "\r\nX-Job: 7\r\n"));
    CHECK(!holds(outer, "X-Feed"));
    CHECK(holds(inner, "x-feed: 8\r\n") && !holds(inner, "x-job") && !holds(inner, "proxy-authorization"));
}

void refusals() {
    proxy refusing("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 6\r\n\r\nlog in");
    const auto with = options().proxy(refusing.url());
    const auto failure = thrown_by([&] { landline::connect("ws://192.0.2.1/", with, soon); });
    refusing.heads();
    CHECK(failure.status() == status::proxy && failure.code() == status::proxy);
    CHECK(failure.phase() == landline::phase::proxy && failure.fault() == landline::fault::caller);
    CHECK(failure.http_status() == 407 && failure.http_body() == "log in");
    CHECK(holds(failure.http_headers(), "proxy-authenticate: Basic realm=r\r\n"));
    CHECK(holds(failure.what(), "through proxy http://127.0.0.1:"));
    CHECK(holds(failure.what(), "; check the proxy's user and password in proxy"));
}

void exceptions() {
    const auto server = running([](landline::connection& peer) { peer.recv(soon); });
    proxy unused("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    landline::connect(server.url(), options().proxy(unused.url()).no_proxy("127.0.0.0/8"), soon).close();
    landline::connect(server.url(), options().proxy(unused.url()).proxy(nullptr), soon).close();
    CHECK(::setenv("ws_proxy", unused.url().c_str(), 1) == 0);
    landline::connect(server.url(), options(), soon).close();
    const auto from_env = options().proxy_from_env(true);
    CHECK(::unsetenv("ws_proxy") == 0);
    CHECK(thrown_by([&] { landline::connect(server.url(), from_env, soon); }).http_status() == 403);
    unused.heads();
}

/// What the certificates of an https proxy are checked against. A server that knows no CONNECT will do for one.
void certificates() {
    const auto file = [](const std::string& name) { return std::getenv("CERTIFICATES") + ("/" + name); };
    landline::listener listener("127.0.0.1:0", options().cert_file(file("cert.pem")).key_file(file("key.pem")));
    auto refusing = std::async(std::launch::async, [&] {
        std::error_code failure;
        while (failure != status::interrupted)
            CHECK(!listener.accept(landline::no_timeout, failure));
    });
    const std::string address(listener.local_addr());
    const auto is_accepted = [&](options with, const std::string& host) {
        with.proxy("https://" + host + address.substr(address.rfind(':'))).proxy_platform_roots(false);
        const auto failure = thrown_by([&] { landline::connect("ws://192.0.2.1/", with, soon); });
        CHECK(failure.status() == status::proxy);
        return failure.http_status() >= 400;
    };
    CHECK(!is_accepted(options().danger_accept_invalid_certs(true), "localhost"));
    CHECK(is_accepted(options().proxy_danger_accept_invalid_certs(true), "localhost"));
    CHECK(is_accepted(options().proxy_ca_file(file("ca.pem")), "localhost"));
    CHECK(!is_accepted(options().proxy_ca_file(file("ca.pem")).danger_accept_invalid_hostnames(true), "127.0.0.1"));
    CHECK(is_accepted(options().proxy_ca_file(file("ca.pem")).proxy_danger_accept_invalid_hostnames(true), "127.0.0.1"));
    listener.stop();
    refusing.get();
}

void options_that_cannot_be_used() {
    auto set = options();
    const auto bad = thrown_by([&] { set.proxy("ftp://u:hunter2@a"); });
    CHECK(bad.status() == status::invalid && !holds(bad.what(), "hunter2"));
    CHECK(thrown_by([&] { set.proxy_header("a", "b"); }).status() == status::state);
    set.proxy("https://127.0.0.1:1").proxy_ca_file("/none.pem");
    const auto missing = thrown_by([&] { landline::connect("ws://192.0.2.1/", set, soon); });
    CHECK(missing.status() == status::proxy && holds(missing.what(), "cannot read /none.pem"));
    set.proxy_ca_file(nullptr).proxy_cert_file("/cert.pem");
    const auto half = thrown_by([&] { landline::connect("ws://192.0.2.1/", set, soon); });
    CHECK(half.status() == status::config && holds(half.what(), "proxy_cert_file is given without proxy_key_file"));
    set.proxy_key_file("/key.pem").proxy_platform_roots(false);
    set.proxy_danger_accept_invalid_certs(true).proxy_danger_accept_invalid_hostnames(true);
    CHECK(holds(thrown_by([&] { landline::connect("ws://192.0.2.1/", set, soon); }).what(), "/cert.pem"));
}

} // namespace

int main() {
    test("a tunnel, and who gets which header", tunnels);
    test("a refusal is the proxy's", refusals);
    test("exceptions and the environment", exceptions);
    test("https proxies have certificates of their own", certificates);
    test("options that cannot be used", options_that_cannot_be_used);
}
