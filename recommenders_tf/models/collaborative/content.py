"""Items like those that a user met, by what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.neighbours import NeighbourRetriever, loss_of_some, squared_norms
from recommenders_tf.registry import register
from recommenders_tf.schema import FIRST_ID, FeatureSchema, Kind, Role, SchemaError

_MOST_TERMS = 2**24  # float32 has these whole numbers, and candidates hold terms as such


@register(
    paper="Lops, de Gemmis, Semeraro: Content-based Recommender Systems: State of the Art and "
    "Trends, Recommender Systems Handbook 2011; weights of Salton, Buckley: Term-weighting "
    "approaches in automatic text retrieval, IPM 1988"
)
class Content(HistoryRetriever):
    """Scores an item by the cosine between it and the sum of the items that a user met.

    An item is the bag of its terms: the words of its texts, the values of its multi-hot columns,
    its categories and the buckets of its numbers. Term t has the weight tf_t idf_t: tf is how often
    it is there, or what a weighted column says, and idf_t = ln((1 + n) / (1 + n_t)) + 1 where n_t
    of n items have it. Vectors have length 1. A user is Σ_i x_i v_i over the items met, x being 1
    or the rating.

    Items are known by their terms and not by their ids, so one that nobody has met yet is
    recommended like any other.

    When to choose it:
        For items that are new or rarely met, where text or categories describe them, and beside a
        collaborative model, which most often is better where items have been met.

    Args:
        schema: Fitted schema with a text, multi-hot or categorical column of items.
        ratings: Whether x is the rating, the schema's label as it is, and not just 1.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: No column describes items, or they have too many different terms; the id of
            the users or of the items grows; there are no ratings.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = Content(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = {
        **NeighbourRetriever.contract_exceptions,
        "learns": "The signal is planted in who met what, and what is said of items tells nothing.",
    }

    def __init__(self, schema: FeatureSchema, ratings: bool = False, **kwargs: Any) -> None:
        if ratings:
            self.needs_label, self.combine = True, "mean"
        super().__init__(schema, **kwargs)
        self.ratings = ratings
        self.described_by = [
            column
            for column in schema.uncrossed
            if column.role is Role.ITEM and column.has_ids and column.kind is not Kind.ID
            if not schema.table_of(column).growing
        ]
        if not self.described_by:
            raise SchemaError(
                f"Schema `{schema.name}` has no column that describes items: `content` needs one "
                "of role `item` and kind `text`, `multi_hot` or `categorical`."
            )
        sizes = [schema.vocabulary_size(column) for column in self.described_by]
        self.num_terms = sum(sizes)
        if self.num_terms >= _MOST_TERMS:
            raise SchemaError(
                f"The columns that describe items in schema `{schema.name}` have {self.num_terms:,}"
                f" values, and `content` takes fewer than {_MOST_TERMS:,}: give them "
                "`max_vocabulary` or `hash_buckets`."
            )
        self.offsets = np.cumsum([0, *sizes[:-1]]).tolist()
        self.item_terms = SparseRows(self.num_items, self.num_terms, name="item_terms")
        self.idf = self.add_weight(
            name="idf",
            shape=[self.num_terms],
            initializer="ones",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather what users met, and learn the terms of the items."""
        rows = super().training_rows(source)
        if rows is not source:
            self._learn_items(self._items_of(source))
        return rows

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Return the loss of some users: all there is to learn are the items."""
        return loss_of_some(self, matrix)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return how unlike users the items are that they met: 1 less the mean cosine."""
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, known = self.read(batch)
        sums = self.item_terms.product(values, known)
        cosine = tf.math.divide_no_nan(tf.norm(sums, axis=1), tf.reduce_sum(values, axis=1))
        return 1 - tf.reduce_mean(cosine)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return what users are made of, and whether they are new, `[batch, num_terms + 1]`."""
        values, known = self.read(features)
        terms = tf.math.l2_normalize(self.item_terms.product(values, known), axis=1)
        is_new = tf.logical_not(tf.reduce_any(known, axis=1, keepdims=True))
        return tf.concat([terms, tf.cast(is_new, tf.float32)], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the places of items' terms and then their weights, float32 `[items, 2 places]`.

        The last place is that of the popularity, which counts for new users.
        """
        popularity = tf.gather(self.popularity, get_column(features, self.schema.item_id.name))
        terms, counts = self._terms(features)
        weights = counts * tf.gather(self.idf, terms)
        # A term that is there more than once has one weight, the sum.
        rows = tf.repeat(tf.range(tf.shape(terms, tf.int64)[0]), tf.shape(terms)[1])
        keys, groups = tf.unique(rows * self.num_terms + tf.reshape(terms, [-1]))
        sums = tf.math.unsorted_segment_sum(tf.reshape(weights, [-1]), groups, tf.size(keys))
        squares = tf.math.unsorted_segment_sum(sums**2, keys // self.num_terms, tf.shape(terms)[0])
        weights = tf.math.divide_no_nan(weights, tf.sqrt(squares)[:, tf.newaxis])
        last = tf.fill([tf.shape(terms)[0], 1], float(self.num_terms))
        places = [tf.cast(terms, tf.float32), last]
        return tf.concat([*places, weights, popularity[:, tf.newaxis]], axis=1)

    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, float32 `[batch, items]`."""
        terms, weights = _parted(candidates)
        there = tf.where(weights != 0)
        index = tf.stack([there[:, 0], tf.gather_nd(terms, there)], axis=1)
        shape = [tf.shape(terms, tf.int64)[0], self.num_terms + 1]
        items = tf.SparseTensor(index, tf.gather_nd(weights, there), shape)
        return tf.transpose(tf.sparse.sparse_dense_matmul(items, query, adjoint_b=True))

    def score_pairs(self, query: tf.Tensor, rows: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of each candidate with a row of the query, float32 `[pairs, 1]`."""
        terms, weights = _parted(candidates)
        owners = tf.broadcast_to(tf.cast(rows, tf.int64)[:, tf.newaxis], tf.shape(terms))
        own = tf.gather_nd(query, tf.stack([owners, terms], axis=2))
        return tf.reduce_sum(own * weights, axis=1, keepdims=True)

    def _terms(self, features: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the terms of items and what each counts, 0 where there is none, `[items, _]`."""
        terms, counts = [], []
        for column, offset in zip(self.described_by, self.offsets, strict=True):
            ids = tf.convert_to_tensor(get_column(features, column.name))
            ids = ids if column.is_list else ids[:, tf.newaxis]
            there = ids >= FIRST_ID
            if column.is_list:
                there &= tf.convert_to_tensor(features[self.schema.mask_name(column)])
            weights = tf.cast(there, tf.float32)
            if name := self.schema.weights_name(column):
                weights *= tf.cast(features[name], tf.float32)
            terms.append(tf.where(there, ids + offset, 0))
            counts.append(weights)
        return tf.concat(terms, axis=1), tf.concat(counts, axis=1)

    def _items_of(self, source: RowSource) -> Mapping[str, Any]:
        """Return the encoded columns of each item of a source once."""
        tables = getattr(source, "tables", None)
        if tables is not None:
            return tables.items.features
        name = self.schema.item_id.name
        lists = [column for column in self.described_by if column.is_list]
        names = [name, *(column.name for column in self.described_by)]
        names += [self.schema.mask_name(column) for column in lists]
        names += [str(self.schema.weights_name(column)) for column in lists if column.weighted]
        columns = source.columns(names)
        _, first = np.unique(columns[name], return_index=True)
        return {name: values[first] for name, values in columns.items()}

    def _learn_items(self, features: Mapping[str, Any]) -> None:
        """Set idf, and the vectors of items by id."""
        terms, counts = (part.numpy() for part in self._terms(features))
        rows = np.repeat(np.arange(len(terms)), terms.shape[1])
        bags = sparse.csr_matrix(
            (counts.ravel(), (rows, terms.ravel())), (len(terms), self.num_terms)
        )
        bags.eliminate_zeros()
        described = np.count_nonzero(np.diff(bags.indptr))
        having = np.bincount(bags.indices, minlength=self.num_terms)
        idf = (np.log((1 + described) / (1 + having)) + 1).astype(np.float32)
        self.idf.assign(idf)
        ids = np.asarray(features[self.schema.item_id.name])
        known = np.flatnonzero(ids >= FIRST_ID)
        by_id = sparse.csr_matrix(
            (np.ones(len(known), np.float32), (ids[known], known)), (self.num_items, len(ids))
        )
        self.item_terms.assign(_unit(by_id @ _unit(bags @ sparse.diags(idf))))


def _unit(rows: sparse.spmatrix) -> sparse.csr_matrix:
    """Return rows of length 1, and those that are empty as they are."""
    rows = sparse.csr_matrix(rows, dtype=np.float32)
    rows.data /= np.repeat(np.sqrt(squared_norms(rows)), np.diff(rows.indptr))
    return rows


def _parted(candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return places, int64, and weights of candidates, both `[items, places]`."""
    places, weights = tf.split(candidates, 2, axis=1)
    return tf.cast(places, tf.int64), weights
