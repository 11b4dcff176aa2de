/* Sending without waiting: what is accepted arrives, what would block does not, and no call waits. */
#include "test.h"

enum { SIZE = 10000 };

static char payload[SIZE];

static landline_status try_send(landline_conn *conn, int number) {
    snprintf(payload, 16, "%08d", number);
    return landline_conn_try_send(conn, LANDLINE_BINARY, payload, SIZE, 0);
}

/* Sends until a message would block; how many were accepted. */
static int fill(landline_conn *conn) {
    int accepted = 0;
    landline_status status;
    while ((status = try_send(conn, accepted)) == LANDLINE_OK)
        accepted++;
    CHECK_STATUS(status, LANDLINE_ERR_WOULD_BLOCK);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), LANDLINE_ERR_WOULD_BLOCK);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0);
    CHECK_IS(landline_status_is_fatal(LANDLINE_ERR_WOULD_BLOCK), 0);
    return accepted;
}

static void *receive_one(void *conn) {
    expect(conn, LANDLINE_TEXT, "done", 4);
    return NULL;
}

static void receive_all(landline_conn *conn, int count) {
    for (int number = 0; number < count; number++) {
        landline_message *message;
        char expected[16];
        OK(landline_conn_recv(conn, LONG, &message));
        snprintf(expected, sizeof expected, "%08d", number);
        CHECK_IS(landline_message_len(message), SIZE);
        CHECK(memcmp(landline_message_data(message), expected, 8) == 0);
        landline_message_free(message);
    }
}

static void accepted_or_not(landline_conn *client, landline_conn *server) {
    int accepted = fill(server);
    pthread_t receiving;
    CHECK(accepted > 6);
    receiving = start(receive_one, server);
    receive_all(client, accepted);
    OK(landline_conn_send(server, LANDLINE_TEXT, "next", 4, 0, LONG));
    OK(landline_conn_try_send(server, LANDLINE_TEXT, "room", 4, 0));
    expect(client, LANDLINE_TEXT, "next", 4);
    expect(client, LANDLINE_TEXT, "room", 4);
    OK(landline_conn_try_send(client, LANDLINE_TEXT, "done", 4, LANDLINE_SEND_COMPRESS_NEVER));
    join(receiving);
    close_both(client, server);
}

static int64_t wire_of(landline_conn *conn, uint32_t flags) {
    static const char REPEATED[5000];
    const int64_t before = conn_int(conn, LANDLINE_CONN_WIRE_SENT);
    OK(landline_conn_try_send(conn, LANDLINE_BINARY, REPEATED, sizeof REPEATED, flags));
    return conn_int(conn, LANDLINE_CONN_WIRE_SENT) - before;
}

static void what_is_compressed(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_COMPRESSION, 1);
    landline_conn *client, *server;
    with_int(options, LANDLINE_OPT_COMPRESSION_THRESHOLD, 100000);
    OK(landline_pair(options, options, &client, &server));
    landline_options_free(options);
    CHECK(wire_of(client, 0) > 5000);
    CHECK(wire_of(client, LANDLINE_SEND_COMPRESS_ALWAYS) < 500);
    CHECK(wire_of(client, LANDLINE_SEND_COMPRESS_NEVER) > 5000);
    landline_conn_free(client);
    landline_conn_free(server);
}

/* In memory, only the peer makes room. A call with a time limit waits no longer. */
static void as_often_as_it_is_tried(landline_options *options) {
    landline_conn *client, *server;
    long long began;
    OK(landline_pair(options, options, &client, &server));
    fill(client);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_WOULD_BLOCK);
        CHECK_STATUS(landline_conn_try_send(client, LANDLINE_TEXT, NULL, 0, 0), LANDLINE_ERR_WOULD_BLOCK);
    }
    began = now_ms();
    CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, 20), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began < LONG / 2);
    landline_conn_free(client);
    landline_conn_free(server);
    landline_options_free(options);
}

static void interruptions_are_left(void) {
    landline_conn *client, *server;
    OK(landline_pair(NULL, NULL, &client, &server));
    fill(client);
    OK(landline_conn_interrupt(client, LANDLINE_DIRECTION_SEND));
    CHECK_STATUS(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_WOULD_BLOCK);
    CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, LONG), LANDLINE_INTERRUPTED);
    OK(landline_conn_abort(client));
    CHECK_STATUS(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_ABORTED);
    landline_conn_free(client);
    landline_conn_free(server);
}

static void behind_a_stream(void) {
    landline_conn *client, *server;
    landline_writer *writer;
    OK(landline_pair(NULL, NULL, &client, &server));
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    CHECK_STATUS(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_WOULD_BLOCK);
    OK(landline_writer_finish(writer, LONG));
    landline_writer_free(writer);
    OK(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, 0));
    expect(server, LANDLINE_TEXT, "", 0);
    expect(server, LANDLINE_TEXT, "a", 1);
    landline_conn_free(client);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        landline_conn *client, *server;
        open_both(tls, NULL, NULL, &client, &server);
        accepted_or_not(client, server);
    }
    as_often_as_it_is_tried(new_options());
    as_often_as_it_is_tried(with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, 1));
    what_is_compressed();
    interruptions_are_left();
    behind_a_stream();
    return 0;
}
