/* Connects with TLS to a server whose certificate was issued by a private authority, and trusts no other.
 *
 *     cc -std=c99 -I include examples/c/wss_private_ca.c -L target/release -llandline -o wss_private_ca
 *     LD_LIBRARY_PATH=target/release ./wss_private_ca wss://localhost:9001/ ca.pem
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(landline_status status, const char *doing) {
    if (status == LANDLINE_OK)
        return;
    fprintf(stderr, "error: %s: %s\n", doing,
            status == LANDLINE_CLOSED ? landline_status_text(status) : landline_error_text());
    exit(1);
}

int main(int argc, char **argv) {
    static const char text[] = "hello over TLS";
    landline_options *options;
    landline_conn *conn;
    landline_message *message;

    if (argc != 3) {
        fputs("usage: wss_private_ca URL CA.pem\n", stderr);
        return 1;
    }
    check(landline_options_new(&options), "making options");
    /* Leave this line out to trust the platform's authorities as well. */
    check(landline_options_set_int(options, LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0), "setting an option");
    check(landline_options_set_str(options, LANDLINE_OPT_TLS_CA_FILE, argv[2]), "setting the authority");
    check(landline_connect(argv[1], options, 5000, &conn), "connecting");
    landline_options_free(options);

    check(landline_conn_send(conn, LANDLINE_TEXT, text, strlen(text), 0, 5000), "sending");
    check(landline_conn_recv(conn, 5000, &message), "receiving");
    fwrite(landline_message_data(message), 1, landline_message_len(message), stdout);
    putchar('\n');
    landline_message_free(message);
    check(landline_conn_close(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, -1), "closing");
    landline_conn_free(conn);
    return 0;
}
