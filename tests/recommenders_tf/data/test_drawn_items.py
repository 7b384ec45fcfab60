import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.drawn_items import (
    DRAWN,
    DRAWN_SHARE,
    DrawnItems,
    drawn_items,
    item_features,
)
from recommenders_tf.schema import FIRST_ID, SchemaError


@pytest.fixture(scope="module")
def encoded(planted_log):
    train, _ = planted_log.split("leave_last_out")
    return rtf.data.encode(train)


def test_items_bring_their_own_features(encoded) -> None:
    batch, _ = next(iter(DrawnItems(encoded, 3).batches(50, shuffle=False)))
    drawn = drawn_items(batch, encoded.schema)
    table = encoded.tables.items.features
    ids = table["item_id"].numpy()
    for place, item in enumerate(drawn["item_id"].numpy()):
        row = int(np.flatnonzero(ids == item)[0])
        for name in ("category", "price", "genres", "genres_mask"):
            np.testing.assert_array_equal(drawn[name][place], table[name][row])
    assert set(drawn) == set(item_features(encoded.schema))


def test_draws_are_uniform_over_what_was_met(encoded) -> None:
    rows = DrawnItems(encoded, 8)
    met = np.unique(encoded.columns(["item_id"])["item_id"])
    met = met[met >= FIRST_ID]
    batches = list(rows.batches(500))
    drawn = np.concatenate([batch[DRAWN + "item_id"].numpy().ravel() for batch, _ in batches])
    counts = np.bincount(drawn)[met]
    assert counts.sum() == len(drawn)
    expected = len(drawn) / len(met)
    assert np.sum((counts - expected) ** 2 / expected) < 2 * len(met)  # χ², 1.0 times it on average
    assert float(batches[0][0][DRAWN_SHARE][0]) == pytest.approx(1 / len(met))


def test_a_step_draws_what_it_draws_and_others_draw_others(encoded) -> None:
    rows = DrawnItems(encoded, 2)
    first, again, *_ = [
        [batch[DRAWN + "item_id"].numpy() for batch, _ in rows.stream(64, 5, start).take(3)]
        for start in (0, 1)
    ]
    np.testing.assert_array_equal(first[1], again[0])
    assert (first[0] != first[1]).any()
    whole, half = (next(iter(rows.stream(64, 5, 0, shard)))[0] for shard in ((0, 1), (1, 2)))
    np.testing.assert_array_equal(whole["item_id"][32:], half["item_id"])
    assert half[DRAWN + "item_id"].shape == [32, 2]


def test_columns_of_arrays_serve_as_well(encoded) -> None:
    batch = encoded.gather(tf.range(200, dtype=tf.int64))[0]
    arrays = {name: value.numpy() for name, value in batch.items()}
    data = rtf.data.ColumnarData(arrays, encoded.schema)
    batch = next(iter(DrawnItems(data, 1).batches(20)))
    batch = batch[0] if isinstance(batch, tuple) else batch
    assert set(batch[DRAWN + "item_id"].numpy().ravel()) <= set(arrays["item_id"])


def test_a_batch_without_draws_is_told(encoded) -> None:
    with pytest.raises(SchemaError, match="lacks the column `drawn/item_id`"):
        drawn_items(next(iter(encoded.batches(4)))[0], encoded.schema)


def test_events_of_unknown_items_are_refused(encoded) -> None:
    batch = encoded.gather(tf.range(9, dtype=tf.int64))[0]
    arrays = {name: value.numpy() for name, value in batch.items()}
    arrays["item_id"][:] = 1
    data = rtf.data.ColumnarData(arrays, encoded.schema)
    with pytest.raises(ValueError, match="None of the 9 events has a known `item_id`"):
        DrawnItems(data, 1)
