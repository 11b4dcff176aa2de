/* The opening handshake from both sides: what a server sees of a request, accepts, adds and refuses, and what a client
 * learns of a refusal; origins; time limits and interruptions while connecting and accepting; nobody there.
 */
#include "test.h"

#include <netinet/in.h>
#include <arpa/inet.h>

struct attempt {
    char url[256];
    landline_options *options;
    landline_conn *conn;
    landline_status status;
    int64_t numbers[8];
    char text[512], headers[2048], body[2048];
    size_t body_len;
};

static void *attempt_in_thread(void *argument) {
    struct attempt *attempt = argument;
    const char *data;
    size_t len;
    attempt->status = landline_connect(attempt->url, attempt->options, LONG, &attempt->conn);
    CHECK((attempt->status == LANDLINE_OK) == (attempt->conn != NULL));
    if (attempt->status == LANDLINE_OK)
        return NULL;
    for (int32_t key = LANDLINE_ERROR_STATUS; key <= LANDLINE_ERROR_IS_FATAL; key++)
        attempt->numbers[key] = landline_error_int(key);
    snprintf(attempt->text, sizeof attempt->text, "%s", landline_error_text());
    data = landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, &len);
    CHECK(len < sizeof attempt->headers && data[len] == '\0');
    memcpy(attempt->headers, data, len + 1);
    data = landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, &len);
    CHECK(len < sizeof attempt->body && data[len] == '\0');
    memcpy(attempt->body, data, len + 1);
    attempt->body_len = len;
    return NULL;
}

static pthread_t begin_attempt(struct attempt *attempt, landline_listener *listener, const char *target,
                               landline_options *options) {
    memset(attempt, 0, sizeof *attempt);
    snprintf(attempt->url, sizeof attempt->url, "ws://%s%s", landline_listener_local_addr(listener), target);
    attempt->options = options;
    return start(attempt_in_thread, attempt);
}

static void check_refused(const struct attempt *attempt, int status) {
    CHECK_STATUS(attempt->status, LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(attempt->numbers[LANDLINE_ERROR_STATUS], LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(attempt->numbers[LANDLINE_ERROR_PHASE], LANDLINE_PHASE_HANDSHAKE);
    CHECK_IS(attempt->numbers[LANDLINE_ERROR_HTTP_STATUS], status);
    CHECK_IS(attempt->numbers[LANDLINE_ERROR_CLOSE_CODE], 0);
    CHECK_IS(attempt->numbers[LANDLINE_ERROR_FAULT], 2);
    CHECK(attempt->text[0] != '\0');
}

static void refused(landline_listener *listener) {
    static const char BODY[] = "no such\0 room";
    struct attempt attempt;
    landline_request *request;
    landline_conn *conn;
    pthread_t thread = begin_attempt(&attempt, listener, "/rooms/7", NULL);
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_add_header(request, "X-Reason", "full"));
    OK(landline_request_add_header(request, "Retry-After", "7"));
    OK(landline_request_reject(request, 404, BODY, sizeof BODY - 1));
    CHECK_STATUS(landline_request_accept(request, NULL, &conn), LANDLINE_ERR_STATE);
    /* Its texts remain valid. */
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/rooms/7");
    landline_request_free(request);
    join(thread);
    check_refused(&attempt, 404);
    CHECK_HAS(attempt.headers, "x-reason: full\r\n");
    CHECK_HAS(attempt.headers, "retry-after: 7\r\n");
    CHECK_IS(attempt.body_len, sizeof BODY - 1);
    CHECK(memcmp(attempt.body, BODY, sizeof BODY - 1) == 0);
    /* The failure belongs to the other thread. */
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 0);
}

static void statuses(landline_listener *listener) {
    static const int STATUSES[] = {200, 204, 307, 401, 500, 503, 599};
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++) {
        struct attempt attempt;
        landline_request *request;
        pthread_t thread = begin_attempt(&attempt, listener, "/", NULL);
        OK(landline_listener_accept(listener, LONG, &request));
        OK(landline_request_reject(request, STATUSES[i], NULL, 0));
        landline_request_free(request);
        join(thread);
        check_refused(&attempt, STATUSES[i]);
        CHECK_IS(attempt.body_len, 0);
    }
}

/* A rejection that cannot be sent: the client gets 500. */
static void impossible_statuses(landline_listener *listener) {
    static const int STATUSES[] = {101, 199, 600, 999};
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++) {
        struct attempt attempt;
        landline_request *request;
        landline_status status;
        pthread_t thread = begin_attempt(&attempt, listener, "/", NULL);
        OK(landline_listener_accept(listener, LONG, &request));
        status = landline_request_reject(request, STATUSES[i], NULL, 0);
        CHECK(status == LANDLINE_ERR_INVALID || status == LANDLINE_ERR_CONFIG);
        landline_request_free(request);
        join(thread);
        check_refused(&attempt, 500);
    }
}

static void unanswered(landline_listener *listener) {
    struct attempt attempt;
    landline_request *request;
    pthread_t thread = begin_attempt(&attempt, listener, "/", NULL);
    OK(landline_listener_accept(listener, LONG, &request));
    landline_request_free(request);
    join(thread);
    check_refused(&attempt, 500);
}

static void inspected(landline_listener *listener) {
    struct attempt attempt;
    landline_options *options = new_options();
    landline_request *request;
    landline_conn *server = (landline_conn *)&attempt;
    pthread_t thread;
    const char *value;
    with_str(options, LANDLINE_OPT_ORIGIN, "https://page.example");
    with_str(options, LANDLINE_OPT_SUBPROTOCOL, "best");
    with_str(options, LANDLINE_OPT_SUBPROTOCOL, "second");
    OK(landline_options_add_header(options, "X-Ours", "one"));
    OK(landline_options_add_header(options, "X-Ours", "two"));
    thread = begin_attempt(&attempt, listener, "/a/path?a=b&c", options);
    OK(landline_listener_accept_incoming(listener, LONG, &request));
    OK(landline_request_read(request));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/a/path");
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_QUERY), "a=b&c");
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_HOST), landline_listener_local_addr(listener));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_ORIGIN), "https://page.example");
    CHECK_HAS(request_str(request, LANDLINE_REQUEST_PEER_ADDR), "127.0.0.1:");
    CHECK_HAS(request_str(request, LANDLINE_REQUEST_HEADERS), "x-ours: one\r\n");
    CHECK_HAS(request_str(request, LANDLINE_REQUEST_HEADERS), "sec-websocket-version: 13\r\n");
    CHECK_TEXT(request_header(request, "x-OURS", 0), "one");
    CHECK_TEXT(request_header(request, "X-Ours", 1), "two");
    CHECK(request_header(request, "X-Ours", 2) == NULL);
    CHECK(request_header(request, "X-Not", 0) == NULL);
    CHECK_TEXT(request_subprotocol(request, 0), "best");
    CHECK_TEXT(request_subprotocol(request, 1), "second");
    CHECK(request_subprotocol(request, 2) == NULL);
    OK(landline_request_add_header(request, "X-Theirs", "three"));
    OK(landline_request_accept(request, "second", &server));
    join(thread);
    OK(attempt.status);
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/a/path");
    landline_request_free(request);
    CHECK_TEXT(conn_str(attempt.conn, LANDLINE_CONN_SUBPROTOCOL), "second");
    CHECK_TEXT(conn_str(server, LANDLINE_CONN_SUBPROTOCOL), "second");
    OK(landline_conn_header(attempt.conn, "x-theirs", 0, &value, NULL));
    CHECK_TEXT(value, "three");
    close_both(attempt.conn, server);

    /* None, although some are offered. */
    thread = begin_attempt(&attempt, listener, "/", options);
    OK(landline_listener_accept(listener, LONG, &request));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_QUERY), "");
    OK(landline_request_accept(request, "", &server));
    join(thread);
    landline_request_free(request);
    CHECK_TEXT(conn_str(attempt.conn, LANDLINE_CONN_SUBPROTOCOL), "");
    close_both(attempt.conn, server);

    /* One that is not offered. */
    thread = begin_attempt(&attempt, listener, "/", options);
    OK(landline_listener_accept(listener, LONG, &request));
    CHECK_STATUS(landline_request_accept(request, "third", &server), LANDLINE_ERR_CONFIG);
    CHECK(server == NULL);
    join(thread);
    landline_request_free(request);
    check_refused(&attempt, 500);
    landline_options_free(options);
}

/* Headers that could not be sent to any client are reported before there is one. */
static void reserved_headers(void) {
    landline_options *options = new_options();
    landline_listener *listener = (landline_listener *)&options;
    landline_server *server = (landline_server *)&options;
    landline_request *request = (landline_request *)&options;
    landline_protocol *protocol = (landline_protocol *)&options;
    landline_conn *conn = (landline_conn *)&options;
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    OK(landline_options_add_header(options, "X-Mine", "1"));
    OK(landline_options_add_header(options, "Upgrade", "mine"));
    CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "header upgrade is written by the library");
    CHECK_STATUS(landline_server_bind("127.0.0.1:0", options, &server), LANDLINE_ERR_CONFIG);
    CHECK_STATUS(landline_request_from_fd(both[0], 0, options, LONG, &request), LANDLINE_ERR_CONFIG);
    CHECK_STATUS(landline_accept_fd(both[0], 0, options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_STATUS(landline_protocol_server(options, &protocol), LANDLINE_ERR_CONFIG);
    CHECK_STATUS(landline_protocol_client("ws://a/", options, &protocol), LANDLINE_ERR_CONFIG);
    CHECK(listener == NULL && server == NULL && request == NULL && protocol == NULL && conn == NULL);
    landline_options_free(options);
    close(both[0]);
    close(both[1]);
}

/* Non-ASCII bytes in the target, and empty lists; headers of the response. */
static void raw_target(void) {
    static const char REQUEST[] = "GET /caf\xc3\xa9?q=\xfc HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions: \r\n\r\n";
    landline_options *options = new_options();
    landline_request *request;
    landline_conn *conn;
    char answer[1024] = "";
    int both[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    write_all(both[0], REQUEST, sizeof REQUEST - 1);
    OK(landline_options_add_header(options, "X-Every", "1"));
    OK(landline_request_from_fd(both[1], 1, options, LONG, &request));
    landline_options_free(options);
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/caf%C3%A9");
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_QUERY), "q=%FC");
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_RAW_TARGET), "/caf\xc3\xa9?q=\xfc");
    CHECK(request_subprotocol(request, 0) == NULL);
    OK(landline_request_add_header(request, "appKey", "6f2a"));
    OK(landline_request_accept(request, NULL, &conn));
    CHECK_TEXT(conn_str(conn, LANDLINE_CONN_TARGET), "/caf%C3%A9?q=%FC");
    CHECK(read(both[0], answer, sizeof answer - 1) > 0);
    /* Those of the server's options come first. */
    CHECK_HAS(answer, "\r\nX-Every: 1\r\nappKey: 6f2a\r\n");
    landline_request_free(request);
    landline_conn_free(conn);
    close(both[0]);
}

static void one_origin(landline_listener *listener, const char *origin, int allowed) {
    struct attempt attempt;
    landline_options *options = with_str(new_options(), LANDLINE_OPT_ORIGIN, origin);
    landline_request *request = (landline_request *)&attempt;
    landline_conn *server;
    pthread_t thread = begin_attempt(&attempt, listener, "/", options);
    if (allowed) {
        OK(landline_listener_accept(listener, LONG, &request));
        OK(landline_request_accept(request, NULL, &server));
        join(thread);
        OK(attempt.status);
        landline_request_free(request);
        close_both(attempt.conn, server);
    } else {
        CHECK_STATUS(landline_listener_accept(listener, LONG, &request), LANDLINE_ERR_REJECTED);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 403);
        CHECK(request == NULL);
        join(thread);
        check_refused(&attempt, 403);
    }
    landline_options_free(options);
}

static void origins(void) {
    landline_options *options = new_options();
    landline_listener *listener;
    char same[128], other[128];
    with_int(options, LANDLINE_OPT_ORIGINS, LANDLINE_ORIGINS_SAME);
    OK(landline_listen("127.0.0.1:0", options, &listener));
    snprintf(same, sizeof same, "http://%s", landline_listener_local_addr(listener));
    snprintf(other, sizeof other, "https://%s", landline_listener_local_addr(listener));
    one_origin(listener, same, 1);
    one_origin(listener, other, 1);
    one_origin(listener, "http://page.example", 0);
    one_origin(listener, "https://127.0.0.1", 0);
    one_origin(listener, NULL, 1);
    landline_listener_free(listener);
    /* A proxy in front of the server does TLS, or it is known that none does. */
    for (int64_t scheme = LANDLINE_SCHEME_HTTP; scheme <= LANDLINE_SCHEME_HTTPS; scheme++) {
        with_int(options, LANDLINE_OPT_PUBLIC_SCHEME, scheme);
        OK(landline_listen("127.0.0.1:0", options, &listener));
        snprintf(same, sizeof same, "http://%s", landline_listener_local_addr(listener));
        snprintf(other, sizeof other, "https://%s", landline_listener_local_addr(listener));
        one_origin(listener, same, scheme == LANDLINE_SCHEME_HTTP);
        one_origin(listener, other, scheme == LANDLINE_SCHEME_HTTPS);
        landline_listener_free(listener);
    }
    with_int(options, LANDLINE_OPT_PUBLIC_SCHEME, LANDLINE_SCHEME_UNKNOWN);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_PUBLIC_SCHEME, 3), LANDLINE_ERR_INVALID);
    with_str(options, LANDLINE_OPT_ALLOWED_ORIGIN, "https://page.example");
    with_str(options, LANDLINE_OPT_ALLOWED_ORIGIN, "https://other.example");
    OK(landline_listen("127.0.0.1:0", options, &listener));
    one_origin(listener, "https://page.example", 1);
    one_origin(listener, "https://other.example", 1);
    one_origin(listener, "https://page.example.evil", 0);
    landline_listener_free(listener);
    with_int(options, LANDLINE_OPT_ORIGINS, LANDLINE_ORIGINS_ANY);
    OK(landline_listen("127.0.0.1:0", options, &listener));
    one_origin(listener, "https://page.example.evil", 1);
    landline_listener_free(listener);
    landline_options_free(options);
}

static void *interrupt_listener(void *listener) {
    OK(landline_listener_interrupt(listener));
    return NULL;
}

static void *interrupt_interrupter(void *interrupter) {
    OK(landline_interrupter_interrupt(interrupter));
    return NULL;
}

static void *abort_interrupter(void *interrupter) {
    OK(landline_interrupter_abort(interrupter));
    return NULL;
}

static void limits(landline_listener *listener) {
    landline_request *request = (landline_request *)&listener;
    landline_options *options = new_options();
    landline_interrupter *interrupter;
    landline_conn *conn = (landline_conn *)&listener;
    char url[256];
    pthread_t thread;
    long long began = now_ms();
    snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
    CHECK_STATUS(landline_listener_accept(listener, 0, &request), LANDLINE_TIMED_OUT);
    CHECK(request == NULL);
    CHECK_STATUS(landline_listener_accept(listener, 50, &request), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_ACCEPT);
    CHECK_STATUS(landline_listener_accept_incoming(listener, 50, &request), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began >= 98);
    thread = start(interrupt_listener, listener);
    CHECK_STATUS(landline_listener_accept(listener, LONG, &request), LANDLINE_INTERRUPTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_ACCEPT);
    join(thread);

    OK(landline_interrupter_new(&interrupter));
    OK(landline_options_set_interrupter(options, interrupter));
    thread = start(interrupt_interrupter, interrupter);
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_INTERRUPTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
    CHECK_HAS(landline_error_text(), "interrupted during the opening handshake");
    CHECK(conn == NULL);
    join(thread);
    began = now_ms();
    CHECK_STATUS(landline_connect(url, options, 80, &conn), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began >= 79);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
    with_int(options, LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, 80);
    CHECK_STATUS(landline_connect(url, options, -1, &conn), LANDLINE_TIMED_OUT);
    thread = start(abort_interrupter, interrupter);
    CHECK(landline_connect(url, options, LONG, &conn) != LANDLINE_OK);
    join(thread);
    landline_interrupter_free(interrupter);
    landline_options_free(options);
    /* Those clients are still in the queue, although they are gone. */
    while (landline_listener_accept(listener, 0, &request) != LANDLINE_TIMED_OUT)
        landline_request_free(request);
}

/* A port on which nothing listens: bound, but not listening. */
static void nobody_there(void) {
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    landline_conn *conn;
    char url[128], name[80];
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", ntohs(address.sin_port));
    CHECK_STATUS(landline_connect(url, NULL, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ECONNREFUSED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_CONNECT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_NETWORK);
    snprintf(name, sizeof name, "cannot connect to 127.0.0.1:%d: %s", ntohs(address.sin_port), strerror(ECONNREFUSED));
    CHECK_HAS(landline_error_text(), name);
    close(fd);
    /* A name that is too long to look up, so that no name server is asked. */
    memset(name, 'a', 64);
    snprintf(name + 64, sizeof name - 64, ".invalid");
    snprintf(url, sizeof url, "ws://%s/", name);
    CHECK_STATUS(landline_connect(url, NULL, LONG, &conn), LANDLINE_ERR_RESOLVE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_RESOLVE);
}

/* A self-signed certificate. */
static void untrusted(void) {
    landline_options *options = with_identity(new_options());
    struct attempt attempt;
    landline_listener *listener;
    landline_request *request;
    pthread_t thread;
    OK(landline_listen("127.0.0.1:0", options, &listener));
    landline_options_free(options);
    memset(&attempt, 0, sizeof attempt);
    options = with_int(new_options(), LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0);
    attempt.options = options;
    snprintf(attempt.url, sizeof attempt.url, "wss://%s/", landline_listener_local_addr(listener));
    thread = start(attempt_in_thread, &attempt);
    CHECK(landline_listener_accept(listener, LONG, &request) <= -100);
    join(thread);
    CHECK_STATUS(attempt.status, LANDLINE_ERR_TLS);
    CHECK_HAS(attempt.text, "TLS handshake failed: peer's certificate is self-signed and not trusted: ");
    CHECK_HAS(attempt.text, "; trust its issuer with LANDLINE_OPT_TLS_CA_FILE or LANDLINE_OPT_TLS_CA_PEM");
    CHECK_IS(attempt.numbers[LANDLINE_ERROR_PHASE], LANDLINE_PHASE_TLS);
    CHECK_IS(attempt.numbers[LANDLINE_ERROR_HTTP_STATUS], 0);
    landline_options_free(options);
    landline_listener_free(listener);
}

int main(int argc, char **argv) {
    landline_listener *listener;
    begin(argc, argv);
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    refused(listener);
    statuses(listener);
    impossible_statuses(listener);
    unanswered(listener);
    inspected(listener);
    limits(listener);
    landline_listener_free(listener);
    reserved_headers();
    raw_target();
    origins();
    nobody_there();
    untrusted();
    return 0;
}
