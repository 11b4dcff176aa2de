/* Subscribes to a feed and prints it. When the connection is lost, it connects again and subscribes again. What happens to
 * the connection goes to standard error. Ends after COUNT messages, if that is given.
 *
 *     cc -std=c99 -I include examples/c/reconnect.c -L target/release -llandline -o reconnect
 *     LD_LIBRARY_PATH=target/release ./reconnect ws://127.0.0.1:9001/ 'subscribe prices' [COUNT]
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called with each new connection, before anything else uses it. */
static landline_status subscribe(landline_conn *conn, void *user) {
    const char *subscription = user;
    return landline_conn_send(conn, LANDLINE_TEXT, subscription, strlen(subscription), 0, 5000);
}

int main(int argc, char **argv) {
    const landline_session_callbacks callbacks = {sizeof callbacks, subscribe, NULL};
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    char *subscription = argc > 2 ? argv[2] : "subscribe";
    long left = argc > 3 ? strtol(argv[3], NULL, 10) : -1;
    landline_session *session;
    landline_message *message;
    landline_status status = landline_session_new(url, NULL, &callbacks, subscription, &session);
    if (status != LANDLINE_OK) {
        fprintf(stderr, "error: %s\n", landline_error_text());
        return 1;
    }
    while (left != 0) {
        status = landline_session_recv(session, -1, &message);
        if (status == LANDLINE_CONNECTED) {
            fprintf(stderr, "connected\n");
            continue;
        }
        if (status != LANDLINE_OK)
            break;
        fwrite(landline_message_data(message), 1, landline_message_len(message), stdout);
        putchar('\n');
        fflush(stdout);
        landline_message_free(message);
        left -= left > 0;
    }
    if (status < 0)
        fprintf(stderr, "error: %s\n", landline_error_text());
    else
        landline_session_close(session, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, -1);
    landline_session_free(session);
    return status < 0;
}
