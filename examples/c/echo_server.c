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

static void fail(const char *doing) {
    fprintf(stderr, "error: %s: %s\n", doing, landline_error_text());
    exit(1);
}

static void echo(landline_conn *conn, void *user) {
    landline_message *message;
    landline_status status;
    (void)user;
    while ((status = landline_conn_recv_ref(conn, -1, &message)) == LANDLINE_OK) {
        /* Replies gather while more messages are there, and go out before the next wait. */
        status = landline_conn_send_message(conn, message, LANDLINE_SEND_FEED, -1);
        landline_message_free(message);
        if (status != LANDLINE_OK)
            break;
    }
    if (status < 0)
        fprintf(stderr, "client: %s\n", landline_error_text());
}

/* Waits for a signal, then closes the clients with 1001. */
static void *stop_on_signal(void *server) {
    sigset_t signals;
    int received;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &received);
    landline_server_stop(server, 5000, NULL, NULL);
    return NULL;
}

static void set_int(landline_options *options, int32_t key, const char *value, long long factor) {
    char *end;
    long long number = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0') {
        fprintf(stderr, "error: %s is not a number\n", value);
        exit(1);
    }
    if (landline_options_set_int(options, key, number * factor) != LANDLINE_OK)
        fail("setting an option");
}

int main(int argc, char **argv) {
    const char *listen = "127.0.0.1:9001", *scheme = "ws";
    char path[4096];
    landline_options *options;
    landline_server *server;
    pthread_t stopper;
    sigset_t signals;

    if (landline_options_new(&options) != LANDLINE_OK)
        fail("making options");
    set_int(options, LANDLINE_OPT_MAX_MESSAGE_SIZE, "67108864", 1);
    /* Each connection is used by its own thread only. */
    set_int(options, LANDLINE_OPT_SINGLE_THREAD, "1", 1);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = NULL;
        if (strcmp(name, "--deflate") == 0) {
            set_int(options, LANDLINE_OPT_COMPRESSION, "1", 1);
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
            landline_options_set_str(options, LANDLINE_OPT_TLS_CERT_FILE, value);
            scheme = "wss";
        } else if (strcmp(name, "--key") == 0) {
            landline_options_set_str(options, LANDLINE_OPT_TLS_KEY_FILE, value);
        } else if (strcmp(name, "--subprotocol") == 0) {
            landline_options_set_str(options, LANDLINE_OPT_SUBPROTOCOL, value);
        } else if (strcmp(name, "--max-message") == 0) {
            set_int(options, LANDLINE_OPT_MAX_MESSAGE_SIZE, value, 1);
        } else if (strcmp(name, "--max-connections") == 0) {
            set_int(options, LANDLINE_OPT_MAX_CONNECTIONS, value, 1);
        } else if (strcmp(name, "--ping-interval") == 0) {
            set_int(options, LANDLINE_OPT_KEEPALIVE_INTERVAL_MS, value, 1000);
            set_int(options, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS, value, 1000);
        } else if (strcmp(name, "--handshake-timeout") == 0) {
            set_int(options, LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, value, 1000);
        } else {
            fputs(USAGE, stderr);
            return 1;
        }
    }

    /* Blocked in all threads that come from here, so that the one that waits for them gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (landline_server_bind(listen, options, &server) != LANDLINE_OK)
        fail("listening");
    landline_options_free(options);
    if (pthread_create(&stopper, NULL, stop_on_signal, server) != 0) {
        fputs("error: no thread to wait for signals\n", stderr);
        return 1;
    }
    if (strcmp(scheme, "ws+") == 0)
        printf("listening on ws+%s\n", landline_server_address(server));
    else
        printf("listening on %s://%s\n", scheme, landline_server_address(server));
    fflush(stdout);
    if (landline_server_run(server, echo, NULL) != LANDLINE_OK)
        fail("serving");
    pthread_join(stopper, NULL);
    landline_server_free(server);
    return 0;
}
