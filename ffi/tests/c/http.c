/* What clients can do about answers other than 101: redirects, user and password by Basic and Digest, bearer tokens,
 * challenges that the program answers, cookies.
 */
#include "test.h"

/* The latest request. */
static struct {
    char path[256], authorization[1024], cookie[1024];
    int count;
} seen;

static void copy_header(char *place, size_t room, landline_request *request, const char *name) {
    const char *value = request_header(request, name, 0);
    snprintf(place, room, "%s", value ? value : "");
}

static void refuse(landline_request *request, int status, const char *name, const char *value) {
    OK(landline_request_add_header(request, name, value));
    OK(landline_request_reject(request, status, NULL, 0));
}

/* Answers as the path says, until the listener stops. */
static void *serve(void *listener) {
    landline_request *request;
    landline_conn *conn;
    while (landline_listener_accept(listener, LONG, &request) == LANDLINE_OK) {
        const char *path = request_str(request, LANDLINE_REQUEST_PATH);
        snprintf(seen.path, sizeof seen.path, "%s", path);
        copy_header(seen.authorization, sizeof seen.authorization, request, "authorization");
        copy_header(seen.cookie, sizeof seen.cookie, request, "cookie");
        seen.count++;
        if (strcmp(path, "/old") == 0) {
            OK(landline_request_add_header(request, "Set-Cookie", "r=1"));
            refuse(request, 302, "Location", "/new");
        } else if (strcmp(path, "/circle") == 0) {
            refuse(request, 307, "Location", "/circle");
        } else if (strcmp(path, "/digest") == 0 && strncmp(seen.authorization, "Digest ", 7) != 0) {
            refuse(request, 401, "WWW-Authenticate", "Digest realm=r, nonce=n, algorithm=SHA-256, qop=auth");
        } else if (strcmp(path, "/steps") == 0 && strcmp(seen.authorization, "Steps 1") != 0) {
            refuse(request, 401, "WWW-Authenticate", "Steps a, Other b=c");
        } else {
            OK(landline_request_add_header(request, "Set-Cookie", "s=2"));
            OK(landline_request_accept(request, NULL, &conn));
            landline_conn_free(conn);
        }
        landline_request_free(request);
    }
    return NULL;
}

static char base[256];

static landline_status connect_to(const char *path, const landline_options *options, landline_conn **conn) {
    char url[512];
    snprintf(url, sizeof url, "%s%s", base, path);
    return landline_connect(url, options, LONG, conn);
}

/* Opens and frees a connection. */
static void opens(const char *path, const landline_options *options) {
    landline_conn *conn;
    OK(connect_to(path, options, &conn));
    landline_conn_free(conn);
}

static void refused(const char *path, const landline_options *options, int status, const char *text) {
    landline_conn *conn;
    CHECK_STATUS(connect_to(path, options, &conn), LANDLINE_ERR_HANDSHAKE);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_HTTP_STATUS), status);
    CHECK_HAS(landline_error_text(), text);
}

static void redirects(void) {
    char url[512];
    landline_conn *conn;
    landline_options *options = new_options();
    refused("/old", options, 302, "it redirects to /new; follow it with LANDLINE_OPT_MAX_REDIRECTS");
    with_int(options, LANDLINE_OPT_MAX_REDIRECTS, 2);
    OK(connect_to("/old", options, &conn));
    snprintf(url, sizeof url, "%s/new", base);
    CHECK_TEXT(conn_str(conn, LANDLINE_CONN_URL), url);
    CHECK_TEXT(conn_str(conn, LANDLINE_CONN_TARGET), "/new");
    landline_conn_free(conn);
    refused("/circle", options, 307, "more than 2 redirects: from ws://");
    CHECK_HAS(landline_error_text(), "allow more with LANDLINE_OPT_MAX_REDIRECTS");
    CHECK_HAS(landline_error_bytes(LANDLINE_ERROR_HTTP_HEADERS, NULL), "location: /circle\r\n");
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_MAX_REDIRECTS, -1), LANDLINE_ERR_INVALID);
    landline_options_free(options);
}

static void passwords(void) {
    landline_options *options = new_options();
    landline_conn *conn;
    refused("/digest", options, 401, "it asks for Digest authentication; give the right user name and password with "
                                     "LANDLINE_OPT_AUTH_USER and LANDLINE_OPT_AUTH_PASSWORD");
    with_str(options, LANDLINE_OPT_AUTH_USER, "Aladdin");
    with_str(options, LANDLINE_OPT_AUTH_PASSWORD, "open sesame");
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    opens("/digest", options);
    CHECK_HAS(seen.authorization, "Digest username=\"Aladdin\", realm=\"r\"");
    /* Each of the two is enough. */
    with_str(options, LANDLINE_OPT_AUTH_PASSWORD, NULL);
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Basic QWxhZGRpbjo=");
    with_str(with_str(options, LANDLINE_OPT_AUTH_USER, NULL), LANDLINE_OPT_AUTH_PASSWORD, "p");
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Basic OnA=");
    with_str(options, LANDLINE_OPT_AUTH_USER, "a:b");
    CHECK_STATUS(connect_to("/", options, &conn), LANDLINE_ERR_CONFIG);
    with_str(options, LANDLINE_OPT_BEARER_TOKEN, "6f2a");
    with_str(options, LANDLINE_OPT_AUTH_USER, NULL);
    with_str(options, LANDLINE_OPT_AUTH_PASSWORD, NULL);
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Bearer 6f2a");
    landline_options_free(options);
}

struct supply {
    int calls, frees;
    landline_status result;
};

static landline_status supply_token(void *data, size_t capacity, size_t *len, void *user) {
    struct supply *supply = user;
    CHECK(capacity >= 16384);
    *len = (size_t)snprintf(data, capacity, "token%d", ++supply->calls);
    return supply->result;
}

static void note_free(void *user) {
    ((struct supply *)user)->frees++;
}

/* More than there is room for, and then what is not UTF-8. */
static landline_status supply_wrong(void *data, size_t capacity, size_t *len, void *user) {
    struct supply *supply = user;
    memset(data, 0xff, capacity);
    *len = supply->calls++ == 0 ? capacity + 1 : 3;
    return LANDLINE_OK;
}

static void tokens(void) {
    struct supply supply = {0, 0, LANDLINE_OK}, other = {0, 0, LANDLINE_OK};
    landline_options *options = new_options();
    landline_conn *conn;
    OK(landline_options_set_bearer(options, supply_token, &supply, note_free));
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Bearer token1");
    opens("/", options);
    CHECK_TEXT(seen.authorization, "Bearer token2");
    supply.result = LANDLINE_ERR_STATE;
    CHECK_STATUS(connect_to("/", options, &conn), LANDLINE_ERR_IO);
    CHECK_HAS(landline_error_text(), "getting a bearer token failed: the callback failed with LANDLINE_ERR_STATE");
    CHECK_IS(supply.frees, 0);
    OK(landline_options_set_bearer(options, supply_token, &other, note_free));
    CHECK_IS(supply.frees, 1);
    OK(landline_options_set_bearer(options, NULL, &supply, note_free));
    CHECK_IS(other.frees, 1);
    CHECK_IS(supply.frees, 2);
    opens("/", options);
    CHECK_TEXT(seen.authorization, "");
    other.calls = 0;
    OK(landline_options_set_bearer(options, supply_wrong, &other, NULL));
    CHECK_STATUS(connect_to("/", options, &conn), LANDLINE_ERR_IO);
    CHECK_HAS(landline_error_text(), "the callback claims more bytes than it was given");
    CHECK_STATUS(connect_to("/", options, &conn), LANDLINE_ERR_IO);
    CHECK_HAS(landline_error_text(), "the callback gave something that is not UTF-8");
    CHECK_STATUS(landline_options_set_bearer(NULL, supply_token, &supply, note_free), LANDLINE_ERR_NULL);
    CHECK_IS(supply.frees, 3);
    landline_options_free(options);
}

static landline_status answer(const landline_challenge *challenge, void *data, size_t capacity, size_t *len,
                              void *user) {
    struct supply *supply = user;
    CHECK_IS(challenge->http_status, 401);
    CHECK(strncmp(challenge->url, base, strlen(base)) == 0);
    CHECK_TEXT(challenge->url + strlen(base), "/steps");
    CHECK_TEXT(challenge->method, "GET");
    CHECK_TEXT(challenge->target, "/steps");
    CHECK_TEXT(challenge->schemes, "Steps, Other");
    CHECK_HAS(challenge->headers, "www-authenticate: Steps a, Other b=c\r\n");
    *len = (size_t)snprintf(data, capacity, "Steps %d", supply->calls++);
    return supply->result;
}

static void challenges(void) {
    struct supply supply = {0, 0, LANDLINE_OK}, previous = supply;
    landline_options *options = new_options();
    OK(landline_options_set_on_challenge(options, answer, &previous, note_free));
    OK(landline_options_set_on_challenge(options, answer, &supply, note_free));
    CHECK_IS(previous.frees, 1);
    opens("/steps", options);
    CHECK_IS(supply.calls, 2);
    supply.result = LANDLINE_ERR_STATE;
    refused("/steps", options, 401, "it asks for Steps or Other authentication");
    CHECK_IS(supply.calls, 3);
    landline_options_free(options);
    CHECK_IS(supply.frees, 1);
}

static void cookies(void) {
    landline_options *options = with_int(new_options(), LANDLINE_OPT_MAX_REDIRECTS, 1);
    landline_cookie_jar *jar;
    char text[64];
    size_t len;
    OK(landline_options_add_cookie(options, "a", "1"));
    OK(landline_options_add_cookie(options, "s", "old"));
    CHECK_STATUS(landline_options_add_cookie(options, "a", "1; b=2"), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_add_cookie(options, "a b", ""), LANDLINE_ERR_INVALID);
    opens("/", options);
    CHECK_TEXT(seen.cookie, "a=1; s=old");
    opens("/", options);
    CHECK_TEXT(seen.cookie, "a=1; s=old");

    OK(landline_cookie_jar_new(&jar));
    OK(landline_options_set_cookie_jar(options, jar));
    opens("/old", options);
    CHECK_TEXT(seen.cookie, "a=1; s=old; r=1");
    opens("/", options);
    CHECK_TEXT(seen.cookie, "a=1; r=1; s=2");
    OK(landline_cookie_jar_cookies(jar, base, text, sizeof text, &len));
    CHECK_IS(len, 8);
    CHECK(memcmp(text, "r=1; s=2", len) == 0);
    memset(text, 'x', sizeof text);
    OK(landline_cookie_jar_cookies(jar, base, text, 3, &len));
    CHECK_IS(len, 8);
    CHECK(memcmp(text, "r=1xx", 5) == 0);
    CHECK_STATUS(landline_cookie_jar_cookies(jar, "ftp://a", text, 3, &len), LANDLINE_ERR_URL);
    CHECK_STATUS(landline_cookie_jar_cookies(jar, base, text, 0, &len), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_cookie_jar_cookies(NULL, base, text, 3, &len), LANDLINE_ERR_NULL);
    /* The options keep it. */
    landline_cookie_jar_free(jar);
    opens("/", options);
    CHECK_TEXT(seen.cookie, "a=1; r=1; s=2");
    OK(landline_options_set_cookie_jar(options, NULL));
    opens("/", options);
    CHECK_TEXT(seen.cookie, "a=1; s=old");
    landline_cookie_jar_free(NULL);
    landline_options_free(options);
}

int main(int count, char **arguments) {
    landline_listener *listener;
    pthread_t thread;
    CHECK(count == 2);
    directory = arguments[1];
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(base, sizeof base, "ws://%s", landline_listener_local_addr(listener));
    thread = start(serve, listener);
    redirects();
    passwords();
    tokens();
    challenges();
    cookies();
    OK(landline_listener_stop(listener));
    join(thread);
    landline_listener_free(listener);
    return 0;
}
