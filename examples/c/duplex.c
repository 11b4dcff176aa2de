/* One thread sends while another receives on the same connection. There is an echo server at the other end; each echo is
 * compared with what was sent. Compression is offered.
 *
 *     cc -std=c99 -pthread -I include examples/c/duplex.c -L target/release -llandline -o duplex
 *     LD_LIBRARY_PATH=target/release ./duplex ws://127.0.0.1:9001/ 10000
 */
#include <landline.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_MS = 10000, LONGEST = 8192 };

struct sending {
    landline_conn *conn;
    long count;
};

static void fail(const char *doing, const char *text) {
    fprintf(stderr, "error: %s: %s\n", doing, text);
    exit(1);
}

static void check(landline_status status, const char *doing) {
    if (status == LANDLINE_CLOSED)
        fail(doing, landline_status_text(status));
    if (status != LANDLINE_OK)
        fail(doing, landline_error_text()); /* Of this thread: that is the one whose call failed. */
}

/* The message with this number: it begins with the number, and its length depends on it. */
static size_t make(long number, unsigned char *data) {
    size_t len = sizeof number + (size_t)(number % (LONGEST - (long)sizeof number));
    memcpy(data, &number, sizeof number);
    for (size_t i = sizeof number; i < len; i++)
        data[i] = (unsigned char)(number + (long)i / 8);
    return len;
}

static void *send_all(void *user) {
    const struct sending *sending = user;
    unsigned char data[LONGEST];
    for (long number = 0; number < sending->count; number++) {
        size_t len = make(number, data);
        check(landline_conn_send(sending->conn, LANDLINE_BINARY, data, len, 0, LIMIT_MS), "sending");
    }
    return NULL;
}

int main(int argc, char **argv) {
    struct sending sending;
    landline_options *options;
    landline_message *message;
    unsigned char want[LONGEST];
    int64_t compression, payload, wire;
    pthread_t sender;

    if (argc < 2 || argc > 3 || (sending.count = argc > 2 ? strtol(argv[2], NULL, 10) : 10000) <= 0) {
        fputs("usage: duplex URL [COUNT]\n", stderr);
        return 1;
    }
    check(landline_options_new(&options), "making options");
    check(landline_options_set_int(options, LANDLINE_OPT_COMPRESSION, 1), "setting an option");
    check(landline_connect(argv[1], options, LIMIT_MS, &sending.conn), "connecting");
    landline_options_free(options);

    if (pthread_create(&sender, NULL, send_all, &sending) != 0)
        fail("starting a thread", "none left");
    for (long number = 0; number < sending.count; number++) {
        size_t len = make(number, want);
        check(landline_conn_recv_ref(sending.conn, LIMIT_MS, &message), "receiving");
        if (landline_message_kind(message) != LANDLINE_BINARY || landline_message_len(message) != len ||
            memcmp(landline_message_data(message), want, len) != 0)
            fail("comparing", "an echo is not what was sent");
        landline_message_free(message);
    }
    pthread_join(sender, NULL);

    /* Nothing more must arrive. */
    check(landline_conn_close_start(sending.conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, LIMIT_MS), "closing");
    if (landline_conn_recv(sending.conn, LIMIT_MS, &message) != LANDLINE_CLOSED)
        fail("closing", message ? "there are more echoes than messages" : landline_error_text());

    check(landline_conn_int(sending.conn, LANDLINE_CONN_COMPRESSION, &compression), "asking");
    check(landline_conn_int(sending.conn, LANDLINE_CONN_PAYLOAD_SENT, &payload), "asking");
    check(landline_conn_int(sending.conn, LANDLINE_CONN_WIRE_SENT, &wire), "asking");
    printf("%ld messages echoed, %lld bytes as %lld, compression %s\n", sending.count, (long long)payload,
           (long long)wire, compression ? "on" : "off");
    landline_conn_free(sending.conn);
    return 0;
}
