"""The models as anyone writes them in Keras: a table a field, functional layers, Keras' Adam."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

import tensorflow as tf

from benchmarks.speed.case import (
    ATTENTION_UNITS,
    BOTTOM_UNITS,
    CROSS_LAYERS,
    DIM,
    LEARNING_RATE,
    Case,
)
from benchmarks.speed.session import Contender, Session

K = tf.keras.layers


def start(case: Case, steps: int) -> Session:
    return Session(build, case, steps)


def build(case: Case) -> Contender:
    inputs = {name: tf.keras.Input([], name=name, dtype=tf.int32) for name in case.fields}
    inputs |= {name: tf.keras.Input([1], name=name) for name in case.numeric_names}
    inputs |= {
        name: tf.keras.Input([case.history], name=name, dtype=tf.int32) for name in case.histories
    }
    tables = {name: K.Embedding(case.vocabulary_of(name), DIM) for name in case.fields}
    vectors = [tables[name](inputs[name]) for name in case.fields]
    network: dict[str, Callable[..., tf.Tensor]] = {
        "deepfm": _deepfm,
        "dcn_v2": _dcn_v2,
        "dlrm": _dlrm,
        "din": _din,
    }
    logits = network[case.model](case, inputs, tables, vectors)
    model = tf.keras.Model(inputs, K.Activation("sigmoid")(logits))
    model.compile(tf.keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")
    return Contender(
        model,
        feed=lambda features, labels: {
            "x": dict(features),
            "y": labels,
            "batch_size": case.batch_size,
        },
        predict=lambda features: model.predict(features, case.batch_size, verbose=0)[:, 0],
        version=f"Keras {importlib.metadata.version('tf-keras')}",
    )


def _mlp(vectors: tf.Tensor, units: tuple[int, ...]) -> tf.Tensor:
    for width in units:
        vectors = K.Dense(width, "relu")(vectors)
    return vectors


def _deepfm(case: Case, inputs: dict, tables: dict, vectors: list) -> tf.Tensor:
    first = K.Add()([K.Embedding(case.vocabulary, 1)(inputs[name]) for name in case.fields])
    stacked = tf.stack(vectors, axis=1)
    total = tf.reduce_sum(stacked, axis=1) ** 2 - tf.reduce_sum(stacked**2, axis=1)
    second = 0.5 * tf.reduce_sum(total, axis=1, keepdims=True)
    return first + second + K.Dense(1)(_mlp(K.Concatenate()(vectors), case.hidden_units))


def _dcn_v2(case: Case, inputs: dict, tables: dict, vectors: list) -> tf.Tensor:
    first = crossed = K.Concatenate()(vectors)
    for _ in range(CROSS_LAYERS):
        crossed = first * K.Dense(first.shape[-1])(crossed) + crossed
    return K.Dense(1)(K.Concatenate()([crossed, _mlp(first, case.hidden_units)]))


def _dlrm(case: Case, inputs: dict, tables: dict, vectors: list) -> tf.Tensor:
    bottom = K.Concatenate()([inputs[name] for name in case.numeric_names])
    bottom = _mlp(bottom, BOTTOM_UNITS)
    stacked = tf.stack([bottom, *vectors], axis=1)
    dots = tf.matmul(stacked, stacked, transpose_b=True)
    count = len(vectors) + 1
    lower = [i * count + j for i in range(count) for j in range(i)]
    pairs = tf.gather(tf.reshape(dots, [-1, count * count]), lower, axis=1)
    return K.Dense(1)(_mlp(K.Concatenate()([bottom, pairs]), case.hidden_units))


def _din(case: Case, inputs: dict, tables: dict, vectors: list) -> tf.Tensor:
    interests = []
    for name, field in case.histories.items():
        past = tables[field](inputs[name])
        item = tf.repeat(vectors[case.fields.index(field)][:, tf.newaxis], case.history, axis=1)
        pairs = K.Concatenate()([item, past, item - past, item * past])
        weights = _dice_mlp(pairs, ATTENTION_UNITS)
        weights *= tf.cast(inputs[name] != 0, tf.float32)[..., tf.newaxis]
        interests.append(tf.reduce_sum(weights * past, axis=1))
    joined = K.Concatenate()([*vectors, *interests])
    return _dice_mlp(joined, case.hidden_units)


def _dice_mlp(vectors: tf.Tensor, units: tuple[int, ...]) -> tf.Tensor:
    for width in units:
        vectors = Dice()(K.Dense(width)(vectors))
    return K.Dense(1)(vectors)


class Dice(K.Layer):
    """x (p + α (1 - p)), p the sigmoid of x normalized over the batch."""

    def build(self, shape: tf.TensorShape) -> None:
        """Create α and the normalization."""
        self.normalize = K.BatchNormalization(center=False, scale=False)
        self.alpha = self.add_weight("alpha", shape[-1:], initializer="zeros")

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the activations."""
        gate = tf.sigmoid(self.normalize(inputs, training=training))
        return gate * inputs + (1 - gate) * self.alpha * inputs
