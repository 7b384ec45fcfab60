import pytest
import tensorflow as tf

from recommenders_tf.raw_strings import hash_ids, split_weights, tokenize
from recommenders_tf.schema import UNKNOWN_VALUE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Toy Story (1995)", [b"toy", b"story", b"1995"]),
        ("L'Été", [b"l", "été".encode()]),
        ("", []),
    ],
)
def test_tokenize(text, words) -> None:
    assert tokenize(tf.constant([text])).to_list() == [words]


@pytest.mark.parametrize(
    ("raw", "value", "weight"),
    [
        ("Drama", "Drama", 1.0),
        ("Drama:0.25", "Drama", 0.25),
        ("12:30:2.5e1", "12:30", 25.0),
        ("Été:.5", "Été", 0.5),
        ("two\nlines:3.", "two\nlines", 3.0),
        (":4", "", 4.0),
        ("", "", 1.0),
        ("http://example.org", "http", 0.0),
        ("Drama:", "Drama", 0.0),
        ("Drama:-1", "Drama", 0.0),
        ("Drama: 1", "Drama", 0.0),
        ("Drama:nan", "Drama", 0.0),
        ("Drama:1e999", "Drama", 0.0),
    ],
)
def test_the_last_colon_separates_value_and_weight(raw, value, weight) -> None:
    values, weights = split_weights(tf.ragged.constant([[], [raw, "other:2"]]))
    assert values.to_list() == [[], [value.encode(), b"other"]]
    assert weights.to_list() == [[], [weight, 2.0]]


def test_hashes_spread_evenly_over_their_buckets_and_spare_the_reserved_ids() -> None:
    ids = hash_ids(tf.strings.as_string(tf.range(100_000)), 100)
    counts = tf.math.bincount(tf.cast(ids, tf.int32), minlength=102).numpy()
    assert counts[:2].tolist() == [0, 0]
    assert len(counts) == 102
    assert 850 < counts[2:].min() <= counts[2:].max() < 1150
    assert hash_ids(tf.constant(["", UNKNOWN_VALUE]), 100).numpy().tolist() == [0, 1]


def test_a_hash_is_the_same_everywhere() -> None:
    # What is in a trained table must not move with a version or a machine.
    ids = hash_ids(tf.constant(["196", "u1"]), 2**62)
    assert ids.numpy().tolist() == [1573008571439688499, 2701870414234598557]
