/* Time limits. In every function that has one, -1 waits forever, 0 does not wait, and other negative numbers are refused
 * before anything is done, with a text that names the argument. Options: the same, but 0, which would fail every call.
 *
 * The runner checks that every function of the header with a time limit is in this file.
 */
#include "test.h"

#include <limits.h>

static const int32_t WRONG[] = {-2, -3, -1000, INT32_MIN};

#define REFUSED_AS(argument, call) \
    do { \
        CHECK_STATUS(call, LANDLINE_ERR_INVALID); \
        CHECK_HAS(landline_error_text(), argument " is -"); \
        CHECK_HAS(landline_error_text(), "-1 for no limit"); \
        CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_CALLER); \
    } while (0)

#define REFUSED(call) REFUSED_AS("timeout_ms", call)

static int64_t no_read(void *data, size_t capacity, void *user) {
    (void)data, (void)capacity, (void)user;
    return LANDLINE_ERR_IO;
}

static int64_t no_write(const void *data, size_t len, void *user) {
    (void)data, (void)len, (void)user;
    return LANDLINE_ERR_IO;
}

static int32_t no_wait(int32_t wanted, int32_t wake_fd, int32_t timeout_ms, void *user) {
    (void)wanted, (void)wake_fd, (void)timeout_ms, (void)user;
    return LANDLINE_ERR_IO;
}

static void nothing(void *user) {
    (void)user;
}

static const landline_transport TABLE = {
    .size = sizeof(landline_transport),
    .read = no_read,
    .write = no_write,
    .wait = no_wait,
    .close_write = nothing,
    .abort = nothing,
    .free = nothing,
};

static void connections(int32_t wrong, int single_thread) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, single_thread);
    landline_conn *client, *server;
    landline_message *message = NULL;
    landline_writer *writer;
    landline_slice slice = {"a", 1};
    char buffer[8];
    const void *data;
    size_t len;
    int32_t kind;
    uint64_t microseconds;
    OK(landline_pair(options, options, &client, &server));
    landline_options_free(options);

    REFUSED(landline_conn_recv(client, wrong, &message));
    REFUSED(landline_conn_recv_ref(client, wrong, &message));
    REFUSED(landline_conn_recv_into(client, buffer, sizeof buffer, wrong, &kind, &len));
    REFUSED(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, wrong));
    REFUSED(landline_conn_send(client, LANDLINE_TEXT, "a", 1, LANDLINE_SEND_FEED, wrong));
    REFUSED(landline_conn_send_vectored(client, LANDLINE_TEXT, &slice, 1, 0, wrong));
    REFUSED(landline_conn_flush(client, wrong));
    REFUSED(landline_conn_ping(client, "a", 1, wrong));
    REFUSED(landline_conn_ping_wait(client, wrong, &microseconds));
    REFUSED(landline_conn_ping_start(client, wrong, &microseconds));
    REFUSED(landline_conn_pong_wait(client, 1, wrong));
    REFUSED(landline_conn_detach(client, wrong, &kind, &data, &len));
    REFUSED(landline_conn_close_start(client, 1000, NULL, 0, wrong));
    REFUSED(landline_conn_close(client, 1000, NULL, 0, wrong));
    REFUSED(landline_conn_send_stream(client, LANDLINE_TEXT, 0, wrong, &writer));
    CHECK(writer == NULL);

    /* Nothing was done, and the connection is unchanged. */
    CHECK_STATUS(landline_conn_recv(server, 0, &message), LANDLINE_TIMED_OUT);
    CHECK_IS(conn_int(client, LANDLINE_CONN_STATE), LANDLINE_STATE_OPEN);
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, -1, &writer));
    REFUSED(landline_writer_write(writer, "b", 1, wrong, &len));
    CHECK_IS(len, 0);
    REFUSED(landline_writer_flush(writer, wrong));
    REFUSED(landline_writer_finish(writer, wrong));
    OK(landline_writer_write(writer, "c", 1, 0, &len));
    OK(landline_writer_finish(writer, 0));
    landline_writer_free(writer);
    OK(landline_conn_recv(server, -1, &message));
    REFUSED(landline_conn_send_message(server, message, 0, wrong));
    check_message(message, LANDLINE_TEXT, "c", 1);
    landline_conn_free(client);
    landline_conn_free(server);
}

static void opening(int32_t wrong) {
    landline_listener *listener;
    landline_request *request;
    landline_server *server;
    landline_conn *conn;
    char url[256];
    size_t finished;
    int both[2];
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
    REFUSED(landline_connect(url, NULL, wrong, &conn));
    REFUSED(landline_connect_transport(&TABLE, NULL, url, NULL, wrong, &conn));
    CHECK(conn == NULL);
    REFUSED(landline_accept_transport(&TABLE, NULL, NULL, wrong, &conn));
    REFUSED(landline_request_from_transport(&TABLE, NULL, NULL, wrong, &request));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    REFUSED(landline_accept_fd(both[1], 0, NULL, wrong, &conn));
    REFUSED(landline_connect_fd(both[0], 0, url, NULL, wrong, &conn));
    REFUSED(landline_request_from_fd(both[1], 0, NULL, wrong, &request));
    CHECK(close(both[0]) == 0 && close(both[1]) == 0);
    /* No client has connected. */
    REFUSED(landline_listener_accept(listener, wrong, &request));
    REFUSED(landline_listener_accept_incoming(listener, wrong, &request));
    CHECK(request == NULL);
    CHECK_STATUS(landline_listener_accept(listener, 0, &request), LANDLINE_TIMED_OUT);
    landline_listener_free(listener);

    OK(landline_server_bind("127.0.0.1:0", NULL, &server));
    REFUSED_AS("grace_ms", landline_server_stop(server, wrong, &finished, NULL));
    OK(landline_server_stop(server, -1, &finished, NULL));
    landline_server_free(server);
}

static void sessions(int32_t wrong) {
    landline_session *session;
    landline_message *message;
    landline_conn *conn;
    int64_t stage;
    OK(landline_session_new("ws://localhost/", NULL, NULL, NULL, &session));
    REFUSED(landline_session_recv(session, wrong, &message));
    REFUSED(landline_session_next_connection(session, wrong, &conn));
    REFUSED(landline_session_send(session, LANDLINE_TEXT, "a", 1, wrong));
    REFUSED(landline_session_close(session, 1000, NULL, 0, wrong));
    OK(landline_session_int(session, LANDLINE_SESSION_STAGE, &stage));
    CHECK_IS(stage, LANDLINE_STAGE_WAITING);
    landline_session_free(session);
}

static void waiting(int32_t wrong) {
    landline_wait_item item = {.fd = -1};
    size_t ready;
    int both[2];
    CHECK(pipe(both) == 0);
    item.fd = both[0];
    item.events = POLLIN;
    REFUSED(landline_wait(&item, 1, wrong, &ready));
    CHECK_STATUS(landline_wait(&item, 1, 0, &ready), LANDLINE_TIMED_OUT);
    write_all(both[1], "a", 1);
    OK(landline_wait(&item, 1, -1, &ready));
    CHECK(close(both[0]) == 0 && close(both[1]) == 0);
}

static const int32_t TIMES[] = {
    LANDLINE_OPT_SEND_TIMEOUT_MS,       LANDLINE_OPT_RECV_TIMEOUT_MS,      LANDLINE_OPT_CLOSE_TIMEOUT_MS,
    LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, LANDLINE_OPT_CONNECT_TIMEOUT_MS,
    LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS,
};

/* The longest possible limits, and no limits: everything works, and nothing overflows. */
static void options_with(int64_t value) {
    landline_options *client_options = new_options(), *server_options = new_options();
    landline_conn *client, *server;
    uint64_t microseconds;
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        with_int(client_options, TIMES[i], value);
        with_int(server_options, TIMES[i], value);
    }
    open_both(0, client_options, server_options, &client, &server);
    OK(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, -1));
    expect(server, LANDLINE_TEXT, "a", 1);
    CHECK_STATUS(landline_conn_ping_wait(client, 20, &microseconds), LANDLINE_TIMED_OUT);
    close_both(client, server);
}

static void options(void) {
    landline_options *options = new_options();
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        CHECK_STATUS(landline_options_set_int(options, TIMES[i], -2), LANDLINE_ERR_INVALID);
        CHECK_STATUS(landline_options_set_int(options, TIMES[i], INT64_MIN), LANDLINE_ERR_INVALID);
        if (TIMES[i] != LANDLINE_OPT_KEEPALIVE_INTERVAL_MS)
            CHECK_STATUS(landline_options_set_int(options, TIMES[i], 0), LANDLINE_ERR_INVALID);
    }
    landline_options_free(options);
    options_with(-1);
    options_with(INT32_MAX);
    options_with(INT64_MAX);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        connections(WRONG[i], 0);
        connections(WRONG[i], 1);
        opening(WRONG[i]);
        sessions(WRONG[i]);
        waiting(WRONG[i]);
    }
    options();
    return 0;
}
