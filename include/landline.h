/*
 * Landline: WebSocket (RFC 6455) with compression (RFC 7692) for programs that use threads. Client and server, ws
 * and wss, with blocking calls. Anything not declared in this file is not part of the interface. The file is
 * generated: make changes in the sources.
 *
 * A complete program (link with -llandline):
 *
 *     #include <landline.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         landline_conn *conn;
 *         landline_message *message;
 *         if (landline_connect("ws://127.0.0.1:9001/", NULL, 5000, &conn) != LANDLINE_OK) {
 *             fprintf(stderr, "%s\n", landline_error_text());
 *             return 1;
 *         }
 *         landline_conn_send(conn, LANDLINE_TEXT, "hello", 5, 0, -1);
 *         if (landline_conn_recv(conn, 5000, &message) == LANDLINE_OK)
 *             printf("%.*s\n", (int)landline_message_len(message), (const char *)landline_message_data(message));
 *         landline_message_free(message);
 *         landline_conn_close(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, -1);
 *         landline_conn_free(conn);
 *     }
 *
 * CONVENTIONS
 *
 * Functions are named landline_<class>_<verb>. Arguments come in this order: the handle, inputs, `flags`,
 * `timeout_ms`, outputs. Handles are opaque; a function that only queries a handle takes it as const. Outputs are
 * written on success only, except that an output handle is set to NULL on failure.
 *
 * Options and the properties of a handle are identified by keys, so that more can be added. A query that can fail
 * returns a status: landline_<class>_int(handle, key, &value), _str(handle, key, &text, &len) and _header(handle,
 * name, index, &value, &len). A query that cannot fail returns its result: those for what a handle always has,
 * landline_error_*() and landline_status_*(). For a NULL handle the result is 0, NULL or empty.
 *
 * Bytes are passed in as `const void *data, size_t len`, handed out as `const void **data, size_t *len`, and written
 * to `void *data, size_t capacity`. If the length is 0, the pointer is ignored. Text is a `const char *` that ends
 * with a NUL; text that is handed out comes with its length, `size_t *len`, which may be NULL.
 *
 * `user` is the last argument of every callback, and directly follows the callback where one is passed in. Constants
 * are named LANDLINE_<GROUP>_<NAME>; outcomes (LANDLINE_OK and so on) and the two kinds of message have no group.
 * Negative statuses are errors and named LANDLINE_ERR_*.
 *
 * OWNERSHIP
 *
 * The caller owns every handle that a function outputs, and frees it once, with the function that the section of its
 * type names. Those functions accept NULL. Nothing else needs to be freed. Text and bytes that are handed out belong
 * to the handle or, for landline_error_*(), to the thread; each function says how long they remain valid. Arguments
 * are copied, or not used after the call, unless the function says otherwise.
 *
 * Freeing a connection does not perform the closing handshake; landline_conn_close() does. Connections are
 * reference-counted: call landline_conn_retain() for each further thread that will free the connection itself.
 *
 * STRINGS AND LENGTHS
 *
 * Payloads, close reasons and certificates are bytes: a pointer and a length. Names, URLs, headers and addresses are
 * text in UTF-8; the values of a peer's headers are handed out exactly as received. Text messages are UTF-8 and may
 * contain NULs; received ones are always valid. Sizes are in bytes.
 *
 * THREADS
 *
 * Any thread may call any function at any time, even on the same handle, with three exceptions: a handle may be
 * freed only when no other thread uses it; a landline_protocol is used by one thread at a time; and
 * LANDLINE_OPT_SINGLE_THREAD restricts its connections. One thread receives on a connection while any number of
 * others send, ping, close or interrupt it, over TLS too. A second thread that tries to receive gets
 * LANDLINE_ERR_BUSY. Connections share no lock that is held while one of them blocks.
 *
 * The library starts threads only to look up names, to read certificates within a time limit, to open the connections
 * of sessions, and to serve the connections of landline_server_run().
 *
 * BLOCKING AND TIME LIMITS
 *
 * Functions block until they are done, unless a time limit ends them. `timeout_ms` limits one call: -1 means no
 * limit, 0 means do not wait. Any other negative number is refused with LANDLINE_ERR_INVALID, and nothing is done. A
 * call that was ended by its time limit or by landline_conn_interrupt() has lost nothing and can be repeated; for a
 * message being sent, the status says whether it is on its way (LANDLINE_PENDING) or nothing of it was sent
 * (LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED). Signals do not end calls. Messages gathered with LANDLINE_SEND_FEED
 * are sent before a call waits for the peer.
 *
 * Keep a thread in a receiving call most of the time: that is where Pings are answered, the closing handshake is
 * completed and keepalive works.
 *
 * A program with an event loop of its own polls LANDLINE_CONN_FD for landline_conn_poll_events(), for at most
 * LANDLINE_CONN_NEXT_DEADLINE_MS, and then calls a receiving function with a time limit of 0 until it gives
 * LANDLINE_TIMED_OUT. These calls also do whatever is due at a certain time, such as sending keepalive's Pings.
 * landline_wait() does the polling and heeds the deadlines by itself. A program that does all I/O itself uses
 * landline_protocol.
 *
 * ERRORS
 *
 * Every function that can fail returns a landline_status: 0 is success, positive numbers are outcomes to branch on,
 * and negative numbers are errors, in families of a hundred: misuse (nothing was done), -100 network, -200 TLS, -300
 * opening handshake, -400 protocol, -500 limits, -900 defects. landline_status_is_fatal() says whether the
 * connection that gave a status is over; if so, every later receiving call gives the same status.
 * LANDLINE_ERR_PROTOCOL and LANDLINE_ERR_LIMIT are reported with a delay: the peer is sent a Close frame that gives
 * the reason, and has up to 2 s to read it and end the stream. landline_error_text(), landline_error_int() and
 * landline_error_bytes() give the details of the last failure in the calling thread.
 *
 * NULL pointers and misuse give an error and do not crash. A defect in Landline becomes LANDLINE_ERR_PANIC, which
 * the connection then gives to every call. SIGPIPE is never raised. `errno` is not part of the interface;
 * LANDLINE_ERROR_ERRNO is. After fork() the child may create handles of its own; those it has inherited belong to
 * its parent: see FORK.
 *
 * FORK
 *
 * A handle (connection, writer, session, listener, server, request, interrupter) belongs to the process that
 * created it. In a process forked from that one, every call on it gives LANDLINE_ERR_FORKED and touches nothing
 * that the two processes share; freeing it closes the child's copies of its descriptors and does nothing else,
 * and the parent does not notice. When the parent ends a connection or a listener, the peer is told, and the port
 * becomes free, even though a child has the descriptor. Options can be used in the child, unless another thread
 * was changing them at the moment of the fork. A server with several processes binds a socket, forks, and creates
 * a listener in each process: landline_listen_fd().
 *
 * LOADING AT RUN TIME
 *
 * dlopen() and dlclose() may be called in any order and any number of times. Call dlclose() only when every handle
 * is freed and no call is in progress. The installed library stays in memory, because OpenSSL, which outlives it,
 * holds pointers to its functions; opening it again costs nothing. Link a library of your own that contains
 * liblandline.a with -Wl,-z,nodelete.
 *
 * VERSIONS
 *
 * LANDLINE_VERSION is the version of the header, landline_version() that of the library. Within one
 * LANDLINE_ABI_VERSION, which is also the number of the shared library (liblandline.so.0), functions, keys and
 * statuses are only added: a program works with any library that is not older than its header. Numbers never change
 * their meaning. While the ABI version is 0, a release that changes the minor version may break this; CHANGELOG.md
 * then says so.
 */

#ifndef LANDLINE_H
#define LANDLINE_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. */
#define LANDLINE_VERSION "0.1.0"
#define LANDLINE_VERSION_MAJOR 0
#define LANDLINE_VERSION_MINOR 1
#define LANDLINE_VERSION_PATCH 0
/** For comparing with landline_version_number(). */
#define LANDLINE_VERSION_NUMBER ((0 << 16) | (1 << 8) | 0)

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What most functions return: 0 for success, a positive number for an outcome to branch on, a negative one for an
 * error.
 *
 * New numbers may be added to each family of a hundred; treat an unknown one as its family.
 */
typedef int32_t landline_status;

/* The handles. The section of each says what it is for, who frees it, and which threads may use it. */
typedef struct landline_conn landline_conn;
typedef struct landline_message landline_message;
typedef struct landline_options landline_options;
typedef struct landline_addresses landline_addresses;
typedef struct landline_tls landline_tls;
typedef struct landline_cookie_jar landline_cookie_jar;
typedef struct landline_interrupter landline_interrupter;
typedef struct landline_writer landline_writer;
typedef struct landline_session landline_session;
typedef struct landline_listener landline_listener;
typedef struct landline_request landline_request;
typedef struct landline_server landline_server;
typedef struct landline_protocol landline_protocol;


/*
 * ===== Connections: landline_conn ================================================================================
 *
 * An open connection, of a client or of a server.
 *
 * Ownership: reference-counted. A connection is created with one reference; landline_conn_retain() adds one,
 * landline_conn_free() releases one. Releasing the last one ends the connection.
 *
 * Threads: any thread, at any time. One thread receives while any number of others send, ping, close, interrupt and
 * abort; a second one that tries to gets LANDLINE_ERR_BUSY. LANDLINE_OPT_SINGLE_THREAD allows only one thread.
 */

/**
 * Opens a connection to a URL: "ws://HOST[:PORT]/PATH", "wss://..." with TLS, or "ws+unix:PATH[:REQUEST]" (and
 * "wss+unix:...") for a Unix socket, whose path is percent-encoded where necessary. An IPv6 address is written in
 * brackets, with its zone after "%25" if it has one, as in "ws://[fe80::1%25eth0]/". `options` may be NULL. Free
 * `*conn` with landline_conn_free().
 *
 * Blocks until it is open: looking up the name, connecting, proxies, TLS and the opening handshake together take at
 * most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. If the host has several
 * addresses, IPv6 and IPv4 take turns, and the next one is tried as well as soon as one has failed or has not
 * answered for 250 ms; the first to answer is used (Happy Eyeballs, RFC 8305).
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED (for both, LANDLINE_ERROR_PHASE says in which step);
 * LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_RESOLVE; LANDLINE_ERR_CONNECT; LANDLINE_ERR_PROXY;
 * LANDLINE_ERR_TLS; LANDLINE_ERR_HANDSHAKE if the server refused (see LANDLINE_ERROR_HTTP_STATUS); LANDLINE_ERR_IO;
 * LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8. `*conn` is NULL unless the status is LANDLINE_OK.
 */
landline_status landline_connect(const char *url,
                                 const landline_options *options,
                                 int32_t timeout_ms,
                                 landline_conn **conn);


/*
 * ===== Sending ===================================================================================================
 */

/** A text message: valid UTF-8, which is checked when it is received and before it is sent. */
#define LANDLINE_TEXT 1
/** A binary message. */
#define LANDLINE_BINARY 2

/**
 * Gather the message instead of sending it at once, which saves system calls. Gathered messages are sent with the
 * next message that is not gathered, by landline_conn_flush(), before a receiving call waits, or when there are 64
 * KiB of them. If another thread receives, call landline_conn_flush().
 */
#define LANDLINE_SEND_FEED 1
/**
 * Do not compress the message: for data that is already compressed or contains a secret. Some peers cannot handle
 * such a message on a connection with compression: see LANDLINE_OPT_COMPRESSION_THRESHOLD.
 */
#define LANDLINE_SEND_COMPRESS_NEVER 2
/** Compress the message even if it is small. */
#define LANDLINE_SEND_COMPRESS_ALWAYS 4

/**
 * Sends a message of LANDLINE_TEXT or LANDLINE_BINARY. `flags`: 0 or LANDLINE_SEND_*.
 *
 * Blocks until its bytes are in the kernel, for at most `timeout_ms` (-1: no limit), and for at most
 * LANDLINE_OPT_SEND_TIMEOUT_MS without any progress. Any number of threads may send at the same time: messages go
 * out whole, one after the other. `data` is not used after the call.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing of the message was sent, and it may be sent again;
 * LANDLINE_PENDING: the message is on its way, do not send it again; LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8 for a
 * text message that is not UTF-8; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. All other errors are final: see
 * landline_conn_recv().
 */
landline_status landline_conn_send(landline_conn *conn,
                                   int32_t kind,
                                   const void *data,
                                   size_t len,
                                   uint32_t flags,
                                   int32_t timeout_ms);

/**
 * Sends a received message, on this or another connection; text is not validated again. Otherwise as
 * landline_conn_send(). The message still has to be freed.
 */
landline_status landline_conn_send_message(landline_conn *conn,
                                           const landline_message *message,
                                           uint32_t flags,
                                           int32_t timeout_ms);

/** A piece of memory. The same as `struct iovec`. */
typedef struct landline_slice {
    /** Where it begins; ignored if `len` is 0. */
    const void *data;
    /** Its length in bytes. */
    size_t len;
} landline_slice;

/**
 * Sends one message that consists of `count` parts, without joining them first. Otherwise as landline_conn_send();
 * LANDLINE_SEND_FEED has no effect.
 */
landline_status landline_conn_send_vectored(landline_conn *conn,
                                            int32_t kind,
                                            const landline_slice *parts,
                                            size_t count,
                                            uint32_t flags,
                                            int32_t timeout_ms);

/**
 * Writes what was gathered with LANDLINE_SEND_FEED or is still to be written after LANDLINE_PENDING. Blocks as
 * landline_conn_send() does.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; the final errors of landline_conn_send().
 */
landline_status landline_conn_flush(landline_conn *conn, int32_t timeout_ms);

/**
 * Sends a message if that is possible without waiting. Never blocks. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or
 * _ALWAYS.
 *
 * LANDLINE_OK: the message was accepted. What the kernel had no room for is in the connection's queue, ahead of
 * whatever is sent next; it is sent while a receiving call waits, and by the next call that sends or flushes.
 * LANDLINE_ERR_WOULD_BLOCK: nothing of the message was accepted, because 64 KiB or more of earlier messages are
 * still queued for a peer that does not read, or because the message would have to wait for another thread that is
 * streaming a message or writing a large one. Earlier messages may have made progress. So a connection never holds
 * more than 64 KiB and one message for a peer that does not read. An interrupt is left to the next call that waits.
 *
 * LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID; the final errors of
 * landline_conn_send().
 */
landline_status landline_conn_try_send(landline_conn *conn,
                                       int32_t kind,
                                       const void *data,
                                       size_t len,
                                       uint32_t flags);


/*
 * ===== Receiving: landline_message ===============================================================================
 *
 * A received message. Messages from landline_conn_recv() own their data; those from landline_conn_recv_ref() are
 * borrowed from their connection.
 *
 * Ownership: the caller owns a message and frees it with landline_message_free(). A borrowed message must be freed
 * before its connection.
 *
 * Threads: any number of threads may use a message at the same time, until it is freed.
 */

/**
 * Receives the next whole message. The message owns its data; free it with landline_message_free().
 *
 * Blocks until there is a message, the connection ends, or `timeout_ms` has passed: -1 waits without limit, 0
 * returns only what has already arrived. Sends what was gathered with LANDLINE_SEND_FEED before it waits, and
 * answers Pings and Close frames.
 *
 * LANDLINE_OK; LANDLINE_CLOSED: the closing handshake is complete, see LANDLINE_CONN_CLOSE_CODE; LANDLINE_TIMED_OUT,
 * LANDLINE_INTERRUPTED: nothing is lost, even in the middle of a message: call again; LANDLINE_ERR_BUSY: another
 * thread is receiving. All other errors are final: free the connection. They are LANDLINE_ERR_EOF,
 * LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT, LANDLINE_ERR_SILENT, LANDLINE_ERR_ABORTED,
 * LANDLINE_ERR_CLOSE_UNANSWERED, LANDLINE_ERR_TLS and LANDLINE_ERR_IO. LANDLINE_ERR_PROTOCOL and LANDLINE_ERR_LIMIT
 * are returned once the peer has had time to read the Close frame that gives the reason: when it ends the stream, or
 * after 2 s at most. `*message` is NULL unless the status is LANDLINE_OK.
 */
landline_status landline_conn_recv(landline_conn *conn, int32_t timeout_ms, landline_message **message);

/**
 * Receives as landline_conn_recv() does, but without a copy: the message is borrowed from the connection. Until it
 * is freed with landline_message_free(), nothing else can be received (LANDLINE_ERR_BUSY); sending is not affected.
 */
landline_status landline_conn_recv_ref(landline_conn *conn, int32_t timeout_ms, landline_message **message);

/**
 * Receives a message piece by piece into the caller's buffer: `*len` bytes, as many as have arrived and fit, of a
 * message of `*kind`. Uses constant memory, whatever the size of the message.
 *
 * LANDLINE_OK means that the message ends here, LANDLINE_MORE that the next call continues it, because the buffer is
 * full or the rest has not arrived. Nothing is lost if the buffer is too small. Text is valid UTF-8 as a whole, but
 * a character may be split between two calls. Calling another receiving function skips the rest of the message.
 * Otherwise as landline_conn_recv(); LANDLINE_ERR_INVALID if `capacity` is 0.
 */
landline_status landline_conn_recv_into(landline_conn *conn,
                                        void *data,
                                        size_t capacity,
                                        int32_t timeout_ms,
                                        int32_t *kind,
                                        size_t *len);

/** LANDLINE_TEXT or LANDLINE_BINARY; 0 for NULL. */
int32_t landline_message_kind(const landline_message *message);

/**
 * The payload: landline_message_len() bytes, not followed by a NUL. Valid until the message is freed. NULL only if
 * `message` is.
 */
const void *landline_message_data(const landline_message *message);

/** The length of the payload in bytes; 0 for NULL. */
size_t landline_message_len(const landline_message *message);

/**
 * Frees a message, in any thread. A borrowed message is returned to its connection, which can then receive again; it
 * must be freed before the connection. NULL does nothing.
 */
void landline_message_free(landline_message *message);


/*
 * ===== Closing ===================================================================================================
 */

/** The connection has served its purpose. */
#define LANDLINE_CLOSE_NORMAL_CLOSURE 1000
/** This end is going away: a server is stopping, or the user is leaving a page. */
#define LANDLINE_CLOSE_GOING_AWAY 1001
/** The peer broke the protocol. */
#define LANDLINE_CLOSE_PROTOCOL_ERROR 1002
/** The peer sent a kind of message that this end does not accept. */
#define LANDLINE_CLOSE_UNSUPPORTED_DATA 1003
/** Reported for a Close frame without a code; cannot be sent. */
#define LANDLINE_CLOSE_NO_STATUS_RECEIVED 1005
/** Reported if the connection ended without a Close frame; cannot be sent. */
#define LANDLINE_CLOSE_ABNORMAL_CLOSURE 1006
/** The peer sent a message whose content does not match its type, such as text that is not UTF-8. */
#define LANDLINE_CLOSE_INVALID_FRAME_PAYLOAD_DATA 1007
/** The peer sent a message that violates a policy. */
#define LANDLINE_CLOSE_POLICY_VIOLATION 1008
/** The peer sent a message that is too big to process. */
#define LANDLINE_CLOSE_MESSAGE_TOO_BIG 1009
/** The client expected an extension that the server did not negotiate. */
#define LANDLINE_CLOSE_MANDATORY_EXTENSION 1010
/** This end encountered an unexpected condition. */
#define LANDLINE_CLOSE_INTERNAL_ERROR 1011
/** The service is restarting. */
#define LANDLINE_CLOSE_SERVICE_RESTART 1012
/** The service is overloaded: try again later. */
#define LANDLINE_CLOSE_TRY_AGAIN_LATER 1013
/** A gateway received an invalid response from the server behind it. */
#define LANDLINE_CLOSE_BAD_GATEWAY 1014

/**
 * Performs the closing handshake: sends a Close frame with a code and a reason of at most 123 bytes, and waits for
 * the peer's Close frame, discarding everything else that arrives, however much. Messages sent earlier still reach a
 * peer that reads them. If another thread is receiving, that thread gets LANDLINE_CLOSED, and this call waits for
 * it.
 *
 * Blocks for at most LANDLINE_OPT_CLOSE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. Afterwards the
 * connection is over whatever the status, except for LANDLINE_PENDING, LANDLINE_ERR_INVALID, LANDLINE_ERR_NULL,
 * LANDLINE_ERR_UTF8 and LANDLINE_ERR_BUSY. It still has to be freed.
 *
 * LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the Close frame is on its way, and the thread that
 * is receiving, or has borrowed a message, has to complete the handshake; LANDLINE_ERR_BUSY: this thread has
 * borrowed a message, and nothing was done; LANDLINE_ERR_INVALID for a code that cannot be sent (any
 * LANDLINE_CLOSE_* except 1005 and 1006, and 3000 to 4999, can) or a reason that is too long;
 * LANDLINE_ERR_CLOSE_UNANSWERED; the final errors of landline_conn_recv().
 */
landline_status landline_conn_close(landline_conn *conn,
                                    int32_t code,
                                    const void *reason,
                                    size_t len,
                                    int32_t timeout_ms);

/**
 * Starts the closing handshake: sends a Close frame, after which nothing more can be sent. Receiving calls still
 * deliver what the peer sends, and then give LANDLINE_CLOSED, within LANDLINE_OPT_CLOSE_TIMEOUT_MS. Does nothing if
 * a Close frame was sent before or the closing handshake is complete. Otherwise as landline_conn_send(), and
 * LANDLINE_ERR_INVALID as landline_conn_close().
 */
landline_status landline_conn_close_start(landline_conn *conn,
                                          int32_t code,
                                          const void *reason,
                                          size_t len,
                                          int32_t timeout_ms);

/**
 * Ends the connection immediately, without a Close frame, from any thread. Blocked calls return
 * LANDLINE_ERR_ABORTED. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_abort(landline_conn *conn);

/**
 * Releases a reference. Releasing the last one ends the connection without a closing handshake and without waiting;
 * call landline_conn_close() first. NULL does nothing.
 */
void landline_conn_free(landline_conn *conn);


/*
 * ===== Errors ====================================================================================================
 */

/** Success. */
#define LANDLINE_OK 0
/** The closing handshake is complete, whichever side began it. Nothing more will be received. */
#define LANDLINE_CLOSED 1
/** Time ran out. Nothing is lost, and of a message that was to be sent nothing was sent: the call can be repeated. */
#define LANDLINE_TIMED_OUT 2
/** Another thread interrupted the call. Nothing is lost, and of a message that was to be sent nothing was sent. */
#define LANDLINE_INTERRUPTED 3
/** The buffer is full, or the rest of the message has not arrived yet; the next call continues it. */
#define LANDLINE_MORE 4
/**
 * Time ran out, or the call was interrupted, when the message had already been accepted. It is on its way and must
 * not be sent again: the next call that sends, flushes or receives continues to send it.
 */
#define LANDLINE_PENDING 5
/** A session has a new connection; there is no message. See landline_session_recv(). */
#define LANDLINE_CONNECTED 6

/** An argument is NULL that must not be. Nothing was done. */
#define LANDLINE_ERR_NULL -1
/** An argument is out of range; the error's text names it. Nothing was done. */
#define LANDLINE_ERR_INVALID -2
/** The handle is in the wrong state for this call; the error's text says why. Nothing was done. */
#define LANDLINE_ERR_STATE -3
/** Another thread is receiving on this connection, or a borrowed message has not been freed. Nothing was done. */
#define LANDLINE_ERR_BUSY -4
/** Text that is not UTF-8. Nothing was sent. */
#define LANDLINE_ERR_UTF8 -5
/** The URL is not one that can be connected to. */
#define LANDLINE_ERR_URL -6
/** An option is out of range or conflicts with others, or an address to listen on is malformed. */
#define LANDLINE_ERR_CONFIG -7
/** The connection is closing: nothing more can be sent, but messages can still be received. */
#define LANDLINE_ERR_CLOSING -8
/** The transport does not support this: it has no descriptor, or is not a socket that can be taken out. */
#define LANDLINE_ERR_UNSUPPORTED -9
/**
 * landline_conn_try_send() would have had to wait. Nothing was done. Also returned by the callbacks of a transport;
 * the library then waits and tries again.
 */
#define LANDLINE_ERR_WOULD_BLOCK -10
/**
 * The handle was created in the process that this one was forked from, and belongs to that process (see FORK at the
 * top). Nothing was done.
 */
#define LANDLINE_ERR_FORKED -11
/** A session has no connection at the moment. Nothing was sent: try again when it has one. */
#define LANDLINE_ERR_NOT_CONNECTED -12
/**
 * A session keeps messages in its outbox at the moment, because it has no connection or the server does not read, and
 * there is no room for this one. Nothing was sent.
 */
#define LANDLINE_ERR_OUTBOX_FULL -13

/** A system call failed; LANDLINE_ERROR_ERRNO has the error number. */
#define LANDLINE_ERR_IO -100
/** The stream ended without a Close frame (1006). Connection over. */
#define LANDLINE_ERR_EOF -101
/** The host name could not be looked up. */
#define LANDLINE_ERR_RESOLVE -102
/** No address of the host could be connected to. */
#define LANDLINE_ERR_CONNECT -103
/** The connection was aborted by this program. */
#define LANDLINE_ERR_ABORTED -104
/** The peer has been silent for too long; see LANDLINE_OPT_KEEPALIVE_INTERVAL_MS. Connection over. */
#define LANDLINE_ERR_SILENT -105
/** The peer did not complete the closing handshake in time. Connection over. */
#define LANDLINE_ERR_CLOSE_UNANSWERED -106
/** landline_conn_detach() has taken the socket out of the connection. Connection over for this program. */
#define LANDLINE_ERR_DETACHED -107
/**
 * A proxy could not be reached, or refused to connect. LANDLINE_ERROR_HTTP_STATUS, _HTTP_HEADERS
 * and _HTTP_BODY contain the response of an HTTP proxy. The server is not involved.
 */
#define LANDLINE_ERR_PROXY -108
/**
 * A session has ended because time ran out in its last attempt. Unlike after LANDLINE_TIMED_OUT, there is no use in
 * calling again.
 */
#define LANDLINE_ERR_GAVE_UP -109

/**
 * TLS failed. Either a certificate or key of this end cannot be read or used: LANDLINE_ERROR_FAULT is
 * LANDLINE_FAULT_CALLER, the text says which one, in which file, and why, and LANDLINE_ERROR_ERRNO has the error
 * number of a file that cannot be read. Or the handshake failed, or a record of an open connection was damaged or
 * changed on the way, was not TLS, or was an alert: LANDLINE_FAULT_PEER. An open connection is over.
 */
#define LANDLINE_ERR_TLS -200

/** The server did not open a WebSocket: see LANDLINE_ERROR_HTTP_STATUS, _HTTP_HEADERS and _HTTP_BODY. */
#define LANDLINE_ERR_HANDSHAKE -300
/** A client's request was refused, and the client has been told. The listener can be used as before. */
#define LANDLINE_ERR_REJECTED -301

/** The peer violated the protocol, and has been told. Connection over. */
#define LANDLINE_ERR_PROTOCOL -400

/** The peer exceeded a limit of this end, and has been told. Connection over. */
#define LANDLINE_ERR_LIMIT -500

/** A defect in Landline. Every later call on the handle returns this; free it. */
#define LANDLINE_ERR_PANIC -900
/** An error that has no number of its own yet; see its text. */
#define LANDLINE_ERR_OTHER -901

/** The name of a status, such as "LANDLINE_TIMED_OUT". Accepts any number. Never NULL; static. */
const char *landline_status_name(landline_status status);

/** Describes a status in a few words. Never NULL; static. landline_error_text() says more about the last failure. */
const char *landline_status_text(landline_status status);

/** Whether a connection that gave this status is over: 1, or 0 if it can be used as before. */
int32_t landline_status_is_fatal(landline_status status);

/** What a call was doing when it failed, timed out or was interrupted: not known. */
#define LANDLINE_PHASE_NONE 0
/** Looking up the host's addresses. */
#define LANDLINE_PHASE_RESOLVE 1
/** Connecting to one of them. */
#define LANDLINE_PHASE_CONNECT 2
/** The TLS handshake. */
#define LANDLINE_PHASE_TLS 3
/** The opening handshake. */
#define LANDLINE_PHASE_HANDSHAKE 4
/** Waiting for a client. */
#define LANDLINE_PHASE_ACCEPT 5
/** Receiving. */
#define LANDLINE_PHASE_RECV 6
/** Sending. */
#define LANDLINE_PHASE_SEND 7
/** Waiting for a Pong. */
#define LANDLINE_PHASE_PING 8
/** Connecting to a proxy, and through it to the server. */
#define LANDLINE_PHASE_PROXY 9

/** Who is at fault: there was no failure. */
#define LANDLINE_FAULT_NONE 0
/** This program. */
#define LANDLINE_FAULT_CALLER 1
/** The peer. */
#define LANDLINE_FAULT_PEER 2
/** The network, or time ran out. */
#define LANDLINE_FAULT_NETWORK 3
/** A limit that this program set, and can raise, was exceeded. */
#define LANDLINE_FAULT_LIMIT 4

/** For landline_error_int(): the status. */
#define LANDLINE_ERROR_STATUS 1
/** For landline_error_int(): one of LANDLINE_PHASE_*. */
#define LANDLINE_ERROR_PHASE 2
/** For landline_error_int(): the system's error number, or 0. */
#define LANDLINE_ERROR_ERRNO 3
/**
 * For landline_error_int(): the HTTP status of a refused handshake, or 0. For a client, it is the one that the
 * server sent, or with LANDLINE_ERR_PROXY the proxy; for a server, the one that it responded with.
 */
#define LANDLINE_ERROR_HTTP_STATUS 4
/** For landline_error_int(): the close code that the peer was sent because of the error, or 0. */
#define LANDLINE_ERROR_CLOSE_CODE 5
/** For landline_error_int(): one of LANDLINE_FAULT_*. */
#define LANDLINE_ERROR_FAULT 6
/** For landline_error_int(): whether the connection is over. */
#define LANDLINE_ERROR_IS_FATAL 7
/** For landline_error_int(): whether connecting again later may succeed without any change: see landline_session. */
#define LANDLINE_ERROR_IS_TRANSIENT 13
/**
 * For landline_error_int(): how long the server that refused the handshake, or the proxy, wants clients to wait
 * (Retry-After), in milliseconds; 0 if it did not say so.
 */
#define LANDLINE_ERROR_RETRY_AFTER_MS 14
/**
 * For landline_error_bytes(): the headers of the response that refused a handshake, each as "name: value\r\n". For a
 * server, they are those of its own response, without the ones that every such response has.
 */
#define LANDLINE_ERROR_HTTP_HEADERS 8
/** For landline_error_bytes(): the body of that response, on a client up to LANDLINE_OPT_MAX_REFUSAL_BODY bytes. */
#define LANDLINE_ERROR_HTTP_BODY 9
/**
 * For landline_error_bytes(): the addresses to which a client failed to connect, in the order of the attempts, each
 * as "ADDRESS\tWHY\n"; those of the proxy, if that could not be reached.
 */
#define LANDLINE_ERROR_ATTEMPTS 10
/** For landline_error_int(): why TLS failed, one of LANDLINE_TLS_REASON_*. */
#define LANDLINE_ERROR_TLS_REASON 12

/**
 * Describes the last failure in this thread, its cause, and what can be done about it, in one line for people.
 * Options are called by their names in this header. Never NULL; empty if there was no failure. Valid until the next
 * call in this thread that fails. Outcomes count as failures here (CLOSED, TIMED_OUT, INTERRUPTED, PENDING), except
 * for LANDLINE_MORE.
 */
const char *landline_error_text(void);

/**
 * A number that describes the last failure in this thread, by its LANDLINE_ERROR_* key; 0 if the failure has no such
 * number or the key is unknown.
 */
int64_t landline_error_int(int32_t key);

/**
 * Bytes that describe the last failure in this thread, by their LANDLINE_ERROR_* key: `*len` bytes, followed by a
 * NUL. Never NULL; valid until the next call in this thread that fails. Empty if the failure has no such bytes or
 * the key is unknown. `len` may be NULL.
 */
const void *landline_error_bytes(int32_t key, size_t *len);

/**
 * TLS did not fail, or failed for another reason. With LANDLINE_ERR_PROXY, all of these are about TLS with the proxy:
 * it is the server that they mention.
 */
#define LANDLINE_TLS_REASON_NONE 0
/** The peer's certificate, or one of its issuers', has expired. */
#define LANDLINE_TLS_REASON_EXPIRED 1
/** The peer's certificate is not valid yet. The clock may be wrong. */
#define LANDLINE_TLS_REASON_NOT_YET_VALID 2
/** The server's certificate is for another name. */
#define LANDLINE_TLS_REASON_OTHER_NAME 3
/** The peer's certificate was not issued by an authority that this end trusts. */
#define LANDLINE_TLS_REASON_UNKNOWN_ISSUER 4
/** The peer's certificate is self-signed, and this end does not trust it. */
#define LANDLINE_TLS_REASON_SELF_SIGNED 5
/** The server's public key is not one of LANDLINE_OPT_TLS_PINNED_KEY. */
#define LANDLINE_TLS_REASON_NOT_PINNED 6
/** Server: the client presented no certificate, but one is required. */
#define LANDLINE_TLS_REASON_NO_CLIENT_CERTIFICATE 7
/** Client: the server requires a client certificate. */
#define LANDLINE_TLS_REASON_CLIENT_CERTIFICATE_REQUIRED 8
/** The peer does not accept the certificate of this end. */
#define LANDLINE_TLS_REASON_REFUSED 9
/** The two ends have no version of TLS in common. */
#define LANDLINE_TLS_REASON_NO_COMMON_VERSION 10
/** The peer does not speak TLS. */
#define LANDLINE_TLS_REASON_NOT_TLS 11


/*
 * ===== Sharing and interrupting connections ======================================================================
 */

/**
 * Adds a reference, so that landline_conn_free() has to be called once more: for another thread that uses the
 * connection independently. Returns `conn`.
 */
landline_conn *landline_conn_retain(landline_conn *conn);

/** For landline_conn_interrupt(): the call that receives. */
#define LANDLINE_DIRECTION_RECV 1
/** For landline_conn_interrupt(): calls that send. */
#define LANDLINE_DIRECTION_SEND 2
/** For landline_conn_interrupt(): both. */
#define LANDLINE_DIRECTION_BOTH 3

/**
 * Wakes a blocked call on this connection, from any thread: it returns LANDLINE_INTERRUPTED. If no call is blocked,
 * the next one that would wait returns it instead. Each direction is interrupted separately, one call per interrupt.
 * The connection is not affected, and data that has arrived is delivered first. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID; LANDLINE_ERR_STATE with LANDLINE_OPT_SINGLE_THREAD.
 */
landline_status landline_conn_interrupt(landline_conn *conn, int32_t direction);

/**
 * Stores a pointer with the connection, for the caller's own use.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_set_user(landline_conn *conn, void *user);

/** The pointer that was stored with landline_conn_set_user(); NULL if none was. */
void *landline_conn_user(const landline_conn *conn);


/*
 * ===== Pings =====================================================================================================
 */

/** Sends a Ping of at most 125 bytes. The Pong is not reported. Otherwise as landline_conn_send(). */
landline_status landline_conn_ping(landline_conn *conn, const void *data, size_t len, int32_t timeout_ms);

/**
 * Sends a Ping whose Pong will be waited for: `*ping` is its number, for landline_conn_pong_wait().
 *
 * Blocks and returns as landline_conn_ping() does.
 */
landline_status landline_conn_ping_start(landline_conn *conn, int32_t timeout_ms, uint64_t *ping);

/**
 * Waits for the Pong to a Ping of landline_conn_ping_start(), as landline_conn_ping_wait() does. A Ping that was not
 * answered within `timeout_ms` can be waited for again.
 *
 * As landline_conn_ping_wait().
 */
landline_status landline_conn_pong_wait(landline_conn *conn, uint64_t ping, int32_t timeout_ms);

/**
 * Sends a Ping and waits for its Pong: `*microseconds` is how long that took. If no other thread receives meanwhile,
 * this call does, and keeps the messages for the next receiving call.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_STATE if a message has been partly received,
 * or if more messages arrive than can be kept (1024, or LANDLINE_OPT_MAX_MESSAGE_SIZE bytes); LANDLINE_ERR_CLOSING;
 * the final errors of landline_conn_recv().
 */
landline_status landline_conn_ping_wait(landline_conn *conn, int32_t timeout_ms, uint64_t *microseconds);


/*
 * ===== Properties of connections =================================================================================
 */

/** The state of a connection: messages can be sent and received. */
#define LANDLINE_STATE_OPEN 0
/** A Close frame was sent or received: the closing handshake is under way. */
#define LANDLINE_STATE_CLOSING 1
/** It is over. */
#define LANDLINE_STATE_OVER 2
/** The opening handshake is under way. Of a landline_protocol only. */
#define LANDLINE_STATE_OPENING 3

/** No Close frame was sent or received. */
#define LANDLINE_SIDE_NONE 0
/** This end's Close frame was sent first. */
#define LANDLINE_SIDE_LOCAL 1
/** The peer's Close frame came first. */
#define LANDLINE_SIDE_REMOTE 2

/** For landline_conn_int(): one of LANDLINE_STATE_*. */
#define LANDLINE_CONN_STATE 1
/**
 * The close code to report: the peer's; if there is none, the one sent because of the peer's error; otherwise 1006.
 * 0 while the connection is open.
 */
#define LANDLINE_CONN_CLOSE_CODE 2
/** The code in the peer's Close frame, 1005 if it had none; 0 if none came. */
#define LANDLINE_CONN_CLOSE_CODE_RECEIVED 3
/** The code in this end's Close frame, 1005 if it had none; 0 if none was sent. */
#define LANDLINE_CONN_CLOSE_CODE_SENT 4
/** Whose Close frame came first: one of LANDLINE_SIDE_*. */
#define LANDLINE_CONN_CLOSED_FIRST_BY 5
/** 1 if the closing handshake was completed without an error. */
#define LANDLINE_CONN_CLOSED_CLEANLY 6
/**
 * The descriptor, to poll in an event loop of the caller's own; LANDLINE_ERR_UNSUPPORTED if there is none. Do not
 * read from it, write to it or close it.
 */
#define LANDLINE_CONN_FD 7
/**
 * 1 if a receiving call may find something although the descriptor is not readable: call it, with a time limit of 0,
 * until it gives LANDLINE_TIMED_OUT, before waiting.
 */
#define LANDLINE_CONN_HAS_BUFFERED 9
/** 1 if messages can be compressed. */
#define LANDLINE_CONN_COMPRESSION 10
/** Messages sent, gathered ones included. */
#define LANDLINE_CONN_MESSAGES_SENT 11
/** Messages received. */
#define LANDLINE_CONN_MESSAGES_RECEIVED 12
/** Payload bytes of messages sent. */
#define LANDLINE_CONN_PAYLOAD_SENT 13
/** Payload bytes of messages received. */
#define LANDLINE_CONN_PAYLOAD_RECEIVED 14
/** Bytes given to the transport after the opening handshake. */
#define LANDLINE_CONN_WIRE_SENT 15
/** Bytes taken from the transport after the opening handshake. */
#define LANDLINE_CONN_WIRE_RECEIVED 16

/**
 * How long an event loop of the caller's own may wait for the descriptor, in milliseconds from now, as poll() takes
 * it: -1 for no limit, 0 to not wait. When that time has passed, call a receiving function, for example with a time
 * limit of 0: it sends keepalive's Ping, detects a dead peer or the end of LANDLINE_OPT_CLOSE_TIMEOUT_MS, or
 * releases memory. Query it before each wait. LANDLINE_ERR_BUSY while another thread is receiving.
 */
#define LANDLINE_CONN_NEXT_DEADLINE_MS 17

/**
 * The connection's identity, for use as a key in tables: 1 for the first connection of a process, 2 for the next,
 * and so on. Identities are not reused within a process.
 */
#define LANDLINE_CONN_ID 18

/**
 * How long looking up names took, until the first address could be tried, in microseconds. For this and the keys
 * that follow: steps that were repeated are added up, those that were not needed took 0; -1 for a server's
 * connection.
 */
#define LANDLINE_CONN_RESOLVE_TIME_US 19
/** How long connecting took, from the first attempt until one succeeded. */
#define LANDLINE_CONN_CONNECT_TIME_US 20
/** How long asking proxies to connect to the server took, TLS with them included. */
#define LANDLINE_CONN_PROXY_TIME_US 21
/** How long TLS with the server took, and reading certificates for it. */
#define LANDLINE_CONN_TLS_TIME_US 22
/** How long the opening handshake took. */
#define LANDLINE_CONN_UPGRADE_TIME_US 23
/** All of them together. */
#define LANDLINE_CONN_OPENING_TIME_US 24

/**
 * Queries a property that is a number, by its LANDLINE_CONN_* key (1 to 99).
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key; LANDLINE_ERR_UNSUPPORTED for
 * LANDLINE_CONN_FD if there is no descriptor; LANDLINE_ERR_BUSY for LANDLINE_CONN_HAS_BUFFERED and
 * LANDLINE_CONN_NEXT_DEADLINE_MS while another thread is receiving.
 */
landline_status landline_conn_int(const landline_conn *conn, int32_t key, int64_t *value);

/** For landline_conn_str(): the negotiated subprotocol; empty if there is none. */
#define LANDLINE_CONN_SUBPROTOCOL 101
/** The extensions in use, in the syntax of the Sec-WebSocket-Extensions header. */
#define LANDLINE_CONN_EXTENSIONS 102
/** The path and query of the request, percent-encoded. */
#define LANDLINE_CONN_TARGET 103
/** The peer's address, such as "127.0.0.1:9001"; empty if it has none. */
#define LANDLINE_CONN_PEER_ADDR 104
/** The address of this end. */
#define LANDLINE_CONN_LOCAL_ADDR 105
/** The peer's headers: those of the response for a client, of the request for a server; each as "name: value\r\n". */
#define LANDLINE_CONN_HEADERS 106
/** The reason in the peer's Close frame; empty if there was none. */
#define LANDLINE_CONN_CLOSE_REASON 107
/**
 * The URL that a client's connection was opened with, without user and password; after redirects, the last one.
 * Empty on a server.
 */
#define LANDLINE_CONN_URL 108

/**
 * Queries a property that is text, by its LANDLINE_CONN_* key (101 to 199): `*text`, `*len` bytes followed by a NUL.
 * Valid until the connection is freed. Empty if the connection has no such property. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
 */
landline_status landline_conn_str(const landline_conn *conn, int32_t key, const char **text, size_t *len);

/**
 * The events to poll LANDLINE_CONN_FD for: POLLIN, and POLLOUT while output is pending. First sends what was
 * gathered with LANDLINE_SEND_FEED, as far as the kernel has room for it.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_poll_events(landline_conn *conn, int16_t *events);

/**
 * Looks up one of the peer's headers by name, which is not case-sensitive: `*value` is its `index`th value (from 0),
 * `*len` bytes followed by a NUL, or NULL if there is none. Valid until the connection is freed. `len` may be NULL.
 *
 * LANDLINE_OK, even if there is no such header; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_conn_header(const landline_conn *conn,
                                     const char *name,
                                     size_t index,
                                     const char **value,
                                     size_t *len);


/*
 * ===== Options: landline_options =================================================================================
 *
 * Options for clients, servers and landline_protocol. Options marked "Client" or "Server" are ignored on the other
 * side.
 *
 * Certificates are parsed once for all connections with the same TLS options: within a process, such connections
 * share the result, even if they were opened with different option handles. Certificate files are read for each
 * connection, so that changes are noticed; the platform's certificates are read again after 10 minutes. A forked
 * child starts afresh.
 *
 * To make this possible, the process keeps the latest 8 TLS settings of clients and the latest 8 server
 * identities in memory, including private keys and passwords, even after everything created with them has been
 * freed.
 *
 * Ownership: created by landline_options_new(), freed by landline_options_free(). Functions that take options copy
 * them, so the handle may be changed or freed as soon as they return.
 *
 * Threads: any number of threads may use the same handle at the same time.
 */

/**
 * Creates options with their default values. Free them with landline_options_free(). The same handle can be used for
 * any number of connections, also at the same time.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_options_new(landline_options **options);

/** Frees options. NULL does nothing. */
void landline_options_free(landline_options *options);

/** Largest message to accept, in bytes: the sum of its fragments, after decompression. Default 16777216 (16 MiB). */
#define LANDLINE_OPT_MAX_MESSAGE_SIZE 1
/** Largest number of fragments to accept in one message, at least 1. Default 131072. */
#define LANDLINE_OPT_MAX_FRAGMENTS 2
/**
 * How long a sending call may go without making progress; its `timeout_ms` applies as well. -1 means no limit.
 * Default 30000.
 */
#define LANDLINE_OPT_SEND_TIMEOUT_MS 3
/** How long each receiving call may wait; its `timeout_ms` applies as well. -1 means no limit. Default -1. */
#define LANDLINE_OPT_RECV_TIMEOUT_MS 4
/** How long the whole closing handshake may take; -1 means no limit. Default 5000. */
#define LANDLINE_OPT_CLOSE_TIMEOUT_MS 5
/**
 * Keepalive: send a Ping when nothing has arrived from the peer for this long. This happens within receiving calls.
 * 0 and
 * -1 turn keepalive off. Default 0; 20000 is a usual value.
 */
#define LANDLINE_OPT_KEEPALIVE_INTERVAL_MS 6
/**
 * Keepalive: end the connection when nothing has arrived for this long after the Ping; -1 means never. Default
 * 20000.
 */
#define LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS 7
/** Client: how long connecting may take, for all addresses together; -1 means no limit. Default 10000. */
#define LANDLINE_OPT_CONNECT_TIMEOUT_MS 8
/**
 * How long opening a connection may take in total, including the time to send or receive a refusal; -1 means no
 * limit. Default 30000 for clients, 10000 for servers.
 */
#define LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS 9
/** 1: offer compression (client) or accept offers of it (server): permessage-deflate, RFC 7692. Default 0. */
#define LANDLINE_OPT_COMPRESSION 10
/** Compression level for messages that this end sends, from 1 (fastest) to 9 (smallest). Default 6. */
#define LANDLINE_OPT_COMPRESSION_LEVEL 11
/**
 * Length of the smallest message to compress, in bytes. Default: all messages are compressed if this end's messages
 * may refer to earlier ones; if each message starts with an empty window, those of at least 128 bytes are. A value
 * that is set applies in both cases. Some peers, such as libwebsockets' client, cannot handle a mixture of
 * compressed and uncompressed messages.
 */
#define LANDLINE_OPT_COMPRESSION_THRESHOLD 12
/**
 * 1: the server starts each message with an empty window, so that no message refers to earlier ones. A client that
 * sets this requires it: if the server does not support it, the connection has no compression. Default 0.
 */
#define LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER 13
/** 1: the client starts each message with an empty window. Default 0. */
#define LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER 14
/**
 * Largest window for messages from the server: 2 to the power of this many bytes, 9 to 15. A client that sets less
 * than 15 requires it: if the server does not support it, the connection has no compression. Default 15.
 */
#define LANDLINE_OPT_SERVER_MAX_WINDOW_BITS 15
/**
 * Largest window for messages from the client: 2 to the power of this many bytes, 9 to 15. A server that sets less
 * than 15 declines compression with clients that do not let the server choose this. Default 15.
 */
#define LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS 16
/** 1: free the compressor's memory after each message; each message then starts with an empty window. Default 0. */
#define LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES 17
/** Largest head of a request or response to accept, in bytes. Default 16384. */
#define LANDLINE_OPT_MAX_HEAD_SIZE 18
/** Largest number of headers to accept in a request or response. Default 100. */
#define LANDLINE_OPT_MAX_HEADERS 19
/** Longest first line of a request or response to accept, in bytes. Default 8192. */
#define LANDLINE_OPT_MAX_START_LINE 20
/** Client: how much of the body of a refusal to keep, in bytes. Default 65536. */
#define LANDLINE_OPT_MAX_REFUSAL_BODY 21
/** 1: send small writes at once (TCP_NODELAY); 0: the kernel may delay them. Default 1. */
#define LANDLINE_OPT_TCP_NODELAY 22
/**
 * Client: 1: trust the platform's root certificates; 0: trust only those given by LANDLINE_OPT_TLS_CA_FILE and
 * LANDLINE_OPT_TLS_CA_PEM. Default 1.
 */
#define LANDLINE_OPT_TLS_PLATFORM_ROOTS 23
/** Client: 1: accept any certificate. Anyone on the network path can then read and change everything. Default 0. */
#define LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS 24
/**
 * Client: 1: accept a trusted certificate even if it is for a different host. Whoever has a trusted certificate for
 * any host can then impersonate the server. Default 0.
 */
#define LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES 25
/**
 * Server: largest number of connections at a time, counted from when they are accepted. Further clients are refused
 * with 503, or dropped while 32 others are being refused. Default 1024.
 */
#define LANDLINE_OPT_MAX_CONNECTIONS 26
/** Server: stack size of each connection's thread, in bytes. Default 262144. */
#define LANDLINE_OPT_STACK_SIZE 27
/**
 * Server: which web pages may connect: LANDLINE_ORIGINS_ANY, _SAME or _LIST. Default: any. A server that trusts
 * cookies, or that listens only on a local network, should choose another value.
 */
#define LANDLINE_OPT_ORIGINS 28
/**
 * 1: each connection is used by one thread only, the first one that calls a function on it. Other threads get
 * LANDLINE_ERR_BUSY, except from landline_conn_abort(), _retain() and _free(), and the connection cannot be
 * interrupted. This saves a system call in each wait. Default 0.
 */
#define LANDLINE_OPT_SINGLE_THREAD 29

/**
 * Server: the scheme by which browsers reach it, needed if a proxy in front of it does TLS: LANDLINE_SCHEME_UNKNOWN,
 * _HTTP or _HTTPS. LANDLINE_ORIGINS_SAME compares it with the page's. Default: HTTPS if the server does TLS itself,
 * otherwise unknown.
 */
#define LANDLINE_OPT_PUBLIC_SCHEME 30

/**
 * TCP keepalive: the kernel probes a peer from which nothing has arrived for this long (SO_KEEPALIVE), even while no
 * thread is receiving. Rounded up to whole seconds. If the peer does not answer, calls fail with LANDLINE_ERR_IO.
 * Default 0: no probes. For this option and the other TCP options below, 0 means the system's default.
 */
#define LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS 31
/**
 * TCP keepalive: time from one probe to the next, rounded up to whole seconds. Takes effect only if
 * LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS is set. Default 0: the system's, which is 75 s on Linux.
 */
#define LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS 32
/**
 * TCP keepalive: number of unanswered probes after which the kernel gives up. Takes effect only if
 * LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS is set. Default 0: the system's, which is 9 on Linux.
 */
#define LANDLINE_OPT_TCP_KEEPALIVE_RETRIES 33
/**
 * How long sent data may remain unacknowledged, or unsent because the peer's window is closed, before the kernel
 * gives up (TCP_USER_TIMEOUT). Linux only: elsewhere, using it gives LANDLINE_ERR_CONFIG. Default 0: the system's,
 * which on Linux is about 15 minutes, and no limit while the peer acknowledges but does not read.
 */
#define LANDLINE_OPT_TCP_USER_TIMEOUT_MS 34
/**
 * Size of the socket's receive buffer in bytes (SO_RCVBUF), which Linux doubles and limits. Default 0: the system's,
 * which grows as needed; a size that is set stays fixed.
 */
#define LANDLINE_OPT_TCP_RECV_BUFFER_SIZE 35
/**
 * Size of the socket's send buffer in bytes (SO_SNDBUF), which Linux doubles and limits. Data that fits into it is
 * accepted without waiting. Default 0: the system's, which grows as needed; a size that is set stays fixed.
 */
#define LANDLINE_OPT_TCP_SEND_BUFFER_SIZE 36

/**
 * Client: which addresses to connect to, those of proxies included: LANDLINE_FAMILY_ANY, _IPV4 or _IPV6. Default
 * any.
 */
#define LANDLINE_OPT_ADDRESS_FAMILY 37
/**
 * Server: the permissions of the file of a Unix socket, such as 0660, whatever the umask is. No client can connect
 * before they are set. Default 0: 0777 without the bits of the umask.
 */
#define LANDLINE_OPT_UNIX_MODE 38

/** IPv6 and IPv4. */
#define LANDLINE_FAMILY_ANY 0
/** IPv4 only. */
#define LANDLINE_FAMILY_IPV4 4
/** IPv6 only. */
#define LANDLINE_FAMILY_IPV6 6

/** Pages of any origin may connect. */
#define LANDLINE_ORIGINS_ANY 0
/**
 * Only pages of this server itself may connect: same host and port as in the request's Host header, and the scheme
 * of LANDLINE_OPT_PUBLIC_SCHEME, or either scheme if that is unknown. A proxy in front of the server has to pass on
 * the client's Host header, including the port.
 */
#define LANDLINE_ORIGINS_SAME 1
/** Only pages of the origins given by LANDLINE_OPT_ALLOWED_ORIGIN may connect. */
#define LANDLINE_ORIGINS_LIST 2

/** Not known: a proxy in front of the server may or may not do TLS. */
#define LANDLINE_SCHEME_UNKNOWN 0
/** Browsers reach the server without TLS. */
#define LANDLINE_SCHEME_HTTP 1
/** Browsers reach the server with TLS. */
#define LANDLINE_SCHEME_HTTPS 2

/**
 * Sets an option that is a number: LANDLINE_OPT_* 1 to 99.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key or a value out of range, which leaves the
 * option unchanged. Conflicts between options are reported when the options are used: LANDLINE_ERR_CONFIG.
 */
landline_status landline_options_set_int(landline_options *options, int32_t key, int64_t value);

/** Client: the Origin header to send. Default: none. */
#define LANDLINE_OPT_ORIGIN 101
/** Client: the Host header to send. Default: the URL's host and port. */
#define LANDLINE_OPT_HOST 102
/**
 * A subprotocol to offer (client) or to support (server). Each call adds one, the preferred one first; NULL removes
 * all. A client learns from LANDLINE_CONN_SUBPROTOCOL which one was chosen, if any.
 */
#define LANDLINE_OPT_SUBPROTOCOL 103
/**
 * Server: an origin whose pages may connect, such as "https://example.com". Each call adds one; NULL removes all.
 * Also sets LANDLINE_OPT_ORIGINS to LANDLINE_ORIGINS_LIST. Text that is not an origin is reported when the options
 * are used.
 */
#define LANDLINE_OPT_ALLOWED_ORIGIN 104
/**
 * Client: a file of certificates in PEM to trust in addition to the platform's. Each call adds one; NULL removes
 * all.
 */
#define LANDLINE_OPT_TLS_CA_FILE 105
/** A file with this end's certificate chain in PEM; requires LANDLINE_OPT_TLS_KEY_FILE. Turns on TLS for a server. */
#define LANDLINE_OPT_TLS_CERT_FILE 106
/** A file with this end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted. */
#define LANDLINE_OPT_TLS_KEY_FILE 107
/** The password of LANDLINE_OPT_TLS_PKCS12, which must also be given. */
#define LANDLINE_OPT_TLS_PKCS12_PASSWORD 108

/**
 * Client: an address to connect to, whatever the URL's host is, such as "192.0.2.1" or "[2001:db8::1]:443"; without
 * a port, it is the URL's. Each call adds one, the preferred one first; NULL removes all. The Host header and the
 * name in the server's certificate remain the URL's. Proxies themselves are looked up as usual, and those that look
 * up the server's name do so. Default: the host is looked up.
 */
#define LANDLINE_OPT_ADDRESS 110
/**
 * Client: the address to connect from, and optionally the port, such as "192.0.2.7" or "192.0.2.7:5000". Only
 * addresses of the same family are connected to. Default: the system's choice.
 */
#define LANDLINE_OPT_LOCAL_ADDR 111
/**
 * Client: the network interface to connect through, such as "eth0" (SO_BINDTODEVICE). Linux only:
 * LANDLINE_ERR_CONFIG elsewhere. Default: the system's choice.
 */
#define LANDLINE_OPT_INTERFACE 112
/** Client: the path of a Unix socket to connect to, whatever the URL's host is, without a proxy. Default none. */
#define LANDLINE_OPT_UNIX_PATH 113

/**
 * Sets an option that is text: LANDLINE_OPT_* 101 to 199. `value` is UTF-8 and is copied; NULL restores the default.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; LANDLINE_ERR_INVALID for an unknown key, or for a proxy's URL
 * that cannot be used; LANDLINE_ERR_UTF8.
 */
landline_status landline_options_set_str(landline_options *options, int32_t key, const char *value);

/**
 * Client: certificates in PEM to trust in addition to the platform's. Each call adds to them; a length of 0 removes
 * all.
 */
#define LANDLINE_OPT_TLS_CA_PEM 201
/** This end's certificate chain in PEM; requires LANDLINE_OPT_TLS_KEY_PEM. Turns on TLS for a server. */
#define LANDLINE_OPT_TLS_CERT_PEM 202
/** This end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted. */
#define LANDLINE_OPT_TLS_KEY_PEM 203
/** This end's certificate and key as a PKCS#12 archive, instead of PEM. Turns on TLS for a server. */
#define LANDLINE_OPT_TLS_PKCS12 204

/**
 * Sets an option that consists of bytes: LANDLINE_OPT_* 201 to 299. They are copied; a length of 0 restores the
 * default.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key. Certificates and keys are not checked
 * before they are used: LANDLINE_ERR_TLS.
 */
landline_status landline_options_set_bytes(landline_options *options, int32_t key, const void *data, size_t len);

/**
 * Adds a header to a client's request, or to each response with which a server opens a connection. Its name is sent
 * exactly as given. Headers of the handshake itself cannot be set: LANDLINE_ERR_CONFIG when the options are used.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a header cannot have;
 * LANDLINE_ERR_UTF8.
 */
landline_status landline_options_add_header(landline_options *options, const char *name, const char *value);

/**
 * Sets the interrupter that ends calls with LANDLINE_INTERRUPTED: a client's attempt to connect and the calls on the
 * resulting connection, or a server's calls that wait for a client. NULL removes it. An interrupter serves one
 * connection, or one attempt to connect, at a time.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_options_set_interrupter(landline_options *options, landline_interrupter *interrupter);

/** Frees what `user` points to. */
typedef void (*landline_free_user)(void *user);

/**
 * Client: how many redirects (301, 302, 303, 307 and 308) connecting follows, one after the other. Default 0: none;
 * 5 is a usual value. A redirect that is not followed is LANDLINE_ERR_HANDSHAKE, whose text says where it leads.
 *
 * http and https in a Location stand for ws and wss. A redirect from wss to ws is never followed, nor is one to
 * another scheme. As soon as one leads to another origin (scheme, host or port), everything that is meant for the
 * first one is left out of all further requests: user and password, bearer tokens, cookies that were given,
 * Authorization and Cookie headers, LANDLINE_OPT_HOST, LANDLINE_OPT_ADDRESS, LANDLINE_OPT_UNIX_PATH and
 * LANDLINE_OPT_TLS_SERVER_NAME. All other headers are sent everywhere, and a client certificate is shown to whatever
 * server asks for it. User and password in a Location are used. LANDLINE_CONN_URL is the URL at which the connection
 * was finally opened.
 */
#define LANDLINE_OPT_MAX_REDIRECTS 56

/**
 * Client: the user name for servers; the password is LANDLINE_OPT_AUTH_PASSWORD. They are sent at once by Basic
 * authentication (RFC 7617), which does not hide them: use wss. If the server refuses them and asks for Digest (RFC
 * 7616), that is used. User and password can be given in the URL instead, but not in both places. Default: none.
 */
#define LANDLINE_OPT_AUTH_USER 130
/** Client: the password for servers. */
#define LANDLINE_OPT_AUTH_PASSWORD 131
/**
 * Client: a bearer token to send (RFC 6750), instead of user and password; landline_options_set_bearer() is for
 * tokens that change. Default: none.
 */
#define LANDLINE_OPT_BEARER_TOKEN 132

/** What a server or a proxy asks for. All texts are valid during the call. */
typedef struct landline_challenge {
    /** The HTTP status: 401 if a server asks, 407 if a proxy does. */
    int32_t http_status;
    /** The URL of the server, or of the proxy, without user and password. */
    const char *url;
    /** The method of the request that is to be authorized: "GET" for a server, "CONNECT" for a proxy. */
    const char *method;
    /** The target of that request. */
    const char *target;
    /** The schemes that are asked for, separated by ", ". */
    const char *schemes;
    /** All headers of the response, WWW-Authenticate or Proxy-Authenticate among them; each as "name: value\r\n". */
    const char *headers;
} landline_challenge;

/**
 * Answers a challenge: writes the value of the Authorization or Proxy-Authorization header to `data`, which has room
 * for `capacity` bytes, 16384 at least, and its length to `*len`. Returns LANDLINE_OK, or any other status if it has
 * no answer. It may call functions of the library, but must not unwind or jump out.
 */
typedef landline_status (*landline_challenge_callback)(const landline_challenge *challenge,
                                                       void *data,
                                                       size_t capacity,
                                                       size_t *len,
                                                       void *user);

/**
 * Supplies a bearer token: writes it to `data`, which has room for `capacity` bytes, 16384 at least, and its length
 * to `*len`. Returns LANDLINE_OK; with any other status, the attempt to connect fails. It may call functions of the
 * library, but must not unwind or jump out.
 */
typedef landline_status (*landline_bearer_callback)(void *data, size_t capacity, size_t *len, void *user);

/**
 * Client: sets what supplies bearer tokens (RFC 6750). It is called at the beginning of each attempt to connect, in
 * the thread that connects, with `user`; so every new connection has a fresh token. The time it takes counts towards
 * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, but it cannot be interrupted. NULL removes it. It is used instead of
 * LANDLINE_OPT_BEARER_TOKEN and of user and password.
 *
 * `free` is called once with `user`, from any thread, when neither the options nor a call need it any more; it may
 * be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; `free` is called even then.
 */
landline_status landline_options_set_bearer(landline_options *options,
                                            landline_bearer_callback bearer,
                                            void *user,
                                            landline_free_user free);

/**
 * Client: sets what answers challenges. It is called when a server (401) or a proxy (407) asks for authentication
 * and the given user name and password, if any, do not help; at most 5 times for one URL. The request is sent again
 * with the answer, over the same connection if that is kept open. Without an answer, connecting fails with the
 * refusal.
 *
 * It is called in the thread that connects, with `user`. The time it takes counts towards
 * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, but it cannot be interrupted. After a redirect, a different server may ask.
 * NULL removes it. `free` is as for landline_options_set_bearer().
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; `free` is called even then.
 */
landline_status landline_options_set_on_challenge(landline_options *options,
                                                  landline_challenge_callback on_challenge,
                                                  void *user,
                                                  landline_free_user free);

/**
 * Client: a proxy to connect through, as scheme://[user[:password]@]host[:port], user and password
 * percent-encoded. Each call adds one to a chain, the nearest first; NULL removes all. Default: none. A URL that
 * cannot be used is refused by landline_options_set_str() with LANDLINE_ERR_INVALID.
 *
 * The schemes: http (CONNECT, for ws too; the default scheme), https (the same over TLS to the proxy), socks5 and
 * socks4 (the server's name is looked up here), socks5h and socks4a (the proxy looks it up). User and password are
 * sent to an HTTP proxy with the first request, by Basic; if the proxy answers 407, by the scheme that it asks for,
 * Digest or Basic. landline_connect_transport() and landline_connect_fd() use no proxy.
 */
#define LANDLINE_OPT_PROXY 120
/**
 * Client: the servers to connect to directly although a proxy is set, separated by commas or white space: a domain
 * such as example.com, which includes its subdomains, an address, a network such as 10.0.0.0/8, or * for all. A port
 * may follow, as in example.com:8080 and [::1]:8080. Names are not looked up to compare their addresses. Default:
 * that of the environment with LANDLINE_OPT_PROXY_FROM_ENV, otherwise none.
 */
#define LANDLINE_OPT_NO_PROXY 121
/**
 * Client: as LANDLINE_OPT_TLS_CA_FILE, for TLS with https proxies. LANDLINE_OPT_TLS_* do not apply to them; whatever
 * LANDLINE_OPT_PROXY_TLS_* do not set has its default.
 */
#define LANDLINE_OPT_PROXY_TLS_CA_FILE 122
/**
 * Client: a file with the certificate chain in PEM for https proxies that ask for one; requires
 * LANDLINE_OPT_PROXY_TLS_KEY_FILE.
 */
#define LANDLINE_OPT_PROXY_TLS_CERT_FILE 123
/** Client: a file with the private key of that certificate in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted. */
#define LANDLINE_OPT_PROXY_TLS_KEY_FILE 124

/**
 * Client: 1: connect through the proxies that the environment names. Has no effect if LANDLINE_OPT_PROXY is set.
 * Default 0: the environment is not read. It is read by the call that sets this option.
 *
 * For ws, the first of these variables that is set and not empty is used: ws_proxy, WS_PROXY, http_proxy,
 * all_proxy, ALL_PROXY. For wss: wss_proxy, WSS_PROXY, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY. Their
 * values are those of LANDLINE_OPT_PROXY. no_proxy or NO_PROXY has the form of LANDLINE_OPT_NO_PROXY, which
 * replaces it.
 */
#define LANDLINE_OPT_PROXY_FROM_ENV 50
/** Client: as LANDLINE_OPT_TLS_PLATFORM_ROOTS, for TLS with https proxies. Default 1. */
#define LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS 51
/** Client: as LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS, for TLS with https proxies. Default 0. */
#define LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS 52
/** Client: as LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES, for TLS with https proxies. Default 0. */
#define LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES 53

/**
 * Client: adds a header to the CONNECT request to the proxy that LANDLINE_OPT_PROXY added last. Its name is sent
 * exactly as given. The server does not get it, and the proxy does not get those of landline_options_add_header().
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a header cannot have, a header of
 * the request itself, and a SOCKS proxy; LANDLINE_ERR_STATE if there is no proxy; LANDLINE_ERR_UTF8.
 */
landline_status landline_options_add_proxy_header(landline_options *options, const char *name, const char *value);

/**
 * The library that does TLS: LANDLINE_TLS_BACKEND_*. LANDLINE_ERR_CONFIG when the options are used if it is not
 * compiled into this library.
 */
#define LANDLINE_OPT_TLS_BACKEND 63
/** The oldest version of TLS to speak: LANDLINE_TLS_VERSION_1_2 (default) or LANDLINE_TLS_VERSION_1_3. */
#define LANDLINE_OPT_TLS_MIN_VERSION 64
/**
 * Whether a client offers "http/1.1" by ALPN (RFC 7301), and a server chooses it. Default 1. With 1, a server
 * refuses clients that offer only other protocols.
 */
#define LANDLINE_OPT_TLS_ALPN 65
/**
 * Server: whether it asks clients for certificates: LANDLINE_CLIENT_CERTS_*. Default: it does not.
 * landline_request_tls() returns the client's certificate.
 */
#define LANDLINE_OPT_TLS_CLIENT_CERTS 66
/**
 * 1 appends session secrets to the file that the environment variable SSLKEYLOGFILE names, if it is set. Whoever
 * has that file can decrypt the connections. Default 0: the variable alone does nothing. A client with
 * LANDLINE_TLS_BACKEND_NATIVE_TLS cannot write them: LANDLINE_ERR_CONFIG.
 */
#define LANDLINE_OPT_TLS_KEY_LOG 67

/** The default library: native-tls if it is compiled in, otherwise rustls. */
#define LANDLINE_TLS_BACKEND_DEFAULT 0
/**
 * The platform's library: OpenSSL, except on Windows and Apple's systems. In the cargo feature native-tls, which
 * is on by default.
 */
#define LANDLINE_TLS_BACKEND_NATIVE_TLS 1
/** rustls. In the cargo feature rustls. */
#define LANDLINE_TLS_BACKEND_RUSTLS 2

/** TLS 1.2. The values are the protocol's version numbers. */
#define LANDLINE_TLS_VERSION_1_2 771
/** TLS 1.3. */
#define LANDLINE_TLS_VERSION_1_3 772

/** Clients are not asked for certificates. */
#define LANDLINE_CLIENT_CERTS_OFF 0
/** Clients are asked, and accepted without a certificate. One that is presented must be trusted. */
#define LANDLINE_CLIENT_CERTS_OPTIONAL 1
/** Clients are asked, and those without a certificate are refused. */
#define LANDLINE_CLIENT_CERTS_REQUIRED 2

/**
 * Client: a directory whose certificates in PEM files are trusted in addition to the platform's, whatever the names
 * of the files are. Each call adds one; NULL removes all.
 */
#define LANDLINE_OPT_TLS_CA_DIR 140
/** Client: the server name to request (SNI), which the certificate must be for. Default: the URL's host. */
#define LANDLINE_OPT_TLS_SERVER_NAME 141
/**
 * Client: a public key that the server may have: "sha256//" and the SHA-256 of its SubjectPublicKeyInfo in
 * Base64. Each call adds one; NULL removes all. Default: any key. The certificate must also be trusted, unless
 * LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS says otherwise. The key is checked before anything is sent.
 */
#define LANDLINE_OPT_TLS_PINNED_KEY 142
/** A file to append session secrets to, whatever the environment says. See LANDLINE_OPT_TLS_KEY_LOG. */
#define LANDLINE_OPT_TLS_KEY_LOG_FILE 143
/**
 * Server: a file of certificates in PEM. Clients' certificates issued by one of them are trusted; the platform's
 * are not used for that. Each call adds one; NULL removes all.
 */
#define LANDLINE_OPT_TLS_CLIENT_CA_FILE 144
/** Server: a directory of such files. Each call adds one; NULL removes all. */
#define LANDLINE_OPT_TLS_CLIENT_CA_DIR 145

/**
 * Server: the same as LANDLINE_OPT_TLS_CLIENT_CA_FILE in memory. Each call adds to them; a length of 0 removes
 * all.
 */
#define LANDLINE_OPT_TLS_CLIENT_CA_PEM 205

/**
 * Server: adds a certificate with its key, both as PEM files, for names other than those of the certificate given by
 * LANDLINE_OPT_TLS_CERT_FILE or the other options. A client gets the first certificate that is for the name that it
 * asks for (SNI), or else the first that covers it by a wildcard, or else the first of all.
 *
 * The files are read when the options are used, and again for each client, so that renewed ones are used from the
 * next client on; the same applies to LANDLINE_OPT_TLS_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE. If they cannot be
 * used, the previous ones remain in use, and a warning is logged.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_options_add_cert_files(landline_options *options,
                                                const char *cert_file,
                                                const char *key_file);

/**
 * The same with certificate and key in memory, both in one PEM text. They are not read again.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_options_add_cert_pem(landline_options *options, const void *data, size_t len);


/*
 * ===== Names, addresses and sockets: landline_addresses ==========================================================
 *
 * The addresses that a resolver has found.
 *
 * Ownership: the library's. It exists only while the resolver is called.
 *
 * Threads: any, while the resolver is called.
 */

/**
 * Looks up `host`, a name, and adds the addresses to try to `addresses` with landline_addresses_add(), the preferred
 * one first. Returns 0, or the error number (errno) that says why it failed; -1 if there is none.
 *
 * It is called in a thread of the library, so that time limits apply: when they pass, the connecting call returns
 * while the function continues. Several threads may call it at the same time. It must not unwind or jump out.
 */
typedef int32_t (*landline_resolver)(const char *host,
                                     uint16_t port,
                                     landline_addresses *addresses,
                                     void *user);

/**
 * Called with each socket, after its options are set and before it is connected, to set further options. Returns 0,
 * or the error number (errno) that says why this address must not be connected to; -1 if there is none.
 *
 * It is called in the thread that connects, once for each address that is tried. It must not close the socket, use
 * it otherwise, unwind or jump out.
 */
typedef int32_t (*landline_socket_hook)(int32_t fd, void *user);

/**
 * Adds an address to those that a resolver has found: an IPv4 or IPv6 address, with a port if it differs from the
 * one requested, such as "192.0.2.1", "192.0.2.1:443", "2001:db8::1" or "[2001:db8::1]:443".
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for text that is not such an address; LANDLINE_ERR_UTF8.
 */
landline_status landline_addresses_add(landline_addresses *addresses, const char *address);

/**
 * Sets the function that looks up names instead of the system. It is not called for numeric addresses. NULL restores
 * the default. `free` is called once with `user`, from any thread, when neither the options nor a call need it any
 * more; it may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; `free` is called even then.
 */
landline_status landline_options_set_resolver(landline_options *options,
                                              landline_resolver resolver,
                                              void *user,
                                              landline_free_user free);

/**
 * Sets the function that is given each socket before it is connected, Unix sockets too. NULL restores the default.
 * `free` is called once with `user`, from any thread, when neither the options nor a call need it any more; it may
 * be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; `free` is called even then.
 */
landline_status landline_options_set_on_socket(landline_options *options,
                                               landline_socket_hook hook,
                                               void *user,
                                               landline_free_user free);


/*
 * ===== What is known about TLS: landline_tls =====================================================================
 *
 * Information about TLS on a connection: version, cipher suite, and the peer's identity. It does not change, and
 * remains valid when the connection is over.
 *
 * Ownership: the caller owns it and frees it with landline_tls_free().
 *
 * Threads: any number at the same time.
 */

/**
 * Returns information about TLS on a connection. Free `*info` with landline_tls_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_UNSUPPORTED if the connection does not use TLS; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_tls(const landline_conn *conn, landline_tls **info);

/**
 * The same for a request that has been read but not answered: with LANDLINE_OPT_TLS_CLIENT_CERTS, it has the
 * client's certificate.
 *
 * LANDLINE_OK; LANDLINE_ERR_UNSUPPORTED if the client does not use TLS; LANDLINE_ERR_STATE; LANDLINE_ERR_NULL.
 */
landline_status landline_request_tls(const landline_request *request, landline_tls **info);

/** For landline_tls_int(): the version, one of LANDLINE_TLS_VERSION_*. */
#define LANDLINE_TLS_INFO_VERSION 1
/** The number of the cipher suite in IANA's registry. */
#define LANDLINE_TLS_INFO_CIPHER_SUITE 2
/** 1 if an earlier session was resumed. */
#define LANDLINE_TLS_INFO_IS_RESUMED 3
/** The library that does TLS, one of LANDLINE_TLS_BACKEND_*. */
#define LANDLINE_TLS_INFO_BACKEND 4
/** How many certificates landline_tls_cert() has. 0 if the peer presented none. */
#define LANDLINE_TLS_INFO_CERT_COUNT 5

/**
 * Queries a number by its LANDLINE_TLS_INFO_* key (1 to 99).
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
 */
landline_status landline_tls_int(const landline_tls *info, int32_t key, int64_t *value);

/** For landline_tls_str(): the name of the cipher suite, such as "TLS_AES_256_GCM_SHA384". */
#define LANDLINE_TLS_INFO_CIPHER_SUITE_NAME 101
/** The protocol that was chosen by ALPN: "http/1.1", or empty. */
#define LANDLINE_TLS_INFO_ALPN 102
/** The common name of the subject of the peer's certificate. */
#define LANDLINE_TLS_INFO_COMMON_NAME 103
/** The names that the peer's certificate is for (subjectAltName), each followed by "\n". */
#define LANDLINE_TLS_INFO_NAMES 104
/** The peer's public key in the form of LANDLINE_OPT_TLS_PINNED_KEY. */
#define LANDLINE_TLS_INFO_PUBLIC_KEY_PIN 105

/**
 * Queries a text by its LANDLINE_TLS_INFO_* key (101 to 199): `*text`, `*len` bytes followed by a NUL. Valid
 * until `info` is freed. Empty if there is none. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
 */
landline_status landline_tls_str(const landline_tls *info, int32_t key, const char **text, size_t *len);

/**
 * One of the certificates that the peer presented, in DER: `*data`, `*len` bytes, valid until `info` is freed.
 * Number 0 is the peer's own; the others are those of its issuers, as far as the peer sent them and the TLS library
 * makes them available.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID if there is none with this number; LANDLINE_ERR_NULL.
 */
landline_status landline_tls_cert(const landline_tls *info, size_t index, const void **data, size_t *len);

/** Frees the information. NULL does nothing. */
void landline_tls_free(landline_tls *info);


/*
 * ===== Cookies: landline_cookie_jar ==============================================================================
 *
 * Keeps the cookies that servers set: in the response that opens a connection, in a redirect, or in a refusal. All
 * further requests made with options that have this jar send them, those of other connections included.
 *
 * It is kept in memory only. Unlike a browser, it returns a cookie only to the host that set it, even if it has a
 * Domain. Path, Secure, Expires and Max-Age are honoured (RFC 6265). It holds at most 256 cookies, and 64 of one
 * host; the oldest ones are dropped for new ones, and of a host those first that are not Secure.
 * A forked child does not use the jar that it inherited.
 *
 * Ownership: created by landline_cookie_jar_new(), freed by landline_cookie_jar_free(), which is allowed even while
 * options use it: they keep it alive.
 *
 * Threads: any number of threads may use the same handle at the same time.
 */

/**
 * Creates an empty jar. Free it with landline_cookie_jar_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_cookie_jar_new(landline_cookie_jar **jar);

/** Frees a jar. NULL does nothing. */
void landline_cookie_jar_free(landline_cookie_jar *jar);

/**
 * Reads the cookies with which a request to this URL would be sent: writes them to `data`, as in a Cookie header
 * ("a=1; b=2"), up to `capacity` bytes and without a NUL, and their whole length to `*len`, which may be more. Never
 * blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a `capacity` of 0; LANDLINE_ERR_UTF8.
 */
landline_status landline_cookie_jar_cookies(const landline_cookie_jar *jar,
                                            const char *url,
                                            void *data,
                                            size_t capacity,
                                            size_t *len);

/**
 * Client: keeps the cookies that servers set in this jar, and sends those in it. NULL: none; Set-Cookie is then
 * ignored, which is the default.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL.
 */
landline_status landline_options_set_cookie_jar(landline_options *options, landline_cookie_jar *jar);

/**
 * Client: sends this cookie, in one Cookie header, after those that landline_options_add_header() sets in it. The
 * last value of a name counts. A server that sets a cookie of the same name replaces it, if the options have a jar.
 * Cookies that are given are not sent to other origins to which a redirect leads.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a cookie cannot have;
 * LANDLINE_ERR_UTF8.
 */
landline_status landline_options_add_cookie(landline_options *options, const char *name, const char *value);


/*
 * ===== Interrupters: landline_interrupter ========================================================================
 *
 * Wakes a blocked call from any thread: an attempt to connect and the calls on the resulting connection, or a call
 * that waits for a client. It is set with landline_options_set_interrupter(). Open connections can also be
 * interrupted with landline_conn_interrupt().
 *
 * Ownership: created by landline_interrupter_new(), freed by landline_interrupter_free(), which is allowed even
 * while it is in use.
 *
 * Threads: any number of threads may use the same handle at the same time.
 */

/**
 * Creates an interrupter, which takes two descriptors. Free it with landline_interrupter_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_IO if the process has no descriptors left.
 */
landline_status landline_interrupter_new(landline_interrupter **interrupter);

/**
 * Wakes a call that is connecting, accepting, receiving or sending: it returns LANDLINE_INTERRUPTED. If no call is
 * blocked, the next one that would wait returns it instead. Data that has arrived is delivered first. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_interrupter_interrupt(landline_interrupter *interrupter);

/**
 * Ends the connection immediately, as landline_conn_abort() does; if it is not open yet, wakes the call that is
 * opening it.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_interrupter_abort(landline_interrupter *interrupter);

/** Frees an interrupter. NULL does nothing. Calls and connections that use it continue without it. */
void landline_interrupter_free(landline_interrupter *interrupter);


/*
 * ===== Messages in pieces: landline_writer =======================================================================
 *
 * A message that is being sent in pieces, in constant memory.
 *
 * Ownership: created by landline_conn_send_stream(), freed by landline_writer_free(), before or after its
 * connection.
 *
 * Threads: any thread, but one at a time; a second one waits.
 */

/**
 * Begins a message of unknown size, to be written in pieces. Other threads' messages wait until it ends; Pings,
 * Pongs and Close frames do not. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or LANDLINE_SEND_COMPRESS_ALWAYS. Free the
 * writer with landline_writer_free(), before or after the connection.
 *
 * Blocks until no other message is being sent in pieces, for at most `timeout_ms`.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_CLOSING; LANDLINE_ERR_NULL,
 * LANDLINE_ERR_INVALID; the final errors of landline_conn_send().
 */
landline_status landline_conn_send_stream(landline_conn *conn,
                                          int32_t kind,
                                          uint32_t flags,
                                          int32_t timeout_ms,
                                          landline_writer **writer);

/**
 * Adds to the message, which is sent in fragments of 16 KiB, or of up to about 64 KiB if it is compressed.
 *
 * Blocks as landline_conn_send() does until all the data has been accepted. `*written` is how much of it was,
 * whatever the status is: continue from there. `written` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_PENDING: continue; LANDLINE_ERR_UTF8: the message
 * is text, but the data is not UTF-8, and the message can only be abandoned; LANDLINE_ERR_STATE after
 * landline_writer_finish(); LANDLINE_ERR_CLOSING; the final errors of landline_conn_send().
 */
landline_status landline_writer_write(landline_writer *writer,
                                      const void *data,
                                      size_t len,
                                      int32_t timeout_ms,
                                      size_t *written);

/**
 * Sends what has been written so far, in a fragment that the peer can read at once. Does nothing if the message has
 * ended. Otherwise as landline_writer_write().
 */
landline_status landline_writer_flush(landline_writer *writer, int32_t timeout_ms);

/**
 * Ends the message. When this returns LANDLINE_OK, the whole message is in the kernel. Does nothing if the message
 * has ended.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; LANDLINE_PENDING: the end is on its way;
 * LANDLINE_ERR_UTF8: the text ends in the middle of a character; otherwise as landline_writer_write().
 */
landline_status landline_writer_finish(landline_writer *writer, int32_t timeout_ms);

/**
 * Frees a writer, without waiting. If the message has not been ended with landline_writer_finish(), the connection
 * is closed with 1011, because a message that has begun cannot be withdrawn. NULL does nothing.
 */
void landline_writer_free(landline_writer *writer);


/*
 * ===== Sessions that reconnect: landline_session =================================================================
 *
 * A client that connects again whenever its connection is lost.
 *
 * The call that receives does everything: it waits, connects, calls the callback, sends the messages in the outbox,
 * and receives. While no thread is in that call, the session begins nothing. An attempt to connect is made in a
 * thread of the library, in which the functions among the options are called, such as the one that supplies a bearer
 * token; it goes on when the call has returned.
 *
 * It connects again after a failure of the network or of the system, a time limit, the end of the stream
 * without a Close frame, or in the middle of a handshake, a silent peer; after a Close frame with 1001, 1011,
 * 1012, 1013 or 1014; and if the server refused the handshake with 500 to 599, 408, 425 or 429, not before the
 * time in Retry-After. Everything else ends the session: other statuses and close codes, a certificate that is not
 * trusted, violations of the protocol or of a limit. `retry_if` of landline_session_callbacks can decide
 * otherwise. LANDLINE_OPT_BACKOFF_FIRST_MS and the options after it determine how long it waits.
 *
 * Nothing is resent automatically. If a sending call has returned before the connection broke, the message was
 * handed to the kernel, and whether the server got it is not known. While there is no connection, such calls return
 * LANDLINE_ERR_NOT_CONNECTED at once, or keep the message with LANDLINE_OPT_OUTBOX_MESSAGES.
 *
 * Ownership: created by landline_session_new(), freed by landline_session_free().
 *
 * Threads: any, at any time. One thread receives (a second one gets LANDLINE_ERR_BUSY) while any number of
 * others send, close, interrupt and abort.
 */

/**
 * What a session calls, always in the thread that receives. A table that the caller fills in; a function that
 * is NULL is not called. No function may unwind or jump out, or call a function on the session, except those
 * that send, close, interrupt, abort or query.
 */
typedef struct landline_session_callbacks {
    /** sizeof(landline_session_callbacks), so that later versions can add functions. */
    size_t size;
    /**
     * Called with each new connection, the first one included, before anything else uses it: to subscribe, to
     * log in, to look at the handshake with landline_conn_header(). What it waits for can be interrupted with
     * landline_session_interrupt(). Calls on `conn` are within the time limit of the receiving call, or within
     * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS from the beginning of the attempt, whichever is longer: a short limit of the
     * receiving call does not cut the function off.
     *
     * `conn` belongs to the session: use it in this thread and until the function returns, and do not free it.
     * Return LANDLINE_OK (LANDLINE_CLOSED does no harm either), or the status of a call on `conn` that failed:
     * the attempt has then failed, and the session decides about that failure as about every other. Any other
     * status is a failure after which the session connects again.
     */
    landline_status (*on_connect)(landline_conn *conn, void *user);
    /**
     * Decides whether to connect again after a failure: 1, or 0 to end the session. `status` is that of the
     * failure, which landline_error_text() and its relatives describe during this call; with LANDLINE_CLOSED,
     * `close_code` is the code in the server's Close frame, else 0. `is_transient` is what the session would
     * do without this function.
     */
    int32_t (*retry_if)(landline_status status, int32_t close_code, int32_t is_transient, void *user);
} landline_session_callbacks;

/**
 * Creates a session for a URL that begins with ws:// or wss://. It connects when landline_session_recv() is
 * called for the first time. `options` may be NULL: those of clients apply to each connection. `callbacks` may
 * be NULL and is copied. `user` must remain valid until the session has been freed. Free the session with
 * landline_session_free(). Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS for a certificate of this end that
 * cannot be used; LANDLINE_ERR_IO when the process has no descriptor left; LANDLINE_ERR_NULL;
 * LANDLINE_ERR_UTF8; LANDLINE_ERR_INVALID for a table whose `size` is wrong.
 */
landline_status landline_session_new(const char *url,
                                     const landline_options *options,
                                     const landline_session_callbacks *callbacks,
                                     void *user,
                                     landline_session **session);

/**
 * Receives the next whole message, or connects and says so. The message owns its data; free it with
 * landline_message_free().
 *
 * Blocks until there is a message or a new connection, the session ends, or `timeout_ms` has passed (-1: no
 * limit). An attempt to connect for which that is too short goes on, and a later call gets the connection, so the
 * limit may be as short as the program likes; 0 gives what has already arrived, and begins an attempt that is due.
 * Only the callback can make a call take longer.
 *
 * LANDLINE_OK; LANDLINE_CONNECTED: there is a new connection, the first one or one in the place of another,
 * all of whose messages have been received; LANDLINE_CLOSED: the session has ended cleanly, see
 * LANDLINE_SESSION_CLOSE_CODE; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing is lost, call again;
 * LANDLINE_ERR_BUSY: another thread is receiving. All other errors have ended the session; later calls give
 * the same. They are those of landline_connect() and landline_conn_recv(), and LANDLINE_ERR_GAVE_UP if the last
 * attempt ran out of time. `*message` is NULL unless the status is LANDLINE_OK.
 */
landline_status landline_session_recv(landline_session *session, int32_t timeout_ms, landline_message **message);

/**
 * Opens the next connection and gives it to the caller, for programs that want to use landline_conn and take
 * care of its errors themselves: each call gives a fresh one, after a wait unless it is the first. Free it
 * with landline_conn_free() before the next call, or when the session is closed.
 *
 * Waits, attempts, callbacks and time limits are those of landline_session_recv(). A connection that
 * landline_session_recv() used is dropped. The session does not know the connection any more:
 * landline_session_send() does not use it.
 *
 * LANDLINE_OK; LANDLINE_CLOSED: the session was closed; otherwise as landline_session_recv(). `*conn` is NULL
 * unless the status is LANDLINE_OK.
 */
landline_status landline_session_next_connection(landline_session *session,
                                                 int32_t timeout_ms,
                                                 landline_conn **conn);

/**
 * Closes the connection cleanly if there is one, and ends the session: as landline_conn_close(), also in how
 * long it blocks. What is in the outbox is not sent. If another thread is receiving, that thread gets
 * LANDLINE_CLOSED, whatever it waits for, and this call waits for it. In a callback of the session, it does not
 * wait: the receiving call closes the connection when the callback has returned.
 *
 * LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the thread that is receiving has to complete
 * the closing handshake; LANDLINE_ERR_INVALID as landline_conn_close(); LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8;
 * LANDLINE_ERR_CLOSE_UNANSWERED, LANDLINE_ERR_EOF, LANDLINE_ERR_IO; the error that ended the session before.
 */
landline_status landline_session_close(landline_session *session,
                                       int32_t code,
                                       const void *reason,
                                       size_t len,
                                       int32_t timeout_ms);

/**
 * Closes the session without waiting for the end: the thread that receives gets what the server still sends,
 * then LANDLINE_CLOSED; without a connection, it gets that at once, whatever it waits for. Does nothing if the
 * session is closing or over. Otherwise as landline_conn_close_start().
 */
landline_status landline_session_close_start(landline_session *session,
                                             int32_t code,
                                             const void *reason,
                                             size_t len);

/**
 * Ends the session immediately, without a Close frame, from any thread. Blocked calls return
 * LANDLINE_ERR_ABORTED. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_session_abort(landline_session *session);

/**
 * Frees a session, and ends its connection without a closing handshake: call landline_session_close() first.
 * NULL does nothing.
 */
void landline_session_free(landline_session *session);

/**
 * Sends a message of LANDLINE_TEXT or LANDLINE_BINARY over the connection that the session has, from any
 * thread.
 *
 * Blocks as landline_conn_send() does while there is a connection, otherwise not at all: it never waits for a
 * new one. With an outbox (LANDLINE_OPT_OUTBOX_MESSAGES), the message is then kept and sent over the next one,
 * after the callback.
 *
 * LANDLINE_OK; LANDLINE_ERR_NOT_CONNECTED, LANDLINE_ERR_OUTBOX_FULL: there is no connection, and nothing was
 * sent; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_PENDING, LANDLINE_ERR_UTF8, LANDLINE_ERR_NULL and
 * LANDLINE_ERR_INVALID as landline_conn_send(); LANDLINE_ERR_CLOSING: the session was closed. All other errors
 * are those of the connection, of which the receiving call learns too: how much of the message the server got
 * is not known, and the session goes on unless LANDLINE_SESSION_STAGE is LANDLINE_STAGE_ENDED.
 */
landline_status landline_session_send(landline_session *session,
                                      int32_t kind,
                                      const void *data,
                                      size_t len,
                                      int32_t timeout_ms);

/**
 * Sends a message if that needs no waiting. Never blocks. See landline_conn_try_send().
 *
 * LANDLINE_OK and the errors of landline_session_send(); LANDLINE_ERR_WOULD_BLOCK: nothing was sent.
 */
landline_status landline_session_try_send(landline_session *session, int32_t kind, const void *data, size_t len);

/**
 * Wakes a blocked call on this session, from any thread: it returns LANDLINE_INTERRUPTED, whether it receives,
 * waits, connects, is in the callback, or sends. Nothing is lost, and the next call goes on; an attempt that
 * is interrupted does not count. Otherwise as landline_conn_interrupt().
 */
landline_status landline_session_interrupt(landline_session *session, int32_t direction);

/** What a session is doing: it has no connection, and the next attempt is due after LANDLINE_SESSION_WAIT_MS. */
#define LANDLINE_STAGE_WAITING 0
/**
 * An attempt to connect is under way, also between calls; or it has succeeded, and a call runs the callback or is
 * yet to come.
 */
#define LANDLINE_STAGE_CONNECTING 1
/** It has a connection, as far as is known, or has given one to the caller. */
#define LANDLINE_STAGE_CONNECTED 2
/** It has ended, and will not connect again. */
#define LANDLINE_STAGE_ENDED 3

/** For landline_session_int(): one of LANDLINE_STAGE_*. */
#define LANDLINE_SESSION_STAGE 1
/**
 * The milliseconds until the next attempt is due; 0 if it is, or if there is none to wait for. INT64_MAX if a server
 * has asked for more time than can be counted.
 */
#define LANDLINE_SESSION_WAIT_MS 2
/** The attempts, an unfinished one included, since the last connection that lasted. */
#define LANDLINE_SESSION_ATTEMPTS 3
/** How many connections have taken the place of another. */
#define LANDLINE_SESSION_RECONNECTS 4
/** How many messages the outbox holds. */
#define LANDLINE_SESSION_OUTBOX_MESSAGES 5
/** How many bytes they have. */
#define LANDLINE_SESSION_OUTBOX_BYTES 6
/**
 * The close code of the connection, or of the latest one, as LANDLINE_CONN_CLOSE_CODE; 0 while it is open.
 * LANDLINE_ERR_BUSY while another thread is receiving.
 */
#define LANDLINE_SESSION_CLOSE_CODE 7

/**
 * Queries a property that is a number, by its LANDLINE_SESSION_* key. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key; LANDLINE_ERR_BUSY for
 * LANDLINE_SESSION_CLOSE_CODE while another thread is receiving.
 */
landline_status landline_session_int(const landline_session *session, int32_t key, int64_t *value);

/**
 * The status of the session's latest failure, which then is this thread's last error, for
 * landline_error_text() and its relatives: why a connection was lost, or could not be opened. Never blocks.
 *
 * LANDLINE_OK if nothing has failed; LANDLINE_CLOSED if the server closed the connection cleanly; the errors
 * of landline_connect() and landline_conn_recv(); LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_session_failure(const landline_session *session);

/** Sessions: the first wait before connecting again, in milliseconds, at least 1. Default 1000. */
#define LANDLINE_OPT_BACKOFF_FIRST_MS 76
/** Sessions: how many times longer each wait is than the one before it, at least 1. Default 2. */
#define LANDLINE_OPT_BACKOFF_FACTOR 77
/** Sessions: the longest wait, in milliseconds. Default 60000. */
#define LANDLINE_OPT_BACKOFF_MAX_MS 78
/**
 * Sessions: how much of each wait is random, in percent, so that the clients of a server that was restarted do
 * not all come back at once: 0 to 100. Default 50.
 */
#define LANDLINE_OPT_BACKOFF_JITTER_PERCENT 79
/**
 * Sessions: a connection that was open for this long has lasted: after it, waits and the count of attempts
 * begin anew. One that is lost earlier counts as a failed attempt. -1 means never. Default 10000.
 */
#define LANDLINE_OPT_RESET_AFTER_MS 80
/**
 * Sessions: how long the server can make the session wait at most with a Retry-After header; -1 means no
 * limit. Default 300000.
 */
#define LANDLINE_OPT_MAX_RETRY_AFTER_MS 81
/**
 * Sessions: how many attempts in a row may fail before the session ends with the error of the last one; 0
 * means no limit. Default 0.
 */
#define LANDLINE_OPT_MAX_ATTEMPTS 82
/**
 * Sessions: how long the session may be without a connection that lasts before it ends with the error of the
 * last attempt; -1 means no limit. Default -1.
 */
#define LANDLINE_OPT_GIVE_UP_AFTER_MS 83
/**
 * Sessions: how many messages to keep that are sent while there is no connection, to be sent over the next
 * one. 0: none, such calls give LANDLINE_ERR_NOT_CONNECTED. Default 0; 1024 is a usual value.
 */
#define LANDLINE_OPT_OUTBOX_MESSAGES 84
/** Sessions: how many bytes of such messages to keep. Default 1048576 (1 MiB). */
#define LANDLINE_OPT_OUTBOX_BYTES 85


/*
 * ===== Sockets and transports of the caller's own ================================================================
 */

/** For `wait` of landline_transport: there is data to read, or the stream has ended. */
#define LANDLINE_WAIT_READ 1
/** For `wait` of landline_transport: there is room to write. */
#define LANDLINE_WAIT_WRITE 2

/**
 * A two-way byte stream that the caller implements: a tunnel, a serial line, another TLS library. A table that the
 * caller fills in; all functions except `free` are required.
 *
 * `read` and `write` must never wait; threads wait only in `wait`. One thread may be in `read` while another is in
 * `write`, two threads may be in `wait`, and `abort` may be called at any time. No function may unwind, jump out, or
 * call a function on the connection that it belongs to.
 */
typedef struct landline_transport {
    /** sizeof(landline_transport), so that later versions can add functions. */
    size_t size;
    /**
     * Reads up to `capacity` bytes and returns how many: 0 at the end of the stream, LANDLINE_ERR_WOULD_BLOCK if
     * none has arrived, LANDLINE_ERR_IO if the stream is broken.
     */
    int64_t (*read)(void *data, size_t capacity, void *user);
    /**
     * Writes up to `len` bytes and returns how many: LANDLINE_ERR_WOULD_BLOCK if there is no room, LANDLINE_ERR_IO
     * if the stream is broken. After LANDLINE_ERR_WOULD_BLOCK the next call begins with the same bytes.
     */
    int64_t (*write)(const void *data, size_t len, void *user);
    /**
     * Waits until one of `wanted` (LANDLINE_WAIT_*) is possible, `wake_fd` is readable (unless it is -1; do not read
     * from it), or `timeout_ms` has passed (unless it is -1). Returns what is possible, 0 for nothing, or
     * LANDLINE_ERR_IO. May return early.
     */
    int32_t (*wait)(int32_t wanted, int32_t wake_fd, int32_t timeout_ms, void *user);
    /** Ends the stream towards the peer, after everything that was written. Reading continues. */
    void (*close_write)(void *user);
    /** Ends both directions immediately, and wakes threads that are waiting. */
    void (*abort)(void *user);
    /**
     * The last call, when the connection is freed. Ends the stream if it has not ended: `close_write` and `abort`
     * may not have been called. May be NULL.
     */
    void (*free)(void *user);
} landline_transport;

/**
 * Opens a connection over a stream socket, TCP or Unix, that the caller has already connected. `url` determines the
 * request; with wss://, TLS runs over the socket. If `take` is 1, the descriptor belongs to the library from now on,
 * even if this call fails; if it is 0, the connection uses a duplicate, and the caller can close the original at any
 * time.
 *
 * Blocks and returns as landline_connect() does; LANDLINE_ERR_INVALID for a descriptor that is not a connected
 * stream socket.
 */
landline_status landline_connect_fd(int32_t fd,
                                    int32_t take,
                                    const char *url,
                                    const landline_options *options,
                                    int32_t timeout_ms,
                                    landline_conn **conn);

/**
 * Opens a connection over a transport that the caller implements, whose functions are called with `user`. `url`
 * determines the request; with wss://, TLS runs over the transport. The table is copied. Its `free` is called once,
 * even if this call fails, unless the table itself is NULL, incomplete or of the wrong size.
 *
 * Blocks and returns as landline_connect() does.
 */
landline_status landline_connect_transport(const landline_transport *transport,
                                           void *user,
                                           const char *url,
                                           const landline_options *options,
                                           int32_t timeout_ms,
                                           landline_conn **conn);

/**
 * Creates a client and a server that are connected in memory, for tests. Both sets of options may be NULL. Such
 * connections have no descriptor.
 *
 * Each direction buffers 64 KiB, including a few bytes for each frame. A send that does not fit blocks until the
 * other end receives: if a single thread sends more than that before it receives, with no time limit, it blocks
 * forever.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_HANDSHAKE if the server's options refuse the
 * client.
 */
landline_status landline_pair(const landline_options *client_options,
                              const landline_options *server_options,
                              landline_conn **client,
                              landline_conn **server);

/**
 * Opens a connection, in one step, with a client that is connected over the caller's own stream socket, TCP or Unix:
 * reads its request and accepts it, with the first of LANDLINE_OPT_SUBPROTOCOL that the client offers. `take` has
 * the same meaning as for landline_connect_fd(). `options` may be NULL. Free `*conn` with landline_conn_free(). To
 * examine the request first, use landline_request_from_fd().
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
 *
 * Returns what landline_listener_accept() does for one client; LANDLINE_ERR_INVALID for a descriptor that is not a
 * connected stream socket.
 */
landline_status landline_accept_fd(int32_t fd,
                                   int32_t take,
                                   const landline_options *options,
                                   int32_t timeout_ms,
                                   landline_conn **conn);

/** The same over a transport that the caller implements. Its `free` is called as by landline_connect_transport(). */
landline_status landline_accept_transport(const landline_transport *transport,
                                          void *user,
                                          const landline_options *options,
                                          int32_t timeout_ms,
                                          landline_conn **conn);

/**
 * Takes the socket out of a connection, for a program that continues with another protocol or library, or passes it
 * to another process. `*fd` is a descriptor in blocking mode that belongs to the caller. `*data` and `*len` are the
 * bytes that the peer has sent but no call has returned: frames as they arrived, the last of which may be
 * incomplete. They are valid until the connection is freed.
 *
 * The connection is over afterwards: every call returns LANDLINE_ERR_DETACHED, or what it returned before if the
 * connection had been closed cleanly, and freeing or aborting it does not affect the socket. The peer notices
 * nothing. Everything that was sent or gathered before is written first. After an orderly close nothing is left to
 * receive, and both directions of the socket have been shut down. Connections over TLS, or over a transport that the
 * caller implements, cannot be detached: TLS has state that cannot be taken out, and such a transport already
 * belongs to the caller.
 *
 * Blocks until everything is written, for at most `timeout_ms` (-1: no limit), and for at most
 * LANDLINE_OPT_SEND_TIMEOUT_MS without progress.
 *
 * LANDLINE_OK. After the following, the connection can be used as before: LANDLINE_ERR_UNSUPPORTED if it does not
 * run directly over a socket; LANDLINE_ERR_STATE if a message has been partly received, or was kept by
 * landline_conn_ping_wait(); LANDLINE_ERR_CLOSING during the closing handshake; LANDLINE_TIMED_OUT,
 * LANDLINE_INTERRUPTED; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. The final errors of
 * landline_conn_recv().
 */
landline_status landline_conn_detach(landline_conn *conn,
                                     int32_t timeout_ms,
                                     int32_t *fd,
                                     const void **data,
                                     size_t *len);


/*
 * ===== Listening: landline_listener ==============================================================================
 *
 * A listening socket.
 *
 * Ownership: created by landline_listen() or landline_listen_fd(), freed by landline_listener_free(). Requests and
 * connections remain valid after that.
 *
 * Threads: any thread; several may accept at the same time.
 */

/**
 * Listens on "ADDRESS:PORT", such as "127.0.0.1:9001" or "[::1]:9001" (port 0 takes a free one: see
 * landline_listener_local_addr()), ":PORT" for every address of this machine, or "unix:PATH" for a Unix socket;
 * "ws+unix:PATH" is the same with the path percent-encoded as in URLs. The file of a socket on which nobody listens
 * any more is replaced, any other file is not; it is removed with the listener. LANDLINE_OPT_UNIX_MODE sets its
 * permissions. `options` may be NULL. Free the listener with landline_listener_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_IO, with EADDRINUSE if the address is in use or the path is not a socket;
 * LANDLINE_ERR_CONFIG, also for an address that has none of these forms; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL;
 * LANDLINE_ERR_UTF8.
 */
landline_status landline_listen(const char *address, const landline_options *options, landline_listener **listener);

/**
 * Accepts clients on the caller's own listening socket, TCP or Unix, which is put into nonblocking mode. For servers
 * with several processes: bind a socket, fork, and call this in each process; all of them then accept from it.
 * `take` has the same meaning as for landline_connect_fd(). When the listener is freed or stopped, the socket keeps
 * listening if other processes or duplicates have it. `options` may be NULL. Free the listener with
 * landline_listener_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a descriptor that is not a listening stream socket; LANDLINE_ERR_IO;
 * LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL.
 */
landline_status landline_listen_fd(int32_t fd,
                                   int32_t take,
                                   const landline_options *options,
                                   landline_listener **listener);

/** The address that it listens on, with the actual port. Valid until the listener is freed; NULL for NULL. */
const char *landline_listener_local_addr(const landline_listener *listener);

/**
 * Waits for a client, performs the TLS handshake if the server uses TLS, and reads the request, for the caller to
 * accept or reject. Free `*request` with landline_request_free().
 *
 * Blocks until there is a client, for at most `timeout_ms` (-1: no limit), and then for at most
 * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: one slow client delays the others. To serve many clients, use
 * landline_listener_accept_incoming() and read each request in a thread of its own, or use landline_server_run().
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF:
 * failures of one client, which has been answered; accept the next one; LANDLINE_ERR_IO: a failure of the listener
 * or of one client; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_accept(landline_listener *listener,
                                         int32_t timeout_ms,
                                         landline_request **request);

/**
 * Waits for a client without reading from it: call landline_request_read() next, possibly in another thread.
 *
 * A client is accepted only if the process has all descriptors that its connection needs: three, or one with
 * LANDLINE_OPT_SINGLE_THREAD. Otherwise this returns LANDLINE_ERR_IO with EMFILE, and the client keeps waiting.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_IO; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_accept_incoming(landline_listener *listener,
                                                  int32_t timeout_ms,
                                                  landline_request **request);

/**
 * Wakes a call that is waiting for a client, or the next one that would: it returns LANDLINE_INTERRUPTED. Calls that
 * are reading a request are not affected. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_interrupt(landline_listener *listener);

/**
 * Stops listening, permanently, from any thread. From now on clients are refused, calls that wait for a client or
 * read a request return LANDLINE_INTERRUPTED, and the file of a Unix socket has been removed. Clients that have not
 * been accepted, or whose request is being read, are dropped. Requests that have been read, and connections, are not
 * affected. Never blocks. On systems that cannot shut down a listening socket (Linux can), clients can connect until
 * the listener is freed.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_stop(landline_listener *listener);

/** Frees a listener, which stops listening. Requests and connections are not affected. NULL does nothing. */
void landline_listener_free(landline_listener *listener);


/*
 * ===== Requests: landline_request ================================================================================
 *
 * A connected client that is waiting for an answer: examine its request, then accept or reject it.
 *
 * Ownership: the caller owns a request and frees it with landline_request_free(), even after answering it. A client
 * that was not answered then gets status 500.
 *
 * Threads: any thread, but one at a time; a second one waits.
 */

/**
 * Reads the request of a client that is connected over the caller's own stream socket, TCP or Unix. `take` has the
 * same meaning as for landline_connect_fd(). `options` may be NULL.
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
 *
 * Returns what landline_listener_accept() does for one client; LANDLINE_ERR_INVALID for a descriptor that is not a
 * connected stream socket.
 */
landline_status landline_request_from_fd(int32_t fd,
                                         int32_t take,
                                         const landline_options *options,
                                         int32_t timeout_ms,
                                         landline_request **request);

/** The same over a transport that the caller implements. Its `free` is called as by landline_connect_transport(). */
landline_status landline_request_from_transport(const landline_transport *transport,
                                                void *user,
                                                const landline_options *options,
                                                int32_t timeout_ms,
                                                landline_request **request);

/**
 * Reads the request of a client from landline_listener_accept_incoming(), after the TLS handshake if the server uses
 * TLS. Does nothing if the request has been read.
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, including the time to refuse the client.
 *
 * LANDLINE_OK; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF, LANDLINE_ERR_IO, LANDLINE_TIMED_OUT, or
 * LANDLINE_INTERRUPTED by landline_listener_stop(): the client has disconnected; free the request;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_request_read(landline_request *request);

/**
 * For landline_request_str(): the path, without the query. Percent-encoded, even if the client sent non-ASCII bytes
 * unencoded.
 */
#define LANDLINE_REQUEST_PATH 1
/** The query, without the question mark; empty if there is none. Percent-encoded like the path. */
#define LANDLINE_REQUEST_QUERY 2
/** The Host header. */
#define LANDLINE_REQUEST_HOST 3
/** The Origin header: the page that a browser connects from; empty if there is none. */
#define LANDLINE_REQUEST_ORIGIN 4
/** The client's address; empty if it has none. */
#define LANDLINE_REQUEST_PEER_ADDR 5
/** All headers, each as "name: value\r\n". */
#define LANDLINE_REQUEST_HEADERS 6
/** Path and query exactly as the client sent them, which need not be UTF-8. */
#define LANDLINE_REQUEST_RAW_TARGET 7

/**
 * Queries a property of the request, by its LANDLINE_REQUEST_* key: `*text`, `*len` bytes followed by a NUL. Valid
 * until the request is freed. Empty if the request has no such property. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_INVALID for an unknown key;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_request_str(const landline_request *request, int32_t key, const char **text, size_t *len);

/**
 * Looks up one of the request's headers by name, which is not case-sensitive: `*value` is its `index`th value (from
 * 0), `*len` bytes followed by a NUL, or NULL if there is none. Valid until the request is freed. `len` may be NULL.
 *
 * LANDLINE_OK, even if there is no such header; LANDLINE_ERR_STATE for a request that has not been read;
 * LANDLINE_ERR_UTF8; LANDLINE_ERR_NULL.
 */
landline_status landline_request_header(const landline_request *request,
                                        const char *name,
                                        size_t index,
                                        const char **value,
                                        size_t *len);

/**
 * The `index`th subprotocol (from 0) that the client offers, in the client's order of preference: `*name`, `*len`
 * bytes followed by a NUL, or NULL after the last one. Valid until the request is freed. `len` may be NULL.
 *
 * LANDLINE_OK, even after the last one; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_NULL.
 */
landline_status landline_request_subprotocol(const landline_request *request,
                                             size_t index,
                                             const char **name,
                                             size_t *len);

/**
 * Adds a header to the response, whether the request is then accepted or rejected. Its name is sent exactly as
 * given.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a name or value that a header cannot have; LANDLINE_ERR_STATE;
 * LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_request_add_header(landline_request *request, const char *name, const char *value);

/**
 * Opens the connection. `subprotocol` must be one that the client offers; NULL chooses the first of
 * LANDLINE_OPT_SUBPROTOCOL that it offers, "" chooses none. Free `*conn` with landline_conn_free(). The request must
 * be freed as well.
 *
 * Blocks until the response is in the kernel, for at most the rest of LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS.
 *
 * LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the client
 * got 500; LANDLINE_TIMED_OUT, LANDLINE_ERR_IO: the client has disconnected; LANDLINE_ERR_STATE if it was answered
 * before; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_request_accept(landline_request *request, const char *subprotocol, landline_conn **conn);

/**
 * Refuses the request with an HTTP status from 200 to 599 and a body of `len` bytes. The request still has to be
 * freed.
 *
 * Blocks until the client has read the response, for at most 2 s, or LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS if that is
 * less.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID, LANDLINE_ERR_CONFIG for a status or header that cannot be sent: the client got
 * 500; LANDLINE_ERR_STATE if it was answered before; LANDLINE_ERR_NULL.
 */
landline_status landline_request_reject(landline_request *request, int32_t status, const void *body, size_t len);

/** Frees a request. A client that was not answered gets status 500. NULL does nothing. */
void landline_request_free(landline_request *request);


/*
 * ===== Servers: landline_server ==================================================================================
 *
 * A server that calls a callback for each connection, in a thread of its own.
 *
 * Ownership: created by landline_server_bind() or landline_server_bind_fd(), freed by landline_server_free() once
 * landline_server_run() has returned.
 *
 * Threads: one thread calls landline_server_run(); any thread may call the other functions, even while it runs.
 */

/**
 * Called by a server for each connection, in a thread of its own with a stack of LANDLINE_OPT_STACK_SIZE. `conn`
 * belongs to the server, which closes it with 1000 if it is still open when the callback returns, and then frees it.
 * A connection that was kept with landline_conn_retain() is closed too, but what the peer still sends can be
 * received. The callback must not unwind or jump out.
 */
typedef void (*landline_server_handler)(landline_conn *conn, void *user);

/**
 * Binds a server to "ADDRESS:PORT" (port 0 takes a free one: see landline_server_local_addr()) or "unix:PATH", as
 * landline_listen() does. `options` may be NULL. Clients can connect from now on, but have to wait for
 * landline_server_run(). Free the server with landline_server_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_IO; LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_server_bind(const char *address,
                                     const landline_options *options,
                                     landline_server **server);

/** Creates a server on the caller's listening socket. Arguments and statuses are those of landline_listen_fd(). */
landline_status landline_server_bind_fd(int32_t fd,
                                        int32_t take,
                                        const landline_options *options,
                                        landline_server **server);

/** The address that the server is bound to, with the actual port. Valid until the server is freed; NULL for NULL. */
const char *landline_server_local_addr(const landline_server *server);

/** How many connections there are, those in the opening handshake included; 0 for NULL. */
size_t landline_server_connections(const landline_server *server);

/**
 * Serves clients until landline_server_stop(). Each client gets a thread, in which the opening handshake is
 * performed and then `handler` is called with the connection and `user`. Invalid requests, and clients over the
 * limit, are answered with the appropriate HTTP error. When the process runs out of descriptors, memory or threads,
 * new clients wait.
 *
 * Blocks until the server has been stopped and the handlers have returned; it waits for handlers whose connection
 * has been cut for one second at most. `user` must remain valid until landline_server_connections() is 0. A server
 * can run only once.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE if it has run before; LANDLINE_ERR_IO if the listening socket fails permanently;
 * open connections are not affected; LANDLINE_ERR_NULL.
 */
landline_status landline_server_run(landline_server *server, landline_server_handler handler, void *user);

/**
 * Stops a server, from another thread: closes the listening socket, so that new clients are refused; drops clients
 * in the opening handshake; sends a Close frame with 1001 on all other connections; waits at most `grace_ms` (-1: no
 * limit) for the handlers to return; and cuts the connections that are left. Handlers get LANDLINE_CLOSED or
 * LANDLINE_ERR_ABORTED. `*finished` is the number of connections whose handlers returned in time, `*cut` that of the
 * others; both pointers may be NULL. May be called before landline_server_run(), which then returns immediately.
 *
 * Blocks for at most `grace_ms`, and another second for handlers that do not return although their connection has
 * been cut.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID.
 */
landline_status landline_server_stop(landline_server *server, int32_t grace_ms, size_t *finished, size_t *cut);

/** Frees a server that is not running. NULL does nothing. */
void landline_server_free(landline_server *server);


/*
 * ===== Waiting for several handles ===============================================================================
 */

/** A connection, listener or descriptor to wait for: exactly one of the three is set, the others are NULL or -1. */
typedef struct landline_wait_item {
    /** A connection: ready when it has something to receive or can continue to send pending output. */
    landline_conn *conn;
    /** A listener: ready when a client is waiting. */
    landline_listener *listener;
    /** The caller's own descriptor. */
    int32_t fd;
    /** What to wait for on a descriptor: POLLIN, POLLOUT. Ignored for connections and listeners. */
    int16_t events;
    /**
     * Filled in by the call: for descriptors, what poll() reported; for connections and listeners, POLLIN if they
     * are ready.
     */
    int16_t revents;
} landline_wait_item;

/**
 * Waits until at least one of `count` connections, listeners and descriptors is ready. `*ready` is the number of
 * those that are; their `revents` is not 0. For a connection that is ready, call a receiving function with a time
 * limit of 0, whatever the reason: it also sends pending output and completes the closing handshake.
 * landline_conn_interrupt() makes a connection ready, landline_listener_interrupt() a listener. No other thread may
 * receive on the connections meanwhile.
 *
 * A connection also becomes ready when something is due: sending a keepalive Ping, giving up a silent peer or a
 * closing handshake, releasing memory. The receiving call then does that, and may have nothing else to do
 * (LANDLINE_TIMED_OUT).
 *
 * Blocks for at most `timeout_ms` (-1: no limit; 0: does not block).
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_ERR_UNSUPPORTED for a connection without a descriptor;
 * LANDLINE_ERR_BUSY; LANDLINE_ERR_INVALID; LANDLINE_ERR_NULL; LANDLINE_ERR_IO.
 */
landline_status landline_wait(landline_wait_item *items, size_t count, int32_t timeout_ms, size_t *ready);


/*
 * ===== The protocol without I/O: landline_protocol ===============================================================
 *
 * One end of a connection without I/O: bytes go in, events and bytes come out.
 *
 * Ownership: created by landline_protocol_client() or landline_protocol_server(), freed by landline_protocol_free().
 *
 * Threads: any thread, but one at a time; a call made while another one is in progress returns LANDLINE_ERR_BUSY.
 *
 * The loop: pass what was read to landline_protocol_receive(); take events with landline_protocol_next() until it
 * returns LANDLINE_EVENT_NONE; write landline_protocol_output() and report with landline_protocol_consume() how much
 * of it was written. When LANDLINE_CONN_STATE is LANDLINE_STATE_OVER and all output is written, end the stream; a
 * client waits for the server to do so first.
 *
 * The protocol has no clock, so time limits and keepalive are the caller's responsibility: limit the opening
 * handshake and end it with landline_protocol_give_up(); limit the time from landline_protocol_close() to the end;
 * after a time without input, call landline_protocol_ping(), and if nothing arrives after that either, give up the
 * peer.
 */

/** There are no more events until there is more input. */
#define LANDLINE_EVENT_NONE 0
/** A text message. */
#define LANDLINE_EVENT_TEXT 1
/** A binary message. */
#define LANDLINE_EVENT_BINARY 2
/**
 * The peer's Close frame, with its reason; LANDLINE_CONN_CLOSE_CODE_RECEIVED is the code. The reply is in the
 * output. This is the last event.
 */
#define LANDLINE_EVENT_CLOSE 8
/** A Ping; its Pong is in the output. */
#define LANDLINE_EVENT_PING 9
/** A Pong. */
#define LANDLINE_EVENT_PONG 10
/** The opening handshake is complete: messages can be sent. Only LANDLINE_EVENT_REQUEST can come before it. */
#define LANDLINE_EVENT_OPEN 16
/**
 * A client requests a connection, and the options allow it. Examine the request with
 * landline_protocol_request_str(), then decide with landline_protocol_accept() or landline_protocol_reject(). Only
 * after landline_protocol_deciding_by_caller().
 */
#define LANDLINE_EVENT_REQUEST 17

/**
 * Creates a client's end. Its first output is the request for `url`; with wss:// the caller does TLS. `options` may
 * be NULL. Free it with landline_protocol_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_protocol_client(const char *url,
                                         const landline_options *options,
                                         landline_protocol **protocol);

/**
 * Creates a server's end. It accepts a valid request, with the first of LANDLINE_OPT_SUBPROTOCOL that the client
 * offers, unless the caller decides: see landline_protocol_deciding_by_caller(). An invalid request, or one from
 * an origin that LANDLINE_OPT_ORIGINS does not allow, is answered with the appropriate HTTP error. `options` may
 * be NULL; TLS options are ignored, because the caller does TLS. Free it with landline_protocol_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_server(const landline_options *options, landline_protocol **protocol);

/**
 * Passes in received bytes, of which `*taken` are consumed. If that is not all of them, take events with
 * landline_protocol_next(), then pass in the rest.
 *
 * LANDLINE_OK; LANDLINE_ERR_HANDSHAKE, LANDLINE_ERR_REJECTED: the opening handshake failed; write the output and end
 * the stream; LANDLINE_ERR_CONFIG: the same, because the options contain a header that belongs to the handshake
 * itself; after the end of the connection, the error that ended it, as landline_protocol_next() returns it;
 * LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_receive(landline_protocol *protocol, const void *data, size_t len, size_t *taken);

/**
 * Reports that the peer has ended the stream. Take all events first. If the peer has not sent a Close frame, the
 * connection is over: nothing more can be sent, events that have already arrived can still be taken, and every later
 * call returns the same error.
 *
 * LANDLINE_OK if the peer's Close frame has arrived, LANDLINE_ERR_EOF if not; during the opening handshake,
 * LANDLINE_ERR_EOF for a server, LANDLINE_ERR_HANDSHAKE or LANDLINE_ERR_REJECTED for a client; the error that ended
 * the connection before; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_receive_eof(landline_protocol *protocol);

/**
 * Ends the opening handshake because the program's time limit for it has passed. Write the output, which tells a
 * server's client (408), and end the stream; every later call returns the same error. Does nothing once the
 * connection is open.
 *
 * LANDLINE_OK if the connection is open; LANDLINE_TIMED_OUT for a client, or LANDLINE_ERR_HANDSHAKE if the server
 * has refused it; LANDLINE_ERR_REJECTED for a server; the error that ended the connection before; LANDLINE_ERR_BUSY;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_give_up(landline_protocol *protocol);

/**
 * Takes the next event: `*event` is one of LANDLINE_EVENT_*, `*data` and `*len` its payload, which is valid until
 * the next call on this handle. LANDLINE_EVENT_NONE: pass in more bytes.
 *
 * LANDLINE_OK; LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT: the peer is at fault; write the output, which tells the
 * peer, and end the stream; LANDLINE_ERR_EOF after landline_protocol_receive_eof(); LANDLINE_ERR_HANDSHAKE,
 * LANDLINE_ERR_REJECTED, LANDLINE_ERR_CONFIG. Once one of these has been returned, every later call returns it,
 * including those that send and close. LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_next(landline_protocol *protocol, int32_t *event, const void **data, size_t *len);

/**
 * What is to be written to the peer: `*len` bytes at `*data`. Valid until the next call on this handle.
 *
 * LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_output(const landline_protocol *protocol, const void **data, size_t *len);

/**
 * Reports that `count` bytes of the output have been written.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID if there are fewer; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_consume(landline_protocol *protocol, size_t count);

/**
 * Queries a property that is a number, by its key: LANDLINE_CONN_STATE, LANDLINE_CONN_CLOSE_CODE_RECEIVED or
 * LANDLINE_CONN_COMPRESSION. The state is LANDLINE_STATE_OPENING before LANDLINE_EVENT_OPEN. It is
 * LANDLINE_STATE_OVER when nothing more can be sent or will arrive, because both Close frames have been exchanged,
 * the peer is at fault, the stream has ended, or the opening handshake has failed.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for another key; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_int(const landline_protocol *protocol, int32_t key, int64_t *value);

/**
 * Queries a property that is text, by its key: LANDLINE_CONN_SUBPROTOCOL, LANDLINE_CONN_TARGET or
 * LANDLINE_CONN_HEADERS. `*text` is `*len` bytes followed by a NUL. Valid until the protocol is freed. Empty before
 * LANDLINE_EVENT_OPEN. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for another key; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_str(const landline_protocol *protocol,
                                      int32_t key,
                                      const char **text,
                                      size_t *len);

/** Frees a protocol. NULL does nothing. */
void landline_protocol_free(landline_protocol *protocol);

/**
 * For a server: leaves the decision about each request that the options allow to the caller; it is reported as
 * LANDLINE_EVENT_REQUEST. Call this before anything has been received: it does nothing once the request has been
 * received, and nothing for a client.
 *
 * LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_deciding_by_caller(landline_protocol *protocol);

/**
 * Returns a text property of the request of LANDLINE_EVENT_REQUEST, by its LANDLINE_REQUEST_* key: `*text`, `*len`
 * bytes followed by a NUL. Valid until the protocol is freed, even after the decision. Empty if the request does
 * not have the property; LANDLINE_REQUEST_PEER_ADDR always is, because the caller does the I/O. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_INVALID for an unknown key;
 * LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_request_str(const landline_protocol *protocol,
                                              int32_t key,
                                              const char **text,
                                              size_t *len);

/**
 * Looks up one of that request's headers by name, which is not case-sensitive: `*value` is its `index`th value
 * (from 0), `*len` bytes followed by a NUL, or NULL if there is none. Valid until the protocol is freed. `len` may
 * be NULL.
 *
 * LANDLINE_OK, even if there is no such header; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_UTF8;
 * LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_request_header(const landline_protocol *protocol,
                                                 const char *name,
                                                 size_t index,
                                                 const char **value,
                                                 size_t *len);

/**
 * The `index`th subprotocol (from 0) that the client offers in that request, in the client's order of preference:
 * `*name`, `*len` bytes followed by a NUL, or NULL after the last one. Valid until the protocol is freed. `len`
 * may be NULL.
 *
 * LANDLINE_OK, even after the last one; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_BUSY;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_request_subprotocol(const landline_protocol *protocol,
                                                      size_t index,
                                                      const char **name,
                                                      size_t *len);

/**
 * Adds a header to the response to that request, whether it is then accepted or rejected. If it is accepted, the
 * headers of the options come first. The name is sent exactly as given.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a name or value that a header cannot have; LANDLINE_ERR_STATE before
 * LANDLINE_EVENT_REQUEST; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_protocol_add_header(landline_protocol *protocol, const char *name, const char *value);

/**
 * Accepts the request of LANDLINE_EVENT_REQUEST and adds the response to the output; LANDLINE_EVENT_OPEN comes
 * next. `subprotocol` must be one that the client offers; NULL chooses the first of LANDLINE_OPT_SUBPROTOCOL that
 * it offers, "" chooses none.
 *
 * LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the
 * request is still pending, and the headers that were added to the response are discarded; LANDLINE_ERR_STATE if
 * no request is pending; the error that has ended the connection, as for landline_protocol_next();
 * LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_protocol_accept(landline_protocol *protocol, const char *subprotocol);

/**
 * Rejects that request with an HTTP status from 200 to 599 and a body of `len` bytes, and adds the response to the
 * output. Write it, then end the stream; every later call returns LANDLINE_ERR_REJECTED.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID, LANDLINE_ERR_CONFIG for a status or header that cannot be sent: the request
 * is still pending, and after LANDLINE_ERR_CONFIG the headers that were added to the response are discarded;
 * LANDLINE_ERR_STATE if no request is pending; the error that has ended the connection, as for
 * landline_protocol_next(); LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_reject(landline_protocol *protocol, int32_t status, const void *body, size_t len);

/**
 * Adds a message to the output. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or LANDLINE_SEND_COMPRESS_ALWAYS.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_OPEN; LANDLINE_ERR_CLOSING once a Close frame has been sent;
 * the error that ended the connection, as landline_protocol_next() returns it; LANDLINE_ERR_UTF8;
 * LANDLINE_ERR_INVALID; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_send(landline_protocol *protocol,
                                       int32_t kind,
                                       const void *data,
                                       size_t len,
                                       uint32_t flags);

/**
 * Adds a Ping of at most 125 bytes to the output.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID; otherwise as landline_protocol_send().
 */
landline_status landline_protocol_ping(landline_protocol *protocol, const void *data, size_t len);

/**
 * Adds a Close frame to the output, after which nothing more can be sent. Events continue until
 * LANDLINE_EVENT_CLOSE. Does nothing if a Close frame was sent before.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID as landline_conn_close(); otherwise as landline_protocol_send().
 */
landline_status landline_protocol_close(landline_protocol *protocol, int32_t code, const void *reason, size_t len);


/*
 * ===== The log ===================================================================================================
 */

/** Nothing is logged. */
#define LANDLINE_LOG_OFF 0
/** Failures that should not occur. */
#define LANDLINE_LOG_ERROR 1
/** Conditions that deserve attention. */
#define LANDLINE_LOG_WARN 2
/** Notable events. */
#define LANDLINE_LOG_INFO 3
/** Details for debugging. */
#define LANDLINE_LOG_DEBUG 4
/**
 * Also the heads of requests and responses while connections are opened, line by line, without the values of
 * credentials and cookies.
 */
#define LANDLINE_LOG_TRACE 5

/**
 * Receives one line of the log without a line end: its level, LANDLINE_LOG_*, and its text, which is valid during
 * the call. Any number of threads may call it at the same time. It may call functions of the library, except
 * landline_log_set(), but must not unwind or jump out.
 */
typedef void (*landline_log_callback)(int32_t level, const char *text, void *user);

/**
 * Sends the library's log lines up to `level` to a callback, for the whole process. LANDLINE_LOG_OFF or a NULL
 * callback ends that. When this returns, the previous callback is no longer called. Lines never contain payload. A
 * forked child inherits the callback and may set another one.
 *
 * Blocks until the calls of the previous callback that are in progress have returned.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for an unknown level.
 */
landline_status landline_log_set(int32_t level, landline_log_callback callback, void *user);


/*
 * ===== Versions and features =====================================================================================
 */

/**
 * The version of the ABI: a program works with every library that has the same ABI version and is not older than the
 * program's header.
 */
#define LANDLINE_ABI_VERSION 0

/** The library supports TLS (wss). */
#define LANDLINE_FEATURE_TLS 1
/** The library supports compression (permessage-deflate). */
#define LANDLINE_FEATURE_COMPRESSION 2
/** The library supports Unix sockets. */
#define LANDLINE_FEATURE_UNIX 4

/**
 * The version of the library that is in use, such as "0.1.0": compare it with LANDLINE_VERSION of the header.
 * Static.
 */
const char *landline_version(void);

/** The version of the library as a number: compare it with LANDLINE_VERSION_NUMBER. */
int32_t landline_version_number(void);

/** LANDLINE_ABI_VERSION of the library that is in use. */
int32_t landline_abi_version(void);

/** The features of the library: LANDLINE_FEATURE_*, combined. */
uint64_t landline_features(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* LANDLINE_H */
