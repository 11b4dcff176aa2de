// Names, addresses and sockets: the setters that landline.h has no plain option for, timings, and what was tried in vain.
#include "check.hpp"

#include <cerrno>
#include <cstring>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace std::chrono_literals;
using landline::options;
using landline::status;

namespace {

/// An address that does not answer: the queue of its listener is full.
class hole {
public:
    hole() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        for (int& fd : sockets_)
            fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(bind(sockets_[0], reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(sockets_[0], 0) == 0);
        CHECK(getsockname(sockets_[0], reinterpret_cast<sockaddr*>(&address), &size) == 0);
        for (std::size_t i = 1; i < sockets_.size(); ++i)
            (void)connect(sockets_[i], reinterpret_cast<sockaddr*>(&address), size);
        name = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    }
    ~hole() {
        for (const int fd : sockets_)
            close(fd);
    }
    hole(const hole&) = delete;
    hole& operator=(const hole&) = delete;

    std::string name;

private:
    std::array<int, 6> sockets_{};
};

running echo_server() {
    return running([](landline::connection& connection) {
        for (const auto& message : connection)
            connection.send(message);
    });
}

std::string address_of(const running& server) {
    const auto url = server.url("");
    return url.substr(url.find("//") + 2);
}

void black_hole() {
    const hole silent;
    const auto server = echo_server();
    const auto begin = std::chrono::steady_clock::now();
    const auto connection = landline::connect("ws://server.invalid/",
                                              options().address(silent.name).address(address_of(server)), soon);
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took >= 240ms && took < 2500ms);
    CHECK(connection.peer_addr() == address_of(server));
    const auto timings = connection.timings();
    CHECK(timings && timings->connect >= 240ms && timings->tls == 0us && timings->total() <= took);

    const auto failure = thrown_by<landline::timeout>([&] {
        landline::connect("ws://server.invalid/", options().address(silent.name).address("127.0.0.1:1"), 400ms);
    });
    CHECK(failure.phase() == landline::phase::connect && failure.attempts().size() == 2);
    CHECK(failure.attempts()[0].address == silent.name && failure.attempts()[0].reason == "no answer");
    CHECK(failure.attempts()[1].address == "127.0.0.1:1");
    CHECK(failure.attempts()[1].reason.find(std::strerror(ECONNREFUSED)) == 0);
}

void families_and_local_address() {
    const auto server = echo_server();
    const auto failure = thrown_by([&] {
        landline::connect(server.url(), options().address_family(landline::address_family::ipv6), soon);
    });
    CHECK(failure.status() == status::connect);
    CHECK(std::string(failure.what()).find("; admit the others with address_family") != std::string::npos);
    const auto conflicting = thrown_by([&] {
        const auto with = options().address_family(landline::address_family::ipv6).local_addr("127.0.0.77");
        landline::connect(server.url(), with, soon);
    });
    CHECK(conflicting.status() == status::config);
    CHECK(std::string(conflicting.what()) ==
          "local_addr of 127.0.0.77:0 cannot be used: its family is not the one that is admitted by address_family");
    const auto connection = landline::connect(
        server.url(), options().address_family(landline::address_family::ipv4).local_addr("127.0.0.77"), soon);
    CHECK(connection.local_addr().substr(0, 11) == "127.0.0.77:");
    const auto unusable = thrown_by([&] { landline::connect(server.url(), options().interface("nope0"), soon); });
    CHECK(std::string(unusable.what()).find("cannot use interface nope0") != std::string::npos);
}

void resolvers() {
    const auto server = echo_server();
    const auto url = "ws://feed.example:" + address_of(server).substr(address_of(server).find(':') + 1) + "/";
    auto used = std::make_shared<int>(0);
    std::weak_ptr<int> alive = used;
    options with;
    with.resolver([used](std::string_view host, std::uint16_t port) {
        CHECK(host == "feed.example" && port != 0);
        ++*used;
        return std::vector<std::string>{"127.0.0.1"};
    });
    used.reset();
    landline::connect(url, with, soon).close();
    CHECK(alive.lock() && *alive.lock() == 1);
    with.resolver([](std::string_view, std::uint16_t) -> std::vector<std::string> {
        throw std::system_error(ENETDOWN, std::generic_category());
    });
    CHECK(alive.expired());
    const auto down = thrown_by([&] { landline::connect(url, with, soon); });
    CHECK(down.status() == status::resolve && down.system_errno() == ENETDOWN);
    with.resolver([](std::string_view, std::uint16_t) { return std::vector<std::string>{"nowhere"}; });
    CHECK(thrown_by([&] { landline::connect(url, with, soon); }).status() == status::resolve);
    std::error_code failure;
    with.resolver(nullptr, failure);
    CHECK(!failure);
    landline::connect(server.url(), with, soon).close();
}

void socket_hooks() {
    const auto server = echo_server();
    int seen = -1;
    options with;
    with.on_socket([&](int fd) {
        seen = fd;
        const int size = 4096;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0)
            throw std::system_error(errno, std::generic_category());
    });
    const auto connection = landline::connect(server.url(), with, soon);
    CHECK(seen == connection.fd());
    with.on_socket([](int) { throw std::runtime_error("not this one"); });
    const auto refused = thrown_by([&] { landline::connect(server.url(), with, soon); });
    CHECK(refused.status() == status::connect && refused.attempts().size() == 1);
    with.on_socket(nullptr);
    landline::connect(server.url(), with, soon).close();
}

void unix_sockets() {
    const std::string path = std::string(std::getenv("CERTIFICATES")) + "/dialling.sock";
    const landline::listener listener("ws+unix:" + path, options().unix_mode(0600));
    struct stat file {};
    CHECK(stat(path.c_str(), &file) == 0 && (file.st_mode & 0777) == 0600);
    for (const bool by_url : {true, false}) {
        auto connecting = std::async(std::launch::async, [&] {
            return by_url ? landline::connect("ws+unix:" + path + ":/live", options(), soon)
                          : landline::connect("ws://feed.example/live", options().unix_path(path), soon);
        });
        auto request = listener.accept(soon);
        CHECK(request.path() == "/live");
        const auto accepted = request.accept();
        CHECK(!accepted.timings());
        CHECK(connecting.get().timings()->resolve == 0us);
    }
}

} // namespace

int main() {
    test("an address that does not answer costs a moment and is told", black_hole);
    test("families, the local address and the interface are as asked for", families_and_local_address);
    test("a resolver is asked, and destroyed when it is not needed", resolvers);
    test("a hook sees the socket", socket_hooks);
    test("Unix sockets by URL and by option", unix_sockets);
}
