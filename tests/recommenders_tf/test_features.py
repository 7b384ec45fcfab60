import numpy as np
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.schema import FeatureSchema

SCHEMA = FeatureSchema.from_dict(
    {
        "name": "toy",
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": 5},
            "age": {
                "kind": "numeric",
                "role": "user",
                "boundaries": [18.0, 30.0],
                "vocabulary_size": 5,
            },
            "past": {"kind": "sequence", "role": "user", "source": "item", "max_length": 3},
            "item": {"kind": "id", "role": "item", "vocabulary_size": 6},
            "tags": {"kind": "multi_hot", "role": "item", "max_length": 2, "vocabulary_size": 4},
            "topics": {
                "kind": "multi_hot",
                "role": "item",
                "max_length": 3,
                "weighted": True,
                "share_with": "tags",
            },
            "brand": {"kind": "categorical", "role": "item", "hash_buckets": 9},
            "brands": {
                "kind": "multi_hot",
                "role": "user",
                "max_length": 2,
                "share_with": "brand",
            },
            "shop": {
                "kind": "categorical",
                "role": "context",
                "growing": True,
                "max_vocabulary": 5,
            },
            "price": {"kind": "numeric", "role": "item", "scaling": "log"},
            "user_x_tags": {"kind": "cross", "role": "context", "sources": ["user", "tags"]},
            "age_x_user": {
                "kind": "cross",
                "role": "user",
                "sources": ["age", "user"],
                "num_buckets": 7,
            },
            "when": {"kind": "timestamp", "role": "event_time"},
            "liked": {"kind": "label", "role": "label", "positive_from": 4.0},
        },
    }
)
LISTS = ("past", "tags", "topics", "brands")
IDS = {"": 0, "a": 2, "b": 3, "c": 4, "d": 5}


def lookup(column, values):
    return tf.constant([IDS.get(v.decode(), 1) for v in values.numpy()], tf.int64)


def encode(**raw):
    raw = {k: tf.ragged.constant(v) if k in LISTS else tf.constant(v) for k, v in raw.items()}
    statistics = {"age": tf.constant([18.0, 30.0]), "price": (1.0, 2.0)}
    return {
        k: v.numpy().tolist() for k, v in features.encode(SCHEMA, raw, lookup, statistics).items()
    }


def test_ids_unknown_and_missing() -> None:
    assert encode(user=["a", "zz", ""])["user"] == [2, 1, 0]


def test_buckets_take_their_lower_boundary_and_missing_is_padding() -> None:
    ages = [17.9, 18.0, 29.0, 30.0, float("nan")]
    assert encode(age=ages)["age"] == [2, 3, 3, 4, 0]


def test_a_sequence_keeps_its_latest_and_other_lists_their_first() -> None:
    encoded = encode(past=[["a", "b", "c", "d"], ["a"]], tags=[["a", "b", "c"], []])
    assert encoded["past"] == [[3, 4, 5], [2, 0, 0]]
    assert encoded["past_mask"] == [[True] * 3, [True, False, False]]
    assert encoded["tags"] == [[2, 3], [0, 0]]
    assert encoded["tags_mask"] == [[True, True], [False, False]]


def test_weights_stand_beside_their_values() -> None:
    encoded = encode(topics=[["a:0.5", "zz", "b:x", "c:9"], [], ["c:2"]])
    assert encoded["topics"] == [[2, 1, 3], [0, 0, 0], [4, 0, 0]]
    assert encoded["topics_weights"] == [[0.5, 1.0, 0.0], [0.0] * 3, [2.0, 0.0, 0.0]]
    assert encoded["topics_mask"] == [[True] * 3, [False] * 3, [True, False, False]]


def test_hashed_values_have_the_same_id_wherever_they_stand() -> None:
    encoded = encode(brand=["acme", "", "sony"], brands=[["sony", "acme"], [], []])
    acme, missing, sony = encoded["brand"]
    assert missing == 0 and acme != sony and 2 <= min(acme, sony) <= max(acme, sony) < 11
    assert encoded["brands"] == [[sony, acme], [0, 0], [0, 0]]


def test_values_of_a_growing_vocabulary_practically_never_meet() -> None:
    shops = encode(shop=[str(number) for number in range(10_000)])["shop"]
    assert len(set(shops)) == 10_000
    assert min(shops) > 10**12


def test_log_then_standard() -> None:
    price = encode(price=[np.e - 1, float("nan")])["price"]
    np.testing.assert_allclose(price, [(1 - 1) / 2, 0.0], atol=1e-6)


def test_label_rule() -> None:
    assert encode(liked=[3.5, 4.0])["liked"] == [0.0, 1.0]


def test_exact_cross_has_an_id_for_every_combination() -> None:
    users, tags = ["", "zz", "a", "b", "c"], ["zz", "a", "b"]
    seen = set()
    for tag in tags:
        encoded = encode(user=users, tags=[[tag]] * len(users))
        seen |= {row[0] for row in encoded["user_x_tags"]}
        assert all(row[1] == 0 for row in encoded["user_x_tags"])
    assert len(seen) == len(users) * len(tags)
    assert 1 <= min(seen) <= max(seen) < SCHEMA.vocabulary_size(SCHEMA["user_x_tags"])


def test_hashed_cross_stays_in_its_buckets() -> None:
    encoded = encode(user=["a", "b", "c", "a"], age=[10.0, 20.0, 40.0, 10.0])
    ids = encoded["age_x_user"]
    assert ids[0] == ids[3]
    assert len(set(ids)) > 1
    assert all(1 <= i <= 7 for i in ids)


def test_a_cross_is_left_out_when_a_source_is() -> None:
    assert "user_x_tags" not in encode(user=["a"])


def test_encoded_spec_matches_what_encode_returns() -> None:
    encoded = encode(
        user=["a"],
        age=[20.0],
        past=[["a"]],
        item=["b"],
        tags=[["a"]],
        topics=[["a:2"]],
        brand=["a"],
        brands=[["a"]],
        shop=["a"],
        price=[1.0],
    )
    spec = features.encoded_spec(SCHEMA)
    assert set(spec) == set(encoded)
    for name, value in encoded.items():
        assert list(np.shape(value))[1:] == spec[name].shape.as_list()[1:]


def test_parsing_spec_gives_missing_values_for_what_is_absent() -> None:
    columns = [SCHEMA[n] for n in ("user", "age", "tags")]
    empty = tf.train.Example().SerializeToString()
    parsed = tf.io.parse_example(tf.constant([empty]), features.parsing_spec(columns))
    assert parsed["user"].numpy() == [b""]
    assert np.isnan(parsed["age"].numpy()).all()
    assert parsed["tags"].to_list() == [[]]
