"""Inverted lists in stock ops: the items of the clusters nearest to a query are scored."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide
from recommenders_tf.index.groups import WIDTH, best_of_groups, group_maxima, padded_to_groups
from recommenders_tf.index.k_means import k_means, nearest_centroids
from recommenders_tf.index.stock_index import StockIndex, check_dtype

_WIDER = 4
"""How many times as many lists a query probes that has found too little."""
_TRAINED_EACH = 64
"""Vectors for each list that the centroids are learned from, at most."""


@dataclasses.dataclass(frozen=True)
class IVFConfig:
    """Settings of inverted lists.

    Args:
        lists: How many clusters; by default the square root of the number of items, twice.
        probes: Lists that a query looks into; by default a sixteenth, and sixteen at least.
        dtype: Of the vectors it keeps: `float32`, or `bfloat16`, which takes half the memory.
        seed: Of the clusters.

    Raises:
        ValueError: A number is below 1, or the type is another.

    Example:
        >>> IVFConfig(lists=1024, probes=16).probes
        16
    """

    lists: int | None = None
    probes: int | None = None
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        check_dtype(self.dtype)
        for name in ("lists", "probes"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1; it is {value}.")


class IVFIndex(StockIndex):
    """Scores the items of the lists that promise a query the highest scores.

    Items are put into the list of their nearest centroid. If the n items of a list have scores as
    normal as their mean ⟨q, c⟩ and their variance Σ qᵢ² σᵢ², the greatest of them is about
    ⟨q, c⟩ + √(2 ln n Σ qᵢ² σᵢ²), which is what the list promises. The centroid's score alone passes
    over large lists whose items differ in direction or length, and the direction alone over items
    that score high with all. Lists that some queries of a batch probe
    are read once each, and multiplied with all these queries: a slice of the table is no copy, so
    the loop over lists costs hardly more than the products. Of the scores only the maxima of groups
    are kept, as in `ExactIndex`. A query for which the filters leave too few items in its lists
    probes four times as many, until it has k or has seen them all.

    Args:
        vectors: See `TopKIndex`.
        ids: Likewise.
        attributes: Likewise.
        config: `IVFConfig`.

    Attributes:
        centroids: float32 `[lists, dim]`.
        spreads: Mean squared distance of a list's items from its centroid, in each dimension, times
            2 log of their number; float32 `[lists, dim]`.
        splits: First place of each list, and the end of the last, int32 `[lists + 1]`.
        probes: Lists that a query looks into, int32; it can be assigned.

    Example:
        >>> random = np.random.default_rng(0)
        >>> vectors = random.standard_normal([1000, 8]).astype(np.float32)
        >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        >>> index = IVFIndex(vectors, np.arange(1000), config=IVFConfig(lists=16, probes=4))
        >>> index.search(vectors[:1], k=1)[1].tolist(), index.is_exact()
        ([[0]], False)
    """

    kind = "ivf"
    config_class = IVFConfig
    config: IVFConfig
    is_residual = False
    """Whether `_list_scores` leaves out what the centroid adds."""

    def is_exact(self) -> bool:
        """Return whether every list is probed, and the vectors are kept as they are."""
        return int(self.probes) >= self.lists and self.config.dtype == "float32"

    @property
    def lists(self) -> int:
        """The number of lists."""
        return int(tf.shape(self.centroids)[0])

    def _set_up(self) -> None:
        super()._set_up()
        self.centroids = self._variable(np.zeros((0, self.dim)), tf.float32)
        self.spreads = self._variable(np.zeros((0, self.dim)), tf.float32)
        self.splits = self._variable(np.zeros(1), tf.int32)
        self.probes = tf.Variable(1, trainable=False)
        self._list_of = np.zeros(0, np.int32)

    def _learn(self, vectors: np.ndarray) -> None:
        lists = self.config.lists or round(2 * math.sqrt(len(vectors)))
        lists = min(lists, len(vectors))
        random = np.random.default_rng(self.config.seed)
        number = min(len(vectors), _TRAINED_EACH * lists)
        sample = vectors[np.sort(random.choice(len(vectors), number, replace=False))]
        self._set_lists(k_means(sample, lists, seed=self.config.seed))

    def _set_lists(self, centroids: np.ndarray) -> None:
        self.centroids.assign(centroids)
        lists = len(centroids)
        self.probes.assign(min(lists, self.config.probes or max(16, lists // 16)))

    def _append(self, vectors: np.ndarray) -> None:
        nearest = nearest_centroids(vectors, self.centroids.numpy()).astype(np.int32)
        self._list_of = np.concatenate([self._list_of, nearest])
        super()._append(vectors)

    def _keep(self, kept: np.ndarray) -> None:
        self._list_of = self._list_of[kept]
        super()._keep(kept)

    def _lay_out(self, vectors: np.ndarray) -> None:
        order = np.argsort(self._list_of, kind="stable")
        sizes = np.bincount(self._list_of, minlength=self.lists)
        splits = np.concatenate([[0], np.cumsum(padded_to_groups(sizes))])
        within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = np.repeat(splits[:-1], sizes) + within
        self._fill(vectors, order, places, int(splits[-1]))
        self.splits.assign(splits)
        apart = np.square(vectors - self.centroids.numpy()[self._list_of])
        sums = tf.math.unsorted_segment_sum(apart, self._list_of, self.lists).numpy()
        number = np.maximum(sizes, 1)[:, np.newaxis]
        self.spreads.assign(2 * np.log(number) * sums / number)

    def _arrays(self) -> dict[str, np.ndarray]:
        centroids = self.centroids.numpy()
        return {**super()._arrays(), "centroids": centroids, "list_of": self._list_of}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._set_lists(arrays["centroids"])
        self._list_of = arrays["list_of"]
        super()._restore(arrays)

    def search_rows(
        self,
        queries: tf.Tensor,
        k: tf.Tensor | int,
        excluded: tf.RaggedTensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the scores and rows of the best k that are found; see `StockIndex`."""
        affinities = tf.matmul(queries, self.centroids, transpose_b=True)
        promises = affinities + tf.sqrt(tf.matmul(queries**2, self.spreads, transpose_b=True))
        lists, batch = tf.shape(self.centroids)[0], tf.shape(queries)[0]
        most = tf.minimum(k, tf.shape(self.table)[0])  # k may be as large as an integer can

        def look(
            asked: tf.Tensor, probes: tf.Tensor, scores: tf.Tensor, places: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            _, near = exact_top_k(tf.gather(promises, asked), None, probes)
            own = tf.gather(tf.gather(affinities, asked), near, batch_dims=1)
            pairs = self._pairs(tf.gather(excluded, asked))
            part = tf.gather(queries, asked)
            maxima, groups = self._maxima(part, (own, near), pairs, allowed)
            wanted = tf.minimum(self._groups_scored(most), tf.shape(groups)[1])
            best, columns = exact_top_k(maxima, None, wanted)
            chosen = tf.gather(groups, columns, batch_dims=1)
            chosen = tf.cast(tf.where(best > EXCLUDED_SCORE, chosen, -1), tf.int64)
            hidden = self._hidden_in(chosen, allowed)
            found = best_of_groups(part, self.table.value(), hidden, chosen, pairs, k)
            where = asked[:, tf.newaxis]
            scores = tf.tensor_scatter_nd_update(scores, where, found[0])
            places = tf.tensor_scatter_nd_update(places, where, found[1])
            is_short = (found[0][:, -1] == EXCLUDED_SCORE) & (probes < lists)
            more = tf.minimum(probes * _WIDER, lists)
            return tf.boolean_mask(asked, is_short), more, scores, places

        start = (
            tf.range(batch),
            tf.minimum(tf.convert_to_tensor(self.probes), lists),
            tf.fill([batch, k], EXCLUDED_SCORE),
            tf.zeros([batch, k], tf.int64),
        )
        shapes = tuple(tf.TensorShape([None] * rank) for rank in (1, 0, 2, 2))
        _, _, scores, places = tf.while_loop(
            lambda asked, *_: tf.size(asked) > 0, look, start, shape_invariants=shapes
        )
        return scores, self._rows_at(places)

    def _maxima(
        self,
        queries: tf.Tensor,
        near: tuple[tf.Tensor, tf.Tensor],
        pairs: tuple[tf.Tensor, tf.Tensor],
        allowed: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the greatest score in each group of the lists that the queries probe.

        Args:
            queries: float32 `[queries, dim]`.
            near: Scores and numbers of the centroids of their lists, both `[queries, probes]`.
            pairs: Query and place of what is excluded, int64 `[pairs]` each.
            allowed: See `search_rows`.

        Returns:
            float32 `[queries, most groups]`, -inf where there is none, and groups, int32 likewise.
        """
        affinities, lists = near
        probes = tf.shape(lists)[1]
        order = tf.argsort(tf.reshape(lists, [-1]), stable=True)  # visits by list, then by query
        visited = tf.gather(tf.reshape(lists, [-1]), order)
        visitors = tf.gather(queries, order // probes)
        rank = tf.math.invert_permutation(order)
        distinct, _, counts = tf.unique_with_counts(visited)
        edges = tf.concat([[0], tf.cumsum(counts)], axis=0)
        visits, places = self._visits_of(pairs, lists, rank)
        cuts = tf.searchsorted(visits, edges)
        splits = self.splits.value()
        starts, ends = tf.gather(splits, distinct), tf.gather(splits, distinct + 1)
        # An op takes microseconds to start, a list of one query hardly more: one gather for all.
        bounds = tf.stack([starts, ends, edges[:-1], edges[1:], cuts[:-1], cuts[1:]], axis=1)

        def one_list(i: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            start, end, edge, next_edge, cut, next_cut = tf.unstack(tf.gather(bounds, i))
            scores = self._list_scores(start, end, visitors[edge:next_edge])
            scores = tf.cond(
                tf.equal(cut, next_cut),  # `hide` copies, even where it hides nothing
                lambda: scores,
                lambda: hide(scores, places[cut:next_cut] - start, visits[cut:next_cut] - edge),
            )
            if allowed is not None:
                out = self._hidden(self.rows[start:end], allowed)
                scores = tf.where(out[:, tf.newaxis], EXCLUDED_SCORE, scores)
            return i + 1, parts.write(i, tf.reshape(tf.transpose(group_maxima(scores)), [-1]))

        number = tf.size(distinct)
        parts = tf.TensorArray(tf.float32, number, infer_shape=False, element_shape=[None])
        _, parts = tf.while_loop(lambda i, _: i < number, one_list, [0, parts])
        first, last = tf.gather(splits, visited), tf.gather(splits, visited + 1)
        groups = tf.ragged.range(first // WIDTH, last // WIDTH)
        maxima = groups.with_flat_values(parts.concat())
        if self.is_residual:
            own = tf.gather(tf.reshape(affinities, [-1]), order)
            maxima += tf.expand_dims(own, 1)
        return self._by_query(maxima, rank, probes, EXCLUDED_SCORE), self._by_query(
            groups, rank, probes, 0
        )

    @staticmethod
    def _by_query(
        values: tf.RaggedTensor, rank: tf.Tensor, probes: tf.Tensor, missing: float
    ) -> tf.Tensor:
        """Return values of visits as a row a query, and one column more than is needed."""
        ordered = tf.gather(values, rank)
        rows = tf.RaggedTensor.from_row_splits(ordered.flat_values, ordered.row_splits[::probes])
        return tf.pad(rows.to_tensor(missing), [[0, 0], [0, 1]], constant_values=missing)

    def _visits_of(
        self, pairs: tuple[tf.Tensor, tf.Tensor], lists: tf.Tensor, rank: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the visit in which a query meets what it must not get, and its place, by visit."""
        owners, places = pairs
        places = tf.cast(places, tf.int32)
        own = tf.searchsorted(self.splits.value(), places, side="right") - 1
        met = tf.where(tf.gather(lists, owners) == tf.cast(own, tf.int64)[:, tf.newaxis])
        pair = tf.gather(owners, met[:, 0]) * tf.shape(lists, tf.int64)[1] + met[:, 1]
        visits = tf.gather(rank, pair)
        order = tf.argsort(visits)
        return tf.gather(visits, order), tf.gather(tf.gather(places, met[:, 0]), order)

    def _groups_scored(self, k: tf.Tensor | int) -> tf.Tensor | int:
        """Return how many of the best groups are scored again."""
        return k if self.config.dtype == "float32" else k + k // 2 + WIDTH

    def _list_scores(self, start: tf.Tensor, end: tf.Tensor, queries: tf.Tensor) -> tf.Tensor:
        """Return the scores of the places of a list, float32 `[places, queries]`."""
        across = tf.cast(tf.transpose(queries), self.table.dtype)
        return tf.cast(tf.matmul(self.table[start:end], across), tf.float32)
