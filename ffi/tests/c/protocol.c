/* The protocol without I/O: both ends against each other, byte by byte and at once, and one end against a connection of
 * the library, in either role.
 */
#include "test.h"

/* An event and its payload, copied. */
struct event {
    int32_t what;
    char data[70000];
    size_t len;
};

static struct event event;

static int64_t protocol_int(const landline_protocol *protocol, int32_t key) {
    int64_t value = -1;
    OK(landline_protocol_int(protocol, key, &value));
    return value;
}

static int is_over(const landline_protocol *protocol) {
    return protocol_int(protocol, LANDLINE_CONN_STATE) == LANDLINE_STATE_OVER;
}

static const char *protocol_str(const landline_protocol *protocol, int32_t key) {
    const char *text = NULL;
    size_t len = 0;
    OK(landline_protocol_str(protocol, key, &text, &len));
    CHECK(text != NULL && strlen(text) == len);
    return text;
}

static void next_event(landline_protocol *protocol, int32_t what) {
    const void *data;
    OK(landline_protocol_next(protocol, &event.what, &data, &event.len));
    CHECK_IS(event.what, what);
    CHECK(event.len < sizeof event.data);
    if (event.len > 0)
        memcpy(event.data, data, event.len);
}

static void check_event(landline_protocol *protocol, int32_t what, const void *data, size_t len) {
    next_event(protocol, what);
    CHECK_IS(event.len, len);
    CHECK(memcmp(event.data, data, len) == 0);
}

/* Passes on all output, at most `piece` bytes at a time; stops where events have to be taken first. */
static size_t hand_over(landline_protocol *from, landline_protocol *to, size_t piece) {
    size_t total = 0;
    for (;;) {
        const void *data;
        size_t len, taken = 0;
        OK(landline_protocol_output(from, &data, &len));
        if (len == 0)
            return total;
        OK(landline_protocol_receive(to, data, len < piece ? len : piece, &taken));
        if (taken == 0)
            return total;
        OK(landline_protocol_consume(from, taken));
        total += taken;
    }
}

static landline_options *compressing(void) {
    return with_int(with_int(new_options(), LANDLINE_OPT_COMPRESSION, 1), LANDLINE_OPT_COMPRESSION_THRESHOLD, 0);
}

static void against_each_other(size_t piece, int compressed) {
    static char large[60000];
    landline_options *ours = compressed ? compressing() : new_options();
    landline_options *theirs = compressed ? compressing() : new_options();
    landline_protocol *client, *server;
    size_t wire;
    with_str(ours, LANDLINE_OPT_SUBPROTOCOL, "a");
    with_str(theirs, LANDLINE_OPT_SUBPROTOCOL, "a");
    OK(landline_protocol_client("ws://host.example/path?query", ours, &client));
    OK(landline_protocol_server(theirs, &server));
    landline_options_free(ours);
    landline_options_free(theirs);
    CHECK_IS(protocol_int(client, LANDLINE_CONN_STATE), LANDLINE_STATE_OPENING);
    CHECK_IS(protocol_int(server, LANDLINE_CONN_STATE), LANDLINE_STATE_OPENING);
    CHECK_TEXT(protocol_str(client, LANDLINE_CONN_TARGET), "");
    CHECK(hand_over(client, server, piece) > 0);
    next_event(server, LANDLINE_EVENT_OPEN);
    CHECK_IS(protocol_int(server, LANDLINE_CONN_STATE), LANDLINE_STATE_OPEN);
    CHECK_IS(protocol_int(server, LANDLINE_CONN_COMPRESSION), compressed);
    OK(landline_protocol_give_up(server));
    next_event(server, LANDLINE_EVENT_NONE);
    /* A message right after the response. */
    OK(landline_protocol_send(server, LANDLINE_TEXT, "early", 5, 0));
    for (int i = 0; i < 10; i++)
        if (hand_over(server, client, piece) == 0)
            break;
    next_event(client, LANDLINE_EVENT_OPEN);
    check_event(client, LANDLINE_EVENT_TEXT, "early", 5);
    next_event(client, LANDLINE_EVENT_NONE);
    CHECK_TEXT(protocol_str(client, LANDLINE_CONN_SUBPROTOCOL), "a");
    CHECK_TEXT(protocol_str(server, LANDLINE_CONN_SUBPROTOCOL), "a");
    CHECK_TEXT(protocol_str(client, LANDLINE_CONN_TARGET), "/path?query");
    CHECK_TEXT(protocol_str(server, LANDLINE_CONN_TARGET), "/path?query");
    CHECK_HAS(protocol_str(server, LANDLINE_CONN_HEADERS), "host: host.example\r\n");
    CHECK_HAS(protocol_str(client, LANDLINE_CONN_HEADERS), "upgrade: websocket\r\n");
    CHECK_STATUS(landline_protocol_str(client, LANDLINE_CONN_PEER_ADDR, &(const char *){NULL}, NULL), LANDLINE_ERR_INVALID);

    OK(landline_protocol_send(client, LANDLINE_TEXT, "a\0b", 3, 0));
    OK(landline_protocol_ping(client, "ping", 4));
    OK(landline_protocol_send(client, LANDLINE_BINARY, NULL, 0, 0));
    CHECK_STATUS(landline_protocol_send(client, LANDLINE_TEXT, "\xff", 1, 0), LANDLINE_ERR_UTF8);
    CHECK_STATUS(landline_protocol_ping(client, large, 126), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_protocol_close(client, 1005, NULL, 0), LANDLINE_ERR_INVALID);
    hand_over(client, server, piece);
    check_event(server, LANDLINE_EVENT_TEXT, "a\0b", 3);
    hand_over(client, server, piece);
    check_event(server, LANDLINE_EVENT_PING, "ping", 4);
    hand_over(client, server, piece);
    check_event(server, LANDLINE_EVENT_BINARY, "", 0);
    next_event(server, LANDLINE_EVENT_NONE);
    hand_over(server, client, piece);
    check_event(client, LANDLINE_EVENT_PONG, "ping", 4);

    OK(landline_protocol_send(client, LANDLINE_BINARY, large, sizeof large, LANDLINE_SEND_COMPRESS_ALWAYS));
    wire = 0;
    for (event.what = LANDLINE_EVENT_NONE; event.what == LANDLINE_EVENT_NONE;) {
        const void *data;
        wire += hand_over(client, server, piece);
        OK(landline_protocol_next(server, &event.what, &data, &event.len));
        if (event.what == LANDLINE_EVENT_BINARY)
            CHECK(event.len == sizeof large && memcmp(data, large, event.len) == 0);
    }
    CHECK((wire < 1000) == compressed);

    CHECK_IS(protocol_int(server, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 0);
    OK(landline_protocol_close(client, 4000, "the\0end", 7));
    CHECK_STATUS(landline_protocol_send(client, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_CLOSING);
    CHECK_IS(is_over(client), 0);
    CHECK_IS(protocol_int(client, LANDLINE_CONN_STATE), LANDLINE_STATE_CLOSING);
    hand_over(client, server, piece);
    check_event(server, LANDLINE_EVENT_CLOSE, "the\0end", 7);
    CHECK_IS(protocol_int(server, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 4000);
    CHECK_IS(is_over(server), 1);
    hand_over(server, client, piece);
    next_event(client, LANDLINE_EVENT_CLOSE);
    CHECK_IS(protocol_int(client, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 4000);
    CHECK_IS(is_over(client), 1);
    OK(landline_protocol_receive_eof(server));
    OK(landline_protocol_receive_eof(client));
    landline_protocol_free(client);
    landline_protocol_free(server);
}

/* Drives one end over a descriptor: echoes messages, until it is over. */
struct driver {
    landline_protocol *protocol;
    int fd;
    int first_message;
};

static void write_output(struct driver *driver) {
    const void *data;
    size_t len;
    for (;;) {
        OK(landline_protocol_output(driver->protocol, &data, &len));
        if (len == 0)
            return;
        write_all(driver->fd, data, len);
        OK(landline_protocol_consume(driver->protocol, len));
    }
}

static void take_events(struct driver *driver) {
    for (;;) {
        int32_t what;
        const void *data;
        size_t len;
        OK(landline_protocol_next(driver->protocol, &what, &data, &len));
        if (what == LANDLINE_EVENT_NONE || what == LANDLINE_EVENT_CLOSE)
            return;
        if (what == LANDLINE_EVENT_OPEN && driver->first_message)
            OK(landline_protocol_send(driver->protocol, LANDLINE_TEXT, "first", 5, 0));
        if (what == LANDLINE_EVENT_TEXT || what == LANDLINE_EVENT_BINARY) {
            char copy[8192];
            CHECK(len <= sizeof copy);
            memcpy(copy, data, len);
            OK(landline_protocol_send(driver->protocol, what == LANDLINE_EVENT_TEXT ? LANDLINE_TEXT : LANDLINE_BINARY,
                                      copy, len, 0));
        }
    }
}

static void *drive(void *argument) {
    struct driver *driver = argument;
    write_output(driver);
    while (!is_over(driver->protocol)) {
        char buffer[777];
        ssize_t count = read(driver->fd, buffer, sizeof buffer);
        size_t at = 0, taken;
        CHECK(count > 0);
        while (at < (size_t)count) {
            OK(landline_protocol_receive(driver->protocol, buffer + at, (size_t)count - at, &taken));
            at += taken;
            take_events(driver);
        }
        write_output(driver);
    }
    CHECK(shutdown(driver->fd, SHUT_WR) == 0);
    return NULL;
}

static void echo_through(landline_conn *conn) {
    static char data[6000];
    for (size_t len = 0; len < sizeof data; len += 431) {
        OK(landline_conn_send(conn, LANDLINE_BINARY, data, len, 0, LONG));
        expect(conn, LANDLINE_BINARY, data, len);
    }
    OK(landline_conn_ping_wait(conn, LONG, &(uint64_t){0}));
    OK(landline_conn_close(conn, 1001, "so long", 7, LONG));
    CHECK_IS(conn_int(conn, LANDLINE_CONN_CLOSED_CLEANLY), 1);
    CHECK_IS(conn_int(conn, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 1001);
    landline_conn_free(conn);
}

static void as_server(void) {
    landline_options *options = compressing();
    landline_conn *conn;
    struct driver driver = {NULL, -1, 1};
    pthread_t thread;
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    driver.fd = both[0];
    OK(landline_protocol_server(options, &driver.protocol));
    thread = start(drive, &driver);
    OK(landline_connect_fd(both[1], 1, "ws://host/", options, LONG, &conn));
    landline_options_free(options);
    CHECK_IS(conn_int(conn, LANDLINE_CONN_COMPRESSION), 1);
    expect(conn, LANDLINE_TEXT, "first", 5);
    echo_through(conn);
    join(thread);
    CHECK_IS(protocol_int(driver.protocol, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 1001);
    landline_protocol_free(driver.protocol);
    close(both[0]);
}

static void as_client(void) {
    landline_options *options = compressing();
    landline_request *request;
    landline_conn *conn;
    struct driver driver = {NULL, -1, 1};
    pthread_t thread;
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    driver.fd = both[0];
    OK(landline_protocol_client("ws://host/asked?for", options, &driver.protocol));
    thread = start(drive, &driver);
    OK(landline_request_from_fd(both[1], 1, options, LONG, &request));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_QUERY), "for");
    OK(landline_request_accept(request, NULL, &conn));
    landline_request_free(request);
    landline_options_free(options);
    expect(conn, LANDLINE_TEXT, "first", 5);
    echo_through(conn);
    join(thread);
    landline_protocol_free(driver.protocol);
    close(both[0]);
}

static void wrong_peers(void) {
    static const char NONSENSE[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char POST[] = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char REFUSAL[] = "HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 4\r\n\r\nnope";
    landline_protocol *client, *server;
    const void *data;
    size_t len;
    int32_t what;
    OK(landline_protocol_server(NULL, &server));
    CHECK_STATUS(landline_protocol_receive(server, NONSENSE, sizeof NONSENSE - 1, &len), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 426);
    data = landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, &len);
    CHECK(len > 0 && strlen(data) == len && strstr(landline_error_text(), "426") != NULL);
    CHECK_IS(is_over(server), 1);
    OK(landline_protocol_output(server, &data, &len));
    CHECK(len > 12 && memcmp(data, "HTTP/1.1 4", 10) == 0);
    CHECK_STATUS(landline_protocol_next(server, &what, &data, &len), LANDLINE_ERR_REJECTED);
    landline_protocol_free(server);

    /* The server's response, as far as the program set it. */
    OK(landline_protocol_server(NULL, &server));
    CHECK_STATUS(landline_protocol_receive(server, POST, sizeof POST - 1, &len), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 405);
    CHECK_TEXT((const char *)landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, &len), "Allow: GET\r\n");
    CHECK_IS(len, 12);
    CHECK_TEXT((const char *)landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, NULL), "the method has to be GET\n");
    landline_protocol_free(server);

    OK(landline_protocol_client("ws://a/", NULL, &client));
    CHECK_STATUS(landline_protocol_receive(client, REFUSAL, sizeof REFUSAL - 1, &len), LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 403);
    data = landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, &len);
    CHECK_HAS((const char *)data, "x-why: no\r\n");
    data = landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, &len);
    CHECK(len == 4 && memcmp(data, "nope", 4) == 0);
    landline_protocol_free(client);

    /* A frame without a mask, after a valid handshake. */
    OK(landline_protocol_client("ws://a/", NULL, &client));
    OK(landline_protocol_server(NULL, &server));
    hand_over(client, server, 100);
    next_event(server, LANDLINE_EVENT_OPEN);
    OK(landline_protocol_output(server, &data, &len));
    OK(landline_protocol_consume(server, len));
    OK(landline_protocol_receive(server, "\x81\x01" "a", 3, &len));
    CHECK_STATUS(landline_protocol_next(server, &what, &data, &len), LANDLINE_ERR_PROTOCOL);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_CLOSE_CODE), 1002);
    CHECK_IS(is_over(server), 1);
    OK(landline_protocol_output(server, &data, &len));
    CHECK(len >= 4 && ((const uint8_t *)data)[0] == 0x88 && (((const uint8_t *)data)[2] << 8 | ((const uint8_t *)data)[3]) == 1002);
    landline_protocol_free(server);
    CHECK_STATUS(landline_protocol_receive_eof(client), LANDLINE_ERR_HANDSHAKE);
    landline_protocol_free(client);
}

/* Every call on a protocol that is over returns the same error, and its state is LANDLINE_STATE_OVER. */
static void check_over(landline_protocol *protocol, landline_status status) {
    const void *data;
    size_t len;
    int32_t what;
    for (int i = 0; i < 2; i++) {
        CHECK_IS(is_over(protocol), 1);
        CHECK_STATUS(landline_protocol_send(protocol, LANDLINE_TEXT, "a", 1, 0), status);
        CHECK_STATUS(landline_protocol_ping(protocol, NULL, 0), status);
        CHECK_STATUS(landline_protocol_close(protocol, 1000, NULL, 0), status);
        CHECK_STATUS(landline_protocol_receive(protocol, "a", 1, &len), status);
        CHECK_STATUS(landline_protocol_next(protocol, &what, &data, &len), status);
        CHECK_STATUS(landline_protocol_receive_eof(protocol), status);
    }
}

/* A client and a server, both open. */
static void open_ends(landline_options *options, landline_protocol **client, landline_protocol **server) {
    OK(landline_protocol_client("ws://a/", options, client));
    OK(landline_protocol_server(options, server));
    hand_over(*client, *server, 1000);
    next_event(*server, LANDLINE_EVENT_OPEN);
    hand_over(*server, *client, 1000);
    next_event(*client, LANDLINE_EVENT_OPEN);
}

static void an_unexpected_end_is_remembered(void) {
    /* Per role: a message to it, one with a reserved opcode, one over a limit of 10 bytes. */
    static const char *const MESSAGE[] = {"\x81\x01" "a", "\x81\x81\0\0\0\0" "a"};
    static const char *const WRONG[] = {"\x83\x01" "a", "\x83\x81\0\0\0\0" "a"};
    static const char *const LARGE[] = {"\x81\x0b" "aaaaaaaaaaa", "\x81\x8b\0\0\0\0" "aaaaaaaaaaa"};
    landline_options *options = with_int(new_options(), LANDLINE_OPT_MAX_MESSAGE_SIZE, 10);
    for (int role = 0; role < 2; role++) {
        landline_protocol *both[2], *protocol;
        const void *data;
        size_t len;
        int32_t what;
        const size_t header = role == 0 ? 2 : 6;

        /* The stream ends: what had arrived can still be taken. */
        open_ends(options, &both[0], &both[1]);
        protocol = both[role];
        OK(landline_protocol_receive(protocol, MESSAGE[role], header + 1, &len));
        CHECK_STATUS(landline_protocol_receive_eof(protocol), LANDLINE_ERR_EOF);
        CHECK_IS(is_over(protocol), 1);
        CHECK_STATUS(landline_protocol_send(protocol, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_EOF);
        check_event(protocol, LANDLINE_EVENT_TEXT, "a", 1);
        check_over(protocol, LANDLINE_ERR_EOF);
        OK(landline_protocol_output(protocol, &data, &len));
        CHECK_IS(len, 0);
        landline_protocol_free(both[0]);
        landline_protocol_free(both[1]);

        /* It ends in the closing handshake that was begun here. */
        open_ends(options, &both[0], &both[1]);
        protocol = both[role];
        OK(landline_protocol_close(protocol, 1000, NULL, 0));
        CHECK_IS(is_over(protocol), 0);
        CHECK_STATUS(landline_protocol_receive_eof(protocol), LANDLINE_ERR_EOF);
        check_over(protocol, LANDLINE_ERR_EOF);
        landline_protocol_free(both[0]);
        landline_protocol_free(both[1]);

        /* The peer is at fault. */
        open_ends(options, &both[0], &both[1]);
        protocol = both[role];
        OK(landline_protocol_receive(protocol, WRONG[role], header + 1, &len));
        CHECK_STATUS(landline_protocol_next(protocol, &what, &data, &len), LANDLINE_ERR_PROTOCOL);
        check_over(protocol, LANDLINE_ERR_PROTOCOL);
        landline_protocol_free(both[0]);
        landline_protocol_free(both[1]);

        /* A limit. */
        open_ends(options, &both[0], &both[1]);
        protocol = both[role];
        OK(landline_protocol_receive(protocol, LARGE[role], header + 11, &len));
        CHECK_STATUS(landline_protocol_next(protocol, &what, &data, &len), LANDLINE_ERR_LIMIT);
        check_over(protocol, LANDLINE_ERR_LIMIT);
        landline_protocol_free(both[0]);
        landline_protocol_free(both[1]);
    }
    landline_options_free(options);
}

static void the_end_of_an_opening_handshake_is_remembered(void) {
    static const char REFUSED[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno";
    static const char WRONG[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    static const char BEGUN[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    landline_protocol *client, *server;
    const void *data;
    size_t len;

    OK(landline_protocol_client("ws://a/", NULL, &client));
    CHECK_STATUS(landline_protocol_receive_eof(client), LANDLINE_ERR_HANDSHAKE);
    check_over(client, LANDLINE_ERR_HANDSHAKE);
    landline_protocol_free(client);

    OK(landline_protocol_client("ws://a/", NULL, &client));
    OK(landline_protocol_receive(client, REFUSED, sizeof REFUSED - 1, &len));
    CHECK_STATUS(landline_protocol_receive_eof(client), LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 403);
    check_over(client, LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 403);
    landline_protocol_free(client);

    OK(landline_protocol_client("ws://a/", NULL, &client));
    CHECK_STATUS(landline_protocol_receive(client, WRONG, sizeof WRONG - 1, &len), LANDLINE_ERR_HANDSHAKE);
    check_over(client, LANDLINE_ERR_HANDSHAKE);
    landline_protocol_free(client);

    OK(landline_protocol_server(NULL, &server));
    OK(landline_protocol_receive(server, BEGUN, sizeof BEGUN - 1, &len));
    CHECK_STATUS(landline_protocol_receive_eof(server), LANDLINE_ERR_EOF);
    check_over(server, LANDLINE_ERR_EOF);
    landline_protocol_free(server);

    OK(landline_protocol_server(NULL, &server));
    CHECK_STATUS(landline_protocol_receive(server, "\n", 1, &len), LANDLINE_ERR_REJECTED);
    check_over(server, LANDLINE_ERR_REJECTED);
    landline_protocol_free(server);

    /* The time limit has passed: a server's client is told. */
    OK(landline_protocol_client("ws://a/", NULL, &client));
    CHECK_STATUS(landline_protocol_give_up(client), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
    check_over(client, LANDLINE_TIMED_OUT);
    landline_protocol_free(client);
    OK(landline_protocol_server(NULL, &server));
    OK(landline_protocol_receive(server, BEGUN, sizeof BEGUN - 1, &len));
    CHECK_STATUS(landline_protocol_give_up(server), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 408);
    check_over(server, LANDLINE_ERR_REJECTED);
    OK(landline_protocol_output(server, &data, &len));
    CHECK(len > 12 && memcmp(data, "HTTP/1.1 408", 12) == 0);
    landline_protocol_free(server);

}

/* Headers are sent exactly as given; a folded header is one header. */
static void header_lines(void) {
    static char answer[4096];
    landline_options *options = new_options();
    landline_protocol *client, *server;
    const void *data;
    size_t len, taken;
    OK(landline_options_add_header(options, "appKey", "6f2a"));
    OK(landline_protocol_client("ws://a/caf\xc3\xa9", options, &client));
    OK(landline_protocol_server(options, &server));
    OK(landline_protocol_output(client, &data, &len));
    CHECK(len < sizeof answer);
    memcpy(answer, data, len);
    CHECK_HAS(answer, "GET /caf%C3%A9 HTTP/1.1\r\n");
    CHECK_HAS(answer, "\r\nappKey: 6f2a\r\n");
    hand_over(client, server, 1000);
    next_event(server, LANDLINE_EVENT_OPEN);
    OK(landline_protocol_output(server, &data, &len));
    memset(answer, 0, sizeof answer);
    memcpy(answer, data, len);
    CHECK_HAS(answer, "\r\nappKey: 6f2a\r\n");
    strcpy(answer + len - 2, "X-Policy: a;\r\n b\r\nSec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions:\r\n\r\n");
    OK(landline_protocol_receive(client, answer, strlen(answer), &taken));
    next_event(client, LANDLINE_EVENT_OPEN);
    CHECK_HAS(protocol_str(client, LANDLINE_CONN_HEADERS), "x-policy: a; b\r\n");
    CHECK_TEXT(protocol_str(client, LANDLINE_CONN_SUBPROTOCOL), "");
    landline_protocol_free(client);
    landline_protocol_free(server);
    landline_options_free(options);
}

/* By default, all messages are compressed if the window is kept, and otherwise those that are large enough. */
static void what_is_compressed(void) {
    static const size_t SIZES[] = {0, 1, 127, 128, 1000};
    static const char MESSAGE[1000];
    for (int way = 0; way < 4; way++) {
        static const size_t FROM[] = {0, 128, 0, 1000};
        landline_options *options = with_int(new_options(), LANDLINE_OPT_COMPRESSION, 1);
        landline_protocol *client, *server;
        if (way == 1 || way == 2)
            with_int(options, LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER, 1);
        if (way > 1)
            with_int(options, LANDLINE_OPT_COMPRESSION_THRESHOLD, (int64_t)FROM[way]);
        open_ends(options, &client, &server);
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            const void *data;
            size_t len;
            OK(landline_protocol_send(client, LANDLINE_BINARY, MESSAGE, SIZES[i], 0));
            OK(landline_protocol_output(client, &data, &len));
            CHECK(((const uint8_t *)data)[0] == (SIZES[i] >= FROM[way] ? 0xc2 : 0x82));
            CHECK(SIZES[i] > 0 || ((const uint8_t *)data)[0] == 0x82 || len == 7);
            hand_over(client, server, 1000);
            check_event(server, LANDLINE_EVENT_BINARY, MESSAGE, SIZES[i]);
        }
        landline_protocol_free(client);
        landline_protocol_free(server);
        landline_options_free(options);
    }
}

/* The program does TLS, so it has to set the scheme of the pages that may connect. */
static void origins(void) {
    static const int64_t TOLD[] = {LANDLINE_SCHEME_UNKNOWN, LANDLINE_SCHEME_HTTP, LANDLINE_SCHEME_HTTPS};
    for (size_t i = 0; i < 6; i++) {
        landline_options *ours = with_str(new_options(), LANDLINE_OPT_ORIGIN, i % 2 ? "https://a" : "http://a");
        landline_options *theirs = with_int(new_options(), LANDLINE_OPT_ORIGINS, LANDLINE_ORIGINS_SAME);
        const int64_t told = TOLD[i / 2];
        const int allowed = told == LANDLINE_SCHEME_UNKNOWN || told == (i % 2 ? LANDLINE_SCHEME_HTTPS : LANDLINE_SCHEME_HTTP);
        landline_protocol *client, *server;
        const void *data;
        size_t len;
        with_int(theirs, LANDLINE_OPT_PUBLIC_SCHEME, told);
        OK(landline_protocol_client("ws://a/", ours, &client));
        OK(landline_protocol_server(theirs, &server));
        OK(landline_protocol_output(client, &data, &len));
        CHECK_STATUS(landline_protocol_receive(server, data, len, &len), allowed ? LANDLINE_OK : LANDLINE_ERR_REJECTED);
        landline_protocol_free(client);
        landline_protocol_free(server);
        landline_options_free(ours);
        landline_options_free(theirs);
    }
}

static const char *protocol_request_str(const landline_protocol *protocol, int32_t key) {
    const char *text = NULL;
    size_t len = 0;
    OK(landline_protocol_request_str(protocol, key, &text, &len));
    CHECK(text != NULL && strlen(text) == len);
    return text;
}

/* A client that offers "a" and "b", and a server that supports "b" and is to decide about its request. */
static void ask(landline_protocol **client, landline_protocol **server) {
    landline_options *ours = new_options(), *theirs = new_options();
    const char *text;
    with_str(with_str(ours, LANDLINE_OPT_SUBPROTOCOL, "a"), LANDLINE_OPT_SUBPROTOCOL, "b");
    with_str(ours, LANDLINE_OPT_ORIGIN, "https://page");
    OK(landline_options_add_header(ours, "X-Key", "first"));
    OK(landline_options_add_header(ours, "X-Key", "second"));
    with_str(theirs, LANDLINE_OPT_SUBPROTOCOL, "b");
    OK(landline_options_add_header(theirs, "X-Mine", "1"));
    OK(landline_protocol_client("ws://host.example/chat?room=1", ours, client));
    OK(landline_protocol_server(theirs, server));
    OK(landline_protocol_deciding_by_caller(*server));
    OK(landline_protocol_deciding_by_caller(*client));
    landline_options_free(ours);
    landline_options_free(theirs);
    CHECK_STATUS(landline_protocol_accept(*server, NULL), LANDLINE_ERR_STATE);
    CHECK_STATUS(landline_protocol_reject(*server, 404, NULL, 0), LANDLINE_ERR_STATE);
    CHECK_STATUS(landline_protocol_add_header(*server, "a", "b"), LANDLINE_ERR_STATE);
    CHECK_STATUS(landline_protocol_request_str(*server, LANDLINE_REQUEST_PATH, &text, NULL), LANDLINE_ERR_STATE);
    CHECK_STATUS(landline_protocol_request_header(*server, "host", 0, &text, NULL), LANDLINE_ERR_STATE);
    CHECK_STATUS(landline_protocol_request_subprotocol(*server, 0, &text, NULL), LANDLINE_ERR_STATE);
    hand_over(*client, *server, 7);
    next_event(*server, LANDLINE_EVENT_REQUEST);
    CHECK_IS(event.len, 0);
    next_event(*server, LANDLINE_EVENT_NONE);
    CHECK_IS(protocol_int(*server, LANDLINE_CONN_STATE), LANDLINE_STATE_OPENING);
}

static size_t output_len(const landline_protocol *protocol) {
    const void *data;
    size_t len;
    OK(landline_protocol_output(protocol, &data, &len));
    return len;
}

static void check_content(const landline_protocol *server) {
    const char *text;
    size_t len;
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_PATH), "/chat");
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_QUERY), "room=1");
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_RAW_TARGET), "/chat?room=1");
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_HOST), "host.example");
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_ORIGIN), "https://page");
    CHECK_TEXT(protocol_request_str(server, LANDLINE_REQUEST_PEER_ADDR), "");
    CHECK_HAS(protocol_request_str(server, LANDLINE_REQUEST_HEADERS), "x-key: first\r\nx-key: second\r\n");
    OK(landline_protocol_request_header(server, "X-KEY", 1, &text, &len));
    CHECK_TEXT(text, "second");
    CHECK_IS(len, 6);
    OK(landline_protocol_request_header(server, "X-Key", 2, &text, &len));
    CHECK(text == NULL && len == 0);
    OK(landline_protocol_request_subprotocol(server, 1, &text, &len));
    CHECK_TEXT(text, "b");
    CHECK_IS(len, 1);
    OK(landline_protocol_request_subprotocol(server, 2, &text, &len));
    CHECK(text == NULL && len == 0);
}

static void the_caller_decides_once_about_what_the_options_admit(void) {
    static const struct {
        const char *asked, *agreed;
    } WAYS[] = {{NULL, "b"}, {"", ""}, {"a", "a"}};
    landline_options *options;
    landline_protocol *client, *server;
    const void *data;
    size_t len;

    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        ask(&client, &server);
        check_content(server);
        /* A mistake leaves the request unchanged, and removes the headers again. */
        OK(landline_protocol_add_header(server, "X-Gone", "2"));
        CHECK_STATUS(landline_protocol_accept(server, "c"), LANDLINE_ERR_CONFIG);
        OK(landline_protocol_add_header(server, "Upgrade", "mine"));
        CHECK_STATUS(landline_protocol_accept(server, NULL), LANDLINE_ERR_CONFIG);
        OK(landline_protocol_add_header(server, "Upgrade", "mine"));
        CHECK_STATUS(landline_protocol_reject(server, 404, NULL, 0), LANDLINE_ERR_CONFIG);
        CHECK_STATUS(landline_protocol_reject(server, 101, NULL, 0), LANDLINE_ERR_CONFIG);
        CHECK_STATUS(landline_protocol_reject(server, 204, "body", 4), LANDLINE_ERR_CONFIG);
        CHECK(output_len(server) == 0 && !is_over(server));
        /* A frame that arrives before the decision is kept. */
        OK(landline_protocol_receive(server, "\x81\x85\0\0\0\0early", 11, &len));
        next_event(server, LANDLINE_EVENT_NONE);
        OK(landline_protocol_add_header(server, "appKey", "3"));
        OK(landline_protocol_accept(server, WAYS[i].asked));
        CHECK_STATUS(landline_protocol_accept(server, NULL), LANDLINE_ERR_STATE);
        CHECK_STATUS(landline_protocol_reject(server, 404, NULL, 0), LANDLINE_ERR_STATE);
        next_event(server, LANDLINE_EVENT_OPEN);
        check_event(server, LANDLINE_EVENT_TEXT, "early", 5);
        hand_over(server, client, 100000);
        next_event(client, LANDLINE_EVENT_OPEN);
        CHECK_TEXT(protocol_str(server, LANDLINE_CONN_SUBPROTOCOL), WAYS[i].agreed);
        CHECK_TEXT(protocol_str(client, LANDLINE_CONN_SUBPROTOCOL), WAYS[i].agreed);
        CHECK_HAS(protocol_str(client, LANDLINE_CONN_HEADERS), "x-mine: 1\r\nappkey: 3\r\n");
        CHECK(strstr(protocol_str(client, LANDLINE_CONN_HEADERS), "x-gone") == NULL);
        check_content(server);
        landline_protocol_free(client);
        landline_protocol_free(server);
    }

    ask(&client, &server);
    OK(landline_protocol_add_header(server, "X-Why", "full"));
    OK(landline_protocol_reject(server, 404, "no such room", 12));
    check_over(server, LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 404);
    CHECK_STATUS(landline_protocol_accept(server, NULL), LANDLINE_ERR_REJECTED);
    OK(landline_protocol_output(server, &data, &len));
    CHECK_STATUS(landline_protocol_receive(client, data, len, &len), LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 404);
    CHECK_HAS((const char *)landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, NULL), "x-why: full\r\n");
    CHECK_TEXT((const char *)landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, NULL), "no such room");
    check_content(server);
    landline_protocol_free(client);
    landline_protocol_free(server);

    /* No decision in time. */
    ask(&client, &server);
    CHECK_STATUS(landline_protocol_give_up(server), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 500);
    landline_protocol_free(client);
    landline_protocol_free(server);

    /* The caller does not decide on requests that the options do not admit. */
    options = with_int(with_str(new_options(), LANDLINE_OPT_ORIGIN, "https://b"), LANDLINE_OPT_ORIGINS, LANDLINE_ORIGINS_SAME);
    OK(landline_protocol_client("ws://a/", options, &client));
    OK(landline_protocol_server(options, &server));
    OK(landline_protocol_deciding_by_caller(server));
    OK(landline_protocol_output(client, &data, &len));
    CHECK_STATUS(landline_protocol_receive(server, data, len, &len), LANDLINE_ERR_REJECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 403);
    landline_protocol_free(client);
    landline_protocol_free(server);
    landline_options_free(options);

    /* Too late once the request has arrived. */
    open_ends(NULL, &client, &server);
    OK(landline_protocol_deciding_by_caller(server));
    next_event(server, LANDLINE_EVENT_NONE);
    OK(landline_protocol_send(server, LANDLINE_TEXT, "a", 1, 0));
    landline_protocol_free(client);
    landline_protocol_free(server);
}

int main(int argc, char **argv) {
    static const size_t PIECES[] = {1, 7, 100000};
    begin(argc, argv);
    for (size_t i = 0; i < 3; i++) {
        against_each_other(PIECES[i], 0);
        against_each_other(PIECES[i], 1);
    }
    as_server();
    as_client();
    wrong_peers();
    an_unexpected_end_is_remembered();
    the_end_of_an_opening_handshake_is_remembered();
    header_lines();
    what_is_compressed();
    origins();
    the_caller_decides_once_about_what_the_options_admit();
    return 0;
}
