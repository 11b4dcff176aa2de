/* The options of TLS, and what is known about TLS on connections and requests. */
#include "test.h"

#include <stdarg.h>
#include <sys/stat.h>

static int64_t info_int(const landline_tls *info, int32_t key) {
    int64_t value;
    OK(landline_tls_int(info, key, &value));
    return value;
}

static const char *info_str(const landline_tls *info, int32_t key) {
    const char *text;
    size_t len;
    OK(landline_tls_str(info, key, &text, &len));
    CHECK_IS(strlen(text), len);
    return text;
}

static void shell(const char *format, ...) {
    char command[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        FAIL("%s", command);
}

/* How an attempt to open a connection went, at both ends. */
struct attempt {
    landline_status at_client, at_server;
    char client_text[1024], server_text[1024];
    int64_t client_reason, server_reason;
    /* What the server knew before it answered. */
    landline_tls *info;
    landline_conn *client, *server;
};

struct connecting {
    const char *url;
    const landline_options *options;
    struct attempt *attempt;
};

static void *try_to_connect(void *argument) {
    struct connecting *connecting = argument;
    struct attempt *attempt = connecting->attempt;
    attempt->at_client = landline_connect(connecting->url, connecting->options, LONG, &attempt->client);
    if (attempt->at_client != LANDLINE_OK) {
        snprintf(attempt->client_text, sizeof attempt->client_text, "%s", landline_error_text());
        attempt->client_reason = landline_error_int(LANDLINE_ERROR_TLS_REASON);
    }
    return NULL;
}

/* Frees the options. */
static struct attempt attempt(landline_options *client, landline_options *server) {
    struct attempt attempt;
    struct connecting connecting;
    landline_listener *listener;
    landline_request *request;
    pthread_t thread;
    char url[256];
    memset(&attempt, 0, sizeof attempt);
    OK(landline_listen("127.0.0.1:0", server, &listener));
    snprintf(url, sizeof url, "wss://%s/", landline_listener_local_addr(listener));
    connecting.url = url;
    connecting.options = client;
    connecting.attempt = &attempt;
    thread = start(try_to_connect, &connecting);
    attempt.at_server = landline_listener_accept(listener, LONG, &request);
    if (attempt.at_server == LANDLINE_OK) {
        OK(landline_request_tls(request, &attempt.info));
        OK(landline_request_accept(request, NULL, &attempt.server));
        landline_request_free(request);
    } else {
        snprintf(attempt.server_text, sizeof attempt.server_text, "%s", landline_error_text());
        attempt.server_reason = landline_error_int(LANDLINE_ERROR_TLS_REASON);
    }
    join(thread);
    landline_listener_free(listener);
    landline_options_free(client);
    landline_options_free(server);
    return attempt;
}

static void end(struct attempt *attempt) {
    landline_tls_free(attempt->info);
    landline_conn_free(attempt->client);
    landline_conn_free(attempt->server);
}

static void succeeds(landline_options *client, landline_options *server) {
    struct attempt made = attempt(client, server);
    if (made.at_client != LANDLINE_OK || made.at_server != LANDLINE_OK)
        FAIL("client: %s, server: %s", made.client_text, made.server_text);
    end(&made);
}

/* The client does not accept the server. */
static void client_refuses(landline_options *client, int32_t reason, const char *told) {
    struct attempt made = attempt(client, with_identity(new_options()));
    CHECK_IS(made.at_client, LANDLINE_ERR_TLS);
    CHECK_IS(made.client_reason, reason);
    CHECK_HAS(made.client_text, told);
    /* It has told the server, unless TLS itself has nothing against the key. */
    if (reason != LANDLINE_TLS_REASON_NOT_PINNED) {
        CHECK_IS(made.at_server, LANDLINE_ERR_TLS);
        CHECK_IS(made.server_reason, LANDLINE_TLS_REASON_REFUSED);
    }
    end(&made);
}

/* Gets what is no request. */
static void *refuse_one(void *listener) {
    landline_request *request;
    CHECK(landline_listener_accept(listener, LONG, &request) != LANDLINE_OK);
    return NULL;
}

struct redirecting {
    landline_listener *listener;
    char target[128];
};

static void *redirect_one(void *argument) {
    struct redirecting *redirecting = argument;
    landline_request *request;
    OK(landline_listener_accept(redirecting->listener, LONG, &request));
    OK(landline_request_add_header(request, "Location", redirecting->target));
    OK(landline_request_reject(request, 302, NULL, 0));
    landline_request_free(request);
    return NULL;
}

static void known_about_tls(void) {
    struct attempt made = attempt(with_trust(new_options()), with_identity(new_options()));
    landline_tls *info;
    const void *der;
    size_t len;
    OK(landline_conn_tls(made.client, &info));
    CHECK_IS(info_int(info, LANDLINE_TLS_INFO_VERSION), LANDLINE_TLS_VERSION_1_3);
    CHECK_IS(info_int(info, LANDLINE_TLS_INFO_CIPHER_SUITE), 0x1302);
    CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_CIPHER_SUITE_NAME), "TLS_AES_256_GCM_SHA384");
    CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_ALPN), "http/1.1");
    CHECK_IS(info_int(info, LANDLINE_TLS_INFO_IS_RESUMED), 0);
    CHECK_IS(info_int(info, LANDLINE_TLS_INFO_BACKEND), LANDLINE_TLS_BACKEND_NATIVE_TLS);
    CHECK_IS(info_int(info, LANDLINE_TLS_INFO_CERT_COUNT), 1);
    CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_COMMON_NAME), "localhost");
    CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_NAMES), "127.0.0.1\nlocalhost\n");
    CHECK_HAS(info_str(info, LANDLINE_TLS_INFO_PUBLIC_KEY_PIN), "sha256//");
    OK(landline_tls_cert(info, 0, &der, &len));
    CHECK(len > 200 && *(const unsigned char *)der == 0x30);
    CHECK_STATUS(landline_tls_cert(info, 1, &der, &len), LANDLINE_ERR_INVALID);
    /* It outlasts the connection. */
    end(&made);
    CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_COMMON_NAME), "localhost");
    landline_tls_free(info);

    /* Nobody asked the client who it is. */
    made = attempt(with_trust(new_options()), with_int(with_identity(new_options()), LANDLINE_OPT_TLS_ALPN, 0));
    CHECK_IS(info_int(made.info, LANDLINE_TLS_INFO_CERT_COUNT), 0);
    CHECK_TEXT(info_str(made.info, LANDLINE_TLS_INFO_COMMON_NAME), "");
    CHECK_TEXT(info_str(made.info, LANDLINE_TLS_INFO_ALPN), "");
    end(&made);
    made = attempt(with_int(with_trust(new_options()), LANDLINE_OPT_TLS_ALPN, 0), with_identity(new_options()));
    CHECK_TEXT(info_str(made.info, LANDLINE_TLS_INFO_ALPN), "");
    end(&made);
    open_both(0, NULL, NULL, &made.client, &made.server);
    CHECK_STATUS(landline_conn_tls(made.client, &info), LANDLINE_ERR_UNSUPPORTED);
    CHECK(info == NULL);
    close_both(made.client, made.server);
}

static landline_options *asking(int64_t ask) {
    landline_options *options = with_int(with_identity(new_options()), LANDLINE_OPT_TLS_CLIENT_CERTS, ask);
    return with_str(options, LANDLINE_OPT_TLS_CLIENT_CA_FILE, in_directory("cert.pem"));
}

static void certificates_of_clients(void) {
    landline_listener *listener;
    landline_options *options;
    struct attempt made = attempt(with_identity(with_trust(new_options())), asking(LANDLINE_CLIENT_CERTS_REQUIRED));
    CHECK_IS(made.at_server, LANDLINE_OK);
    CHECK_IS(info_int(made.info, LANDLINE_TLS_INFO_CERT_COUNT) > 0, 1);
    CHECK_TEXT(info_str(made.info, LANDLINE_TLS_INFO_COMMON_NAME), "localhost");
    end(&made);
    succeeds(with_trust(new_options()), asking(LANDLINE_CLIENT_CERTS_OPTIONAL));
    made = attempt(with_identity(with_trust(new_options())), asking(LANDLINE_CLIENT_CERTS_OPTIONAL));
    CHECK_TEXT(info_str(made.info, LANDLINE_TLS_INFO_COMMON_NAME), "localhost");
    end(&made);

    made = attempt(with_trust(new_options()), asking(LANDLINE_CLIENT_CERTS_REQUIRED));
    CHECK_IS(made.at_server, LANDLINE_ERR_TLS);
    CHECK_IS(made.server_reason, LANDLINE_TLS_REASON_NO_CLIENT_CERTIFICATE);
    CHECK_HAS(made.server_text, "make it optional with LANDLINE_OPT_TLS_CLIENT_CERTS");
    CHECK_IS(made.at_client, LANDLINE_ERR_TLS);
    CHECK_IS(made.client_reason, LANDLINE_TLS_REASON_CLIENT_CERTIFICATE_REQUIRED);
    CHECK_HAS(made.client_text, "give one with LANDLINE_OPT_TLS_CERT_FILE");
    end(&made);

    /* Not a server without TLS. */
    options = with_int(new_options(), LANDLINE_OPT_TLS_CLIENT_CERTS, LANDLINE_CLIENT_CERTS_REQUIRED);
    CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "is given without LANDLINE_OPT_TLS_CERT_FILE");
    landline_options_free(options);

    options = with_int(with_identity(new_options()), LANDLINE_OPT_TLS_CLIENT_CERTS, LANDLINE_CLIENT_CERTS_REQUIRED);
    CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_TLS_CLIENT_CERTS of Required cannot be used: give an authority");
    CHECK_HAS(landline_error_text(), "with LANDLINE_OPT_TLS_CLIENT_CA_FILE");
    /* From a directory, and from memory. */
    with_str(options, LANDLINE_OPT_TLS_CLIENT_CA_DIR, in_directory("authorities"));
    succeeds(with_identity(with_trust(new_options())), options);
    options = with_int(with_identity(new_options()), LANDLINE_OPT_TLS_CLIENT_CERTS, LANDLINE_CLIENT_CERTS_REQUIRED);
    OK(landline_options_set_bytes(options, LANDLINE_OPT_TLS_CLIENT_CA_PEM, "no certificate", 14));
    CHECK_STATUS(landline_listen("127.0.0.1:0", options, &listener), LANDLINE_ERR_TLS);
    landline_options_free(options);
}

static void trust(void) {
    static const char other[] = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    struct attempt made = attempt(with_trust(new_options()), with_identity(new_options()));
    landline_options *options = with_trust(new_options());
    landline_tls *info;
    landline_conn *conn;
    OK(landline_conn_tls(made.client, &info));
    with_str(options, LANDLINE_OPT_TLS_PINNED_KEY, other);
    with_str(options, LANDLINE_OPT_TLS_PINNED_KEY, info_str(info, LANDLINE_TLS_INFO_PUBLIC_KEY_PIN));
    succeeds(options, with_identity(new_options()));
    landline_tls_free(info);
    end(&made);
    client_refuses(with_str(with_trust(new_options()), LANDLINE_OPT_TLS_PINNED_KEY, other),
                   LANDLINE_TLS_REASON_NOT_PINNED, "pin it with LANDLINE_OPT_TLS_PINNED_KEY");
    options = with_str(new_options(), LANDLINE_OPT_TLS_PINNED_KEY, "sha256");
    CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_TLS_PINNED_KEY of sha256 cannot be used");
    landline_options_free(options);

    client_refuses(with_str(with_trust(new_options()), LANDLINE_OPT_TLS_SERVER_NAME, "other.example"),
                   LANDLINE_TLS_REASON_OTHER_NAME, "set LANDLINE_OPT_TLS_SERVER_NAME to");
    options = with_int(new_options(), LANDLINE_OPT_TLS_PLATFORM_ROOTS, 0);
    succeeds(with_str(options, LANDLINE_OPT_TLS_CA_DIR, in_directory("authorities")), with_identity(new_options()));
    client_refuses(new_options(), LANDLINE_TLS_REASON_SELF_SIGNED, "LANDLINE_OPT_TLS_CA_FILE");
}

/* A certificate that an authority has issued. */
static void issuers(void) {
    struct attempt made;
    landline_options *options;
    int trusted;
    shell("cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer -keyout issuer.key -out issuer.pem"
          " 2> /dev/null && openssl req -new -key key.pem -subj /CN=issued -out issued.csr"
          " && echo subjectAltName=IP:127.0.0.1 > issued.ext && openssl x509 -req -in issued.csr -CA issuer.pem"
          " -CAkey issuer.key -CAcreateserial -days 2 -extfile issued.ext -out issued.pem 2> /dev/null", directory);
    for (trusted = 0; trusted < 2; trusted++) {
        options = with_str(new_options(), LANDLINE_OPT_TLS_CERT_FILE, in_directory("issued.pem"));
        with_str(options, LANDLINE_OPT_TLS_KEY_FILE, in_directory("key.pem"));
        made = attempt(with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, in_directory(trusted ? "issuer.pem" : "cert.pem")),
                       options);
        CHECK_IS(made.at_client, trusted ? LANDLINE_OK : LANDLINE_ERR_TLS);
        CHECK_IS(made.client_reason, trusted ? LANDLINE_TLS_REASON_NONE : LANDLINE_TLS_REASON_UNKNOWN_ISSUER);
        end(&made);
    }
}

/* Certificates that are valid at another time. */
static void dates(void) {
    static const char *const VALID[2][2] = {{"20100101000000Z", "20110101000000Z"}, {"20800101000000Z", "20810101000000Z"}};
    FILE *config = fopen(in_directory("dates.cnf"), "w");
    int i;
    CHECK(config != NULL);
    fputs("[ca]\ndefault_ca=it\n[it]\ndatabase=dates.index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\n"
          "unique_subject=no\npolicy=policy\nx509_extensions=names\n[policy]\ncommonName=supplied\n"
          "[names]\nsubjectAltName=IP:127.0.0.1\n", config);
    fclose(config);
    for (i = 0; i < 2; i++) {
        landline_options *options = new_options();
        struct attempt made;
        shell("cd '%s' && : > dates.index && openssl req -new -key key.pem -subj /CN=dated -out dated.csr && openssl ca -batch"
              " -config dates.cnf -selfsign -keyfile key.pem -in dated.csr -startdate %s -enddate %s -notext -out dated.pem"
              " 2> /dev/null", directory, VALID[i][0], VALID[i][1]);
        with_str(options, LANDLINE_OPT_TLS_CERT_FILE, in_directory("dated.pem"));
        with_str(options, LANDLINE_OPT_TLS_KEY_FILE, in_directory("key.pem"));
        made = attempt(with_str(new_options(), LANDLINE_OPT_TLS_CA_FILE, in_directory("dated.pem")), options);
        CHECK_IS(made.at_client, LANDLINE_ERR_TLS);
        CHECK_IS(made.client_reason, i == 0 ? LANDLINE_TLS_REASON_EXPIRED : LANDLINE_TLS_REASON_NOT_YET_VALID);
        end(&made);
    }
}

/* A server that speaks TLS 1.2 only. */
static void an_old_version(void) {
    char command[8192], line[256], url[128];
    landline_options *options = with_int(with_trust(new_options()), LANDLINE_OPT_TLS_MIN_VERSION, LANDLINE_TLS_VERSION_1_3);
    landline_conn *conn;
    FILE *server;
    int port = 0;
    snprintf(command, sizeof command, "exec openssl s_server -www -tls1_2 -accept 127.0.0.1:0 -naccept 1 -cert '%s' -key '%s'"
             " 2> /dev/null", in_directory("cert.pem"), in_directory("key.pem"));
    server = popen(command, "r");
    CHECK(server != NULL);
    while (port == 0 && fgets(line, sizeof line, server) != NULL)
        if (strncmp(line, "ACCEPT ", 7) == 0)
            port = atoi(strrchr(line, ':') + 1);
    CHECK(port != 0);
    snprintf(url, sizeof url, "wss://127.0.0.1:%d/", port);
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_TLS);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_TLS_REASON), LANDLINE_TLS_REASON_NO_COMMON_VERSION);
    landline_options_free(options);
    pclose(server);
}

static void servers_without_tls(void) {
    landline_listener *listener;
    landline_options *options = with_trust(new_options());
    landline_conn *conn;
    pthread_t thread;
    char url[128];
    OK(landline_listen("127.0.0.1:0", NULL, &listener));
    snprintf(url, sizeof url, "wss://%s/", landline_listener_local_addr(listener));
    thread = start(refuse_one, listener);
    CHECK_STATUS(landline_connect(url, options, LONG, &conn), LANDLINE_ERR_TLS);
    CHECK_IS(landline_error_int(LANDLINE_ERROR_TLS_REASON), LANDLINE_TLS_REASON_NOT_TLS);
    join(thread);
    landline_listener_free(listener);
    landline_options_free(options);
}

/* The options of TLS hold for what a server without it redirects to. */
static void redirects_to_tls(void) {
    struct redirecting redirecting;
    landline_listener *secure;
    landline_options *options = with_identity(new_options());
    landline_request *request;
    landline_conn *server;
    struct opening opening;
    pthread_t client, redirect;
    OK(landline_listen("127.0.0.1:0", NULL, &redirecting.listener));
    OK(landline_listen("127.0.0.1:0", options, &secure));
    landline_options_free(options);
    snprintf(redirecting.target, sizeof redirecting.target, "wss://%s/", landline_listener_local_addr(secure));
    snprintf(opening.url, sizeof opening.url, "ws://%s/", landline_listener_local_addr(redirecting.listener));
    options = with_int(with_trust(new_options()), LANDLINE_OPT_MAX_REDIRECTS, 1);
    opening.options = options;
    redirect = start(redirect_one, &redirecting);
    client = start(open_client, &opening);
    OK(landline_listener_accept(secure, LONG, &request));
    OK(landline_request_accept(request, NULL, &server));
    join(client);
    join(redirect);
    close_both(opening.conn, server);
    landline_request_free(request);
    landline_listener_free(redirecting.listener);
    landline_listener_free(secure);
    landline_options_free(options);
}

static void several_certificates(void) {
    char cert[4096], key[4096];
    int i;
    snprintf(cert, sizeof cert, "%s", in_directory("second.pem"));
    snprintf(key, sizeof key, "%s", in_directory("second.key"));
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=second"
          " -addext subjectAltName=DNS:second.example -keyout '%s' -out '%s' 2> /dev/null", key, cert);
    for (i = 0; i < 2; i++) {
        landline_options *client = new_options(), *server = with_identity(new_options());
        struct attempt made;
        landline_tls *info;
        if (i == 0) {
            OK(landline_options_add_cert_files(server, cert, key));
        } else {
            char both[8192];
            size_t len = 0;
            int file;
            for (file = 0; file < 2; file++) {
                FILE *from = fopen(file ? key : cert, "r");
                CHECK(from != NULL);
                len += fread(both + len, 1, sizeof both - len, from);
                fclose(from);
            }
            OK(landline_options_add_cert_pem(server, both, len));
        }
        with_int(client, LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS, 1);
        made = attempt(with_str(client, LANDLINE_OPT_TLS_SERVER_NAME, "second.example"), server);
        OK(landline_conn_tls(made.client, &info));
        CHECK_TEXT(info_str(info, LANDLINE_TLS_INFO_COMMON_NAME), "second");
        landline_tls_free(info);
        end(&made);
    }
}

static void versions_and_libraries(void) {
    landline_options *options = with_int(with_trust(new_options()), LANDLINE_OPT_TLS_MIN_VERSION, LANDLINE_TLS_VERSION_1_3);
    landline_listener *listener;
    landline_status status;
    succeeds(options, with_int(with_identity(new_options()), LANDLINE_OPT_TLS_MIN_VERSION, LANDLINE_TLS_VERSION_1_3));
    succeeds(with_int(with_trust(new_options()), LANDLINE_OPT_TLS_BACKEND, LANDLINE_TLS_BACKEND_NATIVE_TLS),
             with_int(with_identity(new_options()), LANDLINE_OPT_TLS_BACKEND, LANDLINE_TLS_BACKEND_NATIVE_TLS));
    options = with_identity(new_options());
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_TLS_MIN_VERSION, 0x0302), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_TLS_BACKEND, 3), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_TLS_CLIENT_CERTS, 3), LANDLINE_ERR_INVALID);
    CHECK_STATUS(landline_options_set_int(options, LANDLINE_OPT_TLS_ALPN, 2), LANDLINE_ERR_INVALID);
    /* It may be compiled in. */
    with_int(options, LANDLINE_OPT_TLS_BACKEND, LANDLINE_TLS_BACKEND_RUSTLS);
    status = landline_listen("127.0.0.1:0", options, &listener);
    if (status != LANDLINE_OK) {
        CHECK_IS(status, LANDLINE_ERR_CONFIG);
        CHECK_HAS(landline_error_text(), "no rustls; enable its cargo feature rustls");
    }
    landline_listener_free(listener);
    landline_options_free(options);
}

static void key_logs(void) {
    char log[4096];
    landline_options *options;
    landline_conn *conn;
    struct stat file;
    snprintf(log, sizeof log, "%s", in_directory("keys.log"));
    options = with_str(with_trust(new_options()), LANDLINE_OPT_TLS_KEY_LOG_FILE, log);
    CHECK_STATUS(landline_connect("wss://127.0.0.1:9/", options, LONG, &conn), LANDLINE_ERR_CONFIG);
    CHECK_HAS(landline_error_text(), "LANDLINE_OPT_TLS_KEY_LOG cannot be used with native-tls");
    landline_options_free(options);
    succeeds(with_trust(new_options()), with_str(with_identity(new_options()), LANDLINE_OPT_TLS_KEY_LOG_FILE, log));
    CHECK(stat(log, &file) == 0 && file.st_size > 100 && (file.st_mode & 0777) == 0600);
    CHECK(unlink(log) == 0);

    CHECK(setenv("SSLKEYLOGFILE", log, 1) == 0);
    succeeds(with_trust(new_options()), with_identity(new_options()));
    CHECK(stat(log, &file) != 0);
    succeeds(with_trust(new_options()), with_int(with_identity(new_options()), LANDLINE_OPT_TLS_KEY_LOG, 1));
    CHECK(stat(log, &file) == 0 && file.st_size > 100);
    CHECK(unlink(log) == 0);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    /* The platform trusts one authority, which takes less time to read than all of them, above all under valgrind. */
    shell("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=platform -keyout '%s/platform.key'"
          " -out '%s/platform.pem' 2> /dev/null", directory, directory);
    CHECK(setenv("SSL_CERT_FILE", in_directory("platform.pem"), 1) == 0);
    CHECK(mkdir(in_directory("authorities"), 0700) == 0 || errno == EEXIST);
    shell("cp '%s/cert.pem' '%s/authorities/0a1b2c3d.0'", directory, directory);
    known_about_tls();
    certificates_of_clients();
    trust();
    issuers();
    dates();
    an_old_version();
    servers_without_tls();
    redirects_to_tls();
    several_certificates();
    versions_and_libraries();
    key_logs();
    return 0;
}
