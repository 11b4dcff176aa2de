// One thread receives while another sends on the same connection: 1000 messages to a server that sends them back.
//
//     c++ -std=c++17 -pthread -I include examples/cpp/duplex.cpp -L target/release -llandline -o duplex
//     LD_LIBRARY_PATH=target/release ./duplex ws://127.0.0.1:9001/
#include <landline.hpp>

#include <future>
#include <iostream>

int main(int argc, char** argv) try {
    constexpr int count = 1000;
    auto connection = landline::connect(argc > 1 ? argv[1] : "ws://127.0.0.1:9001/");

    auto sending = std::async(std::launch::async, [sender = connection.share()]() mutable {
        for (int number = 0; number < count; ++number)
            sender.send("message " + std::to_string(number), std::chrono::seconds(10));
        sender.flush(std::chrono::seconds(10));
    });

    int received = 0;
    while (received < count) {
        const auto message = connection.recv(std::chrono::seconds(10));
        if (!message)
            break;
        if (message->text() != "message " + std::to_string(received))
            throw std::runtime_error("received something else: " + std::string(message->text()));
        ++received;
    }
    sending.get();
    connection.close();
    std::cout << "received " << received << " of " << count << '\n';
    return received == count ? 0 : 1;
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
