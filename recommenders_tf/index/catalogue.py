"""The items of an index: their ids and attributes, by row."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

_ID, _FILE = "id", "items.parquet"


class Catalogue:
    """Finds the rows of ids, and of the items whose attributes have given values.

    Args:
        ids: Strings or integers, each once `[items]`.
        attributes: Values of all items by name, each `[items]`; a value may be a list.

    Raises:
        ValueError: An id comes twice, or an attribute has not one value an item.

    Example:
        >>> items = Catalogue(["a", "b"], {"genre": [["drama", "war"], ["comedy"]]})
        >>> items.rows_where({"genre": ["war"]}).tolist()
        [True, False]
    """

    def __init__(
        self, ids: Sequence[Any] | np.ndarray, attributes: Mapping[str, Any] | None = None
    ) -> None:
        attributes = dict(attributes or {})
        for name, values in attributes.items():
            if len(values) != len(ids):
                raise ValueError(
                    f"Attribute `{name}` has {len(values)} values for {len(ids)} items: give one "
                    "value an item."
                )
        own = {name: list(values) for name, values in attributes.items()}
        self._set(pd.DataFrame({_ID: list(ids), **own}))

    def _set(self, frame: pd.DataFrame) -> None:
        self._index = pd.Index(frame[_ID])
        if not self._index.is_unique:
            twice = frame[_ID][self._index.duplicated()].iloc[0]
            raise ValueError(f"`ids` has {twice!r} more than once: an item is one row.")
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame)

    @property
    def ids(self) -> np.ndarray:
        """The ids in the order of rows: int64, or objects `[items]`."""
        return self._index.to_numpy()

    def rows(self, ids: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Return the rows of ids, int64 `[ids]`; -1 where there is none."""
        return np.asarray(self._index.get_indexer(pd.Index(ids)), np.int64)

    def ragged_rows(self, ids: Sequence[Sequence[Any]]) -> tf.RaggedTensor:
        """Return the rows of the known among some ids of each query, int64 `[queries, (ids)]`."""
        flat = [item for own in ids for item in own]
        rows = self.rows(flat) if flat else np.zeros(0, np.int64)
        owners = np.repeat(np.arange(len(ids)), [len(own) for own in ids])[rows >= 0]
        lengths = np.bincount(owners, minlength=len(ids))
        return tf.RaggedTensor.from_row_lengths(rows[rows >= 0], lengths.astype(np.int64))

    def rows_where(self, allow: Mapping[str, Collection[Any]]) -> np.ndarray:
        """Return which items have one of the values in every attribute named, bool `[items]`.

        Raises:
            ValueError: There is no such attribute.
        """
        allowed = np.ones(len(self), bool)
        for name, values in allow.items():
            if name == _ID or name not in self._frame:
                known = ", ".join(f"`{n}`" for n in self._frame.columns if n != _ID) or "none"
                raise ValueError(
                    f"`allow` names the attribute `{name}`, which the items lack; they have "
                    f"{known}: give it as `attributes` when the index is built."
                )
            if isinstance(values, str):
                raise ValueError(f"`allow` needs a list for `{name}`: wrap it, [{values!r}].")
            single = self._frame[name].explode()
            found = np.zeros(len(self), bool)
            found[single.index[single.isin(list(values))]] = True
            allowed &= found
        return allowed

    def append(self, other: Catalogue) -> Catalogue:
        """Return the items of both.

        Raises:
            ValueError: They share an id, or do not have the same attributes.
        """
        if set(other._frame) != set(self._frame):
            names = [name for name in self._frame if name != _ID]
            raise ValueError(f"The index has the attributes {names}: give just these with `add`.")
        return self._of(pd.concat([self._frame, other._frame], ignore_index=True))

    def keep(self, kept: np.ndarray) -> Catalogue:
        """Return some of the items, bool `[items]`."""
        return self._of(self._frame[kept].reset_index(drop=True))

    def save(self, folder: pathlib.Path) -> None:
        """Write them into a folder."""
        self._frame.to_parquet(folder / _FILE)

    @classmethod
    def load(cls, folder: pathlib.Path) -> Catalogue:
        """Read what `save` wrote."""
        return cls._of(pd.read_parquet(folder / _FILE))

    @classmethod
    def _of(cls, frame: pd.DataFrame) -> Catalogue:
        new = cls.__new__(cls)
        new._set(frame)
        return new
