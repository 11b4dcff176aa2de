/*
 * Landline for C++17 and later: the C interface of landline.h with types that own their handles, views, durations and
 * exceptions. Only this file and landline.h are needed; link with -llandline.
 *
 *     #include <landline.hpp>
 *     #include <iostream>
 *
 *     int main() {
 *         auto connection = landline::connect("ws://127.0.0.1:9001/");
 *         connection.send("hello");
 *         if (auto message = connection.recv(std::chrono::seconds(5)))
 *             std::cout << message->text() << '\n';
 *         connection.close();
 *     }
 *
 * landline.h documents in full what each call does, how long it blocks and which statuses it gives; the functions
 * here have the same names. The manual at its top, on threads, blocking, forking and versions, applies here as well.
 *
 * ERRORS. A call that fails throws landline::error, or one of its subclasses: timeout, interrupted, pending. The
 * overload with a std::error_code as its last argument does not throw, and is noexcept: it sets the code, whose value
 * is a status of landline.h, and clears it on success. landline::last_error() then has the details. A completed
 * closing handshake is not an error: recv() returns nothing.
 *
 * WITHOUT EXCEPTIONS (-fno-exceptions) and without run-time type information (-fno-rtti) this file can be used as
 * well, through the overloads with an error code. When another one fails, it prints the reason to standard error and
 * calls std::abort(). Iterating over a connection is such a call at each step. The properties of a connection or a
 * request are available through number() and text(), which have overloads with an error code. Compile all files of a
 * program with the same setting.
 *
 * OWNERSHIP. Objects can be moved but not copied, and free their handles. An object that was moved from, or whose
 * constructor set an error code, is empty: it converts to false, and its calls fail with status::null. Views that are
 * returned belong to the object they come from. Views that are passed in are not used after the call.
 *
 * TEXT. Arguments of type c_text are C strings or std::string in UTF-8. A NUL in the middle is refused
 * (status::utf8). A string sends a text message, bytes (bytes_view) a binary one.
 */

#ifndef LANDLINE_HPP
#define LANDLINE_HPP

#include <landline.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

#include <unistd.h>

// Whether exceptions are enabled. If not, the body of a try block just runs.
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define LANDLINE_EXCEPTIONS 1
#define LANDLINE_TRY try
#define LANDLINE_CATCH_ALL catch (...)
#else
#define LANDLINE_EXCEPTIONS 0
#define LANDLINE_TRY if constexpr (true)
#define LANDLINE_CATCH_ALL else
#endif

namespace landline {

// ----- Arguments -----

/// How long a call may block: any std::chrono duration, or no_timeout. Zero does not wait. Parts of a millisecond are
/// rounded up. A duration of more than 2^31 - 1 milliseconds (24 days), such as duration::max() or an infinite one,
/// is no limit. Calls refuse negative durations and NaN with status::invalid.
class time_limit {
public:
    /// No limit.
    constexpr time_limit() noexcept = default;

    template <class Rep, class Period>
    constexpr time_limit(std::chrono::duration<Rep, Period> duration) noexcept
        : milliseconds_(round_up(std::chrono::duration<double, std::milli>(duration).count())) {}

    /// In the form that landline.h uses: milliseconds, -1 for no limit.
    static constexpr time_limit from_milliseconds(std::int32_t milliseconds) noexcept {
        time_limit made;
        made.milliseconds_ = milliseconds;
        return made;
    }

    /// In the form that landline.h uses: milliseconds, -1 for no limit; -2 for a duration that is not a valid limit.
    constexpr std::int32_t milliseconds() const noexcept { return milliseconds_; }

private:
    static constexpr std::int32_t round_up(double duration) noexcept {
        constexpr std::int32_t most = (std::numeric_limits<std::int32_t>::max)();
        if (!(duration >= 0))
            return -2;
        if (duration > most)
            return -1;
        const auto whole = static_cast<std::int32_t>(duration);
        return whole < duration ? whole + 1 : whole;
    }

    std::int32_t milliseconds_ = -1;
};

/// For calls without a time limit.
inline constexpr time_limit no_timeout{};

/// A C string. Text that contains a NUL becomes a string that the library refuses as not UTF-8, so that nothing is
/// truncated silently.
class c_text {
public:
    constexpr c_text(const char* text) noexcept : text_(text) {}
    c_text(const std::string& text) noexcept
        : text_(text.find('\0') == std::string::npos ? text.c_str() : "\xff") {}

    constexpr const char* get() const noexcept { return text_; }

private:
    const char* text_;
};

namespace detail {

template <class T>
inline constexpr bool is_byte =
    std::is_same_v<T, unsigned char> || std::is_same_v<T, std::byte> || std::is_same_v<T, char>;

} // namespace detail

/// Bytes that this object does not own: a pointer and a length. Converts from std::vector and std::array of char,
/// unsigned char or std::byte, from C arrays of the last two (those of char are strings), from std::string_view, and
/// since C++20 from std::span.
class bytes_view {
public:
    constexpr bytes_view() noexcept = default;
    bytes_view(const void* data, std::size_t size) noexcept
        : data_(static_cast<const unsigned char*>(data)), size_(size) {}
    bytes_view(std::string_view text) noexcept : bytes_view(text.data(), text.size()) {}

    template <class T, class Allocator, std::enable_if_t<detail::is_byte<T>, int> = 0>
    bytes_view(const std::vector<T, Allocator>& bytes) noexcept : bytes_view(bytes.data(), bytes.size()) {}

    template <class T, std::size_t N, std::enable_if_t<detail::is_byte<std::remove_const_t<T>>, int> = 0>
    bytes_view(const std::array<T, N>& bytes) noexcept : bytes_view(bytes.data(), N) {}

    template <class T, std::size_t N,
              std::enable_if_t<detail::is_byte<T> && !std::is_same_v<T, char>, int> = 0>
    bytes_view(const T (&bytes)[N]) noexcept : bytes_view(bytes, N) {}

#if __cplusplus >= 202002L
    template <class T, std::size_t N, std::enable_if_t<detail::is_byte<std::remove_const_t<T>>, int> = 0>
    bytes_view(std::span<T, N> bytes) noexcept : bytes_view(bytes.data(), bytes.size()) {}
#endif

    const unsigned char* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const unsigned char* begin() const noexcept { return data_; }
    const unsigned char* end() const noexcept { return size_ == 0 ? data_ : data_ + size_; }
    unsigned char operator[](std::size_t index) const noexcept { return data_[index]; }

    /// The same bytes as characters.
    std::string_view chars() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

private:
    const unsigned char* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A payload that may be text or bytes: anything that converts to std::string_view or bytes_view.
class payload {
public:
    payload() noexcept = default;

    template <class T,
              std::enable_if_t<std::is_convertible_v<const T&, std::string_view> ||
                                   std::is_convertible_v<const T&, bytes_view>,
                               int> = 0>
    payload(const T& value) noexcept(std::is_nothrow_constructible_v<std::string_view, const T&> ||
                                     !std::is_convertible_v<const T&, std::string_view>) {
        if constexpr (std::is_convertible_v<const T&, std::string_view>)
            view_ = bytes_view(static_cast<std::string_view>(value));
        else
            view_ = value;
    }

    const unsigned char* data() const noexcept { return view_.data(); }
    std::size_t size() const noexcept { return view_.size(); }

private:
    bytes_view view_;
};

/// The kind of a message.
enum class kind : std::int32_t { text = LANDLINE_TEXT, binary = LANDLINE_BINARY };

/// How to send a message. Flags can be combined with `|`.
enum class send_flag : std::uint32_t {
    none = 0,
    /// Gather it: it is sent with the next message that is not gathered, or by flush().
    feed = LANDLINE_SEND_FEED,
    /// Do not compress it. Some peers cannot handle that: see options::compression_threshold().
    compress_never = LANDLINE_SEND_COMPRESS_NEVER,
    /// Compress it even if it is small.
    compress_always = LANDLINE_SEND_COMPRESS_ALWAYS,
};

constexpr send_flag operator|(send_flag a, send_flag b) noexcept {
    return static_cast<send_flag>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

/// How to send, and for how long a sending call may block: a flag, a duration, or both as `{flag, duration}`.
class send_options {
public:
    constexpr send_options() noexcept = default;
    constexpr send_options(send_flag flags) noexcept : flags_(flags) {}
    constexpr send_options(time_limit limit) noexcept : limit_(limit) {}
    template <class Rep, class Period>
    constexpr send_options(std::chrono::duration<Rep, Period> duration) noexcept : limit_(duration) {}
    constexpr send_options(send_flag flags, time_limit limit) noexcept : flags_(flags), limit_(limit) {}

    constexpr std::uint32_t flags() const noexcept { return static_cast<std::uint32_t>(flags_); }
    constexpr std::int32_t milliseconds() const noexcept { return limit_.milliseconds(); }

private:
    send_flag flags_ = send_flag::none;
    time_limit limit_;
};

/// Close codes (RFC 6455, section 7.4). Plain numbers, because applications can have their own (3000 to 4999).
namespace close_code {
inline constexpr int normal_closure = LANDLINE_CLOSE_NORMAL_CLOSURE;
inline constexpr int going_away = LANDLINE_CLOSE_GOING_AWAY;
inline constexpr int protocol_error = LANDLINE_CLOSE_PROTOCOL_ERROR;
inline constexpr int unsupported_data = LANDLINE_CLOSE_UNSUPPORTED_DATA;
/// Reported for a Close frame without a code; cannot be sent.
inline constexpr int no_status_received = LANDLINE_CLOSE_NO_STATUS_RECEIVED;
/// Reported if the connection ended without a Close frame; cannot be sent.
inline constexpr int abnormal_closure = LANDLINE_CLOSE_ABNORMAL_CLOSURE;
inline constexpr int invalid_frame_payload_data = LANDLINE_CLOSE_INVALID_FRAME_PAYLOAD_DATA;
inline constexpr int policy_violation = LANDLINE_CLOSE_POLICY_VIOLATION;
inline constexpr int message_too_big = LANDLINE_CLOSE_MESSAGE_TOO_BIG;
inline constexpr int mandatory_extension = LANDLINE_CLOSE_MANDATORY_EXTENSION;
inline constexpr int internal_error = LANDLINE_CLOSE_INTERNAL_ERROR;
inline constexpr int service_restart = LANDLINE_CLOSE_SERVICE_RESTART;
inline constexpr int try_again_later = LANDLINE_CLOSE_TRY_AGAIN_LATER;
inline constexpr int bad_gateway = LANDLINE_CLOSE_BAD_GATEWAY;
} // namespace close_code

// ----- Errors -----

/// The statuses of landline.h, which says what each one means. An error code can be compared with them.
enum class status : int {
    ok = LANDLINE_OK,
    closed = LANDLINE_CLOSED,
    timed_out = LANDLINE_TIMED_OUT,
    interrupted = LANDLINE_INTERRUPTED,
    more = LANDLINE_MORE,
    pending = LANDLINE_PENDING,
    connected = LANDLINE_CONNECTED,
    null = LANDLINE_ERR_NULL,
    invalid = LANDLINE_ERR_INVALID,
    state = LANDLINE_ERR_STATE,
    busy = LANDLINE_ERR_BUSY,
    utf8 = LANDLINE_ERR_UTF8,
    url = LANDLINE_ERR_URL,
    config = LANDLINE_ERR_CONFIG,
    closing = LANDLINE_ERR_CLOSING,
    unsupported = LANDLINE_ERR_UNSUPPORTED,
    would_block = LANDLINE_ERR_WOULD_BLOCK,
    forked = LANDLINE_ERR_FORKED,
    not_connected = LANDLINE_ERR_NOT_CONNECTED,
    outbox_full = LANDLINE_ERR_OUTBOX_FULL,
    io = LANDLINE_ERR_IO,
    eof = LANDLINE_ERR_EOF,
    resolve = LANDLINE_ERR_RESOLVE,
    connect = LANDLINE_ERR_CONNECT,
    aborted = LANDLINE_ERR_ABORTED,
    silent = LANDLINE_ERR_SILENT,
    close_unanswered = LANDLINE_ERR_CLOSE_UNANSWERED,
    detached = LANDLINE_ERR_DETACHED,
    proxy = LANDLINE_ERR_PROXY,
    gave_up = LANDLINE_ERR_GAVE_UP,
    tls = LANDLINE_ERR_TLS,
    handshake = LANDLINE_ERR_HANDSHAKE,
    rejected = LANDLINE_ERR_REJECTED,
    protocol = LANDLINE_ERR_PROTOCOL,
    limit = LANDLINE_ERR_LIMIT,
    panic = LANDLINE_ERR_PANIC,
    other = LANDLINE_ERR_OTHER,
};

/// What a call was doing when it failed.
enum class phase : std::int32_t {
    none = LANDLINE_PHASE_NONE,
    resolve = LANDLINE_PHASE_RESOLVE,
    connect = LANDLINE_PHASE_CONNECT,
    tls = LANDLINE_PHASE_TLS,
    handshake = LANDLINE_PHASE_HANDSHAKE,
    accept = LANDLINE_PHASE_ACCEPT,
    recv = LANDLINE_PHASE_RECV,
    send = LANDLINE_PHASE_SEND,
    ping = LANDLINE_PHASE_PING,
    proxy = LANDLINE_PHASE_PROXY,
};

/// Who is at fault.
enum class fault : std::int32_t {
    none = LANDLINE_FAULT_NONE,
    caller = LANDLINE_FAULT_CALLER,
    peer = LANDLINE_FAULT_PEER,
    network = LANDLINE_FAULT_NETWORK,
    limit = LANDLINE_FAULT_LIMIT,
};

/// Why TLS failed.
enum class tls_reason : std::int32_t {
    none = LANDLINE_TLS_REASON_NONE,
    expired = LANDLINE_TLS_REASON_EXPIRED,
    not_yet_valid = LANDLINE_TLS_REASON_NOT_YET_VALID,
    other_name = LANDLINE_TLS_REASON_OTHER_NAME,
    unknown_issuer = LANDLINE_TLS_REASON_UNKNOWN_ISSUER,
    self_signed = LANDLINE_TLS_REASON_SELF_SIGNED,
    not_pinned = LANDLINE_TLS_REASON_NOT_PINNED,
    no_client_certificate = LANDLINE_TLS_REASON_NO_CLIENT_CERTIFICATE,
    client_certificate_required = LANDLINE_TLS_REASON_CLIENT_CERTIFICATE_REQUIRED,
    refused = LANDLINE_TLS_REASON_REFUSED,
    no_common_version = LANDLINE_TLS_REASON_NO_COMMON_VERSION,
    not_tls = LANDLINE_TLS_REASON_NOT_TLS,
};

/// The category of the library's error codes: their values are statuses.
inline const std::error_category& category() noexcept;

/// For comparing an error code with a status.
inline std::error_code make_error_code(status value) noexcept;

} // namespace landline

template <>
struct std::is_error_code_enum<landline::status> : std::true_type {};

namespace landline {
namespace detail {

class error_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "landline"; }
    std::string message(int value) const override { return landline_status_text(value); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (value) {
        case LANDLINE_TIMED_OUT:
        case LANDLINE_ERR_SILENT:
        case LANDLINE_ERR_GAVE_UP:
            return std::errc::timed_out;
        case LANDLINE_INTERRUPTED:
            return std::errc::interrupted;
        case LANDLINE_ERR_INVALID:
        case LANDLINE_ERR_NULL:
            return std::errc::invalid_argument;
        case LANDLINE_ERR_BUSY:
            return std::errc::device_or_resource_busy;
        case LANDLINE_ERR_ABORTED:
            return std::errc::connection_aborted;
        case LANDLINE_ERR_UNSUPPORTED:
            return std::errc::not_supported;
        case LANDLINE_ERR_IO:
            return std::errc::io_error;
        case LANDLINE_ERR_PROTOCOL:
            return std::errc::protocol_error;
        default:
            return {value, *this};
        }
    }
};

inline std::error_code code(landline_status value) noexcept { return {value, category()}; }

/// Text from the library in which options are called by the setters of `options`: LANDLINE_OPT_TLS_CA_FILE is
/// ca_file, LANDLINE_OPT_PROXY_TLS_CA_FILE proxy_ca_file, and user and password are set by auth together.
inline std::string with_setters(std::string text) {
    const std::string both = "LANDLINE_OPT_AUTH_USER and LANDLINE_OPT_AUTH_PASSWORD";
    if (const auto at = text.find(both); at != std::string::npos)
        text.replace(at, both.size(), "auth");
    if (const auto at = text.find("LANDLINE_OPT_BEARER_TOKEN"); at != std::string::npos)
        text.replace(at, std::strlen("LANDLINE_OPT_BEARER_TOKEN"), "bearer");
    const std::string prefix = "LANDLINE_OPT_", proxy = "PROXY_", group = "TLS_", unit = "_MS";
    for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
        const auto end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", at);
        const auto length = (end == std::string::npos ? text.size() : end) - at;
        auto name = text.substr(at + prefix.size(), length - prefix.size());
        const auto start = name.compare(0, proxy.size(), proxy) == 0 ? proxy.size() : 0;
        if (name.compare(start, group.size(), group) == 0)
            name.erase(start, group.size());
        if (name.size() > unit.size() && name.compare(name.size() - unit.size(), unit.size(), unit) == 0)
            name.erase(name.size() - unit.size());
        for (char& letter : name)
            if (letter >= 'A' && letter <= 'Z')
                letter = static_cast<char>(letter - 'A' + 'a');
        text.replace(at, length, name);
        at += name.size();
    }
    return text;
}

} // namespace detail

inline const std::error_category& category() noexcept {
    static const detail::error_category instance;
    return instance;
}

inline std::error_code make_error_code(status value) noexcept { return detail::code(static_cast<int>(value)); }

/// An address to which a client failed to connect.
struct attempt {
    /// Such as "127.0.0.1:9001", or "unix:" and a path.
    std::string address;
    /// Why it failed.
    std::string reason;
};

/// Why a call failed. It is a copy: other failures do not change it.
class error : public std::runtime_error {
public:
    /// Takes the details of this thread's last failure, if it had this status; otherwise only describes the status.
    explicit error(landline::status value) : error(static_cast<int>(value), is_last(static_cast<int>(value))) {}

    landline::status status() const noexcept { return static_cast<landline::status>(details_->status); }
    std::error_code code() const noexcept { return detail::code(details_->status); }
    /// What the call was doing.
    landline::phase phase() const noexcept { return static_cast<landline::phase>(details_->phase); }
    landline::fault fault() const noexcept { return static_cast<landline::fault>(details_->fault); }
    /// The system's error number, or 0.
    int system_errno() const noexcept { return details_->system_errno; }
    /// The HTTP status of a refused handshake, or that of a proxy which refused (status::proxy); otherwise 0.
    int http_status() const noexcept { return details_->http_status; }
    /// The headers of a refused handshake, each as "name: value\r\n".
    const std::string& http_headers() const noexcept { return details_->http_headers; }
    /// The body of a refused handshake, up to options::max_refusal_body() bytes.
    const std::string& http_body() const noexcept { return details_->http_body; }
    /// The close code that the peer was sent because of the error, or 0.
    int close_code() const noexcept { return details_->close_code; }
    /// The addresses to which a client failed to connect, in the order of the attempts.
    const std::vector<attempt>& attempts() const noexcept { return details_->attempts; }
    /// Why TLS failed, if it did for one of the usual reasons.
    landline::tls_reason tls_reason() const noexcept {
        return static_cast<landline::tls_reason>(details_->tls_reason);
    }
    /// Whether the connection is over.
    bool is_fatal() const noexcept { return details_->is_fatal; }
    /// Whether connecting again later may succeed without any change.
    bool is_transient() const noexcept { return details_->is_transient; }
    /// How long the server that refused the handshake wants clients to wait (Retry-After); zero if it did not say so.
    std::chrono::milliseconds retry_after() const noexcept { return details_->retry_after; }

private:
    struct details {
        int status = 0, phase = 0, fault = 0, system_errno = 0, http_status = 0, close_code = 0, tls_reason = 0;
        bool is_fatal = false, is_transient = false;
        std::chrono::milliseconds retry_after{0};
        std::string http_headers, http_body;
        std::vector<attempt> attempts;
    };

    error(int value, bool last)
        : std::runtime_error(detail::with_setters(last ? landline_error_text() : landline_status_text(value))),
          details_(last ? ask(value) : std::make_shared<details>()) {
        details_->status = value;
        details_->is_fatal = landline_status_is_fatal(value) != 0;
    }

    static bool is_last(int value) noexcept { return value != 0 && number(LANDLINE_ERROR_STATUS) == value; }
    static int number(std::int32_t key) noexcept { return static_cast<int>(landline_error_int(key)); }

    static std::string bytes(std::int32_t key) {
        std::size_t size = 0;
        const auto* const data = landline_error_bytes(key, &size);
        return std::string(bytes_view(data, size).chars());
    }

    static std::shared_ptr<details> ask(int value) {
        auto made = std::make_shared<details>();
        made->phase = number(LANDLINE_ERROR_PHASE);
        made->fault = number(LANDLINE_ERROR_FAULT);
        made->system_errno = number(LANDLINE_ERROR_ERRNO);
        made->http_status = number(LANDLINE_ERROR_HTTP_STATUS);
        made->close_code = number(LANDLINE_ERROR_CLOSE_CODE);
        made->is_transient = number(LANDLINE_ERROR_IS_TRANSIENT) != 0;
        made->retry_after = std::chrono::milliseconds(landline_error_int(LANDLINE_ERROR_RETRY_AFTER_MS));
        made->tls_reason = number(LANDLINE_ERROR_TLS_REASON);
        if (value == LANDLINE_ERR_HANDSHAKE || value == LANDLINE_ERR_PROXY) {
            made->http_headers = bytes(LANDLINE_ERROR_HTTP_HEADERS);
            made->http_body = bytes(LANDLINE_ERROR_HTTP_BODY);
        }
        const auto lines = bytes(LANDLINE_ERROR_ATTEMPTS);
        for (std::size_t at = 0; at < lines.size();) {
            const auto tab = lines.find('\t', at), end = lines.find('\n', tab);
            made->attempts.push_back({lines.substr(at, tab - at), lines.substr(tab + 1, end - tab - 1)});
            at = end + 1;
        }
        return made;
    }

    std::shared_ptr<details> details_;
};

/// Time ran out. Nothing is lost, and nothing was sent: the call can be repeated.
class timeout : public error {
public:
    timeout() : error(landline::status::timed_out) {}
};

/// Another thread interrupted the call. Nothing is lost, and nothing was sent: the call can be repeated.
class interrupted : public error {
public:
    interrupted() : error(landline::status::interrupted) {}
};

/// Time ran out, or the call was interrupted, when the message was already on its way: do not send it again. The next
/// call that sends, flushes or receives continues to send it.
class pending : public error {
public:
    pending() : error(landline::status::pending) {}
};

/// The details of this thread's last failure, for calls with an error code.
inline error last_error() {
    return error(static_cast<status>(static_cast<int>(landline_error_int(LANDLINE_ERROR_STATUS))));
}

namespace detail {

#if LANDLINE_EXCEPTIONS
[[noreturn]] inline void raise(int value) {
    switch (value) {
    case LANDLINE_TIMED_OUT:
        throw timeout();
    case LANDLINE_INTERRUPTED:
        throw interrupted();
    case LANDLINE_PENDING:
        throw pending();
    default:
        throw error(static_cast<status>(value));
    }
}
#else
[[noreturn]] inline void raise(int value) noexcept {
    const bool last = landline_error_int(LANDLINE_ERROR_STATUS) == value;
    std::fprintf(stderr, "landline: %s: %s (there are no exceptions: use the call with an error code)\n",
                 landline_status_name(value),
                 with_setters(last ? landline_error_text() : landline_status_text(value)).c_str());
    std::abort();
}
#endif

inline void check(const std::error_code& failure) {
    if (failure)
        raise(failure.value());
}

inline void check(landline_status value) {
    if (value != LANDLINE_OK)
        raise(value);
}

inline std::string_view view(const char* text) noexcept {
    return text == nullptr ? std::string_view() : std::string_view(text);
}

inline std::optional<std::string_view> optional_view(const char* text, std::size_t size) noexcept {
    return text == nullptr ? std::nullopt : std::optional<std::string_view>(std::in_place, text, size);
}

/// The base of all types that own a handle of the C interface.
template <class T, void (*Free)(T*)>
class owner {
public:
    /// Whether it owns a handle.
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// The handle, for functions of landline.h. This object still owns it.
    T* get() const noexcept { return handle_.get(); }
    /// The handle, which the caller owns and frees from now on.
    T* release() noexcept { return handle_.release(); }

protected:
    owner() noexcept = default;
    explicit owner(T* handle) noexcept : handle_(handle) {}
    void set(T* handle) noexcept { handle_.reset(handle); }

private:
    struct deleter {
        void operator()(T* handle) const noexcept { Free(handle); }
    };
    std::unique_ptr<T, deleter> handle_;
};

} // namespace detail

// ----- Interrupters and options -----

/// Wakes a blocked call from any thread: an attempt to connect and the calls on the resulting connection, or a call
/// that waits for a client.
class interrupter : public detail::owner<landline_interrupter, landline_interrupter_free> {
public:
    interrupter() {
        std::error_code failure;
        make(failure);
        detail::check(failure);
    }
    explicit interrupter(std::error_code& failure) noexcept { make(failure); }
    /// Takes over a handle of the C interface.
    explicit interrupter(landline_interrupter* handle) noexcept : owner(handle) {}

    /// Wakes a blocked call, or else the next one that would block. Never blocks.
    void interrupt() const { detail::check(landline_interrupter_interrupt(get())); }
    void interrupt(std::error_code& failure) const noexcept {
        failure = detail::code(landline_interrupter_interrupt(get()));
    }

    /// Ends the connection immediately; if it is not open yet, wakes the call that is opening it. Never blocks.
    void abort() const { detail::check(landline_interrupter_abort(get())); }
    void abort(std::error_code& failure) const noexcept {
        failure = detail::code(landline_interrupter_abort(get()));
    }

private:
    void make(std::error_code& failure) noexcept {
        landline_interrupter* made = nullptr;
        failure = detail::code(landline_interrupter_new(&made));
        set(made);
    }
};

/// Keeps the cookies that servers set, for all connections whose options use it. In memory only. A cookie is returned
/// only to the host that set it.
class cookie_jar : public detail::owner<landline_cookie_jar, landline_cookie_jar_free> {
public:
    cookie_jar() {
        std::error_code failure;
        make(failure);
        detail::check(failure);
    }
    explicit cookie_jar(std::error_code& failure) noexcept { make(failure); }
    /// Takes over a handle of the C interface.
    explicit cookie_jar(landline_cookie_jar* handle) noexcept : owner(handle) {}

    /// The cookies with which a request to this URL would be sent, as in a Cookie header. Never blocks.
    std::string cookies(c_text url) const {
        std::error_code failure;
        auto text = cookies(url, failure);
        detail::check(failure);
        return text;
    }
    std::string cookies(c_text url, std::error_code& failure) const {
        std::string text(256, '\0');
        for (;;) {
            std::size_t length = 0;
            failure = detail::code(landline_cookie_jar_cookies(get(), url.get(), text.data(), text.size(), &length));
            const bool is_whole = length <= text.size();
            text.resize(length);
            if (is_whole || failure)
                return text;
        }
    }

private:
    void make(std::error_code& failure) noexcept {
        landline_cookie_jar* made = nullptr;
        failure = detail::code(landline_cookie_jar_new(&made));
        set(made);
    }
};

/// What a server or a proxy asks for. The views are valid during the call.
struct challenge {
    int http_status;
    std::string_view url;
    std::string_view method;
    std::string_view target;
    std::string_view schemes;
    std::string_view headers;
};
/// Returns the value of the Authorization or Proxy-Authorization header, or nothing.
using challenge_handler = std::function<std::optional<std::string>(const challenge&)>;
/// Returns a bearer token.
using bearer_supplier = std::function<std::string()>;

/// Which web pages may connect to a server.
enum class origins : std::int64_t {
    any = LANDLINE_ORIGINS_ANY,
    same = LANDLINE_ORIGINS_SAME,
    list = LANDLINE_ORIGINS_LIST,
};

/// The scheme by which browsers reach a server.
enum class scheme : std::int64_t {
    unknown = LANDLINE_SCHEME_UNKNOWN,
    http = LANDLINE_SCHEME_HTTP,
    https = LANDLINE_SCHEME_HTTPS,
};

namespace detail {

/// Calls one of the program's functions for the C interface. Returns 0, or if it throws, an error number or -1.
template <class Call>
std::int32_t error_number(Call call) noexcept {
    LANDLINE_TRY {
        call();
        return 0;
    }
#if LANDLINE_EXCEPTIONS
    catch (const std::system_error& failure) {
        const bool is_errno =
            failure.code().category() == std::generic_category() || failure.code().category() == std::system_category();
        return is_errno && failure.code().value() > 0 ? failure.code().value() : -1;
    }
#endif
    LANDLINE_CATCH_ALL {
        return -1;
    }
}

template <class Function>
void destroy(void* function) {
    delete static_cast<Function*>(function);
}

} // namespace detail

/// Which addresses a client connects to.
enum class address_family : std::int64_t {
    any = LANDLINE_FAMILY_ANY,
    ipv4 = LANDLINE_FAMILY_IPV4,
    ipv6 = LANDLINE_FAMILY_IPV6,
};

/// Looks up a host name: returns the addresses to try, the preferred one first, such as "192.0.2.1" or
/// "[2001:db8::1]:443"; without a port, the requested one is used. Several threads of the library may call it at the
/// same time. If it throws, the look-up fails, with the error number of a std::system_error if it is one.
using resolver = std::function<std::vector<std::string>(std::string_view host, std::uint16_t port)>;

/// Called with each socket, after its options are set and before it is connected, to set further options. If it
/// throws, that address is not connected to, with the error number of a std::system_error if it is one.
using socket_hook = std::function<void(int fd)>;
/// The library that does TLS.
enum class tls_backend : std::int64_t {
    automatic = LANDLINE_TLS_BACKEND_DEFAULT,
    native_tls = LANDLINE_TLS_BACKEND_NATIVE_TLS,
    rustls = LANDLINE_TLS_BACKEND_RUSTLS,
};

/// A version of TLS.
enum class tls_version : std::int64_t {
    v1_2 = LANDLINE_TLS_VERSION_1_2,
    v1_3 = LANDLINE_TLS_VERSION_1_3,
};

/// Whether a server asks its clients for certificates.
enum class client_certs : std::int64_t {
    off = LANDLINE_CLIENT_CERTS_OFF,
    optional = LANDLINE_CLIENT_CERTS_OPTIONAL,
    required = LANDLINE_CLIENT_CERTS_REQUIRED,
};

/// Options for clients, servers and protocols. landline.h describes each in full, at LANDLINE_OPT_*, with its
/// default. Calls that take options copy them. Any thread may change them. Setters can be chained:
///
///     auto options = landline::options().compression(true).header("X-Token", "seven");
///
/// Each setter has an overload with an error code, which returns nothing.
class options : public detail::owner<landline_options, landline_options_free> {
public:
    options() {
        std::error_code failure;
        make(failure);
        detail::check(failure);
    }
    explicit options(std::error_code& failure) noexcept { make(failure); }
    /// Takes over a handle of the C interface. A null pointer stands for the defaults, which cannot be changed.
    explicit options(landline_options* handle) noexcept : owner(handle) {}

    /// Sets a number by its key in landline.h, as the setters below do.
    void set_number(std::int32_t key, std::int64_t value) {
        detail::check(landline_options_set_int(get(), key, value));
    }
    void set_number(std::int32_t key, std::int64_t value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_set_int(get(), key, value));
    }
    /// Sets text by its key; a null pointer restores the default.
    void set_text(std::int32_t key, c_text value) {
        detail::check(landline_options_set_str(get(), key, value.get()));
    }
    void set_text(std::int32_t key, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_set_str(get(), key, value.get()));
    }
    /// Sets bytes by their key; no bytes restore the default.
    void set_bytes(std::int32_t key, payload value) {
        detail::check(landline_options_set_bytes(get(), key, value.data(), value.size()));
    }
    void set_bytes(std::int32_t key, payload value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_set_bytes(get(), key, value.data(), value.size()));
    }

// One option: its name and type, the function that sets it, its key, and its value in the form which that function
// takes.
#define LANDLINE_OPTION(name, type, set, key, as)              \
    void name(type value, std::error_code& failure) noexcept { \
        set(key, as, failure);                                 \
    }                                                          \
    options& name(type value) & {                              \
        set(key, as);                                          \
        return *this;                                          \
    }                                                          \
    options&& name(type value) && {                            \
        set(key, as);                                          \
        return std::move(*this);                               \
    }
#define LANDLINE_OPTION_SIZE(name, key) LANDLINE_OPTION(name, std::size_t, set_number, key, number(value))
#define LANDLINE_OPTION_INT(name, key) LANDLINE_OPTION(name, int, set_number, key, value)
#define LANDLINE_OPTION_FLAG(name, key) LANDLINE_OPTION(name, bool, set_number, key, value)
#define LANDLINE_OPTION_TIME(name, key) LANDLINE_OPTION(name, time_limit, set_number, key, value.milliseconds())
#define LANDLINE_OPTION_TEXT(name, key) LANDLINE_OPTION(name, c_text, set_text, key, value)
#define LANDLINE_OPTION_BYTES(name, key) LANDLINE_OPTION(name, payload, set_bytes, key, value)

    /// Largest message to accept, in bytes.
    LANDLINE_OPTION_SIZE(max_message_size, LANDLINE_OPT_MAX_MESSAGE_SIZE)
    /// Largest number of fragments to accept in one message.
    LANDLINE_OPTION_SIZE(max_fragments, LANDLINE_OPT_MAX_FRAGMENTS)
    /// How long a sending call may go without making progress.
    LANDLINE_OPTION_TIME(send_timeout, LANDLINE_OPT_SEND_TIMEOUT_MS)
    /// How long each receiving call may wait.
    LANDLINE_OPTION_TIME(recv_timeout, LANDLINE_OPT_RECV_TIMEOUT_MS)
    /// How long the whole closing handshake may take.
    LANDLINE_OPTION_TIME(close_timeout, LANDLINE_OPT_CLOSE_TIMEOUT_MS)
    /// Keepalive: send a Ping when nothing has arrived from the peer for this long; zero turns keepalive off.
    LANDLINE_OPTION_TIME(keepalive_interval, LANDLINE_OPT_KEEPALIVE_INTERVAL_MS)
    /// Keepalive: end the connection when nothing has arrived for this long after the Ping.
    LANDLINE_OPTION_TIME(keepalive_timeout, LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS)
    /// Client: how long connecting may take, for all addresses together.
    LANDLINE_OPTION_TIME(connect_timeout, LANDLINE_OPT_CONNECT_TIMEOUT_MS)
    /// How long opening a connection may take in total.
    LANDLINE_OPTION_TIME(handshake_timeout, LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS)
    /// Offers (client) or accepts (server) compression.
    LANDLINE_OPTION_FLAG(compression, LANDLINE_OPT_COMPRESSION)
    /// Compression level, from 1 (fastest) to 9 (smallest).
    LANDLINE_OPTION_INT(compression_level, LANDLINE_OPT_COMPRESSION_LEVEL)
    /// Length of the smallest message to compress, in bytes. By default, all messages are compressed if the window is
    /// kept between messages, and those of at least 128 bytes if it is not.
    LANDLINE_OPTION_SIZE(compression_threshold, LANDLINE_OPT_COMPRESSION_THRESHOLD)
    /// The server starts each message with an empty window.
    LANDLINE_OPTION_FLAG(server_no_context_takeover, LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER)
    /// The client starts each message with an empty window.
    LANDLINE_OPTION_FLAG(client_no_context_takeover, LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER)
    /// Largest window for messages from the server, 9 to 15.
    LANDLINE_OPTION_INT(server_max_window_bits, LANDLINE_OPT_SERVER_MAX_WINDOW_BITS)
    /// Largest window for messages from the client, 9 to 15.
    LANDLINE_OPTION_INT(client_max_window_bits, LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS)
    /// Frees the compressor's memory after each message.
    LANDLINE_OPTION_FLAG(compression_free_between_messages, LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES)
    /// Largest head of a request or response to accept, in bytes.
    LANDLINE_OPTION_SIZE(max_head_size, LANDLINE_OPT_MAX_HEAD_SIZE)
    /// Largest number of headers to accept in a request or response.
    LANDLINE_OPTION_SIZE(max_headers, LANDLINE_OPT_MAX_HEADERS)
    /// Longest first line of a request or response to accept, in bytes.
    LANDLINE_OPTION_SIZE(max_start_line, LANDLINE_OPT_MAX_START_LINE)
    /// Client: how much of the body of a refusal to keep, in bytes.
    LANDLINE_OPTION_SIZE(max_refusal_body, LANDLINE_OPT_MAX_REFUSAL_BODY)
    /// Whether small writes are sent at once; if false, the kernel may delay them.
    LANDLINE_OPTION_FLAG(tcp_nodelay, LANDLINE_OPT_TCP_NODELAY)
    /// The kernel probes a peer from which nothing has arrived for this long; zero turns probes off. For this option
    /// and the other TCP options below, zero means the system's default.
    LANDLINE_OPTION_TIME(tcp_keepalive_time, LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS)
    /// Time from one probe to the next.
    LANDLINE_OPTION_TIME(tcp_keepalive_interval, LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS)
    /// Number of unanswered probes after which the kernel gives up.
    LANDLINE_OPTION_INT(tcp_keepalive_retries, LANDLINE_OPT_TCP_KEEPALIVE_RETRIES)
    /// How long sent data may remain unacknowledged before the kernel gives up. Linux only.
    LANDLINE_OPTION_TIME(tcp_user_timeout, LANDLINE_OPT_TCP_USER_TIMEOUT_MS)
    /// Size of the socket's receive buffer in bytes.
    LANDLINE_OPTION_SIZE(tcp_recv_buffer_size, LANDLINE_OPT_TCP_RECV_BUFFER_SIZE)
    /// Size of the socket's send buffer in bytes.
    LANDLINE_OPTION_SIZE(tcp_send_buffer_size, LANDLINE_OPT_TCP_SEND_BUFFER_SIZE)
    /// Client: whether to trust the platform's root certificates; if false, only those given by ca_file() and
    /// ca_pem().
    LANDLINE_OPTION_FLAG(platform_roots, LANDLINE_OPT_TLS_PLATFORM_ROOTS)
    /// Client: accepts any certificate. Anyone on the network path can then read and change everything.
    LANDLINE_OPTION_FLAG(danger_accept_invalid_certs, LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS)
    /// Client: accepts a trusted certificate even if it is for a different host. Whoever has a trusted certificate
    /// for any host can then impersonate the server.
    LANDLINE_OPTION_FLAG(danger_accept_invalid_hostnames, LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES)
    /// Server: largest number of connections at a time.
    LANDLINE_OPTION_SIZE(max_connections, LANDLINE_OPT_MAX_CONNECTIONS)
    /// Server: stack size of each connection's thread, in bytes.
    LANDLINE_OPTION_SIZE(stack_size, LANDLINE_OPT_STACK_SIZE)
    /// Server: which web pages may connect.
    LANDLINE_OPTION(origins, landline::origins, set_number, LANDLINE_OPT_ORIGINS, static_cast<std::int64_t>(value))
    /// Server: the scheme by which browsers reach it, needed if a proxy in front of it does TLS.
    LANDLINE_OPTION(public_scheme, scheme, set_number, LANDLINE_OPT_PUBLIC_SCHEME, static_cast<std::int64_t>(value))
    /// Each connection is used by one thread only, and its calls cannot be interrupted.
    LANDLINE_OPTION_FLAG(single_thread, LANDLINE_OPT_SINGLE_THREAD)
    /// Client: which addresses to connect to.
    LANDLINE_OPTION(address_family, landline::address_family, set_number, LANDLINE_OPT_ADDRESS_FAMILY,
                    static_cast<std::int64_t>(value))
    /// Server: the permissions of the file of a Unix socket, such as 0660; zero leaves them to the umask.
    LANDLINE_OPTION_INT(unix_mode, LANDLINE_OPT_UNIX_MODE)
    /// Client: adds an address to connect to, whatever the URL's host is; without a port, it is the URL's. A null
    /// pointer removes all.
    LANDLINE_OPTION_TEXT(address, LANDLINE_OPT_ADDRESS)
    /// Client: the address to connect from, and optionally the port.
    LANDLINE_OPTION_TEXT(local_addr, LANDLINE_OPT_LOCAL_ADDR)
    /// Client: the network interface to connect through. Linux only.
    LANDLINE_OPTION_TEXT(interface, LANDLINE_OPT_INTERFACE)
    /// Client: the path of a Unix socket to connect to, whatever the URL's host is.
    LANDLINE_OPTION_TEXT(unix_path, LANDLINE_OPT_UNIX_PATH)
    /// Client: how many redirects to follow; 0 none. Never from wss to ws, and what is meant for one origin goes to
    /// no other.
    LANDLINE_OPTION_SIZE(max_redirects, LANDLINE_OPT_MAX_REDIRECTS)
    /// Client: the Origin header to send.
    LANDLINE_OPTION_TEXT(origin, LANDLINE_OPT_ORIGIN)
    /// Client: the Host header to send instead of the URL's host and port.
    LANDLINE_OPTION_TEXT(host, LANDLINE_OPT_HOST)
    /// Adds a subprotocol to offer (client) or support (server), the preferred one first. A null pointer removes all.
    LANDLINE_OPTION_TEXT(subprotocol, LANDLINE_OPT_SUBPROTOCOL)
    /// Server: adds an origin whose pages may connect. A null pointer removes all.
    LANDLINE_OPTION_TEXT(allowed_origin, LANDLINE_OPT_ALLOWED_ORIGIN)
    /// Client: adds a file of certificates in PEM to trust.
    LANDLINE_OPTION_TEXT(ca_file, LANDLINE_OPT_TLS_CA_FILE)
    /// A file with this end's certificate chain in PEM.
    LANDLINE_OPTION_TEXT(cert_file, LANDLINE_OPT_TLS_CERT_FILE)
    /// A file with this end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    LANDLINE_OPTION_TEXT(key_file, LANDLINE_OPT_TLS_KEY_FILE)
    /// The password of pkcs12().
    LANDLINE_OPTION_TEXT(pkcs12_password, LANDLINE_OPT_TLS_PKCS12_PASSWORD)
    /// Client: adds a proxy to connect through, the nearest first: scheme://[user[:password]@]host[:port] with the
    /// scheme http, https, socks5, socks5h, socks4 or socks4a. A null pointer removes all. User and password are sent
    /// to an HTTP proxy with the first request, by Basic; if the proxy answers 407, by the scheme that it asks for.
    LANDLINE_OPTION_TEXT(proxy, LANDLINE_OPT_PROXY)
    /// Client: the servers to connect to directly although a proxy is set: domains, addresses, networks, "*".
    LANDLINE_OPTION_TEXT(no_proxy, LANDLINE_OPT_NO_PROXY)
    /// Client: connects through the proxies that the environment names, which this call reads.
    LANDLINE_OPTION_FLAG(proxy_from_env, LANDLINE_OPT_PROXY_FROM_ENV)
    /// Client: whether to trust the platform's root certificates for TLS with https proxies.
    LANDLINE_OPTION_FLAG(proxy_platform_roots, LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS)
    /// Client: accepts any certificate of https proxies. Anyone on the network path to them can then see which
    /// servers are connected to.
    LANDLINE_OPTION_FLAG(proxy_danger_accept_invalid_certs, LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS)
    /// Client: accepts a trusted certificate of an https proxy even if it is for a different host.
    LANDLINE_OPTION_FLAG(proxy_danger_accept_invalid_hostnames, LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES)
    /// Client: adds a file of certificates in PEM to trust for TLS with https proxies.
    LANDLINE_OPTION_TEXT(proxy_ca_file, LANDLINE_OPT_PROXY_TLS_CA_FILE)
    /// Client: a file with the certificate chain in PEM for https proxies that ask for one.
    LANDLINE_OPTION_TEXT(proxy_cert_file, LANDLINE_OPT_PROXY_TLS_CERT_FILE)
    /// Client: a file with the private key of that certificate.
    LANDLINE_OPTION_TEXT(proxy_key_file, LANDLINE_OPT_PROXY_TLS_KEY_FILE)
    /// Client: adds certificates in PEM to trust.
    LANDLINE_OPTION_BYTES(ca_pem, LANDLINE_OPT_TLS_CA_PEM)
    /// This end's certificate chain in PEM.
    LANDLINE_OPTION_BYTES(cert_pem, LANDLINE_OPT_TLS_CERT_PEM)
    /// This end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    LANDLINE_OPTION_BYTES(key_pem, LANDLINE_OPT_TLS_KEY_PEM)
    /// This end's certificate and key as a PKCS#12 archive.
    LANDLINE_OPTION_BYTES(pkcs12, LANDLINE_OPT_TLS_PKCS12)
    /// Sessions: the first wait before connecting again.
    LANDLINE_OPTION_TIME(backoff_first, LANDLINE_OPT_BACKOFF_FIRST_MS)
    /// Sessions: the factor by which each wait is longer than the previous one.
    LANDLINE_OPTION_INT(backoff_factor, LANDLINE_OPT_BACKOFF_FACTOR)
    /// Sessions: the longest wait.
    LANDLINE_OPTION_TIME(backoff_max, LANDLINE_OPT_BACKOFF_MAX_MS)
    /// Sessions: how much of each wait is random, in percent.
    LANDLINE_OPTION_INT(backoff_jitter_percent, LANDLINE_OPT_BACKOFF_JITTER_PERCENT)
    /// Sessions: after a connection has been open for this long, waits and the count of attempts start afresh.
    LANDLINE_OPTION_TIME(reset_after, LANDLINE_OPT_RESET_AFTER_MS)
    /// Sessions: how long the server can make the session wait at most with a Retry-After header.
    LANDLINE_OPTION_TIME(max_retry_after, LANDLINE_OPT_MAX_RETRY_AFTER_MS)
    /// Sessions: how many attempts in a row may fail; 0 means no limit.
    LANDLINE_OPTION_INT(max_attempts, LANDLINE_OPT_MAX_ATTEMPTS)
    /// Sessions: how long the session may be without a connection that lasts.
    LANDLINE_OPTION_TIME(give_up_after, LANDLINE_OPT_GIVE_UP_AFTER_MS)
    /// Sessions: how many messages to keep that are sent while there is no connection; 0 for none.
    LANDLINE_OPTION_SIZE(outbox_messages, LANDLINE_OPT_OUTBOX_MESSAGES)
    /// Sessions: how many bytes of such messages to keep.
    LANDLINE_OPTION_SIZE(outbox_bytes, LANDLINE_OPT_OUTBOX_BYTES)
    /// The library that does TLS. status::config when the options are used if it is not compiled in.
    LANDLINE_OPTION(backend, tls_backend, set_number, LANDLINE_OPT_TLS_BACKEND, static_cast<std::int64_t>(value))
    /// The oldest version of TLS to speak.
    LANDLINE_OPTION(min_version, tls_version, set_number, LANDLINE_OPT_TLS_MIN_VERSION,
                    static_cast<std::int64_t>(value))
    /// Whether a client offers "http/1.1" by ALPN, and a server chooses it.
    LANDLINE_OPTION_FLAG(alpn, LANDLINE_OPT_TLS_ALPN)
    /// Server: whether it asks clients for certificates. request::tls_info() has the client's certificate.
    LANDLINE_OPTION(client_certs, landline::client_certs, set_number, LANDLINE_OPT_TLS_CLIENT_CERTS,
                    static_cast<std::int64_t>(value))
    /// Appends session secrets to the file that the environment variable SSLKEYLOGFILE names, if it is set.
    LANDLINE_OPTION_FLAG(key_log, LANDLINE_OPT_TLS_KEY_LOG)
    /// Appends session secrets to this file.
    LANDLINE_OPTION_TEXT(key_log_file, LANDLINE_OPT_TLS_KEY_LOG_FILE)
    /// Client: adds a directory of certificates in PEM to trust. A null pointer removes all.
    LANDLINE_OPTION_TEXT(ca_dir, LANDLINE_OPT_TLS_CA_DIR)
    /// Client: the name that the server's certificate must be for, instead of the URL's host.
    LANDLINE_OPTION_TEXT(server_name, LANDLINE_OPT_TLS_SERVER_NAME)
    /// Client: adds a public key that the server may have, as tls_info::public_key_pin() gives it. A null pointer
    /// removes all.
    LANDLINE_OPTION_TEXT(pinned_key, LANDLINE_OPT_TLS_PINNED_KEY)
    /// Server: adds a file of certificates in PEM. Clients' certificates that they issued are trusted.
    LANDLINE_OPTION_TEXT(client_ca_file, LANDLINE_OPT_TLS_CLIENT_CA_FILE)
    /// Server: adds a directory of such files.
    LANDLINE_OPTION_TEXT(client_ca_dir, LANDLINE_OPT_TLS_CLIENT_CA_DIR)
    /// Server: adds such certificates in memory.
    LANDLINE_OPTION_BYTES(client_ca_pem, LANDLINE_OPT_TLS_CLIENT_CA_PEM)

#undef LANDLINE_OPTION_BYTES
#undef LANDLINE_OPTION_TEXT
#undef LANDLINE_OPTION_TIME
#undef LANDLINE_OPTION_FLAG
#undef LANDLINE_OPTION_INT
#undef LANDLINE_OPTION_SIZE
#undef LANDLINE_OPTION

    /// Server: adds a certificate with its key for other names, both as PEM files, which are read again for each
    /// client.
    void add_cert_files(c_text cert_file, c_text key_file, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_add_cert_files(get(), cert_file.get(), key_file.get()));
    }
    options& add_cert_files(c_text cert_file, c_text key_file) & {
        detail::check(landline_options_add_cert_files(get(), cert_file.get(), key_file.get()));
        return *this;
    }
    options&& add_cert_files(c_text cert_file, c_text key_file) && {
        add_cert_files(cert_file, key_file); // of an lvalue: *this
        return std::move(*this);
    }

    /// Server: adds a certificate with its key for other names, both in one PEM text.
    void add_cert_pem(payload both, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_add_cert_pem(get(), both.data(), both.size()));
    }
    options& add_cert_pem(payload both) & {
        detail::check(landline_options_add_cert_pem(get(), both.data(), both.size()));
        return *this;
    }
    options&& add_cert_pem(payload both) && {
        add_cert_pem(both); // of an lvalue: *this
        return std::move(*this);
    }

    /// Adds a header to a client's request, or to each response with which a server opens a connection.
    void header(c_text name, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_add_header(get(), name.get(), value.get()));
    }
    options& header(c_text name, c_text value) & {
        detail::check(landline_options_add_header(get(), name.get(), value.get()));
        return *this;
    }
    options&& header(c_text name, c_text value) && {
        header(name, value); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: adds a header to the CONNECT request to the proxy that proxy() added last.
    void proxy_header(c_text name, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_add_proxy_header(get(), name.get(), value.get()));
    }
    options& proxy_header(c_text name, c_text value) & {
        detail::check(landline_options_add_proxy_header(get(), name.get(), value.get()));
        return *this;
    }
    options&& proxy_header(c_text name, c_text value) && {
        proxy_header(name, value); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: looks up names with this function instead of the system; an empty one restores the default. It may
    /// still be running when a connect() that ran out of time has returned, and is destroyed when it is no longer
    /// needed.
    void resolver(landline::resolver value, std::error_code& failure) {
        const auto call = [](const char* host, std::uint16_t port, landline_addresses* addresses, void* user) {
            return detail::error_number([&] {
                for (const std::string& address : (*static_cast<landline::resolver*>(user))(host, port))
                    detail::check(landline_addresses_add(addresses, address.c_str()));
            });
        };
        const bool is_set = static_cast<bool>(value);
        auto* const kept = is_set ? new landline::resolver(std::move(value)) : nullptr;
        failure = detail::code(landline_options_set_resolver(get(), is_set ? +call : nullptr, kept,
                                                             &detail::destroy<landline::resolver>));
    }
    options& resolver(landline::resolver value) & {
        std::error_code failure;
        resolver(std::move(value), failure);
        detail::check(failure);
        return *this;
    }
    options&& resolver(landline::resolver value) && {
        resolver(std::move(value)); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: calls this function with each socket before it is connected; an empty one restores the default.
    void on_socket(socket_hook value, std::error_code& failure) {
        const auto call = [](std::int32_t fd, void* user) {
            return detail::error_number([&] { (*static_cast<socket_hook*>(user))(fd); });
        };
        const bool is_set = static_cast<bool>(value);
        auto* const kept = is_set ? new socket_hook(std::move(value)) : nullptr;
        failure = detail::code(landline_options_set_on_socket(get(), is_set ? +call : nullptr, kept,
                                                              &detail::destroy<socket_hook>));
    }
    options& on_socket(socket_hook value) & {
        std::error_code failure;
        on_socket(std::move(value), failure);
        detail::check(failure);
        return *this;
    }
    options&& on_socket(socket_hook value) && {
        on_socket(std::move(value)); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: the user name and password for servers, by Basic, or by Digest if the server asks for it.
    void auth(c_text user, c_text password, std::error_code& failure) noexcept {
        set_text(LANDLINE_OPT_AUTH_USER, user, failure);
        if (!failure)
            set_text(LANDLINE_OPT_AUTH_PASSWORD, password, failure);
    }
    options& auth(c_text user, c_text password) & {
        set_text(LANDLINE_OPT_AUTH_USER, user);
        set_text(LANDLINE_OPT_AUTH_PASSWORD, password);
        return *this;
    }
    options&& auth(c_text user, c_text password) && {
        auth(user, password); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: the bearer token to send.
    void bearer(c_text token, std::error_code& failure) noexcept {
        set_text(LANDLINE_OPT_BEARER_TOKEN, token, failure);
    }
    options& bearer(c_text token) & {
        set_text(LANDLINE_OPT_BEARER_TOKEN, token);
        return *this;
    }
    options&& bearer(c_text token) && {
        bearer(token); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: supplies a bearer token at the beginning of each attempt to connect, in the thread that connects. If
    /// it throws, connecting fails with status::io.
    void bearer(bearer_supplier supply, std::error_code& failure) {
        failure = set_callback(landline_options_set_bearer, std::move(supply),
            [](void* data, std::size_t capacity, std::size_t* len, void* user) {
                return answer(
                    data, capacity, len, [&] { return (*static_cast<bearer_supplier*>(user))(); });
            });
    }
    options& bearer(bearer_supplier supply) & {
        std::error_code failure;
        bearer(std::move(supply), failure);
        detail::check(failure);
        return *this;
    }
    options&& bearer(bearer_supplier supply) && {
        bearer(std::move(supply)); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: answers challenges of servers (401) and proxies (407) that user names and passwords have not answered.
    /// Called in the thread that connects, at most 5 times for one URL. If it throws, there is no answer.
    void on_challenge(challenge_handler handle, std::error_code& failure) {
        failure = set_callback(landline_options_set_on_challenge, std::move(handle),
            [](const landline_challenge* asked, void* data, std::size_t capacity, std::size_t* len, void* user) {
                return answer(data, capacity, len, [&] {
                    return (*static_cast<challenge_handler*>(user))(challenge{asked->http_status, asked->url,
                        asked->method, asked->target, asked->schemes, asked->headers});
                });
            });
    }
    options& on_challenge(challenge_handler handle) & {
        std::error_code failure;
        on_challenge(std::move(handle), failure);
        detail::check(failure);
        return *this;
    }
    options&& on_challenge(challenge_handler handle) && {
        on_challenge(std::move(handle)); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: sends a cookie. The last value of a name counts.
    void cookie(c_text name, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_add_cookie(get(), name.get(), value.get()));
    }
    options& cookie(c_text name, c_text value) & {
        detail::check(landline_options_add_cookie(get(), name.get(), value.get()));
        return *this;
    }
    options&& cookie(c_text name, c_text value) && {
        cookie(name, value); // of an lvalue: *this
        return std::move(*this);
    }

    /// Client: keeps the cookies that servers set in this jar, and sends those in it. `value` need not outlive this
    /// call.
    void cookie_jar(const landline::cookie_jar& value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_set_cookie_jar(get(), value.get()));
    }
    options& cookie_jar(const landline::cookie_jar& value) & {
        detail::check(landline_options_set_cookie_jar(get(), value.get()));
        return *this;
    }
    options&& cookie_jar(const landline::cookie_jar& value) && {
        cookie_jar(value); // of an lvalue: *this
        return std::move(*this);
    }

    /// Sets what interrupts connecting, accepting, and the calls on the connection. `value` need not outlive this
    /// call.
    void interrupter(const landline::interrupter& value, std::error_code& failure) noexcept {
        failure = detail::code(landline_options_set_interrupter(get(), value.get()));
    }
    options& interrupter(const landline::interrupter& value) & {
        detail::check(landline_options_set_interrupter(get(), value.get()));
        return *this;
    }
    options&& interrupter(const landline::interrupter& value) && {
        interrupter(value); // of an lvalue: *this
        return std::move(*this);
    }

private:
    void make(std::error_code& failure) noexcept {
        landline_options* made = nullptr;
        failure = detail::code(landline_options_new(&made));
        set(made);
    }

    /// Gives a callback to the library, which frees it. An empty one removes the previous one.
    template <class Function, class Set, class Call>
    std::error_code set_callback(Set set_it, Function function, Call call) {
        const bool is_set = static_cast<bool>(function);
        auto* const kept = is_set ? new Function(std::move(function)) : nullptr;
        return detail::code(set_it(get(), is_set ? +call : nullptr, kept, &detail::destroy<Function>));
    }

    /// Copies what a callback returns to where the library wants it.
    template <class Make>
    static landline_status answer(void* data, std::size_t capacity, std::size_t* len, Make make) noexcept {
        LANDLINE_TRY {
            const std::optional<std::string> made = make();
            if (!made || made->size() > capacity)
                return LANDLINE_ERR_INVALID;
            made->copy(static_cast<char*>(data), capacity);
            *len = made->size();
            return LANDLINE_OK;
        }
        LANDLINE_CATCH_ALL {
        }
        return LANDLINE_ERR_INVALID;
    }

    static std::int64_t number(std::size_t value) noexcept {
        constexpr auto most = (std::numeric_limits<std::int64_t>::max)();
        return value > static_cast<std::uint64_t>(most) ? most : static_cast<std::int64_t>(value);
    }
};

/// The default options.
inline const options defaults{static_cast<landline_options*>(nullptr)};

// ----- Messages -----

namespace detail {

/// Frees a message, and then the reference to the connection that it was borrowed from.
struct message_deleter {
    landline_conn* lender = nullptr;
    void operator()(landline_message* handle) const noexcept {
        landline_message_free(handle);
        landline_conn_free(lender);
    }
};

} // namespace detail

/// A received message. Any thread may destroy it. A message from recv_ref() is borrowed from its connection, which it
/// keeps alive, and which can receive nothing else until the message is destroyed.
class message {
public:
    /// Creates an empty object.
    message() noexcept = default;
    /// Takes over a handle of the C interface and, if the message is borrowed, a reference to its connection.
    explicit message(landline_message* handle, landline_conn* lender = nullptr) noexcept
        : handle_(handle, detail::message_deleter{lender}) {}

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    landline_message* get() const noexcept { return handle_.get(); }

    landline::kind kind() const noexcept { return static_cast<landline::kind>(landline_message_kind(get())); }
    bool is_text() const noexcept { return kind() == landline::kind::text; }
    /// The payload. Valid as long as the message.
    bytes_view bytes() const noexcept { return {data(), size()}; }
    /// The payload as characters: UTF-8 if it is a text message. Valid as long as the message.
    std::string_view text() const noexcept { return bytes().chars(); }
    const void* data() const noexcept { return landline_message_data(get()); }
    std::size_t size() const noexcept { return landline_message_len(get()); }

private:
    std::unique_ptr<landline_message, detail::message_deleter> handle_;
};

/// What recv_into() has written to the buffer.
struct part {
    landline::kind kind;
    std::size_t size;
    /// Whether the message ends here.
    bool last;
};

// ----- Writers -----

/// A message that is being sent in pieces. One thread at a time may use it; a second one waits. If it is destroyed
/// before finish(), the connection is closed with 1011, because a message that has begun cannot be withdrawn.
class writer : public detail::owner<landline_writer, landline_writer_free> {
public:
    writer() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit writer(landline_writer* handle) noexcept : owner(handle) {}

    /// Adds to the message. Blocks until all the data has been accepted. With a time limit, use the overload with an
    /// error code, which returns how many bytes were accepted even if it fails: continue from there.
    void write(payload data, time_limit limit = no_timeout) {
        std::error_code failure;
        write(data, limit, failure);
        detail::check(failure);
    }
    std::size_t write(payload data, time_limit limit, std::error_code& failure) noexcept {
        std::size_t written = 0;
        failure =
            detail::code(landline_writer_write(get(), data.data(), data.size(), limit.milliseconds(), &written));
        return written;
    }

    /// Sends what has been written. Blocks until it is in the kernel. Does nothing after finish().
    void flush(time_limit limit = no_timeout) { detail::check(landline_writer_flush(get(), limit.milliseconds())); }
    void flush(time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_writer_flush(get(), limit.milliseconds()));
    }

    /// Ends the message. Blocks until it is in the kernel.
    void finish(time_limit limit = no_timeout) { detail::check(landline_writer_finish(get(), limit.milliseconds())); }
    void finish(time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_writer_finish(get(), limit.milliseconds()));
    }
};

// ----- What is known about TLS -----

/// What is known about TLS on a connection, which it outlasts. Any number of threads may use it at the same time.
/// Views are valid as long as this object.
class tls_info : public detail::owner<landline_tls, landline_tls_free> {
public:
    /// Creates an empty object.
    tls_info() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit tls_info(landline_tls* handle) noexcept : owner(handle) {}

    // Without exceptions, use number(), text() and certificate(), which have overloads with an error code.

    tls_version version() const { return static_cast<tls_version>(number(LANDLINE_TLS_INFO_VERSION)); }
    /// The number of the cipher suite in the registry of IANA.
    int cipher_suite() const { return static_cast<int>(number(LANDLINE_TLS_INFO_CIPHER_SUITE)); }
    /// Its name, such as "TLS_AES_256_GCM_SHA384".
    std::string_view cipher_suite_name() const { return text(LANDLINE_TLS_INFO_CIPHER_SUITE_NAME); }
    /// The protocol that was chosen by ALPN: "http/1.1", or empty.
    std::string_view alpn() const { return text(LANDLINE_TLS_INFO_ALPN); }
    /// Whether an earlier session was resumed.
    bool is_resumed() const { return number(LANDLINE_TLS_INFO_IS_RESUMED) != 0; }
    tls_backend backend() const { return static_cast<tls_backend>(number(LANDLINE_TLS_INFO_BACKEND)); }
    /// The common name of the subject of the peer's certificate; empty if the peer showed none.
    std::string_view common_name() const { return text(LANDLINE_TLS_INFO_COMMON_NAME); }
    /// The names that the peer's certificate is for, each followed by "\n".
    std::string_view names() const { return text(LANDLINE_TLS_INFO_NAMES); }
    /// The peer's public key in the form of options::pinned_key().
    std::string_view public_key_pin() const { return text(LANDLINE_TLS_INFO_PUBLIC_KEY_PIN); }
    /// How many certificates certificate() has. 0 if the peer showed none.
    std::size_t certificate_count() const {
        return static_cast<std::size_t>(number(LANDLINE_TLS_INFO_CERT_COUNT));
    }
    /// One of the certificates that the peer showed, in DER. Number 0 is its own.
    bytes_view certificate(std::size_t index) const {
        std::error_code failure;
        const auto found = certificate(index, failure);
        detail::check(failure);
        return found;
    }
    bytes_view certificate(std::size_t index, std::error_code& failure) const noexcept {
        const void* data = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_tls_cert(get(), index, &data, &size));
        return failure ? bytes_view() : bytes_view(data, size);
    }

    /// A number by its key in landline.h.
    std::int64_t number(std::int32_t key) const {
        std::error_code failure;
        const auto value = number(key, failure);
        detail::check(failure);
        return value;
    }
    std::int64_t number(std::int32_t key, std::error_code& failure) const noexcept {
        std::int64_t value = 0;
        failure = detail::code(landline_tls_int(get(), key, &value));
        return value;
    }
    /// Text by its key.
    std::string_view text(std::int32_t key) const {
        std::error_code failure;
        const auto value = text(key, failure);
        detail::check(failure);
        return value;
    }
    std::string_view text(std::int32_t key, std::error_code& failure) const noexcept {
        const char* value = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_tls_str(get(), key, &value, &size));
        return failure ? std::string_view() : std::string_view(value, size);
    }
};

// ----- Connections -----

/// A socket that was taken out of a connection.
struct detached {
    /// The descriptor, in blocking mode. The caller closes it.
    int fd;
    /// What the peer has sent but no call has returned: frames as they arrived, the last of which may be incomplete.
    std::string received;
};

enum class connection_state : std::int64_t {
    open = LANDLINE_STATE_OPEN,
    closing = LANDLINE_STATE_CLOSING,
    over = LANDLINE_STATE_OVER,
};

/// Whose calls connection::interrupt() wakes.
enum class direction : std::int32_t {
    recv = LANDLINE_DIRECTION_RECV,
    send = LANDLINE_DIRECTION_SEND,
    both = LANDLINE_DIRECTION_BOTH,
};

/// How long the steps of opening a client's connection took. Steps that were repeated are added up; those that were
/// not needed took no time.
struct timings {
    /// Looking up names, until the first address could be tried.
    std::chrono::microseconds resolve{};
    /// Connecting, from the first attempt until one succeeded.
    std::chrono::microseconds connect{};
    /// Asking proxies to connect to the server.
    std::chrono::microseconds proxy{};
    /// TLS with the server.
    std::chrono::microseconds tls{};
    /// The opening handshake.
    std::chrono::microseconds upgrade{};

    /// All of them together.
    std::chrono::microseconds total() const noexcept { return resolve + connect + proxy + tls + upgrade; }
};

/// Counters of a connection since the opening handshake.
struct stats {
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    /// Bytes of the messages sent, before compression.
    std::uint64_t payload_sent = 0;
    /// Bytes of the messages received, after decompression.
    std::uint64_t payload_received = 0;
    /// Bytes given to the transport.
    std::uint64_t wire_sent = 0;
    /// Bytes taken from the transport.
    std::uint64_t wire_received = 0;
};

/// A piece of a message, for connection::send_vectored().
inline landline_slice slice(payload data) noexcept { return {data.data(), data.size()}; }

class message_iterator;
/// Where iterating over a connection ends.
struct end_of_messages {};

/// An open connection. One thread receives while any number of others send, ping, close or interrupt it; share()
/// returns an object for each of them. Destroying the last object ends the connection without a closing handshake:
/// call close() first.
class connection : public detail::owner<landline_conn, landline_conn_free> {
public:
    /// Creates an empty object.
    connection() noexcept = default;
    /// Takes over a reference of the C interface.
    explicit connection(landline_conn* handle) noexcept : owner(handle) {}

    /// Another object for the same connection, for another thread.
    connection share() const noexcept { return connection(landline_conn_retain(get())); }

    // Receiving. Pings are answered, and the closing handshake and keepalive work, inside these calls.

    /// The next message, whole, or nothing if the connection was closed cleanly. Blocks until there is one.
    std::optional<message> recv(time_limit limit = no_timeout) {
        std::error_code failure;
        auto received = recv(limit, failure);
        detail::check(failure);
        return received;
    }
    std::optional<message> recv(std::error_code& failure) noexcept { return recv(no_timeout, failure); }
    std::optional<message> recv(time_limit limit, std::error_code& failure) noexcept {
        landline_message* received = nullptr;
        if (!is_received(landline_conn_recv(get(), limit.milliseconds(), &received), failure))
            return std::nullopt;
        return message(received);
    }

    /// Receives as recv() does, but without a copy: nothing else can be received while the message exists
    /// (status::busy).
    std::optional<message> recv_ref(time_limit limit = no_timeout) {
        std::error_code failure;
        auto received = recv_ref(limit, failure);
        detail::check(failure);
        return received;
    }
    std::optional<message> recv_ref(std::error_code& failure) noexcept { return recv_ref(no_timeout, failure); }
    std::optional<message> recv_ref(time_limit limit, std::error_code& failure) noexcept {
        landline_message* received = nullptr;
        if (!is_received(landline_conn_recv_ref(get(), limit.milliseconds(), &received), failure))
            return std::nullopt;
        return message(received, landline_conn_retain(get()));
    }

    /// Receives a message piece by piece into a buffer: as much as has arrived and fits, or nothing if the connection
    /// was closed cleanly. Blocks until something has arrived.
    std::optional<part> recv_into(void* buffer, std::size_t capacity, time_limit limit = no_timeout) {
        std::error_code failure;
        auto received = recv_into(buffer, capacity, limit, failure);
        detail::check(failure);
        return received;
    }
    std::optional<part> recv_into(void* buffer, std::size_t capacity, time_limit limit,
                                  std::error_code& failure) noexcept {
        std::int32_t found = 0;
        std::size_t size = 0;
        const auto result = landline_conn_recv_into(get(), buffer, capacity, limit.milliseconds(), &found, &size);
        if (!is_received(result == LANDLINE_MORE ? LANDLINE_OK : result, failure))
            return std::nullopt;
        return part{static_cast<landline::kind>(found), size, result == LANDLINE_OK};
    }

    /// For `for (auto& message : connection)`: recv() until the connection was closed cleanly.
    message_iterator begin();
    end_of_messages end() const noexcept { return {}; }

    // Sending. These calls block until the bytes are in the kernel. Any number of threads may send: messages stay
    // whole.

    /// Sends a text message.
    void send(std::string_view text, send_options how = {}) { send_any(landline::kind::text, text, how); }
    void send(std::string_view text, std::error_code& failure) noexcept { send(text, {}, failure); }
    void send(std::string_view text, send_options how, std::error_code& failure) noexcept {
        send_any(landline::kind::text, text, how, failure);
    }
    /// Sends a binary message.
    void send(bytes_view bytes, send_options how = {}) { send_any(landline::kind::binary, bytes, how); }
    void send(bytes_view bytes, std::error_code& failure) noexcept { send(bytes, {}, failure); }
    void send(bytes_view bytes, send_options how, std::error_code& failure) noexcept {
        send_any(landline::kind::binary, bytes, how, failure);
    }
    /// Sends a received message on: text as text, binary as binary.
    void send(const message& received, send_options how = {}) {
        detail::check(landline_conn_send_message(get(), received.get(), how.flags(), how.milliseconds()));
    }
    void send(const message& received, std::error_code& failure) noexcept { send(received, {}, failure); }
    void send(const message& received, send_options how, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_send_message(get(), received.get(), how.flags(), how.milliseconds()));
    }

    /// Sends a message if that is possible without waiting, and never blocks. Returns true if it was accepted; what
    /// the kernel has no room for is sent by the next call that sends or flushes, or while a receiving call waits.
    /// Returns false (status::would_block) if nothing of it was accepted, because the peer does not read, or another
    /// thread is streaming a message or writing a large one. `flags`: none, compress_never or compress_always.
    [[nodiscard]] bool try_send(std::string_view text, send_flag flags = send_flag::none) {
        return try_send_any(landline::kind::text, text, flags);
    }
    [[nodiscard]] bool try_send(bytes_view bytes, send_flag flags = send_flag::none) {
        return try_send_any(landline::kind::binary, bytes, flags);
    }
    [[nodiscard]] bool try_send(const message& received, send_flag flags = send_flag::none) {
        return try_send_any(received.kind(), received.bytes(), flags);
    }
    /// The overloads with an error code set status::would_block where the others return false.
    void try_send(std::string_view text, send_flag flags, std::error_code& failure) noexcept {
        try_send_any(landline::kind::text, text, flags, failure);
    }
    void try_send(bytes_view bytes, send_flag flags, std::error_code& failure) noexcept {
        try_send_any(landline::kind::binary, bytes, flags, failure);
    }
    void try_send(const message& received, send_flag flags, std::error_code& failure) noexcept {
        try_send_any(received.kind(), received.bytes(), flags, failure);
    }

    /// Gathers a message (send_flag::feed): it is sent with the next message that is not gathered, or by flush().
    void feed(std::string_view text, time_limit limit = no_timeout) { send(text, {send_flag::feed, limit}); }
    void feed(std::string_view text, time_limit limit, std::error_code& failure) noexcept {
        send(text, {send_flag::feed, limit}, failure);
    }
    void feed(bytes_view bytes, time_limit limit = no_timeout) { send(bytes, {send_flag::feed, limit}); }
    void feed(bytes_view bytes, time_limit limit, std::error_code& failure) noexcept {
        send(bytes, {send_flag::feed, limit}, failure);
    }
    void feed(const message& received, time_limit limit = no_timeout) { send(received, {send_flag::feed, limit}); }
    void feed(const message& received, time_limit limit, std::error_code& failure) noexcept {
        send(received, {send_flag::feed, limit}, failure);
    }

    /// Writes what was gathered, or is still to be written after status::pending.
    void flush(time_limit limit = no_timeout) { detail::check(landline_conn_flush(get(), limit.milliseconds())); }
    void flush(time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_flush(get(), limit.milliseconds()));
    }

    /// Sends one message that consists of parts: send_vectored(kind::text, {slice("a"), slice("b")}).
    void send_vectored(landline::kind as, std::initializer_list<landline_slice> parts, send_options how = {}) {
        send_vectored(as, parts.begin(), parts.size(), how);
    }
    void send_vectored(landline::kind as, std::initializer_list<landline_slice> parts, send_options how,
               std::error_code& failure) noexcept {
        send_vectored(as, parts.begin(), parts.size(), how, failure);
    }
    void send_vectored(landline::kind as, const landline_slice* parts, std::size_t count, send_options how = {}) {
        std::error_code failure;
        send_vectored(as, parts, count, how, failure);
        detail::check(failure);
    }
    void send_vectored(landline::kind as, const landline_slice* parts, std::size_t count, send_options how,
               std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_send_vectored(get(), static_cast<std::int32_t>(as), parts, count, how.flags(),
                                                   how.milliseconds()));
    }

    /// Begins a message of unknown size, to be written in pieces. Blocks while another one is being written; other
    /// messages wait until it ends.
    writer send_stream(landline::kind as, send_options how = {}) {
        std::error_code failure;
        auto made = send_stream(as, how, failure);
        detail::check(failure);
        return made;
    }
    writer send_stream(landline::kind as, send_options how, std::error_code& failure) noexcept {
        landline_writer* made = nullptr;
        failure = detail::code(landline_conn_send_stream(get(), static_cast<std::int32_t>(as), how.flags(),
                                                         how.milliseconds(), &made));
        return writer(made);
    }

    /// Sends a Ping of at most 125 bytes.
    void ping(payload data = {}, time_limit limit = no_timeout) {
        detail::check(landline_conn_ping(get(), data.data(), data.size(), limit.milliseconds()));
    }
    void ping(payload data, time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_ping(get(), data.data(), data.size(), limit.milliseconds()));
    }

    /// Sends a Ping, waits for its Pong, and returns how long that took. Messages that arrive meanwhile are kept for
    /// the next receiving call.
    std::chrono::microseconds ping_wait(time_limit limit = no_timeout) {
        std::error_code failure;
        const auto time = ping_wait(limit, failure);
        detail::check(failure);
        return time;
    }
    std::chrono::microseconds ping_wait(time_limit limit, std::error_code& failure) noexcept {
        std::uint64_t time = 0;
        failure = detail::code(landline_conn_ping_wait(get(), limit.milliseconds(), &time));
        return std::chrono::microseconds(static_cast<std::chrono::microseconds::rep>(time));
    }

    /// Sends a Ping whose Pong will be waited for with pong_wait(), and returns its number.
    std::uint64_t ping_start(time_limit limit = no_timeout) {
        std::error_code failure;
        const auto ping = ping_start(limit, failure);
        detail::check(failure);
        return ping;
    }
    std::uint64_t ping_start(time_limit limit, std::error_code& failure) noexcept {
        std::uint64_t ping = 0;
        failure = detail::code(landline_conn_ping_start(get(), limit.milliseconds(), &ping));
        return ping;
    }

    /// Waits for the Pong to a Ping of ping_start(). If it does not arrive in time, it can be waited for again.
    void pong_wait(std::uint64_t ping, time_limit limit = no_timeout) {
        detail::check(landline_conn_pong_wait(get(), ping, limit.milliseconds()));
    }
    void pong_wait(std::uint64_t ping, time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_pong_wait(get(), ping, limit.milliseconds()));
    }

    // Ending.

    /// Performs the closing handshake: sends a Close frame and waits for the peer's, for at most
    /// options::close_timeout().
    void close(int code = close_code::normal_closure, std::string_view reason = {}, time_limit limit = no_timeout) {
        std::error_code failure;
        close(code, reason, limit, failure);
        detail::check(failure);
    }
    void close(std::error_code& failure) noexcept { close(close_code::normal_closure, {}, no_timeout, failure); }
    void close(int code, std::string_view reason, time_limit limit, std::error_code& failure) noexcept {
        failure =
            detail::code(landline_conn_close(get(), code, reason.data(), reason.size(), limit.milliseconds()));
    }

    /// Starts the closing handshake: sends a Close frame. Receiving calls still deliver what the peer sends, and then
    /// return nothing.
    void close_start(int code = close_code::normal_closure, std::string_view reason = {}, time_limit limit = no_timeout) {
        std::error_code failure;
        close_start(code, reason, limit, failure);
        detail::check(failure);
    }
    void close_start(int code, std::string_view reason, time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(
            landline_conn_close_start(get(), code, reason.data(), reason.size(), limit.milliseconds()));
    }

    /// Takes the socket out of the connection, which is then over for this program (status::detached), but not for
    /// the peer. First writes everything that was sent or gathered. Blocks as send() does.
    landline::detached detach(time_limit limit = no_timeout) {
        std::error_code failure;
        auto taken = detach(limit, failure);
        detail::check(failure);
        return taken;
    }
    /// The overload with an error code throws std::bad_alloc if there is no memory. The descriptor is -1 if it fails.
    landline::detached detach(time_limit limit, std::error_code& failure) {
        std::int32_t fd = -1;
        const void* data = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_conn_detach(get(), limit.milliseconds(), &fd, &data, &size));
        return {fd, std::string(size == 0 ? "" : static_cast<const char*>(data), size)};
    }

    /// Ends the connection immediately: blocked calls fail with status::aborted. Any thread may call it. Never
    /// blocks.
    void abort() { detail::check(landline_conn_abort(get())); }
    void abort(std::error_code& failure) noexcept { failure = detail::code(landline_conn_abort(get())); }

    /// Wakes a blocked call, or else the next one that would block. The connection is not affected. Any thread may
    /// call it. Never blocks.
    void interrupt(direction whose = direction::both) {
        detail::check(landline_conn_interrupt(get(), static_cast<std::int32_t>(whose)));
    }
    void interrupt(direction whose, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_interrupt(get(), static_cast<std::int32_t>(whose)));
    }

    // Properties. Any thread may query them; the calls never block. Views are valid as long as the connection.
    // Without exceptions, use number() and text(), which have overloads with an error code.

    connection_state state() const {
        return static_cast<connection_state>(number(LANDLINE_CONN_STATE));
    }
    /// The close code to report; 0 while open.
    int close_code() const { return small(LANDLINE_CONN_CLOSE_CODE); }
    int close_code_received() const { return small(LANDLINE_CONN_CLOSE_CODE_RECEIVED); }
    int close_code_sent() const { return small(LANDLINE_CONN_CLOSE_CODE_SENT); }
    std::string_view close_reason() const { return text(LANDLINE_CONN_CLOSE_REASON); }
    /// Whether this end's Close frame came first.
    bool closed_first_by_us() const { return number(LANDLINE_CONN_CLOSED_FIRST_BY) == LANDLINE_SIDE_LOCAL; }
    /// Whether the peer's Close frame came first.
    bool closed_first_by_peer() const { return number(LANDLINE_CONN_CLOSED_FIRST_BY) == LANDLINE_SIDE_REMOTE; }
    bool closed_cleanly() const { return number(LANDLINE_CONN_CLOSED_CLEANLY) != 0; }
    /// What is known about TLS: version, cipher suite, the peer's certificate. status::unsupported without TLS.
    landline::tls_info tls_info() const {
        std::error_code failure;
        auto known = tls_info(failure);
        detail::check(failure);
        return known;
    }
    landline::tls_info tls_info(std::error_code& failure) const noexcept {
        landline_tls* known = nullptr;
        failure = detail::code(landline_conn_tls(get(), &known));
        return landline::tls_info(known);
    }
    /// The subprotocol that was agreed on; empty if none was.
    std::string_view subprotocol() const { return text(LANDLINE_CONN_SUBPROTOCOL); }
    std::string_view extensions() const { return text(LANDLINE_CONN_EXTENSIONS); }
    /// The path and query of the request, percent-encoded.
    std::string_view target() const { return text(LANDLINE_CONN_TARGET); }
    /// Of a client: the URL without user and password; the last one, after redirects.
    std::string_view url() const { return text(LANDLINE_CONN_URL); }
    /// The peer's address; empty if it has none.
    std::string_view peer_addr() const { return text(LANDLINE_CONN_PEER_ADDR); }
    /// The address of this end.
    std::string_view local_addr() const { return text(LANDLINE_CONN_LOCAL_ADDR); }
    /// The peer's headers, each as "name: value\r\n".
    std::string_view headers() const { return text(LANDLINE_CONN_HEADERS); }
    /// A value of one of the peer's headers; nothing if there is none.
    std::optional<std::string_view> header(c_text name, std::size_t index = 0) const {
        std::error_code failure;
        const auto value = header(name, index, failure);
        detail::check(failure);
        return value;
    }
    std::optional<std::string_view> header(c_text name, std::size_t index, std::error_code& failure) const noexcept {
        const char* value = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_conn_header(get(), name.get(), index, &value, &size));
        return detail::optional_view(value, size);
    }
    /// Whether messages can be compressed.
    bool compression() const { return number(LANDLINE_CONN_COMPRESSION) != 0; }
    /// The connection's identity, for use as a key in tables. It is not reused within the process. Objects from
    /// share() have the same identity.
    std::uint64_t id() const { return count(LANDLINE_CONN_ID); }
    std::uint64_t id(std::error_code& failure) const noexcept {
        return static_cast<std::uint64_t>(number(LANDLINE_CONN_ID, failure));
    }
    /// How long the steps of opening the connection took; nothing for a server's connection.
    std::optional<landline::timings> timings() const {
        const auto time = [this](std::int32_t key) { return std::chrono::microseconds(number(key)); };
        if (time(LANDLINE_CONN_OPENING_TIME_US).count() < 0)
            return std::nullopt;
        return landline::timings{time(LANDLINE_CONN_RESOLVE_TIME_US), time(LANDLINE_CONN_CONNECT_TIME_US),
                                 time(LANDLINE_CONN_PROXY_TIME_US), time(LANDLINE_CONN_TLS_TIME_US),
                                 time(LANDLINE_CONN_UPGRADE_TIME_US)};
    }
    landline::stats stats() const {
        landline::stats all;
        all.messages_sent = count(LANDLINE_CONN_MESSAGES_SENT);
        all.messages_received = count(LANDLINE_CONN_MESSAGES_RECEIVED);
        all.payload_sent = count(LANDLINE_CONN_PAYLOAD_SENT);
        all.payload_received = count(LANDLINE_CONN_PAYLOAD_RECEIVED);
        all.wire_sent = count(LANDLINE_CONN_WIRE_SENT);
        all.wire_received = count(LANDLINE_CONN_WIRE_RECEIVED);
        return all;
    }

    /// The descriptor, to poll in an event loop of the caller's own. Do not read from it, write to it or close it.
    int fd() const { return small(LANDLINE_CONN_FD); }
    int fd(std::error_code& failure) const noexcept { return static_cast<int>(number(LANDLINE_CONN_FD, failure)); }
    /// The events to poll the descriptor for: POLLIN, and POLLOUT while output is pending. First sends what was
    /// gathered, as far as the kernel has room for it.
    short poll_events() {
        std::error_code failure;
        const auto events = poll_events(failure);
        detail::check(failure);
        return events;
    }
    short poll_events(std::error_code& failure) noexcept {
        std::int16_t events = 0;
        failure = detail::code(landline_conn_poll_events(get(), &events));
        return events;
    }
    /// Whether a receiving call may find something although the descriptor is not readable.
    bool has_buffered() const { return number(LANDLINE_CONN_HAS_BUFFERED) != 0; }
    bool has_buffered(std::error_code& failure) const noexcept {
        return number(LANDLINE_CONN_HAS_BUFFERED, failure) != 0;
    }

    /// How long an event loop may wait, in milliseconds from now, as poll() takes it; -1 for no limit. When that time
    /// has passed, call a receiving function, for example with a time limit of 0: it does what is due.
    int next_deadline() const { return small(LANDLINE_CONN_NEXT_DEADLINE_MS); }
    int next_deadline(std::error_code& failure) const noexcept {
        return static_cast<int>(number(LANDLINE_CONN_NEXT_DEADLINE_MS, failure));
    }

    /// A number by its key in landline.h, as the functions above query it.
    std::int64_t number(std::int32_t key) const {
        std::int64_t value = 0;
        detail::check(landline_conn_int(get(), key, &value));
        return value;
    }
    std::int64_t number(std::int32_t key, std::error_code& failure) const noexcept {
        std::int64_t value = 0;
        failure = detail::code(landline_conn_int(get(), key, &value));
        return value;
    }
    /// Text by its key in landline.h, as the functions above query it.
    std::string_view text(std::int32_t key) const {
        std::error_code failure;
        const auto value = text(key, failure);
        detail::check(failure);
        return value;
    }
    std::string_view text(std::int32_t key, std::error_code& failure) const noexcept {
        const char* value = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_conn_str(get(), key, &value, &size));
        return failure ? std::string_view() : std::string_view(value, size);
    }

    /// Stores a pointer with the connection, for the caller's own use.
    void set_user(void* user) { detail::check(landline_conn_set_user(get(), user)); }
    /// The pointer that set_user() stored; null if none was.
    void* user() const noexcept { return landline_conn_user(get()); }

private:
    /// Whether something was received. False without a failure means that the connection was closed cleanly.
    static bool is_received(landline_status result, std::error_code& failure) noexcept {
        failure = detail::code(result == LANDLINE_CLOSED ? LANDLINE_OK : result);
        return result == LANDLINE_OK;
    }

    void send_any(landline::kind as, bytes_view data, send_options how) {
        std::error_code failure;
        send_any(as, data, how, failure);
        detail::check(failure);
    }
    void send_any(landline::kind as, bytes_view data, send_options how, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_send(get(), static_cast<std::int32_t>(as), data.data(), data.size(),
                                                  how.flags(), how.milliseconds()));
    }

    bool try_send_any(landline::kind as, bytes_view data, send_flag flags) {
        std::error_code failure;
        try_send_any(as, data, flags, failure);
        if (failure == status::would_block)
            return false;
        detail::check(failure);
        return true;
    }
    void try_send_any(landline::kind as, bytes_view data, send_flag flags, std::error_code& failure) noexcept {
        failure = detail::code(landline_conn_try_send(get(), static_cast<std::int32_t>(as), data.data(), data.size(),
                                                      static_cast<std::uint32_t>(flags)));
    }
    int small(std::int32_t key) const { return static_cast<int>(number(key)); }
    std::uint64_t count(std::int32_t key) const { return static_cast<std::uint64_t>(number(key)); }
};

/// The messages of a connection, one after the other. Each step receives: it blocks, and throws as recv() does.
class message_iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = message;
    using difference_type = std::ptrdiff_t;
    using pointer = message*;
    using reference = message&;

    explicit message_iterator(connection& from) : from_(&from), current_(from.recv()) {}

    message& operator*() noexcept { return *current_; }
    message* operator->() noexcept { return &*current_; }
    message_iterator& operator++() {
        current_.reset();
        current_ = from_->recv();
        return *this;
    }
    friend bool operator==(const message_iterator& at, end_of_messages) noexcept { return !at.current_; }
    friend bool operator!=(const message_iterator& at, end_of_messages) noexcept { return at.current_.has_value(); }

private:
    connection* from_;
    std::optional<message> current_;
};

inline message_iterator connection::begin() { return message_iterator(*this); }

// ----- Transports -----

/// A two-way byte stream that the caller implements: a tunnel, a serial line, another TLS library. read() and write()
/// must never wait. One thread may be in read() while another is in write(), two threads may be in wait(), and
/// abort() may be called at any time. An exception counts as a broken stream. The destructor, which runs when the
/// connection is freed, has to end the stream: close_write() and abort() may not have been called.
class transport {
public:
    /// What read() and write() return if they would have to wait.
    static constexpr std::int64_t would_block = LANDLINE_ERR_WOULD_BLOCK;
    /// What read(), write() and wait() return if the stream is broken.
    static constexpr std::int32_t broken = LANDLINE_ERR_IO;
    /// For wait(): there is data to read, or the stream has ended.
    static constexpr std::int32_t readable = LANDLINE_WAIT_READ;
    /// For wait(): there is room to write.
    static constexpr std::int32_t writable = LANDLINE_WAIT_WRITE;

    transport() = default;
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    virtual ~transport() = default;

    /// Reads up to `size` bytes and returns how many: 0 at the end of the stream; would_block or broken.
    virtual std::int64_t read(void* data, std::size_t size) = 0;
    /// Writes up to `size` bytes and returns how many; would_block or broken.
    virtual std::int64_t write(const void* data, std::size_t size) = 0;
    /// Waits until one of `wanted` is possible, `wake_fd` is readable (unless it is -1; do not read from it), or the
    /// time has passed. Returns what is possible, 0 for nothing, or broken. May return early.
    virtual std::int32_t wait(std::int32_t wanted, int wake_fd, time_limit limit) = 0;
    /// Ends the stream towards the peer, after everything that was written. Reading continues.
    virtual void close_write() = 0;
    /// Ends both directions immediately, and wakes threads that are waiting.
    virtual void abort() = 0;
};

namespace detail {

/// What the `user` pointer of a transport's functions points to.
struct transport_user {
    std::shared_ptr<transport> it;
    /// Expires with this object, so that a weak pointer shows whether the library has freed it.
    std::shared_ptr<char> life = std::make_shared<char>();
};

/// Calls the transport of a `user` pointer; returns `otherwise` if it throws.
template <class Result, class Call>
Result guarded(void* user, Result otherwise, Call call) noexcept {
    LANDLINE_TRY {
        return call(*static_cast<transport_user*>(user)->it);
    }
    LANDLINE_CATCH_ALL {
        return otherwise;
    }
}

inline landline_transport transport_table() noexcept {
    landline_transport table{};
    table.size = sizeof table;
    table.read = [](void* data, std::size_t size, void* user) -> std::int64_t {
        return guarded(user, std::int64_t{transport::broken}, [=](transport& it) { return it.read(data, size); });
    };
    table.write = [](const void* data, std::size_t size, void* user) -> std::int64_t {
        return guarded(user, std::int64_t{transport::broken}, [=](transport& it) { return it.write(data, size); });
    };
    table.wait = [](std::int32_t wanted, std::int32_t wake_fd, std::int32_t limit, void* user) -> std::int32_t {
        return guarded(user, std::int32_t{transport::broken}, [=](transport& it) {
            return it.wait(wanted, wake_fd, time_limit::from_milliseconds(limit));
        });
    };
    table.close_write = [](void* user) {
        guarded(user, 0, [](transport& it) { return it.close_write(), 0; });
    };
    table.abort = [](void* user) {
        guarded(user, 0, [](transport& it) { return it.abort(), 0; });
    };
    table.free = [](void* user) { delete static_cast<transport_user*>(user); };
    return table;
}

/// Calls `open` with the functions of a transport and their `user`, and frees what the library did not take.
template <class Open>
landline_status with_transport(std::shared_ptr<transport> over, Open open) {
    if (over == nullptr)
        return open(nullptr, nullptr);
    auto owned = std::make_unique<transport_user>();
    owned->it = std::move(over);
    const std::weak_ptr<char> life = owned->life;
    auto* const user = owned.release();
    const auto table = transport_table();
    const auto result = open(&table, user);
    if (result != LANDLINE_OK && !life.expired())
        delete user;
    return result;
}

} // namespace detail

// ----- Clients -----

/// Opens a connection to a URL that begins with ws:// or wss://. Blocks until it is open, for at most
/// options::handshake_timeout().
inline connection connect(c_text url, const options& with, time_limit limit, std::error_code& failure) noexcept {
    landline_conn* made = nullptr;
    failure = detail::code(landline_connect(url.get(), with.get(), limit.milliseconds(), &made));
    return connection(made);
}
inline connection connect(c_text url, const options& with, std::error_code& failure) noexcept {
    return connect(url, with, no_timeout, failure);
}
inline connection connect(c_text url, std::error_code& failure) noexcept {
    return connect(url, defaults, no_timeout, failure);
}
inline connection connect(c_text url, const options& with = defaults, time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = connect(url, with, limit, failure);
    detail::check(failure);
    return made;
}

/// Whether a descriptor that is handed in belongs to the connection from then on, or is still the caller's.
enum class descriptor : std::int32_t { keep = 0, take = 1 };

/// Opens a connection over a connected stream socket, TCP or Unix. With descriptor::take, the descriptor belongs to
/// the library even if this fails. Blocks as connect() does.
inline connection connect_fd(int fd, descriptor whose, c_text url, const options& with, time_limit limit,
                             std::error_code& failure) noexcept {
    landline_conn* made = nullptr;
    failure = detail::code(landline_connect_fd(fd, static_cast<std::int32_t>(whose), url.get(), with.get(),
                                               limit.milliseconds(), &made));
    return connection(made);
}
inline connection connect_fd(int fd, descriptor whose, c_text url, const options& with = defaults,
                             time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = connect_fd(fd, whose, url, with, limit, failure);
    detail::check(failure);
    return made;
}

/// Opens a connection over a transport that the caller implements. The connection releases its reference to the
/// transport when it is freed, or when this fails. Blocks as connect() does. The overload with an error code throws
/// std::bad_alloc if there is no memory.
inline connection connect_transport(std::shared_ptr<transport> over, c_text url, const options& with,
                                    time_limit limit, std::error_code& failure) {
    landline_conn* made = nullptr;
    failure = detail::code(detail::with_transport(std::move(over), [&](const landline_transport* table, void* user) {
        return landline_connect_transport(table, user, url.get(), with.get(), limit.milliseconds(), &made);
    }));
    return connection(made);
}
inline connection connect_transport(std::shared_ptr<transport> over, c_text url, const options& with = defaults,
                                    time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = connect_transport(std::move(over), url, with, limit, failure);
    detail::check(failure);
    return made;
}

/// Opens a connection, in one step, with a client that is connected over a stream socket, TCP or Unix: reads its
/// request and accepts it, with the first of options::subprotocol() that it offers. With descriptor::take, the
/// descriptor belongs to the library even if this fails. Blocks for at most options::handshake_timeout(). To examine
/// the request first, use request_from_fd().
inline connection accept_fd(int fd, descriptor whose, const options& with, time_limit limit,
                            std::error_code& failure) noexcept {
    landline_conn* made = nullptr;
    failure = detail::code(
        landline_accept_fd(fd, static_cast<std::int32_t>(whose), with.get(), limit.milliseconds(), &made));
    return connection(made);
}
inline connection accept_fd(int fd, descriptor whose, const options& with = defaults, time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = accept_fd(fd, whose, with, limit, failure);
    detail::check(failure);
    return made;
}

/// The same over a transport that the caller implements, as with connect_transport().
inline connection accept_transport(std::shared_ptr<transport> over, const options& with, time_limit limit,
                                   std::error_code& failure) {
    landline_conn* made = nullptr;
    failure = detail::code(detail::with_transport(std::move(over), [&](const landline_transport* table, void* user) {
        return landline_accept_transport(table, user, with.get(), limit.milliseconds(), &made);
    }));
    return connection(made);
}
inline connection accept_transport(std::shared_ptr<transport> over, const options& with = defaults,
                                   time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = accept_transport(std::move(over), with, limit, failure);
    detail::check(failure);
    return made;
}

/// A client and a server that are connected in memory, for tests. They have no descriptor.
inline std::pair<connection, connection> pair(const options& client, const options& server,
                                              std::error_code& failure) noexcept {
    landline_conn* ends[2] = {nullptr, nullptr};
    failure = detail::code(landline_pair(client.get(), server.get(), &ends[0], &ends[1]));
    return {connection(ends[0]), connection(ends[1])};
}
inline std::pair<connection, connection> pair(const options& client = defaults, const options& server = defaults) {
    std::error_code failure;
    auto made = pair(client, server, failure);
    detail::check(failure);
    return made;
}

// ----- Sessions that reconnect -----

/// What a session is doing.
enum class session_stage : std::int64_t {
    /// It has no connection; the next attempt is due after wait().
    waiting = LANDLINE_STAGE_WAITING,
    /// An attempt is under way, also between calls; or it has succeeded, and a call runs the callback or is yet to come.
    connecting = LANDLINE_STAGE_CONNECTING,
    /// It has a connection, as far as is known, or has given one to the caller.
    connected = LANDLINE_STAGE_CONNECTED,
    /// It has ended, and will not connect again.
    ended = LANDLINE_STAGE_ENDED,
};

/// What a session received: a message, or nothing (false) if it has a new connection.
class session_event {
public:
    session_event() noexcept = default;
    explicit session_event(landline::message received) noexcept : message_(std::move(received)) {}

    explicit operator bool() const noexcept { return static_cast<bool>(message_); }
    bool is_connected() const noexcept { return !message_; }
    /// The message; empty if there is a new connection.
    const landline::message& message() const& noexcept { return message_; }
    landline::message message() && noexcept { return std::move(message_); }

private:
    landline::message message_;
};

/// A client that connects again whenever its connection is lost. The call that receives does all of it: it waits,
/// connects, calls on_connect, sends what the outbox holds, and receives. Other threads may send, close, interrupt
/// and abort meanwhile. landline.h says what is tried again, what becomes of messages, and what a time limit means:
/// an attempt to connect goes on when the limit of a call has passed.
class session : public detail::owner<landline_session, landline_session_free> {
public:
    /// Called with each new connection before anything else uses it. The connection is the session's: it must not be
    /// kept. A landline::error that it throws is a failed attempt, about which the session decides as about every
    /// other; any other exception ends the session and comes out of the receiving call.
    using connect_handler = std::function<void(connection&)>;
    /// Decides whether to connect again. With status::closed, `close_code` is the code in the server's Close frame,
    /// else 0; `is_transient` is what the session would do. An exception ends the session.
    using retry_handler = std::function<bool(const error& failure, int close_code, bool is_transient)>;

    /// Creates an empty object.
    session() noexcept = default;
    /// Creates a session, which connects when recv() is called for the first time.
    explicit session(c_text url, const options& with = defaults, connect_handler on_connect = nullptr,
                     retry_handler retry_if = nullptr) {
        std::error_code failure;
        make(url, with, std::move(on_connect), std::move(retry_if), failure);
        detail::check(failure);
    }
    session(c_text url, const options& with, connect_handler on_connect, retry_handler retry_if,
            std::error_code& failure) {
        make(url, with, std::move(on_connect), std::move(retry_if), failure);
    }

    /// The next message or new connection; nothing if the session has ended cleanly. Blocks until there is one.
    std::optional<session_event> recv(time_limit limit = no_timeout) {
        std::error_code failure;
        auto received = receive(limit, failure);
        rethrow();
        detail::check(failure);
        return received;
    }
    /// An exception of a callback is lost, and counts as status::io.
    std::optional<session_event> recv(time_limit limit, std::error_code& failure) noexcept {
        auto received = receive(limit, failure);
        forget();
        return received;
    }

    /// A fresh connection with each call, which the caller uses and frees; empty if the session was closed. Waits,
    /// tries and calls as recv() does.
    connection next_connection(time_limit limit = no_timeout) {
        std::error_code failure;
        auto made = connect_next(limit, failure);
        rethrow();
        detail::check(failure);
        return made;
    }
    connection next_connection(time_limit limit, std::error_code& failure) noexcept {
        auto made = connect_next(limit, failure);
        forget();
        return made;
    }

    /// Sends a text message over the connection that there is; status::not_connected at once if there is none, unless
    /// options::outbox_messages() keeps it.
    void send(std::string_view text, time_limit limit = no_timeout) { send_any(landline::kind::text, text, limit); }
    void send(std::string_view text, time_limit limit, std::error_code& failure) noexcept {
        send_any(landline::kind::text, text, limit, failure);
    }
    /// Sends a binary message.
    void send(bytes_view bytes, time_limit limit = no_timeout) { send_any(landline::kind::binary, bytes, limit); }
    void send(bytes_view bytes, time_limit limit, std::error_code& failure) noexcept {
        send_any(landline::kind::binary, bytes, limit, failure);
    }

    /// Sends a message if that is possible without waiting; returns false (status::would_block) if not.
    [[nodiscard]] bool try_send(std::string_view text) { return try_send_any(landline::kind::text, text); }
    [[nodiscard]] bool try_send(bytes_view bytes) { return try_send_any(landline::kind::binary, bytes); }
    /// The overloads with an error code set status::would_block where the others return false.
    void try_send(std::string_view text, std::error_code& failure) noexcept {
        try_send_any(landline::kind::text, text, failure);
    }
    void try_send(bytes_view bytes, std::error_code& failure) noexcept {
        try_send_any(landline::kind::binary, bytes, failure);
    }

    /// Closes the connection cleanly if there is one, and ends the session. Blocks as connection::close() does,
    /// except in a function of the session, which it does not wait for.
    void close(int code = close_code::normal_closure, std::string_view reason = {}, time_limit limit = no_timeout) {
        std::error_code failure;
        close(code, reason, limit, failure);
        detail::check(failure);
    }
    void close(int code, std::string_view reason, time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(
            landline_session_close(get(), code, reason.data(), reason.size(), limit.milliseconds()));
    }
    /// Closes the session without waiting for the end: the thread that receives gets it, whatever it waits for.
    void close_start(int code = close_code::normal_closure, std::string_view reason = {}) {
        detail::check(landline_session_close_start(get(), code, reason.data(), reason.size()));
    }
    void close_start(int code, std::string_view reason, std::error_code& failure) noexcept {
        failure = detail::code(landline_session_close_start(get(), code, reason.data(), reason.size()));
    }
    /// Ends the session immediately, without a Close frame, from any thread.
    void abort() noexcept { landline_session_abort(get()); }
    /// Wakes a blocked call of the session: it fails with status::interrupted, and nothing is lost.
    void interrupt(direction which = direction::both) noexcept {
        landline_session_interrupt(get(), static_cast<std::int32_t>(which));
    }

    session_stage stage() const { return static_cast<session_stage>(number(LANDLINE_SESSION_STAGE)); }
    /// How long it is until the next attempt is due.
    std::chrono::milliseconds wait() const { return std::chrono::milliseconds(number(LANDLINE_SESSION_WAIT_MS)); }
    /// The attempts since the last connection that lasted.
    int attempts() const { return static_cast<int>(number(LANDLINE_SESSION_ATTEMPTS)); }
    /// How many connections have taken the place of another.
    std::uint64_t reconnects() const { return static_cast<std::uint64_t>(number(LANDLINE_SESSION_RECONNECTS)); }
    /// The close code of the connection, or of the latest one; 0 while it is open.
    int close_code() const { return static_cast<int>(number(LANDLINE_SESSION_CLOSE_CODE)); }
    /// A number by its LANDLINE_SESSION_* key, as the functions above query it.
    std::int64_t number(std::int32_t key) const {
        std::int64_t value = 0;
        detail::check(landline_session_int(get(), key, &value));
        return value;
    }
    std::int64_t number(std::int32_t key, std::error_code& failure) const noexcept {
        std::int64_t value = 0;
        failure = detail::code(landline_session_int(get(), key, &value));
        return value;
    }
    /// Why a connection was lost or could not be opened, the latest time; nothing if nothing has failed.
    std::optional<error> failure() const {
        const auto result = landline_session_failure(get());
        return result == LANDLINE_OK ? std::nullopt : std::optional<error>(last_error());
    }

private:
    struct handlers {
        connect_handler on_connect;
        retry_handler retry_if;
        /// Thrown by one of them.
        std::exception_ptr thrown;
    };

    void make(c_text url, const options& with, connect_handler on_connect, retry_handler retry_if,
              std::error_code& failure) {
        handlers_.reset(new handlers{std::move(on_connect), std::move(retry_if), nullptr});
        landline_session_callbacks table{};
        table.size = sizeof table;
        table.on_connect = handlers_->on_connect ? &connected : nullptr;
        table.retry_if = &retries;
        landline_session* made = nullptr;
        failure = detail::code(landline_session_new(url.get(), with.get(), &table, handlers_.get(), &made));
        set(made);
    }

    static landline_status connected(landline_conn* conn, void* user) noexcept {
        auto& own = *static_cast<handlers*>(user);
        connection lent(conn);
        landline_status result = LANDLINE_OK;
        LANDLINE_TRY { own.on_connect(lent); }
#if LANDLINE_EXCEPTIONS
        catch (const error& failure) {
            result = static_cast<landline_status>(failure.status());
        }
        catch (...) {
            own.thrown = std::current_exception();
            result = LANDLINE_ERR_OTHER;
        }
#endif
        lent.release();
        return result;
    }

    static std::int32_t retries(landline_status result, std::int32_t code, std::int32_t is_transient,
                                void* user) noexcept {
        auto& own = *static_cast<handlers*>(user);
        if (own.thrown)
            return 0;
        if (!own.retry_if)
            return is_transient;
        LANDLINE_TRY { return own.retry_if(error(static_cast<status>(result)), code, is_transient != 0); }
        LANDLINE_CATCH_ALL {
#if LANDLINE_EXCEPTIONS
            own.thrown = std::current_exception();
#endif
            return 0;
        }
    }

    std::optional<session_event> receive(time_limit limit, std::error_code& failure) noexcept {
        landline_message* received = nullptr;
        const auto result = landline_session_recv(get(), limit.milliseconds(), &received);
        failure = detail::code(result == LANDLINE_CLOSED || result == LANDLINE_CONNECTED ? LANDLINE_OK : result);
        if (result == LANDLINE_CONNECTED)
            return session_event();
        if (result != LANDLINE_OK)
            return std::nullopt;
        return session_event(landline::message(received));
    }
    connection connect_next(time_limit limit, std::error_code& failure) noexcept {
        landline_conn* made = nullptr;
        const auto result = landline_session_next_connection(get(), limit.milliseconds(), &made);
        failure = detail::code(result == LANDLINE_CLOSED ? LANDLINE_OK : result);
        return connection(made);
    }

    void rethrow() {
#if LANDLINE_EXCEPTIONS
        if (handlers_ && handlers_->thrown)
            std::rethrow_exception(std::exchange(handlers_->thrown, nullptr));
#endif
    }
    /// So that no later call throws it.
    void forget() noexcept {
        if (handlers_)
            handlers_->thrown = nullptr;
    }

    void send_any(landline::kind as, bytes_view data, time_limit limit) {
        std::error_code failure;
        send_any(as, data, limit, failure);
        detail::check(failure);
    }
    void send_any(landline::kind as, bytes_view data, time_limit limit, std::error_code& failure) noexcept {
        failure = detail::code(landline_session_send(get(), static_cast<std::int32_t>(as), data.data(), data.size(),
                                                     limit.milliseconds()));
    }
    bool try_send_any(landline::kind as, bytes_view data) {
        std::error_code failure;
        try_send_any(as, data, failure);
        if (failure == status::would_block)
            return false;
        detail::check(failure);
        return true;
    }
    void try_send_any(landline::kind as, bytes_view data, std::error_code& failure) noexcept {
        failure = detail::code(
            landline_session_try_send(get(), static_cast<std::int32_t>(as), data.data(), data.size()));
    }

    std::unique_ptr<handlers> handlers_;
};

// ----- Servers -----

namespace detail {

/// The content of a request. `From` reads it from a handle, with text_of(), header_of() and subprotocol_of().
template <class From>
class request_content {
public:
    // Without exceptions, use text(), which has an overload with an error code.

    std::string_view path() const { return text(LANDLINE_REQUEST_PATH); }
    /// Without the question mark; empty if there is none.
    std::string_view query() const { return text(LANDLINE_REQUEST_QUERY); }
    /// Path and query exactly as the client sent them, which need not be UTF-8; path() and query() are
    /// percent-encoded.
    std::string_view raw_target() const { return text(LANDLINE_REQUEST_RAW_TARGET); }
    std::string_view host() const { return text(LANDLINE_REQUEST_HOST); }
    /// The page that a browser connects from; empty if there is none.
    std::string_view origin() const { return text(LANDLINE_REQUEST_ORIGIN); }
    /// The client's address; empty if it has none.
    std::string_view peer_addr() const { return text(LANDLINE_REQUEST_PEER_ADDR); }
    /// All headers, each as "name: value\r\n".
    std::string_view headers() const { return text(LANDLINE_REQUEST_HEADERS); }
    /// A value of a header; nothing if there is none.
    std::optional<std::string_view> header(c_text name, std::size_t index = 0) const {
        std::error_code failure;
        const auto value = header(name, index, failure);
        check(failure);
        return value;
    }
    std::optional<std::string_view> header(c_text name, std::size_t index, std::error_code& failure) const noexcept {
        const char* value = nullptr;
        std::size_t size = 0;
        failure = code(from().header_of(name.get(), index, &value, &size));
        return optional_view(value, size);
    }
    /// The subprotocols that the client offers, in its order of preference.
    std::vector<std::string_view> subprotocols() const {
        std::error_code failure;
        auto all = subprotocols(failure);
        check(failure);
        return all;
    }
    std::vector<std::string_view> subprotocols(std::error_code& failure) const {
        std::vector<std::string_view> all;
        const char* name = nullptr;
        std::size_t size = 0;
        while (!(failure = code(from().subprotocol_of(all.size(), &name, &size))) && name)
            all.emplace_back(name, size);
        return all;
    }
    /// Text by its key in landline.h, as the functions above query it.
    std::string_view text(std::int32_t key) const {
        std::error_code failure;
        const auto value = text(key, failure);
        check(failure);
        return value;
    }
    std::string_view text(std::int32_t key, std::error_code& failure) const noexcept {
        const char* value = nullptr;
        std::size_t size = 0;
        failure = code(from().text_of(key, &value, &size));
        return failure ? std::string_view() : std::string_view(value, size);
    }

private:
    const From& from() const noexcept { return static_cast<const From&>(*this); }
};

} // namespace detail

/// A connected client that is waiting for an answer: examine its request, then accept or reject it. If the object is
/// destroyed without an answer, the client gets status 500. One thread at a time may use it. Views are valid as long
/// as the request.
class request : public detail::owner<landline_request, landline_request_free>,
                public detail::request_content<request> {
public:
    request() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit request(landline_request* handle) noexcept : owner(handle) {}

    /// Reads the request of a client from listener::accept_incoming(), after which it can be examined. Blocks for at
    /// most options::handshake_timeout().
    void read() { detail::check(landline_request_read(get())); }
    void read(std::error_code& failure) noexcept { failure = detail::code(landline_request_read(get())); }

    /// What is known about TLS; with options::client_certs(), who came. status::unsupported without TLS.
    landline::tls_info tls_info() const {
        std::error_code failure;
        auto known = tls_info(failure);
        detail::check(failure);
        return known;
    }
    landline::tls_info tls_info(std::error_code& failure) const noexcept {
        landline_tls* known = nullptr;
        failure = detail::code(landline_request_tls(get(), &known));
        return landline::tls_info(known);
    }

    /// Adds a header to the response.
    void add_header(c_text name, c_text value) {
        detail::check(landline_request_add_header(get(), name.get(), value.get()));
    }
    void add_header(c_text name, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_request_add_header(get(), name.get(), value.get()));
    }

    /// Opens the connection with one of the subprotocols that the client offers: a null pointer chooses the first of
    /// options::subprotocol() that it offers, "" chooses none. Blocks until the response is in the kernel.
    connection accept(c_text subprotocol = nullptr) {
        std::error_code failure;
        auto made = accept(subprotocol, failure);
        detail::check(failure);
        return made;
    }
    connection accept(c_text subprotocol, std::error_code& failure) noexcept {
        landline_conn* made = nullptr;
        failure = detail::code(landline_request_accept(get(), subprotocol.get(), &made));
        return connection(made);
    }

    /// Refuses the request with an HTTP status from 200 to 599. Blocks until the client has read the response, for at
    /// most 2 s, or options::handshake_timeout() if that is less.
    void reject(int http_status, payload body = {}) {
        detail::check(landline_request_reject(get(), http_status, body.data(), body.size()));
    }
    void reject(int http_status, payload body, std::error_code& failure) noexcept {
        failure = detail::code(landline_request_reject(get(), http_status, body.data(), body.size()));
    }

private:
    friend detail::request_content<request>;
    landline_status text_of(std::int32_t key, const char** text, std::size_t* size) const noexcept {
        return landline_request_str(get(), key, text, size);
    }
    landline_status header_of(const char* name, std::size_t index, const char** value, std::size_t* size) const noexcept {
        return landline_request_header(get(), name, index, value, size);
    }
    landline_status subprotocol_of(std::size_t index, const char** name, std::size_t* size) const noexcept {
        return landline_request_subprotocol(get(), index, name, size);
    }
};

/// Reads the request of a client that is connected over the caller's own stream socket. With descriptor::take, the
/// descriptor belongs to the library even if this fails. Blocks for at most options::handshake_timeout().
inline request request_from_fd(int fd, descriptor whose, const options& with, time_limit limit,
                               std::error_code& failure) noexcept {
    landline_request* made = nullptr;
    failure = detail::code(landline_request_from_fd(fd, static_cast<std::int32_t>(whose), with.get(),
                                                    limit.milliseconds(), &made));
    return request(made);
}
inline request request_from_fd(int fd, descriptor whose, const options& with = defaults,
                               time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = request_from_fd(fd, whose, with, limit, failure);
    detail::check(failure);
    return made;
}

/// The same over a transport that the caller implements. The overload with an error code throws std::bad_alloc if
/// there is no memory.
inline request request_from_transport(std::shared_ptr<transport> over, const options& with, time_limit limit,
                                      std::error_code& failure) {
    landline_request* made = nullptr;
    failure = detail::code(detail::with_transport(std::move(over), [&](const landline_transport* table, void* user) {
        return landline_request_from_transport(table, user, with.get(), limit.milliseconds(), &made);
    }));
    return request(made);
}
inline request request_from_transport(std::shared_ptr<transport> over, const options& with = defaults,
                                      time_limit limit = no_timeout) {
    std::error_code failure;
    auto made = request_from_transport(std::move(over), with, limit, failure);
    detail::check(failure);
    return made;
}

/// A listening socket. Any thread may use it; several may accept at the same time.
class listener : public detail::owner<landline_listener, landline_listener_free> {
public:
    listener() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit listener(landline_listener* handle) noexcept : owner(handle) {}
    /// Listens on "ADDRESS:PORT" (port 0 takes a free one), "unix:PATH" or "ws+unix:PATH".
    explicit listener(c_text address, const options& with = defaults) {
        std::error_code failure;
        listen(address, with, failure);
        detail::check(failure);
    }
    listener(c_text address, const options& with, std::error_code& failure) noexcept {
        listen(address, with, failure);
    }

    /// Accepts clients on the caller's own listening socket. For servers with several processes, each of which
    /// creates a listener after the fork. When the listener is stopped or destroyed, the socket keeps listening if
    /// others have it.
    static listener from_fd(int fd, descriptor whose, const options& with = defaults) {
        std::error_code failure;
        auto made = from_fd(fd, whose, with, failure);
        detail::check(failure);
        return made;
    }
    static listener from_fd(int fd, descriptor whose, const options& with, std::error_code& failure) noexcept {
        landline_listener* made = nullptr;
        failure = detail::code(landline_listen_fd(fd, static_cast<std::int32_t>(whose), with.get(), &made));
        return listener(made);
    }

    /// The address that it listens on, with the actual port. Valid as long as the listener.
    std::string_view local_addr() const noexcept { return detail::view(landline_listener_local_addr(get())); }

    /// Waits for a client, performs the TLS handshake if the server uses TLS, and reads the request. Blocks until
    /// there is a client, and then for at most options::handshake_timeout(): one slow client delays the others. After
    /// the failure of a client the listener can be used as before.
    request accept(time_limit limit = no_timeout) const {
        std::error_code failure;
        auto made = accept(limit, failure);
        detail::check(failure);
        return made;
    }
    request accept(time_limit limit, std::error_code& failure) const noexcept {
        landline_request* made = nullptr;
        failure = detail::code(landline_listener_accept(get(), limit.milliseconds(), &made));
        return request(made);
    }

    /// Waits for a client without reading from it: call request::read() next, possibly in another thread.
    request accept_incoming(time_limit limit = no_timeout) const {
        std::error_code failure;
        auto made = accept_incoming(limit, failure);
        detail::check(failure);
        return made;
    }
    request accept_incoming(time_limit limit, std::error_code& failure) const noexcept {
        landline_request* made = nullptr;
        failure = detail::code(landline_listener_accept_incoming(get(), limit.milliseconds(), &made));
        return request(made);
    }

    /// Wakes a call that is waiting for a client, or else the next one that would. Never blocks.
    void interrupt() const { detail::check(landline_listener_interrupt(get())); }
    void interrupt(std::error_code& failure) const noexcept {
        failure = detail::code(landline_listener_interrupt(get()));
    }

    /// Stops listening, permanently, from any thread. From now on clients are refused, and calls that wait for a
    /// client or read a request are interrupted. Clients that have not been accepted, or whose request is being read,
    /// are dropped. Requests that have been read, and connections, are not affected. Never blocks.
    void stop() const { detail::check(landline_listener_stop(get())); }
    void stop(std::error_code& failure) const noexcept { failure = detail::code(landline_listener_stop(get())); }

private:
    void listen(c_text address, const options& with, std::error_code& failure) noexcept {
        landline_listener* made = nullptr;
        failure = detail::code(landline_listen(address.get(), with.get(), &made));
        set(made);
    }
};

/// A server that calls a handler for each connection, in a thread of its own. One thread calls run(), another calls
/// stop().
class server : public detail::owner<landline_server, landline_server_free> {
public:
    /// What run() calls for each connection. If the connection is still open when it returns, it is closed with 1000.
    using handler = std::function<void(connection&)>;
    /// What run() calls, in the connection's thread, when a handler has thrown an exception.
    using exception_handler = std::function<void(std::exception_ptr)>;

    /// The number of connections whose handlers returned in time, and of those that were cut.
    struct stopped {
        std::size_t finished = 0;
        std::size_t cut = 0;
    };

    server() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit server(landline_server* handle) noexcept : owner(handle) {}
    /// Binds to "ADDRESS:PORT" (port 0 takes a free one), "unix:PATH" or "ws+unix:PATH". Clients can connect from now
    /// on, but have to wait for run().
    explicit server(c_text address, const options& with = defaults) {
        std::error_code failure;
        bind(address, with, failure);
        detail::check(failure);
    }
    server(c_text address, const options& with, std::error_code& failure) noexcept { bind(address, with, failure); }
    /// A server on the caller's own listening socket, as with listener::from_fd().
    static server from_fd(int fd, descriptor whose, const options& with = defaults) {
        std::error_code failure;
        auto made = from_fd(fd, whose, with, failure);
        detail::check(failure);
        return made;
    }
    static server from_fd(int fd, descriptor whose, const options& with, std::error_code& failure) noexcept {
        landline_server* made = nullptr;
        failure = detail::code(landline_server_bind_fd(fd, static_cast<std::int32_t>(whose), with.get(), &made));
        return server(made);
    }

    /// The address that it is bound to, with the actual port. Valid as long as the server.
    std::string_view local_addr() const noexcept { return detail::view(landline_server_local_addr(get())); }
    /// How many connections there are, those in the opening handshake included.
    std::size_t connections() const noexcept { return landline_server_connections(get()); }

    /// Serves clients until stop(). Blocks until all handlers have returned, so that they may use the caller's
    /// variables. When a handler throws, the connection is closed with 1011, and `on_exception`, if there is one,
    /// gets the exception. A server can run only once. If the listening socket fails, the connections are closed with
    /// 1001, those that are left are cut a second later, and then this call fails.
    void run(const handler& handle, const exception_handler& on_exception = nullptr) {
        std::error_code failure;
        run(handle, on_exception, failure);
        detail::check(failure);
    }
    void run(const handler& handle, const exception_handler& on_exception, std::error_code& failure) noexcept {
        callbacks both{handle, on_exception};
        const auto result = landline_server_run(
            get(), [](landline_conn* conn, void* user) { static_cast<callbacks*>(user)->call(conn); }, &both);
        failure = detail::code(result);
        // The library does not wait for handlers whose connections were cut, or for any if the listening socket
        // failed.
        while (result != LANDLINE_ERR_STATE && connections() != 0)
            landline_server_stop(get(), 1000, nullptr, nullptr);
    }

    /// Stops the server from another thread: sends a Close frame with 1001 on all connections, waits at most `grace`
    /// for the handlers to return, and cuts the connections that are left. May be called before run(). Blocks for at
    /// most `grace`, and another second for handlers that do not return although their connection has been cut.
    stopped stop(time_limit grace) const {
        std::error_code failure;
        const auto all = stop(grace, failure);
        detail::check(failure);
        return all;
    }
    stopped stop(time_limit grace, std::error_code& failure) const noexcept {
        stopped all;
        failure = detail::code(landline_server_stop(get(), grace.milliseconds(), &all.finished, &all.cut));
        return all;
    }

private:
    struct callbacks {
        const handler& handle;
        const exception_handler& on_exception;

        void call(landline_conn* conn) const noexcept {
            LANDLINE_TRY {
                connection own(landline_conn_retain(conn));
                handle(own);
            }
            LANDLINE_CATCH_ALL {
                landline_conn_close_start(conn, close_code::internal_error, nullptr, 0, -1);
                report(std::current_exception());
            }
        }

        void report(const std::exception_ptr& thrown) const noexcept {
            LANDLINE_TRY {
                if (on_exception)
                    on_exception(thrown);
            }
            LANDLINE_CATCH_ALL {
                // There is no other place to report it.
            }
        }
    };

    void bind(c_text address, const options& with, std::error_code& failure) noexcept {
        landline_server* made = nullptr;
        failure = detail::code(landline_server_bind(address.get(), with.get(), &made));
        set(made);
    }
};

// ----- Waiting for several handles -----

/// A connection, listener or descriptor to wait for, from wait_for(). wait() fills in `revents`.
using wait_item = landline_wait_item;

/// A connection: ready when it has something to receive or can continue to send pending output.
inline wait_item wait_for(const connection& it) noexcept { return {it.get(), nullptr, -1, 0, 0}; }
/// A listener: ready when a client is waiting.
inline wait_item wait_for(const listener& it) noexcept { return {nullptr, it.get(), -1, 0, 0}; }
/// The caller's own descriptor; `events` are those of poll().
inline wait_item wait_for(int fd, short events) noexcept { return {nullptr, nullptr, fd, events, 0}; }

/// Waits until at least one item is ready, and returns how many are; 0 if time ran out. For a connection that is
/// ready, call a receiving function with a time limit of zero, whatever the reason. No other thread may receive on
/// the connections meanwhile.
inline std::size_t wait(wait_item* items, std::size_t count, time_limit limit, std::error_code& failure) noexcept {
    std::size_t ready = 0;
    const auto result = landline_wait(items, count, limit.milliseconds(), &ready);
    failure = detail::code(result == LANDLINE_TIMED_OUT ? LANDLINE_OK : result);
    return result == LANDLINE_OK ? ready : 0;
}
inline std::size_t wait(wait_item* items, std::size_t count, time_limit limit = no_timeout) {
    std::error_code failure;
    const auto ready = wait(items, count, limit, failure);
    detail::check(failure);
    return ready;
}
inline std::size_t wait(std::vector<wait_item>& items, time_limit limit = no_timeout) {
    return wait(items.data(), items.size(), limit);
}
inline std::size_t wait(std::vector<wait_item>& items, time_limit limit, std::error_code& failure) noexcept {
    return wait(items.data(), items.size(), limit, failure);
}

// ----- The protocol without I/O -----

/// The kind of an event.
enum class event_kind : std::int32_t {
    none = LANDLINE_EVENT_NONE,
    text = LANDLINE_EVENT_TEXT,
    binary = LANDLINE_EVENT_BINARY,
    close = LANDLINE_EVENT_CLOSE,
    ping = LANDLINE_EVENT_PING,
    pong = LANDLINE_EVENT_PONG,
    open = LANDLINE_EVENT_OPEN,
    /// Only after protocol::deciding_by_caller().
    request = LANDLINE_EVENT_REQUEST,
};

/// Something that the peer did, with its payload, which is valid until the next call on the protocol.
struct event {
    event_kind kind = event_kind::none;
    bytes_view data;
};

/// The request of event_kind::request, returned by protocol::request(). Valid as long as the protocol, even after the
/// decision. Its peer_addr() is empty, because the caller does the I/O.
class protocol_request : public detail::request_content<protocol_request> {
public:
    /// Reads from a handle of the C interface, which it does not own.
    explicit protocol_request(const landline_protocol* handle) noexcept : protocol_(handle) {}

private:
    friend detail::request_content<protocol_request>;
    landline_status text_of(std::int32_t key, const char** text, std::size_t* size) const noexcept {
        return landline_protocol_request_str(protocol_, key, text, size);
    }
    landline_status header_of(const char* name, std::size_t index, const char** value, std::size_t* size) const noexcept {
        return landline_protocol_request_header(protocol_, name, index, value, size);
    }
    landline_status subprotocol_of(std::size_t index, const char** name, std::size_t* size) const noexcept {
        return landline_protocol_request_subprotocol(protocol_, index, name, size);
    }

    const landline_protocol* protocol_;
};

/// One end of a connection without I/O: bytes go in, events and bytes come out. landline.h describes the loop, at
/// landline_protocol. One thread at a time may use it. No call blocks.
class protocol : public detail::owner<landline_protocol, landline_protocol_free> {
public:
    protocol() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit protocol(landline_protocol* handle) noexcept : owner(handle) {}

    /// A client's end: its first output is the request for `url`.
    static protocol client(c_text url, const options& with = defaults) {
        std::error_code failure;
        auto made = client(url, with, failure);
        detail::check(failure);
        return made;
    }
    static protocol client(c_text url, const options& with, std::error_code& failure) noexcept {
        landline_protocol* made = nullptr;
        failure = detail::code(landline_protocol_client(url.get(), with.get(), &made));
        return protocol(made);
    }

    /// A server's end.
    static protocol server(const options& with = defaults) {
        std::error_code failure;
        auto made = server(with, failure);
        detail::check(failure);
        return made;
    }
    static protocol server(const options& with, std::error_code& failure) noexcept {
        landline_protocol* made = nullptr;
        failure = detail::code(landline_protocol_server(with.get(), &made));
        return protocol(made);
    }

    /// For a server: leaves the decision about each request that the options allow to the caller; it is reported as
    /// event_kind::request. Call this before anything has been received: it does nothing once the request has been
    /// received, and nothing for a client.
    void deciding_by_caller() { detail::check(landline_protocol_deciding_by_caller(get())); }
    void deciding_by_caller(std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_deciding_by_caller(get()));
    }

    /// The request of event_kind::request.
    protocol_request request() const noexcept { return protocol_request(get()); }

    /// Adds a header to the response to that request, after those of options::header().
    void add_header(c_text name, c_text value) {
        detail::check(landline_protocol_add_header(get(), name.get(), value.get()));
    }
    void add_header(c_text name, c_text value, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_add_header(get(), name.get(), value.get()));
    }

    /// Accepts that request with one of the subprotocols that the client offers: a null pointer chooses the first of
    /// options::subprotocol() that it offers, "" chooses none. Adds the response to the output; event_kind::open
    /// comes next. After status::config the request is still pending, and the headers that were added are discarded.
    void accept(c_text subprotocol = nullptr) {
        detail::check(landline_protocol_accept(get(), subprotocol.get()));
    }
    void accept(c_text subprotocol, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_accept(get(), subprotocol.get()));
    }

    /// Rejects that request with an HTTP status from 200 to 599. Write the output, then end the stream; every later
    /// call fails with status::rejected. After status::config the request is still pending, and the headers that were
    /// added are discarded.
    void reject(int http_status, payload body = {}) {
        detail::check(landline_protocol_reject(get(), http_status, body.data(), body.size()));
    }
    void reject(int http_status, payload body, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_reject(get(), http_status, body.data(), body.size()));
    }

    /// Passes in received bytes, and returns how many were consumed. If that is not all of them, take events with
    /// next(), then pass in the rest.
    std::size_t receive(payload data) {
        std::error_code failure;
        const auto taken = receive(data, failure);
        detail::check(failure);
        return taken;
    }
    std::size_t receive(payload data, std::error_code& failure) noexcept {
        std::size_t taken = 0;
        failure = detail::code(landline_protocol_receive(get(), data.data(), data.size(), &taken));
        return taken;
    }

    /// Reports that the peer has ended the stream. If its Close frame has not arrived, the connection is over: this
    /// and every later call fail with status::eof, but events that have already arrived can still be taken.
    void receive_eof() { detail::check(landline_protocol_receive_eof(get())); }
    void receive_eof(std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_receive_eof(get()));
    }

    /// Ends the opening handshake because the program's time limit for it has passed. Write the output, which tells a
    /// server's client, and end the stream. This and every later call fail with status::timed_out for a client, or
    /// status::handshake if the server has refused it, and with status::rejected for a server. Does nothing once the
    /// connection is open.
    void give_up() { detail::check(landline_protocol_give_up(get())); }
    void give_up(std::error_code& failure) noexcept { failure = detail::code(landline_protocol_give_up(get())); }

    /// Takes the next event; event_kind::none if there is none until there is more input.
    event next() {
        std::error_code failure;
        const auto found = next(failure);
        detail::check(failure);
        return found;
    }
    event next(std::error_code& failure) noexcept {
        std::int32_t what = LANDLINE_EVENT_NONE;
        const void* data = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_protocol_next(get(), &what, &data, &size));
        return {static_cast<event_kind>(what), bytes_view(static_cast<const std::uint8_t*>(data), size)};
    }

    /// The bytes to write to the peer. Valid until the next call.
    bytes_view output() const {
        std::error_code failure;
        const auto bytes = output(failure);
        detail::check(failure);
        return bytes;
    }
    bytes_view output(std::error_code& failure) const noexcept {
        const void* data = nullptr;
        std::size_t size = 0;
        failure = detail::code(landline_protocol_output(get(), &data, &size));
        return {static_cast<const std::uint8_t*>(data), size};
    }

    /// Reports that `count` bytes of the output have been written.
    void consume(std::size_t count) { detail::check(landline_protocol_consume(get(), count)); }
    void consume(std::size_t count, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_consume(get(), count));
    }

    /// Adds a text message to the output. `flags`: none, compress_never or compress_always.
    void send(std::string_view text, send_flag flags = send_flag::none) { send_any(kind::text, text, flags); }
    void send(std::string_view text, send_flag flags, std::error_code& failure) noexcept {
        send_any(kind::text, text, flags, failure);
    }
    /// Adds a binary message to the output.
    void send(bytes_view bytes, send_flag flags = send_flag::none) { send_any(kind::binary, bytes, flags); }
    void send(bytes_view bytes, send_flag flags, std::error_code& failure) noexcept {
        send_any(kind::binary, bytes, flags, failure);
    }

    /// Adds a Ping of at most 125 bytes to the output.
    void ping(payload data = {}) { detail::check(landline_protocol_ping(get(), data.data(), data.size())); }
    void ping(payload data, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_ping(get(), data.data(), data.size()));
    }

    /// Adds a Close frame to the output. Events continue until event_kind::close. Does nothing if one was sent
    /// before.
    void close(int code = close_code::normal_closure, std::string_view reason = {}) {
        detail::check(landline_protocol_close(get(), code, reason.data(), reason.size()));
    }
    void close(int code, std::string_view reason, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_close(get(), code, reason.data(), reason.size()));
    }

    /// The code in the peer's Close frame, 1005 if it had none; 0 before it has arrived.
    int close_code_received() const noexcept {
        return static_cast<int>(number(LANDLINE_CONN_CLOSE_CODE_RECEIVED));
    }
    /// Whether nothing more can be sent or will arrive, because both Close frames have been exchanged or something
    /// failed.
    bool is_over() const noexcept { return number(LANDLINE_CONN_STATE) == LANDLINE_STATE_OVER; }
    /// Whether the opening handshake is under way: before event_kind::open.
    bool is_opening() const noexcept { return number(LANDLINE_CONN_STATE) == LANDLINE_STATE_OPENING; }
    /// The subprotocol that was agreed on; empty if there is none, and before event_kind::open. Valid as long as the
    /// protocol, like the properties below.
    std::string_view subprotocol() const noexcept { return text(LANDLINE_CONN_SUBPROTOCOL); }
    std::string_view target() const noexcept { return text(LANDLINE_CONN_TARGET); }
    /// The peer's headers, each as "name: value\r\n".
    std::string_view headers() const noexcept { return text(LANDLINE_CONN_HEADERS); }

private:
    std::int64_t number(std::int32_t key) const noexcept {
        std::int64_t value = 0;
        return landline_protocol_int(get(), key, &value) == LANDLINE_OK ? value : 0;
    }
    std::string_view text(std::int32_t key) const noexcept {
        const char* text = "";
        std::size_t size = 0;
        return landline_protocol_str(get(), key, &text, &size) == LANDLINE_OK ? std::string_view(text, size) : "";
    }

    void send_any(kind as, bytes_view data, send_flag flags) {
        std::error_code failure;
        send_any(as, data, flags, failure);
        detail::check(failure);
    }
    void send_any(kind as, bytes_view data, send_flag flags, std::error_code& failure) noexcept {
        failure = detail::code(landline_protocol_send(get(), static_cast<std::int32_t>(as), data.data(), data.size(),
                                                      static_cast<std::uint32_t>(flags)));
    }
};

// ----- The library -----

/// The level of a line of the log.
enum class log_level : std::int32_t {
    off = LANDLINE_LOG_OFF,
    error = LANDLINE_LOG_ERROR,
    warn = LANDLINE_LOG_WARN,
    info = LANDLINE_LOG_INFO,
    debug = LANDLINE_LOG_DEBUG,
    trace = LANDLINE_LOG_TRACE,
};

/// Receives one line of the log without a line end. Any number of threads may call it at the same time. Exceptions
/// that it throws are ignored. It must not call set_log().
using log_callback = std::function<void(log_level, std::string_view)>;

namespace detail {

/// The lock of set_log(). A forked child gets one of its own, because a thread of its parent may have held the
/// parent's at the fork. No initialisation that a child could wait for either.
inline std::mutex& log_lock() {
    struct per_process {
        pid_t process;
        per_process* before; // so that it does not look like a leak
        std::mutex mutex;
    };
    static std::atomic<per_process*> latest{nullptr};
    const pid_t process = getpid();
    auto* found = latest.load();
    while (!found || found->process != process) {
        auto* const fresh = new per_process{process, found, {}};
        if (latest.compare_exchange_strong(found, fresh))
            return fresh->mutex;
        delete fresh;
    }
    return found->mutex;
}

} // namespace detail

/// Sends the library's log lines up to `level` to a callback, for the whole process. log_level::off or an empty
/// callback ends that. When this returns, the previous callback is no longer called.
inline void set_log(log_level level, log_callback callback, std::error_code& failure) {
    // It lives as long as the process: threads may still log while it ends.
    static std::atomic<log_callback*> current{nullptr};
    auto next = callback ? std::make_unique<log_callback>(std::move(callback)) : nullptr;
    const std::lock_guard lock(detail::log_lock());
    const auto forward = [](std::int32_t found, const char* text, void* user) {
        LANDLINE_TRY {
            (*static_cast<log_callback*>(user))(static_cast<log_level>(found), text);
        }
        LANDLINE_CATCH_ALL {
            // There is no place to report it.
        }
    };
    failure = detail::code(
        landline_log_set(static_cast<std::int32_t>(level), next ? +forward : nullptr, next.get()));
    if (!failure)
        delete current.exchange(next.release());
}
inline void set_log(log_level level, log_callback callback) {
    std::error_code failure;
    set_log(level, std::move(callback), failure);
    detail::check(failure);
}

/// The version of the library that is in use; LANDLINE_VERSION is that of the header.
inline std::string_view version() noexcept { return landline_version(); }
/// The features of the library: LANDLINE_FEATURE_*, combined.
inline std::uint64_t features() noexcept { return landline_features(); }

} // namespace landline

#undef LANDLINE_CATCH_ALL
#undef LANDLINE_TRY
#undef LANDLINE_EXCEPTIONS

#endif // LANDLINE_HPP
