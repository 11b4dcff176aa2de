// talk.c in C++.
#include <landline.hpp>

#include <iostream>

int main(int argc, char** argv) try {
    if (argc < 3)
        return 2;
    const auto limit = std::chrono::seconds(20);
    auto options = landline::options().ca_file(argv[1]).platform_roots(false);
    options.proxy_ca_file(argv[1]).proxy_platform_roots(false).proxy_from_env(argc == 3);
    for (int i = 3; i < argc; i++)
        options.proxy(argv[i]);
    auto connection = landline::connect(argv[2], options, limit);
    connection.send("hello");
    std::cout << "received " << connection.recv(limit)->text() << '\n';
    connection.close();
} catch (const landline::error& failure) {
    std::cout << "error " << landline_status_name(failure.code().value()) << ": " << failure.what() << '\n';
    return 1;
}
