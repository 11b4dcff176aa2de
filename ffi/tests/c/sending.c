/* Sending: to a peer that does not read, within time limits and with interruptions, every message arrives once or not at
 * all, as its status said; messages of many parts and of unknown size; Pings that are waited for.
 */
#include "test.h"

enum { SIZE = 300000 };

static char payload[SIZE];

static void fill(int number) {
    snprintf(payload, 16, "%08d", number);
    memset(payload + 8, 'a' + number % 26, SIZE - 8);
}


struct receiver {
    landline_conn *conn;
    int count;
};

static void *receive_all(void *argument) {
    struct receiver *receiver = argument;
    static char expected[SIZE];
    for (int number = 0; number < receiver->count; number++) {
        landline_message *message;
        OK(landline_conn_recv(receiver->conn, LONG, &message));
        CHECK_IS(landline_message_len(message), SIZE);
        snprintf(expected, 16, "%08d", number);
        memset(expected + 8, 'a' + number % 26, SIZE - 8);
        check_message(message, LANDLINE_BINARY, expected, SIZE);
    }
    return NULL;
}

/* Sends until there is no progress; returns how many messages were accepted. The system sometimes accepts a little more
   although it has reported that there is no room: it is full when a message is refused and nothing has left since. */
static int until_full(landline_conn *conn, int32_t limit) {
    int taken = 0;
    for (int tries = 0;; tries++) {
        int64_t before = conn_int(conn, LANDLINE_CONN_WIRE_SENT);
        landline_status status;
        CHECK(tries < 1000);
        fill(taken);
        status = landline_conn_send(conn, LANDLINE_BINARY, payload, SIZE, 0, limit);
        if (status == LANDLINE_OK || status == LANDLINE_PENDING)
            taken++;
        if (status == LANDLINE_PENDING) {
            CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), LANDLINE_PENDING);
            CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0);
            CHECK(poll_events(conn) == (POLLIN | POLLOUT));
        } else if (status != LANDLINE_OK) {
            CHECK_STATUS(status, LANDLINE_TIMED_OUT);
            CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_SEND);
            if (conn_int(conn, LANDLINE_CONN_WIRE_SENT) == before)
                return taken;
        }
    }
}

static void to_a_full_pipe(int tls, int32_t limit) {
    struct receiver receiver;
    landline_conn *client;
    pthread_t thread;
    landline_status status;
    open_both(tls, NULL, NULL, &client, &receiver.conn);
    receiver.count = until_full(client, limit);
    CHECK(receiver.count > 0);
    CHECK_STATUS(landline_conn_flush(client, limit), LANDLINE_TIMED_OUT);
    OK(landline_conn_interrupt(client, LANDLINE_DIRECTION_SEND));
    CHECK_STATUS(landline_conn_flush(client, LONG), LANDLINE_INTERRUPTED);
    OK(landline_conn_interrupt(client, LANDLINE_DIRECTION_SEND));
    /* Nothing of it is sent: the previous message is still being sent. */
    status = landline_conn_send(client, LANDLINE_BINARY, "never", 5, 0, LONG);
    CHECK_STATUS(status, LANDLINE_INTERRUPTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0);
    thread = start(receive_all, &receiver);
    OK(landline_conn_flush(client, LONG));
    join(thread);
    CHECK_IS(poll_events(client), POLLIN);
    CHECK_IS(conn_int(client, LANDLINE_CONN_MESSAGES_SENT), receiver.count);
    OK(landline_conn_send(client, LANDLINE_BINARY, "then", 4, 0, LONG));
    expect(receiver.conn, LANDLINE_BINARY, "then", 4);
    close_both(client, receiver.conn);
}

/* No progress for LANDLINE_OPT_SEND_TIMEOUT_MS ends a call without a time limit of its own. */
static void no_progress(void) {
    landline_conn *client, *server;
    landline_status status;
    long long began = now_ms();
    open_both(0, with_int(new_options(), LANDLINE_OPT_SEND_TIMEOUT_MS, 100), NULL, &client, &server);
    do
        status = landline_conn_send(client, LANDLINE_BINARY, payload, SIZE, 0, -1);
    while (status == LANDLINE_OK);
    CHECK(status == LANDLINE_TIMED_OUT || status == LANDLINE_PENDING);
    CHECK(now_ms() - began >= 99);
    landline_conn_free(client);
    landline_conn_free(server);
}

static void gathered(landline_conn *from, landline_conn *to) {
    landline_message *message;
    for (int i = 0; i < 3; i++)
        OK(landline_conn_send(from, LANDLINE_TEXT, "gathered", 8, LANDLINE_SEND_FEED, LONG));
    CHECK_STATUS(landline_conn_recv(to, 20, &message), LANDLINE_TIMED_OUT);
    OK(landline_conn_flush(from, LONG));
    for (int i = 0; i < 3; i++)
        expect(to, LANDLINE_TEXT, "gathered", 8);
    OK(landline_conn_send(from, LANDLINE_TEXT, "before", 6, LANDLINE_SEND_FEED, LONG));
    CHECK_STATUS(landline_conn_recv(from, 0, &message), LANDLINE_TIMED_OUT);
    expect(to, LANDLINE_TEXT, "before", 6);
    OK(landline_conn_send(from, LANDLINE_TEXT, "first", 5, LANDLINE_SEND_FEED, LONG));
    OK(landline_conn_send(from, LANDLINE_TEXT, "last", 4, LANDLINE_SEND_COMPRESS_NEVER, LONG));
    expect(to, LANDLINE_TEXT, "first", 5);
    expect(to, LANDLINE_TEXT, "last", 4);
}

static void in_parts(landline_conn *from, landline_conn *to) {
    enum { PARTS = 1500 };
    landline_slice parts[PARTS];
    for (int i = 0; i < PARTS; i++) {
        parts[i].data = i % 3 == 2 ? NULL : "ab";
        parts[i].len = i % 3 == 2 ? 0 : 1 + (size_t)i % 2;
    }
    OK(landline_conn_send_vectored(from, LANDLINE_TEXT, parts, 4, 0, LONG));
    expect(to, LANDLINE_TEXT, "aabab", 5);
    OK(landline_conn_send_vectored(from, LANDLINE_BINARY, parts, PARTS, LANDLINE_SEND_FEED, LONG));
    {
        char expected[2 * PARTS];
        size_t len = 0;
        for (int i = 0; i < PARTS; i++) {
            memcpy(expected + len, "ab", parts[i].len);
            len += parts[i].len;
        }
        expect(to, LANDLINE_BINARY, expected, len);
    }
}

static void streamed(landline_conn *from, landline_conn *to) {
    landline_writer *writer, *second = (landline_writer *)&writer;
    char buffer[16];
    int32_t kind;
    size_t len, written = 0;
    OK(landline_conn_send_stream(from, LANDLINE_TEXT, 0, LONG, &writer));
    /* One at a time, and other messages wait; Pings do not. */
    CHECK_STATUS(landline_conn_send_stream(from, LANDLINE_TEXT, 0, 20, &second), LANDLINE_TIMED_OUT);
    CHECK(second == NULL);
    CHECK_STATUS(landline_conn_send(from, LANDLINE_TEXT, "a", 1, 0, 20), LANDLINE_TIMED_OUT);
    OK(landline_conn_ping(from, "p", 1, LONG));
    OK(landline_writer_write(writer, "in ", 3, LONG, &written));
    CHECK_IS(written, 3);
    OK(landline_writer_flush(writer, LONG));
    CHECK_STATUS(landline_conn_recv_into(to, buffer, sizeof buffer, LONG, &kind, &len), LANDLINE_MORE);
    CHECK(len == 3 && memcmp(buffer, "in ", 3) == 0);
    OK(landline_writer_write(writer, "pieces", 6, LONG, &written));
    OK(landline_writer_finish(writer, LONG));
    OK(landline_writer_finish(writer, LONG));
    OK(landline_writer_flush(writer, LONG));
    CHECK_STATUS(landline_writer_write(writer, "a", 1, LONG, &written), LANDLINE_ERR_STATE);
    CHECK_IS(written, 0);
    landline_writer_free(writer);
    OK(landline_conn_recv_into(to, buffer, sizeof buffer, LONG, &kind, &len));
    CHECK(len == 6 && memcmp(buffer, "pieces", 6) == 0);
    OK(landline_conn_send(from, LANDLINE_TEXT, "next", 4, 0, LONG));
    expect(to, LANDLINE_TEXT, "next", 4);
}

struct streaming {
    landline_conn *conn;
    size_t len;
};

static void *receive_stream(void *argument) {
    struct streaming *streaming = argument;
    landline_message *message;
    OK(landline_conn_recv(streaming->conn, LONG, &message));
    CHECK_IS(landline_message_len(message), streaming->len);
    for (size_t i = 0; i < streaming->len; i++)
        CHECK(((const char *)landline_message_data(message))[i] == (char)(i % 251));
    landline_message_free(message);
    return NULL;
}

/* A piece is accepted in part when time runs out; the next one continues after it. */
static void streamed_into_a_full_pipe(int tls) {
    enum { LEN = 12 << 20 };
    char *data = malloc(LEN);
    struct streaming streaming;
    landline_conn *client;
    landline_writer *writer;
    landline_status status;
    pthread_t thread;
    size_t at = 0, written;
    int stopped = 0;
    CHECK(data != NULL);
    for (size_t i = 0; i < LEN; i++)
        data[i] = (char)(i % 251);
    open_both(tls, NULL, NULL, &client, &streaming.conn);
    streaming.len = LEN;
    OK(landline_conn_send_stream(client, LANDLINE_BINARY, 0, LONG, &writer));
    while (stopped < 2) {
        written = LEN + 1;
        status = landline_writer_write(writer, data + at, LEN - at, 10, &written);
        CHECK(status == LANDLINE_TIMED_OUT || status == LANDLINE_PENDING);
        CHECK(written < LEN - at);
        stopped += written == 0;
        at += written;
    }
    CHECK(at > 0);
    thread = start(receive_stream, &streaming);
    OK(landline_writer_write(writer, data + at, LEN - at, LONG, NULL));
    OK(landline_writer_finish(writer, LONG));
    landline_writer_free(writer);
    join(thread);
    close_both(client, streaming.conn);
    free(data);
}

/* A writer that is freed before the end of its message, before and after its connection. */
static void abandoned(int connection_first) {
    landline_conn *client, *server;
    landline_message *message;
    landline_writer *writer;
    open_both(0, NULL, NULL, &client, &server);
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    OK(landline_writer_write(writer, "half", 4, LONG, NULL));
    if (connection_first)
        landline_conn_free(client);
    landline_writer_free(writer);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_CLOSED);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 1011);
    if (!connection_first) {
        CHECK_IS(conn_int(client, LANDLINE_CONN_CLOSE_CODE_SENT), 1011);
        landline_conn_free(client);
    }
    landline_conn_free(server);
}

static void *receive_until_closed(void *conn) {
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(conn, -1, &message), LANDLINE_CLOSED);
    return NULL;
}

static void pinged(landline_conn *client, landline_conn *server) {
    landline_message *message;
    landline_status status;
    pthread_t answering = start(receive_until_closed, server), receiving;
    uint64_t microseconds = UINT64_MAX;
    uint64_t ping = 0;
    /* A Ping that was not answered in time can be waited for again. */
    OK(landline_conn_ping_start(client, LONG, &ping));
    while ((status = landline_conn_pong_wait(client, ping, 0)) != LANDLINE_OK)
        CHECK_STATUS(status, LANDLINE_TIMED_OUT);
    OK(landline_conn_pong_wait(client, ping, 0));
    /* Alone: what arrives meanwhile is kept. */
    OK(landline_conn_send(server, LANDLINE_TEXT, "kept", 4, 0, LONG));
    OK(landline_conn_send(server, LANDLINE_TEXT, "too", 3, 0, LONG));
    OK(landline_conn_ping_wait(client, LONG, &microseconds));
    CHECK(microseconds < LONG * 1000ULL);
    expect(client, LANDLINE_TEXT, "kept", 4);
    expect(client, LANDLINE_TEXT, "too", 3);
    OK(landline_conn_interrupt(client, LANDLINE_DIRECTION_RECV));
    CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_INTERRUPTED);
    /* While another thread receives. */
    receiving = start(receive_until_closed, client);
    for (int i = 0; i < 10; i++) {
        microseconds = UINT64_MAX;
        OK(landline_conn_ping_wait(client, LONG, &microseconds));
        CHECK(microseconds < LONG * 1000ULL);
    }
    OK(landline_conn_close(client, 1000, NULL, 0, -1));
    join(receiving);
    join(answering);
    CHECK(landline_conn_ping_wait(client, LONG, &microseconds) != LANDLINE_OK);
    landline_conn_free(client);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        landline_conn *client, *server;
        to_a_full_pipe(tls, 0);
        to_a_full_pipe(tls, 30);
        streamed_into_a_full_pipe(tls);
        open_both(tls, NULL, NULL, &client, &server);
        gathered(client, server);
        gathered(server, client);
        in_parts(client, server);
        in_parts(server, client);
        streamed(client, server);
        streamed(server, client);
        pinged(client, server);
    }
    no_progress();
    abandoned(0);
    abandoned(1);
    return 0;
}
