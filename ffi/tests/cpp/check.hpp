// Helpers of the tests: checks that say where they failed, a time limit for the whole program, a server in a thread.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <landline.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

/// Ends the program when the condition does not hold.
#define CHECK(condition)                                                               \
    do {                                                                               \
        if (!(condition)) {                                                            \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::_Exit(1);                                                             \
        }                                                                              \
    } while (false)

/// Calls something that must throw a landline::error; returns what it threw.
template <class Kind = landline::error, class Call>
Kind thrown_by(Call call) {
    try {
        call();
    } catch (const Kind& failure) {
        return failure;
    }
    std::fprintf(stderr, "nothing was thrown\n");
    std::_Exit(1);
}

/// A limit for each wait; it must not be reached.
inline constexpr std::chrono::seconds soon(10);

/// Runs one test and names it.
inline void test(const char* name, void (*body)()) {
    alarm(30);
    body();
    std::printf("    %s\n", name);
    std::fflush(stdout);
}

/// A server that runs in a thread, and is stopped when this object is destroyed.
class running {
public:
    explicit running(landline::server::handler handler, const landline::options& with = landline::defaults,
                     landline::server::exception_handler on_exception = nullptr)
        : server_("127.0.0.1:0", with),
          thread_([this, handler = std::move(handler), on_exception = std::move(on_exception)] {
              server_.run(handler, on_exception);
          }) {}
    ~running() { stop(); }

    std::string url(const std::string& path = "/") const { return "ws://" + std::string(server_.local_addr()) + path; }
    landline::server::stopped stop(std::chrono::milliseconds grace = soon) {
        const auto all = server_.stop(grace);
        if (thread_.joinable())
            thread_.join();
        return all;
    }
    landline::server& server() { return server_; }

private:
    landline::server server_;
    std::thread thread_;
};

/// A handler that sends everything back.
inline void echo(landline::connection& connection) {
    while (auto message = connection.recv())
        connection.send(*message);
}

#endif
