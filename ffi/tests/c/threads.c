/* Many threads on one connection: one receives, several send, one pings, one interrupts, and at last one closes; over
 * plain TCP and over TLS. Every message arrives whole and once, and those of one thread arrive in order. Then what a
 * blocked receiver gets from close() and abort(), and references that two threads release.
 *
 * The runner also builds this one for ThreadSanitizer.
 */
#include "test.h"

enum { SENDERS = 4, MESSAGES = 150, LARGEST = 40000 };

struct crowd {
    landline_conn *client, *server;
    struct flag all_received, all_sent;
};

struct one_sender {
    struct crowd *crowd;
    int number;
};

static size_t length_of(int sender, int sequence) {
    return sequence % 10 == 9 ? LARGEST - (size_t)sender : 8 + (size_t)(sequence * 37 + sender) % 700;
}

static void fill(char *data, int sender, int sequence) {
    size_t len = length_of(sender, sequence);
    data[0] = (char)('A' + sender);
    for (int i = 5, rest = sequence; i > 0; i--, rest /= 10)
        data[i] = (char)('0' + rest % 10);
    for (size_t i = 6; i < len; i++)
        data[i] = (char)('a' + (i + (size_t)sender + (size_t)sequence) % 26);
}

/* Sends one message in one of several ways. Whether it was accepted, whatever the status. */
static int send_one(landline_conn *conn, const char *data, size_t len, int way) {
    landline_slice parts[2];
    landline_status status;
    switch (way) {
    case 0:
        status = landline_conn_send(conn, LANDLINE_TEXT, data, len, 0, LONG);
        break;
    case 1:
        status = landline_conn_send(conn, LANDLINE_TEXT, data, len, LANDLINE_SEND_FEED, -1);
        break;
    default:
        parts[0].data = data;
        parts[0].len = len / 2;
        parts[1].data = data + len / 2;
        parts[1].len = len - len / 2;
        status = landline_conn_send_vectored(conn, LANDLINE_TEXT, parts, 2, 0, LONG);
    }
    if (status == LANDLINE_INTERRUPTED)
        return 0;
    if (status != LANDLINE_PENDING)
        OK(status);
    return 1;
}

static void stream_one(landline_conn *conn, const char *data, size_t len) {
    landline_writer *writer;
    landline_status status;
    size_t at = 0, written;
    while ((status = landline_conn_send_stream(conn, LANDLINE_TEXT, 0, LONG, &writer)) == LANDLINE_INTERRUPTED)
        ;
    OK(status);
    while (at < len) {
        status = landline_writer_write(writer, data + at, len - at, LONG, &written);
        CHECK(status == LANDLINE_OK || status == LANDLINE_INTERRUPTED || status == LANDLINE_PENDING);
        at += written;
    }
    while ((status = landline_writer_finish(writer, LONG)) == LANDLINE_INTERRUPTED)
        ;
    CHECK(status == LANDLINE_OK || status == LANDLINE_PENDING);
    landline_writer_free(writer);
}

static void flush(landline_conn *conn) {
    landline_status status;
    while ((status = landline_conn_flush(conn, LONG)) == LANDLINE_INTERRUPTED)
        ;
    OK(status);
}

static void *sending(void *argument) {
    struct one_sender *sender = argument;
    landline_conn *conn = sender->crowd->client;
    char *data = malloc(LARGEST);
    CHECK(data != NULL);
    for (int sequence = 0; sequence < MESSAGES; sequence++) {
        size_t len = length_of(sender->number, sequence);
        fill(data, sender->number, sequence);
        if (sequence % 7 == 3) {
            stream_one(conn, data, len);
            continue;
        }
        while (!send_one(conn, data, len, sequence % 3))
            ;
        if (sequence % 3 == 1)
            flush(conn);
    }
    flush(conn);
    free(data);
    return NULL;
}

/* Receives what the server sends back, until the connection is closed. */
static void *receiving(void *argument) {
    struct crowd *crowd = argument;
    int next[SENDERS] = {0}, received = 0, sender;
    char *expected = malloc(LARGEST);
    CHECK(expected != NULL);
    for (;;) {
        landline_message *message;
        landline_status status = received % 2 == 0 ? landline_conn_recv(crowd->client, -1, &message)
                                                   : landline_conn_recv_ref(crowd->client, -1, &message);
        if (status == LANDLINE_INTERRUPTED)
            continue;
        if (status == LANDLINE_CLOSED)
            break;
        OK(status);
        sender = *(const char *)landline_message_data(message) - 'A';
        CHECK(sender >= 0 && sender < SENDERS);
        fill(expected, sender, next[sender]);
        check_message(message, LANDLINE_TEXT, expected, length_of(sender, next[sender]));
        next[sender]++;
        if (++received == SENDERS * MESSAGES)
            raise_flag(&crowd->all_received);
    }
    CHECK_IS(received, SENDERS * MESSAGES);
    free(expected);
    return NULL;
}

static void *echoing(void *argument) {
    landline_conn *conn = argument;
    landline_message *message;
    landline_status status;
    while ((status = landline_conn_recv_ref(conn, -1, &message)) == LANDLINE_OK) {
        OK(landline_conn_send_message(conn, message, LANDLINE_SEND_FEED, -1));
        landline_message_free(message);
    }
    CHECK_STATUS(status, LANDLINE_CLOSED);
    return NULL;
}

static void *pinging(void *argument) {
    struct crowd *crowd = argument;
    int waited = 0;
    /* Until the senders have finished, and at least one Pong has arrived. */
    while (flag_value(&crowd->all_sent) == 0 || waited == 0) {
        uint64_t microseconds = UINT64_MAX;
        landline_status status = landline_conn_ping(crowd->client, "p", 1, LONG);
        CHECK(status == LANDLINE_OK || status == LANDLINE_INTERRUPTED || status == LANDLINE_PENDING);
        status = landline_conn_ping_wait(crowd->client, LONG, &microseconds);
        if (status == LANDLINE_OK) {
            CHECK(microseconds < LONG * 1000ULL);
            waited++;
        } else {
            CHECK(status == LANDLINE_INTERRUPTED || status == LANDLINE_PENDING);
        }
    }
    return NULL;
}

static void *interrupting(void *argument) {
    struct crowd *crowd = argument;
    for (int i = 0; flag_value(&crowd->all_received) == 0; i++) {
        OK(landline_conn_interrupt(crowd->client, LANDLINE_DIRECTION_RECV + i % 3));
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void crowded(int tls) {
    struct crowd crowd = {NULL, NULL, FLAG_INIT, FLAG_INIT};
    struct one_sender senders[SENDERS];
    pthread_t threads[SENDERS], receiver, echo, pinger, interrupter;
    open_both(tls, NULL, NULL, &crowd.client, &crowd.server);
    receiver = start(receiving, &crowd);
    echo = start(echoing, crowd.server);
    pinger = start(pinging, &crowd);
    interrupter = start(interrupting, &crowd);
    for (int i = 0; i < SENDERS; i++) {
        senders[i].crowd = &crowd;
        senders[i].number = i;
        threads[i] = start(sending, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        join(threads[i]);
    raise_flag(&crowd.all_sent);
    join(pinger);
    wait_flag(&crowd.all_received, 1);
    join(interrupter);
    CHECK_IS(conn_int(crowd.client, LANDLINE_CONN_MESSAGES_SENT), SENDERS * MESSAGES);
    CHECK_IS(conn_int(crowd.client, LANDLINE_CONN_MESSAGES_RECEIVED), SENDERS * MESSAGES);
    OK(landline_conn_close(crowd.client, 1000, "done", 4, -1));
    join(receiver);
    join(echo);
    CHECK_IS(conn_int(crowd.client, LANDLINE_CONN_CLOSED_CLEANLY), 1);
    CHECK_TEXT(conn_str(crowd.server, LANDLINE_CONN_CLOSE_REASON), "done");
    landline_conn_free(crowd.client);
    landline_conn_free(crowd.server);
}

struct blocked {
    landline_conn *conn;
    landline_status status;
};

static void *receive_one(void *argument) {
    struct blocked *blocked = argument;
    landline_message *message = (landline_message *)argument;
    blocked->status = landline_conn_recv(blocked->conn, -1, &message);
    CHECK(message == NULL);
    return NULL;
}

/* Until another thread receives on it. */
static void until_blocked(landline_conn *conn) {
    int64_t value;
    long long limit = now_ms() + LONG;
    while (landline_conn_int(conn, LANDLINE_CONN_HAS_BUFFERED, &value) != LANDLINE_ERR_BUSY) {
        CHECK(now_ms() < limit);
        poll(NULL, 0, 1);
    }
}

static void ended_while_blocked(int tls, int by_abort) {
    struct blocked near, far;
    pthread_t threads[2];
    open_both(tls, NULL, NULL, &near.conn, &far.conn);
    threads[0] = start(receive_one, &near);
    threads[1] = start(receive_one, &far);
    until_blocked(near.conn);
    until_blocked(far.conn);
    if (by_abort)
        OK(landline_conn_abort(near.conn));
    else
        OK(landline_conn_close(near.conn, 4001, NULL, 0, LONG));
    join(threads[0]);
    join(threads[1]);
    CHECK_STATUS(near.status, by_abort ? LANDLINE_ERR_ABORTED : LANDLINE_CLOSED);
    if (by_abort)
        /* A reset or the bare end of the stream, depending on the system. */
        CHECK(far.status <= -100);
    else
        CHECK_STATUS(far.status, LANDLINE_CLOSED);
    CHECK_IS(conn_int(near.conn, LANDLINE_CONN_STATE), LANDLINE_STATE_OVER);
    CHECK_IS(conn_int(near.conn, LANDLINE_CONN_CLOSE_CODE), by_abort ? 1006 : 4001);
    /* Every later call returns the same. */
    CHECK_STATUS(landline_conn_recv(near.conn, 0, &(landline_message *){NULL}), near.status);
    if (by_abort)
        CHECK_STATUS(landline_conn_send(near.conn, LANDLINE_TEXT, "x", 1, 0, 0), LANDLINE_ERR_ABORTED);
    else
        CHECK(landline_conn_send(near.conn, LANDLINE_TEXT, "x", 1, 0, 0) != LANDLINE_OK);
    landline_conn_free(near.conn);
    landline_conn_free(far.conn);
}

static void *send_and_free(void *conn) {
    for (int i = 0; i < 20; i++)
        OK(landline_conn_send(conn, LANDLINE_BINARY, "counted", 7, 0, LONG));
    landline_conn_free(conn);
    return NULL;
}

static void counted(void) {
    landline_conn *client, *server;
    landline_message *message;
    pthread_t threads[2];
    open_both(0, NULL, NULL, &client, &server);
    CHECK(landline_conn_retain(client) == client);
    threads[0] = start(send_and_free, client);
    threads[1] = start(send_and_free, client);
    for (int i = 0; i < 40; i++)
        expect(server, LANDLINE_BINARY, "counted", 7);
    join(threads[0]);
    join(threads[1]);
    /* The last reference is gone, and with it the stream. */
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_ERR_EOF);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        crowded(tls);
        ended_while_blocked(tls, 0);
        ended_while_blocked(tls, 1);
    }
    counted();
    return 0;
}
