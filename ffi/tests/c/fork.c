/* fork() in the middle of a connection: parent and child never use the same masking keys, nor the same keys of an opening
 * handshake; and the child can make connections of its own.
 */
#include "test.h"

#include <sys/wait.h>

/* Enough for several fillings of whatever the keys are taken from. */
enum { BEFORE = 10, EACH = 2000, FRAME = 6 + 1 };

struct peer {
    int fd;
    landline_protocol *protocol;
};

/* The server's side of the opening handshake; what comes later is read as it is. */
static void *shake_hands(void *argument) {
    struct peer *peer = argument;
    unsigned char byte;
    const uint8_t *data;
    int32_t event = LANDLINE_EVENT_NONE;
    size_t len;
    OK(landline_protocol_server(NULL, &peer->protocol));
    while (event != LANDLINE_EVENT_OPEN) {
        read_all(peer->fd, &byte, 1);
        OK(landline_protocol_receive(peer->protocol, &byte, 1, &len));
        OK(landline_protocol_next(peer->protocol, &event, &data, &len));
    }
    OK(landline_protocol_output(peer->protocol, &data, &len));
    write_all(peer->fd, data, len);
    landline_protocol_free(peer->protocol);
    return NULL;
}

static void send_some(landline_conn *conn, int count) {
    for (int i = 0; i < count; i++)
        OK(landline_conn_send(conn, LANDLINE_BINARY, "x", 1, 0, LONG));
}

/* Ends a child by another program, so that valgrind does not look for what is the parent's to free. */
static void leave(void) {
    execlp("true", "true", (char *)NULL);
    _exit(1);
}

static void wait_for(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct reading {
    int fd;
    uint32_t *keys;
    int count;
};

static void *read_keys(void *argument) {
    struct reading *reading = argument;
    for (int i = 0; i < reading->count; i++) {
        unsigned char frame[FRAME];
        read_all(reading->fd, frame, sizeof frame);
        CHECK(frame[0] == 0x82 && frame[1] == 0x81);
        memcpy(&reading->keys[i], frame + 2, 4);
        CHECK((frame[6] ^ frame[2]) == 'x');
    }
    return NULL;
}

static int ascending(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void masking_keys(void) {
    static uint32_t keys[BEFORE + 3 * EACH];
    struct reading reading = {-1, keys, BEFORE + 3 * EACH};
    struct peer peer;
    landline_conn *conn;
    pid_t child;
    pthread_t thread;
    int both[2], again = 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    peer.fd = both[0];
    thread = start(shake_hands, &peer);
    OK(landline_connect_fd(both[1], 1, "ws://localhost/", NULL, LONG, &conn));
    join(thread);
    send_some(conn, BEFORE);
    for (int children = 0; children < 2; children++) {
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            send_some(conn, EACH);
            leave();
        }
        if (children == 0) {
            reading.fd = both[0];
            thread = start(read_keys, &reading);
        }
        /* One after the other, so that frames stay whole. */
        wait_for(child);
    }
    send_some(conn, EACH);
    join(thread);
    /* Of random keys, a few may coincide by chance: less than one pair is to be expected, and hundreds if one stream of
     * keys were used twice. */
    qsort(keys, BEFORE + 3 * EACH, sizeof *keys, ascending);
    for (int i = 1; i < BEFORE + 3 * EACH; i++)
        again += keys[i] == keys[i - 1];
    CHECK(again < 4);
    landline_conn_free(conn);
    close(both[0]);
}

/* The request's first bytes, which its key is part of. */
static size_t request(char *place, size_t room) {
    landline_protocol *protocol;
    const uint8_t *data;
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

int main(int argc, char **argv) {
    begin(argc, argv);
    masking_keys();
    handshakes();
    new_connections();
    return 0;
}
