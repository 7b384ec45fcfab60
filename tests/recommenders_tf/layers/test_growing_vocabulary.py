from __future__ import annotations

import time
import unittest.mock

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers.growing_vocabulary import GrowingVocabulary
from recommenders_tf.schema import UNKNOWN_ID
from tests.harness import assert_only_stock_ops


def see(layer: GrowingVocabulary, *ids: int) -> list[int]:
    """Show the layer a batch; return the rows that ids lost."""
    return layer.update(tf.constant(ids, tf.int64)).numpy().tolist()


def rows(layer: GrowingVocabulary, *ids: int) -> list[int]:
    return layer(tf.constant(ids, tf.int64)).numpy().tolist()


class Reference:
    """The rules one id at a time, in plain Python."""

    def __init__(self, capacity: int, admit_after: int, forget_after: int | None) -> None:
        self.admit_after, self.forget_after, self.step = admit_after, forget_after, 0
        self.width = min(8, capacity)
        self.buckets = [[None] * self.width for _ in range(capacity // self.width)]

    def update(self, batch: list[int]) -> list[int]:
        self.step += 1
        lost, counts = [], {}
        for value in batch:
            if value >= 2:
                counts[value] = counts.get(value, 0) + 1
        newcomers = []
        for value, count in counts.items():
            entry = self.find(value)
            if entry is None:
                newcomers.append((value, count))
            else:
                entry[1], entry[2] = entry[1] + count, self.step
        for value, count in newcomers:
            index = value % len(self.buckets)
            bucket = self.buckets[index]
            choices = [(self.rank(entry), slot) for slot, entry in enumerate(bucket)]
            choices = [(rank, slot) for rank, slot in choices if rank is not None]
            if choices:
                slot = min(choices)[1]
                if bucket[slot] is not None and bucket[slot][1] >= self.admit_after:
                    lost.append(2 + index * self.width + slot)
                bucket[slot] = [value, count, self.step]
        return lost

    def rank(self, entry):
        if entry is None:
            return (0, 0)
        _, count, seen = entry
        if count < self.admit_after:
            return (1, seen) if seen < self.step else None
        is_forgotten = self.forget_after is not None and seen < self.step - self.forget_after
        return (2, seen) if is_forgotten else None

    def find(self, value):
        bucket = self.buckets[value % len(self.buckets)]
        return next((e for e in bucket if e is not None and e[0] == value), None)

    def row(self, value: int) -> int:
        if value < 2:
            return value
        entry = self.find(value)
        if entry is None or entry[1] < self.admit_after:
            return UNKNOWN_ID
        index = value % len(self.buckets)
        return 2 + index * self.width + self.buckets[index].index(entry)


@pytest.mark.parametrize(
    ("capacity", "admit_after", "forget_after"),
    [(64, 1, None), (64, 3, None), (64, 2, 5), (16, 1, 1), (40, 4, 20), (3, 2, 3)],
)
def test_the_rules_on_a_random_stream(capacity, admit_after, forget_after) -> None:
    layer = GrowingVocabulary(capacity, admit_after, forget_after)
    reference = Reference(capacity, admit_after, forget_after)
    update = tf.function(layer.update, autograph=False)
    random = np.random.default_rng(capacity + admit_after)
    evictions = 0
    everything = tf.range(400, dtype=tf.int64)
    for step in range(150):
        # What is popular moves, so that ids come, stay a while and go.
        batch = (random.zipf(1.4, size=40) + step // 10) % 400
        lost = update(tf.constant(batch, tf.int64)).numpy().tolist()
        assert sorted(lost) == sorted(reference.update(batch.tolist()))
        evictions += len(lost)
        expected = [reference.row(value) for value in range(400)]
        assert layer(everything).numpy().tolist() == expected
    assert (evictions > 0) == (forget_after is not None)
    admitted = [row for row in expected if row >= 2]
    assert len(set(admitted)) == len(admitted) > 0


def test_an_id_is_admitted_after_exactly_so_many_sightings() -> None:
    layer = GrowingVocabulary(64, admit_after=3)
    see(layer, 10, 11, 11, 12, 12, 12)
    assert rows(layer, 10, 11)[:2] == [UNKNOWN_ID] * 2
    assert rows(layer, 12)[0] >= 2
    see(layer, 10, 11)
    assert rows(layer, 10)[0] == UNKNOWN_ID
    assert rows(layer, 11)[0] >= 2
    see(layer, 10)
    assert rows(layer, 10)[0] >= 2


def test_reserved_ids_stay_and_are_not_counted() -> None:
    layer = GrowingVocabulary(8)
    see(layer, 0, 1, 0, 1)
    assert not layer.ids.numpy().any()
    assert layer(tf.constant([[0, 1], [99, 0]], tf.int64)).numpy().tolist() == [[0, 1], [1, 0]]


def test_a_full_bucket_keeps_its_ids_and_leaves_others_unknown() -> None:
    layer = GrowingVocabulary(8, admit_after=1)
    assert see(layer, *range(100, 109)) == []
    assert sorted(rows(layer, *range(100, 108))) == [*range(2, 10)]
    assert rows(layer, 108) == [UNKNOWN_ID]
    for _ in range(50):
        assert see(layer, 108, 109) == []
    assert rows(layer, 108, 100) == [UNKNOWN_ID, rows(layer, 100)[0]]


def test_the_id_seen_least_lately_goes_once_it_is_forgotten() -> None:
    layer = GrowingVocabulary(4, admit_after=1, forget_after=2)
    see(layer, 10, 11, 12, 13)
    place = dict(zip((10, 11), rows(layer, 10, 11), strict=True))
    see(layer, 10, 12, 13)
    assert see(layer, 12, 13, 20) == [], "11 was seen two updates ago"
    assert see(layer, 12, 13, 20) == [place[11]]
    assert rows(layer, 11, 20) == [UNKNOWN_ID, place[11]]
    assert rows(layer, 10) == [place[10]]


def test_passers_by_do_not_push_out_who_was_admitted() -> None:
    layer = GrowingVocabulary(8, admit_after=2)
    see(layer, 5, 5)
    for passer in range(1000, 1200):
        assert see(layer, passer) == []
    assert rows(layer, 5)[0] >= 2
    see(layer, 1199)
    assert rows(layer, 1199)[0] >= 2, "a passer-by of late is remembered"


def test_counts_do_not_overflow() -> None:
    layer = GrowingVocabulary(8, admit_after=2)
    for _ in range(3):
        see(layer, *[7] * 10)
    assert layer.sightings.numpy().max() == 2


def test_checkpoints_and_the_saved_model_hold_the_vocabulary(tmp_path) -> None:
    layer = GrowingVocabulary(64, admit_after=2, forget_after=3)
    for step in range(20):
        see(layer, *np.random.default_rng(step).integers(2, 90, 50))
    ids = tf.range(90, dtype=tf.int64)
    assert (layer(ids) >= 2).numpy().sum() > 10

    path = tf.train.Checkpoint(layer=layer).save(tmp_path / "checkpoint")
    again = GrowingVocabulary.from_config(layer.get_config())
    again(ids)
    tf.train.Checkpoint(layer=again).restore(path).assert_consumed()
    assert see(again, 30, 31, 32, 200, 201) == see(layer, 30, 31, 32, 200, 201)
    np.testing.assert_array_equal(again(ids), layer(ids))

    module = tf.Module()
    module.layer = layer
    signature = tf.function(
        lambda ids: {"rows": layer(ids)},
        input_signature=[tf.TensorSpec([None], tf.int64, "ids")],
        autograph=False,
    )
    tf.saved_model.save(module, tmp_path / "1", signatures=signature)
    assert_only_stock_ops(tmp_path / "1")
    served = tf.saved_model.load(tmp_path / "1").signatures["serving_default"]
    np.testing.assert_array_equal(served(ids)["rows"], layer(ids))


def test_the_cost_of_a_batch_does_not_grow_with_the_places() -> None:
    random = np.random.default_rng(0)
    batches = [tf.constant(random.integers(2, 2**62, 4096)) for _ in range(15)]
    seconds = {}
    for capacity in (10**4, 10**7):
        layer = GrowingVocabulary(capacity, 2, 5)
        update = tf.function(layer.update, autograph=False)
        look_up = tf.function(layer, autograph=False)
        update(batches[0]), look_up(batches[0])
        times = []
        for batch in batches:
            started = time.perf_counter()
            update(batch), look_up(batch).numpy()
            times.append(time.perf_counter() - started)
        seconds[capacity] = min(times)
    assert seconds[10**7] < 4 * seconds[10**4], seconds


def test_no_places_and_no_sightings_are_refused() -> None:
    with pytest.raises(ValueError, match="`capacity` is 0; it must be 1 or more"):
        GrowingVocabulary(0)
    with pytest.raises(ValueError, match="`admit_after` is 0; it must be 1 or more"):
        GrowingVocabulary(8, admit_after=0)


def test_several_devices_are_refused(monkeypatch) -> None:
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    with (
        tf.distribute.MirroredStrategy(devices).scope(),
        pytest.raises(RuntimeError, match="`shops` is of one device, and MirroredStrategy trains"),
    ):
        GrowingVocabulary(8, name="shops").build(None)
    servers = unittest.mock.Mock(tf.distribute.ParameterServerStrategy, num_replicas_in_sync=1)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: servers)
    with pytest.raises(RuntimeError, match="`shops` is of one device"):
        GrowingVocabulary(8, name="shops").build(None)
