/* Connecting through proxies: what an HTTP proxy is sent, chains, those of the environment, exceptions, and what the
 * program learns if there is no way through.
 */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { MOST = 16 };

/* An HTTP proxy, which connects wherever it is asked to, or answers with `answer`. */
struct proxy {
    int listening, port;
    char url[64];
    const char *answer;
    pthread_t accepting, serving[MOST];
    pthread_mutex_t lock;
    int requests;
    char last[2048];
};

struct served {
    struct proxy *proxy;
    int fd;
};

/* Passes on what comes, until both ends have ended. */
static void relay(int one, int other) {
    struct pollfd ends[2] = {{one, POLLIN, 0}, {other, POLLIN, 0}};
    const int to[2] = {other, one};
    char bytes[4096];
    for (int open = 2; open > 0;) {
        CHECK(poll(ends, 2, LONG) > 0);
        for (int i = 0; i < 2; i++) {
            if (ends[i].fd < 0 || ends[i].revents == 0)
                continue;
            ssize_t count = read(ends[i].fd, bytes, sizeof bytes);
            if (count > 0) {
                write_all(to[i], bytes, (size_t)count);
            } else {
                shutdown(to[i], SHUT_WR);
                ends[i].fd = -1;
                open--;
            }
        }
    }
}

static void *serve_one(void *argument) {
    static const char OPEN[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    struct served served = *(struct served *)argument;
    struct sockaddr_in target = {0};
    char head[2048], address[64];
    size_t len = 0;
    int port, to;
    free(argument);
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        CHECK(len < sizeof head - 1);
        read_all(served.fd, head + len++, 1);
    }
    head[len] = '\0';
    pthread_mutex_lock(&served.proxy->lock);
    served.proxy->requests++;
    memcpy(served.proxy->last, head, len + 1);
    pthread_mutex_unlock(&served.proxy->lock);
    if (served.proxy->answer != NULL) {
        write_all(served.fd, served.proxy->answer, strlen(served.proxy->answer));
    } else {
        CHECK(sscanf(head, "CONNECT %63[0-9.]:%d HTTP/1.1\r\n", address, &port) == 2);
        target.sin_family = AF_INET;
        target.sin_port = htons((uint16_t)port);
        CHECK(inet_pton(AF_INET, address, &target.sin_addr) == 1);
        to = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(to >= 0 && connect(to, (struct sockaddr *)&target, sizeof target) == 0);
        write_all(served.fd, OPEN, sizeof OPEN - 1);
        relay(served.fd, to);
        close(to);
    }
    shutdown(served.fd, SHUT_WR);
    while (read(served.fd, head, sizeof head) > 0) {
    }
    close(served.fd);
    return NULL;
}

static void *accept_all(void *argument) {
    struct proxy *proxy = argument;
    for (int i = 0;; i++) {
        struct served *served = malloc(sizeof *served);
        CHECK(served != NULL);
        served->proxy = proxy;
        served->fd = accept(proxy->listening, NULL, NULL);
        if (served->fd < 0) {
            free(served);
            for (int j = 0; j < i; j++)
                join(proxy->serving[j]);
            return NULL;
        }
        CHECK(i < MOST);
        proxy->serving[i] = start(serve_one, served);
    }
}

static void begin_proxy(struct proxy *proxy, const char *answer) {
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    memset(proxy, 0, sizeof *proxy);
    pthread_mutex_init(&proxy->lock, NULL);
    proxy->answer = answer;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->listening = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(proxy->listening >= 0 && bind(proxy->listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(proxy->listening, MOST) == 0);
    CHECK(getsockname(proxy->listening, (struct sockaddr *)&address, &len) == 0);
    proxy->port = ntohs(address.sin_port);
    snprintf(proxy->url, sizeof proxy->url, "http://127.0.0.1:%d", proxy->port);
    proxy->accepting = start(accept_all, proxy);
}

/* How many requests it has got. */
static int end_proxy(struct proxy *proxy) {
    shutdown(proxy->listening, SHUT_RDWR);
    join(proxy->accepting);
    close(proxy->listening);
    pthread_mutex_destroy(&proxy->lock);
    return proxy->requests;
}

/* `through`: how many proxies there are on the way. */
static void talk(int tls, landline_options *options, int through) {
    landline_conn *client, *server;
    open_both(tls, options, NULL, &client, &server);
    CHECK_IS(conn_int(client, LANDLINE_CONN_PROXY_TIME_US) > 0, through > 0);
    CHECK_IS(conn_int(client, LANDLINE_CONN_TLS_TIME_US) > 0, tls);
    OK(landline_conn_send(client, LANDLINE_TEXT, "through", 7, 0, LONG));
    expect(server, LANDLINE_TEXT, "through", 7);
    close_both(client, server);
}

static void requests_and_headers(int tls) {
    struct proxy proxy;
    char url[128];
    landline_options *options = new_options();
    begin_proxy(&proxy, NULL);
    snprintf(url, sizeof url, "http://me:p%%3aw@127.0.0.1:%d", proxy.port);
    with_str(options, LANDLINE_OPT_PROXY, url);
    OK(landline_options_add_proxy_header(options, "X-Job", "7"));
    OK(landline_options_add_header(options, "X-Feed", "8"));
    talk(tls, options, 1);
    CHECK_IS(end_proxy(&proxy), 1);
    CHECK_HAS(proxy.last, "CONNECT 127.0.0.1:");
    CHECK_HAS(proxy.last, "\r\nProxy-Authorization: Basic bWU6cDp3\r\n");
    CHECK_HAS(proxy.last, "\r\nX-Job: 7\r\n");
    CHECK(strstr(proxy.last, "X-Feed") == NULL);
}

static void what_the_server_gets(void) {
    struct proxy proxy;
    struct opening opening;
    landline_listener *listener;
    landline_request *request;
    landline_conn *server;
    landline_options *options = new_options();
    begin_proxy(&proxy, NULL);
    with_str(options, LANDLINE_OPT_PROXY, proxy.url);
    OK(landline_options_add_proxy_header(options, "X-Job", "7"));
    OK(landline_options_add_header(options, "X-Feed", "8"));
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(opening.url, sizeof opening.url, "ws://%s/", landline_listener_local_addr(listener));
    opening.options = options;
    pthread_t thread = start(open_client, &opening);
    OK(landline_listener_accept(listener, LONG, &request));
    CHECK_TEXT(request_header(request, "X-Feed", 0), "8");
    CHECK(request_header(request, "X-Job", 0) == NULL);
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    close_both(opening.conn, server);
    landline_request_free(request);
    landline_listener_free(listener);
    landline_options_free(options);
    end_proxy(&proxy);
}

static void chains_and_exceptions(void) {
    struct proxy near, far;
    landline_options *options;
    begin_proxy(&near, NULL);
    begin_proxy(&far, NULL);
    options = with_str(with_str(new_options(), LANDLINE_OPT_PROXY, near.url), LANDLINE_OPT_PROXY, far.url);
    talk(1, options, 2);
    options = with_str(with_str(new_options(), LANDLINE_OPT_PROXY, near.url), LANDLINE_OPT_NO_PROXY, "a, 127.0.0.0/8");
    talk(0, options, 0);
    options = with_str(with_str(new_options(), LANDLINE_OPT_PROXY, near.url), LANDLINE_OPT_PROXY, NULL);
    talk(0, options, 0);
    CHECK_IS(end_proxy(&far), 1);
    CHECK_IS(end_proxy(&near), 1);
    CHECK_HAS(near.last, far.url + 7);
}

static void those_of_the_environment(void) {
    struct proxy proxy;
    landline_options *options;
    begin_proxy(&proxy, NULL);
    CHECK(setenv("ws_proxy", proxy.url, 1) == 0);
    talk(0, NULL, 0);
    CHECK_IS(proxy.requests, 0);
    talk(0, with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1), 1);
    options = with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1);
    /* It has been read. */
    CHECK(unsetenv("ws_proxy") == 0);
    talk(0, options, 1);
    CHECK_IS(proxy.requests, 2);
    CHECK(setenv("ws_proxy", proxy.url, 1) == 0 && setenv("no_proxy", "127.0.0.1", 1) == 0);
    talk(0, with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1), 0);
    options = with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1);
    talk(0, with_str(options, LANDLINE_OPT_NO_PROXY, "other.example"), 1);
    talk(0, with_int(with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1), LANDLINE_OPT_PROXY_FROM_ENV, 0), 0);
    /* One that is given takes its place. */
    CHECK(setenv("ws_proxy", "http://127.0.0.1:1", 1) == 0 && unsetenv("no_proxy") == 0);
    options = with_int(new_options(), LANDLINE_OPT_PROXY_FROM_ENV, 1);
    talk(0, with_str(options, LANDLINE_OPT_PROXY, proxy.url), 1);
    CHECK(unsetenv("ws_proxy") == 0);
    CHECK_IS(end_proxy(&proxy), 4);
}

static void check_failed(landline_options *options, int http_status, int fault, const char *text) {
    landline_conn *conn;
    CHECK_STATUS(landline_connect("ws://user:hunter2@192.0.2.1/", options, LONG, &conn), LANDLINE_ERR_PROXY);
    CHECK(conn == NULL);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), LANDLINE_ERR_PROXY);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_PROXY);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), http_status);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), fault);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
    CHECK_HAS(landline_error_text(), "cannot connect to 192.0.2.1:80 through proxy http://127.0.0.1:");
    CHECK_HAS(landline_error_text(), text);
    CHECK(strstr(landline_error_text(), "hunter2") == NULL);
    landline_options_free(options);
}

static landline_status decline(const landline_challenge *challenge, void *data, size_t capacity, size_t *len,
                               void *user) {
    const struct proxy *proxy = user;
    (void)data, (void)capacity, (void)len;
    CHECK_IS(challenge->http_status, 407);
    CHECK(strncmp(challenge->url, proxy->url, strlen(proxy->url)) == 0);
    CHECK_TEXT(challenge->method, "CONNECT");
    CHECK_TEXT(challenge->target, "192.0.2.1:80");
    CHECK_TEXT(challenge->schemes, "Digest");
    CHECK_HAS(challenge->headers, "proxy-authenticate: Digest realm=r, nonce=n\r\n");
    return LANDLINE_ERR_STATE;
}

static void refusals(void) {
    struct proxy proxy;
    landline_options *options;
    size_t len;
    begin_proxy(&proxy, "HTTP/1.1 403 Filtered\r\nX-Rule: 9\r\nContent-Length: 6\r\n\r\nads!\n\n");
    check_failed(with_str(new_options(), LANDLINE_OPT_PROXY, proxy.url), 403, LANDLINE_FAULT_NETWORK,
                 "the proxy refused with 403 Filtered: its rules do not allow this host or port");
    CHECK_HAS(landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, NULL), "x-rule: 9\r\n");
    CHECK_TEXT(landline_error_bytes(LANDLINE_ERROR_HTTP_BODY, &len), "ads!\n\n");
    CHECK_IS(len, 6);
    end_proxy(&proxy);

    begin_proxy(&proxy, "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 0\r\n\r\n");
    options = with_str(new_options(), LANDLINE_OPT_PROXY, proxy.url);
    OK(landline_options_set_on_challenge(options, decline, &proxy, NULL));
    check_failed(options, 407, LANDLINE_FAULT_CALLER,
                 "it wants credentials for Digest; check the proxy's user and password in LANDLINE_OPT_PROXY");
    CHECK_IS(end_proxy(&proxy), 1);

    begin_proxy(&proxy, "SSH-2.0\r\n\r\n");
    check_failed(with_str(new_options(), LANDLINE_OPT_PROXY, proxy.url), 0, LANDLINE_FAULT_NETWORK,
                 "; check scheme, host and port in LANDLINE_OPT_PROXY");
    end_proxy(&proxy);
    /* Nobody listens there any more. */
    check_failed(with_str(new_options(), LANDLINE_OPT_PROXY, proxy.url), 0, LANDLINE_FAULT_NETWORK,
                 "Connection refused");
    CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ECONNREFUSED);
}

/* Whatever it is asked. */
static void *answer_in_plain_text(void *argument) {
    static const char ANSWER[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    char bytes[1024];
    int fd = accept(*(int *)argument, NULL, NULL);
    CHECK(fd >= 0);
    write_all(fd, ANSWER, sizeof ANSWER - 1);
    shutdown(fd, SHUT_WR);
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
    close(fd);
    return NULL;
}

static void why_tls_with_a_proxy_failed(void) {
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    char url[64];
    landline_options *options;
    landline_conn *conn;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listening, 1) == 0 && getsockname(listening, (struct sockaddr *)&address, &len) == 0);
    pthread_t thread = start(answer_in_plain_text, &listening);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(address.sin_port));
    options = with_str(new_options(), LANDLINE_OPT_PROXY, url);
    CHECK_STATUS(landline_connect("ws://192.0.2.1/", options, LONG, &conn), LANDLINE_ERR_PROXY);
    CHECK_HAS(landline_error_text(), "does not speak TLS");
    CHECK_IS(landline_error_int(LANDLINE_ERROR_TLS_REASON), LANDLINE_TLS_REASON_NOT_TLS);
    join(thread);
    close(listening);
    landline_options_free(options);
}

static void tls_with_a_proxy(void) {
    struct proxy proxy;
    char url[64];
    landline_options *options = new_options();
    landline_conn *conn;
    begin_proxy(&proxy, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", proxy.port);
    with_str(options, LANDLINE_OPT_PROXY, url);
    with_str(options, LANDLINE_OPT_PROXY_TLS_CA_FILE, in_directory("none.pem"));
    CHECK_STATUS(landline_connect("ws://192.0.2.1/", options, LONG, &conn), LANDLINE_ERR_PROXY);
    CHECK_HAS(landline_error_text(), "none.pem: No such file");
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_CALLER);
    with_str(options, LANDLINE_OPT_PROXY_TLS_CA_FILE, NULL);
    with_str(options, LANDLINE_OPT_PROXY_TLS_CERT_FILE, in_directory("cert.pem"));
    CHECK_STATUS(landline_connect("ws://192.0.2.1/", options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_TEXT(landline_error_text(), "LANDLINE_OPT_PROXY_TLS_CERT_FILE is given without LANDLINE_OPT_PROXY_TLS_KEY_FILE");
    landline_options_free(options);
    end_proxy(&proxy);
}

static void *refuse_all(void *listener) {
    landline_request *request;
    landline_status status;
    while ((status = landline_listener_accept(listener, -1, &request)) != LANDLINE_INTERRUPTED)
        CHECK(status < 0);
    return NULL;
}

/* What an https proxy answers: the status, or 0 if its certificate is not accepted. A server that knows no CONNECT will do. */
static int64_t asked(const char *url, landline_options *options) {
    landline_conn *conn;
    with_str(options, LANDLINE_OPT_PROXY, url);
    CHECK_STATUS(landline_connect("ws://192.0.2.1/", options, LONG, &conn), LANDLINE_ERR_PROXY);
    landline_options_free(options);
    return landline_error_int(LANDLINE_ERROR_HTTP_STATUS);
}

static void certificates_of_proxies(void) {
    landline_options *options = with_identity(new_options());
    landline_listener *listener;
    pthread_t thread;
    char url[128];
    OK(landline_listen("127.0.0.1:0", options, &listener));
    landline_options_free(options);
    snprintf(url, sizeof url, "https://%s", landline_listener_local_addr(listener));
    thread = start(refuse_all, listener);
    /* The platform trusts it. */
    CHECK(asked(url, new_options()) >= 400);
    CHECK_IS(asked(url, with_int(new_options(), LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS, 0)), 0);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_PROXY_TLS_CA_FILE");
    /* What is for servers does not count. */
    options = with_int(with_trust(new_options()), LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS, 1);
    CHECK_IS(asked(url, with_int(options, LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS, 0)), 0);
    options = with_int(new_options(), LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS, 0);
    CHECK(asked(url, with_str(options, LANDLINE_OPT_PROXY_TLS_CA_FILE, in_directory("cert.pem"))) >= 400);
    options = with_int(new_options(), LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS, 0);
    CHECK(asked(url, with_int(options, LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS, 1)) >= 400);
    OK(landline_listener_stop(listener));
    join(thread);
    landline_listener_free(listener);
}

static void misuse(void) {
    static const char *const BAD[] = {"ftp://u:hunter2@a", "http://u:hunter2@", "http://u:hunter2@a:0", "socks4a://u:hunter2@a"};
    landline_options *options = new_options();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CHECK_STATUS(landline_options_set_str(options, LANDLINE_OPT_PROXY, BAD[i]), LANDLINE_ERR_INVALID);
        CHECK_HAS(landline_error_text(), "roxy");
        CHECK(strstr(landline_error_text(), "hunter2") == NULL);
    }
    CHECK_STATUS(landline_options_add_proxy_header(options, "a", "b"), LANDLINE_ERR_STATE);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_PROXY");
    with_str(options, LANDLINE_OPT_PROXY, "socks5://a");
    CHECK_STATUS(landline_options_add_proxy_header(options, "a", "b"), LANDLINE_ERR_INVALID);
    with_str(options, LANDLINE_OPT_PROXY, "a");
    CHECK_STATUS(landline_options_add_proxy_header(options, "Host", "b"), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_add_proxy_header(options, "a", "b\r\nc: d"), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_PROXY_FROM_ENV, 2), LANDLINE_ERR_INVALID);
    landline_options_free(options);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    /* Once for all, since the platform's certificates are kept. */
    CHECK(setenv("SSL_CERT_FILE", in_directory("cert.pem"), 1) == 0);
    requests_and_headers(0);
    requests_and_headers(1);
    what_the_server_gets();
    chains_and_exceptions();
    those_of_the_environment();
    refusals();
    tls_with_a_proxy();
    why_tls_with_a_proxy_failed();
    certificates_of_proxies();
    misuse();
    return 0;
}
