/* Two connections and standard input in the program's own event loop, with poll(). The input goes to the first echo
 * server, its echoes go to the second one, and those of the second one to standard output, which becomes a copy of the
 * input. No call on an open connection waits.
 *
 *     cc -std=c99 -I include examples/c/poll_loop.c -L target/release -llandline -o poll_loop
 *     LD_LIBRARY_PATH=target/release ./poll_loop ws://127.0.0.1:9001/ ws://127.0.0.1:9001/ < FILE > COPY
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <landline.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_MS = 10000 };

struct end {
    landline_conn *conn;
    struct end *next; /* Where its messages go; NULL: to standard output. */
    int64_t received;
    int is_closed;
};

static void fail(const char *doing, const char *text) {
    fprintf(stderr, "error: %s: %s\n", doing, text);
    exit(1);
}

/* LANDLINE_PENDING is fine: the message has been accepted, and is sent when there is room. */
static void check(landline_status status, const char *doing) {
    if (status != LANDLINE_OK && status != LANDLINE_PENDING)
        fail(doing, landline_error_text());
}

static int64_t ask(const struct end *end, int32_t key) {
    int64_t value;
    check(landline_conn_int(end->conn, key, &value), "asking a connection");
    return value;
}

/* What to wait for on a connection's descriptor. */
static int poll_events(const struct end *end) {
    int16_t events;
    check(landline_conn_poll_events(end->conn, &events), "asking a connection");
    return events;
}

/* Something could not be sent yet: no more is produced for this connection. */
static int is_full(const struct end *end) {
    return (poll_events(end) & POLLOUT) != 0;
}

/* Whether to receive messages from it: they must have somewhere to go. */
static int is_wanted(const struct end *end) {
    return !end->is_closed && !(end->next && is_full(end->next));
}

/* Passes on at most one message, so that the other connection gets its turn. */
static void receive(struct end *end) {
    landline_message *message;
    landline_status status = landline_conn_recv_ref(end->conn, 0, &message);
    size_t len = landline_message_len(message);
    if (status == LANDLINE_TIMED_OUT)
        return;
    if (status == LANDLINE_CLOSED) {
        end->is_closed = 1;
        return;
    }
    check(status, "receiving");
    if (end->next)
        check(landline_conn_send_message(end->next->conn, message, 0, 0), "passing on");
    else if (fwrite(landline_message_data(message), 1, len, stdout) != len)
        fail("writing", strerror(errno));
    landline_message_free(message);
    end->received += (int64_t)len;
}

/* Sends what is available on standard input; returns how much. */
static size_t send_input(struct end *end) {
    char data[4096];
    ssize_t len = read(STDIN_FILENO, data, sizeof data);
    if (len < 0)
        fail("reading", strerror(errno));
    if (len > 0)
        check(landline_conn_send(end->conn, LANDLINE_BINARY, data, (size_t)len, 0, 0), "sending");
    return (size_t)len;
}

int main(int argc, char **argv) {
    struct end ends[2] = {{NULL, &ends[1], 0, 0}, {NULL, NULL, 0, 0}};
    int64_t sent = 0;
    int input_ended = 0, closing = 0;

    if (argc != 3) {
        fputs("usage: poll_loop URL URL\n", stderr);
        return 1;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 0; i < 2; i++)
        check(landline_connect(argv[i + 1], NULL, LIMIT_MS, &ends[i].conn), "connecting");

    while (!ends[0].is_closed || !ends[1].is_closed) {
        struct pollfd fds[3];
        int buffered[2], limit = LIMIT_MS, due = -1, ready;

        /* poll() ignores negative descriptors. */
        fds[2].fd = input_ended || is_full(&ends[0]) ? -1 : STDIN_FILENO;
        fds[2].events = POLLIN;
        for (int i = 0; i < 2; i++) {
            int wanted = is_wanted(&ends[i]);
            fds[i].fd = ends[i].is_closed ? -1 : (int)ask(&ends[i], LANDLINE_CONN_FD);
            fds[i].events = (short)(poll_events(&ends[i]) & (wanted ? POLLIN | POLLOUT : POLLOUT));
            /* Data that is already in memory does not make the descriptor readable. */
            buffered[i] = wanted && ask(&ends[i], LANDLINE_CONN_HAS_BUFFERED);
            if (buffered[i])
                limit = 0;
            /* Keepalive and the time limit for closing act in receiving calls. */
            if (wanted) {
                int next = (int)ask(&ends[i], LANDLINE_CONN_NEXT_DEADLINE_MS);
                if (next >= 0 && (due < 0 || next < due))
                    due = next;
            }
        }
        /* No limit for users, who may think before typing. */
        if (fds[2].fd >= 0 && limit > 0 && ends[1].received == sent)
            limit = -1;
        if (due >= 0 && (limit < 0 || due < limit))
            limit = due;
        else
            due = -1;
        ready = poll(fds, 3, limit);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0)
            fail("waiting", strerror(errno));
        if (ready == 0 && limit > 0 && due < 0)
            fail("waiting", "nothing happens");

        for (int i = 0; i < 2; i++) {
            if (fds[i].revents & POLLOUT) {
                landline_status status = landline_conn_flush(ends[i].conn, 0);
                if (status != LANDLINE_TIMED_OUT)
                    check(status, "sending");
            }
            if ((fds[i].revents || buffered[i] || due >= 0) && is_wanted(&ends[i]))
                receive(&ends[i]);
        }
        if (fds[2].revents) {
            size_t len = send_input(&ends[0]);
            sent += (int64_t)len;
            input_ended = len == 0;
        }
        if (input_ended && ends[1].received == sent && !closing) {
            for (int i = 0; i < 2; i++)
                check(landline_conn_close_start(ends[i].conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, 0), "closing");
            closing = 1;
        }
    }
    for (int i = 0; i < 2; i++)
        landline_conn_free(ends[i].conn);
    if (!closing || ends[1].received != sent)
        fail("receiving", "a server has closed too early");
    return 0;
}
