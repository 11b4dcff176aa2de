/* SIGPIPE never reaches the program, for which its action is the default: the peer is gone, and sending continues. */
#include "test.h"

#include <sys/wait.h>

/* Every call that sends, on a connection that is gone or will be. */
static void send_everything(landline_conn *conn) {
    landline_slice parts[2] = {{"on", 2}, {"wards", 5}};
    landline_writer *writer;
    (void)landline_conn_send_vectored(conn, LANDLINE_TEXT, parts, 2, 0, LONG);
    (void)landline_conn_send(conn, LANDLINE_TEXT, "onwards", 7, LANDLINE_SEND_FEED, LONG);
    (void)landline_conn_flush(conn, LONG);
    (void)landline_conn_ping(conn, "p", 1, LONG);
    if (landline_conn_send_stream(conn, LANDLINE_TEXT, 0, LONG, &writer) == LANDLINE_OK)
        (void)landline_writer_write(writer, "onwards", 7, LONG, NULL);
    landline_writer_free(writer);
}

/* Sends until the system reports that the peer is gone. */
static landline_status until_broken(landline_conn *conn) {
    landline_status status;
    long long limit = now_ms() + LONG;
    while ((status = landline_conn_send(conn, LANDLINE_TEXT, "onwards", 7, 0, LONG)) == LANDLINE_OK)
        CHECK(now_ms() < limit);
    return status;
}

static void over_tcp(int tls, int unread, int receives) {
    landline_conn *client, *server;
    landline_message *message;
    open_both(tls, NULL, NULL, &client, &server);
    if (unread)
        /* Closing a socket with unread data resets its connection. */
        OK(landline_conn_send(client, LANDLINE_TEXT, "never read", 10, 0, LONG));
    OK(landline_conn_abort(server));
    landline_conn_free(server);
    if (receives)
        CHECK(landline_conn_recv(client, LONG, &message) <= -100);
    CHECK(until_broken(client) <= -100);
    send_everything(client);
    (void)landline_conn_close(client, 1000, NULL, 0, LONG);
    landline_conn_free(client);
}

/* Here the first write already meets a closed pipe. */
static void over_a_pipe(int everything) {
    landline_conn *server;
    int peer;
    open_raw(NULL, &server, &peer);
    CHECK(close(peer) == 0);
    if (everything) {
        send_everything(server);
        CHECK(landline_conn_close(server, 1000, NULL, 0, LONG) != LANDLINE_TIMED_OUT);
    } else {
        CHECK_STATUS(until_broken(server), LANDLINE_ERR_IO);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), EPIPE);
    }
    landline_conn_free(server);
}

/* Such a write does raise it if nothing prevents that; otherwise this program would prove nothing. */
static void pipes_do_raise_it(void) {
    int both[2], status;
    pid_t child;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    CHECK(close(both[0]) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(write(both[1], "a", 1) == 1);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    close(both[1]);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    pipes_do_raise_it();
    for (int way = 0; way < 8; way++)
        over_tcp(way & 1, way & 2, way & 4);
    over_a_pipe(0);
    over_a_pipe(1);
    return 0;
}
