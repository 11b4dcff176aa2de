/* An echo client whose sockets are its own: landline_protocol turns bytes into events and messages into bytes, and does
 * no I/O. Sends some messages at once, compares the echoes, closes cleanly.
 *
 *     cc -std=c99 -I include examples/c/protocol_loop.c -L target/release -llandline -o protocol_loop
 *     LD_LIBRARY_PATH=target/release ./protocol_loop 127.0.0.1 9001
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <landline.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGES = 100, LIMIT_MS = 10000 };

static void fail(const char *doing, const char *text) {
    fprintf(stderr, "error: %s: %s\n", doing, text);
    exit(1);
}

static void check(landline_status status, const char *doing) {
    if (status != LANDLINE_OK)
        fail(doing, landline_error_text());
}

/* A connected socket that never blocks. */
static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {0}, *addresses, *address;
    int fd = -1, error;
    hints.ai_socktype = SOCK_STREAM;
    if ((error = getaddrinfo(host, port, &hints, &addresses)) != 0)
        fail("looking up the host", gai_strerror(error));
    for (address = addresses; address && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            error = errno;
            close(fd);
            fd = -1;
            errno = error;
        }
    }
    freeaddrinfo(addresses);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        fail("connecting", strerror(errno));
    return fd;
}

static int would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static size_t make(int number, char *text, size_t size) {
    return (size_t)snprintf(text, size, "message %d", number);
}

/* What the program does about an event; counts the echoes. */
static void handle(landline_protocol *protocol, int32_t event, const void *data, size_t len, int *echoes) {
    char text[32];
    switch (event) {
    case LANDLINE_EVENT_OPEN:
        for (int i = 0; i < MESSAGES; i++)
            check(landline_protocol_send(protocol, LANDLINE_TEXT, text, make(i, text, sizeof text), 0), "sending");
        break;
    case LANDLINE_EVENT_TEXT:
        if (len != make(*echoes, text, sizeof text) || memcmp(data, text, len) != 0)
            fail("comparing", "an echo is not what was sent");
        if (++*echoes == MESSAGES)
            check(landline_protocol_close(protocol, LANDLINE_CLOSE_NORMAL_CLOSURE, "done", 4), "closing");
        break;
    case LANDLINE_EVENT_BINARY:
        fail("comparing", "a binary message is no echo of ours");
        break;
    default:
        break; /* Pings are answered, and so is a Close frame. */
    }
}

/* Bytes have come: what do they mean? */
static landline_status feed(landline_protocol *protocol, const char *bytes, size_t count, int *echoes) {
    while (count > 0) {
        size_t taken, len;
        const void *data;
        int32_t event;
        landline_status status = landline_protocol_receive(protocol, bytes, count, &taken);
        if (status != LANDLINE_OK)
            return status;
        bytes += taken;
        count -= taken;
        do {
            if ((status = landline_protocol_next(protocol, &event, &data, &len)) != LANDLINE_OK)
                return status;
            handle(protocol, event, data, len, echoes);
        } while (event != LANDLINE_EVENT_NONE);
    }
    return LANDLINE_OK;
}

/* Writes what there is room for. */
static void write_output(int fd, landline_protocol *protocol) {
    const void *data;
    size_t len;
    ssize_t count;
    check(landline_protocol_output(protocol, &data, &len), "sending");
    if ((count = send(fd, data, len, MSG_NOSIGNAL)) >= 0)
        check(landline_protocol_consume(protocol, (size_t)count), "sending");
    else if (!would_block())
        fail("sending", strerror(errno));
}

/* Reads what is there; gives 0 at the end of the stream. */
static int read_input(int fd, landline_protocol *protocol, int *echoes) {
    char bytes[16384];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count > 0 && feed(protocol, bytes, (size_t)count, echoes) != LANDLINE_OK) {
        /* The server is at fault; the output tells it so. */
        write_output(fd, protocol);
        fail("receiving", landline_error_text());
    }
    if (count < 0 && !would_block())
        fail("receiving", strerror(errno));
    return count != 0;
}

int main(int argc, char **argv) {
    char url[300];
    landline_protocol *protocol;
    struct pollfd fd;
    int echoes = 0, goes_on = 1;
    int64_t code;

    if (argc != 3) {
        fputs("usage: protocol_loop HOST PORT\n", stderr);
        return 1;
    }
    snprintf(url, sizeof url, strchr(argv[1], ':') ? "ws://[%s]:%s/" : "ws://%s:%s/", argv[1], argv[2]);
    check(landline_protocol_client(url, NULL, &protocol), "beginning");
    fd.fd = connect_to(argv[1], argv[2]);

    /* Until the server ends the stream, which a client leaves to it. */
    while (goes_on) {
        const void *output;
        size_t len;
        int ready;
        check(landline_protocol_output(protocol, &output, &len), "waiting");
        fd.events = (short)(len > 0 ? POLLIN | POLLOUT : POLLIN);
        ready = poll(&fd, 1, LIMIT_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            fail("waiting", ready == 0 ? "the server is silent" : strerror(errno));
        if (fd.revents & POLLOUT)
            write_output(fd.fd, protocol);
        if (fd.revents & ~POLLOUT)
            goes_on = read_input(fd.fd, protocol, &echoes);
    }
    check(landline_protocol_receive_eof(protocol), "receiving");
    check(landline_protocol_int(protocol, LANDLINE_CONN_CLOSE_CODE_RECEIVED, &code), "closing");
    if (echoes != MESSAGES || code != LANDLINE_CLOSE_NORMAL_CLOSURE)
        fail("closing", "the server has closed too early");
    printf("%d messages echoed\n", echoes);
    close(fd.fd);
    landline_protocol_free(protocol);
    return 0;
}
