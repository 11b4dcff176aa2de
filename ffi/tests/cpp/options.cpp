// Each typed setter sets its option: shown by its effect, or by the error for a number out of range, which names
// the key.
#include "check.hpp"

#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace std::chrono_literals;
using landline::options;
using landline::status;

namespace {

/// A connection between a client and a server with these options.
struct both_ends {
    landline::connection client, server;
    std::string request;
};

both_ends open(const options& client, const options& server) {
    const landline::listener listener("127.0.0.1:0", server);
    const auto url = "ws://" + std::string(listener.local_addr()) + "/";
    auto connecting = std::async(std::launch::async, [&] { return landline::connect(url, client, soon); });
    auto request = listener.accept(soon);
    std::string headers(request.headers());
    auto accepted = request.accept();
    return {connecting.get(), std::move(accepted), std::move(headers)};
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::chrono::milliseconds time_of(const std::function<void()>& call) {
    const auto start = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

void message_limits() {
    auto ends = open(options(), options().max_message_size(10));
    ends.client.send("ten bytes!");
    CHECK(ends.server.recv(soon)->size() == 10);
    ends.client.send("eleven byte");
    const auto too_big = thrown_by([&] { ends.server.recv(soon); });
    CHECK(too_big.status() == status::limit);
    CHECK(holds(too_big.what(), "; raise max_message_size to accept it"));

    ends = open(options(), options().max_fragments(2));
    auto writer = ends.client.send_stream(landline::kind::text);
    for (int i = 0; i < 3; ++i) {
        writer.write("x");
        writer.flush();
    }
    CHECK(thrown_by([&] { ends.server.recv(soon); }).status() == status::limit);
}

void headers() {
    const auto ends = open(options().header("X-Token", "seven").header("X-Token", "eight").origin("https://a.test")
                               .host("example.test"),
                           options());
    CHECK(holds(ends.request, "x-token: seven\r\nx-token: eight\r\n"));
    CHECK(holds(ends.request, "origin: https://a.test\r\n") && holds(ends.request, "host: example.test\r\n"));
    CHECK(ends.server.header("X-Token", 1) == "eight" && !ends.server.header("X-Token", 2));
}

void subprotocols() {
    auto ends = open(options().subprotocol("a").subprotocol("b"), options().subprotocol("b"));
    CHECK(ends.client.subprotocol() == "b" && ends.server.subprotocol() == "b");
    ends = open(options().subprotocol("a").subprotocol(nullptr), options().subprotocol("a"));
    CHECK(ends.client.subprotocol().empty());
}

void compression() {
    auto ends = open(options().compression(true), options());
    CHECK(!ends.client.compression());
    ends = open(options().compression(true).compression_threshold(1000), options().compression(true));
    CHECK(ends.client.compression() && ends.server.compression());
    CHECK(holds(ends.client.extensions(), "permessage-deflate"));
    const auto sent = [&](std::size_t size, landline::send_flag flag) {
        const auto before = ends.client.stats().wire_sent;
        ends.client.send(std::string(size, 'x'), flag);
        CHECK(ends.server.recv(soon)->size() == size);
        return ends.client.stats().wire_sent - before;
    };
    CHECK(sent(999, landline::send_flag::none) > 999);
    CHECK(sent(999, landline::send_flag::compress_always) < 100);
    CHECK(sent(1000, landline::send_flag::none) < 100);
    CHECK(sent(1000, landline::send_flag::compress_never) > 1000);

    // By default, all messages are compressed if the window is kept, and otherwise those that are large enough.
    ends = open(options().compression(true), options().compression(true));
    CHECK(sent(127, landline::send_flag::none) < 30 && sent(0, landline::send_flag::none) == 7);
    ends = open(options().compression(true).client_no_context_takeover(true), options().compression(true));
    CHECK(sent(127, landline::send_flag::none) > 127 && sent(128, landline::send_flag::none) < 30);

    ends = open(options().compression(true).server_no_context_takeover(true).client_max_window_bits(10),
                options().compression(true).client_no_context_takeover(true).server_max_window_bits(11));
    CHECK(holds(ends.client.extensions(), "server_no_context_takeover"));
    CHECK(holds(ends.client.extensions(), "client_no_context_takeover"));
    CHECK(holds(ends.client.extensions(), "client_max_window_bits=10"));
    CHECK(holds(ends.client.extensions(), "server_max_window_bits=11"));
}

/// The response of a server with these options.
int refusal(const options& client, const options& server) {
    const running serving([](landline::connection&) {}, server);
    std::error_code failure;
    auto connection = landline::connect(serving.url(), client, soon, failure);
    return failure ? landline::last_error().http_status() : 101;
}

void servers() {
    CHECK(refusal(options().origin("https://a.test"), options().origins(landline::origins::same)) == 403);
    CHECK(refusal(options().origin("https://a.test"), options().origins(landline::origins::any)) == 101);
    for (const auto told : {landline::scheme::unknown, landline::scheme::http, landline::scheme::https}) {
        const auto page = options().origin("https://a.test").host("a.test");
        const auto server = options().origins(landline::origins::same).public_scheme(told);
        CHECK(refusal(page, server) == (told == landline::scheme::http ? 403 : 101));
    }
    CHECK(refusal(options().origin("https://a.test"), options().allowed_origin("https://b.test")) == 403);
    CHECK(refusal(options().origin("https://b.test"), options().allowed_origin("https://b.test")) == 101);
    CHECK(refusal(options().header("X", std::string(500, 'x')), options().max_head_size(500)) >= 400);
    CHECK(refusal(options(), options().max_headers(2)) >= 400);
    CHECK(refusal(options(), options().max_start_line(10)) >= 400);
    CHECK(refusal(options(), options().stack_size(1 << 20).max_head_size(1 << 16)) == 101);

    const running one_only(echo, options().max_connections(1));
    auto first = landline::connect(one_only.url());
    const auto failure = thrown_by([&] { landline::connect(one_only.url()); });
    CHECK(failure.http_status() == 503 && !failure.http_body().empty());
    CHECK(thrown_by([&] { landline::connect(one_only.url(), options().max_refusal_body(2)); }).http_body().size() == 2);
}

void times() {
    auto pair = landline::pair(options().recv_timeout(20ms));
    thrown_by<landline::timeout>([&] { pair.first.recv(); });

    auto ends = open(options().keepalive_interval(20ms).keepalive_timeout(30ms), options());
    CHECK(thrown_by([&] { ends.client.recv(soon); }).status() == status::silent);

    ends = open(options().close_timeout(30ms), options());
    CHECK(thrown_by([&] { ends.client.close(); }).status() == status::close_unanswered);

    ends = open(options().send_timeout(50ms), options());
    const std::vector<std::byte> much(1 << 25);
    const auto time = time_of([&] { thrown_by<landline::pending>([&] { ends.client.send(much); }); });
    CHECK(time >= 50ms && time < soon);

    // The connection is never answered.
    const landline::listener silent("127.0.0.1:0");
    const auto url = "ws://" + std::string(silent.local_addr()) + "/";
    const auto failure = thrown_by([&] { landline::connect(url, options().handshake_timeout(30ms)); });
    CHECK(failure.status() == status::timed_out && failure.phase() == landline::phase::handshake);
    thrown_by<landline::timeout>([&] { landline::connect(url, landline::defaults, 30ms); });
}

void threads() {
    auto ends = open(options().single_thread(true), options());
    ends.client.send("mine");
    std::thread([of = ends.client.share()]() mutable {
        CHECK(thrown_by([&] { of.send("not mine"); }).status() == status::busy);
    }).join();

    landline::interrupter interrupter;
    ends = open(options().interrupter(interrupter), options());
    interrupter.interrupt();
    thrown_by<landline::interrupted>([&] { ends.client.recv(soon); });
    interrupter.abort();
    CHECK(thrown_by([&] { ends.client.recv(soon); }).status() == status::aborted);
}

void sockets() {
    for (const bool nodelay : {true, false}) {
        const auto ends = open(options().tcp_nodelay(nodelay), options());
        int value = -1;
        socklen_t size = sizeof value;
        CHECK(getsockopt(ends.client.fd(), IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
        CHECK((value != 0) == nodelay);
    }
}

/// The files of a self-signed certificate, named by the environment.
std::string file(const char* name) {
    const char* const directory = std::getenv("CERTIFICATES");
    CHECK(directory != nullptr);
    return std::string(directory) + "/" + name;
}

std::string content(const std::string& path) {
    std::FILE* const from = std::fopen(path.c_str(), "rb");
    CHECK(from != nullptr);
    std::string all(1 << 16, '\0');
    all.resize(std::fread(all.data(), 1, all.size(), from));
    std::fclose(from);
    CHECK(!all.empty());
    return all;
}

void certificates() {
    const auto connecting = [](const options& client, const options& server, const std::string& host) {
        const running serving(echo, server);
        const std::string url = "wss://" + host + serving.url().substr(sizeof "ws://127.0.0.1" - 1);
        std::error_code failure;
        landline::connect(url, client, soon, failure);
        return failure;
    };
    const auto from_files = [] { return options().cert_file(file("cert.pem")).key_file(file("key.pem")); };
    const auto from_memory = [] {
        return options().cert_pem(content(file("cert.pem"))).key_pem(content(file("key.pem")));
    };
    const auto from_archive = [](const char* password) {
        return options().pkcs12(content(file("both.p12"))).pkcs12_password(password);
    };
    const auto trusting = [] { return options().ca_file(file("ca.pem")); };
    CHECK(!connecting(trusting(), from_files(), "localhost"));
    CHECK(!connecting(options().ca_pem(content(file("ca.pem"))), from_memory(), "localhost"));
    CHECK(!connecting(trusting().platform_roots(false), from_archive("seven"), "localhost"));
    CHECK(thrown_by([&] { landline::server("127.0.0.1:0", from_archive("eight")); }).status() == status::tls);
    CHECK(connecting(options(), from_files(), "localhost") == status::tls);
    const std::string told = landline::last_error().what();
    CHECK(holds(told, "TLS handshake failed: peer's certificate was issued by an authority that is not trusted: "));
    CHECK(holds(told, "; trust its issuer with ca_file or ca_pem, if this is the right server"));
    CHECK(!connecting(options().danger_accept_invalid_certs(true), from_files(), "localhost"));
    CHECK(connecting(trusting(), from_files(), "127.0.0.1") == status::tls);
    CHECK(!connecting(trusting().danger_accept_invalid_hostnames(true), from_files(), "127.0.0.1"));
}

/// What both ends know about TLS, or the client's failure. The server's, if it had one, is in `refused`.
struct over_tls {
    std::optional<landline::tls_info> at_client, at_server;
    landline::tls_reason reason = landline::tls_reason::none, refused = landline::tls_reason::none;
    std::string told;

    over_tls(const options& client, const options& server) {
        const landline::listener listener("127.0.0.1:0", server);
        const std::string addr(listener.local_addr());
        const auto url = "wss://localhost" + addr.substr(addr.rfind(':')) + "/";
        auto connecting = std::async(std::launch::async, [&] { return landline::connect(url, client, soon); });
        landline::connection accepted;
        try {
            auto request = listener.accept(soon);
            at_server = request.tls_info();
            accepted = request.accept();
        } catch (const landline::error& failure) {
            refused = failure.tls_reason();
        }
        try {
            at_client = connecting.get().tls_info();
        } catch (const landline::error& failure) {
            reason = failure.tls_reason();
            told = failure.what();
        }
    }
};

void tls_options() {
    const auto trusting = [] { return options().ca_file(file("ca.pem")).platform_roots(false); };
    const auto serving = [] { return options().cert_file(file("cert.pem")).key_file(file("key.pem")); };
    const auto as_client = [&] { return trusting().cert_file(file("cert.pem")).key_file(file("key.pem")); };
    using landline::tls_reason;

    const over_tls known(trusting().min_version(landline::tls_version::v1_3), serving());
    CHECK(known.at_client->version() == landline::tls_version::v1_3);
    CHECK(known.at_client->cipher_suite() == 0x1302);
    CHECK(known.at_client->cipher_suite_name() == "TLS_AES_256_GCM_SHA384");
    CHECK(known.at_client->alpn() == "http/1.1" && known.at_server->alpn() == "http/1.1");
    CHECK(!known.at_client->is_resumed());
    CHECK(known.at_client->backend() == landline::tls_backend::native_tls);
    CHECK(known.at_client->common_name() == "localhost" && known.at_client->names() == "localhost\n");
    CHECK(known.at_client->certificate_count() == 1 && known.at_client->certificate(0).size() > 200);
    CHECK(known.at_server->certificate_count() == 0 && known.at_server->common_name().empty());
    std::error_code failure;
    CHECK(known.at_server->certificate(0, failure).size() == 0 && failure == status::invalid);
    CHECK(over_tls(trusting().alpn(false), serving()).at_server->alpn().empty());

    const auto asking = [&] {
        return serving().client_certs(landline::client_certs::required).client_ca_pem(content(file("ca.pem")));
    };
    CHECK(over_tls(as_client(), asking()).at_server->common_name() == "localhost");
    CHECK(over_tls(as_client(), asking().client_ca_file(file("other.pem"))).at_server);
    const over_tls anonymous(trusting(), asking());
    CHECK(anonymous.refused == tls_reason::no_client_certificate);
    CHECK(anonymous.reason == tls_reason::client_certificate_required);
    CHECK(holds(anonymous.told, "; give one with cert_file or cert_pem"));

    const std::string pin(known.at_client->public_key_pin());
    const auto* const other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    CHECK(over_tls(trusting().pinned_key(other).pinned_key(pin), serving()).at_client);
    const over_tls pinned(trusting().pinned_key(other), serving());
    CHECK(pinned.reason == tls_reason::not_pinned && holds(pinned.told, "; pin it with pinned_key"));
    const over_tls named(trusting().server_name("other.example"), serving());
    CHECK(named.reason == tls_reason::other_name && holds(named.told, "; set server_name to the name"));

    // The certificate of the authority is for no name, and the client asks for none of the server's.
    const auto second = content(file("other.pem")) + content(file("other-key.pem"));
    const auto several = [&](auto with) {
        const auto anyhow = options().danger_accept_invalid_certs(true).server_name("stranger");
        return std::string(over_tls(anyhow, with).at_client->common_name());
    };
    CHECK(several(serving().add_cert_pem(second)) == "stranger");
    CHECK(several(serving().add_cert_files(file("other.pem"), file("other-key.pem"))) == "stranger");

    const auto log = file("keys.log");
    CHECK(thrown_by([&] { over_tls(trusting(), serving().client_ca_dir("/nowhere").client_certs(
                                                   landline::client_certs::optional)); }).status() == status::tls);
    CHECK(over_tls(trusting().key_log_file(log), serving()).told.find("key_log cannot be used with native-tls") == 0);
    CHECK(over_tls(trusting(), serving().key_log_file(log)).at_client && !content(log).empty());
    CHECK(over_tls(trusting().key_log(false), serving().key_log(false)).at_client);
    CHECK(over_tls(options().ca_dir(file("")).platform_roots(false), serving()).at_client);
}

/// Unusable or mismatched certificates and keys all give one kind of error, which names them.
void certificates_that_cannot_be_used() {
    const auto told = [](const options& with, bool client) {
        const auto failure = thrown_by([&] {
            if (client)
                landline::connect("wss://127.0.0.1:9/", with, soon);
            else
                landline::server("127.0.0.1:0", with);
        });
        CHECK(failure.status() == status::tls);
        CHECK(failure.fault() == landline::fault::caller);
        return std::string(failure.what());
    };
    const auto key = [](const std::string& name) { return options().cert_file(file("cert.pem")).key_file(name); };
    const std::string not_it = file("both.p12");
    CHECK(holds(told(options().ca_file(not_it), true), "the CA certificate in " + not_it));
    CHECK(holds(told(options().ca_pem("no certificate"), true), "the CA certificate cannot be used"));
    CHECK(holds(told(options().pkcs12("no archive"), true), "the PKCS#12 archive cannot be used"));
    for (const bool client : {true, false}) {
        CHECK(holds(told(key(not_it), client), "the private key in " + not_it));
        const options swapped = options().cert_file(not_it).key_file(file("key.pem"));
        CHECK(holds(told(swapped, client), "the certificate in " + not_it));
        const std::string mismatch = told(key(file("other-key.pem")), client);
        CHECK(holds(mismatch, file("other-key.pem") + " is not that of the certificate in " + file("cert.pem")));
    }
}

void numbers_out_of_range() {
    const auto same = [](const auto& setter, std::int32_t key, std::int64_t value) {
        options with;
        const auto typed = thrown_by([&] { setter(with); });
        const auto plain = thrown_by([&] { with.set_number(key, value); });
        CHECK(typed.status() == status::invalid && std::string(typed.what()) == plain.what());
    };
    same([](options& of) { of.connect_timeout(0s); }, LANDLINE_OPT_CONNECT_TIMEOUT_MS, 0);
    same([](options& of) { of.close_timeout(-1s); }, LANDLINE_OPT_CLOSE_TIMEOUT_MS, -2);
    same([](options& of) { of.compression_level(300); }, LANDLINE_OPT_COMPRESSION_LEVEL, 300);
    same([](options& of) { of.server_max_window_bits(300); }, LANDLINE_OPT_SERVER_MAX_WINDOW_BITS, 300);
    same([](options& of) { of.backoff_first(0s); }, LANDLINE_OPT_BACKOFF_FIRST_MS, 0);
    same([](options& of) { of.backoff_factor(0); }, LANDLINE_OPT_BACKOFF_FACTOR, 0);
    same([](options& of) { of.backoff_max(0s); }, LANDLINE_OPT_BACKOFF_MAX_MS, 0);
    same([](options& of) { of.backoff_jitter_percent(101); }, LANDLINE_OPT_BACKOFF_JITTER_PERCENT, 101);
    same([](options& of) { of.reset_after(0s); }, LANDLINE_OPT_RESET_AFTER_MS, 0);
    same([](options& of) { of.max_retry_after(0s); }, LANDLINE_OPT_MAX_RETRY_AFTER_MS, 0);
    same([](options& of) { of.max_attempts(-1); }, LANDLINE_OPT_MAX_ATTEMPTS, -1);
    same([](options& of) { of.give_up_after(0s); }, LANDLINE_OPT_GIVE_UP_AFTER_MS, 0);
    same([](options& of) { of.min_version(static_cast<landline::tls_version>(1)); }, LANDLINE_OPT_TLS_MIN_VERSION, 1);
    same([](options& of) { of.backend(static_cast<landline::tls_backend>(9)); }, LANDLINE_OPT_TLS_BACKEND, 9);
    same([](options& of) { of.client_certs(static_cast<landline::client_certs>(9)); }, LANDLINE_OPT_TLS_CLIENT_CERTS, 9);
    same([](options& of) { of.address_family(static_cast<landline::address_family>(9)); }, LANDLINE_OPT_ADDRESS_FAMILY, 9);
    options with;
    std::error_code failure;
    with.compression_level(300, failure);
    CHECK(failure == status::invalid);
    with.compression_level(9, failure);
    CHECK(!failure);
    with.compression_free_between_messages(true).connect_timeout(landline::no_timeout);
    CHECK(thrown_by([&] { with.header("bad name", "x"); }).status() == status::invalid);
    CHECK(thrown_by([&] { with.header("name", std::string("a\0b", 3)); }).status() == status::utf8);
    CHECK(thrown_by([&] { with.set_number(99, 0); }).status() == status::invalid);
    CHECK(thrown_by([] { options(static_cast<landline_options*>(nullptr)).compression(true); }).status() == status::null);
}

} // namespace

int main() {
    test("limits of messages", message_limits);
    test("headers, origin and host arrive", headers);
    test("subprotocols", subprotocols);
    test("compression and its parameters", compression);
    test("what servers refuse", servers);
    test("times", times);
    test("single thread and interrupter", threads);
    test("sockets", sockets);
    test("certificates from files, from memory and from an archive", certificates);
    test("certificates that cannot be used", certificates_that_cannot_be_used);
    test("options of TLS, and what is known about it", tls_options);
    test("values that are refused", numbers_out_of_range);
}
