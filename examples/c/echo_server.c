/* Sends every message back: text as text, binary as binary. The same program as examples/echo_server.rs.
 *
 *     cc -std=c99 -pthread -I include examples/c/echo_server.c -L target/release -llandline -o echo_server
 *     LD_LIBRARY_PATH=target/release ./echo_server --listen 127.0.0.1:9001
 */
#define _POSIX_C_SOURCE 200809L

#include <landline.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: echo_server [--listen ADDR:PORT] [--unix PATH] [--cert PEM --key PEM] [--deflate] [--max-message BYTES]\n"
    "       [--subprotocol NAME]... [--max-connections N] [--ping-interval SECS] [--handshake-timeout SECS]\n";

static void check(landline_status status, const char *doing) {
    if (status == LANDLINE_OK)
        return;
    fprintf(stderr, "error: %s: %s\n", doing, landline_error_text());
    exit(1);
}

static void echo(landline_conn *conn, void *user) {
    const char *peer = "";
    landline_message *message;
    landline_status status;
    (void)user;
    /* Asked for now, because a connection that has ended has no address. The text stays valid. */
    landline_conn_str(conn, LANDLINE_CONN_PEER_ADDR, &peer, NULL);
    while ((status = landline_conn_recv_ref(conn, -1, &message)) == LANDLINE_OK) {
        /* Replies are batched while more messages are there, and are sent before the next wait. */
        status = landline_conn_send_message(conn, message, LANDLINE_SEND_FEED, -1);
        landline_message_free(message);
        if (status != LANDLINE_OK)
            break;
    }
    if (status != LANDLINE_CLOSED)
        fprintf(stderr, "%s: %s\n", *peer ? peer : "client", landline_error_text());
}

/* Waits for a signal, then closes the clients with 1001. */
static void *stop_on_signal(void *server) {
    sigset_t signals;
    int received;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &received);
    check(landline_server_stop(server, 5000, NULL, NULL), "stopping");
    return NULL;
}

static void set_int(landline_options *options, int32_t key, int64_t value) {
    check(landline_options_set_int(options, key, value), "setting an option");
}

static void set_str(landline_options *options, int32_t key, const char *value) {
    check(landline_options_set_str(options, key, value), "setting an option");
}

static int64_t number(const char *text, int64_t most) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 0 || value > most) {
        fprintf(stderr, "error: %s is not a number, or too large\n", text);
        exit(1);
    }
    return value;
}

int main(int argc, char **argv) {
    const char *listen = "127.0.0.1:9001", *scheme = "ws://";
    char path[4096];
    landline_options *options;
    landline_server *server;
    pthread_t stopper;
    sigset_t signals;

    check(landline_options_new(&options), "making options");
    set_int(options, LANDLINE_OPT_MAX_MESSAGE_SIZE, 64 << 20);
    /* Each connection is used by its own thread only. */
    set_int(options, LANDLINE_OPT_SINGLE_THREAD, 1);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value;
        if (strcmp(name, "--deflate") == 0) {
            set_int(options, LANDLINE_OPT_COMPRESSION, 1);
            continue;
        }
        if (++i == argc) {
            fputs(USAGE, stderr);
            return 1;
        }
        value = argv[i];
        if (strcmp(name, "--listen") == 0) {
            listen = value;
        } else if (strcmp(name, "--unix") == 0) {
            snprintf(path, sizeof path, "unix:%s", value);
            listen = path;
            scheme = "ws+";
        } else if (strcmp(name, "--cert") == 0) {
            set_str(options, LANDLINE_OPT_TLS_CERT_FILE, value);
            scheme = "wss://";
        } else if (strcmp(name, "--key") == 0) {
            set_str(options, LANDLINE_OPT_TLS_KEY_FILE, value);
        } else if (strcmp(name, "--subprotocol") == 0) {
            set_str(options, LANDLINE_OPT_SUBPROTOCOL, value);
        } else if (strcmp(name, "--max-message") == 0) {
            set_int(options, LANDLINE_OPT_MAX_MESSAGE_SIZE, number(value, INT64_MAX));
        } else if (strcmp(name, "--max-connections") == 0) {
            set_int(options, LANDLINE_OPT_MAX_CONNECTIONS, number(value, INT64_MAX));
        } else if (strcmp(name, "--ping-interval") == 0) {
            set_int(options, LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, number(value, INT32_MAX / 1000) * 1000);
            set_int(options, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, number(value, INT32_MAX / 1000) * 1000);
        } else if (strcmp(name, "--handshake-timeout") == 0) {
            set_int(options, LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, number(value, INT32_MAX / 1000) * 1000);
        } else {
            fputs(USAGE, stderr);
            return 1;
        }
    }

    /* Blocked in all threads started from here, so that the one that waits for them receives them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    check(landline_server_bind(listen, options, &server), "listening");
    landline_options_free(options);
    if (pthread_create(&stopper, NULL, stop_on_signal, server) != 0) {
        fputs("error: no thread to wait for signals\n", stderr);
        return 1;
    }
    printf("listening on %s%s\n", scheme, landline_server_local_addr(server));
    fflush(stdout);
    check(landline_server_run(server, echo, NULL), "serving");
    pthread_join(stopper, NULL);
    landline_server_free(server);
    return 0;
}
