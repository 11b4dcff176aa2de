/* Queries about a connection: every key of landline_conn_int() and landline_conn_str(), headers, the user's
 * pointer; and the log.
 */
#include "test.h"

static void open_with_everything(landline_conn **client, landline_conn **server) {
    landline_options *ours = with_int(new_options(), LANDLINE_OPT_COMPRESSION, 1);
    landline_options *theirs = with_int(new_options(), LANDLINE_OPT_COMPRESSION, 1);
    landline_listener *listener;
    landline_request *request;
    struct opening opening;
    pthread_t thread;
    with_str(with_str(ours, LANDLINE_OPT_SUBPROTOCOL, "v2"), LANDLINE_OPT_SUBPROTOCOL, "v1");
    OK(landline_options_add_header(ours, "X-Ours", "one"));
    OK(landline_options_add_header(ours, "x-ours", "two"));
    with_str(theirs, LANDLINE_OPT_SUBPROTOCOL, "v1");
    OK(landline_listen("127.0.0.1:0", theirs, &listener));
    snprintf(opening.url, sizeof opening.url, "ws://%s/path?and=query", landline_listener_local_addr(listener));
    opening.options = ours;
    thread = start(open_client, &opening);
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_add_header(request, "X-Theirs", "three"));
    OK(landline_request_accept(request, NULL, server));
    join(thread);
    *client = opening.conn;
    landline_request_free(request);
    landline_listener_free(listener);
    landline_options_free(ours);
    landline_options_free(theirs);
}

static const char *header(landline_conn *conn, const char *name, size_t index) {
    const char *value = name;
    OK(landline_conn_header(conn, name, index, &value, NULL));
    return value;
}

static void texts(landline_conn *client, landline_conn *server) {
    landline_conn *const both[2] = {client, server};
    for (int i = 0; i < 2; i++) {
        CHECK_TEXT(conn_str(both[i], LANDLINE_CONN_SUBPROTOCOL), "v1");
        CHECK_HAS(conn_str(both[i], LANDLINE_CONN_EXTENSIONS), "permessage-deflate");
        CHECK_TEXT(conn_str(both[i], LANDLINE_CONN_TARGET), "/path?and=query");
        CHECK_TEXT(conn_str(both[i], LANDLINE_CONN_CLOSE_REASON), "");
        CHECK_HAS(conn_str(both[i], LANDLINE_CONN_LOCAL_ADDR), "127.0.0.1:");
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_COMPRESSION), 1);
        /* The same pointer each time. */
        CHECK(conn_str(both[i], LANDLINE_CONN_PEER_ADDR) == conn_str(both[i], LANDLINE_CONN_PEER_ADDR));
    }
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_PEER_ADDR), conn_str(server, LANDLINE_CONN_LOCAL_ADDR));
    CHECK_TEXT(conn_str(server, LANDLINE_CONN_PEER_ADDR), conn_str(client, LANDLINE_CONN_LOCAL_ADDR));
    CHECK_HAS(conn_str(client, LANDLINE_CONN_HEADERS), "x-theirs: three\r\n");
    CHECK_HAS(conn_str(server, LANDLINE_CONN_HEADERS), "x-ours: one\r\n");
    CHECK_HAS(conn_str(server, LANDLINE_CONN_HEADERS), "x-ours: two\r\n");
    CHECK_TEXT(header(client, "X-THEIRS", 0), "three");
    CHECK(header(client, "x-theirs", 1) == NULL);
    CHECK_TEXT(header(server, "x-Ours", 0), "one");
    CHECK_TEXT(header(server, "x-ours", 1), "two");
    CHECK(header(server, "x-ours", 2) == NULL);
    CHECK(header(server, "not there", 0) == NULL);
}

static void statistics(landline_conn *client, landline_conn *server) {
    static char large[10000];
    landline_message *message;
    OK(landline_conn_send(client, LANDLINE_TEXT, "seven..", 7, 0, LONG));
    OK(landline_conn_send(client, LANDLINE_BINARY, large, sizeof large, LANDLINE_SEND_FEED, LONG));
    OK(landline_conn_flush(client, LONG));
    expect(server, LANDLINE_TEXT, "seven..", 7);
    expect(server, LANDLINE_BINARY, large, sizeof large);
    CHECK_IS(conn_int(client, LANDLINE_CONN_MESSAGES_SENT), 2);
    CHECK_IS(conn_int(client, LANDLINE_CONN_PAYLOAD_SENT), 7 + sizeof large);
    CHECK_IS(conn_int(client, LANDLINE_CONN_MESSAGES_RECEIVED), 0);
    CHECK_IS(conn_int(client, LANDLINE_CONN_PAYLOAD_RECEIVED), 0);
    CHECK_IS(conn_int(client, LANDLINE_CONN_WIRE_RECEIVED), 0);
    CHECK_IS(conn_int(server, LANDLINE_CONN_MESSAGES_RECEIVED), 2);
    CHECK_IS(conn_int(server, LANDLINE_CONN_PAYLOAD_RECEIVED), 7 + sizeof large);
    CHECK_IS(conn_int(server, LANDLINE_CONN_MESSAGES_SENT), 0);
    CHECK_IS(conn_int(server, LANDLINE_CONN_PAYLOAD_SENT), 0);
    CHECK_IS(conn_int(server, LANDLINE_CONN_WIRE_SENT), 0);
    /* Compressed: the zeros are few bytes on the wire. */
    CHECK(conn_int(client, LANDLINE_CONN_WIRE_SENT) > 7 + 6 && conn_int(client, LANDLINE_CONN_WIRE_SENT) < 1000);
    CHECK_IS(conn_int(server, LANDLINE_CONN_WIRE_RECEIVED), conn_int(client, LANDLINE_CONN_WIRE_SENT));
    OK(landline_conn_send(client, LANDLINE_BINARY, large, sizeof large, LANDLINE_SEND_COMPRESS_NEVER, LONG));
    expect(server, LANDLINE_BINARY, large, sizeof large);
    CHECK(conn_int(client, LANDLINE_CONN_WIRE_SENT) > (int64_t)sizeof large);
    /* One readable byte is enough for poll() to report it. */
    {
        struct pollfd wait = {(int)conn_int(server, LANDLINE_CONN_FD), 0, 0};
        wait.events = (short)poll_events(server);
        CHECK_IS(wait.events, POLLIN);
        CHECK_STATUS(landline_conn_recv(server, 0, &message), LANDLINE_TIMED_OUT);
        CHECK_IS(conn_int(server, LANDLINE_CONN_HAS_BUFFERED), 0);
        CHECK_IS(poll(&wait, 1, 0), 0);
        OK(landline_conn_send(client, LANDLINE_TEXT, "x", 1, 0, LONG));
        OK(landline_conn_send(client, LANDLINE_TEXT, "y", 1, 0, LONG));
        CHECK_IS(poll(&wait, 1, LONG), 1);
        expect(server, LANDLINE_TEXT, "x", 1);
        expect(server, LANDLINE_TEXT, "y", 1);
    }
}

static void closing(landline_conn *client, landline_conn *server) {
    landline_conn *const both[2] = {client, server};
    landline_message *message;
    pthread_t thread;
    for (int i = 0; i < 2; i++)
        for (int32_t key = LANDLINE_CONN_STATE; key <= LANDLINE_CONN_CLOSED_CLEANLY; key++)
            CHECK_IS(conn_int(both[i], key), 0);
    OK(landline_conn_close_start(server, 4567, "the reason", 10, LONG));
    CHECK_IS(conn_int(server, LANDLINE_CONN_STATE), LANDLINE_STATE_CLOSING);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE), 0);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE_SENT), 4567);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSED_FIRST_BY), LANDLINE_SIDE_LOCAL);
    thread = start(close_in_thread, server);
    CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_CLOSED);
    join(thread);
    for (int i = 0; i < 2; i++) {
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_STATE), LANDLINE_STATE_OVER);
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_CLOSE_CODE), 4567);
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_CLOSE_CODE_RECEIVED), 4567);
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_CLOSE_CODE_SENT), 4567);
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_CLOSED_FIRST_BY), 2 - i);
        CHECK_IS(conn_int(both[i], LANDLINE_CONN_CLOSED_CLEANLY), 1);
    }
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_CLOSE_REASON), "the reason");
    OK(landline_conn_close(client, 1000, NULL, 0, LONG));
    CHECK_STATUS(landline_conn_recv(client, 0, &message), LANDLINE_CLOSED);
}

static void user_pointer(landline_conn *conn) {
    int mine;
    CHECK(landline_conn_user(conn) == NULL);
    OK(landline_conn_set_user(conn, &mine));
    CHECK(landline_conn_user(conn) == &mine);
    OK(landline_conn_set_user(conn, NULL));
    CHECK(landline_conn_user(conn) == NULL);
}

static void without_descriptor(void) {
    landline_conn *client, *server;
    int64_t value;
    OK(landline_pair(NULL, NULL, &client, &server));
    CHECK_STATUS(landline_conn_int(client, LANDLINE_CONN_FD, &value), LANDLINE_ERR_UNSUPPORTED);
    CHECK_HAS(landline_error_text(), "descriptor");
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_PEER_ADDR), "");
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_LOCAL_ADDR), "");
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_SUBPROTOCOL), "");
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_EXTENSIONS), "");
    CHECK_IS(conn_int(client, LANDLINE_CONN_COMPRESSION), 0);
    close_both(client, server);
}

struct lines {
    pthread_mutex_t lock;
    int count, highest, heads;
};

static void take_line(int32_t level, const char *text, void *user) {
    struct lines *lines = user;
    pthread_mutex_lock(&lines->lock);
    CHECK(level >= LANDLINE_LOG_ERROR && level <= LANDLINE_LOG_TRACE);
    CHECK(text != NULL && *text != '\0' && strchr(text, '\n') == NULL);
    CHECK(strstr(text, "secret payload") == NULL);
    lines->count++;
    lines->heads += strcmp(text, "> GET / HTTP/1.1") == 0 || strcmp(text, "< HTTP 101 Switching Protocols") == 0;
    lines->highest = level > lines->highest ? level : lines->highest;
    pthread_mutex_unlock(&lines->lock);
}

static void something_to_log(void) {
    landline_conn *client, *server;
    open_both(0, NULL, NULL, &client, &server);
    OK(landline_conn_send(client, LANDLINE_TEXT, "secret payload", 14, 0, LONG));
    expect(server, LANDLINE_TEXT, "secret payload", 14);
    close_both(client, server);
}

static void logging(void) {
    struct lines lines = {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0};
    OK(landline_log_set(LANDLINE_LOG_DEBUG, take_line, &lines));
    something_to_log();
    CHECK(lines.count > 0);
    CHECK(lines.highest == LANDLINE_LOG_DEBUG);
    CHECK_IS(lines.heads, 0);
    OK(landline_log_set(LANDLINE_LOG_TRACE, take_line, &lines));
    something_to_log();
    CHECK(lines.highest == LANDLINE_LOG_TRACE);
    CHECK_IS(lines.heads, 2);
    OK(landline_log_set(LANDLINE_LOG_ERROR, take_line, &lines));
    lines.count = lines.highest = 0;
    something_to_log();
    CHECK(lines.highest <= LANDLINE_LOG_ERROR);
    OK(landline_log_set(LANDLINE_LOG_OFF, take_line, &lines));
    lines.count = 0;
    something_to_log();
    OK(landline_log_set(LANDLINE_LOG_DEBUG, NULL, &lines));
    something_to_log();
    CHECK_IS(lines.count, 0);
}

int main(int argc, char **argv) {
    landline_conn *client, *server;
    begin(argc, argv);
    open_with_everything(&client, &server);
    texts(client, server);
    statistics(client, server);
    user_pointer(client);
    closing(client, server);
    landline_conn_free(client);
    landline_conn_free(server);
    without_descriptor();
    logging();
    return 0;
}
