/* A program outside the repository: a client and a server in memory greet each other. */
#include <landline.h>
#include <stdio.h>
#include <string.h>

/* 1 if `to` receives what `from` sends. */
static int says(landline_conn *from, landline_conn *to, const char *text) {
    landline_message *message;
    int same;
    if (landline_conn_send(from, LANDLINE_TEXT, text, strlen(text), 0, 5000) != LANDLINE_OK ||
        landline_conn_recv(to, 5000, &message) != LANDLINE_OK) {
        fprintf(stderr, "error: %s\n", landline_error_text());
        return 0;
    }
    same = landline_message_kind(message) == LANDLINE_TEXT && landline_message_len(message) == strlen(text) &&
           memcmp(landline_message_data(message), text, strlen(text)) == 0;
    landline_message_free(message);
    return same;
}

int main(void) {
    landline_conn *client, *server;
    int done;
    if (strcmp(landline_version(), LANDLINE_VERSION) != 0 || landline_abi_version() != LANDLINE_ABI_VERSION) {
        fprintf(stderr, "error: library %s, header %s\n", landline_version(), LANDLINE_VERSION);
        return 1;
    }
    if (landline_pair(NULL, NULL, &client, &server) != LANDLINE_OK) {
        fprintf(stderr, "error: %s\n", landline_error_text());
        return 1;
    }
    done = says(client, server, "hello") && says(server, client, "and hello to you");
    landline_conn_free(client);
    landline_conn_free(server);
    if (done)
        puts("hello from C");
    return !done;
}
