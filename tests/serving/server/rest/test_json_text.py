"""Reading JSON: what RapidJSON takes, and its errors with their offsets."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.errors import StatusError
from serving.server.rest.json_text import parse, show, type_name
from serving.server.rest.rapid_json import Reader

END_ARRAY = "Missing a comma or ] after an array element."
END_OBJECT = "Missing a comma or } after an object member."
ESCAPE = "Invalid escape character in string."
HEX = "Incorrect hex digit after \\u escape in string."
INVALID = "Invalid value."
NAME = "Missing a name for object member."
NOT_CLOSED = "Missing a closing quotation mark in string."
SURROGATE = "The surrogate pair in string is invalid."
TOO_BIG = "Number too big to be stored in double."


@pytest.mark.parametrize(
    ("body", "problem", "offset"),
    [
        (b"  ", "The document is empty.", 2),
        (b"{} x", "The document root must not be followed by other values.", 3),
        (b"{", NAME, 1),
        (b"{1: 2}", NAME, 1),
        (b'{"a": 1,}', NAME, 8),
        (b'{"a" 1}', "Missing a colon after a name of object member.", 5),
        (b'{"a": 1 "b": 2}', END_OBJECT, 8),
        (b'{"a": 01}', END_OBJECT, 7),
        (b'{"a": [1', END_ARRAY, 8),
        (b'{"a": [1 2]}', END_ARRAY, 9),
        (b'{"a": [1,]}', INVALID, 9),
        (b'{"a": tru}', INVALID, 9),
        (b'{"a": nul', INVALID, 9),
        (b'{"a": -}', INVALID, 7),
        (b'{"a": .5}', INVALID, 6),
        (b'{"a": Nan}', INVALID, 8),
        (b'{"a": Infinite}', INVALID, 13),
        (b'{"a": 1.}', "Miss fraction part in number.", 8),
        (b'{"a": 1e+}', "Miss exponent in number.", 9),
        (b'{"a": [1, -1e999]}', TOO_BIG, 10),
        (b'{"a": [NaN, 1e999]}', TOO_BIG, 12),
        (b'{"a": 1%b}' % (b"0" * 5000), TOO_BIG, 6),
        (b'{"a": "x', NOT_CLOSED, 8),
        (b'{"a": "x\0"}', NOT_CLOSED, 8),
        (b'{"a": "x\n"}', ESCAPE, 8),
        (b'{"a": "\\x"}', ESCAPE, 7),
        (b'{"a": "\\u12g4"}', HEX, 7),
        (b'{"a": "\\ud800"}', SURROGATE, 7),
        (b'{"a": "\\ud800\\u0041"}', SURROGATE, 7),
        (b'{"a": "\xc3\xa9", 1}', NAME, 12),
    ],
)
def test_errors_and_their_offsets(body, problem, offset):
    with pytest.raises(StatusError) as error:
        parse(body)
    assert error.value.code.name == "INVALID_ARGUMENT"
    assert error.value.message == f"JSON Parse error: {problem} at offset: {offset}"


def test_an_empty_body_has_a_text_of_its_own():
    with pytest.raises(StatusError) as error:
        parse(b"")
    assert error.value.message == "JSON Parse error: The document is empty"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[1]", "[\n    1\n]"),
        (b'"a"', '"a"'),
        (b"NaN", "NaN"),
        (b"1.5", "1.5"),
    ],
)
def test_only_an_object_is_a_request(body, value):
    with pytest.raises(StatusError) as error:
        parse(body)
    assert error.value.message == f"JSON Value: {value} Is not object"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[NaN, Infinity, -Infinity, 2]", [math.nan, math.inf, -math.inf, 2]),
        (b"[-NaN, Inf, -Inf]", [math.nan, math.inf, -math.inf]),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"[NaN, 18446744073709551616]", [math.nan, 2.0**64]),
        (b"[NaN, 1e2, 1E-2, 10, -0]", [math.nan, 100.0, 0.01, 10, 0]),
        (rb'"\u00e9\ud83d\ude00\/\b\f\n\r\t\\\""', 'é😀/\b\f\n\r\t\\"'),
        (b'"\xff\\udc00"', b"\xff\xed\xb0\x80".decode("utf-8", "surrogateescape")),
        (b"[[], {}, [{}, null, true, false]]", [[], {}, [{}, None, True, False]]),
    ],
)
def test_what_the_parser_takes(text, value):
    for read in (parse, lambda body: Reader(body).document()):
        found = read(b'\xef\xbb\xbf {"a": ' + text + b"\t}\r\n\0")["a"]
        assert repr(found) == repr(value)  # NaN is not equal to itself, and 2 is equal to 2.0
        found = read(b'{"a":' + text + b"}")["a"]
        assert repr(found) == repr(value)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(_JSON, st.sampled_from([None, 2]), st.booleans())
def test_every_document_is_read_the_same_way_by_every_parser(value, indent, ascii_only):
    text = json.dumps({"a": value}, indent=indent, ensure_ascii=ascii_only)
    expected = repr(json.loads(text))
    assert repr(Reader(text.encode()).document()) == expected
    assert repr(parse(text.encode())) == expected


@given(_JSON, st.data())
def test_a_damaged_document_is_refused_with_an_offset_in_it(value, data):
    text = json.dumps({"a": value}).encode()
    body = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(StatusError, match=r"JSON Parse error: .* at offset: \d+$") as error:
        parse(body)
    assert int(error.value.message.rpartition(" ")[2]) <= len(body)


def test_nesting_without_end_is_an_error_like_another():
    for body in (b"[" * 100_000, b'{"a":' * 100_000):
        with pytest.raises(StatusError, match="Terminate parsing due to Handler error"):
            parse(body)


def test_a_value_in_an_error_is_cut_after_256_bytes():
    assert show({"a": [1, 2.5, "é"], "b": []}) == (
        '{\n    "a": [\n        1,\n        2.5,\n        "é"\n    ],\n    "b": []\n}'
    )
    assert show("é" * 300) == '"' + "é" * 127  # the 256th byte is half a letter
    assert len(show([1] * 10**6)) == 256
    nested: list = []
    for _ in range(5000):
        nested = [nested]
    assert len(show(nested).encode()) <= 256


def test_types_have_rapidjsons_names():
    values = [None, True, False, {}, [], "", 1, 1.5]
    assert [type_name(value) for value in values] == [
        *("Null", "True", "False", "Object", "Array", "String", "Number", "Number")
    ]
