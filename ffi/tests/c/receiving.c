/* Receiving: time limits lose nothing, even in the middle of messages; one receiver at a time; borrowed messages; buffers
 * of any size; how a connection ends.
 */
#include "test.h"

static void nothing_there(landline_conn *conn) {
    static const int32_t LIMITS[] = {0, 50};
    landline_message *message;
    int32_t kind;
    size_t len;
    char byte;
    for (size_t i = 0; i < 2; i++) {
        long long began = now_ms();
        message = (landline_message *)&byte;
        CHECK_STATUS(landline_conn_recv(conn, LIMITS[i], &message), LANDLINE_TIMED_OUT);
        CHECK(message == NULL);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_RECV);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0);
        CHECK_STATUS(landline_conn_recv_ref(conn, LIMITS[i], &message), LANDLINE_TIMED_OUT);
        CHECK_STATUS(landline_conn_recv_into(conn, &byte, 1, LIMITS[i], &kind, &len), LANDLINE_TIMED_OUT);
        CHECK(now_ms() - began >= 3 * (LIMITS[i] - 1));
    }
}

/* A message in three fragments with a Ping between them, written byte by byte; a call after each byte. */
static void slowly(void) {
    landline_conn *server;
    landline_message *message;
    unsigned char wire[256];
    char pong[2 + 2];
    size_t len = 0;
    int peer;
    open_raw(NULL, &server, &peer);
    len += raw_frame(wire + len, 0x01, "one \xc3", 5);
    len += raw_frame(wire + len, 0x00, "\xa4 two ", 6);
    len += raw_frame(wire + len, 0x89, "hi", 2);
    len += raw_frame(wire + len, 0x80, "three", 5);
    for (size_t i = 0; i < len; i++) {
        CHECK_STATUS(i % 2 ? landline_conn_recv(server, 0, &message) : landline_conn_recv_ref(server, 1, &message),
                     LANDLINE_TIMED_OUT);
        write_all(peer, wire + i, 1);
    }
    expect(server, LANDLINE_TEXT, "one \xc3\xa4 two three", 16);
    read_all(peer, pong, sizeof pong);
    CHECK(memcmp(pong, "\x8a\x02hi", 4) == 0);
    nothing_there(server);
    /* The stream ends without a Close frame. */
    close(peer);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_ERR_EOF);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_NETWORK);
    CHECK_STATUS(landline_conn_recv(server, 0, &message), LANDLINE_ERR_EOF);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE), 1006);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSED_CLEANLY), 0);
    landline_conn_free(server);
}

static void into_buffers(landline_conn *from, landline_conn *to) {
    static const char TEXT[] = "gr\xc3\xbc\xc3\x9f";
    char byte, rest[64];
    int32_t kind;
    size_t len, at = 0;
    landline_status status;
    landline_message *message;
    OK(landline_conn_send(from, LANDLINE_TEXT, TEXT, sizeof TEXT - 1, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_BINARY, NULL, 0, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_BINARY, "skipped in part", 15, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_TEXT, "whole", 5, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_TEXT, "skipped too", 11, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_TEXT, "lent", 4, 0, LONG));
    do {
        kind = 0;
        status = landline_conn_recv_into(to, &byte, 1, LONG, &kind, &len);
        CHECK(status == LANDLINE_OK || status == LANDLINE_MORE);
        CHECK_IS(kind, LANDLINE_TEXT);
        if (len == 1) {
            CHECK(at < sizeof TEXT - 1 && byte == TEXT[at]);
            at++;
        }
    } while (status == LANDLINE_MORE);
    CHECK_IS(at, sizeof TEXT - 1);
    OK(landline_conn_recv_into(to, &byte, 1, LONG, &kind, &len));
    CHECK_IS(kind, LANDLINE_BINARY);
    CHECK_IS(len, 0);
    CHECK_STATUS(landline_conn_recv_into(to, rest, 7, LONG, &kind, &len), LANDLINE_MORE);
    CHECK(len == 7 && memcmp(rest, "skipped", 7) == 0);
    CHECK_STATUS(landline_conn_ping_wait(to, 0, &(uint64_t){0}), LANDLINE_ERR_STATE);
    /* Another receiving function continues with the next message. */
    expect(to, LANDLINE_TEXT, "whole", 5);
    CHECK_STATUS(landline_conn_recv_into(to, &byte, 1, LONG, &kind, &len), LANDLINE_MORE);
    OK(landline_conn_recv_ref(to, LONG, &message));
    check_message(message, LANDLINE_TEXT, "lent", 4);
}

static void borrowed(landline_conn *from, landline_conn *to) {
    landline_message *message, *other;
    char byte;
    int32_t kind;
    size_t len;
    uint64_t microseconds;
    int64_t value;
    OK(landline_conn_send(from, LANDLINE_TEXT, "first", 5, 0, LONG));
    OK(landline_conn_send(from, LANDLINE_TEXT, "second", 6, 0, LONG));
    OK(landline_conn_recv_ref(to, LONG, &message));
    CHECK_STATUS(landline_conn_recv(to, 0, &other), LANDLINE_ERR_BUSY);
    CHECK(other == NULL);
    CHECK_STATUS(landline_conn_recv_ref(to, -1, &other), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_recv_into(to, &byte, 1, -1, &kind, &len), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_int(to, LANDLINE_CONN_HAS_BUFFERED, &value), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_ping_wait(to, -1, &microseconds), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_close(to, 1000, NULL, 0, -1), LANDLINE_ERR_BUSY);
    OK(landline_conn_send(to, LANDLINE_TEXT, "sending goes on", 15, 0, LONG));
    expect(from, LANDLINE_TEXT, "sending goes on", 15);
    check_message(message, LANDLINE_TEXT, "first", 5);
    expect(to, LANDLINE_TEXT, "second", 6);
}

enum { LARGE = 3 << 20 };

static char large[LARGE];

static void *send_large(void *conn) {
    OK(landline_conn_send(conn, LANDLINE_BINARY, large, LARGE, 0, LONG));
    return NULL;
}

static void *free_message(void *message) {
    landline_message_free(message);
    return NULL;
}

/* A message that does not fit into the system's buffers, with time limits that end in the middle of it. */
static void large_ones(landline_conn *from, landline_conn *to) {
    landline_message *message;
    landline_status status;
    pthread_t thread;
    char buffer[50000];
    int32_t kind;
    size_t len, at = 0;
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 >> 3);
    thread = start(send_large, from);
    while ((status = landline_conn_recv_ref(to, 0, &message)) == LANDLINE_TIMED_OUT)
        ;
    OK(status);
    join(thread);
    CHECK_IS(landline_message_len(message), LARGE);
    CHECK(memcmp(landline_message_data(message), large, LARGE) == 0);
    join(start(free_message, message));

    thread = start(send_large, from);
    do {
        status = landline_conn_recv_into(to, buffer, sizeof buffer, 1, &kind, &len);
        if (status == LANDLINE_TIMED_OUT)
            continue;
        CHECK(status == LANDLINE_OK || status == LANDLINE_MORE);
        CHECK(at + len <= LARGE && memcmp(large + at, buffer, len) == 0);
        at += len;
    } while (status != LANDLINE_OK);
    CHECK_IS(at, LARGE);
    join(thread);
}

static void *receive_bye(void *conn) {
    expect(conn, LANDLINE_TEXT, "bye", 3);
    return NULL;
}

static void until_busy(landline_conn *conn) {
    int64_t value;
    long long limit = now_ms() + LONG;
    while (landline_conn_int(conn, LANDLINE_CONN_HAS_BUFFERED, &value) != LANDLINE_ERR_BUSY) {
        CHECK(now_ms() < limit);
        poll(NULL, 0, 1);
    }
}

static void second_receiver(landline_conn *from, landline_conn *to) {
    landline_message *message;
    landline_wait_item item = {NULL, NULL, -1, 0, 0};
    char byte;
    int32_t kind;
    size_t len;
    pthread_t thread = start(receive_bye, to);
    until_busy(to);
    CHECK_STATUS(landline_conn_recv(to, -1, &message), LANDLINE_ERR_BUSY);
    CHECK_IS(landline_status_is_fatal(LANDLINE_ERR_BUSY), 0);
    CHECK_STATUS(landline_conn_recv_ref(to, 50, &message), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_recv_into(to, &byte, 1, 0, &kind, &len), LANDLINE_ERR_BUSY);
    item.conn = to;
    CHECK_STATUS(landline_wait(&item, 1, LONG, &len), LANDLINE_ERR_BUSY);
    OK(landline_conn_send(from, LANDLINE_TEXT, "bye", 3, 0, LONG));
    join(thread);
    nothing_there(to);
}

/* LANDLINE_OPT_RECV_TIMEOUT_MS applies whatever the call's own limit is. */
static void option(void) {
    landline_conn *client, *server;
    landline_message *message;
    long long began;
    open_both(0, with_int(new_options(), LANDLINE_OPT_RECV_TIMEOUT_MS, 60), NULL, &client, &server);
    began = now_ms();
    CHECK_STATUS(landline_conn_recv(client, -1, &message), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began >= 118);
    OK(landline_conn_send(server, LANDLINE_TEXT, "still", 5, 0, LONG));
    expect(client, LANDLINE_TEXT, "still", 5);
    close_both(client, server);
}

/* A violation by the peer becomes a status, and the peer is told. */
static void wrong_peers(void) {
    static const struct {
        const char *frame;
        size_t len;
        landline_status status;
        int code;
    } WRONG[] = {
        {"\x81\x03" "abc", 5, LANDLINE_ERR_PROTOCOL, 1002},
        {"\x83\x80\0\0\0\0", 6, LANDLINE_ERR_PROTOCOL, 1002},
        {"\x81\x81\0\0\0\0\xff", 7, LANDLINE_ERR_PROTOCOL, 1007},
        {"\x82\xfe\x01\x00\0\0\0\0", 8, LANDLINE_ERR_LIMIT, 1009},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        landline_conn *server;
        landline_message *message;
        unsigned char head[4];
        int peer;
        open_raw(with_int(new_options(), LANDLINE_OPT_MAX_MESSAGE_SIZE, 255), &server, &peer);
        write_all(peer, WRONG[i].frame, WRONG[i].len);
        /* So that nothing waits for the rest of its data. */
        CHECK(shutdown(peer, SHUT_WR) == 0);
        CHECK_STATUS(landline_conn_recv(server, LONG, &message), WRONG[i].status);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_CLOSE_CODE), WRONG[i].code);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), WRONG[i].status == LANDLINE_ERR_LIMIT ? 4 : 2);
        if (WRONG[i].status == LANDLINE_ERR_LIMIT)
            CHECK_HAS(landline_error_text(), "; raise LANDLINE_OPT_MAX_MESSAGE_SIZE to accept it");
        read_all(peer, head, 4);
        CHECK_IS(head[0], 0x88);
        CHECK_IS(head[2] << 8 | head[3], WRONG[i].code);
        CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE), WRONG[i].code);
        CHECK_STATUS(landline_conn_recv(server, 0, &message), WRONG[i].status);
        landline_conn_free(server);
        close(peer);
    }
}

static void silent_peer(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, 30);
    landline_conn *server;
    landline_message *message;
    int peer;
    open_raw(with_int(options, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, 30), &server, &peer);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_ERR_SILENT);
    landline_conn_free(server);
    close(peer);
}

/* An interrupt takes effect after what has already arrived, however it is received. */
static void interrupted(landline_conn *from, landline_conn *to) {
    landline_message *message;
    char buffer[64];
    int32_t kind;
    size_t len;
    for (int way = 0; way < 3; way++) {
        OK(landline_conn_send(from, LANDLINE_TEXT, "there", 5, 0, LONG));
        OK(landline_conn_interrupt(to, LANDLINE_DIRECTION_RECV));
        switch (way) {
        case 0:
            expect(to, LANDLINE_TEXT, "there", 5);
            break;
        case 1:
            OK(landline_conn_recv_ref(to, LONG, &message));
            check_message(message, LANDLINE_TEXT, "there", 5);
            break;
        default:
            OK(landline_conn_recv_into(to, buffer, sizeof buffer, LONG, &kind, &len));
            CHECK(len == 5 && memcmp(buffer, "there", 5) == 0);
        }
        CHECK_STATUS(landline_conn_recv(to, LONG, &message), LANDLINE_INTERRUPTED);
        CHECK_STATUS(landline_conn_recv(to, 0, &message), LANDLINE_TIMED_OUT);
    }
}

/* After a failed send: the state says so, what had arrived comes first, then every call returns the same error. */
static void failed_send(int tls) {
    landline_conn *client, *server;
    landline_message *message;
    landline_status first;
    int64_t buffered = 0;
    open_both(tls, NULL, NULL, &client, &server);
    OK(landline_conn_send(client, LANDLINE_TEXT, "one", 3, 0, LONG));
    OK(landline_conn_send(client, LANDLINE_TEXT, "two", 3, 0, LONG));
    landline_conn_free(client);
    do
        first = landline_conn_send(server, LANDLINE_TEXT, "x", 1, 0, LONG);
    while (first == LANDLINE_OK);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
    CHECK_IS(conn_int(server, LANDLINE_CONN_STATE), LANDLINE_STATE_OVER);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSED_CLEANLY), 0);
    OK(landline_conn_int(server, LANDLINE_CONN_HAS_BUFFERED, &buffered));
    CHECK_IS(buffered, 1);
    expect(server, LANDLINE_TEXT, "one", 3);
    expect(server, LANDLINE_TEXT, "two", 3);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), first);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), first);
    CHECK_STATUS(landline_conn_send(server, LANDLINE_TEXT, "x", 1, 0, LONG), first);
    CHECK_STATUS(landline_conn_close(server, 1000, NULL, 0, LONG), first);
    landline_conn_free(server);
}

/* Both close with more in flight than the buffers hold, and there is no error afterwards. */
static void close_while_full(int tls) {
    static char large[1 << 20];
    landline_conn *client, *server;
    pthread_t closing;
    open_both(tls, NULL, NULL, &client, &server);
    while (landline_conn_send(client, LANDLINE_BINARY, large, sizeof large, 0, 50) == LANDLINE_OK)
        ;
    while (landline_conn_send(server, LANDLINE_BINARY, large, sizeof large, 0, 50) == LANDLINE_OK)
        ;
    closing = start(close_in_thread, client);
    OK(landline_conn_close(server, 1000, NULL, 0, LONG));
    join(closing);
    CHECK_IS(conn_int(client, LANDLINE_CONN_CLOSED_CLEANLY), 1);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSED_CLEANLY), 1);
    OK(landline_conn_close_start(client, 1000, NULL, 0, LONG));
    OK(landline_conn_close(client, 1000, NULL, 0, LONG));
    landline_conn_free(client);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        landline_conn *client, *server;
        open_both(tls, NULL, NULL, &client, &server);
        nothing_there(client);
        nothing_there(server);
        into_buffers(client, server);
        into_buffers(server, client);
        borrowed(client, server);
        borrowed(server, client);
        large_ones(client, server);
        large_ones(server, client);
        second_receiver(client, server);
        second_receiver(server, client);
        interrupted(client, server);
        interrupted(server, client);
        close_both(client, server);
        failed_send(tls);
        close_while_full(tls);
    }
    slowly();
    option();
    wrong_peers();
    silent_peer();
    return 0;
}
