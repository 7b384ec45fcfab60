import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.preprocessor import Preprocessor, raw_batch


@pytest.fixture(scope="module")
def fitted(planted_log):
    return Preprocessor.fit(planted_log)


def test_vocabulary_by_frequency_then_value(planted_log, fitted) -> None:
    counts = planted_log.events["item_id"].value_counts()
    vocabulary = fitted.vocabularies["item_id"].tolist()
    assert vocabulary == sorted(counts.index, key=lambda item: (-counts[item], item))
    ids = fitted.encode({"item_id": tf.constant([*vocabulary, "nothing", ""])})["item_id"]
    assert ids.numpy().tolist() == [*range(2, len(vocabulary) + 2), 1, 0]


def test_statistics_of_the_tables(planted_log, fitted) -> None:
    price = np.log1p(planted_log.items["price"].to_numpy())
    column = fitted.schema["price"]
    np.testing.assert_allclose([column.mean, column.stddev], [price.mean(), price.std()])
    assert fitted.schema["age"].vocabulary_size == len(fitted.schema["age"].boundaries) + 3


def test_quantile_buckets_are_filled_alike(planted_log) -> None:
    column = dataclasses.replace(planted_log.schema["price"], num_buckets=4)
    log = dataclasses.replace(planted_log, schema=planted_log.schema.replace([column]))
    fitted = Preprocessor.fit(log)
    ids = fitted.encode(raw_batch(log.items, [fitted.schema["price"]]))["price"].numpy()
    counts = np.bincount(ids)[2:]
    assert len(counts) == 4
    assert counts.max() - counts.min() <= 2


def test_min_count_and_max_vocabulary(planted_log) -> None:
    schema = planted_log.schema
    columns = [
        dataclasses.replace(schema["item_id"], max_vocabulary=5),
        dataclasses.replace(schema["occupation"], min_count=10**6),
    ]
    fitted = Preprocessor.fit(dataclasses.replace(planted_log, schema=schema.replace(columns)))
    assert len(fitted.vocabularies["item_id"]) == 5
    assert len(fitted.vocabularies["occupation"]) == 0


def test_save_and_load(planted_log, fitted, tmp_path) -> None:
    fitted.save(tmp_path)
    loaded = Preprocessor.load(tmp_path)
    assert loaded.schema == fitted.schema
    columns = [c for c in fitted.schema.stored if c.role == "item"]
    raw = raw_batch(planted_log.items, columns)
    for name, value in fitted.encode(raw).items():
        np.testing.assert_array_equal(value, loaded.encode(raw)[name])


def test_a_vocabulary_has_the_values_without_their_weights(planted_log) -> None:
    plain = Preprocessor.fit(planted_log)
    weighted = [[f"{genre}:0.5" for genre in genres] for genres in planted_log.items["genres"]]
    log = dataclasses.replace(
        planted_log,
        items=planted_log.items.assign(genres=weighted),
        schema=planted_log.schema.replace(
            [dataclasses.replace(planted_log.schema["genres"], weighted=True)]
        ),
    )
    fitted = Preprocessor.fit(log)
    assert fitted.vocabularies["genres"].tolist() == plain.vocabularies["genres"].tolist()
    assert fitted.schema["genres"].vocabulary_size == plain.schema["genres"].vocabulary_size


def test_hashed_columns_keep_no_vocabulary(planted_log, tmp_path) -> None:
    names = ("user_id", "genres", "title")
    columns = [dataclasses.replace(planted_log.schema[name], hash_buckets=50) for name in names]
    schema = planted_log.schema.replace(columns)
    fitted = Preprocessor.fit(dataclasses.replace(planted_log, schema=schema))
    assert fitted.schema.is_fitted
    assert not set(names) & set(fitted.vocabularies)
    fitted.save(tmp_path)
    raw = raw_batch(planted_log.users, [schema["user_id"]])
    ids = Preprocessor.load(tmp_path).encode(raw)["user_id"].numpy()
    np.testing.assert_array_equal(ids, fitted.encode(raw)["user_id"])
    assert 2 <= ids.min() <= ids.max() < 52
