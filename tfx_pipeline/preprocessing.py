"""The Transform step: vocabularies and statistics from the data, encoding as the library does it.

What is learned, and from which examples, agrees with `Preprocessor.fit`: ids from the training
events, features of users and items from their own tables, each entity once. Two things differ.
The buckets of a numeric column are TensorFlow Transform's approximate quantiles. And where the
schema gives a list column no `max_length`, it is `DEFAULT_MAX_LENGTH`, since the length of a tensor
must be known before the data is seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from recommenders_tf import features
from recommenders_tf.preprocessor import DEFAULT_MAX_LENGTH
from recommenders_tf.raw_strings import split_weights, tokenize
from recommenders_tf.schema import (
    FIRST_ID,
    PADDING_ID,
    UNKNOWN_ID,
    Column,
    FeatureSchema,
    Kind,
    Role,
)

Raw = Mapping[str, tf.Tensor | tf.RaggedTensor]


def preprocessing_fn(inputs: Raw, custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Encode raw features, learning what that takes from the splits that Transform analyzes.

    Args:
        inputs: Raw batch as in `features.raw_spec`; rows of the splits `items` and `users` have
            the columns of that table alone.
        custom_config: The schema, as `FeatureSchema.to_dict` says it, under `schema`; its list
            columns have a `max_length`.

    Returns:
        The encoded batch as in `features.encoded_spec`, masks as int64, and the labels.
    """
    schema = FeatureSchema.from_dict(custom_config["schema"])
    rows = _rows_of(schema, inputs)
    vocabularies = {
        column.name: _vocabulary(column, inputs[column.name], rows)
        for column in schema.features
        if column.owns_vocabulary
    }
    # Crosses ask for the sizes of vocabularies; until the data is seen these are tensors.
    sized = _with_sizes(schema, tft.experimental.get_vocabulary_size_by_name)
    statistics = {
        column.name: _statistics(column, inputs[column.name], rows)
        for column in schema.select(kind=Kind.NUMERIC)
    }

    def lookup(column: Column, values: tf.Tensor) -> tf.Tensor:
        missing, offset = tf.constant(PADDING_ID, tf.int64), FIRST_ID
        found = tft.apply_vocabulary(
            values, vocabularies[column.name], default_value=UNKNOWN_ID - offset
        )
        return tf.where(tf.equal(values, ""), missing, found + offset)

    encoded = features.encode(sized, inputs, lookup, statistics)
    return {
        name: tf.cast(value, tf.int64) if value.dtype == tf.bool else value
        for name, value in encoded.items()
    }


def with_lengths(schema: FeatureSchema) -> FeatureSchema:
    """Return the schema with a length for every list column."""
    return schema.replace(
        dataclasses.replace(column, max_length=DEFAULT_MAX_LENGTH)
        for column in schema.features
        if column.is_list and column.max_length is None
    )


def fitted_schema(schema: FeatureSchema, output: tft.TFTransformOutput) -> FeatureSchema:
    """Return the schema with what Transform learned: what models are built from.

    Args:
        schema: The schema that `preprocessing_fn` was given.
        output: Output of Transform.
    """
    return _with_sizes(schema, output.vocabulary_size_by_name)


def _with_sizes(schema: FeatureSchema, size_of: Callable[[str], Any]) -> FeatureSchema:
    """Return the schema with the number of ids of each column that has any.

    Args:
        schema: The schema.
        size_of: Gives the number of entries of a vocabulary by name.
    """
    columns = []
    for column in schema.features:
        if column.is_bucketized:
            buckets = len(column.boundaries) + 1 if column.boundaries else column.num_buckets
            column = dataclasses.replace(column, vocabulary_size=buckets + FIRST_ID)
        elif column.owns_vocabulary:
            column = dataclasses.replace(column, vocabulary_size=size_of(column.name) + FIRST_ID)
        columns.append(column)
    return schema.replace(columns)


def _rows_of(schema: FeatureSchema, inputs: Raw) -> dict[Role, tf.Tensor]:
    """Return for each role which rows its features are learned from, bool `[batch]`.

    The tables of users and items lack each other's id, so that a row shows where it comes from.
    """
    no_user = tf.equal(inputs[schema.user_id.name], "")
    no_item = tf.equal(inputs[schema.item_id.name], "")
    is_event = tf.logical_not(tf.logical_or(no_user, no_item))
    return {Role.USER: no_item, Role.ITEM: no_user, Role.CONTEXT: is_event}


def _vocabulary(column: Column, values: Any, rows: Mapping[Role, tf.Tensor]) -> Any:
    """Return the vocabulary of a column, known once the data is seen."""
    # An id is known by its events alone, so that entities without any are all unknown alike.
    learned = rows[Role.CONTEXT if column.kind is Kind.ID else column.role]
    if column.kind is Kind.TEXT:
        values = tokenize(values)
    if column.weighted:
        values, _ = split_weights(values)
    if isinstance(values, tf.RaggedTensor):
        values = tf.ragged.boolean_mask(values, learned).flat_values
    else:
        values = tf.boolean_mask(values, learned)
    return tft.vocabulary(
        values,
        top_k=column.max_vocabulary,
        frequency_threshold=column.min_count if column.min_count > 1 else None,
        vocab_filename=column.name,
        name=f"vocabulary_{column.name}",
    )


def _statistics(column: Column, values: tf.Tensor, rows: Mapping[Role, tf.Tensor]) -> Any:
    """Return the bucket boundaries, or the mean and standard deviation, of a numeric column."""
    known = tf.logical_and(rows[column.role], tf.logical_not(tf.math.is_nan(values)))
    values = tf.boolean_mask(values, known)
    if column.boundaries is not None:
        return tf.constant(column.boundaries, tf.float32)
    if column.num_buckets:
        return tf.reshape(tft.quantiles(values, column.num_buckets, epsilon=0.001), [-1])
    if column.scaling == "log":
        values = features.log_scale(values)
    return tft.mean(values), tf.sqrt(tft.var(values))
