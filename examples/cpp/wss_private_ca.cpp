// Connects over TLS to a server whose certificate was issued by a private authority.
//
//     c++ -std=c++17 -I include examples/cpp/wss_private_ca.cpp -L target/release -llandline -o wss_private_ca
//     LD_LIBRARY_PATH=target/release ./wss_private_ca wss://localhost:9001/ ca.pem
#include <landline.hpp>

#include <iostream>

int main(int argc, char** argv) try {
    if (argc != 3)
        throw std::runtime_error("usage: wss_private_ca URL CA_FILE");
    const auto options = landline::options().ca_file(argv[2]).platform_roots(false);
    auto connection = landline::connect(argv[1], options, std::chrono::seconds(10));
    connection.send("a secret", landline::send_flag::compress_never);
    const auto message = connection.recv(std::chrono::seconds(10));
    if (!message)
        throw std::runtime_error("closed with " + std::to_string(connection.close_code()));
    std::cout << "received " << message->text() << '\n';
    connection.close();
} catch (const landline::error& failure) {
    const bool tls = failure.phase() == landline::phase::tls;
    std::cerr << "error: " << (tls ? "the server cannot be trusted: " : "") << failure.what() << '\n';
    return 1;
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << '\n';
    return 1;
}
