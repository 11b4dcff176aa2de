/* The library is loaded, used and closed at run time, repeatedly: in one thread, in threads that end before it is
 * closed, with fork(), and with the program itself using OpenSSL afterwards. This program is not linked with it.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <landline.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(that) ((that) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #that), exit(1)))

enum { ROUNDS = 5, LONG = 20000 };

/* Functions of the program's own OpenSSL, which the library brings with it. */
static void *(*tls_method)(void), *(*context_new)(void *), (*context_free)(void *);

static void *symbol(void *from, const char *name) {
    void *found = dlsym(from, name);
    if (found == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(found != NULL);
    return found;
}

/* Declares a pointer to a function of the header, with its type. */
#define USE(library, name)        \
    __typeof__(&name) p_##name;   \
    *(void **)&p_##name = symbol(library, #name)

struct server {
    void *library;
    landline_listener *listener;
};

static void *echo_once(void *argument) {
    struct server *server = argument;
    landline_request *request;
    landline_conn *conn;
    landline_message *message;
    USE(server->library, landline_listener_accept);
    USE(server->library, landline_request_accept);
    USE(server->library, landline_request_free);
    USE(server->library, landline_conn_recv);
    USE(server->library, landline_conn_send_message);
    USE(server->library, landline_conn_free);
    USE(server->library, landline_message_free);
    CHECK(p_landline_listener_accept(server->listener, LONG, &request) == LANDLINE_OK);
    CHECK(p_landline_request_accept(request, NULL, &conn) == LANDLINE_OK);
    p_landline_request_free(request);
    CHECK(p_landline_conn_recv(conn, LONG, &message) == LANDLINE_OK);
    CHECK(p_landline_conn_send_message(conn, message, 0, LONG) == LANDLINE_OK);
    p_landline_message_free(message);
    CHECK(p_landline_conn_recv(conn, LONG, &message) == LANDLINE_CLOSED);
    p_landline_conn_free(conn);
    return NULL;
}

/* A conversation over TLS, with a name look-up, and one that fails: threads, look-ups, errors, OpenSSL. */
static void converse(void *library, const char *directory) {
    char url[256], cert[4096], key[4096];
    landline_options *options;
    landline_conn *conn;
    landline_message *message;
    struct server server = { library, NULL };
    pthread_t thread;
    USE(library, landline_options_new);
    USE(library, landline_options_free);
    USE(library, landline_options_set_str);
    USE(library, landline_options_set_int);
    USE(library, landline_listen);
    USE(library, landline_listener_local_addr);
    USE(library, landline_listener_free);
    USE(library, landline_connect);
    USE(library, landline_conn_send);
    USE(library, landline_conn_recv);
    USE(library, landline_conn_close);
    USE(library, landline_conn_free);
    USE(library, landline_message_free);
    USE(library, landline_error_text);

    snprintf(cert, sizeof cert, "%s/cert.pem", directory);
    snprintf(key, sizeof key, "%s/key.pem", directory);
    CHECK(p_landline_options_new(&options) == LANDLINE_OK);
    CHECK(p_landline_options_set_str(options, LANDLINE_OPT_TLS_CERT_FILE, cert) == LANDLINE_OK);
    CHECK(p_landline_options_set_str(options, LANDLINE_OPT_TLS_KEY_FILE, key) == LANDLINE_OK);
    CHECK(p_landline_listen("127.0.0.1:0", options, &server.listener) == LANDLINE_OK);
    p_landline_options_free(options);
    CHECK(pthread_create(&thread, NULL, echo_once, &server) == 0);

    CHECK(p_landline_options_new(&options) == LANDLINE_OK);
    CHECK(p_landline_options_set_str(options, LANDLINE_OPT_TLS_CA_FILE, cert) == LANDLINE_OK);
    CHECK(p_landline_options_set_int(options, LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0) == LANDLINE_OK);
    snprintf(url, sizeof url, "wss://localhost:%s/", strrchr(p_landline_listener_local_addr(server.listener), ':') + 1);
    CHECK(p_landline_connect(url, options, LONG, &conn) == LANDLINE_OK);
    CHECK(p_landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, 0, LONG) == LANDLINE_OK);
    CHECK(p_landline_conn_recv(conn, LONG, &message) == LANDLINE_OK);
    p_landline_message_free(message);
    CHECK(p_landline_conn_close(conn, 1000, NULL, 0, LONG) == LANDLINE_OK);
    p_landline_conn_free(conn);
    CHECK(p_landline_connect("http://localhost/", options, LONG, &conn) == LANDLINE_ERR_URL);
    CHECK(strlen(p_landline_error_text()) > 0);
    p_landline_options_free(options);
    CHECK(pthread_join(thread, NULL) == 0);
    p_landline_listener_free(server.listener);
}

static void a_child_does_well(void) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        /* Another program, so that valgrind does not expect it to free what belongs to the parent. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The whole cycle: loaded, used, closed, and the process continues as if nothing had happened. */
static void *once(void *directory) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library != NULL);
    converse(library, directory);
    a_child_does_well();
    CHECK(dlclose(library) == 0);
    return NULL;
}

static void the_process_goes_on(void) {
    void *context = context_new(tls_method());
    CHECK(context != NULL);
    context_free(context);
    a_child_does_well();
}

int main(int argc, char **argv) {
    /* As in a program that itself uses OpenSSL. */
    void *openssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_GLOBAL);
    pthread_t thread;
    int round;
    CHECK(argc == 2 && openssl != NULL);
    *(void **)&tls_method = symbol(openssl, "TLS_method");
    *(void **)&context_new = symbol(openssl, "SSL_CTX_new");
    *(void **)&context_free = symbol(openssl, "SSL_CTX_free");
    for (round = 0; round < ROUNDS; round++) {
        CHECK(pthread_create(&thread, NULL, once, argv[1]) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        the_process_goes_on();
    }
    for (round = 0; round < ROUNDS; round++) {
        once(argv[1]);
        the_process_goes_on();
    }
    return 0;
}
