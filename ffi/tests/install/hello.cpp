// A program outside the repository, in C++: a client and a server in memory greet each other.
#include <landline.hpp>

#include <chrono>
#include <exception>
#include <iostream>

int main() {
    try {
        auto [client, server] = landline::pair();
        client.send("hello from C++");
        const auto message = server.recv(std::chrono::seconds(5));
        if (!message || !message->is_text())
            return 1;
        std::cout << message->text() << '\n';
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
}
