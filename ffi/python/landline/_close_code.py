"""Close codes."""

from enum import IntEnum

from . import _abi


class CloseCode(IntEnum):
    """Close codes (RFC 6455, section 7.4), by their names in the registry. Applications can use their own, 3000 to 4999."""

    NORMAL_CLOSURE = _abi.CLOSE_NORMAL_CLOSURE
    GOING_AWAY = _abi.CLOSE_GOING_AWAY
    PROTOCOL_ERROR = _abi.CLOSE_PROTOCOL_ERROR
    UNSUPPORTED_DATA = _abi.CLOSE_UNSUPPORTED_DATA
    NO_STATUS_RECEIVED = _abi.CLOSE_NO_STATUS_RECEIVED
    """Reported for a Close frame without a code; cannot be sent."""
    ABNORMAL_CLOSURE = _abi.CLOSE_ABNORMAL_CLOSURE
    """Reported if the connection ended without a Close frame; cannot be sent."""
    INVALID_FRAME_PAYLOAD_DATA = _abi.CLOSE_INVALID_FRAME_PAYLOAD_DATA
    POLICY_VIOLATION = _abi.CLOSE_POLICY_VIOLATION
    MESSAGE_TOO_BIG = _abi.CLOSE_MESSAGE_TOO_BIG
    MANDATORY_EXTENSION = _abi.CLOSE_MANDATORY_EXTENSION
    INTERNAL_ERROR = _abi.CLOSE_INTERNAL_ERROR
    SERVICE_RESTART = _abi.CLOSE_SERVICE_RESTART
    TRY_AGAIN_LATER = _abi.CLOSE_TRY_AGAIN_LATER
    BAD_GATEWAY = _abi.CLOSE_BAD_GATEWAY
