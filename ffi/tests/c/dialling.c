/* Names, addresses and sockets: resolvers, fixed addresses, families, the socket before it is connected, Unix sockets by
 * URL, what was tried in vain, and how long the steps took. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

static void nonblocking_connect(int fd, const struct sockaddr_in *address) {
    CHECK(fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    (void)connect(fd, (const struct sockaddr *)address, sizeof *address);
}

/* An address that does not answer, because the queue of its listener is full: descriptors to close, and its text. */
static void make_hole(int fds[6], char *text, size_t len) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fds[0], (struct sockaddr *)&address, sizeof address) == 0 && listen(fds[0], 0) == 0);
    CHECK(getsockname(fds[0], (struct sockaddr *)&address, &size) == 0);
    for (int i = 1; i < 6; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        nonblocking_connect(fds[i], &address);
    }
    snprintf(text, len, "127.0.0.1:%d", ntohs(address.sin_port));
}

static void close_all(int fds[6]) {
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

static void *accept_one(void *listener) {
    landline_request *request;
    landline_conn *conn;
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_accept(request, NULL, &conn));
    landline_request_free(request);
    return conn;
}

/* Connects to the listener by this URL: the client's end. */
static landline_conn *open_to(landline_listener *listener, const char *url, const landline_options *options) {
    landline_conn *client;
    void *server;
    pthread_t thread = start(accept_one, listener);
    OK(landline_connect(url, options, LONG, &client));
    CHECK(pthread_join(thread, &server) == 0);
    landline_conn_free(server);
    return client;
}

static const char *port_of(const landline_listener *listener) {
    return strrchr(landline_listener_local_addr(listener), ':') + 1;
}

static void check_text(const landline_conn *conn, int32_t key, const char *expected) {
    const char *text;
    OK(landline_conn_str(conn, key, &text, NULL));
    CHECK_TEXT(text, expected);
}

/* ----- Addresses ----- */

static void black_hole_in_front(landline_listener *listener) {
    landline_options *options = new_options();
    landline_conn *conn;
    char hole[64], expected[256];
    int fds[6];
    long long began;
    size_t len;
    make_hole(fds, hole, sizeof hole);
    with_str(options, LANDLINE_OPT_ADDRESS, hole);
    with_str(options, LANDLINE_OPT_ADDRESS, landline_listener_local_addr(listener));
    began = now_ms();
    conn = open_to(listener, "ws://server.invalid/", options);
    CHECK(now_ms() - began >= 240 && now_ms() - began < 2500);
    check_text(conn, LANDLINE_CONN_PEER_ADDR, landline_listener_local_addr(listener));
    CHECK(conn_int(conn, LANDLINE_CONN_CONNECT_TIME_US) >= 240000);
    CHECK_IS(conn_int(conn, LANDLINE_CONN_TLS_TIME_US), 0);
    CHECK_IS(conn_int(conn, LANDLINE_CONN_PROXY_TIME_US), 0);
    CHECK(conn_int(conn, LANDLINE_CONN_UPGRADE_TIME_US) > 0);
    CHECK(conn_int(conn, LANDLINE_CONN_OPENING_TIME_US) >= conn_int(conn, LANDLINE_CONN_RESOLVE_TIME_US)
              + conn_int(conn, LANDLINE_CONN_CONNECT_TIME_US) + conn_int(conn, LANDLINE_CONN_UPGRADE_TIME_US));
    landline_conn_free(conn);

    with_str(options, LANDLINE_OPT_ADDRESS, NULL);
    with_str(options, LANDLINE_OPT_ADDRESS, hole);
    with_str(options, LANDLINE_OPT_ADDRESS, "127.0.0.1:1");
    CHECK_STATUS(landline_connect("ws://server.invalid/", options, 400, &conn), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_CONNECT);
    snprintf(expected, sizeof expected, "timed out while connecting: tried %s (no answer), 127.0.0.1:1 (%s", hole,
             strerror(ECONNREFUSED));
    CHECK_HAS(landline_error_text(), expected);
    snprintf(expected, sizeof expected, "%s\tno answer\n127.0.0.1:1\t%s", hole, strerror(ECONNREFUSED));
    CHECK_HAS(landline_error_bytes(LANDLINE_ERROR_ATTEMPTS, &len), expected);
    CHECK(len > strlen(expected));
    landline_options_free(options);
    close_all(fds);
}

static void fixed_addresses(landline_listener *listener) {
    landline_options *options = with_str(new_options(), LANDLINE_OPT_ADDRESS, "127.0.0.1");
    landline_conn *conn = NULL;
    char url[128];
    snprintf(url, sizeof url, "ws://server.invalid:%s/", port_of(listener));
    landline_conn_free(open_to(listener, url, options));
    for (size_t i = 0; i < 4; i++) {
        static const char *const RIGHT[] = {"::1", "[::1]", "[::1]:443", "127.0.0.1:443"};
        landline_options_free(with_str(new_options(), LANDLINE_OPT_ADDRESS, RIGHT[i]));
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const WRONG[] = {"localhost", "127.0.0.1:", "[127.0.0.1", "256.0.0.1"};
        CHECK_STATUS(landline_options_set_str(options, LANDLINE_OPT_ADDRESS, WRONG[i]), LANDLINE_ERR_INVALID);
        CHECK_HAS(landline_error_text(), "LANDLINE_OPT_ADDRESS");
    }
    with_int(options, LANDLINE_OPT_ADDRESS_FAMILY, LANDLINE_FAMILY_IPV6);
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_HAS(landline_error_text(), "admit the others with LANDLINE_OPT_ADDRESS_FAMILY");
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_ADDRESS_FAMILY, 5), LANDLINE_ERR_INVALID);
    with_int(options, LANDLINE_OPT_ADDRESS_FAMILY, LANDLINE_FAMILY_IPV4);
    landline_conn_free(open_to(listener, url, options));
    landline_options_free(options);
}

static void local_address_and_interface(landline_listener *listener) {
    landline_options *options = with_str(new_options(), LANDLINE_OPT_LOCAL_ADDR, "127.0.0.77");
    landline_conn *conn;
    const char *local;
    char url[128];
    snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
    conn = open_to(listener, url, options);
    OK(landline_conn_str(conn, LANDLINE_CONN_LOCAL_ADDR, &local, NULL));
    CHECK(strncmp(local, "127.0.0.77:", 11) == 0);
    landline_conn_free(conn);
    with_int(options, LANDLINE_OPT_ADDRESS_FAMILY, LANDLINE_FAMILY_IPV6);
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_LOCAL_ADDR of 127.0.0.77:0 cannot be used");
    CHECK_HAS(landline_error_text(), "admitted by LANDLINE_OPT_ADDRESS_FAMILY");
    with_int(options, LANDLINE_OPT_ADDRESS_FAMILY, LANDLINE_FAMILY_ANY);
    with_str(options, LANDLINE_OPT_LOCAL_ADDR, NULL);
#ifdef __linux__
    with_str(options, LANDLINE_OPT_INTERFACE, "lo");
    landline_conn_free(open_to(listener, url, options));
    with_str(options, LANDLINE_OPT_INTERFACE, "nope0");
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_HAS(landline_error_text(), "cannot use interface nope0");
#endif
    with_str(options, LANDLINE_OPT_INTERFACE, "a-name-that-is-too-long");
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_INTERFACE");
    landline_options_free(options);
}

/* ----- Callbacks ----- */

struct calls {
    /* That of the URL. */
    int port;
    const char *address;
    int answer;
    int wait[2];
    int asked, shown, freed;
};

static int32_t resolve(const char *host, uint16_t port, landline_addresses *addresses, void *user) {
    struct calls *calls = user;
    char byte;
    __atomic_add_fetch(&calls->asked, 1, __ATOMIC_SEQ_CST);
    CHECK_TEXT(host, "feed.example");
    CHECK_IS(port, calls->port);
    if (calls->wait[0] >= 0)
        CHECK(read(calls->wait[0], &byte, 1) == 0);
    CHECK_STATUS(landline_addresses_add(addresses, "no address"), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_addresses_add(addresses, NULL), LANDLINE_ERR_NULL);
    CHECK_STATUS(landline_addresses_add(NULL, "127.0.0.1"), LANDLINE_ERR_NULL);
    if (calls->address)
        OK(landline_addresses_add(addresses, calls->address));
    return calls->answer;
}

static int32_t show(int32_t fd, void *user) {
    struct calls *calls = user;
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    CHECK(fcntl(fd, F_GETFD) >= 0 && getpeername(fd, (struct sockaddr *)&peer, &len) != 0);
    calls->shown++;
    return calls->answer;
}

static void count_free(void *user) {
    __atomic_add_fetch(&((struct calls *)user)->freed, 1, __ATOMIC_SEQ_CST);
}

static void resolver(landline_listener *listener) {
    struct calls calls = {atoi(port_of(listener)), "127.0.0.1", 0, {-1, -1}, 0, 0, 0};
    landline_options *options = new_options();
    landline_conn *conn;
    char url[128];
    int threads;
    snprintf(url, sizeof url, "ws://feed.example:%s/", port_of(listener));
    OK(landline_options_set_resolver(options, resolve, &calls, count_free));
    landline_conn_free(open_to(listener, url, options));
    CHECK_IS(calls.asked, 1);
    calls.answer = ENETDOWN;
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_RESOLVE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ENETDOWN);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_RESOLVE);
    CHECK_HAS(landline_error_text(), strerror(ENETDOWN));
    calls.answer = -1;
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_RESOLVE);
    CHECK_HAS(landline_error_text(), "the resolver failed");
    calls.answer = 0;
    calls.address = NULL;
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_HAS(landline_error_text(), "the name has no address");
    CHECK_IS(calls.freed, 0);

    /* One that hangs is left to itself, and what it needs is freed when it has returned. */
    threads = threads_of_process();
    CHECK(pipe(calls.wait) == 0);
    CHECK_STATUS(landline_connect(url, options, 50, &conn), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_RESOLVE);
    landline_options_free(options);
    CHECK_IS(__atomic_load_n(&calls.freed, __ATOMIC_SEQ_CST), 0);
    close(calls.wait[1]);
    for (long long began = now_ms(); !__atomic_load_n(&calls.freed, __ATOMIC_SEQ_CST); poll(NULL, 0, 1))
        CHECK(now_ms() - began < LONG);
    CHECK_IS(calls.freed, 1);
    until_threads_are(threads);
    close(calls.wait[0]);
}

static void socket_hook(landline_listener *listener) {
    struct calls first = {0, NULL, 0, {-1, -1}, 0, 0, 0}, second = first;
    landline_options *options = with_str(new_options(), LANDLINE_OPT_ADDRESS, "127.0.0.1:1");
    landline_conn *conn;
    with_str(options, LANDLINE_OPT_ADDRESS, landline_listener_local_addr(listener));
    OK(landline_options_set_on_socket(options, show, &first, count_free));
    landline_conn_free(open_to(listener, "ws://feed.example/", options));
    CHECK_IS(first.shown, 2);
    OK(landline_options_set_on_socket(options, show, &second, count_free));
    CHECK_IS(first.freed, 1);
    second.answer = EPERM;
    CHECK_STATUS(landline_connect("ws://feed.example/", options, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EPERM);
    OK(landline_options_set_on_socket(options, NULL, NULL, NULL));
    CHECK_IS(second.freed, 1);
    landline_conn_free(open_to(listener, "ws://feed.example/", options));
    landline_options_free(options);
    CHECK_STATUS(landline_options_set_on_socket(NULL, show, &second, count_free), LANDLINE_ERR_NULL);
    CHECK_STATUS(landline_options_set_resolver(NULL, resolve, &second, count_free), LANDLINE_ERR_NULL);
    CHECK_IS(second.freed, 3);
}

/* ----- Unix sockets ----- */

static void unix_sockets(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_UNIX_MODE, 0600);
    landline_listener *listener;
    landline_conn *conn;
    char url[512], path[256];
    struct stat file;
    snprintf(path, sizeof path, "%s/a b.sock", directory);
    snprintf(url, sizeof url, "ws+unix:%s/a%%20b.sock", directory);
    OK(landline_listen(url, options, &listener));
    CHECK(stat(path, &file) == 0 && (file.st_mode & 0777) == 0600);
    snprintf(url, sizeof url, "ws+unix:%s/a%%20b.sock:/feed?from=7", directory);
    conn = open_to(listener, url, NULL);
    check_text(conn, LANDLINE_CONN_TARGET, "/feed?from=7");
    landline_conn_free(conn);
    with_str(options, LANDLINE_OPT_UNIX_PATH, path);
    conn = open_to(listener, "ws://feed.example/live", options);
    check_text(conn, LANDLINE_CONN_TARGET, "/live");
    landline_conn_free(conn);
    landline_listener_free(listener);
    CHECK(stat(path, &file) != 0);
    CHECK_STATUS(landline_connect(url, NULL, LONG, &conn), LANDLINE_ERR_CONNECT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ENOENT);
    CHECK_HAS(landline_error_text(), "cannot connect to unix:");
    CHECK_STATUS(landline_connect("ws+unix:", NULL, LONG, &conn), LANDLINE_ERR_URL);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_UNIX_MODE, 010000), LANDLINE_ERR_INVALID);
    landline_options_free(options);
}

int main(int count, char **arguments) {
    landline_listener *listener;
    landline_conn *client, *server;
    CHECK(count == 2);
    directory = arguments[1];
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    black_hole_in_front(listener);
    fixed_addresses(listener);
    local_address_and_interface(listener);
    resolver(listener);
    socket_hook(listener);
    unix_sockets();
    landline_listener_free(listener);
    open_both(0, NULL, NULL, &client, &server);
    CHECK_IS(conn_int(server, LANDLINE_CONN_OPENING_TIME_US), -1);
    close_both(client, server);
    return 0;
}
