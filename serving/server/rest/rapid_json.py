"""A parser that reads and refuses the same texts as RapidJSON 1.1, with the same errors.

It is far slower than those that `json_text` tries first.
"""

import math
import re
from typing import Any, NoReturn

import orjson

from serving.server.errors import invalid_argument

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_DIGITS = re.compile(rb"[0-9]*")
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
# Numbers without exponents that fit into 64 bits, each with the comma after it.
_NUMBERS = re.compile(rb"(?:-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?[ \t\r\n]*,[ \t\r\n]*)+")
_ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
_WORDS = {b"t": (b"true", True), b"f": (b"false", False), b"n": (b"null", None)}
_64_BITS = range(-(2**63), 2**64)
_LONGEST_INTEGER = 20


class Reader:
    """A parser that goes through the text in RapidJSON's order, so that errors are the same.

    Args:
        text: the document.
    """

    def __init__(self, text: bytes) -> None:
        # RapidJSON sees the end of the text as a zero byte.
        self._text = text + b"\0"
        self._at = 3 if text.startswith(b"\xef\xbb\xbf") else 0

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        """Raises the parser's error, at the current position by default."""
        offset = self._at if at is None else at
        raise invalid_argument(f"JSON Parse error: {problem} at offset: {offset}")

    def document(self) -> Any:
        """The whole text as one value."""
        self._skip_space()
        if self._peek() == b"\0":
            self.fail("The document is empty.")
        value = self._value()
        self._skip_space()
        if self._peek() != b"\0":
            self.fail("The document root must not be followed by other values.")
        return value

    def _peek(self) -> bytes:
        return self._text[self._at : self._at + 1]

    def _take(self, expected: bytes) -> bool:
        """Steps over one expected byte, if it is there."""
        found = self._peek() == expected
        self._at += found
        return found

    def _match(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self._text, self._at)
        self._at += len(match[0]) if match else 0
        return match[0] if match else b""

    def _skip_space(self) -> None:
        self._match(_SPACE)

    def _value(self) -> Any:
        first = self._peek()
        if first in _WORDS:
            return self._word(*_WORDS[first])
        if first == b'"':
            return self._string()
        if first == b"[":
            return self._array()
        if first == b"{":
            return self._object()
        return self._number()

    def _word(self, word: bytes, value: Any) -> Any:
        for index in range(len(word)):
            if not self._take(word[index : index + 1]):
                self.fail("Invalid value.")
        return value

    def _array(self) -> list[Any]:
        values: list[Any] = []
        self._at += 1
        self._skip_space()
        if self._take(b"]"):
            return values
        while True:
            # One by one, a long array with an error at its end would take seconds.
            if numbers := self._match(_NUMBERS):
                values += orjson.loads(b"[%b0]" % numbers)[:-1]
            values.append(self._value())
            self._skip_space()
            if self._take(b"]"):
                return values
            if not self._take(b","):
                self.fail("Missing a comma or ] after an array element.")
            self._skip_space()

    def _object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._at += 1
        self._skip_space()
        if self._take(b"}"):
            return members
        while True:
            if self._peek() != b'"':
                self.fail("Missing a name for object member.")
            name = self._string()
            self._skip_space()
            if not self._take(b":"):
                self.fail("Missing a colon after a name of object member.")
            self._skip_space()
            members[name] = self._value()
            self._skip_space()
            if self._take(b"}"):
                return members
            if not self._take(b","):
                self.fail("Missing a comma or } after an object member.")
            self._skip_space()

    def _string(self) -> str:
        decoded = bytearray()
        self._at += 1
        while True:
            decoded += self._match(_PLAIN)
            if self._take(b'"'):
                return decoded.decode("utf-8", "surrogateescape")
            if self._peek() == b"\0":
                self.fail("Missing a closing quotation mark in string.")
            if self._peek() != b"\\":
                self.fail("Invalid escape character in string.")
            decoded += self._escape()

    def _escape(self) -> bytes:
        start = self._at
        letter = self._text[start + 1]
        self._at += 2
        if letter in _ESCAPES:
            return bytes([_ESCAPES[letter]])
        if letter != ord("u"):
            self.fail("Invalid escape character in string.", start)
        code = self._hex(start)
        if 0xD800 <= code <= 0xDBFF:
            low = self._hex(start) if self._take(b"\\") and self._take(b"u") else 0
            if not 0xDC00 <= low <= 0xDFFF:
                self.fail("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00))
        return chr(code).encode("utf-8", "surrogatepass")

    def _hex(self, start: int) -> int:
        digits = self._match(_HEX)
        if not digits:
            self.fail("Incorrect hex digit after \\u escape in string.", start)
        return int(digits, 16)

    def _number(self) -> int | float:
        start = self._at
        integer = self._match(_INTEGER)
        if not integer:
            return self._constant()
        if self._take(b"."):
            if not self._match(_DIGITS):
                self.fail("Miss fraction part in number.")
        elif self._peek() not in b"eE":
            # Python refuses to read integers of thousands of digits.
            value = int(integer) if len(integer) <= _LONGEST_INTEGER else 2**64
            return value if value in _64_BITS else self._float(start)
        if self._take(b"e") or self._take(b"E"):
            _ = self._take(b"+") or self._take(b"-")
            if not self._match(_DIGITS):
                self.fail("Miss exponent in number.")
        return self._float(start)

    def _float(self, start: int) -> float:
        value = float(self._text[start : self._at])
        if math.isinf(value):
            self.fail("Number too big to be stored in double.", start)
        return value

    def _constant(self) -> float:
        minus = self._take(b"-")
        if self._peek() == b"N":
            return self._word(b"NaN", math.nan)
        value = self._word(b"Inf", -math.inf if minus else math.inf)
        return self._word(b"inity", value) if self._peek() == b"i" else value
