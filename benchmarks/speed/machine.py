"""The machine as a contender: how fast it could do what a step of a model cannot do without."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.speed.case import DIM, Case
from benchmarks.speed.memory import best_seconds, gather_rate, update_rate
from benchmarks.speed.planted import examples
from benchmarks.speed.products import product_rates

NARROW = 16
"""Layers with fewer inputs or outputs are counted, but not what the rate is measured with."""


def start(case: Case) -> Machine:
    return Machine(case)


class Machine:
    """Measures the products of a case and its rows of embeddings, at the ids of its examples.

    Args:
        case: What is trained.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._threads = tf.config.threading.get_intra_op_parallelism_threads()
        self._table = np.zeros([case.table_rows, DIM], np.float32)
        self._ids = _rows_of(case)

    def measure(self, dtype: str = "float32") -> dict[str, float]:
        """Return the limits of a training step, in examples a second.

        Returns:
            `products`: were there nothing but the matrix products. `limit`: were there besides
            them one read and one update of every embedding row of the batch. `flops` is the rate
            of the products.
        """
        wide = [dense for dense in self._case.layers if min(dense.inputs, dense.outputs) >= NARROW]
        flops = product_rates(wide, dtype)["best"]
        products = self._case.flops / flops / self._case.batch_size
        memory = self._case.ids * self._seconds_of_a_row()
        return {"products": 1 / products, "limit": 1 / (products + memory), "flops": flops}

    def _seconds_of_a_row(self) -> float:
        """Return the seconds that reading and updating one row take."""
        if not tf.config.list_physical_devices("GPU"):
            where = self._table, self._ids, self._threads
            return 1 / gather_rate(*where) + 1 / update_rate(*where)
        table, ids = tf.Variable(self._table), tf.constant(self._ids)
        rows = tf.IndexedSlices(tf.ones([len(self._ids), DIM]), ids, table.shape)
        read = best_seconds(lambda: tf.gather(table, ids)[0, 0].numpy())
        updated = best_seconds(lambda: table.scatter_sub(rows)[0, 0].numpy())
        return (read + updated) / len(self._ids)


def _rows_of(case: Case) -> np.ndarray:
    """Return where the ids of a batch are in one table of all fields."""
    features, _ = examples(case, case.batch_size, seed=3)
    first, start = {}, 0
    for name in case.fields:
        first[name] = start
        start += case.vocabulary_of(name)
    owners = {name: name for name in case.fields} | case.histories
    # Padding, 0, is no row; ids start behind it.
    ids = {name: features[name][features[name] > 0].astype(np.int64) for name in owners}
    rows = [ids[name] + first[owner] for name, owner in owners.items()]
    return np.concatenate(rows)
