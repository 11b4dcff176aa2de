/* Sessions: receiving over connections that break, the callbacks, what becomes of messages without a connection, time
 * limits, interruption, and the end.
 */
#include "test.h"

/* ----- A server that breaks its connections ----- */

struct breaking {
    landline_server *server;
    pthread_t thread;
    char url[64];
    struct flag connections;
    /* This one is closed with `code`, those before it break off. */
    int last, code;
};

/* Gives back the subscription with a number, and ends the connection. */
static void handle(landline_conn *conn, void *user) {
    struct breaking *breaking = user;
    landline_message *message;
    char text[64];
    int number, len;
    if (landline_conn_recv(conn, LONG, &message) != LANDLINE_OK)
        return;
    pthread_mutex_lock(&breaking->connections.lock);
    number = ++breaking->connections.value;
    pthread_mutex_unlock(&breaking->connections.lock);
    len = snprintf(text, sizeof text, "%.*s %d", (int)landline_message_len(message),
                   (const char *)landline_message_data(message), number);
    landline_message_free(message);
    OK(landline_conn_send(conn, LANDLINE_TEXT, text, (size_t)len, 0, LONG));
    if (number < breaking->last)
        OK(landline_conn_abort(conn));
    else if (breaking->code != 0)
        OK(landline_conn_close(conn, breaking->code, "over", 4, LONG));
    else
        while (landline_conn_recv(conn, LONG, &message) == LANDLINE_OK)
            landline_message_free(message);
}

static void *serve(void *argument) {
    struct breaking *breaking = argument;
    OK(landline_server_run(breaking->server, handle, breaking));
    return NULL;
}

static void begin_breaking(struct breaking *breaking, int last, int code) {
    static const struct flag INITIAL = FLAG_INIT;
    breaking->connections = INITIAL;
    breaking->last = last;
    breaking->code = code;
    OK(landline_server_bind("127.0.0.1:0", NULL, &breaking->server));
    snprintf(breaking->url, sizeof breaking->url, "ws://%s/", landline_server_local_addr(breaking->server));
    breaking->thread = start(serve, breaking);
}

static void end_breaking(struct breaking *breaking) {
    OK(landline_server_stop(breaking->server, LONG, NULL, NULL));
    join(breaking->thread);
    landline_server_free(breaking->server);
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

struct callbacks {
    int connects, asked;
    landline_status give;
    landline_status last_status;
    int last_code, last_transient;
    int answer; /* -1: as the session would */
    landline_conn *kept;
};

static landline_status subscribe(landline_conn *conn, void *user) {
    struct callbacks *callbacks = user;
    const char *value;
    size_t len;
    callbacks->connects++;
    if (callbacks->give != LANDLINE_OK) {
        landline_status give = callbacks->give;
        callbacks->give = LANDLINE_OK;
        return give;
    }
    OK(landline_conn_header(conn, "upgrade", 0, &value, &len));
    CHECK(value != NULL);
    if (callbacks->kept == NULL)
        callbacks->kept = landline_conn_retain(conn);
    return landline_conn_send(conn, LANDLINE_TEXT, "prices", 6, 0, LONG);
}

static int32_t decide(landline_status status, int32_t close_code, int32_t is_transient, void *user) {
    struct callbacks *callbacks = user;
    callbacks->asked++;
    callbacks->last_status = status;
    callbacks->last_code = close_code;
    callbacks->last_transient = is_transient;
    CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), status);
    CHECK(strlen(landline_error_text()) > 0);
    return callbacks->answer < 0 ? is_transient : callbacks->answer;
}

static const landline_session_callbacks TABLE = {sizeof TABLE, subscribe, decide};

static landline_options *quick(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_BACKOFF_FIRST_MS, 2);
    return with_int(options, LANDLINE_OPT_BACKOFF_MAX_MS, 10);
}

/* Waits for longer than any test takes. */
static landline_options *slow(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_BACKOFF_FIRST_MS, 1000000);
    return with_int(options, LANDLINE_OPT_BACKOFF_MAX_MS, 1000000);
}

/* The options are freed. */
static landline_session *new_session(const char *url, landline_options *options, struct callbacks *callbacks) {
    landline_session *session;
    OK(landline_session_new(url, options, callbacks ? &TABLE : NULL, callbacks, &session));
    landline_options_free(options);
    return session;
}

static landline_status receive(landline_session *session, int timeout_ms) {
    landline_message *message = (landline_message *)session;
    landline_status status = landline_session_recv(session, timeout_ms, &message);
    CHECK(message == NULL || status == LANDLINE_OK);
    landline_message_free(message);
    return status;
}

static void expect_text(landline_session *session, const char *text) {
    landline_message *message;
    OK(landline_session_recv(session, LONG, &message));
    check_message(message, LANDLINE_TEXT, text, strlen(text));
}

static int64_t number(const landline_session *session, int32_t key) {
    int64_t value = -1;
    OK(landline_session_int(session, key, &value));
    return value;
}

static landline_status send_text(landline_session *session, const char *text) {
    return landline_session_send(session, LANDLINE_TEXT, text, strlen(text), LONG);
}

/* ----- Tests ----- */

static void receiving_goes_on_over_connections(void) {
    struct breaking breaking;
    struct callbacks callbacks = {.answer = -1};
    landline_session *session;
    begin_breaking(&breaking, 3, 1000);
    session = new_session(breaking.url, quick(), &callbacks);
    CHECK_IS(number(session, LANDLINE_SESSION_STAGE), LANDLINE_STAGE_WAITING);
    CHECK_IS(number(session, LANDLINE_SESSION_WAIT_MS), 0);
    CHECK_STATUS(landline_session_failure(session), LANDLINE_OK);
    for (int i = 1; i <= 3; i++) {
        char text[32];
        CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
        CHECK_IS(number(session, LANDLINE_SESSION_STAGE), LANDLINE_STAGE_CONNECTED);
        CHECK_IS(number(session, LANDLINE_SESSION_RECONNECTS), i - 1);
        snprintf(text, sizeof text, "prices %d", i);
        expect_text(session, text);
    }
    CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 3);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    CHECK_HAS(landline_error_text(), "1000 (normal closure): \"over\"");
    CHECK_IS(number(session, LANDLINE_SESSION_CLOSE_CODE), 1000);
    CHECK_IS(number(session, LANDLINE_SESSION_STAGE), LANDLINE_STAGE_ENDED);
    CHECK_IS(callbacks.connects, 3);
    CHECK_IS(callbacks.asked, 3);
    CHECK_IS(callbacks.last_status, LANDLINE_CLOSED);
    CHECK_IS(callbacks.last_code, 1000);
    CHECK_IS(callbacks.last_transient, 0);
    CHECK_STATUS(send_text(session, "x"), LANDLINE_ERR_CLOSING);
    /* The connection was lent to the callback only. */
    CHECK_STATUS(landline_conn_send(callbacks.kept, LANDLINE_TEXT, "x", 1, 0, 0), LANDLINE_ERR_BUSY);
    OK(landline_conn_abort(callbacks.kept));
    landline_conn_free(callbacks.kept);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void the_program_decides_what_is_tried_again(void) {
    struct breaking breaking;
    struct callbacks callbacks = {.answer = 1};
    landline_session *session;
    begin_breaking(&breaking, 1, 4000);
    session = new_session(breaking.url, quick(), &callbacks);
    for (int i = 1; i <= 2; i++) {
        char text[32];
        CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
        snprintf(text, sizeof text, "prices %d", i);
        expect_text(session, text);
    }
    callbacks.answer = 0;
    CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    CHECK_IS(callbacks.last_code, 4000);
    landline_conn_free(callbacks.kept);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void it_gives_up_with_the_last_error(void) {
    struct callbacks callbacks = {.answer = -1};
    landline_session *session =
        new_session(nobody(), with_int(quick(), LANDLINE_OPT_MAX_ATTEMPTS, 3), &callbacks);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_CONNECT);
    CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 3);
    CHECK_IS(callbacks.connects, 0);
    CHECK_IS(callbacks.asked, 3);
    CHECK_IS(callbacks.last_status, LANDLINE_ERR_CONNECT);
    CHECK_IS(callbacks.last_transient, 1);
    CHECK_STATUS(landline_session_failure(session), LANDLINE_ERR_CONNECT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_TRANSIENT), 1);
    CHECK_HAS(landline_error_text(), "cannot connect to 127.0.0.1:");
    landline_session_free(session);
}

static void a_callback_that_fails_is_a_failed_attempt(void) {
    struct breaking breaking;
    struct callbacks callbacks = {.answer = -1, .give = LANDLINE_ERR_STATE};
    landline_session *session;
    begin_breaking(&breaking, 1, 0);
    session = new_session(breaking.url, quick(), &callbacks);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    CHECK_IS(callbacks.connects, 2);
    CHECK_IS(callbacks.last_status, LANDLINE_ERR_IO);
    CHECK_STATUS(landline_session_failure(session), LANDLINE_ERR_IO);
    CHECK_HAS(landline_error_text(), "on_connect returned LANDLINE_ERR_STATE");
    expect_text(session, "prices 1");
    OK(landline_session_close(session, 1000, NULL, 0, LONG));
    landline_conn_free(callbacks.kept);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void *close_start_when_connecting(void *session) {
    while (number(session, LANDLINE_SESSION_STAGE) != LANDLINE_STAGE_CONNECTING)
        poll(NULL, 0, 1);
    OK(landline_session_close_start(session, 1000, NULL, 0));
    return NULL;
}

/* Receives with this limit until it is not too short. */
static landline_status poll_session(landline_session *session, int timeout_ms) {
    landline_status status;
    long long end = now_ms() + LONG;
    do
        status = receive(session, timeout_ms);
    while (status == LANDLINE_TIMED_OUT && now_ms() < end);
    return status;
}

/* A server that begins to answer after some calls have timed out. */
static void an_attempt_goes_on_over_calls_with_short_limits(void) {
    static const int LIMITS[] = {0, 1, 20};
    size_t i;
    for (i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++) {
        landline_listener *listener;
        landline_request *request;
        landline_session *session;
        landline_conn *conn;
        char url[64];
        int call;
        OK(landline_listen("127.0.0.1:0", NULL, &listener));
        snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(listener));
        session = new_session(url, slow(), NULL);
        for (call = 0; call < 5; call++)
            CHECK_STATUS(receive(session, LIMITS[i]), LANDLINE_TIMED_OUT);
        CHECK_IS(number(session, LANDLINE_SESSION_STAGE), LANDLINE_STAGE_CONNECTING);
        OK(landline_listener_accept(listener, LONG, &request));
        OK(landline_request_accept(request, NULL, &conn));
        landline_request_free(request);
        CHECK_STATUS(poll_session(session, LIMITS[i]), LANDLINE_CONNECTED);
        CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 1);
        landline_session_free(session);
        landline_conn_free(conn);
        landline_listener_free(listener);
    }
}

static landline_status wait_in_callback(landline_conn *conn, void *user) {
    landline_message *message;
    (void)user;
    return landline_conn_recv(conn, -1, &message);
}

static landline_status take_time(landline_conn *conn, void *calls) {
    landline_message *message;
    ++*(int *)calls;
    CHECK_STATUS(landline_conn_recv(conn, 50, &message), LANDLINE_TIMED_OUT);
    return LANDLINE_OK;
}

/* Not LANDLINE_TIMED_OUT, after which a program calls again. */
static void giving_up_because_time_ran_out_is_the_end(void) {
    landline_options *options = with_int(quick(), LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, 50);
    landline_listener *silent;
    landline_session *session;
    char url[64];
    with_int(options, LANDLINE_OPT_MAX_ATTEMPTS, 2);
    OK(landline_listen("127.0.0.1:0", NULL, &silent));
    snprintf(url, sizeof url, "ws://%s/", landline_listener_local_addr(silent));
    session = new_session(url, options, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_GAVE_UP);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_HANDSHAKE);
        CHECK_IS(number(session, LANDLINE_SESSION_STAGE), LANDLINE_STAGE_ENDED);
    }
    landline_session_free(session);
    landline_listener_free(silent);
}

struct in_callback {
    landline_session *session;
    int is_sending;
};

static landline_status use_session(landline_conn *conn, void *user) {
    struct in_callback *in_callback = user;
    CHECK(conn != NULL);
    if (in_callback->is_sending)
        return send_text(in_callback->session, "prices");
    OK(landline_session_close(in_callback->session, 1000, NULL, 0, LONG));
    return LANDLINE_OK;
}

/* Closing waits for the thread that receives, which is this one. */
static void a_callback_can_close_the_session_and_not_send_by_it(void) {
    const landline_session_callbacks table = {sizeof table, use_session, NULL};
    struct breaking breaking;
    begin_breaking(&breaking, 1, 0);
    for (int is_sending = 0; is_sending < 2; is_sending++) {
        struct in_callback in_callback = {NULL, is_sending};
        landline_options *options = with_int(quick(), LANDLINE_OPT_CLOSE_TIMEOUT_MS, 60000);
        OK(landline_session_new(breaking.url, options, &table, &in_callback, &in_callback.session));
        landline_options_free(options);
        CHECK_STATUS(receive(in_callback.session, LONG), is_sending ? LANDLINE_ERR_STATE : LANDLINE_CLOSED);
        if (is_sending)
            CHECK_HAS(landline_error_text(), "send by the connection that the hook is given");
        landline_session_free(in_callback.session);
    }
    end_breaking(&breaking);
}

static void a_short_limit_does_not_cut_the_callback_off(void) {
    static const landline_session_callbacks WAITING = {sizeof WAITING, wait_in_callback, NULL};
    static const landline_session_callbacks SLOW = {sizeof SLOW, take_time, NULL};
    struct breaking breaking;
    landline_session *session;
    landline_options *options = slow();
    pthread_t thread;
    int calls = 0;
    begin_breaking(&breaking, 1, 0);
    OK(landline_session_new(breaking.url, options, &SLOW, &calls, &session));
    CHECK_STATUS(poll_session(session, 1), LANDLINE_CONNECTED);
    CHECK_IS(calls, 1);
    landline_session_free(session);

    /* The limit for opening a connection does. */
    options = with_int(options, LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, 200);
    OK(landline_session_new(breaking.url, options, &WAITING, NULL, &session));
    while (landline_session_failure(session) == LANDLINE_OK)
        CHECK_STATUS(receive(session, 1), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_session_failure(session), LANDLINE_TIMED_OUT);
    CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 1);
    landline_session_free(session);
    landline_options_free(options);

    options = slow();
    OK(landline_session_new(breaking.url, options, &WAITING, NULL, &session));
    landline_options_free(options);
    thread = start(close_start_when_connecting, session);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    join(thread);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void without_a_connection_messages_are_refused_or_kept(void) {
    struct breaking breaking;
    landline_session *session = new_session(nobody(), quick(), NULL);
    landline_options *options = with_int(quick(), LANDLINE_OPT_OUTBOX_MESSAGES, 2);
    CHECK_STATUS(send_text(session, "x"), LANDLINE_ERR_NOT_CONNECTED);
    CHECK_STATUS(landline_session_try_send(session, LANDLINE_BINARY, "x", 1), LANDLINE_ERR_NOT_CONNECTED);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 0);
    landline_session_free(session);

    begin_breaking(&breaking, 1, 0);
    session = new_session(breaking.url, with_int(options, LANDLINE_OPT_OUTBOX_BYTES, 10), NULL);
    OK(send_text(session, "kept"));
    CHECK_STATUS(landline_session_try_send(session, LANDLINE_BINARY, "1234567", 7), LANDLINE_ERR_OUTBOX_FULL);
    OK(landline_session_try_send(session, LANDLINE_BINARY, "123456", 6));
    CHECK_STATUS(send_text(session, ""), LANDLINE_ERR_OUTBOX_FULL);
    CHECK_IS(number(session, LANDLINE_SESSION_OUTBOX_MESSAGES), 2);
    CHECK_IS(number(session, LANDLINE_SESSION_OUTBOX_BYTES), 10);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    expect_text(session, "kept 1");
    CHECK_IS(number(session, LANDLINE_SESSION_OUTBOX_MESSAGES), 0);
    OK(landline_session_abort(session));
    CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_ABORTED);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void *interrupt(void *session) {
    while (number(session, LANDLINE_SESSION_ATTEMPTS) == 0 ||
           number(session, LANDLINE_SESSION_STAGE) != LANDLINE_STAGE_WAITING)
        poll(NULL, 0, 1);
    OK(landline_session_interrupt(session, LANDLINE_DIRECTION_RECV));
    return NULL;
}

static void *close_start(void *session) {
    OK(landline_session_close_start(session, 1000, NULL, 0));
    return NULL;
}

static void *close_it(void *session) {
    /* The other thread may be on its way out. */
    landline_status status = landline_session_close(session, 1000, "bye", 3, LONG);
    CHECK(status == LANDLINE_OK || status == LANDLINE_PENDING);
    return NULL;
}

static void waits_have_limits_and_can_be_interrupted(void) {
    landline_session *session = new_session(nobody(), slow(), NULL);
    long long before = now_ms();
    pthread_t thread;
    CHECK_STATUS(receive(session, 50), LANDLINE_TIMED_OUT);
    CHECK(now_ms() - before >= 50);
    CHECK_IS(number(session, LANDLINE_SESSION_ATTEMPTS), 1);
    CHECK(number(session, LANDLINE_SESSION_WAIT_MS) > 400000);
    thread = start(interrupt, session);
    CHECK_STATUS(receive(session, LONG), LANDLINE_INTERRUPTED);
    join(thread);
    CHECK_STATUS(receive(session, 1), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_session_interrupt(session, 9), LANDLINE_ERR_INVALID);
    thread = start(close_start, session);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    join(thread);
    OK(landline_session_close(session, 1000, NULL, 0, LONG));
    landline_session_free(session);

    session = new_session(nobody(), slow(), NULL);
    thread = start(close_it, session);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CLOSED);
    join(thread);
    landline_session_free(session);
}

static void *receive_elsewhere(void *session) {
    CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_ABORTED);
    return NULL;
}

static void one_thread_receives(void) {
    landline_session *session = new_session(nobody(), slow(), NULL);
    pthread_t thread = start(receive_elsewhere, session);
    landline_conn *conn;
    int64_t value;
    while (number(session, LANDLINE_SESSION_ATTEMPTS) == 0)
        poll(NULL, 0, 1);
    CHECK_STATUS(receive(session, LONG), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_session_next_connection(session, LONG, &conn), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_session_int(session, LANDLINE_SESSION_CLOSE_CODE, &value), LANDLINE_ERR_BUSY);
    OK(landline_session_abort(session));
    join(thread);
    landline_session_free(session);
}

/* Reads nothing until the flag is raised. */
static void stay_deaf(landline_conn *conn, void *user) {
    (void)conn;
    wait_flag(user, 1);
}

struct deaf {
    landline_server *server;
    struct flag ended;
};

static void *serve_deaf(void *argument) {
    struct deaf *deaf = argument;
    OK(landline_server_run(deaf->server, stay_deaf, &deaf->ended));
    return NULL;
}

/* Also while another thread receives and the Close frame cannot be written. */
static void closing_keeps_to_the_time_limit_of_the_call(void) {
    static const char BYTES[1 << 20];
    struct deaf deaf = {NULL, FLAG_INIT};
    char url[64];
    landline_status status;
    OK(landline_server_bind("127.0.0.1:0", NULL, &deaf.server));
    snprintf(url, sizeof url, "ws://%s/", landline_server_local_addr(deaf.server));
    pthread_t serving = start(serve_deaf, &deaf);
    landline_session *session = new_session(url, with_int(slow(), LANDLINE_OPT_CLOSE_TIMEOUT_MS, -1), NULL);
    CHECK_STATUS(receive(session, LONG), LANDLINE_CONNECTED);
    pthread_t receiving = start(receive_elsewhere, session);
    while (landline_session_int(session, LANDLINE_SESSION_CLOSE_CODE, &(int64_t){0}) != LANDLINE_ERR_BUSY)
        poll(NULL, 0, 1);
    do
        status = landline_session_send(session, LANDLINE_BINARY, BYTES, sizeof BYTES, 500);
    while (status == LANDLINE_OK);
    CHECK_IS(status, LANDLINE_PENDING);
    long long before = now_ms();
    CHECK_STATUS(landline_session_close(session, 1000, NULL, 0, 100), LANDLINE_PENDING);
    CHECK(now_ms() - before < 5000);
    OK(landline_session_abort(session));
    join(receiving);
    landline_session_free(session);
    raise_flag(&deaf.ended);
    OK(landline_server_stop(deaf.server, LONG, NULL, NULL));
    join(serving);
    landline_server_free(deaf.server);
}

static void connections_can_be_used_by_the_program(void) {
    struct breaking breaking;
    struct callbacks callbacks = {.answer = -1};
    landline_session *session;
    landline_conn *conn;
    landline_message *message;
    begin_breaking(&breaking, 3, 1000);
    session = new_session(breaking.url, quick(), &callbacks);
    for (int i = 1; i <= 3; i++) {
        char text[32];
        OK(landline_session_next_connection(session, LONG, &conn));
        snprintf(text, sizeof text, "prices %d", i);
        expect(conn, LANDLINE_TEXT, text, strlen(text));
        CHECK_STATUS(landline_conn_recv(conn, LONG, &message), i < 3 ? LANDLINE_ERR_EOF : LANDLINE_CLOSED);
        landline_conn_free(conn);
    }
    CHECK_STATUS(send_text(session, "x"), LANDLINE_ERR_NOT_CONNECTED);
    OK(landline_session_close(session, 1000, NULL, 0, LONG));
    CHECK_STATUS(landline_session_next_connection(session, LONG, &conn), LANDLINE_CLOSED);
    CHECK(conn == NULL);
    landline_conn_free(callbacks.kept);
    landline_session_free(session);
    end_breaking(&breaking);
}

static void options_are_checked(void) {
    landline_options *options = new_options();
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_BACKOFF_FIRST_MS, 0), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_BACKOFF_FIRST_MS, -1), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_BACKOFF_MAX_MS, 0), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_BACKOFF_FACTOR, 0), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_BACKOFF_JITTER_PERCENT, 101), LANDLINE_ERR_INVALID);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_BACKOFF_JITTER_PERCENT");
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_MAX_ATTEMPTS, -1), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_OUTBOX_MESSAGES, -1), LANDLINE_ERR_INVALID);
    OK(landline_options_set_int(options, LANDLINE_OPT_GIVE_UP_AFTER_MS, -1));
    OK(landline_options_set_int(options, LANDLINE_OPT_MAX_ATTEMPTS, 0));
    landline_options_free(options);
}

int main(int argc, char **argv) {
    int threads;
    begin(argc, argv);
    threads = threads_of_process();
    receiving_goes_on_over_connections();
    the_program_decides_what_is_tried_again();
    it_gives_up_with_the_last_error();
    a_callback_that_fails_is_a_failed_attempt();
    an_attempt_goes_on_over_calls_with_short_limits();
    a_short_limit_does_not_cut_the_callback_off();
    giving_up_because_time_ran_out_is_the_end();
    a_callback_can_close_the_session_and_not_send_by_it();
    without_a_connection_messages_are_refused_or_kept();
    waits_have_limits_and_can_be_interrupted();
    one_thread_receives();
    closing_keeps_to_the_time_limit_of_the_call();
    connections_can_be_used_by_the_program();
    options_are_checked();
    until_threads_are(threads);
    return 0;
}
