/* fork() in the middle of a connection: parent and child never use the same masking keys, nor the same keys of an opening
 * handshake; the child can make connections of its own; and its log waits for no thread of the parent.
 */
#include "test.h"

#include <stdatomic.h>

#include <sys/wait.h>

/* Enough for several refills of the buffer that the keys are taken from. */
enum { BEFORE = 10, EACH = 2000, FRAME = 6 + 1 };

/* Sends a message and receives it at the other end; returns whether the connection is then open. */
static int pass_on(landline_protocol *from, landline_protocol *to) {
    const void *data;
    int32_t event = LANDLINE_EVENT_NONE;
    size_t len, taken;
    OK(landline_protocol_output(from, &data, &len));
    OK(landline_protocol_receive(to, data, len, &taken));
    CHECK_IS(taken, len);
    OK(landline_protocol_consume(from, len));
    OK(landline_protocol_next(to, &event, &data, &len));
    return event == LANDLINE_EVENT_OPEN;
}

/* Frames of one byte each; returns how many bytes they take. */
static size_t frames(landline_protocol *client, int count, unsigned char *place) {
    const void *data;
    size_t len;
    for (int i = 0; i < count; i++)
        OK(landline_protocol_send(client, LANDLINE_BINARY, "x", 1, 0));
    OK(landline_protocol_output(client, &data, &len));
    CHECK_IS(len, (size_t)count * FRAME);
    memcpy(place, data, len);
    OK(landline_protocol_consume(client, len));
    return len;
}

/* Ends a child by executing another program, so that valgrind does not expect it to free what belongs to the parent. */
static void leave(void) {
    execlp("true", "true", (char *)NULL);
    _exit(1);
}

static void wait_for(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int ascending(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void masking_keys(void) {
    static unsigned char bytes[(BEFORE + 3 * EACH) * FRAME];
    static uint32_t keys[BEFORE + 3 * EACH];
    landline_protocol *client, *server;
    size_t len;
    int again = 0, both[2];
    OK(landline_protocol_client("ws://localhost/", NULL, &client));
    OK(landline_protocol_server(NULL, &server));
    CHECK(pass_on(client, server));
    CHECK(pass_on(server, client));
    len = frames(client, BEFORE, bytes);
    CHECK(pipe(both) == 0);
    for (int children = 0; children < 2; children++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            len = frames(client, EACH, bytes);
            write_all(both[1], bytes, len);
            leave();
        }
        read_all(both[0], bytes + len, EACH * FRAME);
        len += EACH * FRAME;
        wait_for(child);
    }
    frames(client, EACH, bytes + len);
    for (int i = 0; i < BEFORE + 3 * EACH; i++) {
        const unsigned char *frame = bytes + i * FRAME;
        CHECK(frame[0] == 0x82 && frame[1] == 0x81);
        memcpy(&keys[i], frame + 2, 4);
        CHECK((frame[6] ^ frame[2]) == 'x');
    }
    /* Of random keys, a few may coincide by chance: less than one pair is to be expected, and hundreds if one stream of
     * keys were used twice. */
    qsort(keys, BEFORE + 3 * EACH, sizeof *keys, ascending);
    for (int i = 1; i < BEFORE + 3 * EACH; i++)
        again += keys[i] == keys[i - 1];
    CHECK(again < 4);
    landline_protocol_free(client);
    landline_protocol_free(server);
    close(both[0]);
    close(both[1]);
}

/* The request's first bytes, which its key is part of. */
static size_t request(char *place, size_t room) {
    landline_protocol *protocol;
    const void *data;
    size_t len;
    OK(landline_protocol_client("ws://localhost/", NULL, &protocol));
    OK(landline_protocol_output(protocol, &data, &len));
    CHECK(len <= room);
    memcpy(place, data, len);
    landline_protocol_free(protocol);
    return len;
}

static void handshakes(void) {
    char ours[1024], theirs[1024];
    size_t len = request(ours, sizeof ours);
    int both[2];
    pid_t child;
    CHECK(pipe(both) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(request(theirs, sizeof theirs) == len);
        write_all(both[1], theirs, len);
        leave();
    }
    read_all(both[0], theirs, len);
    wait_for(child);
    CHECK(request(ours, sizeof ours) == len);
    CHECK(memcmp(ours, theirs, len) != 0);
    close(both[0]);
    close(both[1]);
}

static void new_connections(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        landline_conn *client, *server;
        open_both(0, NULL, NULL, &client, &server);
        OK(landline_conn_send(client, LANDLINE_TEXT, "from the child", 14, 0, LONG));
        expect(server, LANDLINE_TEXT, "from the child", 14);
        close_both(client, server);
        open_both(1, NULL, NULL, &client, &server);
        OK(landline_conn_send(server, LANDLINE_TEXT, "from the child", 14, 0, LONG));
        expect(client, LANDLINE_TEXT, "from the child", 14);
        close_both(client, server);
        leave();
    }
    wait_for(child);
}

/* What a child has inherited returns an error there, and freeing it does not affect the parent. */
static void inherited_handles(int tls) {
    landline_conn *client, *server;
    landline_listener *listener;
    landline_server *serving;
    landline_interrupter *interrupter;
    landline_writer *writer;
    pid_t child;
    open_both(tls, NULL, NULL, &client, &server);
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    OK(landline_server_bind("127.0.0.1:0", NULL, &serving));
    OK(landline_interrupter_new(&interrupter));
    OK(landline_conn_send_stream(server, LANDLINE_TEXT, 0, LONG, &writer));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        landline_message *message;
        landline_request *request;
        landline_wait_item item = {NULL, NULL, -1, 0, 0};
        uint64_t microseconds;
        int64_t value;
        size_t count;
        alarm(20);
        CHECK_STATUS(landline_conn_recv(client, LONG, &message), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "x", 1, 0, LONG), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_send(client, LANDLINE_TEXT, "x", 1, LANDLINE_SEND_FEED, LONG), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_flush(client, LONG), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_ping_wait(client, LONG, &microseconds), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_close(client, 1000, NULL, 0, LONG), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_interrupt(client, LANDLINE_DIRECTION_BOTH), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_abort(client), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_conn_int(client, LANDLINE_CONN_STATE, &value), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_writer_write(writer, "x", 1, LONG, &count), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_listener_accept(listener, LONG, &request), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_listener_stop(listener), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_server_stop(serving, 0, NULL, NULL), LANDLINE_ERR_FORKED);
        CHECK_STATUS(landline_interrupter_interrupt(interrupter), LANDLINE_ERR_FORKED);
        item.conn = client;
        CHECK_STATUS(landline_wait(&item, 1, LONG, &count), LANDLINE_ERR_FORKED);
        landline_writer_free(writer);
        landline_conn_free(client);
        landline_conn_free(server);
        landline_listener_free(listener);
        landline_server_free(serving);
        landline_interrupter_free(interrupter);
        leave();
    }
    wait_for(child);
    OK(landline_writer_finish(writer, LONG));
    landline_writer_free(writer);
    expect(client, LANDLINE_TEXT, "", 0);
    OK(landline_conn_send(client, LANDLINE_TEXT, "still here", 10, 0, LONG));
    expect(server, LANDLINE_TEXT, "still here", 10);
    close_both(client, server);
    landline_listener_free(listener);
    landline_server_free(serving);
    landline_interrupter_free(interrupter);
}

/* A log whose callback blocks on the first line of a thread that is told to. */
struct log {
    struct flag entered, go_on;
    atomic_int lines, waits;
};

static void take_line(int32_t level, const char *text, void *user) {
    struct log *log = user;
    (void)level, (void)text;
    atomic_fetch_add(&log->lines, 1);
    if (atomic_exchange(&log->waits, 0)) {
        raise_flag(&log->entered);
        wait_flag(&log->go_on, 1);
    }
}

/* Opening a connection writes lines. */
static void *write_lines(void *unused) {
    landline_conn *client, *server;
    (void)unused;
    open_both(0, NULL, NULL, &client, &server);
    close_both(client, server);
    return NULL;
}

static void *end_log(void *unused) {
    (void)unused;
    OK(landline_log_set(LANDLINE_LOG_OFF, NULL, NULL));
    return NULL;
}

/* In a child that is forked while another thread is in the callback, lines are still logged, and the callback can be
 * changed. */
static void log_in_child(struct log *log, int is_inherited) {
    struct log own = {FLAG_INIT, FLAG_INIT, 0, 0};
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        atomic_store(&log->lines, 0);
        write_lines(NULL);
        CHECK((atomic_load(&log->lines) > 0) == is_inherited);
        OK(landline_log_set(LANDLINE_LOG_DEBUG, take_line, &own));
        atomic_store(&log->lines, 0);
        write_lines(NULL);
        CHECK(atomic_load(&own.lines) > 0);
        CHECK_IS(atomic_load(&log->lines), 0);
        OK(landline_log_set(LANDLINE_LOG_OFF, NULL, NULL));
        leave();
    }
    wait_for(child);
}

static void log_callback(void) {
    static struct log log = {FLAG_INIT, FLAG_INIT, 0, 1};
    pthread_t writing, ending;
    int before;
    OK(landline_log_set(LANDLINE_LOG_DEBUG, take_line, &log));
    writing = start(write_lines, NULL);
    wait_flag(&log.entered, 1);
    log_in_child(&log, 1);
    /* Another thread waits for the callback, besides: it has begun to when no lines come any more. */
    ending = start(end_log, NULL);
    do {
        before = atomic_load(&log.lines);
        write_lines(NULL);
    } while (atomic_load(&log.lines) != before);
    log_in_child(&log, 0);
    raise_flag(&log.go_on);
    join(writing);
    join(ending);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    masking_keys();
    handshakes();
    new_connections();
    log_callback();
    inherited_handles(0);
    inherited_handles(1);
    return 0;
}
