// Two connections in the program's own event loop: poll() waits, and nothing else blocks.
//
//     c++ -std=c++17 -I include examples/cpp/poll_loop.cpp -L target/release -llandline -o poll_loop
//     LD_LIBRARY_PATH=target/release ./poll_loop ws://127.0.0.1:9001/ ws://127.0.0.1:9001/
#include <landline.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <poll.h>

namespace {

constexpr std::chrono::seconds no_wait(0);
constexpr int patience_ms = 10000;

struct client {
    const char* name;
    landline::connection connection;
    int left;
    bool over;
};

/// Receives what is there and answers it, until receiving would block.
void go_on(client& self) {
    for (;;) {
        std::error_code failure;
        const auto message = self.connection.recv(no_wait, failure);
        if (failure == landline::status::timed_out)
            return;
        if (failure)
            throw landline::last_error();
        if (!message) {
            std::cout << self.name << ": closed with " << self.connection.close_code() << '\n';
            self.over = true;
            return;
        }
        std::cout << self.name << ": received " << message->text() << '\n';
        // What does not fit now is sent by later calls: poll_events() asks for room.
        std::error_code sending;
        if (--self.left > 0)
            self.connection.send("message " + std::to_string(self.left), no_wait, sending);
        else
            self.connection.close_start(landline::close_code::normal_closure, "done", no_wait, sending);
        if (sending && sending != landline::status::pending)
            throw landline::last_error();
    }
}

} // namespace

int main(int argc, char** argv) try {
    const char* const first = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    const char* const second = argc > 2 ? argv[2] : first;
    std::array<client, 2> clients{{
        {"first", landline::connect(first), 3, false},
        {"second", landline::connect(second), 5, false},
    }};
    for (auto& each : clients)
        each.connection.send("message " + std::to_string(each.left));

    while (!clients[0].over || !clients[1].over) {
        std::array<pollfd, 2> waiting{};
        int limit = patience_ms;
        for (std::size_t i = 0; i < clients.size(); ++i) {
            if (!clients[i].over)
                go_on(clients[i]);
            // poll() ignores negative descriptors.
            waiting[i].fd = clients[i].over ? -1 : clients[i].connection.fd();
            waiting[i].events = clients[i].over ? short{0} : clients[i].connection.poll_events();
            // Keepalive and the time limit for closing act in receiving calls.
            const int due = clients[i].over ? -1 : clients[i].connection.next_deadline();
            if (due >= 0)
                limit = std::min(limit, due);
        }
        const bool all_over = clients[0].over && clients[1].over;
        if (!all_over && poll(waiting.data(), waiting.size(), limit) == 0 && limit == patience_ms)
            throw std::runtime_error("nothing came for 10 seconds");
    }
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
