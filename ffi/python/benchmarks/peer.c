/* The peer of both libraries in compare.py: floods clients that ask for /text or /binary with messages of SIZE bytes, and
 * swallows what all others send. Prints its address.
 *
 *     peer SIZE
 */
#include <landline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *payload;
static size_t size;

static void handle(landline_conn *conn, void *user) {
    const char *target;
    landline_message *message;
    (void)user;
    if (landline_conn_str(conn, LANDLINE_CONN_TARGET, &target, NULL) != LANDLINE_OK)
        return;
    if (strcmp(target, "/text") == 0 || strcmp(target, "/binary") == 0) {
        int32_t kind = target[1] == 't' ? LANDLINE_TEXT : LANDLINE_BINARY;
        while (landline_conn_send(conn, kind, payload, size, LANDLINE_SEND_FEED, -1) == LANDLINE_OK) {
        }
    } else {
        while (landline_conn_recv_ref(conn, -1, &message) == LANDLINE_OK)
            landline_message_free(message);
    }
}

int main(int argc, char **argv) {
    landline_server *server;
    size = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
    payload = malloc(size + 1);
    if (payload == NULL)
        return 1;
    memset(payload, 'x', size);
    if (landline_server_bind("127.0.0.1:0", NULL, &server) != LANDLINE_OK) {
        fprintf(stderr, "error: %s\n", landline_error_text());
        return 1;
    }
    printf("%s\n", landline_server_local_addr(server));
    fflush(stdout);
    return landline_server_run(server, handle, NULL) == LANDLINE_OK ? 0 : 1;
}
