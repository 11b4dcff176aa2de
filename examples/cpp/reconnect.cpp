// Subscribes to a feed and prints it. When the connection is lost, it connects again and subscribes again. What happens to
// the connection goes to standard error. Ends after COUNT messages, if that is given.
//
//     c++ -std=c++17 -I include examples/cpp/reconnect.cpp -L target/release -llandline -o reconnect
//     LD_LIBRARY_PATH=target/release ./reconnect ws://127.0.0.1:9001/ 'subscribe prices' [COUNT]
#include <landline.hpp>

#include <iostream>
#include <system_error>

int main(int argc, char** argv) try {
    const char* url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    const std::string subscription = argc > 2 ? argv[2] : "subscribe";
    long left = argc > 3 ? std::stol(argv[3]) : -1;

    landline::session feed(url, landline::options().give_up_after(std::chrono::minutes(10)),
                           // Called with each new connection, before anything else uses it.
                           [&](landline::connection& connection) { connection.send(subscription); });
    while (left != 0) {
        const auto event = feed.recv();
        if (!event)
            break;
        if (event->is_connected()) {
            const auto failure = feed.failure();
            std::cerr << (failure ? std::string("connected again after: ") + failure->what() : "connected") << '\n';
            continue;
        }
        std::cout << event->message().text() << std::endl;
        left -= left > 0;
    }
    // All is received, so it does not matter whether the server still answers.
    std::error_code ignored;
    feed.close(landline::close_code::normal_closure, {}, landline::no_timeout, ignored);
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
