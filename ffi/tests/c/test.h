/* Helpers of the test programs: checks that say where they failed, and connections to test with.
 *
 * A program gets one argument, a directory with cert.pem and key.pem for 127.0.0.1. The runner notices hangs:
 * it gives each program a time limit.
 */
#ifndef TEST_H
#define TEST_H

#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <landline.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAIL(...) \
    (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

#define CHECK(that) ((that) ? (void)0 : FAIL("not so: %s", #that))

/* Compares numbers, and shows both. */
#define CHECK_IS(what, expected) \
    do { \
        long long is_ = (long long)(what), expected_ = (long long)(expected); \
        if (is_ != expected_) \
            FAIL("%s is %lld, not %lld", #what, is_, expected_); \
    } while (0)

#define CHECK_TEXT(what, expected) \
    do { \
        const char *is_ = (what), *expected_ = (expected); \
        if (is_ == NULL || strcmp(is_, expected_) != 0) \
            FAIL("%s is \"%s\", not \"%s\"", #what, is_ ? is_ : "NULL", expected_); \
    } while (0)

#define CHECK_HAS(text, part) \
    do { \
        const char *is_ = (text); \
        if (is_ == NULL || strstr(is_, (part)) == NULL) \
            FAIL("%s is \"%s\", without \"%s\"", #text, is_ ? is_ : "NULL", (part)); \
    } while (0)

/* Checks a call's status, and shows it with its text. */
#define CHECK_STATUS(call, expected) \
    do { \
        landline_status is_ = (call), expected_ = (expected); \
        if (is_ != expected_) \
            FAIL("%s gave %s, not %s (last failure: %s)", #call, landline_status_name(is_), \
                 landline_status_name(expected_), landline_error_text()); \
    } while (0)

#define OK(call) CHECK_STATUS(call, LANDLINE_OK)

/* Long enough for anything that has to happen; nothing waits this long if all is well. */
enum { LONG = 20000 };

static const char *directory;

static inline const char *in_directory(const char *name) {
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static inline long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static inline pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    return thread;
}

static inline void join(pthread_t thread) {
    CHECK(pthread_join(thread, NULL) == 0);
}

static inline int threads_of_process(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    CHECK(tasks != NULL);
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

/* A server's threads may still be ending when it has returned; valgrind would then report what the system keeps for a
 * thread as lost. */
static inline void until_threads_are(int count) {
    for (long long before = now_ms(); threads_of_process() > count; poll(NULL, 0, 1))
        CHECK(now_ms() - before < LONG);
}

static inline landline_options *new_options(void) {
    landline_options *options;
    OK(landline_options_new(&options));
    return options;
}

static inline landline_options *with_int(landline_options *options, int32_t key, int64_t value) {
    OK(landline_options_set_int(options, key, value));
    return options;
}

static inline landline_options *with_str(landline_options *options, int32_t key, const char *value) {
    OK(landline_options_set_str(options, key, value));
    return options;
}

/* Options for a server with TLS, and for a client that trusts only it. */
static inline landline_options *with_identity(landline_options *options) {
    with_str(options, LANDLINE_OPT_TLS_CERT_FILE, in_directory("cert.pem"));
    return with_str(options, LANDLINE_OPT_TLS_KEY_FILE, in_directory("key.pem"));
}

static inline landline_options *with_trust(landline_options *options) {
    with_int(options, LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0);
    return with_str(options, LANDLINE_OPT_TLS_CA_FILE, in_directory("cert.pem"));
}

struct opening {
    char url[256];
    const landline_options *options;
    landline_conn *conn;
};

static inline void *open_client(void *argument) {
    struct opening *opening = argument;
    OK(landline_connect(opening->url, opening->options, LONG, &opening->conn));
    return NULL;
}

/* A client and a server over TCP, with TLS or without. The options are freed; they may be NULL. */
static inline void open_both(int tls, landline_options *client_options, landline_options *server_options,
                             landline_conn **client, landline_conn **server) {
    struct opening opening;
    landline_listener *listener;
    landline_request *request;
    pthread_t thread;
    client_options = client_options ? client_options : new_options();
    server_options = server_options ? server_options : new_options();
    if (tls) {
        with_trust(client_options);
        with_identity(server_options);
    }
    OK(landline_listen("127.0.0.1:0", server_options, &listener));
    snprintf(opening.url, sizeof opening.url, "%s://%s/", tls ? "wss" : "ws", landline_listener_local_addr(listener));
    opening.options = client_options;
    thread = start(open_client, &opening);
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_accept(request, NULL, server));
    join(thread);
    *client = opening.conn;
    landline_request_free(request);
    landline_listener_free(listener);
    landline_options_free(client_options);
    landline_options_free(server_options);
}

static inline void *close_in_thread(void *conn) {
    OK(landline_conn_close(conn, 1000, NULL, 0, -1));
    return NULL;
}

/* Closes from the client's side, and frees both. */
static inline void close_both(landline_conn *client, landline_conn *server) {
    pthread_t thread = start(close_in_thread, client);
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_CLOSED);
    join(thread);
    landline_conn_free(client);
    landline_conn_free(server);
}

static inline void write_all(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t count = write(fd, at, len);
        CHECK(count > 0);
        at += count;
        len -= (size_t)count;
    }
}

static inline void read_all(int fd, void *data, size_t len) {
    char *at = data;
    while (len > 0) {
        ssize_t count = read(fd, at, len);
        CHECK(count > 0);
        at += count;
        len -= (size_t)count;
    }
}

/* A server whose client is the descriptor `*peer`, written to by hand. */
static inline void open_raw(landline_options *options, landline_conn **server, int *peer) {
    static const char ASK[] = "GET /raw?q=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    landline_request *request;
    int both[2];
    char head[4096];
    size_t len = 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    write_all(both[0], ASK, sizeof ASK - 1);
    OK(landline_request_from_fd(both[1], 1, options, LONG, &request));
    OK(landline_request_accept(request, NULL, server));
    landline_request_free(request);
    landline_options_free(options);
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        CHECK(len < sizeof head);
        read_all(both[0], head + len++, 1);
    }
    CHECK(memcmp(head, "HTTP/1.1 101 ", 13) == 0);
    *peer = both[0];
}

/* A client's frame of less than 126 bytes; its masking key is zero, so its payload stays as it is. */
static inline size_t raw_frame(unsigned char *place, int first_byte, const void *payload, size_t len) {
    CHECK(len < 126);
    place[0] = (unsigned char)first_byte;
    place[1] = (unsigned char)(0x80 | len);
    memset(place + 2, 0, 4);
    if (len > 0)
        memcpy(place + 6, payload, len);
    return 6 + len;
}

static inline void check_message(landline_message *message, int32_t kind, const void *data, size_t len) {
    CHECK_IS(landline_message_kind(message), kind);
    CHECK_IS(landline_message_len(message), len);
    CHECK(landline_message_data(message) != NULL);
    CHECK(memcmp(landline_message_data(message), data, len) == 0);
    landline_message_free(message);
}

/* The next message is this one. */
static inline void expect(landline_conn *conn, int32_t kind, const void *data, size_t len) {
    landline_message *message;
    OK(landline_conn_recv(conn, LONG, &message));
    check_message(message, kind, data, len);
}

static inline int64_t conn_int(const landline_conn *conn, int32_t key) {
    int64_t value = -1;
    OK(landline_conn_int(conn, key, &value));
    return value;
}

static inline const char *conn_str(const landline_conn *conn, int32_t key) {
    const char *text = NULL;
    size_t len = 0;
    OK(landline_conn_str(conn, key, &text, &len));
    CHECK(text != NULL && text[len] == '\0');
    return text;
}

static inline int poll_events(landline_conn *conn) {
    int16_t events = 0;
    OK(landline_conn_poll_events(conn, &events));
    return events;
}

static inline const char *request_str(const landline_request *request, int32_t key) {
    const char *text = NULL;
    size_t len = 0;
    OK(landline_request_str(request, key, &text, &len));
    CHECK(text != NULL && text[len] == '\0');
    return text;
}

/* NULL for none. */
static inline const char *request_header(const landline_request *request, const char *name, size_t index) {
    const char *value = name;
    size_t len = 0;
    OK(landline_request_header(request, name, index, &value, &len));
    CHECK(value == NULL ? len == 0 : strlen(value) == len);
    return value;
}

/* NULL after the last one. */
static inline const char *request_subprotocol(const landline_request *request, size_t index) {
    const char *name = "";
    size_t len = 0;
    OK(landline_request_subprotocol(request, index, &name, &len));
    CHECK(name == NULL ? len == 0 : strlen(name) == len);
    return name;
}

/* Waits until another thread has set it; if it never does, the runner's time limit applies. */
struct flag {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int value;
};

#define FLAG_INIT {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static inline void raise_flag(struct flag *flag) {
    pthread_mutex_lock(&flag->lock);
    flag->value++;
    pthread_cond_broadcast(&flag->changed);
    pthread_mutex_unlock(&flag->lock);
}

static inline int flag_value(struct flag *flag) {
    int value;
    pthread_mutex_lock(&flag->lock);
    value = flag->value;
    pthread_mutex_unlock(&flag->lock);
    return value;
}

static inline void wait_flag(struct flag *flag, int value) {
    pthread_mutex_lock(&flag->lock);
    while (flag->value < value)
        pthread_cond_wait(&flag->changed, &flag->lock);
    pthread_mutex_unlock(&flag->lock);
}

/* Every program begins with this. */
static inline void begin(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        exit(2);
    }
    directory = argv[1];
}

#endif
