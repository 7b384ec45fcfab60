"""Rows of a source with columns beside them that it does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.row_source import RowSource


class AddedColumns(RowSource):
    """The rows of a source, each with the values that belong to it.

    Args:
        source: Rows.
        added: Values by name, each `[rows, ...]`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> rows = AddedColumns(train, {"number": np.arange(len(train))})
        >>> features, _ = next(iter(rows.batches(3, shuffle=False)))
        >>> features["number"].numpy().tolist()
        [0, 1, 2]
    """

    def __init__(self, source: RowSource, added: Mapping[str, np.ndarray]) -> None:
        self.source, self.schema = source, source.schema
        self.tables = getattr(source, "tables", None)
        self._added = {name: tf.constant(values) for name, values in added.items()}

    def __len__(self) -> int:
        return len(self.source)

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return whole encoded columns of the source."""
        return self.source.columns(names)

    def gather(self, index: tf.Tensor) -> Any:
        """Return the rows of the source and what is added to them."""
        batch = self.source.gather(index)
        extra = {name: tf.gather(values, index) for name, values in self._added.items()}
        return (batch[0] | extra, *batch[1:]) if isinstance(batch, tuple) else batch | extra
