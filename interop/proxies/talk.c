/* Connects through proxies, or those of the environment if none are given, and has a word echoed. CA_FILE is trusted for
 * servers and proxies.
 *
 *     talk CA_FILE URL [PROXY]...
 *
 * Prints "received TEXT"; or "error NAME: TEXT" and fails.
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(landline_status status) {
    if (status == LANDLINE_OK)
        return;
    printf("error %s: %s\n", landline_status_name(status), landline_error_text());
    exit(1);
}

int main(int argc, char **argv) {
    landline_options *options;
    landline_conn *conn;
    landline_message *message;
    int i;

    if (argc < 3)
        return 2;
    check(landline_options_new(&options));
    check(landline_options_set_int(options, LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0));
    check(landline_options_set_str(options, LANDLINE_OPT_TLS_CA_FILE, argv[1]));
    check(landline_options_set_int(options, LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS, 0));
    check(landline_options_set_str(options, LANDLINE_OPT_PROXY_TLS_CA_FILE, argv[1]));
    for (i = 3; i < argc; i++)
        check(landline_options_set_str(options, LANDLINE_OPT_PROXY, argv[i]));
    if (argc == 3)
        check(landline_options_set_int(options, LANDLINE_OPT_PROXY_FROM_ENV, 1));
    check(landline_connect(argv[2], options, 20000, &conn));
    landline_options_free(options);
    check(landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, 0, 20000));
    check(landline_conn_recv(conn, 20000, &message));
    printf("received %.*s\n", (int)landline_message_len(message), (const char *)landline_message_data(message));
    landline_message_free(message);
    check(landline_conn_close(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, -1));
    landline_conn_free(conn);
    return 0;
}
