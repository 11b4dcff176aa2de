/* Many connections to an echo server in one thread, with landline_wait(). Each has one message at a time in flight, and
 * sends the next one when the echo has arrived.
 *
 *     cc -std=c99 -I include examples/c/wait_many.c -L target/release -llandline -o wait_many
 *     LD_LIBRARY_PATH=target/release ./wait_many ws://127.0.0.1:9001/
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 16, ROUNDS = 100, LIMIT_MS = 10000 };

/* The state of a connection: what it waits for. */
struct work {
    int number, round;
    char text[64];
};

static void fail(const char *doing, const char *text) {
    fprintf(stderr, "error: %s: %s\n", doing, text);
    exit(1);
}

static void check(landline_status status, const char *doing) {
    if (status != LANDLINE_OK)
        fail(doing, landline_error_text());
}

/* Sends the next message, or closes after the last one. */
static void go_on(landline_conn *conn) {
    struct work *work = landline_conn_user(conn);
    if (work->round == ROUNDS) {
        check(landline_conn_close_start(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, LIMIT_MS), "closing");
        return;
    }
    work->round++;
    snprintf(work->text, sizeof work->text, "connection %d, round %d", work->number, work->round);
    check(landline_conn_send(conn, LANDLINE_TEXT, work->text, strlen(work->text), 0, LIMIT_MS), "sending");
}

static void compare(const struct work *work, const landline_message *message) {
    size_t len = landline_message_len(message);
    if (len != strlen(work->text) || memcmp(landline_message_data(message), work->text, len) != 0)
        fail("comparing", "an echo is not what was sent");
}

int main(int argc, char **argv) {
    landline_wait_item items[CONNECTIONS];
    struct work works[CONNECTIONS];
    size_t open = CONNECTIONS, ready;
    long echoes = 0;

    if (argc != 2) {
        fputs("usage: wait_many URL\n", stderr);
        return 1;
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        landline_wait_item item = {NULL, NULL, -1, 0, 0};
        struct work work = {i, 0, ""};
        works[i] = work;
        check(landline_connect(argv[1], NULL, LIMIT_MS, &item.conn), "connecting");
        check(landline_conn_set_user(item.conn, &works[i]), "keeping a pointer");
        items[i] = item;
        go_on(item.conn);
    }
    while (open > 0) {
        check(landline_wait(items, open, LIMIT_MS, &ready), "waiting");
        for (size_t i = open; i-- > 0;) {
            landline_message *message;
            landline_status status;
            if (items[i].revents == 0)
                continue;
            while ((status = landline_conn_recv_ref(items[i].conn, 0, &message)) == LANDLINE_OK) {
                compare(landline_conn_user(items[i].conn), message);
                landline_message_free(message);
                echoes++;
                go_on(items[i].conn);
            }
            if (status == LANDLINE_CLOSED) {
                landline_conn_free(items[i].conn);
                items[i] = items[--open];
            } else if (status != LANDLINE_TIMED_OUT) {
                check(status, "receiving");
            }
        }
    }
    if (echoes != (long)CONNECTIONS * ROUNDS)
        fail("counting", "the server closed before all echoes had come");
    printf("%d connections, %ld echoes\n", CONNECTIONS, echoes);
    return 0;
}
