/* Misuse of every exported function: NULL handles and pointers, unknown keys, kinds and flags, impossible lengths.
 * Each gives an error that names the argument, or a neutral value, and nothing crashes; the handles work afterwards.
 *
 * The runner checks that every function of the header is in this file.
 */
#include "test.h"

#include <limits.h>

#define MISUSE(call, expected, named) \
    do { \
        CHECK(landline_error_text() != NULL); \
        CHECK_STATUS(call, expected); \
        CHECK_HAS(landline_error_text(), named); \
        CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), expected); \
        CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_CALLER); \
        CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0); \
    } while (0)

#define IS_NULL(call, argument) MISUSE(call, LANDLINE_ERR_NULL, argument " is NULL")
#define INVALID(call, named) MISUSE(call, LANDLINE_ERR_INVALID, named)
#define NOT_UTF8(call, argument) MISUSE(call, LANDLINE_ERR_UTF8, argument " is not UTF-8")

/* A handle that must be NULL after a failure. */
#define STALE ((void *)&stale)
static char stale;
static const char LATIN[] = "\xe4";

static void frees(void) {
    landline_conn_free(NULL);
    landline_message_free(NULL);
    landline_options_free(NULL);
    landline_interrupter_free(NULL);
    landline_listener_free(NULL);
    landline_request_free(NULL);
    landline_protocol_free(NULL);
    landline_server_free(NULL);
    landline_session_free(NULL);
    landline_writer_free(NULL);
    landline_tls_free(NULL);
}

static void neutral_values(void) {
    CHECK(landline_conn_retain(NULL) == NULL);
    CHECK(landline_conn_user(NULL) == NULL);
    CHECK(landline_listener_local_addr(NULL) == NULL);
    CHECK(landline_server_local_addr(NULL) == NULL);
    CHECK_IS(landline_server_connections(NULL), 0);
    CHECK_IS(landline_message_kind(NULL), 0);
    CHECK(landline_message_data(NULL) == NULL);
    CHECK_IS(landline_message_len(NULL), 0);
    CHECK(landline_status_name(INT_MIN) != NULL && landline_status_text(INT_MAX) != NULL);
    CHECK_IS(landline_status_is_fatal(INT_MAX), 0);
    CHECK(landline_version() != NULL && landline_version_number() >= 0 && landline_abi_version() >= 0);
    CHECK(landline_features() != 0);
}

/* Asking about an error never replaces it by another. */
static void errors(void) {
    const int32_t keys[] = {LANDLINE_ERROR_HTTP_BODY, LANDLINE_ERROR_HTTP_HEADERS, LANDLINE_ERROR_STATUS, 0, INT_MIN};
    CHECK_IS(landline_error_int(0), 0);
    CHECK_IS(landline_error_int(INT_MAX), 0);
    CHECK_IS(landline_error_int(INT_MIN), 0);
    IS_NULL(landline_conn_flush(NULL, 0), "conn");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t len = 1;
        const char *data = landline_error_bytes(keys[i], &len);
        CHECK(data != NULL && len == 0 && *data == '\0');
        CHECK_TEXT((const char *)landline_error_bytes(keys[i], NULL), "");
        CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), LANDLINE_ERR_NULL);
    }
    INVALID(landline_log_set(-1, NULL, NULL), "level");
    INVALID(landline_log_set(6, NULL, NULL), "level");
    OK(landline_log_set(LANDLINE_LOG_DEBUG, NULL, NULL));
}

static void options(void) {
    landline_options *options = new_options();
    static const int32_t NO_INT[] = {0, -1, 98, 99, 101, 201, INT_MAX, INT_MIN};
    static const int32_t NO_STR[] = {0, -1, 1, 100, 109, 201, INT_MAX, INT_MIN};
    static const int32_t NO_BYTES[] = {0, -1, 1, 101, 200, 216, INT_MAX, INT_MIN};
    landline_cookie_jar *jar;
    char place[8];
    size_t len;
    IS_NULL(landline_options_new(NULL), "options");
    IS_NULL(landline_options_set_int(NULL, LANDLINE_OPT_COMPRESSION, 1), "options");
    IS_NULL(landline_options_set_str(NULL, LANDLINE_OPT_HOST, "a"), "options");
    IS_NULL(landline_options_set_bytes(NULL, LANDLINE_OPT_TLS_CA_PEM, "a", 1), "options");
    IS_NULL(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CA_PEM, NULL, 1), "data");
    IS_NULL(landline_options_add_header(NULL, "a", "b"), "options");
    IS_NULL(landline_options_add_header(options, NULL, "b"), "name");
    IS_NULL(landline_options_add_header(options, "a", NULL), "value");
    IS_NULL(landline_options_add_proxy_header(NULL, "a", "b"), "options");
    IS_NULL(landline_options_add_proxy_header(options, NULL, "b"), "name");
    IS_NULL(landline_options_add_proxy_header(options, "a", NULL), "value");
    IS_NULL(landline_options_add_cert_files(NULL, "a", "b"), "options");
    IS_NULL(landline_options_add_cert_files(options, NULL, "b"), "cert_file");
    IS_NULL(landline_options_add_cert_files(options, "a", NULL), "key_file");
    IS_NULL(landline_options_add_cert_pem(NULL, "a", 1), "options");
    IS_NULL(landline_options_add_cert_pem(options, NULL, 1), "data");
    NOT_UTF8(landline_options_add_cert_files(options, LATIN, "b"), "cert_file");
    NOT_UTF8(landline_options_add_cert_files(options, "a", LATIN), "key_file");
    IS_NULL(landline_options_set_interrupter(NULL, NULL), "options");
    IS_NULL(landline_options_set_resolver(NULL, NULL, NULL, NULL), "options");
    IS_NULL(landline_options_set_on_socket(NULL, NULL, NULL, NULL), "options");
    IS_NULL(landline_addresses_add(NULL, "127.0.0.1"), "addresses");
    IS_NULL(landline_options_set_bearer(NULL, NULL, NULL, NULL), "options");
    IS_NULL(landline_options_set_on_challenge(NULL, NULL, NULL, NULL), "options");
    IS_NULL(landline_options_set_cookie_jar(NULL, NULL), "options");
    IS_NULL(landline_options_add_cookie(NULL, "a", "b"), "options");
    IS_NULL(landline_options_add_cookie(options, NULL, "b"), "name");
    IS_NULL(landline_options_add_cookie(options, "a", NULL), "value");
    IS_NULL(landline_cookie_jar_new(NULL), "jar");
    OK(landline_cookie_jar_new(&jar));
    IS_NULL(landline_cookie_jar_cookies(NULL, "ws://a", place, sizeof place, &len), "jar");
    IS_NULL(landline_cookie_jar_cookies(jar, NULL, place, sizeof place, &len), "url");
    IS_NULL(landline_cookie_jar_cookies(jar, "ws://a", NULL, 1, &len), "data");
    IS_NULL(landline_cookie_jar_cookies(jar, "ws://a", place, sizeof place, NULL), "len");
    landline_cookie_jar_free(jar);
    landline_cookie_jar_free(NULL);
    for (size_t i = 0; i < sizeof NO_INT / sizeof *NO_INT; i++)
        INVALID(landline_options_set_int(options, NO_INT[i], 1), "option");
    for (size_t i = 0; i < sizeof NO_STR / sizeof *NO_STR; i++)
        INVALID(landline_options_set_str(options, NO_STR[i], "a"), "option");
    for (size_t i = 0; i < sizeof NO_BYTES / sizeof *NO_BYTES; i++)
        INVALID(landline_options_set_bytes(options, NO_BYTES[i], "a", 1), "option");
    for (int32_t key = LANDLINE_OPT_MAX_MESSAGE_SIZE; key <= LANDLINE_OPT_UNIX_MODE; key++)
        INVALID(landline_options_set_int(options, key, INT64_MIN), "out of range");
    INVALID(landline_options_set_int(options, LANDLINE_OPT_COMPRESSION, 2), "out of range");
    INVALID(landline_options_set_int(options, LANDLINE_OPT_ORIGINS, 3), "out of range");
    INVALID(landline_options_set_int(options, LANDLINE_OPT_CLOSE_TIMEOUT_MS, -2), "out of range");
    INVALID(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CA_PEM, "a", SIZE_MAX), "data");
    INVALID(landline_options_add_header(options, "a b", "c"), "header name");
    INVALID(landline_options_add_header(options, "", "c"), "header name");
    INVALID(landline_options_add_header(options, "a", "b\r\nc: d"), "header a");
    NOT_UTF8(landline_options_set_str(options, LANDLINE_OPT_HOST, LATIN), "value");
    NOT_UTF8(landline_options_add_header(options, LATIN, "b"), "name");
    NOT_UTF8(landline_options_add_header(options, "a", LATIN), "value");
    INVALID(landline_options_add_cookie(options, "a", "b; c=d"), "cookie");
    NOT_UTF8(landline_options_add_cookie(options, "a", LATIN), "value");
    OK(landline_options_set_bearer(options, NULL, NULL, NULL));
    OK(landline_options_set_on_challenge(options, NULL, NULL, NULL));
    OK(landline_options_set_cookie_jar(options, NULL));
    OK(landline_options_set_str(options, LANDLINE_OPT_HOST, NULL));
    OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CA_PEM, NULL, 0));
    OK(landline_options_set_interrupter(options, NULL));
    landline_options_free(options);
}

static void interrupters(void) {
    IS_NULL(landline_interrupter_new(NULL), "interrupter");
    IS_NULL(landline_interrupter_interrupt(NULL), "interrupter");
    IS_NULL(landline_interrupter_abort(NULL), "interrupter");
}

/* The largest limits that can be set do not overflow anything. */
static void greatest(void) {
    landline_options *options = new_options();
    landline_conn *client, *server;
    uint64_t microseconds;
    static const int32_t GREAT[] = {
        LANDLINE_OPT_SEND_TIMEOUT_MS,       LANDLINE_OPT_RECV_TIMEOUT_MS,    LANDLINE_OPT_CLOSE_TIMEOUT_MS,
        LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, LANDLINE_OPT_CONNECT_TIMEOUT_MS,
        LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS,  LANDLINE_OPT_MAX_MESSAGE_SIZE,     LANDLINE_OPT_MAX_HEAD_SIZE,
        LANDLINE_OPT_MAX_HEADERS,           LANDLINE_OPT_MAX_START_LINE,       LANDLINE_OPT_MAX_REFUSAL_BODY,
        LANDLINE_OPT_MAX_CONNECTIONS,
    };
    for (size_t i = 0; i < sizeof GREAT / sizeof *GREAT; i++)
        with_int(options, GREAT[i], INT64_MAX);
    with_int(options, LANDLINE_OPT_MAX_FRAGMENTS, UINT32_MAX);
    OK(landline_pair(options, options, &client, &server));
    landline_options_free(options);
    OK(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 0, INT32_MAX));
    expect(server, LANDLINE_TEXT, "a", 1);
    CHECK_STATUS(landline_conn_ping_wait(client, 0, &microseconds), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_conn_ping_wait(client, 1, &microseconds), LANDLINE_TIMED_OUT);
    close_both(client, server);
}

static int frees_called;

static int64_t table_read(void *data, size_t capacity, void *user) {
    (void)data, (void)capacity, (void)user;
    return 0;
}

static int64_t table_write(const void *data, size_t len, void *user) {
    (void)data, (void)user;
    return (int64_t)len;
}

static int32_t table_wait(int32_t wanted, int32_t wake_fd, int32_t timeout_ms, void *user) {
    (void)wake_fd, (void)timeout_ms, (void)user;
    return wanted;
}

static void table_end(void *user) {
    (void)user;
}

static void table_free(void *user) {
    (void)user;
    frees_called++;
}

static const landline_transport TABLE = {
    sizeof(landline_transport), table_read, table_write, table_wait, table_end, table_end, table_free,
};

static void opening(void) {
    landline_conn *conn = STALE, *other = STALE;
    landline_listener *listener = STALE;
    landline_server *server = STALE;
    landline_options *wrong = new_options();

    IS_NULL(landline_connect(NULL, NULL, 0, &conn), "url");
    CHECK(conn == NULL);
    IS_NULL(landline_connect("ws://127.0.0.1:1/", NULL, 0, NULL), "conn");
    conn = STALE;
    NOT_UTF8(landline_connect(LATIN, NULL, 0, &conn), "url");
    CHECK(conn == NULL);
    MISUSE(landline_connect("http://127.0.0.1/", NULL, 0, &conn), LANDLINE_ERR_URL, "http");
    MISUSE(landline_connect("", NULL, 0, &conn), LANDLINE_ERR_URL, "");

    IS_NULL(landline_accept_fd(0, 0, NULL, 0, NULL), "conn");
    INVALID(landline_accept_fd(-1, 1, NULL, 0, &conn), "descriptor");
    INVALID(landline_accept_fd(INT_MAX, 0, NULL, 0, &conn), "descriptor");
    IS_NULL(landline_connect_fd(0, 0, NULL, NULL, 0, &conn), "url");
    IS_NULL(landline_connect_fd(0, 0, "ws://a/", NULL, 0, NULL), "conn");
    INVALID(landline_connect_fd(-1, 0, "ws://a/", NULL, 0, &conn), "descriptor");
    INVALID(landline_connect_fd(-1, 1, "ws://a/", NULL, 0, &conn), "descriptor");
    INVALID(landline_connect_fd(INT_MIN, 1, "ws://a/", NULL, 0, &conn), "descriptor");
    INVALID(landline_connect_fd(INT_MAX, 0, "ws://a/", NULL, 0, &conn), "descriptor");

    IS_NULL(landline_pair(NULL, NULL, NULL, &other), "client");
    other = conn = STALE;
    IS_NULL(landline_pair(NULL, NULL, &conn, NULL), "server");
    CHECK(conn == NULL);

    IS_NULL(landline_listen(NULL, NULL, &listener), "address");
    CHECK(listener == NULL);
    IS_NULL(landline_listen("127.0.0.1:0", NULL, NULL), "listener");
    NOT_UTF8(landline_listen(LATIN, NULL, &listener), "address");
    CHECK(landline_listen("nonsense", NULL, &listener) < 0 && listener == NULL);
    IS_NULL(landline_server_bind(NULL, NULL, &server), "address");
    CHECK(server == NULL);
    IS_NULL(landline_server_bind("127.0.0.1:0", NULL, NULL), "server");
    NOT_UTF8(landline_server_bind(LATIN, NULL, &server), "address");
    CHECK(landline_server_bind("nonsense", NULL, &server) < 0 && server == NULL);
    IS_NULL(landline_listen_fd(0, 0, NULL, NULL), "listener");
    INVALID(landline_listen_fd(-1, 0, NULL, &listener), "descriptor");
    INVALID(landline_listen_fd(INT_MAX, 0, NULL, &listener), "descriptor");
    CHECK(listener == NULL);
    IS_NULL(landline_server_bind_fd(0, 0, NULL, NULL), "server");
    INVALID(landline_server_bind_fd(-1, 1, NULL, &server), "descriptor");
    CHECK(server == NULL);

    /* Options that do not fit together are reported when they are used. */
    with_str(wrong, LANDLINE_OPT_TLS_CERT_FILE, "/nonexistent");
    MISUSE(landline_listen("127.0.0.1:0", wrong, &listener), LANDLINE_ERR_CONFIG, "LANDLINE_OPT_TLS_KEY_FILE");
    with_str(wrong, LANDLINE_OPT_TLS_KEY_FILE, "/nonexistent");
    CHECK_STATUS(landline_listen("127.0.0.1:0", wrong, &listener), LANDLINE_ERR_TLS);
    CHECK_HAS(landline_error_text(), "/nonexistent");
    with_str(wrong, LANDLINE_OPT_TLS_CERT_FILE, in_directory("cert.pem"));
    with_str(wrong, LANDLINE_OPT_TLS_KEY_FILE, in_directory("cert.pem"));
    CHECK_STATUS(landline_listen("127.0.0.1:0", wrong, &listener), LANDLINE_ERR_TLS);
    landline_options_free(wrong);
}

/* Callbacks: `free` is called whatever is wrong, unless the table itself is. */
static void transports(void) {
    landline_transport table = TABLE;
    landline_conn *conn = STALE;
    landline_request *request = STALE;
    IS_NULL(landline_accept_transport(NULL, NULL, NULL, 0, &conn), "transport");
    IS_NULL(landline_connect_transport(NULL, NULL, "ws://a/", NULL, 0, &conn), "transport");
    IS_NULL(landline_request_from_transport(NULL, NULL, NULL, 0, &request), "transport");
    table.size = sizeof table - 1;
    INVALID(landline_connect_transport(&table, NULL, "ws://a/", NULL, 0, &conn), "size");
    INVALID(landline_request_from_transport(&table, NULL, NULL, 0, &request), "size");
    table = TABLE, table.read = NULL;
    IS_NULL(landline_connect_transport(&table, NULL, "ws://a/", NULL, 0, &conn), "a function of the transport");
    table = TABLE, table.write = NULL;
    IS_NULL(landline_connect_transport(&table, NULL, "ws://a/", NULL, 0, &conn), "a function of the transport");
    table = TABLE, table.wait = NULL;
    IS_NULL(landline_connect_transport(&table, NULL, "ws://a/", NULL, 0, &conn), "a function of the transport");
    table = TABLE, table.close_write = NULL;
    IS_NULL(landline_connect_transport(&table, NULL, "ws://a/", NULL, 0, &conn), "a function of the transport");
    table = TABLE, table.abort = NULL;
    IS_NULL(landline_request_from_transport(&table, NULL, NULL, 0, &request), "a function of the transport");
    CHECK(conn == NULL && request == NULL);
    CHECK_IS(frees_called, 0);
    NOT_UTF8(landline_connect_transport(&TABLE, NULL, LATIN, NULL, 0, &conn), "url");
    CHECK_IS(frees_called, 1);
    MISUSE(landline_connect_transport(&TABLE, NULL, "a", NULL, 0, &conn), LANDLINE_ERR_URL, "");
    CHECK_IS(frees_called, 2);
    CHECK(landline_connect_transport(&TABLE, NULL, "ws://a/", NULL, LONG, &conn) < 0 && conn == NULL);
    CHECK_IS(frees_called, 3);
    CHECK(landline_request_from_transport(&TABLE, NULL, NULL, LONG, &request) < 0 && request == NULL);
    CHECK_IS(frees_called, 4);
    IS_NULL(landline_connect_transport(&TABLE, NULL, NULL, NULL, 0, &conn), "url");
    CHECK_IS(frees_called, 5);
    IS_NULL(landline_connect_transport(&TABLE, NULL, "ws://a/", NULL, 0, NULL), "conn");
    CHECK_IS(frees_called, 6);
    IS_NULL(landline_request_from_transport(&TABLE, NULL, NULL, 0, NULL), "request");
    CHECK_IS(frees_called, 7);
}

/* Every misuse of a connection, which then still works. */
static void connection(landline_conn *client, landline_conn *server) {
    int16_t events;
    landline_message *message = STALE;
    landline_writer *writer = STALE;
    landline_tls *info = STALE;
    landline_slice part = {NULL, 1}, huge = {"a", SIZE_MAX};
    const char *text = NULL;
    int64_t number;
    int32_t kind;
    size_t len;
    uint64_t microseconds;
    char byte, long_reason[124];
    const void *data;
    int32_t fd;
    static const int32_t NO_INT[] = {0, -1, 98, 99, 101, INT_MAX, INT_MIN};
    static const int32_t NO_STR[] = {0, -1, 1, 100, 109, 199, INT_MAX, INT_MIN};
    static const int32_t NO_CODE[] = {INT_MIN, -1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65536 + 1000, INT_MAX};
    memset(long_reason, 'a', sizeof long_reason);

    IS_NULL(landline_conn_interrupt(NULL, LANDLINE_DIRECTION_BOTH), "conn");
    INVALID(landline_conn_interrupt(client, 0), "direction");
    INVALID(landline_conn_interrupt(client, 4), "direction");
    IS_NULL(landline_conn_detach(NULL, 0, &fd, &data, &len), "conn");
    IS_NULL(landline_conn_detach(client, 0, NULL, &data, &len), "fd");
    IS_NULL(landline_conn_detach(client, 0, &fd, NULL, &len), "data");
    IS_NULL(landline_conn_detach(client, 0, &fd, &data, NULL), "len");
    IS_NULL(landline_conn_abort(NULL), "conn");
    IS_NULL(landline_conn_set_user(NULL, NULL), "conn");

    IS_NULL(landline_conn_int(NULL, LANDLINE_CONN_STATE, &number), "conn");
    IS_NULL(landline_conn_int(client, LANDLINE_CONN_STATE, NULL), "value");
    for (size_t i = 0; i < sizeof NO_INT / sizeof *NO_INT; i++)
        INVALID(landline_conn_int(client, NO_INT[i], &number), "key");
    IS_NULL(landline_conn_poll_events(NULL, &events), "conn");
    IS_NULL(landline_conn_poll_events(client, NULL), "events");
    IS_NULL(landline_conn_str(NULL, LANDLINE_CONN_TARGET, &text, &len), "conn");
    IS_NULL(landline_conn_tls(NULL, &info), "conn");
    IS_NULL(landline_conn_tls(client, NULL), "info");
    MISUSE(landline_conn_tls(client, &info), LANDLINE_ERR_UNSUPPORTED, "TLS");
    CHECK(info == NULL);
    IS_NULL(landline_conn_str(client, LANDLINE_CONN_TARGET, NULL, &len), "text");
    for (size_t i = 0; i < sizeof NO_STR / sizeof *NO_STR; i++)
        INVALID(landline_conn_str(client, NO_STR[i], &text, &len), "key");
    INVALID(landline_conn_int(client, LANDLINE_CONN_SUBPROTOCOL, &number), "LANDLINE_CONN_SUBPROTOCOL");
    CHECK_HAS(landline_error_text(), "landline_conn_str()");
    INVALID(landline_conn_str(client, LANDLINE_CONN_STATE, &text, &len), "LANDLINE_CONN_STATE");
    CHECK_HAS(landline_error_text(), "landline_conn_int()");
    CHECK(text == NULL);
    OK(landline_conn_str(client, LANDLINE_CONN_TARGET, &text, NULL));
    IS_NULL(landline_conn_header(NULL, "a", 0, &text, NULL), "conn");
    IS_NULL(landline_conn_header(client, NULL, 0, &text, NULL), "name");
    IS_NULL(landline_conn_header(client, "a", 0, NULL, NULL), "value");
    NOT_UTF8(landline_conn_header(client, LATIN, 0, &text, NULL), "name");
    OK(landline_conn_header(client, "upgrade", SIZE_MAX, &text, NULL));
    CHECK(text == NULL);

    IS_NULL(landline_conn_recv(NULL, 0, &message), "conn");
    IS_NULL(landline_conn_recv(client, 0, NULL), "message");
    IS_NULL(landline_conn_recv_ref(NULL, 0, &message), "conn");
    IS_NULL(landline_conn_recv_ref(client, 0, NULL), "message");
    IS_NULL(landline_conn_recv_into(NULL, &byte, 1, 0, &kind, &len), "conn");
    IS_NULL(landline_conn_recv_into(client, NULL, 1, 0, &kind, &len), "data");
    IS_NULL(landline_conn_recv_into(client, &byte, 1, 0, NULL, &len), "kind");
    IS_NULL(landline_conn_recv_into(client, &byte, 1, 0, &kind, NULL), "len");
    INVALID(landline_conn_recv_into(client, &byte, 0, 0, &kind, &len), "data");
    INVALID(landline_conn_recv_into(client, NULL, 0, 0, &kind, &len), "data");
    INVALID(landline_conn_recv_into(client, &byte, SIZE_MAX, 0, &kind, &len), "data");
    INVALID(landline_conn_recv_into(client, &byte, SIZE_MAX / 2 + 1, 0, &kind, &len), "data");

    IS_NULL(landline_conn_try_send(NULL, LANDLINE_TEXT, "a", 1, 0), "conn");
    IS_NULL(landline_conn_try_send(client, LANDLINE_TEXT, NULL, 1, 0), "data");
    INVALID(landline_conn_try_send(client, LANDLINE_TEXT, "a", SIZE_MAX, 0), "data");
    INVALID(landline_conn_try_send(client, 0, "a", 1, 0), "kind");
    INVALID(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, LANDLINE_SEND_FEED), "flags");
    INVALID(landline_conn_try_send(client, LANDLINE_TEXT, "a", 1, UINT32_MAX), "flags");
    MISUSE(landline_conn_try_send(client, LANDLINE_TEXT, LATIN, strlen(LATIN), 0), LANDLINE_ERR_UTF8, "not valid UTF-8");
    IS_NULL(landline_conn_send(NULL, LANDLINE_TEXT, "a", 1, 0, 0), "conn");
    IS_NULL(landline_conn_send(client, LANDLINE_TEXT, NULL, 1, 0, 0), "data");
    INVALID(landline_conn_send(client, LANDLINE_TEXT, "a", SIZE_MAX, 0, 0), "data");
    INVALID(landline_conn_send(client, 0, "a", 1, 0, 0), "kind");
    INVALID(landline_conn_send(client, 8, "a", 1, 0, 0), "kind");
    INVALID(landline_conn_send(client, INT_MIN, "a", 1, 0, 0), "kind");
    INVALID(landline_conn_send(client, LANDLINE_TEXT, "a", 1, 8, 0), "flags");
    INVALID(landline_conn_send(client, LANDLINE_TEXT, "a", 1, UINT32_MAX, 0), "flags");
    INVALID(landline_conn_send(client, LANDLINE_TEXT, "a", 1, LANDLINE_SEND_COMPRESS_NEVER | LANDLINE_SEND_COMPRESS_ALWAYS, 0),
            "flags");
    IS_NULL(landline_conn_send_message(NULL, NULL, 0, 0), "conn");
    IS_NULL(landline_conn_send_message(client, NULL, 0, 0), "message");
    IS_NULL(landline_conn_send_vectored(NULL, LANDLINE_TEXT, &part, 1, 0, 0), "conn");
    IS_NULL(landline_conn_send_vectored(client, LANDLINE_TEXT, NULL, 1, 0, 0), "parts");
    IS_NULL(landline_conn_send_vectored(client, LANDLINE_TEXT, &part, 1, 0, 0), "a part's data");
    INVALID(landline_conn_send_vectored(client, LANDLINE_TEXT, &huge, 1, 0, 0), "part");
    INVALID(landline_conn_send_vectored(client, LANDLINE_TEXT, &part, SIZE_MAX, 0, 0), "parts");
    INVALID(landline_conn_send_vectored(client, LANDLINE_TEXT, &part, SIZE_MAX / sizeof part, 0, 0), "parts");
    INVALID(landline_conn_send_vectored(client, 3, &part, 1, 0, 0), "kind");
    INVALID(landline_conn_send_vectored(client, LANDLINE_TEXT, &part, 1, 16, 0), "flags");
    IS_NULL(landline_conn_flush(NULL, 0), "conn");

    IS_NULL(landline_conn_ping(NULL, "a", 1, 0), "conn");
    IS_NULL(landline_conn_ping(client, NULL, 1, 0), "data");
    INVALID(landline_conn_ping(client, long_reason, 126, 0), "125");
    INVALID(landline_conn_ping(client, "a", SIZE_MAX, 0), "data");
    IS_NULL(landline_conn_ping_wait(NULL, 0, &microseconds), "conn");
    IS_NULL(landline_conn_ping_wait(client, 0, NULL), "microseconds");
    IS_NULL(landline_conn_ping_start(NULL, 0, &microseconds), "conn");
    IS_NULL(landline_conn_ping_start(client, 0, NULL), "ping");
    IS_NULL(landline_conn_pong_wait(NULL, 1, 0), "conn");

    IS_NULL(landline_conn_close(NULL, 1000, NULL, 0, 0), "conn");
    IS_NULL(landline_conn_close(client, 1000, NULL, 1, 0), "reason");
    INVALID(landline_conn_close(client, 1000, "a", SIZE_MAX, 0), "reason");
    INVALID(landline_conn_close(client, 1000, long_reason, 124, 0), "reason");
    NOT_UTF8(landline_conn_close(client, 1000, LATIN, 1, 0), "reason");
    IS_NULL(landline_conn_close_start(NULL, 1000, NULL, 0, 0), "conn");
    IS_NULL(landline_conn_close_start(client, 1000, NULL, 1, 0), "reason");
    INVALID(landline_conn_close_start(client, 1000, "a", SIZE_MAX, 0), "reason");
    INVALID(landline_conn_close_start(client, 1000, long_reason, 124, 0), "reason");
    NOT_UTF8(landline_conn_close_start(client, 1000, LATIN, 1, 0), "reason");
    for (size_t i = 0; i < sizeof NO_CODE / sizeof *NO_CODE; i++) {
        INVALID(landline_conn_close(client, NO_CODE[i], NULL, 0, 0), "code");
        INVALID(landline_conn_close_start(client, NO_CODE[i], NULL, 0, 0), "code");
    }

    IS_NULL(landline_conn_send_stream(NULL, LANDLINE_TEXT, 0, 0, &writer), "conn");
    IS_NULL(landline_conn_send_stream(client, LANDLINE_TEXT, 0, 0, NULL), "writer");
    INVALID(landline_conn_send_stream(client, 0, 0, 0, &writer), "kind");
    CHECK(writer == NULL);
    INVALID(landline_conn_send_stream(client, LANDLINE_TEXT, 8, 0, &writer), "flags");
    INVALID(landline_conn_send_stream(client, LANDLINE_TEXT, LANDLINE_SEND_FEED, 0, &writer), "flags");
    IS_NULL(landline_writer_write(NULL, "a", 1, 0, &len), "writer");
    IS_NULL(landline_writer_flush(NULL, 0), "writer");
    IS_NULL(landline_writer_finish(NULL, 0), "writer");
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    IS_NULL(landline_writer_write(writer, NULL, 1, 0, &len), "data");
    INVALID(landline_writer_write(writer, "a", SIZE_MAX, 0, &len), "data");
    CHECK_IS(len, 0);
    OK(landline_writer_write(writer, "as ", 3, LONG, NULL));
    OK(landline_writer_write(writer, "before", 6, LONG, &len));
    OK(landline_writer_finish(writer, LONG));
    MISUSE(landline_writer_write(writer, "a", 1, 0, NULL), LANDLINE_ERR_STATE, "");
    landline_writer_free(writer);

    expect(server, LANDLINE_TEXT, "as before", 9);
    OK(landline_conn_send(client, LANDLINE_BINARY, NULL, 0, 0, LONG));
    expect(server, LANDLINE_BINARY, "", 0);
    OK(landline_conn_send_vectored(client, LANDLINE_TEXT, NULL, 0, 0, LONG));
    expect(server, LANDLINE_TEXT, "", 0);
    CHECK_IS(conn_int(client, LANDLINE_CONN_STATE), LANDLINE_STATE_OPEN);
}

static void known_about_tls(void) {
    landline_conn *client, *server;
    landline_tls *info;
    const char *text;
    const void *data;
    size_t len;
    int64_t number;
    open_both(1, NULL, NULL, &client, &server);
    OK(landline_conn_tls(client, &info));
    IS_NULL(landline_tls_int(NULL, LANDLINE_TLS_INFO_VERSION, &number), "info");
    IS_NULL(landline_tls_int(info, LANDLINE_TLS_INFO_VERSION, NULL), "value");
    INVALID(landline_tls_int(info, LANDLINE_TLS_INFO_ALPN, &number), "LANDLINE_TLS_INFO_ALPN");
    IS_NULL(landline_tls_str(NULL, LANDLINE_TLS_INFO_ALPN, &text, &len), "info");
    IS_NULL(landline_tls_str(info, LANDLINE_TLS_INFO_ALPN, NULL, &len), "text");
    INVALID(landline_tls_str(info, LANDLINE_TLS_INFO_VERSION, &text, &len), "LANDLINE_TLS_INFO_VERSION");
    OK(landline_tls_str(info, LANDLINE_TLS_INFO_ALPN, &text, NULL));
    IS_NULL(landline_tls_cert(NULL, 0, &data, &len), "info");
    IS_NULL(landline_tls_cert(info, 0, NULL, &len), "data");
    IS_NULL(landline_tls_cert(info, 0, &data, NULL), "len");
    INVALID(landline_tls_cert(info, SIZE_MAX, &data, &len), "no certificate");
    landline_tls_free(info);
    close_both(client, server);
}

static void listening(void) {
    const char *text;
    size_t len;
    landline_listener *listener;
    landline_request *request = STALE;
    landline_tls *info = STALE;
    landline_conn *conn = STALE, *client;
    pthread_t thread;
    struct opening opening;
    static const int32_t NO_KEY[] = {0, -1, 8, 101, INT_MAX, INT_MIN};
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    IS_NULL(landline_listener_accept(NULL, 0, &request), "listener");
    CHECK(request == NULL);
    IS_NULL(landline_listener_accept(listener, 0, NULL), "request");
    IS_NULL(landline_listener_accept_incoming(NULL, 0, &request), "listener");
    IS_NULL(landline_listener_accept_incoming(listener, 0, NULL), "request");
    IS_NULL(landline_listener_interrupt(NULL), "listener");
    IS_NULL(landline_listener_stop(NULL), "listener");
    IS_NULL(landline_request_from_fd(0, 0, NULL, 0, NULL), "request");
    INVALID(landline_request_from_fd(-1, 0, NULL, 0, &request), "descriptor");
    INVALID(landline_request_from_fd(-1, 1, NULL, 0, &request), "descriptor");
    INVALID(landline_request_from_fd(INT_MAX, 0, NULL, 0, &request), "descriptor");
    IS_NULL(landline_request_read(NULL), "request");
    IS_NULL(landline_request_str(NULL, LANDLINE_REQUEST_PATH, &text, &len), "request");
    IS_NULL(landline_request_header(NULL, "host", 0, &text, &len), "request");
    IS_NULL(landline_request_subprotocol(NULL, 0, &text, &len), "request");
    IS_NULL(landline_request_add_header(NULL, "a", "b"), "request");
    IS_NULL(landline_request_accept(NULL, NULL, &conn), "request");
    CHECK(conn == NULL);
    IS_NULL(landline_request_reject(NULL, 404, NULL, 0), "request");
    IS_NULL(landline_request_tls(NULL, &info), "request");

    snprintf(opening.url, sizeof opening.url, "ws://%s/", landline_listener_local_addr(listener));
    opening.options = NULL;
    thread = start(open_client, &opening);
    OK(landline_listener_accept_incoming(listener, LONG, &request));
    /* Not read yet. */
    MISUSE(landline_request_str(request, LANDLINE_REQUEST_PATH, &text, &len), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_header(request, "host", 0, &text, &len), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_subprotocol(request, 0, &text, &len), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_accept(request, NULL, &conn), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_reject(request, 404, NULL, 0), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_add_header(request, "a", "b"), LANDLINE_ERR_STATE, "read");
    MISUSE(landline_request_tls(request, &info), LANDLINE_ERR_STATE, "read");
    OK(landline_request_read(request));
    IS_NULL(landline_request_tls(request, NULL), "info");
    MISUSE(landline_request_tls(request, &info), LANDLINE_ERR_UNSUPPORTED, "TLS");
    OK(landline_request_read(request));
    CHECK_TEXT(request_str(request, LANDLINE_REQUEST_PATH), "/");
    OK(landline_request_str(request, LANDLINE_REQUEST_PATH, &text, NULL));
    IS_NULL(landline_request_str(request, LANDLINE_REQUEST_PATH, NULL, &len), "text");
    for (size_t i = 0; i < sizeof NO_KEY / sizeof *NO_KEY; i++)
        INVALID(landline_request_str(request, NO_KEY[i], &text, &len), "key");
    IS_NULL(landline_request_header(request, NULL, 0, &text, &len), "name");
    IS_NULL(landline_request_header(request, "host", 0, NULL, &len), "value");
    NOT_UTF8(landline_request_header(request, LATIN, 0, &text, &len), "name");
    CHECK(request_header(request, "host", SIZE_MAX) == NULL);
    IS_NULL(landline_request_subprotocol(request, 0, NULL, &len), "name");
    CHECK(request_subprotocol(request, SIZE_MAX) == NULL);
    IS_NULL(landline_request_add_header(request, NULL, "b"), "name");
    IS_NULL(landline_request_add_header(request, "a", NULL), "value");
    NOT_UTF8(landline_request_add_header(request, LATIN, "b"), "name");
    INVALID(landline_request_add_header(request, "a:", "b"), "header name");
    INVALID(landline_request_add_header(request, "a", "\n"), "header a");
    IS_NULL(landline_request_reject(request, 404, NULL, 1), "body");
    INVALID(landline_request_reject(request, 404, "a", SIZE_MAX), "body");
    INVALID(landline_request_reject(request, -404, NULL, 0), "status");
    INVALID(landline_request_reject(request, INT_MAX, NULL, 0), "status");
    IS_NULL(landline_request_accept(request, NULL, NULL), "conn");
    NOT_UTF8(landline_request_accept(request, LATIN, &conn), "subprotocol");
    OK(landline_request_accept(request, NULL, &conn));
    join(thread);
    client = opening.conn;
    MISUSE(landline_request_accept(request, NULL, &(landline_conn *){NULL}), LANDLINE_ERR_STATE, "answered");
    MISUSE(landline_request_reject(request, 404, NULL, 0), LANDLINE_ERR_STATE, "answered");
    MISUSE(landline_request_add_header(request, "a", "b"), LANDLINE_ERR_STATE, "answered");
    landline_request_free(request);
    connection(client, conn);
    close_both(client, conn);
    landline_listener_free(listener);
}

static void nothing(landline_conn *conn, void *user) {
    (void)conn, (void)user;
}

static void servers(void) {
    landline_server *server;
    size_t finished = 7, cut = 7;
    OK(landline_server_bind("127.0.0.1:0", NULL, &server));
    IS_NULL(landline_server_run(NULL, nothing, NULL), "server");
    IS_NULL(landline_server_run(server, NULL, NULL), "handler");
    IS_NULL(landline_server_stop(NULL, 0, NULL, NULL), "server");
    INVALID(landline_server_stop(server, INT_MIN, &finished, &cut), "grace_ms");
    OK(landline_server_stop(server, 0, &finished, &cut));
    CHECK_IS(finished + cut, 0);
    OK(landline_server_run(server, nothing, NULL));
    MISUSE(landline_server_run(server, nothing, NULL), LANDLINE_ERR_STATE, "run before");
    OK(landline_server_stop(server, 0, NULL, NULL));
    landline_server_free(server);
}

static void sessions(void) {
    landline_session_callbacks table = {sizeof table, NULL, NULL};
    landline_session *session = STALE;
    landline_message *message = STALE;
    landline_conn *conn = STALE;
    int64_t number;
    int threads = threads_of_process();
    IS_NULL(landline_session_new(NULL, NULL, NULL, NULL, &session), "url");
    CHECK(session == NULL);
    IS_NULL(landline_session_new("ws://a/", NULL, NULL, NULL, NULL), "session");
    NOT_UTF8(landline_session_new(LATIN, NULL, NULL, NULL, &session), "url");
    MISUSE(landline_session_new("a", NULL, NULL, NULL, &session), LANDLINE_ERR_URL, "");
    table.size--;
    INVALID(landline_session_new("ws://a/", NULL, &table, NULL, &session), "callbacks->size");
    table.size++;
    OK(landline_session_new("ws://127.0.0.1:1/", NULL, &table, NULL, &session));
    IS_NULL(landline_session_recv(NULL, 0, &message), "session");
    CHECK(message == NULL);
    IS_NULL(landline_session_recv(session, 0, NULL), "message");
    IS_NULL(landline_session_next_connection(NULL, 0, &conn), "session");
    CHECK(conn == NULL);
    IS_NULL(landline_session_next_connection(session, 0, NULL), "conn");
    IS_NULL(landline_session_send(NULL, LANDLINE_TEXT, "a", 1, 0), "session");
    IS_NULL(landline_session_send(session, LANDLINE_TEXT, NULL, 1, 0), "data");
    INVALID(landline_session_send(session, 7, "a", 1, 0), "kind 7");
    MISUSE(landline_session_send(session, LANDLINE_TEXT, LATIN, 1, 0), LANDLINE_ERR_UTF8, "UTF-8");
    IS_NULL(landline_session_try_send(NULL, LANDLINE_TEXT, "a", 1), "session");
    INVALID(landline_session_try_send(session, 7, "a", 1), "kind 7");
    IS_NULL(landline_session_interrupt(NULL, LANDLINE_DIRECTION_BOTH), "session");
    INVALID(landline_session_interrupt(session, 9), "direction 9");
    IS_NULL(landline_session_int(NULL, LANDLINE_SESSION_STAGE, &number), "session");
    IS_NULL(landline_session_int(session, LANDLINE_SESSION_STAGE, NULL), "value");
    INVALID(landline_session_int(session, 99, &number), "99");
    IS_NULL(landline_session_failure(NULL), "session");
    IS_NULL(landline_session_close(NULL, 1000, NULL, 0, 0), "session");
    IS_NULL(landline_session_close(session, 1000, NULL, 1, 0), "reason");
    INVALID(landline_session_close(session, 1006, NULL, 0, 0), "1006");
    IS_NULL(landline_session_close_start(NULL, 1000, NULL, 0), "session");
    INVALID(landline_session_close_start(session, 70000, NULL, 0), "70000");
    IS_NULL(landline_session_abort(NULL), "session");
    CHECK_STATUS(landline_session_recv(session, 0, &message), LANDLINE_TIMED_OUT);
    landline_session_free(session);
    /* The attempt to connect has a thread of its own. */
    until_threads_are(threads);
}

static void protocols(void) {
    static const char REQUEST[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    landline_protocol *protocol = STALE;
    const void *data;
    size_t len = 0;
    int32_t event;
    int64_t number;
    const char *text;
    char long_reason[126];
    memset(long_reason, 'a', sizeof long_reason);
    IS_NULL(landline_protocol_client(NULL, NULL, &protocol), "url");
    CHECK(protocol == NULL);
    IS_NULL(landline_protocol_client("ws://a/", NULL, NULL), "protocol");
    NOT_UTF8(landline_protocol_client(LATIN, NULL, &protocol), "url");
    MISUSE(landline_protocol_client("a", NULL, &protocol), LANDLINE_ERR_URL, "");
    IS_NULL(landline_protocol_server(NULL, NULL), "protocol");
    IS_NULL(landline_protocol_receive(NULL, "a", 1, &len), "protocol");
    IS_NULL(landline_protocol_receive_eof(NULL), "protocol");
    IS_NULL(landline_protocol_give_up(NULL), "protocol");
    IS_NULL(landline_protocol_deciding_by_caller(NULL), "protocol");
    IS_NULL(landline_protocol_request_str(NULL, LANDLINE_REQUEST_PATH, &text, &len), "protocol");
    IS_NULL(landline_protocol_request_header(NULL, "host", 0, &text, &len), "protocol");
    IS_NULL(landline_protocol_request_subprotocol(NULL, 0, &text, &len), "protocol");
    IS_NULL(landline_protocol_add_header(NULL, "a", "b"), "protocol");
    IS_NULL(landline_protocol_accept(NULL, NULL), "protocol");
    IS_NULL(landline_protocol_reject(NULL, 404, NULL, 0), "protocol");
    IS_NULL(landline_protocol_int(NULL, LANDLINE_CONN_STATE, &number), "protocol");
    IS_NULL(landline_protocol_str(NULL, LANDLINE_CONN_TARGET, &text, &len), "protocol");
    IS_NULL(landline_protocol_next(NULL, &event, &data, &len), "protocol");
    IS_NULL(landline_protocol_output(NULL, &data, &len), "protocol");
    IS_NULL(landline_protocol_consume(NULL, 0), "protocol");
    IS_NULL(landline_protocol_send(NULL, LANDLINE_TEXT, "a", 1, 0), "protocol");
    IS_NULL(landline_protocol_ping(NULL, "a", 1), "protocol");
    IS_NULL(landline_protocol_close(NULL, 1000, NULL, 0), "protocol");

    OK(landline_protocol_client("ws://a/", NULL, &protocol));
    IS_NULL(landline_protocol_receive(protocol, NULL, 1, &len), "data");
    IS_NULL(landline_protocol_receive(protocol, "a", 1, NULL), "taken");
    INVALID(landline_protocol_receive(protocol, "a", SIZE_MAX, &len), "data");
    IS_NULL(landline_protocol_next(protocol, NULL, &data, &len), "event");
    IS_NULL(landline_protocol_next(protocol, &event, NULL, &len), "data");
    IS_NULL(landline_protocol_next(protocol, &event, &data, NULL), "len");
    IS_NULL(landline_protocol_output(protocol, NULL, &len), "data");
    IS_NULL(landline_protocol_output(protocol, &data, NULL), "len");
    INVALID(landline_protocol_consume(protocol, SIZE_MAX), "bytes");
    IS_NULL(landline_protocol_send(protocol, LANDLINE_TEXT, NULL, 1, 0), "data");
    INVALID(landline_protocol_send(protocol, LANDLINE_TEXT, "a", SIZE_MAX, 0), "data");
    INVALID(landline_protocol_send(protocol, 3, "a", 1, 0), "kind");
    INVALID(landline_protocol_send(protocol, LANDLINE_TEXT, "a", 1, 8), "flags");
    INVALID(landline_protocol_send(protocol, LANDLINE_TEXT, "a", 1, LANDLINE_SEND_FEED), "flags");
    IS_NULL(landline_protocol_ping(protocol, NULL, 1), "data");
    INVALID(landline_protocol_ping(protocol, "a", SIZE_MAX), "data");
    IS_NULL(landline_protocol_close(protocol, 1000, NULL, 1), "reason");
    INVALID(landline_protocol_close(protocol, -1, NULL, 0), "code");
    NOT_UTF8(landline_protocol_close(protocol, 1000, LATIN, 1), "reason");
    /* Before the opening handshake. */
    MISUSE(landline_protocol_send(protocol, LANDLINE_TEXT, "a", 1, 0), LANDLINE_ERR_STATE, "handshake");
    MISUSE(landline_protocol_ping(protocol, "a", 1), LANDLINE_ERR_STATE, "handshake");
    MISUSE(landline_protocol_close(protocol, 1000, NULL, 0), LANDLINE_ERR_STATE, "handshake");
    IS_NULL(landline_protocol_int(protocol, LANDLINE_CONN_STATE, NULL), "value");
    INVALID(landline_protocol_int(protocol, LANDLINE_CONN_FD, &number), "LANDLINE_CONN_FD");
    INVALID(landline_protocol_int(protocol, INT_MAX, &number), "");
    IS_NULL(landline_protocol_str(protocol, LANDLINE_CONN_TARGET, NULL, &len), "text");
    INVALID(landline_protocol_str(protocol, LANDLINE_CONN_STATE, &text, &len), "LANDLINE_CONN_STATE");
    OK(landline_protocol_str(protocol, LANDLINE_CONN_TARGET, &text, NULL));
    CHECK_TEXT(text, "");
    OK(landline_protocol_int(protocol, LANDLINE_CONN_CLOSE_CODE_RECEIVED, &number));
    CHECK_IS(number, 0);
    OK(landline_protocol_int(protocol, LANDLINE_CONN_STATE, &number));
    CHECK_IS(number, LANDLINE_STATE_OPENING);
    OK(landline_protocol_receive(protocol, NULL, 0, &len));
    OK(landline_protocol_next(protocol, &event, &data, &len));
    CHECK_IS(event, LANDLINE_EVENT_NONE);
    OK(landline_protocol_output(protocol, &data, &len));
    CHECK(len > 0 && memcmp(data, "GET / HTTP/1.1\r\n", 16) == 0);
    CHECK_STATUS(landline_protocol_receive_eof(protocol), LANDLINE_ERR_HANDSHAKE);
    OK(landline_protocol_int(protocol, LANDLINE_CONN_STATE, &number));
    CHECK_IS(number, LANDLINE_STATE_OVER);
    landline_protocol_free(protocol);

    OK(landline_protocol_server(NULL, &protocol));
    OK(landline_protocol_deciding_by_caller(protocol));
    OK(landline_protocol_receive(protocol, REQUEST, sizeof REQUEST - 1, &len));
    OK(landline_protocol_next(protocol, &event, &data, &len));
    CHECK_IS(event, LANDLINE_EVENT_REQUEST);
    IS_NULL(landline_protocol_request_str(protocol, LANDLINE_REQUEST_PATH, NULL, &len), "text");
    OK(landline_protocol_request_str(protocol, LANDLINE_REQUEST_PATH, &text, NULL));
    INVALID(landline_protocol_request_str(protocol, INT_MAX, &text, &len), "key");
    IS_NULL(landline_protocol_request_header(protocol, NULL, 0, &text, &len), "name");
    IS_NULL(landline_protocol_request_header(protocol, "host", 0, NULL, &len), "value");
    NOT_UTF8(landline_protocol_request_header(protocol, LATIN, 0, &text, &len), "name");
    OK(landline_protocol_request_header(protocol, "host", SIZE_MAX, &text, NULL));
    CHECK(text == NULL);
    IS_NULL(landline_protocol_request_subprotocol(protocol, 0, NULL, &len), "name");
    OK(landline_protocol_request_subprotocol(protocol, SIZE_MAX, &text, NULL));
    CHECK(text == NULL);
    IS_NULL(landline_protocol_add_header(protocol, NULL, "b"), "name");
    IS_NULL(landline_protocol_add_header(protocol, "a", NULL), "value");
    NOT_UTF8(landline_protocol_add_header(protocol, LATIN, "b"), "name");
    INVALID(landline_protocol_add_header(protocol, "a:", "b"), "header name");
    INVALID(landline_protocol_add_header(protocol, "a", "\n"), "header a");
    IS_NULL(landline_protocol_reject(protocol, 404, NULL, 1), "body");
    INVALID(landline_protocol_reject(protocol, 404, "a", SIZE_MAX), "body");
    INVALID(landline_protocol_reject(protocol, -404, NULL, 0), "status");
    INVALID(landline_protocol_reject(protocol, INT_MAX, NULL, 0), "status");
    NOT_UTF8(landline_protocol_accept(protocol, LATIN), "subprotocol");
    OK(landline_protocol_accept(protocol, NULL));
    MISUSE(landline_protocol_accept(protocol, NULL), LANDLINE_ERR_STATE, "request");
    landline_protocol_free(protocol);
}

static void waiting(void) {
    landline_conn *client, *server;
    landline_wait_item items[2] = {{NULL, NULL, -1, 0, 0}, {NULL, NULL, -1, 0, 0}};
    size_t ready = 7;
    IS_NULL(landline_wait(items, 1, 0, NULL), "ready");
    IS_NULL(landline_wait(NULL, 1, 0, &ready), "items");
    INVALID(landline_wait(items, 1, 0, &ready), "item 0");
    CHECK_IS(ready, 0);
    items[0].fd = -2;
    INVALID(landline_wait(items, 1, 0, &ready), "item 0");
    OK(landline_pair(NULL, NULL, &client, &server));
    items[0].conn = client;
    items[0].fd = 0;
    INVALID(landline_wait(items, 1, 0, &ready), "item 0");
    items[0].fd = -1;
    CHECK_STATUS(landline_wait(items, 1, 0, &ready), LANDLINE_ERR_UNSUPPORTED);
    INVALID(landline_wait(items, SIZE_MAX, 0, &ready), "items");
    INVALID(landline_wait(items, SIZE_MAX / sizeof *items, 0, &ready), "items");
    CHECK_STATUS(landline_wait(NULL, 0, 0, &ready), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_wait(NULL, 0, 20, &ready), LANDLINE_TIMED_OUT);
    close_both(client, server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    frees();
    neutral_values();
    errors();
    options();
    interrupters();
    opening();
    transports();
    known_about_tls();
    listening();
    servers();
    sessions();
    protocols();
    waiting();
    greatest();
    return 0;
}
