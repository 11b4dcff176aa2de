/* Accepting a connection in one step over the caller's socket, and taking sockets out of connections; connections as keys;
 * how TCP sockets are set up. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

struct connecting {
    int fd;
    const landline_options *options;
    landline_conn *conn;
};

static void *connect_over(void *argument) {
    struct connecting *connecting = argument;
    OK(landline_connect_fd(connecting->fd, 1, "ws://localhost/", connecting->options, LONG, &connecting->conn));
    return NULL;
}

/* A connected pair of TCP sockets. */
static void tcp_pair(int both[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listening, (struct sockaddr *)&address, len) == 0 && listen(listening, 1) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&address, &len) == 0);
    both[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(both[0], (struct sockaddr *)&address, len) == 0);
    both[1] = accept(listening, NULL, NULL);
    CHECK(both[1] >= 0);
    close(listening);
}

static int64_t option(const landline_conn *conn, int level, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    CHECK(getsockopt((int)conn_int(conn, LANDLINE_CONN_FD), level, name, &value, &len) == 0);
    return value;
}

static void must_be_set_up(const landline_conn *conn) {
    CHECK_IS(option(conn, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_IS(option(conn, SOL_SOCKET, SO_KEEPALIVE), 1);
#ifdef __linux__
    CHECK_IS(option(conn, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    CHECK_IS(option(conn, IPPROTO_TCP, TCP_KEEPINTVL), 7);
    CHECK_IS(option(conn, IPPROTO_TCP, TCP_KEEPCNT), 4);
    CHECK_IS(option(conn, IPPROTO_TCP, 18 /* TCP_USER_TIMEOUT */), 8000);
    CHECK_IS(option(conn, SOL_SOCKET, SO_RCVBUF), 40000);
    CHECK_IS(option(conn, SOL_SOCKET, SO_SNDBUF), 60000);
#endif
}

static landline_options *set_up(void) {
    landline_options *options = new_options();
    with_int(options, LANDLINE_OPT_TCP_NODELAY, 0);
    with_int(options, LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS, 59001);
    with_int(options, LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS, 7000);
    with_int(options, LANDLINE_OPT_TCP_KEEPALIVE_RETRIES, 4);
#ifdef __linux__
    with_int(options, LANDLINE_OPT_TCP_USER_TIMEOUT_MS, 8000);
#endif
    with_int(options, LANDLINE_OPT_TCP_RECV_BUFFER_SIZE, 20000);
    return with_int(options, LANDLINE_OPT_TCP_SEND_BUFFER_SIZE, 30000);
}

static void in_one_step(const int both[2], landline_options *options, landline_conn **client, landline_conn **server) {
    struct connecting connecting = {.fd = both[0], .options = options};
    pthread_t thread = start(connect_over, &connecting);
    OK(landline_accept_fd(both[1], 1, options, LONG, server));
    join(thread);
    *client = connecting.conn;
    OK(landline_conn_send(*client, LANDLINE_TEXT, "hello", 5, 0, LONG));
    expect(*server, LANDLINE_TEXT, "hello", 5);
}

static void without_options(const int both[2]) {
    landline_conn *client, *server;
    in_one_step(both, NULL, &client, &server);
    close_both(client, server);
    /* The sockets were taken. */
    CHECK(fcntl(both[0], F_GETFD) == -1 && fcntl(both[1], F_GETFD) == -1);
}

static void with_options(void) {
    landline_options *options = with_str(set_up(), LANDLINE_OPT_SUBPROTOCOL, "chat");
    landline_conn *client, *server;
    int both[2];
    tcp_pair(both);
    in_one_step(both, options, &client, &server);
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_SUBPROTOCOL), "chat");
    must_be_set_up(client);
    must_be_set_up(server);
    close_both(client, server);
    landline_options_free(options);
    open_both(0, set_up(), set_up(), &client, &server);
    must_be_set_up(client);
    must_be_set_up(server);
    close_both(client, server);
}

/* Whatever is wrong, the descriptor that was taken is closed, and the client is told. */
static void refused(void) {
    static const char ASK[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    landline_conn *conn = NULL;
    char answer[12];
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    write_all(both[0], ASK, sizeof ASK - 1);
    shutdown(both[0], SHUT_WR);
    CHECK_STATUS(landline_accept_fd(both[1], 1, NULL, LONG, &conn), LANDLINE_ERR_REJECTED);
    CHECK(conn == NULL);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 426);
    read_all(both[0], answer, sizeof answer);
    CHECK(memcmp(answer, "HTTP/1.1 426", sizeof answer) == 0);
    close(both[0]);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    CHECK_STATUS(landline_accept_fd(both[1], 1, NULL, 1, &conn), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 408);
    close(both[0]);
}

/* A socket that was never connected is the caller's mistake; one whose peer has left is not. */
static void sockets_that_are_not_connected(void) {
    static const int FAMILIES[] = {AF_INET, AF_INET6, AF_UNIX};
    landline_request *request;
    landline_conn *conn;
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++) {
        int fd = socket(FAMILIES[i], SOCK_STREAM, 0);
        if (fd < 0)
            continue; /* There is no IPv6. */
        CHECK_STATUS(landline_connect_fd(fd, 0, "ws://localhost/", NULL, LONG, &conn), LANDLINE_ERR_INVALID);
        CHECK_HAS(landline_error_text(), "not connected: connect it first");
        CHECK_STATUS(landline_connect_fd(fd, 0, "wss://localhost/", NULL, LONG, &conn), LANDLINE_ERR_INVALID);
        CHECK_STATUS(landline_accept_fd(fd, 0, NULL, LONG, &conn), LANDLINE_ERR_INVALID);
        CHECK_STATUS(landline_request_from_fd(fd, 0, NULL, LONG, &request), LANDLINE_ERR_INVALID);
        close(fd);
    }
    struct linger at_once = {1, 0};
    struct pollfd ended;
    int both[2];
    tcp_pair(both);
    CHECK(setsockopt(both[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close(both[0]);
    ended.fd = both[1];
    ended.events = POLLIN;
    CHECK(poll(&ended, 1, LONG) == 1);
    CHECK_STATUS(landline_accept_fd(both[1], 1, NULL, LONG, &conn), LANDLINE_ERR_IO);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ECONNRESET);
}

static void what_cannot_be_set(void) {
    static const int32_t KEYS[] = {
        LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS, LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS, LANDLINE_OPT_TCP_KEEPALIVE_RETRIES,
        LANDLINE_OPT_TCP_USER_TIMEOUT_MS,   LANDLINE_OPT_TCP_RECV_BUFFER_SIZE,      LANDLINE_OPT_TCP_SEND_BUFFER_SIZE,
    };
    landline_options *options = new_options();
    landline_conn *client, *server;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        CHECK_STATUS(landline_options_set_int(options, KEYS[i], -2), LANDLINE_ERR_INVALID);
        with_int(options, KEYS[i], 1000000);
        with_int(options, KEYS[i], 0);
    }
    with_int(options, LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS, INT64_MAX);
    with_int(options, LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS, -1);
    open_both(0, options, NULL, &client, &server);
    CHECK_IS(option(client, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_IS(option(client, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_IS(option(server, SOL_SOCKET, SO_KEEPALIVE), 0);
    close_both(client, server);
}

static void identities(void) {
    landline_conn *ends[4], *shared;
    int64_t ids[20];
    OK(landline_pair(NULL, NULL, &ends[0], &ends[1]));
    OK(landline_pair(NULL, NULL, &ends[2], &ends[3]));
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            CHECK((conn_int(ends[i], LANDLINE_CONN_ID) == conn_int(ends[j], LANDLINE_CONN_ID)) == (i == j));
    CHECK(conn_int(ends[0], LANDLINE_CONN_ID) > 0);
    shared = landline_conn_retain(ends[0]);
    CHECK_IS(conn_int(shared, LANDLINE_CONN_ID), conn_int(ends[0], LANDLINE_CONN_ID));
    landline_conn_free(shared);
    for (int i = 0; i < 4; i++)
        landline_conn_free(ends[i]);
    /* Where another one was, too. */
    for (int i = 0; i < 10; i++) {
        OK(landline_pair(NULL, NULL, &ends[0], &ends[1]));
        for (int j = 0; j < 2; j++) {
            ids[2 * i + j] = conn_int(ends[j], LANDLINE_CONN_ID);
            for (int k = 0; k < 2 * i + j; k++)
                CHECK(ids[k] != ids[2 * i + j]);
        }
        landline_conn_free(ends[0]);
        landline_conn_free(ends[1]);
    }
}

/* What was gathered leaves first, what was received is given back, and the socket goes on without the connection. */
static void taken_out(int single_thread) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, single_thread);
    landline_conn *client, *server;
    const void *data;
    char bytes[32];
    size_t len;
    int32_t fd;
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    in_one_step(both, options, &client, &server);
    landline_options_free(options);
    OK(landline_conn_send(client, LANDLINE_TEXT, "gathered", 8, LANDLINE_SEND_FEED, LONG));
    OK(landline_conn_send(server, LANDLINE_TEXT, "one", 3, LANDLINE_SEND_FEED, LONG));
    OK(landline_conn_send(server, LANDLINE_TEXT, "two", 3, 0, LONG));
    expect(client, LANDLINE_TEXT, "one", 3);
    OK(landline_conn_detach(client, LONG, &fd, &data, &len));
    CHECK(len <= 5);
    memcpy(bytes, data, len);
    read_all(fd, bytes + len, 5 - len);
    CHECK(memcmp(bytes, "\x81\x03two", 5) == 0);
    CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, LONG), LANDLINE_ERR_DETACHED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
    CHECK_STATUS(landline_conn_detach(client, LONG, &fd, &data, &len), LANDLINE_ERR_DETACHED);
    CHECK_IS(conn_int(client, LANDLINE_CONN_STATE), LANDLINE_STATE_OVER);
    OK(landline_conn_abort(client));
    landline_conn_free(client);
    write_all(fd, "\x81\x80\0\0\0\0", 6);
    expect(server, LANDLINE_TEXT, "gathered", 8);
    expect(server, LANDLINE_TEXT, "", 0);
    close(fd);
    landline_conn_free(server);
}

static void no_socket(void) {
    landline_conn *client, *server;
    const void *data;
    size_t len;
    int32_t fd = 7;
    for (int tls = 0; tls < 2; tls++) {
        if (tls)
            open_both(1, NULL, NULL, &client, &server);
        else
            OK(landline_pair(NULL, NULL, &client, &server));
        CHECK_STATUS(landline_conn_detach(client, LONG, &fd, &data, &len), LANDLINE_ERR_UNSUPPORTED);
        CHECK_IS(fd, 7);
        OK(landline_conn_send(client, LANDLINE_TEXT, "on", 2, 0, LONG));
        expect(server, LANDLINE_TEXT, "on", 2);
        landline_conn_free(client);
        landline_conn_free(server);
    }
}

int main(int argc, char **argv) {
    int both[2];
    begin(argc, argv);
    tcp_pair(both);
    without_options(both);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    without_options(both);
    with_options();
    refused();
    sockets_that_are_not_connected();
    what_cannot_be_set();
    identities();
    taken_out(0);
    taken_out(1);
    no_socket();
    return 0;
}
