/* Addresses to listen on, the names in errors, time limits for clients, and how listeners and servers end. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

static int dial(const char *address);

/* ":PORT" is every address: clients can connect to any of them. */
static void every_address(void) {
    landline_listener *listener;
    landline_request *request;
    landline_server *server;
    int client;
    OK(landline_listen(":0", NULL, &listener));
    CHECK(strcmp(strrchr(landline_listener_local_addr(listener), ':'), ":0") != 0);
    client = dial(landline_listener_local_addr(listener));
    CHECK(client >= 0);
    OK(landline_listener_accept_incoming(listener, LONG, &request));
    landline_request_free(request);
    CHECK(close(client) == 0);
    landline_listener_free(listener);
    OK(landline_server_bind(":0", NULL, &server));
    landline_server_free(server);
}

/* Options that no request could match are refused when a server is created, by name. */
static void refused_options(void) {
    static const struct {
        int32_t key;
        const char *value;
    } WRONG[] = {{LANDLINE_OPT_SUBPROTOCOL, "a b"},
                 {LANDLINE_OPT_SUBPROTOCOL, ""},
                 {LANDLINE_OPT_ALLOWED_ORIGIN, "nonsense"},
                 {LANDLINE_OPT_ALLOWED_ORIGIN, "https://a.b/c"}};
    landline_options *options;
    landline_listener *listener;
    landline_server *server;
    landline_protocol *protocol;
    landline_request *request;
    char quoted[64];
    size_t i;
    int both[2];
    for (i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        options = new_options();
        OK(landline_options_set_str(options, WRONG[i].key, WRONG[i].value));
        CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_CONFIG);
        snprintf(quoted, sizeof quoted, "\"%s\"", WRONG[i].value);
        CHECK_HAS(landline_error_text(), quoted);
        CHECK_STATUS(landline_server_bind("127.0.0.1:0", options, &server), LANDLINE_ERR_CONFIG);
        CHECK_STATUS(landline_protocol_server(options, &protocol), LANDLINE_ERR_CONFIG);
        CHECK(protocol == NULL);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
        CHECK_STATUS(landline_request_from_fd(both[1], 1, options, LONG, &request), LANDLINE_ERR_CONFIG);
        CHECK(close(both[0]) == 0);
        landline_options_free(options);
    }
    options = new_options();
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_MAX_FRAGMENTS, 0), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "0 is out of range for LANDLINE_OPT_MAX_FRAGMENTS: use 1 or more");
    OK(landline_listen("127.0.0.1:0", options, &listener));
    landline_listener_free(listener);
    landline_options_free(options);
}

static void addresses(void) {
    static const char *const UNREADABLE[] = {"no port",     "localhost", "999.1.1.1:x",   "127.0.0.1:70000", "",
                                             "256.1.1.1:1", "[::1:5",    "[localhost]:1", "http://a:1",      ":x"};
    landline_listener *listener, *second;
    landline_server *server;
    char unix_address[4200], text[4300];
    size_t i;
    for (i = 0; i < sizeof UNREADABLE / sizeof *UNREADABLE; i++) {
        CHECK_STATUS(landline_listen(UNREADABLE[i], NULL, &listener), LANDLINE_ERR_CONFIG);
        CHECK_HAS(landline_error_text(), UNREADABLE[i]);
        CHECK_HAS(landline_error_text(), "such as 127.0.0.1:9001");
        CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_CALLER);
        CHECK_STATUS(landline_server_bind(UNREADABLE[i], NULL, &server), LANDLINE_ERR_CONFIG);
    }
    /* The socket would have an address that no client could find. */
    CHECK_STATUS(landline_listen("unix:", NULL, &listener), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "the path is empty");
    CHECK_STATUS(landline_server_bind("unix:", NULL, &server), LANDLINE_ERR_CONFIG);
    every_address();
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    CHECK_STATUS(landline_listen(landline_listener_local_addr(listener), NULL, &second), LANDLINE_ERR_IO);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EADDRINUSE);
    CHECK_HAS(landline_error_text(), landline_listener_local_addr(listener));
    landline_listener_free(listener);

    /* A path on which a program listens is in use; one that was left behind is not. */
    snprintf(unix_address, sizeof unix_address, "unix:%s", in_directory("listening"));
    OK(landline_listen(unix_address, NULL, &listener));
    CHECK_STATUS(landline_listen(unix_address, NULL, &second), LANDLINE_ERR_IO);
    CHECK(second == NULL);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EADDRINUSE);
    snprintf(text, sizeof text, "listening on %s failed: %s", unix_address, strerror(EADDRINUSE));
    CHECK_HAS(landline_error_text(), text);
    landline_listener_free(listener);
    {
        struct sockaddr_un place;
        int dead = socket(AF_UNIX, SOCK_STREAM, 0);
        memset(&place, 0, sizeof place);
        place.sun_family = AF_UNIX;
        CHECK(strlen(unix_address + 5) < sizeof place.sun_path);
        strcpy(place.sun_path, unix_address + 5);
        CHECK(bind(dead, (struct sockaddr *)&place, sizeof place) == 0 && close(dead) == 0);
    }
    OK(landline_listen(unix_address, NULL, &listener));
    landline_listener_free(listener);
}

static void names(void) {
    landline_options *options = new_options();
    landline_conn *client, *server;
    const char *found;
    size_t len;
    int64_t value;
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_STACK_SIZE, -5), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "-5 is out of range for LANDLINE_OPT_STACK_SIZE: use 0 or more");
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_HOST, 1), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_HOST does not take a number");
    CHECK_HAS(landline_error_text(), "landline_options_set_str()");
    CHECK_STATUS(landline_options_set_bytes(options, LANDLINE_OPT_SINGLE_THREAD, "", 0), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "landline_options_set_int()");
    CHECK_STATUS(landline_options_set_int(options, 9999, 1), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "9999");
    landline_options_free(options);
    open_both(0, NULL, NULL, &client, &server);
    CHECK_STATUS(landline_conn_int(client, LANDLINE_CONN_TARGET, &value), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_CONN_TARGET");
    CHECK_STATUS(landline_conn_str(client, LANDLINE_CONN_STATE, &found, &len), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_CONN_STATE");
    CHECK_STATUS(landline_conn_interrupt(client, 77), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_DIRECTION_BOTH");
    CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "", 0, LANDLINE_SEND_COMPRESS_NEVER | LANDLINE_SEND_COMPRESS_ALWAYS, 0),
                 LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_SEND_COMPRESS_ALWAYS");
    close_both(client, server);
}

/* A socket that is connected to "127.0.0.1:PORT", or -1 if it is refused. */
static int dial(const char *address) {
    struct sockaddr_in place;
    int fd, why;
again:
    fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&place, 0, sizeof place);
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    place.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&place, sizeof place) == 0)
        return fd;
    why = errno;
    close(fd);
    /* The listener was stopped at that moment. */
    if (why == ECONNRESET)
        goto again;
    CHECK_IS(why, ECONNREFUSED);
    return -1;
}

/* A silent client takes no more than the handshake timeout, including the response. */
static void silent_client(int tls) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, 400);
    landline_listener *listener;
    landline_request *request;
    landline_status status;
    long long began;
    int client;
    OK(landline_listen("127.0.0.1:0", tls ? with_identity(options) : options, &listener));
    client = dial(landline_listener_local_addr(listener));
    began = now_ms();
    status = landline_listener_accept(listener, LONG, &request);
    CHECK_IS(status, tls ? LANDLINE_TIMED_OUT : LANDLINE_ERR_REJECTED);
    CHECK(now_ms() - began < 1200 && now_ms() - began >= 300);
    CHECK(client >= 0 && close(client) == 0);
    landline_listener_free(listener);
    landline_options_free(options);
}

static void *read_request(void *request) {
    CHECK_STATUS(landline_request_read(request), LANDLINE_INTERRUPTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
    return NULL;
}

static void *accept_nobody(void *listener) {
    landline_request *request;
    CHECK_STATUS(landline_listener_accept_incoming(listener, LONG, &request), LANDLINE_INTERRUPTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_ACCEPT);
    return NULL;
}

static void stopped_listener(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, -1);
    landline_listener *listener;
    landline_request *request;
    pthread_t threads[3];
    int client, i;
    OK(landline_listen("127.0.0.1:0", options, &listener));
    client = dial(landline_listener_local_addr(listener));
    OK(landline_listener_accept_incoming(listener, LONG, &request));
    threads[0] = start(read_request, request);
    threads[1] = start(accept_nobody, listener);
    threads[2] = start(accept_nobody, listener);
    OK(landline_listener_stop(listener));
    for (i = 0; i < 3; i++)
        join(threads[i]);
    accept_nobody(listener);
    CHECK(dial(landline_listener_local_addr(listener)) == -1);
    CHECK(client >= 0 && close(client) == 0);
    landline_request_free(request);
    landline_listener_free(listener);
    landline_options_free(options);
}

static struct flag begun = FLAG_INIT, released = FLAG_INIT;

static void hold(landline_conn *conn, void *user) {
    (void)conn;
    (void)user;
    raise_flag(&begun);
    wait_flag(&released, 1);
}

static void *run(void *server) {
    OK(landline_server_run(server, hold, NULL));
    return NULL;
}

static void *stop(void *server) {
    OK(landline_server_stop(server, LONG, NULL, NULL));
    return NULL;
}

/* While it waits for its handlers. */
static void stopping_server(void) {
    landline_server *server;
    landline_conn *conn;
    pthread_t running, stopping;
    char url[128];
    long long limit = now_ms() + LONG;
    int late;
    OK(landline_server_bind("127.0.0.1:0", NULL, &server));
    running = start(run, server);
    snprintf(url, sizeof url, "ws://%s/", landline_server_local_addr(server));
    OK(landline_connect(url, NULL, LONG, &conn));
    wait_flag(&begun, 1);
    stopping = start(stop, server);
    while ((late = dial(landline_server_local_addr(server))) != -1) {
        CHECK(now_ms() < limit);
        close(late);
    }
    /* Those that arrived in time are soon gone; the one with a handler stays. */
    while (landline_server_connections(server) != 1) {
        CHECK(now_ms() < limit);
        poll(NULL, 0, 1);
    }
    landline_conn_free(conn);
    raise_flag(&released);
    join(stopping);
    join(running);
    landline_server_free(server);
}

/* Servers whose process has descriptors for few connections at a time. */

enum { CLIENTS = 60 };

static void *visit(void *url) {
    landline_conn *conn;
    landline_message *message;
    OK(landline_connect(url, NULL, LONG, &conn));
    OK(landline_conn_send(conn, LANDLINE_TEXT, "served", 6, 0, LONG));
    OK(landline_conn_recv(conn, LONG, &message));
    check_message(message, LANDLINE_TEXT, "served", 6);
    OK(landline_conn_close(conn, 1000, NULL, 0, LONG));
    landline_conn_free(conn);
    return NULL;
}

static void echo_once(landline_conn *conn, void *user) {
    landline_message *message;
    (void)user;
    OK(landline_conn_recv(conn, LONG, &message));
    OK(landline_conn_send_message(conn, message, 0, LONG));
    landline_message_free(message);
    CHECK_STATUS(landline_conn_recv(conn, LONG, &message), LANDLINE_CLOSED);
}

/* Leaves exactly as many descriptors as that, whichever the process has inherited. (valgrind resets a client where accept()
 * is out of descriptors, so the number has to be one where making the interrupter of a connection fails first.)
 */
static void limit_descriptors(int more) {
    struct rlimit limit;
    int next = 0;
    for (; more > 0; next++)
        more -= fcntl(next, F_GETFD) == -1;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = (rlim_t)next;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void *serve_once(void *request) {
    landline_conn *conn;
    OK(landline_request_read(request));
    OK(landline_request_accept(request, NULL, &conn));
    landline_request_free(request);
    echo_once(conn, NULL);
    landline_conn_free(conn);
    return NULL;
}

static void accept_all(landline_listener *listener) {
    pthread_t threads[CLIENTS];
    landline_request *request;
    landline_status status;
    int i;
    for (i = 0; i < CLIENTS;) {
        status = landline_listener_accept_incoming(listener, LONG, &request);
        if (status == LANDLINE_ERR_IO) {
            CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EMFILE);
            poll(NULL, 0, 10);
            continue;
        }
        CHECK_STATUS(status, LANDLINE_OK);
        threads[i++] = start(serve_once, request);
    }
    for (i = 0; i < CLIENTS; i++)
        join(threads[i]);
    landline_listener_free(listener);
}

/* Valgrind accepts connections regardless of the limit, and then closes those above it: it is what drops clients. */
static int is_under_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* With landline_server_run(), or with a program that accepts itself. No client is accepted without being served. */
static void few_descriptors(int by_itself) {
    pthread_t threads[CLIENTS];
    char address[64] = "", url[128];
    int ends[2], i, state;
    pid_t server_process;
    CHECK(pipe(ends) == 0);
    server_process = fork();
    CHECK(server_process >= 0);
    if (server_process == 0) {
        landline_listener *listener;
        landline_server *server;
        const char *bound;
        if (by_itself) {
            OK(landline_listen("127.0.0.1:0", NULL, &listener));
            bound = landline_listener_local_addr(listener);
        } else {
            OK(landline_server_bind("127.0.0.1:0", NULL, &server));
            bound = landline_server_local_addr(server);
        }
        limit_descriptors(12);
        CHECK(write(ends[1], bound, strlen(bound)) > 0 && close(ends[1]) == 0);
        if (by_itself)
            accept_all(listener);
        else
            OK(landline_server_run(server, echo_once, NULL));
        _exit(0);
    }
    CHECK(close(ends[1]) == 0 && read(ends[0], address, sizeof address - 1) > 0 && close(ends[0]) == 0);
    snprintf(url, sizeof url, "ws://%s/", address);
    for (i = 0; i < CLIENTS; i++)
        threads[i] = start(visit, url);
    for (i = 0; i < CLIENTS; i++)
        join(threads[i]);
    if (!by_itself)
        CHECK(kill(server_process, SIGKILL) == 0);
    CHECK(waitpid(server_process, &state, 0) == server_process);
    CHECK(by_itself ? WIFEXITED(state) && WEXITSTATUS(state) == 0 : WIFSIGNALED(state));
}

/* A client without descriptors for a connection gets an error before anything is dialled. */
static void client_without_descriptors(void) {
    pid_t client = fork();
    int state;
    CHECK(client >= 0);
    if (client == 0) {
        landline_listener *listener;
        landline_request *request;
        landline_conn *conn;
        char url[128];
        OK(landline_listen("127.0.0.1:0", NULL, &listener));
        snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
        limit_descriptors(1);
        CHECK_STATUS(landline_connect(url, NULL, LONG, &conn), LANDLINE_ERR_IO);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EMFILE);
        CHECK(conn == NULL);
        limit_descriptors(50);
        CHECK_STATUS(landline_listener_accept_incoming(listener, 0, &request), LANDLINE_TIMED_OUT);
        landline_listener_free(listener);
        _exit(0);
    }
    CHECK(waitpid(client, &state, 0) == client && WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    /* While there is one thread, because these fork. */
    if (!is_under_valgrind()) {
        few_descriptors(0);
        few_descriptors(1);
    }
    client_without_descriptors();
    int threads = threads_of_process();
    addresses();
    refused_options();
    names();
    silent_client(0);
    silent_client(1);
    stopped_listener();
    stopping_server();
    until_threads_are(threads);
    return 0;
}
