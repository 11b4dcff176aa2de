/*
 * Landline: WebSocket (RFC 6455) with compression (RFC 7692) for programs that use threads. Client and server, ws and
 * wss, with blocking calls and no callbacks. Anything not declared in this file is not part of the interface. The file is
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
 * Functions are named landline_<class>_<verb>. Arguments come in this order: the handle, inputs, `flags`, `timeout_ms`,
 * outputs. Handles are opaque; a function that only queries a handle takes it as const. Outputs are written on success
 * only, except that an output handle is set to NULL on failure.
 *
 * Options and the properties of a handle are identified by keys, so that more can be added. A query that can fail returns
 * a status: landline_<class>_int(handle, key, &value), _str(handle, key, &text, &len) and _header(handle, name, index,
 * &value, &len). A query that cannot fail returns its result: those for what a handle always has, landline_error_*() and
 * landline_status_*(). For a NULL handle the result is 0, NULL or empty.
 *
 * Bytes are passed in as `const void *data, size_t len`, handed out as `const void **data, size_t *len`, and written to
 * `void *data, size_t capacity`. If the length is 0, the pointer is ignored. Text is a `const char *` that ends with a NUL;
 * text that is handed out comes with its length, `size_t *len`, which may be NULL.
 *
 * `user` is the last argument of every callback, and directly follows the callback where one is passed in. Constants are
 * named LANDLINE_<GROUP>_<NAME>; outcomes (LANDLINE_OK and so on) and the two kinds of message have no group. Negative
 * statuses are errors and named LANDLINE_ERR_*.
 *
 * OWNERSHIP
 *
 * The caller owns every handle that a function outputs, and frees it once, with the function that the section of its type
 * names. Those functions accept NULL. Nothing else needs to be freed. Text and bytes that are handed out belong to the
 * handle or, for landline_error_*(), to the thread; each function says how long they remain valid. Arguments are copied, or
 * not used after the call, unless the function says otherwise.
 *
 * Freeing a connection does not perform the closing handshake; landline_conn_close() does. Connections are
 * reference-counted: call landline_conn_retain() for each further thread that will free the connection itself.
 *
 * STRINGS AND LENGTHS
 *
 * Payloads, close reasons and certificates are bytes: a pointer and a length. Names, URLs, headers and addresses are text
 * in UTF-8; the values of a peer's headers are handed out exactly as received. Text messages are UTF-8 and may contain
 * NULs; received ones are always valid. Sizes are in bytes.
 *
 * THREADS
 *
 * Any thread may call any function at any time, even on the same handle, with three exceptions: a handle may be freed only
 * when no other thread uses it; a landline_protocol is used by one thread at a time; and LANDLINE_OPT_SINGLE_THREAD
 * restricts its connections. One thread receives on a connection while any number of others send, ping, close or interrupt
 * it, over TLS too. A second thread that tries to receive gets LANDLINE_ERR_BUSY. Connections share no lock that is held
 * while one of them blocks.
 *
 * The library starts threads only to look up names, to read certificates within a time limit, and to serve the connections
 * of landline_server_run().
 *
 * BLOCKING AND TIME LIMITS
 *
 * Functions block until they are done, unless a time limit ends them. `timeout_ms` limits one call: -1 means no limit, 0
 * means do not wait. Any other negative number is refused with LANDLINE_ERR_INVALID, and nothing is done. A call that was
 * ended by its time limit or by landline_conn_interrupt() has lost nothing and can be repeated; for a message being sent,
 * the status says whether it is on its way (LANDLINE_PENDING) or nothing of it was sent (LANDLINE_TIMED_OUT,
 * LANDLINE_INTERRUPTED). Signals do not end calls. Messages gathered with LANDLINE_SEND_FEED are sent before a call waits
 * for the peer.
 *
 * Keep a thread in a receiving call most of the time: that is where Pings are answered, the closing handshake is completed
 * and keepalive works.
 *
 * A program with an event loop of its own polls LANDLINE_CONN_FD for landline_conn_poll_events(), for at most
 * LANDLINE_CONN_NEXT_DEADLINE_MS, and then calls a receiving function with a time limit of 0 until it gives
 * LANDLINE_TIMED_OUT. These calls also do whatever is due at a certain time, such as sending keepalive's Pings.
 * landline_wait() does the polling and heeds the deadlines by itself. A program that does all I/O itself uses
 * landline_protocol.
 *
 * ERRORS
 *
 * Every function that can fail returns a landline_status: 0 is success, positive numbers are outcomes to branch on, and
 * negative numbers are errors, in families of a hundred: misuse (nothing was done), -100 network, -200 TLS, -300 opening
 * handshake, -400 protocol, -500 limits, -900 defects. landline_status_is_fatal() says whether the connection that gave a
 * status is over; if so, every later receiving call gives the same status. LANDLINE_ERR_PROTOCOL and LANDLINE_ERR_LIMIT are
 * reported with a delay: the peer is sent a Close frame that gives the reason, and has up to 2 s to read it and end the
 * stream. landline_error_text(), landline_error_int() and landline_error_bytes() give the details of the last failure in
 * the calling thread.
 *
 * NULL pointers and misuse give an error and do not crash. A defect in Landline becomes LANDLINE_ERR_PANIC, which the
 * connection then gives to every call. SIGPIPE is never raised. `errno` is not part of the interface; LANDLINE_ERROR_ERRNO
 * is. After fork() the child may create handles of its own; those it has inherited belong to its parent: see FORK.
 *
 * FORK
 *
 * A handle (connection, writer, listener, server, request, interrupter) belongs to the process that created it. In a
 * process forked from that one, every call on it gives LANDLINE_ERR_FORKED and touches nothing that the two processes
 * share; freeing it closes the child's copies of its descriptors and does nothing else, and the parent does not notice.
 * When the parent ends a connection or a listener, the peer is told, and the port becomes free, even though a child has the
 * descriptor. Options can be used in the child, unless another thread was changing them at the moment of the fork. A server
 * with several processes binds a socket, forks, and creates a listener in each process: landline_listen_fd().
 *
 * LOADING AT RUN TIME
 *
 * dlopen() and dlclose() may be called in any order and any number of times. Call dlclose() only when every handle is freed
 * and no call is in progress. The installed library stays in memory, because OpenSSL, which outlives it, holds pointers to
 * its functions; opening it again costs nothing. Link a library of your own that contains liblandline.a with
 * -Wl,-z,nodelete.
 *
 * VERSIONS
 *
 * LANDLINE_VERSION is the version of the header, landline_version() that of the library. Within one LANDLINE_ABI_VERSION,
 * which is also the number of the shared library (liblandline.so.0), functions, keys and statuses are only added: a program
 * works with any library that is not older than its header. Numbers never change their meaning. While the ABI version is 0,
 * a release that changes the minor version may break this; CHANGELOG.md then says so.
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
 * What most functions return: 0 for success, a positive number for an outcome to branch on, a negative one for an error.
 *
 * New numbers may be added to each family of a hundred; treat an unknown one as its family.
 */
typedef int32_t landline_status;

/* The handles. The section of each says what it is for, who frees it, and which threads may use it. */
typedef struct landline_conn landline_conn;
typedef struct landline_message landline_message;
typedef struct landline_options landline_options;
typedef struct landline_interrupter landline_interrupter;
typedef struct landline_writer landline_writer;
typedef struct landline_listener landline_listener;
typedef struct landline_request landline_request;
typedef struct landline_server landline_server;
typedef struct landline_protocol landline_protocol;


/*
 * ===== Connections: landline_conn ================================================================================
 *
 * An open connection, of a client or of a server.
 *
 * Ownership: counted. It is made with one reference; landline_conn_retain() adds one, landline_conn_free() gives one up,
 * and the last one ends the connection.
 *
 * Threads: any, at any time. One thread receives while any number of others send, ping, close, interrupt and abort; a
 * second one that receives gets LANDLINE_ERR_BUSY. LANDLINE_OPT_SINGLE_THREAD binds a connection to one thread.
 */

/**
 * Opens a connection to a URL that begins with ws:// or wss://. `options` may be NULL. Free `*conn` with
 * landline_conn_free().
 *
 * Blocks until it is open: looking up the name, connecting, TLS and the opening handshake together take at most
 * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED (LANDLINE_ERROR_PHASE says in which step of both);
 * LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_RESOLVE; LANDLINE_ERR_CONNECT; LANDLINE_ERR_TLS;
 * LANDLINE_ERR_HANDSHAKE when the server refused (see LANDLINE_ERROR_HTTP_STATUS); LANDLINE_ERR_IO;
 * LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8. `*conn` is NULL unless the status is LANDLINE_OK.
 */
landline_status landline_connect(const char *url,
                                 const landline_options *options,
                                 int32_t timeout_ms,
                                 landline_conn **conn);


/*
 * ===== Sending ===================================================================================================
 */

/** A text message: valid UTF-8, checked when it was received or before it is sent. */
#define LANDLINE_TEXT 1
/** A binary message. */
#define LANDLINE_BINARY 2

/**
 * Gather the message: it leaves with the next one that is not gathered, with landline_conn_flush(), before a receiving
 * call waits, or when 64 KiB are there. Saves system calls. Where another thread receives, call flush.
 */
#define LANDLINE_SEND_FEED 1
/**
 * Do not compress the message: it is compressed already, or holds a secret. Some peers cannot read it then: see
 * LANDLINE_OPT_COMPRESSION_THRESHOLD.
 */
#define LANDLINE_SEND_COMPRESS_NEVER 2
/** Compress the message even if it is small. */
#define LANDLINE_SEND_COMPRESS_ALWAYS 4

/**
 * Sends a message of LANDLINE_TEXT or LANDLINE_BINARY. `flags`: 0 or LANDLINE_SEND_*.
 *
 * Blocks until its bytes are in the kernel, for at most `timeout_ms` (-1: no limit), and for at most
 * LANDLINE_OPT_SEND_TIMEOUT_MS without any progress. Any number of threads may send at the same time: messages go out
 * whole, one after the other. `data` is not used after the call.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing of it was sent, it may be sent again;
 * LANDLINE_PENDING: it is on its way, do not send it again; LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8 for text that is
 * not; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. All other errors are final: what landline_conn_recv() gives.
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
    /** Where it begins; does not matter if there is none of it. */
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
 * Writes what was gathered with LANDLINE_SEND_FEED, or left over by LANDLINE_PENDING. Blocks as landline_conn_send().
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; the final errors of landline_conn_send().
 */
landline_status landline_conn_flush(landline_conn *conn, int32_t timeout_ms);

/**
 * Sends a message if that needs no waiting. Never blocks. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or _ALWAYS.
 *
 * LANDLINE_OK: the message was accepted. Its bytes are in the kernel, or what the kernel had no room for is in the queue
 * of the connection, in front of whatever is sent next; it leaves while a receiving call waits, and with the next call
 * that sends or flushes. LANDLINE_ERR_WOULD_BLOCK: nothing of the message was accepted, and the connection is as it was
 * apart from the progress of earlier messages. 64 KiB or more of those are stuck because the peer does not read, or the
 * message would have to wait for another thread, which streams a message or writes a large one. So a connection holds at
 * most 64 KiB and one message for a peer that does not read. An interruption is left to the next call that waits.
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
 * A received message: one that owns its data, from landline_conn_recv(), or one that is borrowed from its connection,
 * from landline_conn_recv_ref().
 *
 * Ownership: the caller's, who frees it with landline_message_free(); a borrowed one before its connection.
 *
 * Threads: any, several at the same time, until it is freed.
 */

/**
 * Receives the next message, whole, as one that owns its data. Free it with landline_message_free().
 *
 * Blocks until there is one, the connection ends, or `timeout_ms` has passed: -1 waits without limit, 0 returns only
 * what has arrived. Sends what was gathered with LANDLINE_SEND_FEED before it waits, and answers Pings and Close frames.
 *
 * LANDLINE_OK; LANDLINE_CLOSED: closing handshake complete, see LANDLINE_CONN_CLOSE_CODE; LANDLINE_TIMED_OUT and
 * LANDLINE_INTERRUPTED: nothing is lost, in the middle of a message too, call again; LANDLINE_ERR_BUSY: another thread
 * receives. All other errors are final, free the connection: LANDLINE_ERR_EOF, LANDLINE_ERR_PROTOCOL,
 * LANDLINE_ERR_LIMIT, LANDLINE_ERR_SILENT, LANDLINE_ERR_ABORTED, LANDLINE_ERR_CLOSE_UNANSWERED, LANDLINE_ERR_TLS,
 * LANDLINE_ERR_IO. LANDLINE_ERR_PROTOCOL and LANDLINE_ERR_LIMIT are given when the peer has had time to read the Close
 * frame that gives the reason: when it ends the stream, after 2 s at most. `*message` is NULL unless the status is LANDLINE_OK.
 */
landline_status landline_conn_recv(landline_conn *conn, int32_t timeout_ms, landline_message **message);

/**
 * landline_conn_recv() without a copy: the message is borrowed from the connection. Until it is freed, with
 * landline_message_free(), nothing else can be received (LANDLINE_ERR_BUSY); sending goes on.
 */
landline_status landline_conn_recv_ref(landline_conn *conn, int32_t timeout_ms, landline_message **message);

/**
 * Receives into the caller's buffer, as much as is there and fits: `*len` bytes of a message of `*kind`. In constant
 * memory, whatever the size of the message.
 *
 * LANDLINE_OK means that the message ends here, LANDLINE_MORE that the next call goes on with it, because the buffer
 * is full or because the rest has not arrived. Nothing is lost when the buffer is too small. Text is valid UTF-8 as a
 * whole; a character may lie across two calls. A call of another receiving function skips the rest of the message.
 * Otherwise as landline_conn_recv(); LANDLINE_ERR_INVALID for a buffer without room.
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
 * The payload: landline_message_len() bytes, not followed by a NUL. Valid until the message is freed. Never NULL, but
 * for NULL.
 */
const void *landline_message_data(const landline_message *message);

/** The length of the payload in bytes; 0 for NULL. */
size_t landline_message_len(const landline_message *message);

/**
 * Frees a message, in any thread, once. A borrowed one is given back: its connection can receive again. It lies in its
 * connection, so free it before that. NULL does nothing.
 */
void landline_message_free(landline_message *message);


/*
 * ===== Closing ===================================================================================================
 */

/** The connection has served its purpose. */
#define LANDLINE_CLOSE_NORMAL_CLOSURE 1000
/** This end goes away: a server stops, or a page is left. */
#define LANDLINE_CLOSE_GOING_AWAY 1001
/** The peer broke the protocol. */
#define LANDLINE_CLOSE_PROTOCOL_ERROR 1002
/** A kind of message that this end does not accept. */
#define LANDLINE_CLOSE_UNSUPPORTED_DATA 1003
/** Reported for a Close frame without a code; cannot be sent. */
#define LANDLINE_CLOSE_NO_STATUS_RECEIVED 1005
/** Reported if the connection ended without a Close frame; cannot be sent. */
#define LANDLINE_CLOSE_ABNORMAL_CLOSURE 1006
/** A message whose content does not fit its type, such as text that is not UTF-8. */
#define LANDLINE_CLOSE_INVALID_FRAME_PAYLOAD_DATA 1007
/** A message that breaks a policy. */
#define LANDLINE_CLOSE_POLICY_VIOLATION 1008
/** A message that is too big to process. */
#define LANDLINE_CLOSE_MESSAGE_TOO_BIG 1009
/** The client expected an extension that the server did not negotiate. */
#define LANDLINE_CLOSE_MANDATORY_EXTENSION 1010
/** This end met an unexpected condition. */
#define LANDLINE_CLOSE_INTERNAL_ERROR 1011
/** The service restarts. */
#define LANDLINE_CLOSE_SERVICE_RESTART 1012
/** The service is overloaded: try again later. */
#define LANDLINE_CLOSE_TRY_AGAIN_LATER 1013
/** A gateway received an invalid response from the server behind it. */
#define LANDLINE_CLOSE_BAD_GATEWAY 1014

/**
 * Performs the closing handshake: sends a Close frame with a code and a reason of at most 123 bytes, and waits for the
 * peer's Close frame, discarding everything else that arrives, however much. Messages that were sent before still reach
 * a peer that reads them. If another thread is receiving, that thread gets LANDLINE_CLOSED, and this call waits for it.
 *
 * Blocks for at most LANDLINE_OPT_CLOSE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. Afterwards the
 * connection is over whatever the status, except for LANDLINE_PENDING, LANDLINE_ERR_INVALID, LANDLINE_ERR_NULL,
 * LANDLINE_ERR_UTF8 and LANDLINE_ERR_BUSY. It still has to be freed.
 *
 * LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the Close frame is on its way, and the thread that is
 * receiving, or has borrowed a message, has to complete the handshake; LANDLINE_ERR_BUSY: this thread has borrowed a
 * message, and nothing was done; LANDLINE_ERR_INVALID for a code that cannot be sent (any LANDLINE_CLOSE_* except 1005
 * and 1006, and 3000 to 4999, can) or a reason that is too long; LANDLINE_ERR_CLOSE_UNANSWERED; the final errors of
 * landline_conn_recv().
 */
landline_status landline_conn_close(landline_conn *conn,
                                    int32_t code,
                                    const void *reason,
                                    size_t len,
                                    int32_t timeout_ms);

/**
 * Starts the closing handshake: sends a Close frame, after which nothing more can be sent. Receiving calls still deliver
 * what the peer sends, and then give LANDLINE_CLOSED, within LANDLINE_OPT_CLOSE_TIMEOUT_MS. Does nothing if a Close frame
 * was sent before or the closing handshake is complete. Otherwise as landline_conn_send(), and LANDLINE_ERR_INVALID as
 * landline_conn_close().
 */
landline_status landline_conn_close_start(landline_conn *conn,
                                          int32_t code,
                                          const void *reason,
                                          size_t len,
                                          int32_t timeout_ms);

/**
 * Ends the connection immediately, without a Close frame, from any thread. Blocked calls return LANDLINE_ERR_ABORTED.
 * Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_abort(landline_conn *conn);

/**
 * Releases a reference. Releasing the last one ends the connection without a closing handshake and without waiting; call
 * landline_conn_close() first. NULL does nothing.
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
/** The buffer has been filled, or a part of the message has arrived; the next call goes on with it. */
#define LANDLINE_MORE 4
/**
 * Time ran out, or the call was interrupted, when the message had already been taken. It is on its way and must not
 * be sent again: the next call that sends, flushes or receives carries on with it.
 */
#define LANDLINE_PENDING 5

/** An argument is NULL that may not be. Nothing was done. */
#define LANDLINE_ERR_NULL -1
/** An argument is out of range; the error's text names it. Nothing was done. */
#define LANDLINE_ERR_INVALID -2
/** The handle is not in a state for the call; the error's text says why. Nothing was done. */
#define LANDLINE_ERR_STATE -3
/** Another thread is receiving on this connection, or a borrowed message has not been freed. Nothing was done. */
#define LANDLINE_ERR_BUSY -4
/** Text that is not UTF-8. Nothing was sent. */
#define LANDLINE_ERR_UTF8 -5
/** The URL is not one that can be connected to. */
#define LANDLINE_ERR_URL -6
/** An option is out of range or does not fit the others, or an address to listen on cannot be read. */
#define LANDLINE_ERR_CONFIG -7
/** The connection is closing: nothing more can be sent, but messages can still be received. */
#define LANDLINE_ERR_CLOSING -8
/** The transport cannot do that: it has no descriptor to wait for, or is no socket that could be taken out. */
#define LANDLINE_ERR_UNSUPPORTED -9
/**
 * Not now: landline_conn_try_send() would have had to wait. Nothing was done. Also for the callbacks of a transport,
 * which then waits and tries again.
 */
#define LANDLINE_ERR_WOULD_BLOCK -10
/**
 * The handle was made in the process that this one was forked from, and belongs to it (see FORK at the top). Nothing
 * was done.
 */
#define LANDLINE_ERR_FORKED -11

/** The system refused something; LANDLINE_ERROR_ERRNO has its number. */
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
 * TLS failed: a certificate or key of this end cannot be read or used (LANDLINE_ERROR_FAULT is the caller's, the text says
 * which, in which file, and why, and LANDLINE_ERROR_ERRNO why the system did not read it), the handshake did not succeed,
 * or a record of an open connection was damaged, changed on the way, no TLS, or an alert (the peer's). In the last case:
 * connection over.
 */
#define LANDLINE_ERR_TLS -200

/** The server did not open a WebSocket; LANDLINE_ERROR_HTTP_STATUS, _HTTP_HEADERS and _HTTP_BODY have its answer. */
#define LANDLINE_ERR_HANDSHAKE -300
/** A client's request was refused, and answered so. The listener goes on. */
#define LANDLINE_ERR_REJECTED -301

/** The peer broke the protocol, and has been told so. Connection over. */
#define LANDLINE_ERR_PROTOCOL -400

/** The peer went over a limit of this end, and has been told so. Connection over. */
#define LANDLINE_ERR_LIMIT -500

/** A defect in Landline. The handle answers this from now on; free it. */
#define LANDLINE_ERR_PANIC -900
/** An error that has no number of its own yet; see its text. */
#define LANDLINE_ERR_OTHER -901

/** The name of a status, such as "LANDLINE_TIMED_OUT". Never NULL; static. Any number may be given. */
const char *landline_status_name(landline_status status);

/** Describes a status in a few words. Never NULL; static. landline_error_text() says more about the last failure. */
const char *landline_status_text(landline_status status);

/** Whether a connection that gave this status is over: 1, or 0 if it can be used as before. */
int32_t landline_status_is_fatal(landline_status status);

/** What a call was doing when it failed, timed out or was interrupted: unknown. */
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

/** Who is at fault: there was no failure. */
#define LANDLINE_FAULT_NONE 0
/** This program. */
#define LANDLINE_FAULT_CALLER 1
/** The peer. */
#define LANDLINE_FAULT_PEER 2
/** The network, or time ran out. */
#define LANDLINE_FAULT_NETWORK 3
/** A limit of this program was reached, which it can raise. */
#define LANDLINE_FAULT_LIMIT 4

/** For landline_error_int(): the status. */
#define LANDLINE_ERROR_STATUS 1
/** For landline_error_int(): one of LANDLINE_PHASE_*. */
#define LANDLINE_ERROR_PHASE 2
/** For landline_error_int(): the system's error number, or 0. */
#define LANDLINE_ERROR_ERRNO 3
/** For landline_error_int(): the HTTP status of a refused handshake, or 0. */
#define LANDLINE_ERROR_HTTP_STATUS 4
/** For landline_error_int(): the close code that the peer was sent because of the error, or 0. */
#define LANDLINE_ERROR_CLOSE_CODE 5
/** For landline_error_int(): one of LANDLINE_FAULT_*. */
#define LANDLINE_ERROR_FAULT 6
/** For landline_error_int(): whether the connection is over. */
#define LANDLINE_ERROR_IS_FATAL 7
/** For landline_error_bytes(): the headers of a refused handshake, each as "name: value\r\n". */
#define LANDLINE_ERROR_HTTP_HEADERS 8
/** For landline_error_bytes(): the body of a refused handshake, as far as LANDLINE_OPT_MAX_REFUSAL_BODY lets. */
#define LANDLINE_ERROR_HTTP_BODY 9

/**
 * Describes the last failure in this thread, its cause, and what can be done about it, in one line for people; options
 * have the names of this header. Never NULL; empty if there was none. Valid until the next call in this thread that
 * fails. Outcomes (CLOSED, TIMED_OUT, INTERRUPTED, PENDING) count as failures here, all but LANDLINE_MORE.
 */
const char *landline_error_text(void);

/**
 * A number of the last failure in this thread, by its LANDLINE_ERROR_* key; 0 for what it does not have, and for keys
 * that are not known.
 */
int64_t landline_error_int(int32_t key);

/**
 * Bytes of the last failure in this thread, by their LANDLINE_ERROR_* key: `*len` bytes and a NUL. Never NULL; valid
 * until the next call in this thread that fails. Empty for what the failure does not have, and for keys that are not
 * known. `len` may be NULL.
 */
const void *landline_error_bytes(int32_t key, size_t *len);


/*
 * ===== Sharing and interrupting connections ======================================================================
 */

/**
 * Adds a reference: landline_conn_free() has to be called once more. For another thread that uses the connection
 * independently. Returns `conn`.
 */
landline_conn *landline_conn_retain(landline_conn *conn);

/** For landline_conn_interrupt(): the call that receives. */
#define LANDLINE_DIRECTION_RECV 1
/** For landline_conn_interrupt(): calls that send. */
#define LANDLINE_DIRECTION_SEND 2
/** For landline_conn_interrupt(): both. */
#define LANDLINE_DIRECTION_BOTH 3

/**
 * Wakes a blocked call of this connection, from any thread: it ends with LANDLINE_INTERRUPTED. If no call is blocked,
 * the next one that would wait ends so. Once for receiving, and once for sending. The connection is not affected; data
 * that has arrived is delivered first. Never blocks.
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

/** Sends a Ping of at most 125 bytes. The Pong is received silently. Otherwise as landline_conn_send(). */
landline_status landline_conn_ping(landline_conn *conn, const void *data, size_t len, int32_t timeout_ms);

/**
 * Sends a Ping to be waited for: `*ping` is its number, for landline_conn_pong_wait().
 *
 * Blocks, and returns, as landline_conn_ping().
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
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_STATE when a message is half received, or more
 * messages came than can be kept (1024, or the largest message size); LANDLINE_ERR_CLOSING; the final errors of
 * landline_conn_recv().
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
/** The close code to report: the peer's, else the one sent because of an error of the peer, else 1006; 0 while open. */
#define LANDLINE_CONN_CLOSE_CODE 2
/** The code in the peer's Close frame, 1005 if it had none; 0 if none came. */
#define LANDLINE_CONN_CLOSE_CODE_RECEIVED 3
/** The code in our Close frame, 1005 if it had none; 0 if none was sent. */
#define LANDLINE_CONN_CLOSE_CODE_SENT 4
/** Whose Close frame came first: one of LANDLINE_SIDE_*. */
#define LANDLINE_CONN_CLOSED_FIRST_BY 5
/** 1 if the closing handshake was completed without an error. */
#define LANDLINE_CONN_CLOSED_CLEANLY 6
/**
 * The descriptor, to poll in an event loop of the caller's own; LANDLINE_ERR_UNSUPPORTED if there is none. Do not read
 * from it, write to it or close it.
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
 * How long an event loop of the caller's own may wait for the descriptor, in milliseconds from now, as poll() takes it:
 * -1 for no limit, 0 to not wait. When that time has passed, call a receiving function, for example with a time limit of
 * 0: it sends keepalive's Ping, detects a dead peer or the end of LANDLINE_OPT_CLOSE_TIMEOUT_MS, or releases memory.
 * Query it before each wait. LANDLINE_ERR_BUSY while another thread is receiving.
 */
#define LANDLINE_CONN_NEXT_DEADLINE_MS 17

/**
 * The connection's identity, a key for tables: 1 for the first connection of a process, then upwards. No two connections
 * of a process have the same, also when one of them is gone.
 */
#define LANDLINE_CONN_ID 18

/**
 * A number that belongs to the connection, by its LANDLINE_CONN_* key (1 to 99).
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is unknown; LANDLINE_ERR_UNSUPPORTED;
 * LANDLINE_ERR_BUSY for LANDLINE_CONN_HAS_BUFFERED while another thread receives.
 */
landline_status landline_conn_int(const landline_conn *conn, int32_t key, int64_t *value);

/** For landline_conn_str(): the negotiated subprotocol; empty if there is none. */
#define LANDLINE_CONN_SUBPROTOCOL 101
/** The extensions in use, as in Sec-WebSocket-Extensions. */
#define LANDLINE_CONN_EXTENSIONS 102
/** The path and query of the request, percent-encoded. */
#define LANDLINE_CONN_TARGET 103
/** The peer's address, such as "127.0.0.1:9001"; empty if it has none. */
#define LANDLINE_CONN_PEER_ADDR 104
/** The address of this end. */
#define LANDLINE_CONN_LOCAL_ADDR 105
/** The peer's headers: of the answer for a client, of the request for a server; each as "name: value\r\n". */
#define LANDLINE_CONN_HEADERS 106
/** The reason in the peer's Close frame; empty if there was none. */
#define LANDLINE_CONN_CLOSE_REASON 107

/**
 * A text that belongs to the connection, by its LANDLINE_CONN_* key (101 to 199): `*text`, `*len` bytes and a NUL.
 * Valid until the connection is freed. Empty if there is no such thing. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is unknown.
 */
landline_status landline_conn_str(const landline_conn *conn, int32_t key, const char **text, size_t *len);

/**
 * The events to poll LANDLINE_CONN_FD for now: POLLIN, and POLLOUT while something is waiting to be sent. First sends
 * what was gathered with LANDLINE_SEND_FEED, as far as there is room.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_conn_poll_events(landline_conn *conn, int16_t *events);

/**
 * The `index`th value (from 0) of one of the peer's headers, by its name in any case: `*value`, `*len` bytes and a NUL,
 * or NULL if there is none. Valid until the connection is freed. `len` may be NULL.
 *
 * LANDLINE_OK, also if there is none; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
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
/** A file with this end's certificate chain in PEM. Requires LANDLINE_OPT_TLS_KEY_FILE. For a server it turns on TLS. */
#define LANDLINE_OPT_TLS_CERT_FILE 106
/** A file with this end's private key in PKCS#8 PEM. */
#define LANDLINE_OPT_TLS_KEY_FILE 107
/** The password of LANDLINE_OPT_TLS_PKCS12, which must also be given. */
#define LANDLINE_OPT_TLS_PKCS12_PASSWORD 108

/**
 * Sets an option that is text: LANDLINE_OPT_* 101 to 199. `value` is UTF-8 and is copied; NULL restores the default.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; LANDLINE_ERR_INVALID for an unknown key; LANDLINE_ERR_UTF8.
 */
landline_status landline_options_set_str(landline_options *options, int32_t key, const char *value);

/**
 * Client: certificates in PEM to trust in addition to the platform's. Each call adds to them; a length of 0 removes
 * all.
 */
#define LANDLINE_OPT_TLS_CA_PEM 201
/** This end's certificate chain in PEM. Requires LANDLINE_OPT_TLS_KEY_PEM. For a server it turns on TLS. */
#define LANDLINE_OPT_TLS_CERT_PEM 202
/** This end's private key in PKCS#8 PEM. */
#define LANDLINE_OPT_TLS_KEY_PEM 203
/** This end's certificate and key as a PKCS#12 archive, instead of PEM. For a server it turns on TLS. */
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
 * exactly as given. Headers of the handshake itself cannot be set: a client reports them when the options are used,
 * a server refuses every client with 500.
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


/*
 * ===== Interrupters: landline_interrupter ========================================================================
 *
 * Wakes a blocked call, from any thread: connecting and the calls of the connection that came of it, or waiting for a
 * client. Given by landline_options_set_interrupter(). Open connections have landline_conn_interrupt() as well.
 *
 * Ownership: made by landline_interrupter_new(), freed by landline_interrupter_free(), also while it is in use.
 *
 * Threads: any, at the same time too.
 */

/**
 * Makes an interrupter. Takes two descriptors. Free it with landline_interrupter_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_IO when the process has no descriptor left.
 */
landline_status landline_interrupter_new(landline_interrupter **interrupter);

/**
 * Wakes a call that connects, accepts, receives or sends: it ends with LANDLINE_INTERRUPTED. If none is blocked, the next
 * one that would wait ends so. Data that has arrived is delivered first. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_interrupter_interrupt(landline_interrupter *interrupter);

/**
 * Ends the connection immediately, as landline_conn_abort() does; before there is one, wakes the call that opens it.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
 */
landline_status landline_interrupter_abort(landline_interrupter *interrupter);

/** Frees an interrupter. NULL does nothing. Calls and connections that use it continue without it. */
void landline_interrupter_free(landline_interrupter *interrupter);


/*
 * ===== Messages in pieces: landline_writer =======================================================================
 *
 * One message that is being sent as a stream, in constant memory.
 *
 * Ownership: made by landline_conn_send_stream(), freed by landline_writer_free(), before its connection or after it.
 *
 * Threads: any, one at a time; a second one waits.
 */

/**
 * Begins a message of unknown size, to be written in pieces. Other threads' messages wait until it ends; Pings, Pongs
 * and Close frames do not. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or LANDLINE_SEND_COMPRESS_ALWAYS.
 *
 * Blocks until no other message is being streamed. The writer must be freed, by landline_writer_free(), before or
 * after the connection is.
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
 * Adds to the message. It leaves in fragments of 16 KiB, or of up to about 64 KiB if it is compressed.
 *
 * Blocks as landline_conn_send() until all of it is taken; `*written` is how much was, also when the status is not
 * LANDLINE_OK: continue after it. May be NULL.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_PENDING: go on; LANDLINE_ERR_UTF8: the message is text
 * and this is not, and the message can only be abandoned; LANDLINE_ERR_STATE after landline_writer_finish();
 * LANDLINE_ERR_CLOSING; the final errors of landline_conn_send().
 */
landline_status landline_writer_write(landline_writer *writer,
                                      const void *data,
                                      size_t len,
                                      int32_t timeout_ms,
                                      size_t *written);

/** Sends what has been written, in a fragment that can be read at once. Otherwise as landline_writer_write(). */
landline_status landline_writer_flush(landline_writer *writer, int32_t timeout_ms);

/**
 * Ends the message. When it returns LANDLINE_OK, all of it is in the kernel. Does nothing if the message has ended.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; LANDLINE_PENDING: the end is on its way;
 * LANDLINE_ERR_UTF8: the text ends in the middle of a character; otherwise as landline_writer_write().
 */
landline_status landline_writer_finish(landline_writer *writer, int32_t timeout_ms);

/**
 * Frees a writer, without waiting. A message that has not ended cannot be taken back: the connection is then closed with
 * 1011. NULL does nothing.
 */
void landline_writer_free(landline_writer *writer);


/*
 * ===== Sockets and transports of the caller's own ================================================================
 */

/** For `wait` of landline_transport: data, or the end of the stream. */
#define LANDLINE_WAIT_READ 1
/** For `wait` of landline_transport: room to write. */
#define LANDLINE_WAIT_WRITE 2

/**
 * A two-way stream of bytes of the caller's own: a tunnel, a serial line, another TLS library. A table that the caller
 * fills in; all functions but `free` must be there.
 *
 * `read` and `write` never wait; `wait` is where threads wait. One thread may be in `read` while another one is in
 * `write`, and two in `wait`; `abort` may come at any time. No function may unwind or jump out, nor call a function of the
 * connection that it belongs to.
 */
typedef struct landline_transport {
    /** sizeof(landline_transport), so that the table can grow. */
    size_t size;
    /**
     * Reads up to `capacity` bytes: how many, 0 at the end of the stream, LANDLINE_ERR_WOULD_BLOCK if none is there,
     * LANDLINE_ERR_IO if the stream is broken.
     */
    int64_t (*read)(void *data, size_t capacity, void *user);
    /**
     * Writes up to `len` bytes: how many, LANDLINE_ERR_WOULD_BLOCK if there is no room, LANDLINE_ERR_IO if the stream is
     * broken. After LANDLINE_ERR_WOULD_BLOCK the next call begins with the same bytes.
     */
    int64_t (*write)(const void *data, size_t len, void *user);
    /**
     * Waits until one of `wanted` (LANDLINE_WAIT_*) can be done, `wake_fd` is readable (if it is not -1; do not read
     * from it), or `timeout_ms` is over (if it is not -1). Gives what can be done, 0 for none, or LANDLINE_ERR_IO. May
     * return early.
     */
    int32_t (*wait)(int32_t wanted, int32_t wake_fd, int32_t timeout_ms, void *user);
    /** Ends the stream towards the peer, after what was written. Reading goes on. */
    void (*close_write)(void *user);
    /** Ends both directions immediately, and wakes threads that wait. */
    void (*abort)(void *user);
    /**
     * The last call, when the connection is freed. End the stream if it has not ended: `close_write` and `abort` may not
     * have been called. May be NULL.
     */
    void (*free)(void *user);
} landline_transport;

/**
 * Opens a connection over a stream socket that the caller has connected, TCP or Unix. `url` says what to ask for, and
 * with wss:// TLS is done over it. With `take` 1 the descriptor belongs to the connection from here on, also when this
 * fails; with 0 the connection uses a duplicate, and the caller still closes the original, at any time.
 *
 * Blocks, and returns, as landline_connect(); LANDLINE_ERR_INVALID for a descriptor that is no such socket.
 */
landline_status landline_connect_fd(int32_t fd,
                                    int32_t take,
                                    const char *url,
                                    const landline_options *options,
                                    int32_t timeout_ms,
                                    landline_conn **conn);

/**
 * Opens a connection over a transport of the caller's own, whose functions are called with `user`. `url` says what to
 * ask for, and with wss:// TLS is done over it. The table is copied; its `free` is called once, also when this fails,
 * unless it is the table that is NULL, incomplete or of the wrong size.
 *
 * Blocks, and returns, as landline_connect().
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
 * Each direction buffers 64 KiB, including a few bytes for each frame. A send that does not fit blocks until the other
 * end receives: a single thread that sends more before it receives, with no time limit, blocks for ever.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_HANDSHAKE when the two do not agree.
 */
landline_status landline_pair(const landline_options *client_options,
                              const landline_options *server_options,
                              landline_conn **client,
                              landline_conn **server);

/**
 * Opens a connection with a client that is connected over a stream socket of the caller's, TCP or Unix, in one step:
 * reads its request and accepts it, with the first of LANDLINE_OPT_SUBPROTOCOL that it offers. `take` as in
 * landline_connect_fd(). `options` may be NULL. Free `*conn` with landline_conn_free(). To look at the request first:
 * landline_request_from_fd().
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
 *
 * What landline_listener_accept() gives for one client; LANDLINE_ERR_INVALID for a descriptor that is no such socket.
 */
landline_status landline_accept_fd(int32_t fd,
                                   int32_t take,
                                   const landline_options *options,
                                   int32_t timeout_ms,
                                   landline_conn **conn);

/** The same over a transport of the caller's own; its `free` is called as in landline_connect_transport(). */
landline_status landline_accept_transport(const landline_transport *transport,
                                          void *user,
                                          const landline_options *options,
                                          int32_t timeout_ms,
                                          landline_conn **conn);

/**
 * Takes the socket out of a connection, for a program that goes on with another protocol or library, or hands it to another
 * process: `*fd`, a descriptor that belongs to the caller, in blocking mode. `*data` and `*len` are what the peer has sent
 * and no call has returned: frames as they came, the last of which may be incomplete; valid until the connection is freed.
 *
 * For the connection this is the end: every call gives LANDLINE_ERR_DETACHED, or what it gave before if the connection was
 * closed in order, and freeing or aborting it does nothing to the socket. The peer notices nothing. Everything that was
 * sent or gathered before is written first. After an orderly close nothing is left to be received, and both directions of
 * the socket have been shut down. The state of TLS cannot be taken out, and a transport of the caller's own is the
 * caller's already.
 *
 * Blocks until all is written, for at most `timeout_ms` (-1: no limit), and for at most LANDLINE_OPT_SEND_TIMEOUT_MS
 * without any progress.
 *
 * LANDLINE_OK. The connection goes on after LANDLINE_ERR_UNSUPPORTED: it does not run directly over a socket;
 * LANDLINE_ERR_STATE: a message is half received, or was kept by landline_conn_ping_wait(); LANDLINE_TIMED_OUT,
 * LANDLINE_INTERRUPTED; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID; and LANDLINE_ERR_CLOSING while the
 * closing handshake is under way. The final errors of landline_conn_recv().
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
 * Ownership: made by landline_listen() or landline_listen_fd(), freed by landline_listener_free(). Requests and
 * connections outlast it.
 *
 * Threads: any; several may accept at the same time.
 */

/**
 * Listens on "ADDRESS:PORT", such as "127.0.0.1:9001" or "[::1]:9001" (port 0 takes a free one: see
 * landline_listener_local_addr()), ":PORT" for every address of this machine, or "unix:PATH", where a stale socket file is replaced. `options`
 * may be NULL. Free it with landline_listener_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_IO, with EADDRINUSE for a path that is in use or is not a socket;
 * LANDLINE_ERR_CONFIG, also for an address that is not of these forms; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL;
 * LANDLINE_ERR_UTF8.
 */
landline_status landline_listen(const char *address, const landline_options *options, landline_listener **listener);

/**
 * Listens on a socket of the caller's that listens already, TCP or Unix, and is put into nonblocking mode. For servers
 * of several processes: bind a socket, fork, and call this in each process; all of them then accept from it. `take` as
 * in landline_connect_fd(). When the listener is freed or stopped, the socket goes on to listen where others have it.
 * `options` may be NULL. Free it with landline_listener_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a descriptor that is no such socket; LANDLINE_ERR_IO; LANDLINE_ERR_CONFIG;
 * LANDLINE_ERR_TLS; LANDLINE_ERR_NULL.
 */
landline_status landline_listen_fd(int32_t fd,
                                   int32_t take,
                                   const landline_options *options,
                                   landline_listener **listener);

/** The address that is listened on, with the port that was taken. Valid until the listener is freed; NULL for NULL. */
const char *landline_listener_local_addr(const landline_listener *listener);

/**
 * Waits for a client and reads its request, TLS included: look at it, then accept or reject it. Free `*request` with
 * landline_request_free().
 *
 * Blocks for at most `timeout_ms` until there is a client (-1 for no limit), and then for at most
 * LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: one slow client delays the others. To serve many, use
 * landline_listener_accept_incoming() and read each request in a thread of its own, or landline_server_run().
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF: of
 * one client, which has been answered: go on; LANDLINE_ERR_IO: of the listener, or of one client; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_accept(landline_listener *listener,
                                         int32_t timeout_ms,
                                         landline_request **request);

/**
 * Waits for a client without reading from it: call landline_request_read() next, possibly in another thread.
 *
 * A client is taken only with all descriptors that its connection needs: three, or one with LANDLINE_OPT_SINGLE_THREAD.
 * Where the process has not got them, this gives LANDLINE_ERR_IO with EMFILE, and the client waits.
 *
 * LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_IO; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_accept_incoming(landline_listener *listener,
                                                  int32_t timeout_ms,
                                                  landline_request **request);

/**
 * Wakes a thread that waits for a client, or the next one that would, with LANDLINE_INTERRUPTED; not one that is reading a
 * client's request. Never blocks.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_interrupt(landline_listener *listener);

/**
 * Stops listening, for good, from any thread. From here on clients are refused; calls that wait for one give
 * LANDLINE_INTERRUPTED, and so do calls that read a request; the file of a Unix socket is removed. Clients that have not
 * been accepted, or whose request is being read, are dropped. Requests that were read, and connections, go on. Never
 * blocks. Where the system cannot shut down a socket that listens (Linux can), clients connect until the listener is
 * freed.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL.
 */
landline_status landline_listener_stop(landline_listener *listener);

/** Frees a listener, with which it stops listening. Requests and connections go on. NULL does nothing. */
void landline_listener_free(landline_listener *listener);


/*
 * ===== Requests: landline_request ================================================================================
 *
 * A client that is connected and waits: look at its request, then accept or reject it.
 *
 * Ownership: the caller's, who frees it with landline_request_free(), also when it was answered. A client that was not
 * answered gets status 500.
 *
 * Threads: any, one at a time; a second one waits.
 */

/**
 * Reads the request of a client that connected by other ways: over a stream socket of the caller's. `take` as in
 * landline_connect_fd(). `options` may be NULL.
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
 *
 * What landline_listener_accept() gives for one client; LANDLINE_ERR_INVALID for a descriptor that is no such socket.
 */
landline_status landline_request_from_fd(int32_t fd,
                                         int32_t take,
                                         const landline_options *options,
                                         int32_t timeout_ms,
                                         landline_request **request);

/** The same over a transport of the caller's own; its `free` is called as in landline_connect_transport(). */
landline_status landline_request_from_transport(const landline_transport *transport,
                                                void *user,
                                                const landline_options *options,
                                                int32_t timeout_ms,
                                                landline_request **request);

/**
 * Reads the request of a client from landline_listener_accept_incoming(), TLS included. Does nothing if it was read.
 *
 * Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, the time for refusing included.
 *
 * LANDLINE_OK; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF, LANDLINE_ERR_IO, LANDLINE_TIMED_OUT, or
 * LANDLINE_INTERRUPTED by landline_listener_stop(): the client has disconnected; free the request; LANDLINE_ERR_NULL.
 */
landline_status landline_request_read(landline_request *request);

/**
 * For landline_request_str(): the path, without the query. Percent-encoded, also where the client sent bytes from 0x80
 * as they are.
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
/** Path and query byte by byte as the client sent them, which need not be UTF-8. */
#define LANDLINE_REQUEST_RAW_TARGET 7

/**
 * A text that belongs to the request, by its LANDLINE_REQUEST_* key: `*text`, `*len` bytes and a NUL. Valid until the
 * request is freed. Empty if there is no such thing. `len` may be NULL.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_INVALID for a key that is not
 * known; LANDLINE_ERR_NULL.
 */
landline_status landline_request_str(const landline_request *request, int32_t key, const char **text, size_t *len);

/**
 * The `index`th value (from 0) of one of the request's headers, by its name in any case: `*value`, `*len` bytes and a
 * NUL, or NULL if there is none. Valid until the request is freed. `len` may be NULL.
 *
 * LANDLINE_OK, also if there is none; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_UTF8;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_request_header(const landline_request *request,
                                        const char *name,
                                        size_t index,
                                        const char **value,
                                        size_t *len);

/**
 * The `index`th subprotocol (from 0) that the client offers, best first: `*name`, `*len` bytes and a NUL, or NULL
 * past the last one. Valid until the request is freed. `len` may be NULL.
 *
 * LANDLINE_OK, also past the last one; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_NULL.
 */
landline_status landline_request_subprotocol(const landline_request *request,
                                             size_t index,
                                             const char **name,
                                             size_t *len);

/**
 * Adds a header to the answer, whether the request is then accepted or rejected. Its name leaves as it is written.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a name or value that a header cannot have; LANDLINE_ERR_STATE;
 * LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_request_add_header(landline_request *request, const char *name, const char *value);

/**
 * Opens the connection. `subprotocol` must be one that the client offers; NULL takes the first of
 * LANDLINE_OPT_SUBPROTOCOL that it offers, "" none. Free `*conn` with landline_conn_free(), and still the request.
 *
 * Blocks until the answer is in the kernel, for at most the rest of LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS.
 *
 * LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the client
 * got 500; LANDLINE_TIMED_OUT, LANDLINE_ERR_IO: the client has disconnected; LANDLINE_ERR_STATE if it was answered before;
 * LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_request_accept(landline_request *request, const char *subprotocol, landline_conn **conn);

/**
 * Refuses, with an HTTP status from 200 to 599 and a body of `len` bytes. The request still has to be freed.
 *
 * Blocks until the client has read it, for at most 2 s, or LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS if that is less.
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
 * A server that calls a function of the caller's for each connection, in a thread of its own.
 *
 * Ownership: made by landline_server_bind() or landline_server_bind_fd(), freed by landline_server_free() when
 * landline_server_run() has returned.
 *
 * Threads: landline_server_run() is called by one thread; everything else by any, meanwhile too.
 */

/**
 * Called by a server for each connection, in a thread of its own (stack: LANDLINE_OPT_STACK_SIZE). `conn` belongs to the
 * server, which closes it with 1000 if it is still open when the callback returns, and then frees it. A connection that
 * was kept with landline_conn_retain() is closed too, and what the peer still sends can be received. The callback must
 * not unwind or jump out.
 */
typedef void (*landline_server_handler)(landline_conn *conn, void *user);

/**
 * Binds a server to "ADDRESS:PORT" (port 0 takes a free one: see landline_server_local_addr()) or "unix:PATH", as
 * landline_listen() does. `options` may be NULL. Clients can connect from here on; they wait for landline_server_run().
 * Free it with landline_server_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_IO; LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_server_bind(const char *address,
                                     const landline_options *options,
                                     landline_server **server);

/**
 * Makes a server over a socket of the caller's that listens already, as landline_listen_fd() does.
 *
 * As landline_listen_fd().
 */
landline_status landline_server_bind_fd(int32_t fd,
                                        int32_t take,
                                        const landline_options *options,
                                        landline_server **server);

/**
 * The address that the server is bound to, with the port that was taken. Valid until the server is freed; NULL for
 * NULL.
 */
const char *landline_server_local_addr(const landline_server *server);

/** How many connections there are, those in the opening handshake included; 0 for NULL. */
size_t landline_server_connections(const landline_server *server);

/**
 * Serves until landline_server_stop(). Each client gets a thread, in which the opening handshake is done and then
 * `handler` is called with the connection and `user`. Wrong requests and clients over the limit are answered with the
 * right HTTP error. When the process runs out of descriptors, memory or threads, new clients wait.
 *
 * Blocks until the server has been stopped and the handlers have returned; for handlers that do not return although
 * their connection has been cut, one second at most. `user` must stay until landline_server_connections() is 0. A server
 * runs once.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE if it has run before; LANDLINE_ERR_IO when the listening socket fails for good, with
 * which the connections that are open go on; LANDLINE_ERR_NULL.
 */
landline_status landline_server_run(landline_server *server, landline_server_handler handler, void *user);

/**
 * Stops a server, from another thread: closes the listening socket, so that new clients are refused; drops clients in the
 * opening handshake; sends a Close frame with 1001 on all other connections; waits at most `grace_ms` (-1: without limit)
 * for the handlers to return; and cuts the connections that are left. Handlers notice by LANDLINE_CLOSED or
 * LANDLINE_ERR_ABORTED. `*finished` and `*cut`, unless NULL, are the numbers of connections that ended in order and that
 * were cut. May be called before landline_server_run(), which then returns immediately.
 *
 * Blocks for `grace_ms`, and at most another second for handlers that do not return although their connection was cut.
 *
 * LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID.
 */
landline_status landline_server_stop(landline_server *server, int32_t grace_ms, size_t *finished, size_t *cut);

/** Frees a server that does not run (any more). NULL does nothing. */
void landline_server_free(landline_server *server);


/*
 * ===== Waiting for several handles ===============================================================================
 */

/** One thing to wait for: exactly one of `conn`, `listener` and `fd` is set, the others are NULL and -1. */
typedef struct landline_wait_item {
    /** A connection that can be received from, or that something could not be sent on. */
    landline_conn *conn;
    /** A listener that has a client waiting. */
    landline_listener *listener;
    /** A descriptor of the caller's. */
    int32_t fd;
    /** For a descriptor: POLLIN, POLLOUT. Ignored for the others. */
    int16_t events;
    /** Filled in: what poll() said; for connections and listeners POLLIN when a call with a time limit of 0 is due. */
    int16_t revents;
} landline_wait_item;

/**
 * Waits until one of `count` connections, listeners and descriptors is ready, in one blocking call: `*ready` is how
 * many are, and their `revents` say so. Whatever a connection is ready for, call a receiving function with a time
 * limit of 0: that also sends what is left, and completes closing. landline_conn_interrupt() makes its connection
 * ready, landline_listener_interrupt() its listener. No connection may be received from by another thread meanwhile.
 *
 * A connection is ready, too, when something is due at a time: a Ping of keepalive, the end of a silent peer or of a
 * closing handshake, memory to be given back. The receiving call then does it, which may be all that it does
 * (LANDLINE_TIMED_OUT).
 *
 * Blocks for at most `timeout_ms` (-1 for no limit, 0 not at all).
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
 * Ownership: made by landline_protocol_client() or landline_protocol_server(), freed by landline_protocol_free().
 *
 * Threads: any, one at a time; a call while another thread is in one gives LANDLINE_ERR_BUSY.
 *
 * The loop: give what was read to landline_protocol_receive(); take events with landline_protocol_next() until it gives
 * LANDLINE_EVENT_NONE; write landline_protocol_output() and say how much of it was written with
 * landline_protocol_consume(). When LANDLINE_CONN_STATE is LANDLINE_STATE_OVER and all output is written, end the
 * stream; a client waits for the server to do so first.
 *
 * There is no clock in it, so time limits and keepalive are the caller's: bound the opening handshake and end it with
 * landline_protocol_give_up(), bound the time from
 * landline_protocol_close() to the end; call landline_protocol_ping() after a time without input, and give the peer up
 * if nothing comes for another one.
 */

/** Nothing more without more input. */
#define LANDLINE_EVENT_NONE 0
/** A text message. */
#define LANDLINE_EVENT_TEXT 1
/** A binary message. */
#define LANDLINE_EVENT_BINARY 2
/**
 * The peer's Close frame, with its reason; LANDLINE_CONN_CLOSE_CODE_RECEIVED is the code. The answer is in the output.
 * Nothing comes after it.
 */
#define LANDLINE_EVENT_CLOSE 8
/** A Ping; its Pong is in the output. */
#define LANDLINE_EVENT_PING 9
/** A Pong. */
#define LANDLINE_EVENT_PONG 10
/** The opening handshake is done: messages can be sent. Comes first. */
#define LANDLINE_EVENT_OPEN 16

/**
 * A client's end. Its first output is the request for `url`; with wss:// the caller does TLS. Free it with
 * landline_protocol_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
 */
landline_status landline_protocol_client(const char *url,
                                         const landline_options *options,
                                         landline_protocol **protocol);

/**
 * A server's end. It accepts a correct request, with the first of LANDLINE_OPT_SUBPROTOCOL that is offered; a wrong one,
 * or one of an origin that LANDLINE_OPT_ORIGINS does not allow, is answered with the right HTTP error. `options` may be
 * NULL; those of TLS do nothing, because the caller does TLS. Free it with landline_protocol_free().
 *
 * LANDLINE_OK; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_server(const landline_options *options, landline_protocol **protocol);

/**
 * Gives it bytes that were received: `*taken` of them were taken. Take events, and then give it the rest.
 *
 * LANDLINE_OK; LANDLINE_ERR_HANDSHAKE, LANDLINE_ERR_REJECTED: the opening handshake failed, write the output and end
 * the stream; LANDLINE_ERR_CONFIG: the same, because of a header in the options that is not the program's to set; once
 * it is over, what has ended it, as landline_protocol_next(); LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_receive(landline_protocol *protocol, const void *data, size_t len, size_t *taken);

/**
 * The peer has ended the stream. Take all events first. If it has sent no Close frame it is over then: nothing can be
 * sent any more, events that had arrived can still be taken, and every later call gives the same error.
 *
 * LANDLINE_OK if its Close frame has come; LANDLINE_ERR_EOF if not; in the opening handshake LANDLINE_ERR_EOF for a
 * server, LANDLINE_ERR_HANDSHAKE or LANDLINE_ERR_REJECTED for a client; what had ended it before; LANDLINE_ERR_BUSY;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_receive_eof(landline_protocol *protocol);

/**
 * Ends the opening handshake because the time that the program gives it has run out. Write the output, by which a
 * server's client learns it (408), and end the stream; every later call gives the same error. Does nothing once the
 * connection is open.
 *
 * LANDLINE_OK if it is open; LANDLINE_TIMED_OUT for a client, or LANDLINE_ERR_HANDSHAKE if it has been refused;
 * LANDLINE_ERR_REJECTED for a server; what had ended it before; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_give_up(landline_protocol *protocol);

/**
 * The next thing that the peer did: `*event` is one of LANDLINE_EVENT_*, `*data` and `*len` its payload, which is valid
 * until the next call with this handle. LANDLINE_EVENT_NONE: give it more bytes.
 *
 * LANDLINE_OK; LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT: the peer is at fault; write the output, which tells it so,
 * and end the stream; LANDLINE_ERR_EOF after landline_protocol_receive_eof(); LANDLINE_ERR_HANDSHAKE,
 * LANDLINE_ERR_REJECTED, LANDLINE_ERR_CONFIG; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL. The first of them is the one that
 * every later call gives, sending and closing too.
 */
landline_status landline_protocol_next(landline_protocol *protocol, int32_t *event, const void **data, size_t *len);

/**
 * What is to be written to the peer: `*data`, `*len` bytes, none if that is 0. Valid until the next call with this
 * handle.
 *
 * LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_output(const landline_protocol *protocol, const void **data, size_t *len);

/**
 * `count` bytes of the output have been written.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for more than there is; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_consume(landline_protocol *protocol, size_t count);

/**
 * A number that belongs to the protocol, by its key. LANDLINE_CONN_STATE: LANDLINE_STATE_OPENING before
 * LANDLINE_EVENT_OPEN; LANDLINE_STATE_OVER when nothing more can be sent and nothing more will come than what has, because
 * both Close frames are there, the peer is at fault, the stream has ended, or the opening handshake has failed.
 * LANDLINE_CONN_CLOSE_CODE_RECEIVED. LANDLINE_CONN_COMPRESSION.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for another key; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_int(const landline_protocol *protocol, int32_t key, int64_t *value);

/**
 * A text that belongs to the protocol, by its key, LANDLINE_CONN_SUBPROTOCOL, LANDLINE_CONN_TARGET or
 * LANDLINE_CONN_HEADERS: `*text`, `*len` bytes and a NUL. Valid until the protocol is freed. Empty before
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
 * Puts a message into the output. `flags`: 0, LANDLINE_SEND_PLAIN or LANDLINE_SEND_COMPRESS.
 *
 * LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_OPEN; LANDLINE_ERR_CLOSING once a Close frame has been sent;
 * what has ended it, as landline_protocol_next(); LANDLINE_ERR_UTF8; LANDLINE_ERR_INVALID; LANDLINE_ERR_BUSY;
 * LANDLINE_ERR_NULL.
 */
landline_status landline_protocol_send(landline_protocol *protocol,
                                       int32_t kind,
                                       const void *data,
                                       size_t len,
                                       uint32_t flags);

/**
 * Puts a Ping of at most 125 bytes into the output.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID; otherwise as landline_protocol_send().
 */
landline_status landline_protocol_ping(landline_protocol *protocol, const void *data, size_t len);

/**
 * Puts a Close frame into the output: nothing more can be sent. Events go on until LANDLINE_EVENT_CLOSE. Does nothing
 * if one was sent before.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID as landline_conn_close(); otherwise as landline_protocol_send().
 */
landline_status landline_protocol_close(landline_protocol *protocol, int32_t code, const void *reason, size_t len);


/*
 * ===== The log ===================================================================================================
 */

/** No lines. */
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
 * Gets one line, without a line end: its LANDLINE_LOG_* level, and text that is valid during the call. May be called
 * from any thread, several at a time. May call other functions of the library, but not landline_log_set(); may not
 * unwind or jump out.
 */
typedef void (*landline_log_callback)(int32_t level, const char *text, void *user);

/**
 * Sends the library's log lines up to `level` to a callback, for the whole process. LANDLINE_LOG_OFF or a NULL callback
 * ends that. When this returns, the previous callback is no longer called. Lines never contain payload. A forked child
 * inherits the callback and may set another one.
 *
 * Blocks until the calls of the previous callback that are in progress have returned.
 *
 * LANDLINE_OK; LANDLINE_ERR_INVALID for a level that is unknown.
 */
landline_status landline_log_set(int32_t level, landline_log_callback callback, void *user);


/*
 * ===== Versions and features =====================================================================================
 */

/** The number of the ABI: programs work with every library of the same number that is not older than their header. */
#define LANDLINE_ABI_VERSION 0

/** TLS (wss) is there. */
#define LANDLINE_FEATURE_TLS 1
/** Compression (permessage-deflate) is there. */
#define LANDLINE_FEATURE_COMPRESSION 2
/** Unix sockets are there. */
#define LANDLINE_FEATURE_UNIX 4

/** The version of the library that is in use, such as "0.1.0": compare it with LANDLINE_VERSION of the header. Static. */
const char *landline_version(void);

/** The same as a number: compare it with LANDLINE_VERSION_NUMBER. */
int32_t landline_version_number(void);

/** LANDLINE_ABI_VERSION of the library that is in use. */
int32_t landline_abi_version(void);

/** The features of the library: LANDLINE_FEATURE_*, combined. */
uint64_t landline_features(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* LANDLINE_H */
