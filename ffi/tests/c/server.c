/* landline_server_run() and its end: which handlers finished and which were cut; closing after a handler returns; limits;
 * and LANDLINE_OPT_SINGLE_THREAD.
 */
#include "test.h"

#include <sys/un.h>

struct run {
    landline_server *server;
    landline_server_handler handler;
    void *user;
    landline_status status;
};

static void *run_server(void *argument) {
    struct run *run = argument;
    run->status = landline_server_run(run->server, run->handler, run->user);
    return NULL;
}

static pthread_t start_server(struct run *run, landline_server_handler handler, void *user, landline_options *options) {
    OK(landline_server_bind("127.0.0.1:0", options, &run->server));
    run->handler = handler;
    run->user = user;
    return start(run_server, run);
}

static landline_conn *connect_to(struct run *run, int tls) {
    landline_options *options = with_trust(new_options());
    landline_conn *conn;
    char url[256];
    snprintf(url, sizeof url, "%s://%s/", tls ? "wss" : "ws", landline_server_local_addr(run->server));
    OK(landline_connect(url, options, LONG, &conn));
    landline_options_free(options);
    return conn;
}

static void stop_and_join(struct run *run, pthread_t thread, int32_t grace, size_t finished, size_t cut) {
    size_t is_finished = 77, is_cut = 77;
    OK(landline_server_stop(run->server, grace, &is_finished, &is_cut));
    CHECK_IS(is_finished, finished);
    CHECK_IS(is_cut, cut);
    join(thread);
    OK(run->status);
    CHECK_IS(landline_server_connections(run->server), 0);
    landline_server_free(run->server);
}

static void until_connections(struct run *run, size_t count) {
    long long limit = now_ms() + LONG;
    while (landline_server_connections(run->server) != count) {
        CHECK(now_ms() < limit);
        poll(NULL, 0, 1);
    }
}

struct seen {
    struct flag begun, ended;
    int closed, aborted;
};

static void echo(landline_conn *conn, void *user) {
    struct seen *seen = user;
    landline_message *message;
    landline_status status;
    raise_flag(&seen->begun);
    while ((status = landline_conn_recv_ref(conn, -1, &message)) == LANDLINE_OK) {
        OK(landline_conn_send_message(conn, message, LANDLINE_SEND_FEED, -1));
        landline_message_free(message);
    }
    pthread_mutex_lock(&seen->ended.lock);
    seen->closed += status == LANDLINE_CLOSED;
    seen->aborted += status == LANDLINE_ERR_ABORTED;
    pthread_mutex_unlock(&seen->ended.lock);
    raise_flag(&seen->ended);
}

static void check_echo(landline_conn *conn) {
    static char data[100000];
    OK(landline_conn_send(conn, LANDLINE_TEXT, "a\0b", 3, 0, LONG));
    OK(landline_conn_send(conn, LANDLINE_BINARY, data, sizeof data, 0, LONG));
    expect(conn, LANDLINE_TEXT, "a\0b", 3);
    expect(conn, LANDLINE_BINARY, data, sizeof data);
}

static void *receive_going_away(void *conn) {
    landline_message *message;
    CHECK_STATUS(landline_conn_recv(conn, LONG, &message), LANDLINE_CLOSED);
    CHECK_IS(conn_int(conn, LANDLINE_CONN_CLOSE_CODE), 1001);
    return NULL;
}

static void stopped_in_order(int tls, int single) {
    struct seen seen = {FLAG_INIT, FLAG_INIT, 0, 0};
    landline_options *options = with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, single);
    struct run run;
    landline_conn *clients[3];
    pthread_t thread, receivers[3];
    if (tls)
        with_identity(options);
    thread = start_server(&run, echo, &seen, options);
    landline_options_free(options);
    for (int i = 0; i < 3; i++) {
        clients[i] = connect_to(&run, tls);
        check_echo(clients[i]);
    }
    CHECK_IS(landline_server_connections(run.server), 3);
    for (int i = 0; i < 3; i++)
        receivers[i] = start(receive_going_away, clients[i]);
    stop_and_join(&run, thread, LONG, 3, 0);
    for (int i = 0; i < 3; i++) {
        join(receivers[i]);
        landline_conn_free(clients[i]);
    }
    CHECK_IS(seen.closed, 3);
    CHECK_IS(seen.aborted, 0);
}

/* Clients that do not answer the Close frame: their handlers are cut. */
static void stopped_at_once(int32_t grace) {
    struct seen seen = {FLAG_INIT, FLAG_INIT, 0, 0};
    struct run run;
    landline_conn *clients[2];
    pthread_t thread = start_server(&run, echo, &seen, NULL);
    long long began;
    for (int i = 0; i < 2; i++)
        clients[i] = connect_to(&run, 0);
    wait_flag(&seen.begun, 2);
    began = now_ms();
    stop_and_join(&run, thread, grace, 0, 2);
    CHECK(now_ms() - began >= grace - 1);
    wait_flag(&seen.ended, 2);
    CHECK_IS(seen.aborted, 2);
    for (int i = 0; i < 2; i++)
        landline_conn_free(clients[i]);
}

static void say_hello(landline_conn *conn, void *user) {
    *(landline_conn **)user = landline_conn_retain(conn);
    (void)landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, LANDLINE_SEND_FEED, LONG);
}

/* A handler that returns: what it batched is sent, and the connection is closed with 1000. A thread that kept it still
 * receives everything that the client sends.
 */
static void handler_returns(void) {
    struct run run;
    landline_conn *kept = NULL, *client;
    landline_message *message;
    pthread_t thread = start_server(&run, say_hello, &kept, NULL);
    client = connect_to(&run, 0);
    expect(client, LANDLINE_TEXT, "hello", 5);
    until_connections(&run, 0);
    CHECK_IS(conn_int(kept, LANDLINE_CONN_STATE), LANDLINE_STATE_CLOSING);
    for (char number = 0; number < 100; number++)
        OK(landline_conn_send(client, LANDLINE_BINARY, &number, 1, 0, LONG));
    for (char number = 0; number < 100; number++)
        expect(kept, LANDLINE_BINARY, &number, 1);
    CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_CLOSED);
    CHECK_IS(conn_int(client, LANDLINE_CONN_CLOSE_CODE_RECEIVED), 1000);
    CHECK_STATUS(landline_conn_recv(kept, LONG, &message), LANDLINE_CLOSED);
    CHECK_IS(conn_int(kept, LANDLINE_CONN_STATE), LANDLINE_STATE_OVER);
    CHECK_IS(conn_int(kept, LANDLINE_CONN_CLOSE_CODE_SENT), 1000);
    landline_conn_free(kept);
    landline_conn_free(client);
    stop_and_join(&run, thread, 0, 0, 0);
}

static void too_many(void) {
    struct seen seen = {FLAG_INIT, FLAG_INIT, 0, 0};
    landline_options *options = with_int(new_options(), LANDLINE_OPT_MAX_CONNECTIONS, 1);
    struct run run;
    landline_conn *client, *other;
    char url[256];
    pthread_t thread = start_server(&run, echo, &seen, options);
    landline_options_free(options);
    client = connect_to(&run, 0);
    check_echo(client);
    snprintf(url, sizeof url, "ws://%s/", landline_server_local_addr(run.server));
    CHECK_STATUS(landline_connect(url, NULL, LONG, &other), LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), 503);
    OK(landline_conn_close(client, 1000, NULL, 0, LONG));
    landline_conn_free(client);
    until_connections(&run, 0);
    client = connect_to(&run, 0);
    check_echo(client);
    CHECK_STATUS(landline_server_run(run.server, echo, &seen), LANDLINE_ERR_STATE);
    OK(landline_conn_close(client, 1000, NULL, 0, LONG));
    landline_conn_free(client);
    until_connections(&run, 0);
    stop_and_join(&run, thread, 0, 0, 0);
}

static void unix_socket(void) {
    struct seen seen = {FLAG_INIT, FLAG_INIT, 0, 0};
    struct run run = {NULL, echo, &seen, LANDLINE_OK};
    struct sockaddr_un path;
    landline_conn *client;
    pthread_t thread;
    char address[200];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memset(&path, 0, sizeof path);
    path.sun_family = AF_UNIX;
    CHECK((size_t)snprintf(path.sun_path, sizeof path.sun_path, "%s", in_directory("socket")) < sizeof path.sun_path);
    snprintf(address, sizeof address, "unix:%s", path.sun_path);
    OK(landline_server_bind(address, NULL, &run.server));
    CHECK_TEXT(landline_server_local_addr(run.server), address);
    thread = start(run_server, &run);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&path, sizeof path) == 0);
    OK(landline_connect_fd(fd, 1, "ws://localhost/", NULL, LONG, &client));
    check_echo(client);
    OK(landline_conn_close(client, 1000, NULL, 0, LONG));
    landline_conn_free(client);
    until_connections(&run, 0);
    stop_and_join(&run, thread, 0, 0, 0);
}

/* ----- One thread only ----- */

static void *another_thread(void *conn) {
    landline_message *message;
    int64_t value;
    CHECK_STATUS(landline_conn_recv(conn, 0, &message), LANDLINE_ERR_BUSY);
    CHECK(message == NULL);
    CHECK_STATUS(landline_conn_send(conn, LANDLINE_TEXT, "a", 1, 0, LONG), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_int(conn, LANDLINE_CONN_STATE, &value), LANDLINE_ERR_BUSY);
    CHECK_STATUS(landline_conn_close(conn, 1000, NULL, 0, LONG), LANDLINE_ERR_BUSY);
    return NULL;
}

static void *abort_it(void *conn) {
    OK(landline_conn_abort(conn));
    return NULL;
}

static void one_thread(int tls) {
    landline_conn *client, *server;
    landline_message *message, *other;
    landline_writer *writer;
    uint64_t microseconds;
    open_both(tls, with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, 1), NULL, &client, &server);
    OK(landline_conn_send(client, LANDLINE_TEXT, "mine", 4, 0, LONG));
    expect(server, LANDLINE_TEXT, "mine", 4);
    join(start(another_thread, client));
    CHECK_STATUS(landline_conn_interrupt(client, LANDLINE_DIRECTION_BOTH), LANDLINE_ERR_STATE);
    OK(landline_conn_send(server, LANDLINE_TEXT, "back", 4, 0, LONG));
    OK(landline_conn_recv_ref(client, LONG, &message));
    CHECK_STATUS(landline_conn_recv(client, LONG, &other), LANDLINE_ERR_BUSY);
    check_message(message, LANDLINE_TEXT, "back", 4);
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    OK(landline_writer_write(writer, "piece", 5, LONG, NULL));
    OK(landline_writer_finish(writer, LONG));
    landline_writer_free(writer);
    expect(server, LANDLINE_TEXT, "piece", 5);
    CHECK_STATUS(landline_conn_recv(client, 20, &message), LANDLINE_TIMED_OUT);
    CHECK_STATUS(landline_conn_ping_wait(client, 20, &microseconds), LANDLINE_TIMED_OUT);
    join(start(abort_it, client));
    CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_ERR_ABORTED);
    landline_conn_free(client);
    CHECK(landline_conn_recv(server, LONG, &message) <= -100);
    landline_conn_free(server);
}

struct aborting {
    landline_conn *conn;
    struct flag blocking;
};

static void *abort_blocked(void *argument) {
    struct aborting *aborting = argument;
    wait_flag(&aborting->blocking, 1);
    OK(landline_conn_abort(aborting->conn));
    return NULL;
}

/* Aborted from another thread while it receives, or just before. */
static void one_thread_aborted(void) {
    struct aborting aborting = {NULL, FLAG_INIT};
    landline_conn *server;
    landline_message *message;
    pthread_t thread;
    open_both(0, with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, 1), NULL, &aborting.conn, &server);
    CHECK_STATUS(landline_conn_recv(aborting.conn, 0, &message), LANDLINE_TIMED_OUT);
    thread = start(abort_blocked, &aborting);
    raise_flag(&aborting.blocking);
    CHECK_STATUS(landline_conn_recv(aborting.conn, LONG, &message), LANDLINE_ERR_ABORTED);
    join(thread);
    landline_conn_free(aborting.conn);
    landline_conn_free(server);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    int threads = threads_of_process();
    stopped_in_order(0, 0);
    stopped_in_order(0, 1);
    stopped_in_order(1, 0);
    stopped_in_order(1, 1);
    stopped_at_once(0);
    stopped_at_once(80);
    handler_returns();
    too_many();
    unix_socket();
    one_thread(0);
    one_thread(1);
    one_thread_aborted();
    until_threads_are(threads);
    return 0;
}
