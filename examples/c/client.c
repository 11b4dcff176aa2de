/* Connects, sends one message, prints the answer, and closes.
 *
 *     cc -std=c99 -I include examples/c/client.c -L target/release -llandline -o client
 *     LD_LIBRARY_PATH=target/release ./client ws://127.0.0.1:9001/
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>

static void check(landline_status status, const char *doing) {
    if (status == LANDLINE_OK)
        return;
    fprintf(stderr, "error: %s: %s\n", doing,
            status == LANDLINE_CLOSED ? landline_status_text(status) : landline_error_text());
    exit(1);
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    landline_conn *conn;
    landline_message *message;

    check(landline_connect(url, NULL, 5000, &conn), "connecting");
    check(landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, 0, 5000), "sending");
    check(landline_conn_recv(conn, 5000, &message), "receiving");
    /* The payload does not end with a NUL, and may contain some. */
    fwrite(landline_message_data(message), 1, landline_message_len(message), stdout);
    putchar('\n');
    landline_message_free(message);
    check(landline_conn_close(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, "bye", 3, -1), "closing");
    landline_conn_free(conn);
    return 0;
}
