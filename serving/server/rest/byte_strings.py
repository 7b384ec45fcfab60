"""The strings of a request as bytes: text, or `{"b64": "..."}` for any bytes."""

import binascii
import contextlib
import re
from typing import Any

from serving.server.errors import invalid_argument
from serving.server.rest.json_text import value_error

_BASE64 = re.compile("[A-Za-z0-9+/]*")


def decode_bytes(encoded: dict[str, Any]) -> bytes:
    """Decodes `{"b64": "..."}`.

    Args:
        encoded: the object.

    Raises:
        StatusError: it is another object, or its string is not base64.

    Example:
        >>> decode_bytes({"b64": "aGVsbG8="})
        b'hello'
    """
    if not is_encoded_bytes(encoded):
        raise value_error(encoded, "not formatted correctly for base64 data")
    text = "".join(encoded["b64"].split())
    digits = text.rstrip("=")
    padding = "=" * (-len(digits) % 4)
    if text in (digits, digits + padding) and _BASE64.fullmatch(digits):
        with contextlib.suppress(binascii.Error):
            return binascii.a2b_base64(digits + padding)
    raise invalid_argument("Unable to base64 decode")


def is_encoded_bytes(value: Any) -> bool:
    """Whether a value is of the form `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def encode_string(text: str) -> bytes:
    """The bytes of a string of the request, those that are not UTF-8 included."""
    return text.encode("utf-8", "surrogateescape")
