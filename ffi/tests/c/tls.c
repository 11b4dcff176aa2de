/* TLS: errors about certificates and keys that cannot be used and about records that were modified in transit, and
 * what setting up TLS costs.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { FAULT_CALLER = 1, FAULT_PEER = 2 };

/* ----- Certificates and keys ----- */

static void write_file(const char *name, const char *content) {
    FILE *file = fopen(in_directory(name), "w");
    CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void is_told(const char *part, const char *other) {
    CHECK_HAS(landline_error_text(), part);
    CHECK_HAS(landline_error_text(), other);
    CHECK(strstr(landline_error_text(), "error:") == NULL);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), FAULT_CALLER);
}

/* A client that fails before it connects. */
static void client_refuses(landline_options *options, const char *part, const char *other) {
    landline_conn *conn;
    CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, LONG, &conn), LANDLINE_ERR_TLS);
    CHECK(conn == NULL);
    is_told(part, other);
    landline_options_free(options);
}

static void server_refuses(landline_options *options, const char *part, const char *other) {
    landline_listener *listener;
    landline_server *server;
    CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_TLS);
    is_told(part, other);
    CHECK_STATUS(landline_server_bind("127.0.0.1:0", options, &server), LANDLINE_ERR_TLS);
    is_told(part, other);
    landline_options_free(options);
}

static landline_options *identity_of(const char *cert, const char *key) {
    landline_options *options = with_str(new_options(), LANDLINE_OPT_TLS_CERT_FILE, cert);
    return with_str(options, LANDLINE_OPT_TLS_KEY_FILE, key);
}

static void garbage(void) {
    static const struct { const char *content, *why; } cases[] = {
        {"", "it is empty"},
        {"certainly nothing of the kind", "in PEM form in it"},
        {"\x30\x82\x01\x0a\x30", "it is not in PEM but in DER form"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "in it, but a certificate request"},
    };
    char good_cert[4096], good_key[4096], bad[4096];
    size_t i;
    snprintf(good_cert, sizeof good_cert, "%s", in_directory("cert.pem"));
    snprintf(good_key, sizeof good_key, "%s", in_directory("key.pem"));
    snprintf(bad, sizeof bad, "%s", in_directory("bad.pem"));
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        landline_options *options;
        write_file("bad.pem", cases[i].content);
        options = with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, bad);
        client_refuses(options, "the CA certificate in ", cases[i].why);
        client_refuses(with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, bad), bad, cases[i].why);
        client_refuses(identity_of(bad, good_key), "the certificate in ", cases[i].why);
        client_refuses(identity_of(good_cert, bad), "the private key in ", cases[i].why);
        server_refuses(identity_of(bad, good_key), bad, cases[i].why);
        server_refuses(identity_of(good_cert, bad), bad, cases[i].why);
        if (*cases[i].content != '\0') {
            size_t len = strlen(cases[i].content);
            options = new_options();
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CA_PEM, cases[i].content, len));
            client_refuses(options, "the CA certificate cannot be used: ", cases[i].why);
            options = new_options();
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_PKCS12, cases[i].content, len));
            client_refuses(options, "the PKCS#12 archive", "cannot be used");
            options = new_options();
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_PKCS12, cases[i].content, len));
            server_refuses(options, "the PKCS#12 archive", "cannot be used");
        }
    }
}

static void missing_files(void) {
    const char *none;
    char good_cert[4096], good_key[4096];
    int i;
    snprintf(good_cert, sizeof good_cert, "%s", in_directory("cert.pem"));
    snprintf(good_key, sizeof good_key, "%s", in_directory("key.pem"));
    none = in_directory("none.pem");
    for (i = 0; i < 5; i++) {
        if (i == 0)
            client_refuses(with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, none), "cannot read ", none);
        else if (i < 3)
            client_refuses(i == 1 ? identity_of(none, good_key) : identity_of(good_cert, none), "cannot read ", none);
        else
            server_refuses(i == 3 ? identity_of(none, good_key) : identity_of(good_cert, none), "cannot read ", none);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), ENOENT);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_TLS);
    }
}

/* A certificate with its key is given in one way: what does not go together is named. */
static void mixtures(void) {
    enum { CERT_FILE = 1, KEY_FILE = 2, CERT_PEM = 4, KEY_PEM = 8, PKCS12 = 16, PASSWORD = 32 };
    static const struct { int given; const char *first, *second; } cases[] = {
        {CERT_FILE, "TLS_CERT_FILE is given", "without LANDLINE_OPT_TLS_KEY_FILE"},
        {KEY_FILE, "TLS_KEY_FILE is given", "without LANDLINE_OPT_TLS_CERT_FILE"},
        {CERT_PEM, "TLS_CERT_PEM is given", "without LANDLINE_OPT_TLS_KEY_PEM"},
        {KEY_PEM, "TLS_KEY_PEM is given", "without LANDLINE_OPT_TLS_CERT_PEM"},
        {CERT_FILE | KEY_PEM, "TLS_CERT_FILE cannot go with", "LANDLINE_OPT_TLS_KEY_PEM"},
        {CERT_PEM | KEY_FILE, "TLS_CERT_PEM cannot go with", "LANDLINE_OPT_TLS_KEY_FILE"},
        {CERT_FILE | KEY_FILE | CERT_PEM | KEY_PEM, "TLS_CERT_FILE and", "LANDLINE_OPT_TLS_CERT_PEM are both"},
        {CERT_FILE | KEY_FILE | KEY_PEM, "TLS_KEY_FILE and", "LANDLINE_OPT_TLS_KEY_PEM are both"},
        {CERT_FILE | KEY_FILE | PKCS12, "TLS_PKCS12 and", "LANDLINE_OPT_TLS_CERT_FILE are both"},
        {CERT_PEM | KEY_PEM | PKCS12 | PASSWORD, "TLS_PKCS12 and", "LANDLINE_OPT_TLS_CERT_PEM are both"},
        {KEY_PEM | PKCS12, "TLS_PKCS12 and", "LANDLINE_OPT_TLS_KEY_PEM are both"},
        {PASSWORD, "TLS_PKCS12_PASSWORD is given", "without LANDLINE_OPT_TLS_PKCS12"},
        {PASSWORD | CERT_FILE | KEY_FILE, "TLS_PKCS12_PASSWORD is given", "without LANDLINE_OPT_TLS_PKCS12"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        landline_options *options = new_options();
        landline_listener *listener;
        landline_conn *conn;
        int given = cases[i].given;
        if (given & CERT_FILE)
            with_str(options, LANDLINE_OPT_TLS_CERT_FILE, "cert");
        if (given & KEY_FILE)
            with_str(options, LANDLINE_OPT_TLS_KEY_FILE, "key");
        if (given & CERT_PEM)
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CERT_PEM, "cert", 4));
        if (given & KEY_PEM)
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_KEY_PEM, "key", 3));
        if (given & PKCS12)
            OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_PKCS12, "both", 4));
        if (given & PASSWORD)
            with_str(options, LANDLINE_OPT_TLS_PKCS12_PASSWORD, "secret");
        CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, LONG, &conn), LANDLINE_ERR_CONFIG);
        is_told(cases[i].first, cases[i].second);
        CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_CONFIG);
        is_told(cases[i].first, cases[i].second);
        landline_options_free(options);
    }
}

static void key_of_another_certificate(void) {
    char command[8192];
    const char *cert = in_directory("cert.pem"), *key = in_directory("other.key");
    snprintf(command, sizeof command,
             "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out '%s' 2> /dev/null", key);
    CHECK(system(command) == 0);
    server_refuses(identity_of(cert, key), key, cert);
    client_refuses(identity_of(cert, key), "is not that of", cert);
}

/* ----- Records modified in transit ----- */

struct relay {
    int from, to;
    volatile int flip;
};

static void *carry(void *argument) {
    struct relay *relay = argument;
    unsigned char bytes[4096];
    ssize_t count;
    while ((count = read(relay->from, bytes, sizeof bytes)) > 0) {
        if (relay->flip) {
            relay->flip = 0;
            bytes[count - 1] ^= 1;
        }
        if (send(relay->to, bytes, (size_t)count, MSG_NOSIGNAL) != count)
            break;
    }
    shutdown(relay->to, SHUT_WR);
    return NULL;
}

struct opening_fd {
    int fd;
    landline_conn *conn;
};

static void *connect_fd(void *argument) {
    struct opening_fd *opening = argument;
    landline_options *options = with_trust(new_options());
    OK(landline_connect_fd(opening->fd, 1, "wss://localhost/", options, LONG, &opening->conn));
    landline_options_free(options);
    return NULL;
}

static void is_broken(landline_status status, const char *why) {
    CHECK_IS(status, LANDLINE_ERR_TLS);
    CHECK_HAS(landline_error_text(), why);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), FAULT_PEER);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_NONE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
}

static void changed_record(int from_client) {
    static const char damaged[] = "it was damaged or changed on the way";
    int client_pair[2], server_pair[2];
    struct relay relays[2];
    struct opening_fd opening;
    landline_options *options = with_identity(new_options());
    landline_request *request;
    landline_conn *server, *sender, *receiver;
    landline_message *message;
    pthread_t threads[3];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, client_pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, server_pair) == 0);
    relays[0].from = relays[1].to = client_pair[1];
    relays[0].to = relays[1].from = server_pair[1];
    relays[0].flip = relays[1].flip = 0;
    opening.fd = client_pair[0];
    threads[0] = start(carry, &relays[0]);
    threads[1] = start(carry, &relays[1]);
    threads[2] = start(connect_fd, &opening);
    OK(landline_request_from_fd(server_pair[0], 1, options, LONG, &request));
    OK(landline_request_accept(request, NULL, &server));
    landline_request_free(request);
    landline_options_free(options);
    join(threads[2]);
    sender = from_client ? opening.conn : server;
    receiver = from_client ? server : opening.conn;

    OK(landline_conn_send(sender, LANDLINE_TEXT, "before", 6, 0, LONG));
    expect(receiver, LANDLINE_TEXT, "before", 6);
    relays[from_client ? 0 : 1].flip = 1;
    OK(landline_conn_send(sender, LANDLINE_TEXT, "changed", 7, 0, LONG));
    is_broken(landline_conn_recv(receiver, LONG, &message), damaged);
    is_broken(landline_conn_recv(receiver, LONG, &message), damaged);
    is_broken(landline_conn_send(receiver, LANDLINE_TEXT, "more", 4, 0, LONG), damaged);
    is_broken(landline_conn_close(receiver, 1000, NULL, 0, -1), damaged);
    is_broken(landline_conn_recv(sender, LONG, &message), "peer ended TLS with an alert: bad record mac");
    landline_conn_free(sender);
    landline_conn_free(receiver);
    join(threads[0]);
    join(threads[1]);
    close(client_pair[1]);
    close(server_pair[1]);
}

/* ----- Setting up ----- */

static void *interrupt_soon(void *interrupter) {
    OK(landline_interrupter_interrupt(interrupter));
    return NULL;
}

/* A file that takes forever to open. */
static void slow_certificates(void) {
    const char *slow = in_directory("slow.pem");
    landline_options *options = with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, slow);
    landline_interrupter *interrupter;
    landline_conn *conn;
    pthread_t thread;
    long long before = now_ms();
    int others = threads_of_process(), release;
    CHECK(mkfifo(slow, 0600) == 0);
    CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, 200, &conn), LANDLINE_TIMED_OUT);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_PHASE), LANDLINE_PHASE_TLS);
    CHECK(now_ms() - before >= 199 && now_ms() - before < 10000);
    OK(landline_interrupter_new(&interrupter));
    OK(landline_options_set_interrupter(options, interrupter));
    thread = start(interrupt_soon, interrupter);
    CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, LONG, &conn), LANDLINE_INTERRUPTED);
    join(thread);
    landline_interrupter_free(interrupter);
    landline_options_free(options);
    /* The threads that are still blocked end when the file does. */
    release = open(slow, O_WRONLY);
    CHECK(release >= 0);
    close(release);
    CHECK(unlink(slow) == 0);
    until_threads_are(others);
}

static double connection_cost(landline_listener *listener, const landline_options *options) {
    struct opening opening;
    landline_request *request;
    landline_conn *server;
    pthread_t thread;
    clock_t before = clock();
    snprintf(opening.url, sizeof opening.url, "wss://%s/", landline_listener_local_addr(listener));
    opening.options = options;
    thread = start(open_client, &opening);
    OK(landline_listener_accept(listener, LONG, &request));
    OK(landline_request_accept(request, NULL, &server));
    join(thread);
    landline_request_free(request);
    landline_conn_abort(server);
    landline_conn_free(server);
    landline_conn_free(opening.conn);
    return (double)(clock() - before) / CLOCKS_PER_SEC;
}

enum { COUNT = 5 };

/* The roots are read for the first connection only. */
static void costs(landline_listener *listener, landline_options *(*options)(void)) {
    landline_options *made = options();
    double first = connection_cost(listener, made), others = 0;
    int i;
    for (i = 0; i < COUNT; i++) {
        landline_options_free(made);
        made = options();
        others += connection_cost(listener, made) / COUNT;
    }
    landline_options_free(made);
    if (others * 3 > first)
        FAIL("%.1f ms for the first, %.1f ms for each other one", first * 1e3, others * 1e3);
}

static landline_options *no_options(void) {
    return NULL;
}

static landline_options *own_roots(void) {
    return with_trust(new_options());
}

static void roots_are_read_once(void) {
    landline_options *options = with_identity(new_options());
    landline_listener *listener;
    OK(landline_listen("127.0.0.1:0", options, &listener));
    landline_options_free(options);
    costs(listener, no_options);
    costs(listener, own_roots);
    landline_listener_free(listener);
}

/* Many platform roots, one of which is ours. */
static void make_roots(void) {
    char cert[8192];
    FILE *file = fopen(in_directory("cert.pem"), "r"), *roots = fopen(in_directory("roots.pem"), "w");
    size_t len;
    int i;
    CHECK(file != NULL && roots != NULL);
    len = fread(cert, 1, sizeof cert, file);
    for (i = 0; i < 300; i++)
        CHECK(fwrite(cert, 1, len, roots) == len);
    CHECK(fclose(roots) == 0 && fclose(file) == 0);
    CHECK(setenv("SSL_CERT_FILE", in_directory("roots.pem"), 1) == 0);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    make_roots();
    roots_are_read_once();
    garbage();
    missing_files();
    mixtures();
    key_of_another_certificate();
    changed_record(0);
    changed_record(1);
    slow_certificates();
    return 0;
}
