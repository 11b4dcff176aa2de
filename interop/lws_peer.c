/* An echo peer using libwebsockets, in either role:
 *
 *     lws_peer server                    listens on a free port of 127.0.0.1: prints "listening on ws://127.0.0.1:PORT/"
 *     lws_peer client PORT [EXTENSIONS]  connects to a server, and offers these extensions
 *
 * Every message comes back as one message of the same kind, except that an empty one comes back as the text "empty":
 * version 4.1 fails an assertion when it compresses an empty message. "!fragments COUNT SIZE" is answered with a binary
 * message of that many fragments, each of SIZE bytes i % 251. When a connection ends, a line shows its close code:
 * "closed 1000". The program exits when its standard input ends.
 */
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A message that is being received, and then one that is being sent. */
struct connection {
    unsigned char *bytes; /* behind LWS_PRE */
    size_t len, room;
    int is_text;
    /* To be sent: this many fragments of `size` bytes, and how many of them have been sent. */
    size_t count, size, sent;
    /* The current fragment, after LWS_PRE: libwebsockets continues to compress it after lws_write(). */
    unsigned char *fragment;
    int close_code;
};

static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits"},
    {NULL, NULL, NULL},
};
static struct lws_extension offered[2];

static void fail(const char *what) {
    fprintf(stderr, "lws_peer: %s\n", what);
    exit(1);
}

static void make_room(struct connection *connection, size_t more) {
    if (connection->len + more <= connection->room)
        return;
    connection->room = 2 * (connection->len + more);
    connection->bytes = realloc(connection->bytes, LWS_PRE + connection->room);
    if (!connection->bytes)
        fail("out of memory");
}

static void append(struct connection *connection, const void *bytes, size_t len) {
    make_room(connection, len);
    if (len > 0)
        memcpy(connection->bytes + LWS_PRE + connection->len, bytes, len);
    connection->len += len;
}

/* The message is complete: decides what to answer. */
static void answer(struct connection *connection) {
    char order[64] = "";
    size_t count, size;
    if (connection->is_text && connection->len < sizeof order)
        memcpy(order, connection->bytes + LWS_PRE, connection->len);
    connection->sent = 0;
    connection->count = 1;
    if (connection->len == 0) {
        connection->is_text = 1;
        append(connection, "empty", 5);
    } else if (sscanf(order, "!fragments %zu %zu", &count, &size) == 2) {
        connection->is_text = 0;
        connection->count = count;
        connection->len = 0;
        make_room(connection, count * size);
        for (size_t i = 0; i < count * size; i++)
            connection->bytes[LWS_PRE + connection->len++] = i % 251;
    }
    connection->size = connection->len / connection->count;
}

/* Writes the next fragment. */
static int answer_on(struct lws *wsi, struct connection *connection) {
    const size_t n = connection->sent;
    const unsigned char *place = connection->bytes + LWS_PRE + n * connection->size;
    const int first = connection->is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    int mode = n == 0 ? first : LWS_WRITE_CONTINUATION;
    if (n + 1 < connection->count)
        mode |= LWS_WRITE_NO_FIN;
    free(connection->fragment);
    connection->fragment = malloc(LWS_PRE + connection->size);
    if (!connection->fragment)
        fail("out of memory");
    memcpy(connection->fragment + LWS_PRE, place, connection->size);
    if (lws_write(wsi, connection->fragment + LWS_PRE, connection->size, mode) < 0)
        return -1;
    if (++connection->sent < connection->count) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    connection->count = connection->len = 0;
    return lws_rx_flow_control(wsi, 1);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
    struct connection *connection = user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fail(in ? in : "cannot connect");
        break;
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        memset(connection, 0, sizeof *connection);
        make_room(connection, 1);
        break;
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (lws_is_first_fragment(wsi))
            connection->is_text = !lws_frame_is_binary(wsi);
        append(connection, in, len);
        if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
            answer(connection);
            /* The next message has to wait until this one is answered. */
            lws_rx_flow_control(wsi, 0);
            lws_callback_on_writable(wsi);
        }
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return connection->count > 0 ? answer_on(wsi, connection) : 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        connection->close_code = len >= 2 ? ((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1] : 1005;
        break;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
        printf("closed %d\n", connection->close_code ? connection->close_code : 1006);
        fflush(stdout);
        free(connection->bytes);
        free(connection->fragment);
        connection->bytes = connection->fragment = NULL;
        break;
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"echo", callback, sizeof(struct connection), 65536, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void *end_with_input(void *unused) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    _exit(0);
    return unused;
}

int main(int argc, char **argv) {
    struct lws_context_creation_info info;
    struct lws_client_connect_info to;
    struct lws_context *context;
    pthread_t thread;
    const int is_client = argc >= 3 && strcmp(argv[1], "client") == 0;
    if (!is_client && (argc < 2 || strcmp(argv[1], "server") != 0))
        fail("say server, or client PORT [EXTENSIONS]");

    signal(SIGPIPE, SIG_IGN);
    lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
    memset(&info, 0, sizeof info);
    info.port = is_client ? CONTEXT_PORT_NO_LISTEN : 0;
    info.iface = is_client ? NULL : "127.0.0.1";
    info.protocols = protocols;
    info.extensions = extensions;
    if (is_client && argc > 3) {
        offered[0] = extensions[0];
        offered[0].client_offer = argv[3];
        info.extensions = offered;
    }
    context = lws_create_context(&info);
    if (!context)
        fail("libwebsockets cannot begin");
    if (is_client) {
        memset(&to, 0, sizeof to);
        to.context = context;
        to.address = to.host = to.origin = "127.0.0.1";
        to.port = atoi(argv[2]);
        to.path = "/";
        if (!lws_client_connect_via_info(&to))
            fail("cannot connect");
    } else {
        printf("listening on ws://127.0.0.1:%d/\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
        fflush(stdout);
    }
    if (pthread_create(&thread, NULL, end_with_input, NULL) != 0)
        fail("no thread");
    while (lws_service(context, 0) >= 0)
        ;
    fail("libwebsockets gives up");
}
