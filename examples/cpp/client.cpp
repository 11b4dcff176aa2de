// Connects, sends one message, prints the answer, and closes.
//
//     c++ -std=c++17 -I include examples/cpp/client.cpp -L target/release -llandline -o client
//     LD_LIBRARY_PATH=target/release ./client ws://127.0.0.1:9001/
#include <landline.hpp>

#include <iostream>

int main(int argc, char** argv) try {
    auto connection = landline::connect(argc > 1 ? argv[1] : "ws://127.0.0.1:9001/");
    connection.send("hello");
    const auto message = connection.recv(std::chrono::seconds(5));
    if (!message)
        throw std::runtime_error("closed with " + std::to_string(connection.close_code()));
    std::cout << "received " << message->text() << '\n';
    connection.close();
    std::cout << "closed with " << connection.close_code() << '\n';
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
