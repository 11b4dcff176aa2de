/* Programs with their own loop: landline_wait() over connections, a listener and a descriptor, and poll() on a
 * connection's descriptor, over TLS too. They neither miss anything nor spin.
 */
#include "test.h"

enum { CONNECTIONS = 3 };

static landline_wait_item of_conn(landline_conn *conn) {
    landline_wait_item item = {NULL, NULL, -1, 0, 0};
    item.conn = conn;
    return item;
}

struct all {
    landline_conn *clients[CONNECTIONS], *servers[CONNECTIONS];
    landline_listener *listener;
    int pipe[2];
    landline_wait_item items[CONNECTIONS + 2];
};

/* Exactly this one is ready, for POLLIN. */
static void check_ready(struct all *all, size_t which) {
    size_t ready = 0;
    OK(landline_wait(all->items, CONNECTIONS + 2, LONG, &ready));
    CHECK_IS(ready, 1);
    for (size_t i = 0; i < CONNECTIONS + 2; i++)
        CHECK_IS(all->items[i].revents, i == which ? POLLIN : 0);
}

static void check_none_ready(struct all *all) {
    size_t ready = 7;
    long long began = now_ms();
    CHECK_STATUS(landline_wait(all->items, CONNECTIONS + 2, 0, &ready), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_wait(all->items, CONNECTIONS + 2, 40, &ready), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began >= 39);
    CHECK_IS(ready, 0);
}

/* TLS may have data of its own to read. */
static void settle(struct all *all) {
    landline_message *message;
    for (int i = 0; i < CONNECTIONS; i++)
        CHECK_STATUS(landline_conn_recv(all->servers[i], 0, &message), LANDLINE_TIMED_OUT);
}

static void wait_for_many(int tls) {
    struct all all;
    landline_message *message;
    landline_request *request;
    struct opening opening;
    pthread_t thread;
    size_t ready;
    char byte;
    for (int i = 0; i < CONNECTIONS; i++) {
        open_both(tls, NULL, NULL, &all.clients[i], &all.servers[i]);
        all.items[i] = of_conn(all.servers[i]);
    }
    OK(landline_listen("127.0.0.1:0", NULL, &all.listener));
    CHECK(pipe(all.pipe) == 0);
    all.items[CONNECTIONS] = of_conn(NULL);
    all.items[CONNECTIONS].listener = all.listener;
    all.items[CONNECTIONS + 1] = of_conn(NULL);
    all.items[CONNECTIONS + 1].fd = all.pipe[0];
    all.items[CONNECTIONS + 1].events = POLLIN;
    settle(&all);
    check_none_ready(&all);

    for (size_t i = 0; i < CONNECTIONS; i++) {
        OK(landline_conn_send(all.clients[i], LANDLINE_TEXT, "one", 3, 0, LONG));
        OK(landline_conn_send(all.clients[i], LANDLINE_TEXT, "two", 3, 0, LONG));
        check_ready(&all, i);
        OK(landline_conn_recv(all.servers[i], 0, &message));
        check_message(message, LANDLINE_TEXT, "one", 3);
        /* The second one may already be in memory, where no descriptor shows it. */
        check_ready(&all, i);
        OK(landline_conn_recv(all.servers[i], LONG, &message));
        check_message(message, LANDLINE_TEXT, "two", 3);
        CHECK_STATUS(landline_conn_recv(all.servers[i], 0, &message), LANDLINE_TIMED_OUT);
        check_none_ready(&all);
    }

    write_all(all.pipe[1], "x", 1);
    check_ready(&all, CONNECTIONS + 1);
    read_all(all.pipe[0], &byte, 1);
    OK(landline_conn_interrupt(all.servers[1], LANDLINE_DIRECTION_RECV));
    check_ready(&all, 1);
    CHECK_STATUS(landline_conn_recv(all.servers[1], LONG, &message), LANDLINE_INTERRUPTED);
    OK(landline_listener_interrupt(all.listener));
    check_ready(&all, CONNECTIONS);
    CHECK_STATUS(landline_listener_accept(all.listener, LONG, &request), LANDLINE_INTERRUPTED);
    check_none_ready(&all);

    snprintf(opening.url, sizeof opening.url, "ws://%s/", landline_listener_local_addr(all.listener));
    opening.options = NULL;
    thread = start(open_client, &opening);
    check_ready(&all, CONNECTIONS);
    OK(landline_listener_accept(all.listener, 0, &request));
    landline_conn_free(all.servers[0]);
    landline_conn_free(all.clients[0]);
    OK(landline_request_accept(request, NULL, &all.servers[0]));
    join(thread);
    landline_request_free(request);
    all.clients[0] = opening.conn;
    all.items[0] = of_conn(all.servers[0]);
    check_none_ready(&all);

    /* A Close frame is something to receive, and so is the end. */
    thread = start(close_in_thread, all.clients[2]);
    check_ready(&all, 2);
    CHECK_STATUS(landline_conn_recv(all.servers[2], LONG, &message), LANDLINE_CLOSED);
    join(thread);
    landline_conn_free(all.servers[2]);
    landline_conn_free(all.clients[2]);
    CHECK_STATUS(landline_wait(all.items, 2, 0, &ready), LANDLINE_TIMED_OUT);
    OK(landline_conn_abort(all.clients[0]));
    OK(landline_wait(all.items, 2, LONG, &ready));
    CHECK_IS(ready, 1);
    CHECK(all.items[0].revents & POLLIN);
    CHECK(landline_conn_recv(all.servers[0], LONG, &message) <= -100);
    for (int i = 0; i < 2; i++) {
        landline_conn_free(all.servers[i]);
        landline_conn_free(all.clients[i]);
    }
    landline_listener_free(all.listener);
    close(all.pipe[0]);
    close(all.pipe[1]);
}

enum { MESSAGES = 150 };

static size_t length_of(int number) {
    return (size_t)(number * 7919) % 40000;
}

static void *send_many(void *conn) {
    static char data[40000];
    for (int i = 0; i < MESSAGES; i++) {
        memset(data, i % 128, length_of(i));
        /* Some together, so that several are in one TLS record. */
        OK(landline_conn_send(conn, LANDLINE_BINARY, data, length_of(i), i % 5 ? LANDLINE_SEND_FEED : 0, LONG));
    }
    OK(landline_conn_close(conn, 1000, NULL, 0, LONG));
    return NULL;
}

/* Receives with time limits of 0 only. Each iteration either receives something or has waited for it; a few find
 * only part of a message or a record. */
static void poll_loop(int tls) {
    landline_conn *client, *server;
    pthread_t thread;
    int received = 0, turns = 0;
    static char expected[40000];
    open_both(tls, NULL, NULL, &client, &server);
    thread = start(send_many, client);
    for (int open = 1; open;) {
        struct pollfd wait = {(int)conn_int(server, LANDLINE_CONN_FD), 0, 0};
        CHECK(++turns < 100000);
        for (;;) {
            landline_message *message;
            landline_status status = landline_conn_recv(server, 0, &message);
            if (status == LANDLINE_TIMED_OUT)
                break;
            if (status == LANDLINE_CLOSED) {
                open = 0;
                break;
            }
            OK(status);
            memset(expected, received % 128, length_of(received));
            check_message(message, LANDLINE_BINARY, expected, length_of(received));
            received++;
        }
        wait.events = (short)poll_events(server);
        if (open && conn_int(server, LANDLINE_CONN_HAS_BUFFERED) == 0)
            CHECK_IS(poll(&wait, 1, LONG), 1);
    }
    join(thread);
    CHECK_IS(received, MESSAGES);
    landline_conn_free(client);
    landline_conn_free(server);
}

/* With nothing to do, the descriptor is not ready, and nothing is buffered. */
static void at_rest(int tls) {
    landline_conn *client, *server;
    open_both(tls, NULL, NULL, &client, &server);
    for (int i = 0; i < 20; i++) {
        landline_conn *const conn = i % 2 ? client : server;
        struct pollfd wait = {(int)conn_int(conn, LANDLINE_CONN_FD), 0, 0};
        landline_message *message;
        OK(landline_conn_send(i % 2 ? server : client, LANDLINE_TEXT, "wake", 4, 0, LONG));
        wait.events = (short)poll_events(conn);
        CHECK_IS(wait.events, POLLIN);
        CHECK_IS(poll(&wait, 1, LONG), 1);
        expect(conn, LANDLINE_TEXT, "wake", 4);
        CHECK_STATUS(landline_conn_recv(conn, 0, &message), LANDLINE_TIMED_OUT);
        CHECK_IS(conn_int(conn, LANDLINE_CONN_HAS_BUFFERED), 0);
        CHECK_IS(poll(&wait, 1, 0), 0);
    }
    close_both(client, server);
}

/* Unsent output waits for POLLOUT. */
static void room_to_write(int tls) {
    static char data[1 << 20];
    landline_conn *client, *server;
    landline_wait_item item;
    landline_message *message;
    landline_status status;
    int taken = 0;
    size_t ready;
    open_both(tls, NULL, NULL, &client, &server);
    item = of_conn(client);
    do {
        status = landline_conn_send(client, LANDLINE_BINARY, data, sizeof data, 0, 0);
        CHECK(status == LANDLINE_OK || status == LANDLINE_PENDING || status == LANDLINE_TIMED_OUT);
        taken += status != LANDLINE_TIMED_OUT;
        /* The system may still find more room. */
        while ((status = landline_wait(&item, 1, 20, &ready)) == LANDLINE_OK)
            CHECK_STATUS(landline_conn_recv(client, 0, &message), LANDLINE_TIMED_OUT);
        CHECK_STATUS(status, LANDLINE_TIMED_OUT);
    } while (poll_events(client) == POLLIN);
    CHECK_IS(poll_events(client), POLLIN | POLLOUT);
    /* One loop for both ends. */
    for (int received = 0; received < taken;) {
        landline_wait_item items[2] = {of_conn(client), of_conn(server)};
        OK(landline_wait(items, 2, LONG, &ready));
        CHECK(ready >= 1);
        if (items[0].revents)
            CHECK_STATUS(landline_conn_recv(client, 0, &message), LANDLINE_TIMED_OUT);
        if (!items[1].revents)
            continue;
        while ((status = landline_conn_recv(server, 0, &message)) == LANDLINE_OK) {
            CHECK_IS(landline_message_len(message), sizeof data);
            landline_message_free(message);
            received++;
        }
        CHECK_STATUS(status, LANDLINE_TIMED_OUT);
    }
    CHECK_IS(poll_events(client), POLLIN);
    close_both(client, server);
}

/* Batched messages are sent before the wait. */
static void gathered(void) {
    landline_conn *client, *server;
    landline_wait_item item;
    size_t ready;
    open_both(0, NULL, NULL, &client, &server);
    item = of_conn(client);
    OK(landline_conn_send(client, LANDLINE_TEXT, "fed", 3, LANDLINE_SEND_FEED, LONG));
    CHECK_STATUS(landline_wait(&item, 1, 0, &ready), LANDLINE_TIMED_OUT);
    expect(server, LANDLINE_TEXT, "fed", 3);
    OK(landline_conn_send(client, LANDLINE_TEXT, "fed", 3, LANDLINE_SEND_FEED, LONG));
    CHECK(poll_events(client) & POLLIN);
    expect(server, LANDLINE_TEXT, "fed", 3);
    close_both(client, server);
}

/* A peer that violates the protocol and stays connected does not make the loop spin. */
static void bad_peer(void) {
    landline_conn *server;
    landline_message *message;
    landline_status status;
    unsigned char garbage[64];
    int peer, rounds = 0;
    long long began = now_ms();
    memset(garbage, 0xff, sizeof garbage);
    open_raw(NULL, &server, &peer);
    write_all(peer, garbage, sizeof garbage);
    do {
        landline_wait_item item = of_conn(server);
        size_t ready;
        landline_wait(&item, 1, 100, &ready);
        status = landline_conn_recv(server, 0, &message);
        rounds++;
        CHECK(now_ms() - began < 10000);
    } while (status == LANDLINE_TIMED_OUT);
    CHECK_IS(status, LANDLINE_ERR_PROTOCOL);
    CHECK(rounds < 100);
    close(peer);
    landline_conn_free(server);
}

/* A silent peer is pinged and then cut, in a loop that never waits in a receiving call. */
enum waiting { BY_POLL, BY_WAIT, BESIDE_WHAT_IS_READY };

static void dead_peer(enum waiting waiting) {
    landline_options *options;
    landline_conn *server;
    landline_message *message;
    landline_status status;
    int peer, rounds = 0, ready_pipe[2];
    long long began = now_ms();
    CHECK(pipe(ready_pipe) == 0 && write(ready_pipe[1], "x", 1) == 1);
    OK(landline_options_new(&options));
    OK(landline_options_set_int(options, LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, 80));
    OK(landline_options_set_int(options, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, 120));
    open_raw(options, &server, &peer);
    while ((status = landline_conn_recv(server, 0, &message)) == LANDLINE_TIMED_OUT) {
        CHECK(now_ms() - began < 10000 && rounds++ < 50);
        if (waiting == BY_POLL) {
            struct pollfd wait = {(int)conn_int(server, LANDLINE_CONN_FD), POLLIN, 0};
            CHECK(poll(&wait, 1, (int)conn_int(server, LANDLINE_CONN_NEXT_DEADLINE_MS)) >= 0);
        } else {
            landline_wait_item items[2] = {of_conn(server), {NULL, NULL, -1, 0, 0}};
            size_t ready;
            items[1].fd = ready_pipe[0];
            items[1].events = POLLIN;
            do {
                OK(landline_wait(items, waiting == BY_WAIT ? 1 : 2, -1, &ready));
                CHECK(now_ms() - began < 10000);
            } while (items[0].revents == 0);
            CHECK_IS(ready, waiting == BY_WAIT ? 1 : 2);
        }
    }
    close(ready_pipe[0]);
    close(ready_pipe[1]);
    CHECK_IS(status, LANDLINE_ERR_SILENT);
    CHECK(now_ms() - began >= 190);
    CHECK_IS(conn_int(server, LANDLINE_CONN_NEXT_DEADLINE_MS), -1);
    close(peer);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        wait_for_many(tls);
        poll_loop(tls);
        at_rest(tls);
        room_to_write(tls);
    }
    gathered();
    bad_peer();
    dead_peer(BY_POLL);
    dead_peer(BY_WAIT);
    dead_peer(BESIDE_WHAT_IS_READY);
    return 0;
}
