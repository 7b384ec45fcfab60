"""What `fit` is given: of every batch the part of each replica, from any step on."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.training.config import TrainingConfig


def feed(
    strategy: tf.distribute.Strategy, data: RowSource, config: TrainingConfig, start: int
) -> Any:
    """Return endless batches as `fit` takes them under a strategy.

    Replicas that train in step share every batch, so that as many machines as one likes take the
    same steps. Workers of parameter servers do not wait for each other: each has batches of its
    own, in an order that is its own and not the seed's.

    Args:
        strategy: Of the model.
        data: Where the batches come from.
        config: Batch size and seed.
        start: Step to begin with.
    """
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        return tf.keras.utils.experimental.DatasetCreator(lambda _: _unordered(data, config))

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first, parts = context.input_pipeline_id * local, context.num_replicas_in_sync
        streams = [
            data.stream(config.batch_size, config.seed, start, (first + replica, parts))
            for replica in range(local)
        ]
        if local == 1:
            return streams[0]
        # The replicas of a machine are served in turn.
        turns = tf.data.Dataset.range(local).repeat()
        return tf.data.Dataset.choose_from_datasets(streams, turns)

    return strategy.distribute_datasets_from_function(of_worker)


def _unordered(data: RowSource, config: TrainingConfig) -> tf.data.Dataset:
    """Return a stream that begins at a step of chance, another one on every worker."""
    # Without seeds the op draws anew wherever it runs, whatever the global seed.
    start = tf.raw_ops.RandomUniformInt(
        shape=tf.zeros([0], tf.int32),
        minval=tf.constant(0, tf.int64),
        maxval=tf.constant(1 << 30, tf.int64),
    )
    return data.stream(config.batch_size, config.seed, start)
