"""What every index can do: search, filter, add, remove, save and load."""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from recommenders_tf.index.catalogue import Catalogue
from recommenders_tf.index.exact import EXCLUDED_SCORE

_SETTINGS = "index.json"
_BLOCK_FLOATS = 2**24
"""Most values of the vectors that are scored one by one for some queries at a time."""
Self = TypeVar("Self", bound="TopKIndex")


class TopKIndex(tf.Module, abc.ABC):
    """Finds the items with the greatest inner products with a query.

    A subclass lays the vectors out for its kind of search. Rows are the places of the items in the
    order in which they were given.

    Args:
        vectors: Item vectors, float32 `[items, dim]`.
        ids: Their ids, strings or integers, each once `[items]`.
        attributes: Values of the items by name, each `[items]`, that `allow` may ask for; a value
            may be a list, as genres are.
        config: Settings of the kind of index.

    Raises:
        ValueError: There is no item, the shapes do not fit, a value is not finite, or an id comes
            twice.

    Example:
        >>> from recommenders_tf.index import ExactIndex
        >>> index = ExactIndex(np.eye(3), [7, 8, 9], {"genre": ["drama", "war", "drama"]})
        >>> index.add(np.ones([1, 3]), [10], {"genre": ["comedy"]})
        >>> index.remove([7])
        >>> index.search([[1.0, 2.0, 3.0]], k=2, allow={"genre": ["drama", "war"]})[1].tolist()
        [[9, 8]]
    """

    kind: str
    config_class: type
    most_queries = 1024
    """Queries that are answered at a time."""

    def __init__(
        self,
        vectors: np.ndarray,
        ids: Sequence[Any] | np.ndarray,
        attributes: Mapping[str, Any] | None = None,
        config: Any = None,
    ) -> None:
        super().__init__(name=f"{self.kind}_index")
        vectors = _checked(vectors, len(ids))
        self.config = self.config_class() if config is None else config
        self.items = Catalogue(ids, attributes)
        self.dim = vectors.shape[1]
        self._build(vectors)

    @abc.abstractmethod
    def is_exact(self) -> bool:
        """Return whether the answer is always that of scoring every item."""

    @abc.abstractmethod
    def _build(self, vectors: np.ndarray) -> None:
        """Learn from the vectors, and lay them out."""

    @abc.abstractmethod
    def _append(self, vectors: np.ndarray) -> None:
        """Lay out more vectors behind those that are there."""

    @abc.abstractmethod
    def _keep(self, kept: np.ndarray) -> None:
        """Leave out the rows where `kept`, bool `[items]`, is false; the others close up."""

    @abc.abstractmethod
    def _write(self, folder: pathlib.Path) -> None:
        """Write the layout into a folder."""

    @abc.abstractmethod
    def _read(self, folder: pathlib.Path) -> None:
        """Read what `_write` wrote."""

    @abc.abstractmethod
    def _search(
        self, queries: tf.Tensor, k: int, excluded: tf.RaggedTensor, allowed: np.ndarray | None
    ) -> tuple[Any, Any]:
        """Return the scores and rows of the best, `[queries, k]`; -inf where there is none.

        Args:
            queries: float32 `[queries, dim]`.
            k: At most the number of items.
            excluded: Rows that a query must not get, int64 `[queries, (rows)]`.
            allowed: The items that all queries may get, bool `[items]`; None where all are.
        """

    def __len__(self) -> int:
        """The number of items."""
        return len(self.items)

    def search(
        self,
        queries: np.ndarray | tf.Tensor,
        k: int,
        exclude: Sequence[Sequence[Any]] | None = None,
        allow: Mapping[str, Collection[Any]] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and ids of the k best items of every query, best first.

        The filters keep the answer full: as many of the items that are left as there are, up to k.

        Args:
            queries: float32 `[queries, dim]`.
            k: Items for each.
            exclude: Ids that a query must not get, a list for each query; unknown ones don't count.
            allow: By name of an attribute the values that an item may have; an item has to have
                one of them in every attribute named.

        Returns:
            Inner products, float32 `[queries, k]`, and ids `[queries, k]`. Where no more items are
            left the score is -inf, and the id "" of strings or -1 of integers.

        Raises:
            ValueError: `k` is below 1, the queries have another width than the items, `exclude`
                has not one list a query, or the items lack an attribute of `allow`.
        """
        queries = np.asarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise ValueError(
                f"`queries` has the shape {list(queries.shape)}, the index [queries, {self.dim}]: "
                "give vectors of the model whose items are in it."
            )
        if k < 1:
            raise ValueError(f"`k` must be at least 1; it is {k}.")
        if exclude is not None and len(exclude) != len(queries):
            raise ValueError(
                f"`exclude` has {len(exclude)} lists for {len(queries)} queries: give one a query, "
                "empty where nothing is excluded."
            )
        allowed = None if allow is None else self.items.rows_where(allow)
        scores = np.full((len(queries), k), EXCLUDED_SCORE, np.float32)
        rows = np.zeros((len(queries), k), np.int64)
        there = min(k, len(self))
        for block in self._blocks(len(queries), there) if there else ():
            part = queries[block]
            lists = [[]] * len(part) if exclude is None else exclude[block]
            excluded = self.items.ragged_rows(lists)
            found = self._search(tf.constant(part), there, excluded, allowed)
            scores[block, :there], rows[block, :there] = found
        return scores, self._named(scores, rows)

    def _named(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        ids = self.items.ids
        nothing = -1 if ids.dtype.kind in "iu" else ""
        if not len(ids):
            return np.full(rows.shape, nothing)
        return np.where(scores > EXCLUDED_SCORE, ids[rows], nothing)

    def _blocks(self, queries: int, k: int) -> Iterator[slice]:
        step = max(1, min(self.most_queries, _BLOCK_FLOATS // max(1, k * 16 * self.dim)))
        return (slice(start, start + step) for start in range(0, queries, step))

    def add(
        self,
        vectors: np.ndarray,
        ids: Sequence[Any] | np.ndarray,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Add items; what the index has learned from those it was built of stays as it is.

        Args:
            vectors: float32 `[items, dim]`.
            ids: Strings or integers that the index does not hold `[items]`.
            attributes: Those that the index has, each `[items]`.

        Raises:
            ValueError: The shapes do not fit, an id is there already, or attributes are missing.
        """
        vectors = _checked(vectors, len(ids), self.dim)
        items = self.items.append(Catalogue(ids, attributes))
        self._append(vectors)
        self.items = items

    def remove(self, ids: Sequence[Any] | np.ndarray) -> None:
        """Remove items.

        Raises:
            ValueError: The index does not hold one of them.
        """
        rows = self.items.rows(ids)
        if len(rows) and rows.min() < 0:
            unknown = ids[int(np.argmin(rows))]
            raise ValueError(f"The index does not hold {unknown!r}: remove ids that it holds.")
        kept = np.ones(len(self), bool)
        kept[rows] = False
        self._keep(kept)
        self.items = self.items.keep(kept)

    def save(self, path: str | pathlib.Path) -> pathlib.Path:
        """Write the index into a folder, and return it."""
        folder = pathlib.Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "kind": self.kind,
            "dim": self.dim,
            "config": dataclasses.asdict(self.config),
        }
        (folder / _SETTINGS).write_text(json.dumps(settings, indent=2), encoding="utf-8")
        self.items.save(folder)
        self._write(folder)
        return folder

    @classmethod
    def load(cls: type[Self], path: str | pathlib.Path) -> Self:
        """Read what `save` wrote, whatever kind of index it is.

        Raises:
            FileNotFoundError: The folder holds no index.
            ValueError: It holds one of another kind than the class that was asked.
        """
        folder = pathlib.Path(path)
        if not (folder / _SETTINGS).exists():
            raise FileNotFoundError(f"`{folder}` holds no index: give a folder of `save`.")
        settings = json.loads((folder / _SETTINGS).read_text("utf-8"))
        from recommenders_tf.index import kinds

        found = kinds.get(settings["kind"])
        if not issubclass(found, cls):
            raise ValueError(
                f"`{folder}` holds an index of kind {settings['kind']}, not a {cls.__name__}: "
                "load it with `TopKIndex.load`."
            )
        index = found.__new__(found)
        tf.Module.__init__(index, name=f"{found.kind}_index")
        index.config = found.config_class(**settings["config"])
        index.items = Catalogue.load(folder)
        index.dim = settings["dim"]
        index._read(folder)
        return index


def _checked(vectors: np.ndarray, items: int, dim: int | None = None) -> np.ndarray:
    """Return the vectors as float32 `[items, dim]`, or say what is wrong with them."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    if (
        vectors.ndim != 2
        or len(vectors) != items
        or not items
        or dim not in (None, vectors.shape[1])
    ):
        expected = f"[{max(1, items)}, {dim or 'dim'}]"
        raise ValueError(
            f"`vectors` has the shape {list(vectors.shape)}, and there are {items} `ids`: give "
            f"{expected}, one vector an item."
        )
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(axis=1)))
        raise ValueError(f"`vectors` has a value in row {row} that is not finite: leave it out.")
    return vectors
