"""The C ABI: finds and loads liblandline.so, and declares its functions and constants.

Names are those of landline.h without LANDLINE_ and landline_. tests/test_abi.py compares everything with the header.
"""

import ctypes
import ctypes.util
import os
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int16, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Callable, List, NoReturn

ABI_VERSION = 0

# Statuses.
OK = 0
CLOSED = 1
TIMED_OUT = 2
INTERRUPTED = 3
MORE = 4
PENDING = 5
CONNECTED = 6
ERR_NULL = -1
ERR_INVALID = -2
ERR_STATE = -3
ERR_BUSY = -4
ERR_FORKED = -11
ERR_UTF8 = -5
ERR_URL = -6
ERR_CONFIG = -7
ERR_CLOSING = -8
ERR_UNSUPPORTED = -9
ERR_WOULD_BLOCK = -10
ERR_NOT_CONNECTED = -12
ERR_OUTBOX_FULL = -13
ERR_IO = -100
ERR_EOF = -101
ERR_ABORTED = -104
ERR_SILENT = -105
ERR_CLOSE_UNANSWERED = -106
ERR_PROXY = -108
ERR_GAVE_UP = -109
ERR_TLS = -200
ERR_HANDSHAKE = -300
ERR_REJECTED = -301
ERR_PROTOCOL = -400
ERR_LIMIT = -500
ERR_OTHER = -901

# Kinds of messages, flags, directions.
TEXT = 1
BINARY = 2
SEND_FEED = 1
SEND_COMPRESS_NEVER = 2
SEND_COMPRESS_ALWAYS = 4
DIRECTION_RECV = 1
DIRECTION_BOTH = 3

# Close codes.
CLOSE_NORMAL_CLOSURE = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_PROTOCOL_ERROR = 1002
CLOSE_UNSUPPORTED_DATA = 1003
CLOSE_NO_STATUS_RECEIVED = 1005
CLOSE_ABNORMAL_CLOSURE = 1006
CLOSE_INVALID_FRAME_PAYLOAD_DATA = 1007
CLOSE_POLICY_VIOLATION = 1008
CLOSE_MESSAGE_TOO_BIG = 1009
CLOSE_MANDATORY_EXTENSION = 1010
CLOSE_INTERNAL_ERROR = 1011
CLOSE_SERVICE_RESTART = 1012
CLOSE_TRY_AGAIN_LATER = 1013
CLOSE_BAD_GATEWAY = 1014

# landline_error_int(), landline_error_bytes().
ERROR_STATUS = 1
ERROR_PHASE = 2
ERROR_ERRNO = 3
ERROR_HTTP_STATUS = 4
ERROR_CLOSE_CODE = 5
ERROR_FAULT = 6
ERROR_HTTP_HEADERS = 8
ERROR_HTTP_BODY = 9
ERROR_IS_TRANSIENT = 13
ERROR_RETRY_AFTER_MS = 14
ERROR_ATTEMPTS = 10
ERROR_TLS_REASON = 12
FAULT_CALLER = 1

# landline_conn_int(), landline_conn_str().
CONN_STATE = 1
CONN_CLOSE_CODE = 2
CONN_CLOSE_CODE_RECEIVED = 3
CONN_CLOSE_CODE_SENT = 4
CONN_CLOSED_CLEANLY = 6
CONN_FD = 7
CONN_HAS_BUFFERED = 9
CONN_MESSAGES_SENT = 11
CONN_MESSAGES_RECEIVED = 12
CONN_PAYLOAD_SENT = 13
CONN_PAYLOAD_RECEIVED = 14
CONN_WIRE_SENT = 15
CONN_WIRE_RECEIVED = 16
CONN_NEXT_DEADLINE_MS = 17
CONN_ID = 18
CONN_RESOLVE_TIME_US = 19
CONN_CONNECT_TIME_US = 20
CONN_PROXY_TIME_US = 21
CONN_TLS_TIME_US = 22
CONN_UPGRADE_TIME_US = 23
CONN_SUBPROTOCOL = 101
CONN_EXTENSIONS = 102
CONN_TARGET = 103
CONN_URL = 108
CONN_PEER_ADDR = 104
CONN_LOCAL_ADDR = 105
CONN_HEADERS = 106
CONN_CLOSE_REASON = 107

# landline_request_str().
REQUEST_PATH = 1
REQUEST_QUERY = 2
REQUEST_HOST = 3
REQUEST_ORIGIN = 4
REQUEST_PEER_ADDR = 5
REQUEST_HEADERS = 6
REQUEST_RAW_TARGET = 7

# landline_session_int().
SESSION_STAGE = 1
SESSION_WAIT_MS = 2
SESSION_ATTEMPTS = 3
SESSION_RECONNECTS = 4
SESSION_OUTBOX_MESSAGES = 5
SESSION_OUTBOX_BYTES = 6
SESSION_CLOSE_CODE = 7
STAGE_WAITING = 0
STAGE_CONNECTING = 1
STAGE_CONNECTED = 2
STAGE_ENDED = 3

# landline_options_set_*().
OPT_MAX_MESSAGE_SIZE = 1
OPT_SEND_TIMEOUT_MS = 3
OPT_CLOSE_TIMEOUT_MS = 5
OPT_KEEPALIVE_INTERVAL_MS = 6
OPT_KEEPALIVE_TIMEOUT_MS = 7
OPT_CONNECT_TIMEOUT_MS = 8
OPT_HANDSHAKE_TIMEOUT_MS = 9
OPT_COMPRESSION = 10
OPT_COMPRESSION_LEVEL = 11
OPT_COMPRESSION_THRESHOLD = 12
OPT_SERVER_NO_CONTEXT_TAKEOVER = 13
OPT_CLIENT_NO_CONTEXT_TAKEOVER = 14
OPT_SERVER_MAX_WINDOW_BITS = 15
OPT_CLIENT_MAX_WINDOW_BITS = 16
OPT_TCP_NODELAY = 22
OPT_TLS_PLATFORM_ROOTS = 23
OPT_TLS_DANGER_ACCEPT_INVALID_CERTS = 24
OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES = 25
OPT_ORIGINS = 28
OPT_PUBLIC_SCHEME = 30
OPT_TCP_KEEPALIVE_TIME_MS = 31
OPT_TCP_KEEPALIVE_INTERVAL_MS = 32
OPT_TCP_KEEPALIVE_RETRIES = 33
OPT_TCP_USER_TIMEOUT_MS = 34
OPT_TCP_RECV_BUFFER_SIZE = 35
OPT_TCP_SEND_BUFFER_SIZE = 36
OPT_ADDRESS_FAMILY = 37
OPT_UNIX_MODE = 38
OPT_BACKOFF_FIRST_MS = 76
OPT_BACKOFF_FACTOR = 77
OPT_BACKOFF_MAX_MS = 78
OPT_BACKOFF_JITTER_PERCENT = 79
OPT_RESET_AFTER_MS = 80
OPT_MAX_RETRY_AFTER_MS = 81
OPT_MAX_ATTEMPTS = 82
OPT_GIVE_UP_AFTER_MS = 83
OPT_OUTBOX_MESSAGES = 84
OPT_OUTBOX_BYTES = 85
OPT_ORIGIN = 101
OPT_HOST = 102
OPT_SUBPROTOCOL = 103
OPT_ALLOWED_ORIGIN = 104
OPT_TLS_CA_FILE = 105
OPT_TLS_CERT_FILE = 106
OPT_TLS_KEY_FILE = 107
OPT_TLS_PKCS12_PASSWORD = 108
OPT_MAX_REDIRECTS = 56
OPT_AUTH_USER = 130
OPT_AUTH_PASSWORD = 131
OPT_BEARER_TOKEN = 132
OPT_PROXY_FROM_ENV = 50
OPT_PROXY_TLS_PLATFORM_ROOTS = 51
OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS = 52
OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES = 53
OPT_PROXY = 120
OPT_NO_PROXY = 121
OPT_PROXY_TLS_CA_FILE = 122
OPT_PROXY_TLS_CERT_FILE = 123
OPT_PROXY_TLS_KEY_FILE = 124
OPT_ADDRESS = 110
OPT_LOCAL_ADDR = 111
OPT_INTERFACE = 112
OPT_UNIX_PATH = 113
OPT_TLS_CA_PEM = 201
OPT_TLS_CERT_PEM = 202
OPT_TLS_KEY_PEM = 203
OPT_TLS_PKCS12 = 204
OPT_TLS_BACKEND = 63
OPT_TLS_MIN_VERSION = 64
OPT_TLS_ALPN = 65
OPT_TLS_CLIENT_CERTS = 66
OPT_TLS_KEY_LOG = 67
OPT_TLS_CA_DIR = 140
OPT_TLS_SERVER_NAME = 141
OPT_TLS_PINNED_KEY = 142
OPT_TLS_KEY_LOG_FILE = 143
OPT_TLS_CLIENT_CA_FILE = 144
OPT_TLS_CLIENT_CA_DIR = 145
OPT_TLS_CLIENT_CA_PEM = 205

TLS_BACKEND_NATIVE_TLS = 1
TLS_BACKEND_RUSTLS = 2
TLS_VERSION_1_2 = 771
TLS_VERSION_1_3 = 772
CLIENT_CERTS_OFF = 0
CLIENT_CERTS_OPTIONAL = 1
CLIENT_CERTS_REQUIRED = 2

# landline_tls_int() and landline_tls_str().
TLS_INFO_VERSION = 1
TLS_INFO_CIPHER_SUITE = 2
TLS_INFO_IS_RESUMED = 3
TLS_INFO_BACKEND = 4
TLS_INFO_CERT_COUNT = 5
TLS_INFO_CIPHER_SUITE_NAME = 101
TLS_INFO_ALPN = 102
TLS_INFO_COMMON_NAME = 103
TLS_INFO_NAMES = 104
TLS_INFO_PUBLIC_KEY_PIN = 105
ORIGINS_SAME = 1
FAMILY_ANY = 0
FAMILY_IPV4 = 4
FAMILY_IPV6 = 6
SCHEME_UNKNOWN = 0
SCHEME_HTTP = 1
SCHEME_HTTPS = 2


def _find() -> List[str]:
    """Where the library may be, in the order of preference. If LANDLINE_LIBRARY is set, nothing else is tried."""
    given = os.environ.get("LANDLINE_LIBRARY")
    if given:
        return [given]
    bundled = Path(__file__).with_name("liblandline.so")
    names = [str(bundled)] if bundled.exists() else []
    system = ctypes.util.find_library("landline")
    return names + ([system] if system else []) + ["liblandline.so.0"]


def _load() -> str:
    """Loads the library, checks its ABI, and returns its name."""
    tried = []
    for name in _find():
        try:
            library = ctypes.CDLL(name)
            library.landline_abi_version.restype = c_int32
            version = library.landline_abi_version()
        except (OSError, AttributeError) as error:
            tried.append(f"{name}: {error}")
            continue
        if version != ABI_VERSION:
            raise ImportError(f"{name} has the ABI version {version}, this package needs {ABI_VERSION}")
        return name
    raise ImportError(
        "liblandline.so was not found. It is looked for in this order: the file that the environment variable"
        " LANDLINE_LIBRARY names, the one in the package, the system's (liblandline.so.0). Tried: "
        + "; ".join(tried)
    )


_name = _load()
# Calls through the first release the GIL. Those through the second keep it, and must never wait.
_library = ctypes.CDLL(_name)
_quick = ctypes.PyDLL(_name)


def _function(name: str, restype: Any, *argtypes: Any) -> Callable[..., Any]:
    function = getattr(_library, "landline_" + name)
    function.restype = restype
    function.argtypes = argtypes
    return function  # type: ignore[no-any-return]


def _quick_function(name: str, restype: Any, *argtypes: Any) -> Callable[..., Any]:
    function = getattr(_quick, "landline_" + name)
    function.restype = restype
    function.argtypes = argtypes
    return function  # type: ignore[no-any-return]


# Called for every message. Without argtypes a call takes half the time; all arguments must be ctypes values or bytes.
conn_recv_into_quick: Callable[..., int] = _quick["landline_conn_recv_into"]
conn_send_quick: Callable[..., int] = _quick["landline_conn_send"]

# ----- Functions. Those that never wait keep the GIL -----

error_text = _quick_function("error_text", c_char_p)
error_int = _quick_function("error_int", c_int64, c_int32)
error_bytes = _quick_function("error_bytes", c_void_p, c_int32, POINTER(c_size_t))
status_name = _quick_function("status_name", c_char_p, c_int32)
status_text = _quick_function("status_text", c_char_p, c_int32)
version = _quick_function("version", c_char_p)

options_new = _quick_function("options_new", c_int32, POINTER(c_void_p))
options_free = _quick_function("options_free", None, c_void_p)
options_set_int = _quick_function("options_set_int", c_int32, c_void_p, c_int32, c_int64)
options_set_str = _quick_function("options_set_str", c_int32, c_void_p, c_int32, c_char_p)
options_set_bytes = _quick_function("options_set_bytes", c_int32, c_void_p, c_int32, c_char_p, c_size_t)
options_add_header = _quick_function("options_add_header", c_int32, c_void_p, c_char_p, c_char_p)
options_add_cert_files = _quick_function("options_add_cert_files", c_int32, c_void_p, c_char_p, c_char_p)
options_add_proxy_header = _quick_function("options_add_proxy_header", c_int32, c_void_p, c_char_p, c_char_p)
options_set_interrupter = _quick_function("options_set_interrupter", c_int32, c_void_p, c_void_p)
options_set_resolver = _quick_function("options_set_resolver", c_int32, c_void_p, c_void_p, c_void_p, c_void_p)
options_set_on_socket = _quick_function("options_set_on_socket", c_int32, c_void_p, c_void_p, c_void_p, c_void_p)
options_set_bearer = _quick_function("options_set_bearer", c_int32, c_void_p, c_void_p, c_void_p, c_void_p)
options_set_on_challenge = _quick_function("options_set_on_challenge", c_int32, c_void_p, c_void_p, c_void_p, c_void_p)
options_add_cookie = _quick_function("options_add_cookie", c_int32, c_void_p, c_char_p, c_char_p)
options_set_cookie_jar = _quick_function("options_set_cookie_jar", c_int32, c_void_p, c_void_p)
cookie_jar_new = _quick_function("cookie_jar_new", c_int32, POINTER(c_void_p))
cookie_jar_cookies = _quick_function(
    "cookie_jar_cookies", c_int32, c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_size_t)
)
cookie_jar_free = _quick_function("cookie_jar_free", None, c_void_p)
addresses_add = _quick_function("addresses_add", c_int32, c_void_p, c_char_p)

interrupter_new = _quick_function("interrupter_new", c_int32, POINTER(c_void_p))
interrupter_abort = _quick_function("interrupter_abort", c_int32, c_void_p)
interrupter_free = _quick_function("interrupter_free", None, c_void_p)

connect = _function("connect", c_int32, c_char_p, c_void_p, c_int32, POINTER(c_void_p))
connect_fd = _function("connect_fd", c_int32, c_int32, c_int32, c_char_p, c_void_p, c_int32, POINTER(c_void_p))
accept_fd = _function("accept_fd", c_int32, c_int32, c_int32, c_void_p, c_int32, POINTER(c_void_p))

conn_retain = _quick_function("conn_retain", c_void_p, c_void_p)
conn_free = _function("conn_free", None, c_void_p)
conn_interrupt = _quick_function("conn_interrupt", c_int32, c_void_p, c_int32)
conn_abort = _quick_function("conn_abort", c_int32, c_void_p)
conn_int = _quick_function("conn_int", c_int32, c_void_p, c_int32, POINTER(c_int64))
conn_str = _quick_function("conn_str", c_int32, c_void_p, c_int32, POINTER(c_void_p), POINTER(c_size_t))
conn_poll_events = _quick_function("conn_poll_events", c_int32, c_void_p, POINTER(c_int16))
conn_recv_into = _function("conn_recv_into", c_int32, c_void_p, c_void_p, c_size_t, c_int32, c_void_p, c_void_p)
conn_send = _function("conn_send", c_int32, c_void_p, c_int32, c_void_p, c_size_t, c_uint32, c_int32)
conn_try_send = _function("conn_try_send", c_int32, c_void_p, c_int32, c_void_p, c_size_t, c_uint32)
conn_flush = _function("conn_flush", c_int32, c_void_p, c_int32)
conn_ping = _function("conn_ping", c_int32, c_void_p, c_char_p, c_size_t, c_int32)
conn_ping_start = _function("conn_ping_start", c_int32, c_void_p, c_int32, POINTER(c_uint64))
conn_pong_wait = _function("conn_pong_wait", c_int32, c_void_p, c_uint64, c_int32)
conn_detach = _function(
    "conn_detach", c_int32, c_void_p, c_int32, POINTER(c_int32), POINTER(c_void_p), POINTER(c_size_t)
)
conn_close = _function("conn_close", c_int32, c_void_p, c_int32, c_char_p, c_size_t, c_int32)
conn_close_start = _function("conn_close_start", c_int32, c_void_p, c_int32, c_char_p, c_size_t, c_int32)

conn_send_stream = _function("conn_send_stream", c_int32, c_void_p, c_int32, c_uint32, c_int32, POINTER(c_void_p))
writer_write = _function("writer_write", c_int32, c_void_p, c_void_p, c_size_t, c_int32, POINTER(c_size_t))
writer_flush = _function("writer_flush", c_int32, c_void_p, c_int32)
writer_finish = _function("writer_finish", c_int32, c_void_p, c_int32)
writer_free = _function("writer_free", None, c_void_p)

listen = _function("listen", c_int32, c_char_p, c_void_p, POINTER(c_void_p))
listen_fd = _function("listen_fd", c_int32, c_int32, c_int32, c_void_p, POINTER(c_void_p))
listener_local_addr = _quick_function("listener_local_addr", c_char_p, c_void_p)
listener_accept_incoming = _function("listener_accept_incoming", c_int32, c_void_p, c_int32, POINTER(c_void_p))
listener_stop = _function("listener_stop", c_int32, c_void_p)
listener_free = _function("listener_free", None, c_void_p)

request_read = _function("request_read", c_int32, c_void_p)
request_str = _quick_function("request_str", c_int32, c_void_p, c_int32, POINTER(c_void_p), POINTER(c_size_t))
request_subprotocol = _quick_function(
    "request_subprotocol", c_int32, c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t)
)
request_add_header = _quick_function("request_add_header", c_int32, c_void_p, c_char_p, c_char_p)
request_accept = _function("request_accept", c_int32, c_void_p, c_char_p, POINTER(c_void_p))
request_reject = _function("request_reject", c_int32, c_void_p, c_int32, c_char_p, c_size_t)
request_free = _function("request_free", None, c_void_p)

conn_tls = _quick_function("conn_tls", c_int32, c_void_p, POINTER(c_void_p))
request_tls = _quick_function("request_tls", c_int32, c_void_p, POINTER(c_void_p))
tls_int = _quick_function("tls_int", c_int32, c_void_p, c_int32, POINTER(c_int64))
tls_str = _quick_function("tls_str", c_int32, c_void_p, c_int32, POINTER(c_void_p), POINTER(c_size_t))
tls_cert = _quick_function("tls_cert", c_int32, c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t))
tls_free = _quick_function("tls_free", None, c_void_p)


# ----- Functions of the program's that the library calls -----

RESOLVER = CFUNCTYPE(c_int32, c_char_p, c_uint16, c_void_p, c_void_p)
SOCKET_HOOK = CFUNCTYPE(c_int32, c_int32, c_void_p)
FREE_USER = CFUNCTYPE(None, c_void_p)
BEARER_CALLBACK = CFUNCTYPE(c_int32, c_void_p, c_size_t, POINTER(c_size_t), c_void_p)


class Challenge(ctypes.Structure):
    _fields_ = [
        ("http_status", c_int32),
        ("url", c_char_p),
        ("method", c_char_p),
        ("target", c_char_p),
        ("schemes", c_char_p),
        ("headers", c_char_p),
    ]


CHALLENGE_CALLBACK = CFUNCTYPE(c_int32, POINTER(Challenge), c_void_p, c_size_t, POINTER(c_size_t), c_void_p)

message_kind = _quick_function("message_kind", c_int32, c_void_p)
message_data = _quick_function("message_data", c_void_p, c_void_p)
message_len = _quick_function("message_len", c_size_t, c_void_p)
message_free = _quick_function("message_free", None, c_void_p)

session_new = _quick_function("session_new", c_int32, c_char_p, c_void_p, c_void_p, c_void_p, POINTER(c_void_p))
session_recv = _function("session_recv", c_int32, c_void_p, c_int32, POINTER(c_void_p))
session_next_connection = _function("session_next_connection", c_int32, c_void_p, c_int32, POINTER(c_void_p))
session_send = _function("session_send", c_int32, c_void_p, c_int32, c_void_p, c_size_t, c_int32)
session_try_send = _function("session_try_send", c_int32, c_void_p, c_int32, c_void_p, c_size_t)
session_interrupt = _quick_function("session_interrupt", c_int32, c_void_p, c_int32)
session_int = _quick_function("session_int", c_int32, c_void_p, c_int32, POINTER(c_int64))
session_close = _function("session_close", c_int32, c_void_p, c_int32, c_char_p, c_size_t, c_int32)
session_close_start = _function("session_close_start", c_int32, c_void_p, c_int32, c_char_p, c_size_t)
session_abort = _quick_function("session_abort", c_int32, c_void_p)
session_free = _function("session_free", None, c_void_p)


# ----- Handles -----


class Unique:
    """The base of classes that own a handle of the library, or belong to an object that does.

    Copying or pickling would create a second owner of the same pointer, which would free it while the first one uses it.
    All ways of doing so, copy, pickle and what is built on them (dataclasses.asdict(), arguments and results of
    multiprocessing), end in one of these methods. Every class of the package either has this base or is a value, which
    can be copied and pickled; a test checks that.
    """

    __slots__ = ()

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be copied or pickled: it owns a handle of the library. Pass on the object"
            " itself, also to other threads; another process has to open a connection of its own"
        )

    __copy__ = __deepcopy__ = __reduce__ = __reduce_ex__ = __getstate__ = __setstate__ = _refuse


_process = [0]
"""How many forks lie between the process that loaded the library and this one."""


def _forked() -> None:
    _process[0] += 1


os.register_at_fork(after_in_child=_forked)


def forks() -> int:
    """How many forks lie between the process that loaded the library and this one: different in a forked child."""
    return _process[0]


class Handle(Unique, c_void_p):
    """A pointer that is freed when the last reference to it is dropped. A call in progress holds a reference.

    A handle from before a fork belongs to the parent. In the child it cannot be used, and freeing it only closes the
    child's copies of its descriptors.
    """

    _free: Callable[..., Any]
    # No process: what ctypes creates without calling __init__ (from_buffer_copy() and the like) owns nothing.
    _born = -1

    def __init__(self) -> None:
        super().__init__()
        self._born = _process[0]

    def is_inherited(self) -> bool:
        """Whether it was created in a process that this one was forked from."""
        return self._born != _process[0]

    def release(self) -> None:
        """Frees it now."""
        value, self.value = self.value, None
        if value and self._born >= 0:
            self._free(value)

    __del__ = release


def _handle(name: str, free: Callable[..., Any]) -> Callable[[], Handle]:
    return type(name, (Handle,), {"_free": staticmethod(free)})


new_options = _handle("Options", options_free)
new_interrupter = _handle("Interrupter", interrupter_free)
new_cookie_jar = _handle("CookieJar", cookie_jar_free)
new_conn = _handle("Conn", conn_free)
new_writer = _handle("Writer", writer_free)
new_listener = _handle("Listener", listener_free)
new_request = _handle("Request", request_free)
new_tls = _handle("Tls", tls_free)
new_session = _handle("Session", session_free)

CONNECT_CALLBACK = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
RETRY_CALLBACK = ctypes.CFUNCTYPE(c_int32, c_int32, c_int32, c_int32, c_void_p)


class SessionCallbacks(Unique, ctypes.Structure):
    """landline_session_callbacks."""

    _fields_ = [("size", c_size_t), ("on_connect", CONNECT_CALLBACK), ("retry_if", RETRY_CALLBACK)]
