"""JSON as TF Serving's parser, RapidJSON 1.1, reads it: with NaN and infinities, and its errors.

A body goes to the fastest parser that can read it: orjson, then the standard library if it holds
NaN or an infinity. What neither reads goes to `Reader`, which tells what is wrong and where, or
reads the rest of what RapidJSON takes (bytes that are not UTF-8, `-NaN`, `Inf`).
"""

import json
import re
from typing import Any

import orjson

from serving.server.errors import StatusError, invalid_argument
from serving.server.rest.rapid_json import Reader

# How many bytes of a value an error shows.
_SHOWN_BYTES = 256
# What the standard library reads otherwise: integers beyond 64 bits, numbers beyond a double, and
# surrogates without their other half.
_READ_OTHERWISE = re.compile(rb"\d{19}|[eE]\+?\d{3}|\\u[dD][89a-fA-F]")


def parse(body: bytes) -> dict[str, Any]:
    """Reads the object that a request's body holds.

    Args:
        body: the bytes of the body.

    Returns:
        The object. Bytes of a string that are not UTF-8 become surrogates, as the error handler
        `surrogateescape` makes them, so that encoding gives them back.

    Raises:
        StatusError: the body is not JSON, with RapidJSON's text and offset, or not an object.

    Example:
        >>> parse(b'{"instances": [1, NaN]}')
        {'instances': [1, nan]}
        >>> parse(b'{"instances": [1')
        Traceback (most recent call last):
        ...
        serving.server.errors.StatusError: INVALID_ARGUMENT: JSON Parse error: Missing a comma
        or ] after an array element. at offset: 16
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parse_slowly(body)
    if not isinstance(document, dict):
        raise value_error(document, "Is not object")
    return document


def value_error(value: Any, problem: str) -> StatusError:
    """The error that shows a value of a request and says what is wrong with it."""
    return invalid_argument(f"JSON Value: {show(value)} {problem}")


def show(value: Any) -> str:
    """A value as errors show it: indented by four spaces, cut after 256 bytes.

    Example:
        >>> print(show({"x": [1.0]}))
        {
            "x": [
                1.0
            ]
        }
    """
    shown = b""
    encoder = json.JSONEncoder(ensure_ascii=False, indent=4)
    try:
        for part in encoder.iterencode(value):
            shown += part.encode("utf-8", "surrogateescape")
            if len(shown) >= _SHOWN_BYTES:
                break
    except RecursionError:
        pass  # What there is so far is longer than what is shown.
    return shown[:_SHOWN_BYTES].decode("utf-8", "ignore")


def type_name(value: Any) -> str:
    """RapidJSON's name for the type of a value."""
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
    return names.get(type(value), "Number")


def _parse_slowly(body: bytes) -> Any:
    if not _READ_OTHERWISE.search(body):
        try:
            return json.loads(body.decode())
        except (ValueError, RecursionError):
            pass
    reader = Reader(body)
    try:
        return reader.document()
    except RecursionError:
        reader.fail("Terminate parsing due to Handler error.")
