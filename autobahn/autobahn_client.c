/* The client that the Autobahn suite's fuzzing server tests: echoes what it receives, case by case. The same program as
 * autobahn_client.rs.
 *
 *     cc -std=c99 -I include autobahn/autobahn_client.c -L target/release -llandline -o autobahn_client
 *     LD_LIBRARY_PATH=target/release ./autobahn_client ws://127.0.0.1:9002 landline
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_MS = 60000 };

static void fail(const char *doing, const char *text) {
    fprintf(stderr, "error: %s: %s\n", doing, text);
    exit(1);
}

static void check(landline_status status, const char *doing) {
    if (status != LANDLINE_OK)
        fail(doing, landline_error_text());
}

static long case_count(const char *base, const landline_options *options) {
    char url[1024], text[16] = "";
    landline_conn *conn;
    size_t len;
    int32_t kind;
    long count;
    snprintf(url, sizeof url, "%s/getCaseCount", base);
    check(landline_connect(url, options, LIMIT_MS, &conn), "asking for the number of cases");
    if (landline_conn_recv_into(conn, text, sizeof text - 1, LIMIT_MS, &kind, &len) != LANDLINE_OK)
        fail("asking for the number of cases", "no answer in one piece");
    count = strtol(text, NULL, 10);
    if (kind != LANDLINE_TEXT || count <= 0)
        fail("asking for the number of cases", "the answer is no number");
    landline_conn_free(conn);
    return count;
}

static landline_status echo(const char *url, const landline_options *options) {
    landline_conn *conn;
    landline_message *message;
    landline_status status = landline_connect(url, options, LIMIT_MS, &conn);
    while (status == LANDLINE_OK && (status = landline_conn_recv_ref(conn, LIMIT_MS, &message)) == LANDLINE_OK) {
        /* Replies are batched while more messages are there, and are sent before the next wait. */
        status = landline_conn_send_message(conn, message, LANDLINE_SEND_FEED, LIMIT_MS);
        landline_message_free(message);
    }
    landline_conn_free(conn);
    return status;
}

static void update_reports(const char *base, const char *agent, const landline_options *options) {
    char url[1024];
    landline_conn *conn;
    landline_message *message;
    landline_status status;
    snprintf(url, sizeof url, "%s/updateReports?agent=%s", base, agent);
    check(landline_connect(url, options, LIMIT_MS, &conn), "asking for the report");
    while ((status = landline_conn_recv_ref(conn, LIMIT_MS, &message)) == LANDLINE_OK)
        landline_message_free(message);
    if (status != LANDLINE_CLOSED)
        check(status, "asking for the report");
    landline_conn_free(conn);
}

int main(int argc, char **argv) {
    char base[512], url[1024];
    landline_options *options;
    long count;

    if (argc != 3 || strlen(argv[1]) >= sizeof base || strlen(argv[2]) > 256) {
        fputs("usage: autobahn_client URL AGENT\n", stderr);
        return 1;
    }
    strcpy(base, argv[1]);
    for (size_t len = strlen(base); len > 0 && base[len - 1] == '/'; len--)
        base[len - 1] = '\0';
    check(landline_options_new(&options), "making options");
    check(landline_options_set_int(options, LANDLINE_OPT_COMPRESSION, 1), "setting an option");
    check(landline_options_set_int(options, LANDLINE_OPT_MAX_MESSAGE_SIZE, 64 << 20), "setting an option");
    /* Saves a system call for each wait; there is only one thread. */
    check(landline_options_set_int(options, LANDLINE_OPT_SINGLE_THREAD, 1), "setting an option");

    count = case_count(base, options);
    for (long number = 1; number <= count; number++) {
        snprintf(url, sizeof url, "%s/runCase?case=%ld&agent=%s", base, number, argv[2]);
        /* Many cases are meant to end in an error; the server is the judge. */
        if (echo(url, options) != LANDLINE_CLOSED)
            printf("case %ld: %s\n", number, landline_error_text());
    }
    update_reports(base, argv[2], options);
    landline_options_free(options);
    printf("%ld cases\n", count);
    return 0;
}
