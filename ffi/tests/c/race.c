/* A deliberate race of two threads: ThreadSanitizer has to report it, or else its silence about the library means
 * nothing. Not a test of its own; the runner builds it for ThreadSanitizer only.
 */
#include "test.h"

/* Counted by both, without a lock. */
static int messages;

static void *receive(void *conn) {
    expect(conn, LANDLINE_TEXT, "race", 4);
    messages++;
    return NULL;
}

int main(int argc, char **argv) {
    landline_conn *client, *server;
    pthread_t thread;
    begin(argc, argv);
    open_both(0, NULL, NULL, &client, &server);
    thread = start(receive, server);
    OK(landline_conn_send(client, LANDLINE_TEXT, "race", 4, 0, LONG));
    messages++;
    join(thread);
    CHECK(messages > 0);
    close_both(client, server);
    return 0;
}
