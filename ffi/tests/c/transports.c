/* Connections over what the caller supplies: descriptors that are given away or kept, and transports made of callbacks,
 * one of them in memory; and landline_pair().
 */
#include "test.h"

#include <fcntl.h>

/* ----- A pipe in memory, as a transport of the caller's own ----- */

enum { ROOM = 3000 };

struct stream {
    char bytes[ROOM];
    size_t len;
    int ended;
};

struct wire {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stream streams[2];
    int aborted, freed;
};

struct end {
    struct wire *wire;
    int side;
};

static int64_t end_read(void *data, size_t capacity, void *user) {
    struct end *end = user;
    struct stream *in = &end->wire->streams[end->side];
    int64_t count;
    pthread_mutex_lock(&end->wire->lock);
    if (end->wire->aborted) {
        count = LANDLINE_ERR_IO;
    } else if (in->len == 0) {
        count = in->ended ? 0 : LANDLINE_ERR_WOULD_BLOCK;
    } else {
        count = (int64_t)(capacity < in->len ? capacity : in->len);
        memcpy(data, in->bytes, (size_t)count);
        in->len -= (size_t)count;
        memmove(in->bytes, in->bytes + count, in->len);
        pthread_cond_broadcast(&end->wire->changed);
    }
    pthread_mutex_unlock(&end->wire->lock);
    return count;
}

static int64_t end_write(const void *data, size_t len, void *user) {
    struct end *end = user;
    struct stream *out = &end->wire->streams[1 - end->side];
    int64_t count;
    pthread_mutex_lock(&end->wire->lock);
    if (end->wire->aborted || out->ended) {
        count = LANDLINE_ERR_IO;
    } else if (out->len == ROOM) {
        count = LANDLINE_ERR_WOULD_BLOCK;
    } else {
        size_t room = ROOM - out->len;
        count = (int64_t)(len < room ? len : room);
        memcpy(out->bytes + out->len, data, (size_t)count);
        out->len += (size_t)count;
        pthread_cond_broadcast(&end->wire->changed);
    }
    pthread_mutex_unlock(&end->wire->lock);
    return count;
}

static int readable(int fd) {
    struct pollfd wait = {fd, POLLIN, 0};
    return fd >= 0 && poll(&wait, 1, 0) > 0;
}

/* May return early: checks `wake_fd` every few milliseconds, because a condition cannot wait for a descriptor. */
static int32_t end_wait(int32_t wanted, int32_t wake_fd, int32_t timeout_ms, void *user) {
    struct end *end = user;
    long long until = now_ms() + timeout_ms;
    int32_t ready = 0;
    pthread_mutex_lock(&end->wire->lock);
    for (;;) {
        struct stream *in = &end->wire->streams[end->side], *out = &end->wire->streams[1 - end->side];
        struct timespec soon;
        if (end->wire->aborted)
            ready = wanted;
        if ((wanted & LANDLINE_WAIT_READ) && (in->len > 0 || in->ended))
            ready |= LANDLINE_WAIT_READ;
        if ((wanted & LANDLINE_WAIT_WRITE) && out->len < ROOM)
            ready |= LANDLINE_WAIT_WRITE;
        if (ready != 0 || readable(wake_fd) || (timeout_ms >= 0 && now_ms() >= until))
            break;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 2000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&end->wire->changed, &end->wire->lock, &soon);
    }
    pthread_mutex_unlock(&end->wire->lock);
    return ready;
}

static void end_close_write(void *user) {
    struct end *end = user;
    pthread_mutex_lock(&end->wire->lock);
    end->wire->streams[1 - end->side].ended = 1;
    pthread_cond_broadcast(&end->wire->changed);
    pthread_mutex_unlock(&end->wire->lock);
}

static void end_abort(void *user) {
    struct end *end = user;
    pthread_mutex_lock(&end->wire->lock);
    end->wire->aborted = 1;
    pthread_cond_broadcast(&end->wire->changed);
    pthread_mutex_unlock(&end->wire->lock);
}

static void end_free(void *user) {
    struct end *end = user;
    pthread_mutex_lock(&end->wire->lock);
    end->wire->streams[1 - end->side].ended = 1;
    end->wire->freed++;
    pthread_cond_broadcast(&end->wire->changed);
    pthread_mutex_unlock(&end->wire->lock);
}

static const landline_transport CALLBACKS = {
    sizeof(landline_transport), end_read, end_write, end_wait, end_close_write, end_abort, end_free,
};

static void wire_init(struct wire *wire, struct end ends[2]) {
    memset(wire, 0, sizeof *wire);
    CHECK(pthread_mutex_init(&wire->lock, NULL) == 0 && pthread_cond_init(&wire->changed, NULL) == 0);
    for (int side = 0; side < 2; side++) {
        ends[side].wire = wire;
        ends[side].side = side;
    }
}

static void wire_destroy(struct wire *wire) {
    pthread_cond_destroy(&wire->changed);
    pthread_mutex_destroy(&wire->lock);
}

/* ----- ----- */

struct client {
    struct end *end;
    int fd, take;
    const char *url;
    landline_options *options;
    landline_conn *conn;
};

static void *connect_transport(void *argument) {
    struct client *client = argument;
    OK(landline_connect_transport(&CALLBACKS, client->end, client->url, client->options, LONG, &client->conn));
    return NULL;
}

static void *connect_fd(void *argument) {
    struct client *client = argument;
    OK(landline_connect_fd(client->fd, client->take, client->url, client->options, LONG, &client->conn));
    return NULL;
}

enum { LARGE = 400000 };
static char large[LARGE];

static void *send_large(void *conn) {
    OK(landline_conn_send(conn, LANDLINE_BINARY, large, LARGE, 0, LONG));
    return NULL;
}

static void *receive_interrupted(void *conn) {
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(conn, LONG, &message), LANDLINE_INTERRUPTED);
    return NULL;
}

static void both_ways(landline_conn *client, landline_conn *server) {
    landline_message *message;
    pthread_t threads[2];
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i % 253);
    threads[0] = start(send_large, client);
    threads[1] = start(send_large, server);
    expect(client, LANDLINE_BINARY, large, LARGE);
    expect(server, LANDLINE_BINARY, large, LARGE);
    join(threads[0]);
    join(threads[1]);
    CHECK_STATUS(landline_conn_recv(client, 0, &message), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_conn_recv(client, 20, &message), LANDLINE_TIMED_OUT);
    threads[0] = start(receive_interrupted, client);
    OK(landline_conn_interrupt(client, LANDLINE_DIRECTION_RECV));
    join(threads[0]);
}

static void over_callbacks(int tls) {
    struct wire wire;
    struct end ends[2];
    struct client client;
    landline_transport server_table;
    landline_options *options = new_options();
    landline_request *request;
    landline_conn *server;
    pthread_t thread;
    int64_t value;
    wire_init(&wire, ends);
    client.end = &ends[0];
    client.url = tls ? "wss://localhost/over/callbacks" : "ws://localhost/over/callbacks";
    client.options = with_trust(new_options());
    if (tls)
        with_identity(options);
    server_table = CALLBACKS;
    thread = start(connect_transport, &client);
    OK(landline_request_from_transport(&server_table, &ends[1], options, LONG, &request));
    /* The table was copied. */
    memset(&server_table, 0, sizeof server_table);
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/over/callbacks");
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PEER_ADDR), "");
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    landline_request_free(request);
    landline_options_free(options);
    landline_options_free(client.options);
    CHECK_STATUS(landline_conn_int(server, LANDLINE_CONN_FD, &value), LANDLINE_ERR_UNSUPPORTED);
    both_ways(client.conn, server);
    CHECK_IS(wire.freed, 0);
    close_both(client.conn, server);
    CHECK_IS(wire.freed, 2);
    wire_destroy(&wire);
}

static void *receive_aborted(void *conn) {
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(conn, -1, &message), LANDLINE_ERR_ABORTED);
    return NULL;
}

static void aborted_callbacks(void) {
    struct wire wire;
    struct end ends[2];
    struct client client;
    landline_request *request;
    landline_conn *server;
    landline_message *message;
    pthread_t thread;
    wire_init(&wire, ends);
    client.end = &ends[0];
    client.url = "ws://localhost/";
    client.options = NULL;
    thread = start(connect_transport, &client);
    OK(landline_request_from_transport(&CALLBACKS, &ends[1], NULL, LONG, &request));
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    landline_request_free(request);
    thread = start(receive_aborted, client.conn);
    OK(landline_conn_abort(client.conn));
    join(thread);
    CHECK_IS(wire.aborted, 1);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_ERR_IO);
    landline_conn_free(client.conn);
    landline_conn_free(server);
    CHECK_IS(wire.freed, 2);
    wire_destroy(&wire);

    /* There is no answer. */
    wire_init(&wire, ends);
    CHECK_STATUS(landline_connect_transport(&CALLBACKS, &ends[0], "ws://localhost/", NULL, 50, &client.conn), LANDLINE_TIMED_OUT);
    CHECK(client.conn == NULL);
    CHECK_IS(wire.freed, 1);
    /* The request is incomplete: its end is missing. */
    wire.streams[1].len -= 4;
    CHECK_STATUS(landline_request_from_transport(&CALLBACKS, &ends[1], NULL, 50, &request), LANDLINE_ERR_EOF);
    CHECK_IS(wire.freed, 2);
    wire_destroy(&wire);
}

static int is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1;
}

static void over_descriptors(int tls, int take, int early) {
    struct client client;
    landline_options *options = new_options();
    landline_request *request;
    landline_conn *server;
    pthread_t thread;
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    client.fd = both[0];
    client.take = take;
    client.url = tls ? "wss://localhost/over/descriptors" : "ws://localhost/over/descriptors";
    client.options = with_trust(new_options());
    if (tls)
        with_identity(options);
    thread = start(connect_fd, &client);
    OK(landline_request_from_fd(both[1], take, options, LONG, &request));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/over/descriptors");
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    landline_request_free(request);
    landline_options_free(options);
    landline_options_free(client.options);
    if (!take && early)
        CHECK(close(both[0]) == 0 && close(both[1]) == 0);
    both_ways(client.conn, server);
    close_both(client.conn, server);
    if (take) {
        CHECK(!is_open(both[0]) && !is_open(both[1]));
    } else if (!early) {
        CHECK(is_open(both[0]) && is_open(both[1]));
        CHECK(close(both[0]) == 0 && close(both[1]) == 0);
    }
}

/* A descriptor that is given away is closed even if it cannot be used; one that is kept is not. */
static void useless_descriptors(void) {
    for (int take = 0; take < 2; take++) {
        landline_conn *conn;
        landline_request *request;
        int pipes[2], datagrams[2], streams[2];
        CHECK(pipe(pipes) == 0);
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams) == 0);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, streams) == 0);
        CHECK_STATUS(landline_connect_fd(pipes[0], take, "ws://a/", NULL, LONG, &conn), LANDLINE_ERR_INVALID);
        CHECK_HAS(landline_error_text(), "descriptor");
        CHECK_STATUS(landline_request_from_fd(pipes[1], take, NULL, LONG, &request), LANDLINE_ERR_INVALID);
        CHECK_STATUS(landline_connect_fd(datagrams[0], take, "ws://a/", NULL, LONG, &conn), LANDLINE_ERR_INVALID);
        CHECK_STATUS(landline_connect_fd(streams[0], take, NULL, NULL, LONG, &conn), LANDLINE_ERR_NULL);
        CHECK_STATUS(landline_request_from_fd(streams[1], take, NULL, LONG, NULL), LANDLINE_ERR_NULL);
        CHECK(is_open(pipes[0]) == !take && is_open(pipes[1]) == !take && is_open(datagrams[0]) == !take);
        CHECK(is_open(streams[0]) == !take && is_open(streams[1]) == !take);
        close(datagrams[1]);
        if (!take) {
            close(pipes[0]), close(pipes[1]), close(datagrams[0]);
            close(streams[0]), close(streams[1]);
        }
    }
}

static void paired(void) {
    landline_options *ours = with_str(new_options(), LANDLINE_OPT_SUBPROTOCOL, "a");
    landline_options *theirs = with_str(new_options(), LANDLINE_OPT_SUBPROTOCOL, "a");
    landline_conn *client, *server;
    with_int(ours, LANDLINE_OPT_COMPRESSION, 1);
    with_int(theirs, LANDLINE_OPT_COMPRESSION, 1);
    OK(landline_pair(ours, theirs, &client, &server));
    CHECK_TEXT(conn_str(client, LANDLINE_CONN_SUBPROTOCOL), "a");
    CHECK_IS(conn_int(server, LANDLINE_CONN_COMPRESSION), 1);
    both_ways(client, server);
    close_both(client, server);
    OK(landline_options_add_header(ours, "Sec-WebSocket-Key", "mine"));
    client = server = (landline_conn *)&ours;
    CHECK(landline_pair(ours, theirs, &client, &server) < 0);
    CHECK(client == NULL && server == NULL);
    landline_options_free(ours);
    landline_options_free(theirs);
    OK(landline_pair(NULL, NULL, &client, &server));
    both_ways(client, server);
    close_both(client, server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (int tls = 0; tls < 2; tls++) {
        over_callbacks(tls);
        over_descriptors(tls, 1, 0);
        over_descriptors(tls, 0, 0);
        over_descriptors(tls, 0, 1);
    }
    aborted_callbacks();
    useless_descriptors();
    paired();
    return 0;
}
