/* Signals do not end calls: a handler without SA_RESTART runs every few milliseconds while calls block. Each call lasts
 * until its time is over, or until what it waits for has arrived.
 */
#include "test.h"

#include <sys/time.h>

enum { LIMIT = 150, EVERY_US = 10000, ENOUGH = 5 };

static volatile sig_atomic_t signals;

static void count(int signal) {
    (void)signal;
    signals++;
}

static void start_signals(void) {
    struct sigaction action;
    struct itimerval timer = {{0, EVERY_US}, {0, EVERY_US}};
    memset(&action, 0, sizeof action);
    action.sa_handler = count;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* The call returns this after its time limit and not before, however many signals arrive. */
#define LASTS(call, expected) \
    do { \
        int before_ = signals; \
        long long began_ = now_ms(); \
        CHECK_STATUS(call, expected); \
        CHECK(now_ms() - began_ >= LIMIT - 1); \
        CHECK(signals - before_ >= ENOUGH); \
    } while (0)

/* Threads with signals blocked, so that all signals go to the first thread. */
static pthread_t start_calm(void *(*run)(void *), void *argument) {
    pthread_t thread;
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    thread = start(run, argument);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    return thread;
}

/* Sends after the first thread has received its signals. */
static void *send_late(void *conn) {
    int before = signals;
    while (signals - before < ENOUGH)
        poll(NULL, 0, 1);
    OK(landline_conn_send(conn, LANDLINE_TEXT, "late", 4, 0, LONG));
    return NULL;
}

static void *connect_late(void *argument) {
    int before = signals;
    while (signals - before < ENOUGH)
        poll(NULL, 0, 1);
    return open_client(argument);
}

static void *receive_begin(void *conn) {
    expect(conn, LANDLINE_TEXT, "begin", 5);
    return NULL;
}

static void on_connection(int tls) {
    landline_conn *client, *server;
    landline_message *message;
    landline_wait_item item = {NULL, NULL, -1, 0, 0};
    landline_options *options = with_int(new_options(), LANDLINE_OPT_CLOSE_TIMEOUT_MS, LIMIT);
    uint64_t microseconds;
    size_t ready;
    int32_t kind;
    size_t len;
    char byte;
    static char large[16 << 20];
    landline_status status;
    long long began;
    pthread_t thread;

    open_both(tls, options, NULL, &client, &server);
    LASTS(landline_conn_recv(client, LIMIT, &message), LANDLINE_TIMED_OUT);
    LASTS(landline_conn_recv_ref(client, LIMIT, &message), LANDLINE_TIMED_OUT);
    LASTS(landline_conn_recv_into(client, &byte, 1, LIMIT, &kind, &len), LANDLINE_TIMED_OUT);
    LASTS(landline_conn_ping_wait(client, LIMIT, &microseconds), LANDLINE_TIMED_OUT);
    item.conn = client;
    LASTS(landline_wait(&item, 1, LIMIT, &ready), LANDLINE_TIMED_OUT);

    thread = start_calm(send_late, server);
    expect(client, LANDLINE_TEXT, "late", 4);
    join(thread);
    thread = start_calm(send_late, server);
    OK(landline_wait(&item, 1, LONG, &ready));
    expect(client, LANDLINE_TEXT, "late", 4);
    join(thread);
    thread = start_calm(receive_begin, server);
    for (int before = signals; signals - before < ENOUGH;)
        OK(landline_conn_ping_wait(client, LONG, &microseconds));
    OK(landline_conn_send(client, LANDLINE_TEXT, "begin", 5, 0, LONG));
    join(thread);

    /* More than fits anywhere. */
    began = now_ms();
    status = landline_conn_send(client, LANDLINE_BINARY, large, sizeof large, 0, LIMIT);
    CHECK(status == LANDLINE_PENDING || status == LANDLINE_TIMED_OUT);
    CHECK(now_ms() - began >= LIMIT - 1);
    began = now_ms();
    CHECK(landline_conn_close(client, 1000, NULL, 0, -1) < 0);
    CHECK(now_ms() - began >= LIMIT - 1);
    landline_conn_free(client);
    landline_conn_free(server);
}

static void opening(void) {
    landline_listener *listener;
    landline_request *request;
    landline_conn *conn, *server;
    landline_wait_item item = {NULL, NULL, -1, 0, 0};
    struct opening opening;
    pthread_t thread;
    size_t ready;
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(opening.url, sizeof opening.url, "ws://%s/", landline_listener_local_addr(listener));
    opening.options = NULL;
    LASTS(landline_listener_accept(listener, LIMIT, &request), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_ACCEPT);
    item.listener = listener;
    LASTS(landline_wait(&item, 1, LIMIT, &ready), LANDLINE_TIMED_OUT);
    thread = start_calm(connect_late, &opening);
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    landline_request_free(request);
    conn = opening.conn;
    landline_conn_free(conn);
    landline_conn_free(server);
    /* No program accepts: the system connects, and the handshake is not answered. */
    LASTS(landline_connect(opening.url, NULL, LIMIT, &conn), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
    landline_listener_free(listener);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    start_signals();
    opening();
    on_connection(0);
    on_connection(1);
    return 0;
}
