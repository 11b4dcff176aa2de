/* What opening a wss connection costs the client, in processor time: 2 ms at most from the second one on, because
 * certificates are read once. Prints the numbers. The server is another process. Runs without valgrind and sanitizers, which
 * would be measured too. */
#include "test.h"

#include <sys/wait.h>

enum { CONNECTIONS = 50, ROOTS = 400 };

/* Says on `out` where it listens, and serves until it is killed. */
static void serve(int out) {
    landline_options *options = with_identity(new_options());
    landline_listener *listener;
    landline_request *request;
    landline_conn *conn;
    const char *address;
    OK(landline_listen("127.0.0.1:0", options, &listener));
    address = landline_listener_local_addr(listener);
    write_all(out, address, strlen(address) + 1);
    for (;;) {
        OK(landline_listener_accept(listener, -1, &request));
        OK(landline_request_accept(request, NULL, &conn));
        landline_conn_free(conn);
        landline_request_free(request);
    }
}

static double cpu_ms(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Opens connections, each with options of its own, as programs do that do not keep them. */
static double cost(const char *url, int platform_roots, int count) {
    double before = cpu_ms();
    for (int i = 0; i < count; i++) {
        landline_options *options = with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, in_directory("cert.pem"));
        landline_conn *conn;
        OK(landline_connect(url, with_int(options, LANDLINE_OPT_TLS_PLATFORM_ROOTS, platform_roots), LONG, &conn));
        landline_conn_free(conn);
        landline_options_free(options);
    }
    return (cpu_ms() - before) / count;
}

/* A store as large as a platform's. */
static void write_roots(void) {
    FILE *from = fopen(in_directory("cert.pem"), "r"), *to = fopen(in_directory("roots.pem"), "w");
    char pem[8192];
    size_t len;
    CHECK(from != NULL && to != NULL);
    len = fread(pem, 1, sizeof pem, from);
    for (int i = 0; i < ROOTS; i++)
        CHECK(fwrite(pem, 1, len, to) == len);
    CHECK(fclose(to) == 0);
    fclose(from);
    CHECK(setenv("SSL_CERT_FILE", in_directory("roots.pem"), 1) == 0);
}

int main(int argc, char **argv) {
    char address[64], url[128];
    size_t len = 0;
    int both[2];
    pid_t server;
    begin(argc, argv);
    write_roots();
    CHECK(pipe(both) == 0);
    server = fork();
    CHECK(server >= 0);
    if (server == 0)
        serve(both[1]);
    do {
        CHECK(len < sizeof address);
        read_all(both[0], address + len, 1);
    } while (address[len++] != '\0');
    snprintf(url, sizeof url, "wss://%s/", address);
    for (int platform_roots = 0; platform_roots < 2; platform_roots++) {
        double first = cost(url, platform_roots, 1), other = cost(url, platform_roots, CONNECTIONS);
        printf("%s: %.2f ms for the first connection, %.2f ms for each other one\n",
               platform_roots ? "with the platform's roots" : "with one root", first, other);
        if (other > 2)
            FAIL("more than 2 ms");
    }
    CHECK(kill(server, SIGKILL) == 0 && waitpid(server, NULL, 0) == server);
    return 0;
}
