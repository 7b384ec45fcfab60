"""Raw columns to encoded tensors: the one definition that training and serving share.

The functions here are plain TensorFlow ops on a batch. `Preprocessor` calls them with Keras-style
lookup tables, the TFX Transform step with Transform's vocabularies, so both give the same tensors.

Encoded values:
    id, categorical, bucketized numeric, cross: int64 `[batch]`.
    multi_hot, text, sequence: int64 `[batch, max_length]`, padded with 0 at the end, and a bool
        mask of the same shape under `FeatureSchema.mask_name`; of a weighted multi_hot also
        float32 weights of that shape under `FeatureSchema.weights_name`, and of a timed sequence
        int64 ages under `Column.ages_name`: the seconds from each step to the event, or to
        the request that is answered, 0 where they are not known. Raw examples bring them too.
    numeric: float32 `[batch]`; label: float32 `[batch]`; timestamp: int64 `[batch]`.

A model that reads all that a user has met is also given `INTERACTION_ITEMS`, encoded item ids,
int64 `[batch, (events)]`, and of the same shape, as far as it asks, `INTERACTION_LABELS`, float32
with NaN where none is known, and `INTERACTION_TIMES`, int64 Unix seconds with 0 where none is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.raw_strings import hash_ids, split_weights, tokenize
from recommenders_tf.schema import FIRST_ID, PADDING_ID, Column, FeatureSchema, Kind, SchemaError

Lookup = Callable[[Column, tf.Tensor], tf.Tensor]
"""Maps the strings of a vocabulary's owner to ids: 0 for "", 1 for unknown, 2 and up."""

INTERACTION_ITEMS = "interactions/items"
INTERACTION_LABELS = "interactions/labels"
INTERACTION_TIMES = "interactions/times"

_GROWING_BUCKETS = 2**62
"""So many that two values of a growing vocabulary practically never meet."""

_MIX = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)


def raw_spec(columns: Iterable[Column]) -> dict[str, tf.TensorSpec | tf.RaggedTensorSpec]:
    """Return the type specification of a raw batch of `columns`."""
    spec: dict[str, tf.TensorSpec | tf.RaggedTensorSpec] = {}
    for column in columns:
        if column.kind in (Kind.MULTI_HOT, Kind.SEQUENCE):
            spec[column.name] = tf.RaggedTensorSpec([None, None], tf.string, ragged_rank=1)
            if ages_name := column.ages_name:
                spec[ages_name] = tf.RaggedTensorSpec([None, None], tf.int64, ragged_rank=1)
        else:
            spec[column.name] = tf.TensorSpec([None], _raw_dtype(column), column.name)
    return spec


def parsing_spec(columns: Iterable[Column]) -> dict[str, Any]:
    """Return the `tf.io.parse_example` specification of raw tf.Examples; absent means missing."""
    spec = {}
    for column in columns:
        if column.kind in (Kind.MULTI_HOT, Kind.SEQUENCE):
            spec[column.name] = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
            if ages_name := column.ages_name:
                spec[ages_name] = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)
        else:
            dtype = _raw_dtype(column)
            default = {tf.string: "", tf.float32: float("nan"), tf.int64: 0}[dtype]
            spec[column.name] = tf.io.FixedLenFeature([], dtype, default)
    return spec


def encoded_spec(schema: FeatureSchema) -> dict[str, tf.TensorSpec]:
    """Return the type specification of an encoded batch of the features of a fitted schema."""
    spec = {}
    for column in schema.features:
        if source := schema.list_source(column):
            shape = [None, source.max_length]
            mask_name = schema.mask_name(column)
            spec[column.name] = tf.TensorSpec(shape, tf.int64, column.name)
            spec[mask_name] = tf.TensorSpec(shape, tf.bool, mask_name)
            if weights_name := schema.weights_name(column):
                spec[weights_name] = tf.TensorSpec(shape, tf.float32, weights_name)
            if ages_name := column.ages_name:
                spec[ages_name] = tf.TensorSpec(shape, tf.int64, ages_name)
        else:
            dtype = tf.int64 if column.has_ids else tf.float32
            spec[column.name] = tf.TensorSpec([None], dtype, column.name)
    return spec


def get_column(batch: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
    """Return a column of an encoded batch.

    Raises:
        SchemaError: The batch lacks it.
    """
    if name not in batch:
        raise SchemaError(
            f"The batch lacks the column `{name}`; it has {', '.join(sorted(batch))}. Encode it "
            "with the schema that the model was built from."
        )
    return batch[name]


def encode(
    schema: FeatureSchema,
    raw: Mapping[str, tf.Tensor | tf.RaggedTensor],
    lookup: Lookup,
    statistics: Mapping[str, Any],
) -> dict[str, tf.Tensor]:
    """Encode the raw columns that are there, then every cross whose sources are.

    A label with a `source` is encoded with it.

    Args:
        schema: Fitted schema.
        raw: Raw batch as in `raw_spec`; columns may be left out.
        lookup: String to id; see `Lookup`.
        statistics: Of a bucketized numeric column its boundaries, float32 `[num_boundaries]`; of
            another numeric column the pair of its mean and standard deviation.

    Returns:
        The encoded batch.
    """
    encoded: dict[str, tf.Tensor] = {}
    for column in schema.columns.values():
        if column.raw_name not in raw:
            continue
        value = raw[column.raw_name]
        if column.is_list:
            tokens = tokenize(value) if column.kind is Kind.TEXT else value
            if column.weighted:
                tokens, weights = split_weights(tokens)
                dense = weights.to_tensor(shape=[None, column.max_length])
                encoded[str(schema.weights_name(column))] = dense
            ids = tokens.with_flat_values(_ids(schema, column, tokens.flat_values, lookup))
            encoded |= pad(schema, column, ids, raw.get(column.ages_name or ""))
        elif column.kind in (Kind.ID, Kind.CATEGORICAL):
            encoded[column.name] = _ids(schema, column, value, lookup)
        elif column.is_bucketized:
            encoded[column.name] = bucketize(value, statistics[column.name])
        elif column.kind is Kind.NUMERIC:
            encoded[column.name] = scale(column, value, *statistics[column.name])
        elif column.kind is Kind.LABEL:
            encoded[column.name] = binarize(column, value)
        else:
            encoded[column.name] = value
    return encoded | cross(schema, encoded)


def bucketize(values: tf.Tensor, boundaries: tf.Tensor) -> tf.Tensor:
    """Return bucket ids from `FIRST_ID` up; NaN becomes `PADDING_ID`.

    A value equal to a boundary falls into the bucket above it.
    """
    buckets = tf.searchsorted(boundaries, values, side="right", out_type=tf.int64) + FIRST_ID
    return tf.where(tf.math.is_nan(values), tf.constant(PADDING_ID, tf.int64), buckets)


def log_scale(values: tf.Tensor) -> tf.Tensor:
    """Return sign(x) log(1 + |x|)."""
    return tf.sign(values) * tf.math.log1p(tf.abs(values))


def scale(column: Column, values: tf.Tensor, mean: Any, stddev: Any) -> tf.Tensor:
    """Scale a numeric column as its schema says; NaN becomes 0."""
    if column.scaling == "log":
        values = log_scale(values)
    if column.scaling != "none":
        values = (values - mean) / tf.maximum(stddev, 1e-6)
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def binarize(column: Column, values: tf.Tensor) -> tf.Tensor:
    """Apply the `positive_from` rule of a label column."""
    if column.positive_from is None:
        return values
    return tf.cast(values >= column.positive_from, tf.float32)


def cross(schema: FeatureSchema, encoded: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Combine the ids of each cross column's sources, where all of them are in `encoded`.

    The cross-product transformation of Cheng et al. 2016 (arXiv:1606.07792, eq. 1): an own id for
    every combination, or a hash of it into `num_buckets`. A list source gives a list, one id for
    each of its values.
    """
    crossed: dict[str, tf.Tensor] = {}
    for column in schema.crosses:
        sources = [schema[name] for name in column.sources]
        if any(source.name not in encoded for source in sources):
            continue
        list_source = schema.list_source(column)
        total: tf.Tensor = tf.constant(0, tf.int64)
        for source, mix in zip(sources, _MIX * len(sources), strict=False):
            ids = encoded[source.name]
            if list_source and not source.is_list:
                ids = ids[:, tf.newaxis]
            if column.num_buckets:
                total = (total + ids) * mix % (2**31 - 1)
            else:
                total = total * schema.vocabulary_size(source) + ids
        if column.num_buckets:
            total = total % column.num_buckets
        total += 1
        if list_source:
            mask = encoded[schema.mask_name(column)]
            total = tf.where(mask, total, tf.constant(PADDING_ID, tf.int64))
        crossed[column.name] = total
    return crossed


def pad(
    schema: FeatureSchema, column: Column, ids: tf.RaggedTensor, ages: tf.RaggedTensor | None = None
) -> dict[str, tf.Tensor]:
    """Return the padded ids and mask of a list column, cut to its `max_length`.

    A sequence keeps its latest values, with their ages if it is timed and they are given; other
    lists keep their first.
    """
    assert column.max_length is not None, f"list column `{column.name}` has no max_length"
    length = column.max_length
    kept = ids[:, -length:] if column.kind is Kind.SEQUENCE else ids[:, :length]
    dense = kept.to_tensor(PADDING_ID, shape=[None, length])
    lengths = tf.cast(kept.row_lengths(), tf.int32)
    padded = {column.name: dense, schema.mask_name(column): tf.sequence_mask(lengths, length)}
    if column.ages_name and ages is not None:
        padded[column.ages_name] = ages[:, -length:].to_tensor(0, shape=[None, length])
    return padded


def _ids(schema: FeatureSchema, column: Column, values: tf.Tensor, lookup: Lookup) -> tf.Tensor:
    """Return the ids of strings, by the hash or the vocabulary of the column's owner."""
    owner = schema.table_of(column)
    if owner.is_hashed:
        return hash_ids(values, owner.hash_buckets or _GROWING_BUCKETS)
    return lookup(owner, values)


def _raw_dtype(column: Column) -> tf.DType:
    """Return the dtype of a column's raw value."""
    if column.kind in (Kind.NUMERIC, Kind.LABEL):
        return tf.float32
    return tf.int64 if column.kind is Kind.TIMESTAMP else tf.string
