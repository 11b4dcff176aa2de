// Sends every message back, text as text and binary as binary, until it gets SIGINT or SIGTERM.
//
//     c++ -std=c++17 -pthread -I include examples/cpp/echo_server.cpp -L target/release -llandline -o echo_server
//     LD_LIBRARY_PATH=target/release ./echo_server 127.0.0.1:9001
//     LD_LIBRARY_PATH=target/release ./echo_server 127.0.0.1:9001 cert.pem key.pem
#include <landline.hpp>

#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

namespace {

void echo(landline::connection& connection) {
    // Replies are batched while more messages are there, and are sent before the next wait.
    while (const auto message = connection.recv_ref())
        connection.feed(*message);
}

void tell(std::exception_ptr thrown) {
    static std::mutex one_line;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {
        const std::lock_guard lock(one_line);
        std::cerr << "client: " << failure.what() << std::endl;
    }
}

} // namespace

int main(int argc, char** argv) try {
    landline::options options;
    options.compression(true);
    if (argc == 4)
        options.cert_file(argv[2]).key_file(argv[3]);
    const char* const scheme = argc == 4 ? "wss" : "ws";

    // Blocked in all threads started from here, so that the one that waits for them receives them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    landline::server server(argc > 1 ? argv[1] : "127.0.0.1:9001", options);
    std::thread stopper([&] {
        int received = 0;
        sigwait(&signals, &received);
        const auto stopped = server.stop(std::chrono::seconds(5));
        std::cout << "stopped: " << stopped.finished << " finished, " << stopped.cut << " cut" << std::endl;
    });
    std::cout << "listening on " << scheme << "://" << server.local_addr() << '/' << std::endl;
    std::error_code failure;
    server.run(echo, tell, failure);
    const int status = failure ? 1 : 0;
    if (failure) {
        std::cerr << "error: " << landline::last_error().what() << '\n';
        pthread_kill(stopper.native_handle(), SIGTERM);
    }
    stopper.join();
    return status;
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
