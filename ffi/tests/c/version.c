/* Versions, features, and the names and texts of statuses: the header's numbers against the library's. */
#include "test.h"

struct named {
    landline_status status;
    const char *name;
};

#define NAMED(status) {status, #status}

static const struct named ALL[] = {
    NAMED(LANDLINE_OK), NAMED(LANDLINE_CLOSED), NAMED(LANDLINE_TIMED_OUT), NAMED(LANDLINE_INTERRUPTED),
    NAMED(LANDLINE_MORE), NAMED(LANDLINE_PENDING), NAMED(LANDLINE_CONNECTED), NAMED(LANDLINE_ERR_NULL), NAMED(LANDLINE_ERR_INVALID),
    NAMED(LANDLINE_ERR_STATE), NAMED(LANDLINE_ERR_BUSY), NAMED(LANDLINE_ERR_UTF8), NAMED(LANDLINE_ERR_URL),
    NAMED(LANDLINE_ERR_CONFIG), NAMED(LANDLINE_ERR_CLOSING), NAMED(LANDLINE_ERR_UNSUPPORTED),
    NAMED(LANDLINE_ERR_FORKED), NAMED(LANDLINE_ERR_NOT_CONNECTED), NAMED(LANDLINE_ERR_OUTBOX_FULL),
    NAMED(LANDLINE_ERR_WOULD_BLOCK), NAMED(LANDLINE_ERR_IO), NAMED(LANDLINE_ERR_EOF), NAMED(LANDLINE_ERR_RESOLVE),
    NAMED(LANDLINE_ERR_CONNECT), NAMED(LANDLINE_ERR_ABORTED), NAMED(LANDLINE_ERR_SILENT),
    NAMED(LANDLINE_ERR_CLOSE_UNANSWERED), NAMED(LANDLINE_ERR_DETACHED), NAMED(LANDLINE_ERR_PROXY), NAMED(LANDLINE_ERR_GAVE_UP), NAMED(LANDLINE_ERR_TLS), NAMED(LANDLINE_ERR_HANDSHAKE),
    NAMED(LANDLINE_ERR_REJECTED), NAMED(LANDLINE_ERR_PROTOCOL), NAMED(LANDLINE_ERR_LIMIT), NAMED(LANDLINE_ERR_PANIC),
    NAMED(LANDLINE_ERR_OTHER),
};

static void versions(void) {
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", LANDLINE_VERSION_MAJOR, LANDLINE_VERSION_MINOR, LANDLINE_VERSION_PATCH);
    CHECK_TEXT(text, LANDLINE_VERSION);
    CHECK_TEXT(landline_version(), LANDLINE_VERSION);
    CHECK_IS(LANDLINE_VERSION_NUMBER,
             (LANDLINE_VERSION_MAJOR << 16) | (LANDLINE_VERSION_MINOR << 8) | LANDLINE_VERSION_PATCH);
    CHECK_IS(landline_version_number(), LANDLINE_VERSION_NUMBER);
    CHECK_IS(landline_abi_version(), LANDLINE_ABI_VERSION);
    CHECK_IS(landline_features(), LANDLINE_FEATURE_TLS | LANDLINE_FEATURE_COMPRESSION | LANDLINE_FEATURE_UNIX);
}

static void statuses(void) {
    static const landline_status UNKNOWN[] = {7, 1000, INT32_MAX, -14, -99, -110, -902, INT32_MIN};
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        landline_status status = ALL[i].status;
        const char *text = landline_status_text(status);
        CHECK_TEXT(landline_status_name(status), ALL[i].name);
        CHECK(strlen(text) > 3 && strcmp(text, ALL[i].name) != 0 && strchr(text, '\n') == NULL);
        CHECK_IS(landline_status_is_fatal(status), status == LANDLINE_CLOSED || status <= -100);
        for (size_t other = 0; other < i; other++)
            CHECK(strcmp(text, landline_status_text(ALL[other].status)) != 0);
    }
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++) {
        CHECK_TEXT(landline_status_name(UNKNOWN[i]), "LANDLINE_UNKNOWN");
        CHECK(strlen(landline_status_text(UNKNOWN[i])) > 3);
        /* Like its family. */
        CHECK_IS(landline_status_is_fatal(UNKNOWN[i]), UNKNOWN[i] <= -100);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    CHECK_TEXT(landline_error_text(), "");
    CHECK_IS(landline_error_int(LANDLINE_ERROR_STATUS), 0);
    versions();
    statuses();
    return 0;
}
