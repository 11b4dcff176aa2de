/* A program outside the repository that links two libraries built by Rust statically: both work, and both catch their
 * panics. Landline's panic is caused by a clock that fails, which nothing can handle. */
#define _GNU_SOURCE
#include <landline.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int other_even(int number);
int other_calls(void);

static int clock_fails;

/* Called instead of the system's. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    return clock_fails ? -1 : (int)syscall(SYS_clock_gettime, clock, now);
}

#define EXPECT(is)                                                                                                     \
    do {                                                                                                               \
        if (!(is)) {                                                                                                   \
            fprintf(stderr, "line %d: not so: %s; last error: %s\n", __LINE__, #is, landline_error_text());            \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

int main(void) {
    landline_conn *client, *server;
    landline_message *message;
    landline_status status;
    EXPECT(other_even(2) == 2 && other_even(3) == -1);
    EXPECT(landline_pair(NULL, NULL, &client, &server) == LANDLINE_OK);
    EXPECT(landline_conn_send(client, LANDLINE_TEXT, "hello", 5, 0, 5000) == LANDLINE_OK);
    EXPECT(landline_conn_recv(server, 5000, &message) == LANDLINE_OK);
    EXPECT(landline_message_len(message) == 5 && memcmp(landline_message_data(message), "hello", 5) == 0);
    landline_message_free(message);
    EXPECT(other_calls() == 1);

    clock_fails = 1;
    status = landline_conn_recv(client, 5000, &message);
    clock_fails = 0;
    EXPECT(status == LANDLINE_ERR_PANIC && message == NULL);
    EXPECT(landline_conn_recv(client, 5000, &message) == LANDLINE_ERR_PANIC);
    EXPECT(other_even(5) == -1 && other_even(6) == 6 && other_calls() == 2);
    landline_conn_free(client);
    landline_conn_free(server);
    puts("hello from two archives");
    return 0;
}
