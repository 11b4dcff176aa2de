// Redirects, authentication and cookies: the setters of options, callbacks and what they throw, and what is known
// afterwards.
#include "check.hpp"

#include <future>
#include <vector>

using landline::options;
using landline::status;

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Answers requests in a thread: the first ones with these statuses and headers, the last one with 101.
struct answering {
    struct answer {
        int status;
        std::string name, value;
    };

    landline::listener listener{"127.0.0.1:0"};
    std::string url = "ws://" + std::string(listener.local_addr());
    std::future<std::vector<std::string>> headers;

    explicit answering(std::vector<answer> answers, bool opens = true)
        : headers(std::async(std::launch::async, [this, answers = std::move(answers), opens] {
              std::vector<std::string> seen;
              for (const auto& each : answers) {
                  auto request = listener.accept(soon);
                  seen.emplace_back(request.headers());
                  request.add_header(each.name, each.value);
                  request.reject(each.status);
              }
              if (opens) {
                  auto request = listener.accept(soon);
                  seen.emplace_back(request.headers());
                  request.add_header("Set-Cookie", "s=2");
                  request.accept();
              }
              return seen;
          })) {}
};

void redirects() {
    answering followed({{302, "Location", "/new"}});
    const auto client = landline::connect(followed.url + "/old", options().max_redirects(5), soon);
    CHECK(client.url() == followed.url + "/new");

    answering refused({{302, "Location", "/new"}}, false);
    const auto failure = thrown_by([&] { landline::connect(refused.url, options(), soon); });
    CHECK(failure.status() == status::handshake);
    CHECK(holds(failure.what(), "it redirects to /new; follow it with max_redirects"));
}

void passwords() {
    answering server({{401, "WWW-Authenticate", "Digest realm=r, nonce=n"}});
    landline::connect(server.url, options().auth("Aladdin", "open sesame"), soon);
    const auto headers = server.headers.get();
    CHECK(holds(headers[0], "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    CHECK(holds(headers[1], "authorization: Digest username=\"Aladdin\", realm=\"r\", nonce=\"n\""));

    options with;
    std::error_code code;
    with.auth("me", "you", code);
    CHECK(!code);
    answering basic({});
    landline::connect(basic.url, with, soon);
    CHECK(holds(basic.headers.get()[0], "authorization: Basic bWU6eW91\r\n"));

    answering refusing({{401, "WWW-Authenticate", "Basic realm=r"}}, false);
    const auto failure = thrown_by([&] { landline::connect(refusing.url, options(), soon); });
    CHECK(holds(failure.what(), "it asks for Basic authentication; give the right user name and password with auth"));
}

void tokens() {
    answering constant({});
    landline::connect(constant.url, options().bearer("6f2a"), soon);
    CHECK(holds(constant.headers.get()[0], "authorization: Bearer 6f2a\r\n"));

    int calls = 0;
    const auto watched = std::make_shared<int>();
    {
        auto supplied = options().bearer([&, watched] { return "token" + std::to_string(++calls); });
        for (const auto* expected : {"authorization: Bearer token1\r\n", "authorization: Bearer token2\r\n"}) {
            answering server({});
            landline::connect(server.url, supplied, soon);
            CHECK(holds(server.headers.get()[0], expected));
        }
        const auto moved = std::move(supplied);
        CHECK(watched.use_count() == 2);
    }
    CHECK(watched.use_count() == 1);

    const auto failure = thrown_by([] {
        landline::connect("ws://127.0.0.1:1/", options().bearer([]() -> std::string { throw 7; }), soon);
    });
    CHECK(failure.status() == status::io && holds(failure.what(), "getting a bearer token failed"));
    std::error_code code;
    options none;
    none.bearer(landline::bearer_supplier(), code);
    CHECK(!code);
}

void challenges() {
    answering server({{401, "WWW-Authenticate", "Steps one"}, {401, "WWW-Authenticate", "Steps two, Other"}});
    std::vector<std::string> asked;
    const auto answer = [&](const landline::challenge& challenge) -> std::optional<std::string> {
        CHECK(challenge.http_status == 401 && challenge.method == "GET" && challenge.target == "/a");
        CHECK(challenge.url == server.url + "/a" && holds(challenge.headers, "www-authenticate: Steps"));
        asked.emplace_back(challenge.schemes);
        return "Steps " + std::to_string(asked.size());
    };
    landline::connect(server.url + "/a", options().on_challenge(answer), soon);
    CHECK((asked == std::vector<std::string>{"Steps", "Steps, Other"}));
    CHECK(holds(server.headers.get()[2], "authorization: Steps 2\r\n"));

    const auto throwing = [](const landline::challenge&) -> std::optional<std::string> { throw 7; };
    const auto silent = [](const landline::challenge&) { return std::optional<std::string>(); };
    for (const landline::challenge_handler& handler : {landline::challenge_handler(throwing),
                                                       landline::challenge_handler(silent)}) {
        answering refusing({{401, "WWW-Authenticate", "Steps one"}}, false);
        const auto failure =
            thrown_by([&] { landline::connect(refusing.url, options().on_challenge(handler), soon); });
        CHECK(failure.status() == status::handshake);
    }
}

void cookies() {
    const landline::cookie_jar jar;
    answering first({});
    const auto with_jar = options().cookie("a", "1").cookie("s", "old").cookie_jar(jar);
    landline::connect(first.url, with_jar, soon);
    CHECK(holds(first.headers.get()[0], "cookie: a=1; s=old\r\n"));
    CHECK(jar.cookies(first.url) == "s=2");
    answering second({});
    landline::connect(second.url, with_jar, soon);
    CHECK(holds(second.headers.get()[0], "cookie: a=1; s=2\r\n"));
    CHECK(thrown_by([&] { jar.cookies("ftp://a/"); }).status() == status::url);
    CHECK(thrown_by([] { options().cookie("a", "b; c=d"); }).status() == status::invalid);
}

} // namespace

int main() {
    test("redirects are followed if allowed", redirects);
    test("user and password", passwords);
    test("bearer tokens, constant and supplied", tokens);
    test("challenges that the program answers", challenges);
    test("cookies", cookies);
}
