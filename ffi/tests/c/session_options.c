/* What the options of sessions do, what the statuses that a callback returns do, and the arguments of closing, sending and
 * interrupting.
 */
#include "test.h"

/* ----- A server ----- */

enum { MOST = 8 };

/* Refuses connections with 503 if there is a `retry_after`; drops them as soon as they are open, or keeps them. */
struct host {
    landline_listener *listener;
    pthread_t thread;
    char url[64];
    const char *retry_after;
    int drops;
    struct flag kept;
    landline_conn *conns[MOST];
};

static void *serve(void *argument) {
    struct host *host = argument;
    landline_request *request;
    landline_conn *conn;
    while (landline_listener_accept(host->listener, -1, &request) == LANDLINE_OK) {
        if (host->retry_after) {
            OK(landline_request_add_header(request, "Retry-After", host->retry_after));
            OK(landline_request_reject(request, 503, NULL, 0));
        } else {
            OK(landline_request_accept(request, NULL, &conn));
            if (host->drops) {
                landline_conn_free(conn);
            } else {
                CHECK(host->kept.value < MOST);
                host->conns[host->kept.value] = conn;
                raise_flag(&host->kept);
            }
        }
        landline_request_free(request);
    }
    return NULL;
}

static void begin_host(struct host *host, int drops, const char *retry_after) {
    static const struct flag INITIAL = FLAG_INIT;
    memset(host, 0, sizeof *host);
    host->kept = INITIAL;
    host->drops = drops;
    host->retry_after = retry_after;
    OK(landline_listen("127.0.0.1:0", NULL, &host->listener));
    snprintf(host->url, sizeof host->url, "ws://%s/", landline_listener_local_addr(host->listener));
    host->thread = start(serve, host);
}

static void end_host(struct host *host) {
    OK(landline_listener_stop(host->listener));
    join(host->thread);
    landline_listener_free(host->listener);
    for (int i = 0; i < MOST; i++)
        landline_conn_free(host->conns[i]);
}

/* A port on which nobody listens. */
static const char *nobody(void) {
    static char url[64];
    landline_listener *listener;
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
    landline_listener_free(listener);
    return url;
}

/* ----- Sessions ----- */

static landline_options *waiting(int first, int max) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_BACKOFF_FIRST_MS, first);
    with_int(options, LANDLINE_OPT_BACKOFF_JITTER_PERCENT, 0);
    return with_int(options, LANDLINE_OPT_BACKOFF_MAX_MS, max);
}

static landline_options *quick(void) {
    return waiting(1, 1);
}

/* The options are freed. */
static landline_session *new_session(const char *url, landline_options *options) {
    landline_session *session;
    OK(landline_session_new(url, options, NULL, NULL, &session));
    landline_options_free(options);
    return session;
}

static landline_status receive(landline_session *session, int timeout_ms) {
    landline_message *message;
    landline_status status = landline_session_recv(session, timeout_ms, &message);
    landline_message_free(message);
    return status;
}

static int64_t number(const landline_session *session, int32_t key) {
    int64_t value = -1;
    OK(landline_session_int(session, key, &value));
    return value;
}

/* How long the session waits after this many attempts that failed. */
static int64_t wait_after(landline_session *session, int attempts) {
    do
        CHECK_STATUS(receive(session, 20), LANDLINE_TIMED_OUT);
    while (number(session, LANDLINE_SESSION_ATTEMPTS) < attempts ||
           number(session, LANDLINE_SESSION_STAGE) != LANDLINE_STAGE_WAITING);
    CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), attempts);
    return number(session, LANDLINE_SESSION_WAIT_MS);
}

/* Between the time that the session has been told to wait, and a minute less for a slow machine. */
static void check_wait(int64_t wait, int64_t expected) {
    CHECK(wait <= expected);
    CHECK(wait > expected - 60000);
}

/* A session with a connection to a host that keeps it. */
static landline_session *connected(struct host *host, landline_options *options) {
    landline_session *session;
    begin_host(host, 0, NULL);
    session = new_session(host->url, options);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    wait_flag(&host->kept, 1);
    return session;
}

/* ----- Waits and limits ----- */

static void waits_follow_the_options(void) {
    landline_session *session;
    /* Several, since the wait would be somewhere in the second half with jitter. */
    for (int i = 0; i < 5; i++) {
        session = new_session(nobody(), waiting(1000000, 2000000));
        check_wait(wait_after(session, 1), 1000000);
        landline_session_free(session);
    }
    session = new_session(nobody(), with_int(waiting(10, 2000000), LANDLINE_OPT_BACKOFF_FACTOR, 100000));
    check_wait(wait_after(session, 2), 1000000);
    landline_session_free(session);
    session = new_session(nobody(), with_int(waiting(10, 500000), LANDLINE_OPT_BACKOFF_FACTOR, 100000));
    check_wait(wait_after(session, 2), 500000);
    landline_session_free(session);
}

static void servers_can_ask_for_a_wait_within_limits(void) {
    struct host host;
    landline_session *session;
    begin_host(&host, 0, "1000");
    session = new_session(host.url, quick());
    check_wait(wait_after(session, 1), 300000);
    landline_session_free(session);
    session = new_session(host.url, with_int(quick(), LANDLINE_OPT_MAX_RETRY_AFTER_MS, 500000));
    check_wait(wait_after(session, 1), 500000);
    landline_session_free(session);
    session = new_session(host.url, with_int(quick(), LANDLINE_OPT_MAX_RETRY_AFTER_MS, -1));
    check_wait(wait_after(session, 1), 1000000);
    landline_session_free(session);
    end_host(&host);
}

static void attempts_and_their_time_are_limited(void) {
    landline_options *options = with_int(quick(), LANDLINE_OPT_MAX_ATTEMPTS, 1);
    landline_session *session = new_session(nobody(), with_int(quick(), LANDLINE_OPT_GIVE_UP_AFTER_MS, 50));
    CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_CONNECT);
    landline_session_free(session);
    /* No limit. */
    session = new_session(nobody(), with_int(options, LANDLINE_OPT_MAX_ATTEMPTS, 0));
    do
        CHECK_STATUS(receive(session, 5), LANDLINE_TIMED_OUT);
    while (number(session, LANDLINE_SESSION_ATTEMPTS) < 3);
    landline_session_free(session);
}

static void attempts_count_afresh_after_a_connection_that_lasted(void) {
    struct host host;
    begin_host(&host, 1, NULL);
    for (int lasts = 0; lasts < 2; lasts++) {
        landline_options *options = with_int(quick(), LANDLINE_OPT_RESET_AFTER_MS, lasts ? 1 : -1);
        landline_session *session = new_session(host.url, options);
        for (int i = 1; i <= 3; i++) {
            CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
            CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), lasts ? 1 : i);
            /* The connection lasts for longer than a millisecond. */
            poll(NULL, 0, 5);
        }
        landline_session_free(session);
    }
    end_host(&host);
}

static void calls_without_a_limit_have_that_of_the_options(void) {
    landline_options *options = with_int(waiting(1000000, 1000000), LANDLINE_OPT_RECV_TIMEOUT_MS, 50);
    landline_session *session = new_session(nobody(), options);
    landline_conn *conn;
    CHECK_STATUS(receive(session, -1), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_session_next_connection(session, -1, &conn), LANDLINE_TIMED_OUT);
    CHECK(conn == NULL);
    landline_session_free(session);
}

/* ----- Callbacks ----- */

struct hook {
    const char *url;
    /* What the first call returns, or receives. */
    landline_status give;
    int receives, calls;
};

static landline_status give_once(landline_conn *conn, void *user) {
    struct hook *hook = user;
    landline_message *message;
    if (++hook->calls > 1)
        return LANDLINE_OK;
    return hook->receives ? landline_conn_recv(conn, LONG, &message) : hook->give;
}

/* In a thread of its own, in which no call has failed before. */
static void *try_hook(void *argument) {
    static const landline_session_callbacks TABLE = {sizeof TABLE, give_once, NULL};
    struct hook *hook = argument;
    landline_options *options = quick();
    landline_session *session;
    OK(landline_session_new(hook->url, options, &TABLE, hook, &session));
    landline_options_free(options);
    if (hook->give == LANDLINE_INTERRUPTED) {
        CHECK_STATUS(receive(session, LONG), LANDLINE_INTERRUPTED);
        CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 0);
        CHECK_STATUS(landline_session_failure(session), LANDLINE_OK);
    }
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    CHECK_IS(hook->calls, hook->give == LANDLINE_CLOSED ? 1 : 2);
    if (hook->give == LANDLINE_TIMED_OUT || hook->receives)
        CHECK_STATUS(landline_session_failure(session), hook->give);
    landline_session_free(session);
    return NULL;
}

static void what_the_callback_returns_decides(void) {
    static const landline_status GIVEN[] = {LANDLINE_CLOSED, LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_ERR_EOF};
    struct host host;
    begin_host(&host, 1, NULL);
    for (size_t i = 0; i < sizeof GIVEN / sizeof *GIVEN; i++) {
        struct hook hook = {host.url, GIVEN[i], GIVEN[i] == LANDLINE_ERR_EOF, 0};
        join(start(try_hook, &hook));
    }
    end_host(&host);
}

/* ----- What is known ----- */

static void failures_are_described_when_asked_for(void) {
    landline_session *session = new_session(nobody(), with_int(quick(), LANDLINE_OPT_MAX_ATTEMPTS, 1));
    int64_t value;
    CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_CONNECT);
    /* Another failure comes in between. */
    CHECK_STATUS(landline_session_int(session, 99, &value), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_session_failure(session), LANDLINE_ERR_CONNECT);
    CHECK_HAS(landline_error_text(), "cannot connect to 127.0.0.1:");
    landline_session_free(session);
}

/* ----- The end ----- */

static void *receive_the_end(void *session) {
    CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    return NULL;
}

/* The server's side: gets the Close frame, and answers it. */
static void *be_closed(void *conn) {
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(conn, LONG, &message), LANDLINE_CLOSED);
    return NULL;
}

static void check_close(const landline_conn *conn, int code, const char *reason) {
    CHECK_IS(conn_int(conn, LANDLINE_CONN_CLOSE_CODE_RECEIVED), code);
    CHECK_TEXT(conn_str(conn, LANDLINE_CONN_CLOSE_REASON), reason);
}

static void the_server_gets_code_and_reason(void) {
    for (int i = 0; i < 3; i++) {
        struct host host;
        landline_session *session = connected(&host, quick());
        pthread_t server = start(be_closed, host.conns[0]), receiver = server;
        if (i == 0)
            CHECK_IS(number(session, LANDLINE_SESSION_CLOSE_CODE), 0);
        if (i > 0)
            receiver = start(receive_the_end, session);
        if (i == 1) {
            OK(landline_session_close_start(session, 4001, "reason", 6));
        } else {
            /* Until the other thread receives. */
            int64_t code;
            while (i == 2 && landline_session_int(session, LANDLINE_SESSION_CLOSE_CODE, &code) != LANDLINE_ERR_BUSY)
                poll(NULL, 0, 1);
            landline_status status = landline_session_close(session, 4000 + i, "reason", 6, LONG);
            CHECK(status == LANDLINE_OK || (i == 2 && status == LANDLINE_PENDING));
        }
        if (i > 0)
            join(receiver);
        join(server);
        check_close(host.conns[0], 4000 + i, "reason");
        CHECK_IS(number(session, LANDLINE_SESSION_CLOSE_CODE), 4000 + i);
        landline_session_free(session);
        end_host(&host);
    }
}

/* A server that does not answer a Close frame: how long it is waited for. */
static void closing_has_a_limit(void) {
    struct host host;
    landline_session *session = connected(&host, quick());
    landline_conn *conn;
    long long began = now_ms();
    CHECK_STATUS(landline_session_close(session, 1000, NULL, 0, 50), LANDLINE_ERR_CLOSE_UNANSWERED);
    CHECK(now_ms() - began < 4000);
    landline_session_free(session);
    /* By the options, with a connection that was handed out too. */
    session = new_session(host.url, with_int(quick(), LANDLINE_OPT_CLOSE_TIMEOUT_MS, 50));
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    began = now_ms();
    CHECK_STATUS(landline_session_close(session, 1000, NULL, 0, -1), LANDLINE_ERR_CLOSE_UNANSWERED);
    CHECK(now_ms() - began < 4000);
    landline_session_free(session);
    session = new_session(host.url, with_int(quick(), LANDLINE_OPT_CLOSE_TIMEOUT_MS, 50));
    OK(landline_session_next_connection(session, LONG, &conn));
    began = now_ms();
    CHECK_STATUS(landline_conn_close(conn, 1000, NULL, 0, -1), LANDLINE_ERR_CLOSE_UNANSWERED);
    CHECK(now_ms() - began < 4000);
    landline_conn_free(conn);
    landline_session_free(session);
    wait_flag(&host.kept, 3);
    end_host(&host);
}

static void *send_elsewhere(void *conn) {
    CHECK_STATUS(landline_conn_send(conn, LANDLINE_TEXT, "x", 1, 0, LONG), LANDLINE_ERR_BUSY);
    return NULL;
}

static void connections_handed_out_have_the_options(void) {
    struct host host;
    landline_session *session;
    landline_conn *conn;
    begin_host(&host, 0, NULL);
    session = new_session(host.url, with_int(quick(), LANDLINE_OPT_SINGLE_THREAD, 1));
    OK(landline_session_next_connection(session, LONG, &conn));
    OK(landline_conn_send(conn, LANDLINE_TEXT, "x", 1, 0, LONG));
    join(start(send_elsewhere, conn));
    landline_conn_free(conn);
    landline_session_free(session);
    wait_flag(&host.kept, 1);
    end_host(&host);
}

/* ----- Sending and interrupting ----- */

enum { MUCH = 30000000 };

static landline_status send_much(landline_session *session, int timeout_ms) {
    char *much = calloc(MUCH, 1);
    landline_status status;
    CHECK(much != NULL);
    status = landline_session_send(session, LANDLINE_BINARY, much, MUCH, timeout_ms);
    free(much);
    return status;
}

static void *send_interrupted(void *session) {
    CHECK_STATUS(send_much(session, LONG), LANDLINE_INTERRUPTED);
    return NULL;
}

static void senders_are_limited_and_interrupted_alone(void) {
    struct host host;
    landline_session *session = connected(&host, quick());
    pthread_t thread;
    /* Nobody receives at the other end. An interrupt for the receiver does not end calls that send. */
    OK(landline_session_interrupt(session, LANDLINE_DIRECTION_RECV));
    CHECK_STATUS(send_much(session, 50), LANDLINE_PENDING);
    CHECK_HAS(landline_error_text(), "timed out");
    CHECK_STATUS(send_much(session, 50), LANDLINE_TIMED_OUT);
    CHECK_STATUS(receive(session, LONG), LANDLINE_INTERRUPTED);
    /* And the other way round. */
    thread = start(send_interrupted, session);
    OK(landline_session_interrupt(session, LANDLINE_DIRECTION_SEND));
    join(thread);
    CHECK_STATUS(receive(session, 20), LANDLINE_TIMED_OUT);
    landline_session_free(session);
    end_host(&host);
}

int main(int argc, char **argv) {
    int threads;
    begin(argc, argv);
    threads = threads_of_process();
    waits_follow_the_options();
    servers_can_ask_for_a_wait_within_limits();
    attempts_and_their_time_are_limited();
    attempts_count_afresh_after_a_connection_that_lasted();
    calls_without_a_limit_have_that_of_the_options();
    what_the_callback_returns_decides();
    failures_are_described_when_asked_for();
    the_server_gets_code_and_reason();
    closing_has_a_limit();
    connections_handed_out_have_the_options();
    senders_are_limited_and_interrupted_alone();
    until_threads_are(threads);
    return 0;
}
