/* Text with NULs in it, in both directions and in close reasons; text that is not UTF-8 is refused, and the connection
 * can still be used. */
#include "test.h"

static const char NULS[] = "\0a\0\0b\xc3\xa4\0";
enum { NULS_LEN = sizeof NULS - 1 };

static const char *const WRONG[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\x80"};

static void nuls(landline_conn *from, landline_conn *to) {
    landline_slice parts[3] = {{NULS, 3}, {NULS + 3, 2}, {NULS + 5, NULS_LEN - 5}};
    landline_message *message;
    landline_writer *writer;
    char buffer[64];
    int32_t kind = 0;
    size_t len = 0;
    OK(landline_conn_send(from, LANDLINE_TEXT, NULS, NULS_LEN, 0, LONG));
    expect(to, LANDLINE_TEXT, NULS, NULS_LEN);
    OK(landline_conn_send_vectored(from, LANDLINE_TEXT, parts, 3, 0, LONG));
    OK(landline_conn_recv_ref(to, LONG, &message));
    OK(landline_conn_send_message(to, message, 0, LONG));
    check_message(message, LANDLINE_TEXT, NULS, NULS_LEN);
    expect(from, LANDLINE_TEXT, NULS, NULS_LEN);
    OK(landline_conn_send_stream(from, LANDLINE_TEXT, 0, LONG, &writer));
    for (size_t i = 0; i < NULS_LEN; i++)
        OK(landline_writer_write(writer, NULS + i, 1, LONG, NULL));
    OK(landline_writer_finish(writer, LONG));
    landline_writer_free(writer);
    OK(landline_conn_recv_into(to, buffer, sizeof buffer, LONG, &kind, &len));
    CHECK_IS(kind, LANDLINE_TEXT);
    CHECK_IS(len, NULS_LEN);
    CHECK(memcmp(buffer, NULS, NULS_LEN) == 0);
}

static void wrong(landline_conn *from, landline_conn *to) {
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        size_t len = strlen(WRONG[i]);
        landline_slice parts[2] = {{WRONG[i], 1}, {WRONG[i] + 1, len - 1}};
        landline_status status = landline_conn_send(from, LANDLINE_TEXT, WRONG[i], len, 0, LONG);
        CHECK_STATUS(status, LANDLINE_ERR_UTF8);
        CHECK_HAS(landline_error_text(), "UTF-8");
        CHECK_IS(landline_status_is_fatal(status), 0);
        CHECK_STATUS(landline_conn_send(from, LANDLINE_TEXT, WRONG[i], len, LANDLINE_SEND_FEED, LONG),
                     LANDLINE_ERR_UTF8);
        CHECK_STATUS(landline_conn_send_vectored(from, LANDLINE_TEXT, parts, 2, 0, LONG), LANDLINE_ERR_UTF8);
        CHECK_STATUS(landline_conn_close(from, 1000, WRONG[i], len, LONG), LANDLINE_ERR_UTF8);
        CHECK_STATUS(landline_conn_close_start(from, 1000, WRONG[i], len, LONG), LANDLINE_ERR_UTF8);
        /* Any bytes are a binary message, and nothing came before it. */
        OK(landline_conn_send(from, LANDLINE_BINARY, WRONG[i], len, 0, LONG));
        expect(to, LANDLINE_BINARY, WRONG[i], len);
    }
}

static void close_reason(landline_conn *from, landline_conn *to) {
    landline_message *message;
    pthread_t thread;
    const char *text;
    size_t len;
    OK(landline_conn_close_start(from, 4321, NULS, NULS_LEN, LONG));
    CHECK_STATUS(landline_conn_send(from, LANDLINE_TEXT, "a", 1, 0, LONG), LANDLINE_ERR_CLOSING);
    CHECK_STATUS(landline_conn_recv(to, LONG, &message), LANDLINE_CLOSED);
    thread = start(close_in_thread, to);
    OK(landline_conn_close(from, 1000, NULL, 0, LONG));
    join(thread);
    OK(landline_conn_str(to, LANDLINE_CONN_CLOSE_REASON, &text, &len));
    CHECK_IS(len, NULS_LEN);
    CHECK(memcmp(text, NULS, NULS_LEN + 1) == 0);
    CHECK_IS(conn_int(to, LANDLINE_CONN_CLOSE_CODE), 4321);
    landline_conn_free(from);
    landline_conn_free(to);
}

/* An invalid piece of a text message that is being sent in pieces: the message is lost, and with it the connection. */
static void wrong_stream(void) {
    landline_conn *client, *server;
    landline_message *message;
    landline_writer *writer;
    open_both(0, NULL, NULL, &client, &server);
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    OK(landline_writer_write(writer, "fine", 4, LONG, NULL));
    CHECK_STATUS(landline_writer_write(writer, "\xff", 1, LONG, NULL), LANDLINE_ERR_UTF8);
    landline_writer_free(writer);
    CHECK_STATUS(landline_conn_recv(server, LONG, &message), LANDLINE_CLOSED);
    CHECK_IS(conn_int(server, LANDLINE_CONN_CLOSE_CODE), 1011);
    landline_conn_free(client);
    landline_conn_free(server);

    open_both(0, NULL, NULL, &client, &server);
    OK(landline_conn_send_stream(client, LANDLINE_TEXT, 0, LONG, &writer));
    OK(landline_writer_write(writer, "half \xc3", 6, LONG, NULL));
    CHECK_STATUS(landline_writer_finish(writer, LONG), LANDLINE_ERR_UTF8);
    landline_writer_free(writer);
    landline_conn_free(client);
    landline_conn_free(server);
}

/* What ends a connection has a text, whatever failed before it. */
static void text_of_the_end(int single_thread) {
    landline_conn *client, *server;
    landline_message *message;
    char buffer[8];
    int32_t kind;
    size_t len;
    int i;
    for (i = 0; i < 4; i++) {
        landline_status status;
        open_both(0, NULL, with_int(new_options(), LANDLINE_OPT_SINGLE_THREAD, single_thread), &client, &server);
        CHECK_STATUS(landline_conn_recv(server, -7, &message), LANDLINE_ERR_INVALID);
        OK(landline_conn_close_start(client, i == 3 ? 4000 : 1000, "so \"long\"", i == 3 ? 0 : 9, LONG));
        status = i == 1   ? landline_conn_recv_ref(server, LONG, &message)
                 : i == 2 ? landline_conn_recv_into(server, buffer, sizeof buffer, LONG, &kind, &len)
                          : landline_conn_recv(server, LONG, &message);
        CHECK_IS(status, LANDLINE_CLOSED);
        CHECK_HAS(landline_error_text(), i == 3 ? "the connection was closed with 4000" : "so \\\"long\\\"");
        CHECK_HAS(landline_error_text(), "the connection was closed with ");
        CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), LANDLINE_CLOSED);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_FAULT), LANDLINE_FAULT_NONE);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_IS_FATAL), 1);
        CHECK_IS(landline_error_int(LANDLINE_ERROR_ERRNO), 0);
        landline_conn_free(client);
        landline_conn_free(server);
    }
}

int main(int argc, char **argv) {
    landline_conn *client, *server;
    landline_options *options[2];
    begin(argc, argv);
    for (int compressed = 0; compressed < 2; compressed++) {
        for (int i = 0; i < 2; i++) {
            options[i] = with_int(new_options(), LANDLINE_OPT_COMPRESSION, compressed);
            with_int(options[i], LANDLINE_OPT_COMPRESSION_THRESHOLD, 0);
        }
        open_both(0, options[0], options[1], &client, &server);
        nuls(client, server);
        nuls(server, client);
        wrong(client, server);
        wrong(server, client);
        if (compressed)
            close_reason(client, server);
        else
            close_reason(server, client);
    }
    wrong_stream();
    text_of_the_end(0);
    text_of_the_end(1);
    return 0;
}
