/* Connects, sends one message, prints the answer, closes in order.
 *
 *     cc -std=c99 -I include examples/c/client.c -L target/release -llandline -o client
 *     LD_LIBRARY_PATH=target/release ./client ws://127.0.0.1:9001/
 */
#include <landline.h>
#include <stdio.h>

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    landline_conn *conn;
    landline_message *message;
    if (landline_connect(url, NULL, 5000, &conn) != LANDLINE_OK ||
        landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, 0, 5000) != LANDLINE_OK ||
        landline_conn_recv(conn, 5000, &message) != LANDLINE_OK) {
        fprintf(stderr, "error: %s\n", landline_error_text());
        return 1;
    }
    printf("%.*s\n", (int)landline_message_len(message), (const char *)landline_message_data(message));
    landline_message_free(message);
    landline_conn_close(conn, 1000, "bye", 3, -1);
    landline_conn_free(conn);
    return 0;
}
