"""The model contract: what every recommender is and answers."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from recommenders_tf import features
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.layers import FeatureEmbedding
from recommenders_tf.optimizers import (
    LazyAdam,
    clip_by_global_norm,
    keep_to_stock_ops,
    micro_batch_gradients,
)
from recommenders_tf.preprocessor import Preprocessor
from recommenders_tf.registry import ModelInfo
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.serving_tables import ServingTables

BLOCK_ROWS = 1024
"""Users or pairs that go through the graph at a time."""


class Recommender(tfrs.models.Model):
    """A Keras model of users and items that is built from a feature schema.

    It takes a dict of encoded tensors, as `features.encoded_spec` gives them, and returns logits.
    Its training loss comes from a TFRS task. Once it is fitted on an `EncodedLog` it also answers
    in raw ids: `score`, and `recommend` where it retrieves.

    A subclass keeps every argument of its constructor under its own name; `get_config` reads
    them there.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema is not fitted or lacks a column that the model needs.

    Attributes:
        info: What the registry knows of the class.
        kind: `retrieval` or `ranking`.
        reads_ages: Whether it reads the ages of timed sequences, so that a request has a time.
        contract_exceptions: Points of the model contract that the class cannot keep, each with
            the reason; the contract tests read it.
    """

    info: ClassVar[ModelInfo]
    kind: ClassVar[str]
    reads_ages: ClassVar[bool] = False
    contract_exceptions: ClassVar[Mapping[str, str]] = {}
    _tables: ServingTables | None
    _graph: ServingGraph | None

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema
        self._set_serving(None, None)
        self._loss_mean = tf.keras.metrics.Mean(name="loss")

    # === To be written by a model ===

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of pairs of user and item, float32 `[batch, 1]`."""
        raise NotImplementedError

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return the optimizer that `compile` takes when it is given none."""
        return LazyAdam()

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Return what a caller reads as the score of a logit; the logit itself by default."""
        return logits

    # === Keras ===

    def compile(
        self,
        optimizer: str | tf.keras.optimizers.Optimizer | None = None,
        micro_batches: int = 1,
        clip_norm: float | None = None,
        embedding_l2: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Compile with the given optimizer, or with the paper's.

        Args:
            optimizer: Keras optimizer or its name.
            micro_batches: Parts in which the gradients of a batch are computed, one after another;
                see `optimizers.micro_batch_gradients`.
            clip_norm: Most that the norm of all gradients together may be; None lets them be.
            embedding_l2: Factor λ of the penalty λ/2 Σ v² on all embedding tables, at every step.
                It writes every row, so a step then costs what the tables are large.
            **kwargs: Of `tf.keras.Model.compile`, `metrics` among them: see `update_metrics`.
        """
        self._has_metrics = bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        self._micro_batches, self._clip_norm = micro_batches, clip_norm
        self._embedding_l2 = embedding_l2
        super().compile(optimizer=optimizer or self.default_optimizer(), **kwargs)
        if self.jit_compile:
            keep_to_stock_ops(self.optimizer)
        for layer in self._flatten_layers():
            if hasattr(layer, "native"):
                layer.native = not self.jit_compile

    def fit(self, x: Any = None, *args: Any, batch_size: int | None = None, **kwargs: Any) -> Any:
        """Train as Keras does, on an `EncodedLog`, `ColumnarData` or anything that Keras takes.

        Args:
            x: Training data. After an `EncodedLog` the model answers in raw ids.
            *args: Of `tf.keras.Model.fit`.
            batch_size: Examples a step; 1024 by default with the first two.
            **kwargs: Of `tf.keras.Model.fit`.

        Returns:
            The Keras history.

        Raises:
            TypeError: `x` is an `EventLog`, which must be encoded first.
        """
        if isinstance(x, EventLog):
            raise TypeError(
                "`fit` got raw events: encode them first, "
                "`train = recommenders_tf.data.encode(log)`."
            )
        # What is indexed while an epoch is measured is stale in the next one.
        stale = tf.keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_: self._set_serving(self._tables, None)
        )
        kwargs["callbacks"] = [*tf.nest.flatten(kwargs.get("callbacks") or []), stale]
        if isinstance(x, RowSource):
            rows = self.training_rows(x)
            history = super().fit(rows.batches(batch_size or BLOCK_ROWS), *args, **kwargs)
        else:
            history = super().fit(x, *args, batch_size=batch_size, **kwargs)
        # What was indexed before is stale.
        self._set_serving(getattr(x, "tables", None) or self._tables, None)
        return history

    def training_rows(self, source: RowSource) -> RowSource:
        """Return the rows that the model trains on; by default the events of the source.

        Args:
            source: Events, or what this has returned before.
        """
        return source

    # AutoGraph would take most of the time until the first step, to rewrite what needs none of it:
    # control flow that depends on tensors is written with tf.cond and tf.while_loop.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Take one step; unlike TFRS' it scales the loss where mixed precision asks for it."""
        loss, gradients = micro_batch_gradients(self._loss_gradients, data, self._micro_batches)
        pairs = list(zip(gradients, self.trainable_variables, strict=True))
        if self._clip_norm is None:
            self.optimizer.apply_gradients(pairs)
        else:  # the norm is that of the replicas' sum
            inner: Any = getattr(self.optimizer, "inner_optimizer", self.optimizer)
            summed, variables = zip(*inner.aggregate_gradients(pairs), strict=True)
            clipped = clip_by_global_norm(summed, self._clip_norm)
            pairs = list(zip(clipped, variables, strict=True))
            self.optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
        self._grow(data)
        return self._results(loss)

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Compute the loss and the metrics of one batch."""
        return self._results(self._total_loss(data, training=False))

    def update_metrics(
        self, labels: tf.Tensor, predictions: tf.Tensor, weights: tf.Tensor | None = None
    ) -> None:
        """Update the metrics that `compile` was given; `compute_loss` calls it on every batch.

        Args:
            labels: What was observed `[batch, ...]`.
            predictions: What the model says of it, of the same shape.
            weights: Of the examples, for `weighted_metrics` `[batch]`.
        """
        if self.compiled_metrics is not None:
            self.compiled_metrics.update_state(labels, predictions, weights)

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """The metrics that an epoch starts anew, the mean loss first."""
        rest = [metric for metric in super().metrics if metric is not self._loss_mean]
        return [self._loss_mean, *rest]

    def get_build_config(self) -> dict[str, Any]:
        """Return what `build_from_config` needs, which is nothing."""
        return {"input_shape": None}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Create the weights of a model that is being loaded: the schema tells all shapes."""
        del config
        self(example_batch(self.schema))

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile a model that is being loaded as it was when it was saved."""
        self.compile(**tf.keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """Return the schema and every argument of the constructor."""
        arguments = inspect.signature(type(self).__init__).parameters
        names = [n for n in arguments if n not in ("self", "schema", "kwargs")]
        values = {name: _plain(getattr(self, name)) for name in names}
        return {"schema": self.schema.to_dict(), "name": self.name, **values}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Recommender:
        """Build the model of a `get_config`."""
        del custom_objects
        values = dict(config)
        return cls(FeatureSchema.from_dict(values.pop("schema")), **values)

    def save_assets(self, folder: str) -> None:
        """Write what answers in raw ids need beside the weights; part of `save`."""
        if self._tables is None or not isinstance(self._tables.encoder, Preprocessor):
            return
        self._tables.encoder.save(pathlib.Path(folder) / "preprocessor")
        self._tables.save(pathlib.Path(folder) / "tables")

    def load_assets(self, folder: str) -> None:
        """Read what `save_assets` wrote; part of `load_model`."""
        path = pathlib.Path(folder)
        if (path / "preprocessor").exists():
            encoder = Preprocessor.load(path / "preprocessor")
            self.bind(ServingTables.load(path / "tables", encoder))

    # === Raw ids ===

    def bind(self, tables: ServingTables) -> None:
        """Let the model answer in raw ids of these users and items.

        `fit` does this with the training log.
        """
        self._set_serving(tables, None)

    def _set_serving(self, tables: ServingTables | None, graph: ServingGraph | None) -> None:
        # Past Keras' attribute tracking: these are no part of the model's weights.
        object.__setattr__(self, "_tables", tables)
        object.__setattr__(self, "_graph", graph)

    @property
    def tables(self) -> ServingTables:
        """The users, items and histories that the model answers for.

        Raises:
            RuntimeError: The model has not been fitted on an `EncodedLog` nor bound.
        """
        if self._tables is None:
            raise RuntimeError(
                f"Model `{self.name}` knows no raw ids yet: fit it on an encoded log, "
                "`model.fit(recommenders_tf.data.encode(log))`, or call `model.bind`."
            )
        return self._tables

    def serving_graph(self) -> ServingGraph:
        """Return the graph that answers raw requests with the present weights."""
        raise NotImplementedError

    @property
    def pairs_at_once(self) -> int:
        """Pairs that `score` takes through the graph at a time."""
        return BLOCK_ROWS

    def score(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the score of raw pairs of user and item.

        Args:
            pairs: One row a pair: the schema's user and item id columns, and its context columns
                where they are known; of a model that reads ages also the event time, as of which a
                pair is scored.

        Returns:
            Scores, float32 `[pairs]`: the probability of a ranker, the logit of a retriever.

        Raises:
            KeyError: `pairs` lacks an id column.
        """
        graph = self.serving_graph()
        columns = {"user_id": self.schema.user_id.name, "item_id": self.schema.item_id.name}
        for name in columns.values():
            if name not in pairs:
                raise KeyError(f"`score` needs the column `{name}`; it got {list(pairs.columns)}.")
        columns |= {c.name: c.name for c in graph.context if c.name in pairs}
        blocks = []
        step = self.pairs_at_once
        for start in range(0, len(pairs), step):
            block = pairs.iloc[start : start + step]
            inputs = {key: self._raw_tensor(block[name]) for key, name in columns.items()}
            blocks.append(graph.score(**inputs)["score"].numpy())
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def export(self, path: str | pathlib.Path, index: Any = None) -> pathlib.Path:
        """Write a SavedModel that any TF Serving loads; see `recommenders_tf.export`.

        Args:
            path: Folder to write; a number as its last part makes it a version to serve.
            index: What finds the items in a large catalogue, instead of scoring all: `exact`,
                `ivf` or `ivf_pq`, or settings such as `recommenders_tf.index.IVFConfig`.

        Returns:
            The folder.

        Raises:
            ValueError: The model does not retrieve items by an inner product, and so takes no
                `index`.
        """
        from recommenders_tf.export import export_graph

        return export_graph(self.serving_graph().with_index(index), path)

    def _raw_tensor(self, values: pd.Series) -> tf.Tensor:
        """Return a raw column as a tensor: time, number or text."""
        time = self.schema.event_time
        if time is not None and values.name == time.name:
            return tf.constant(values.to_numpy(np.int64))
        if values.dtype.kind == "f":
            return tf.constant(values.to_numpy(np.float32))
        return tf.constant(values.astype(str).to_numpy(object), tf.string)

    def _loss_gradients(self, data: Any) -> tuple[tf.Tensor, list[Any]]:
        with tf.GradientTape() as tape:
            loss = self._total_loss(data, training=True)
        # The optimizer scales the loss of mixed precision, and the gradients back.
        pairs = self.optimizer.compute_gradients(loss, self.trainable_variables, tape=tape)
        return loss, [gradient for gradient, _ in pairs]

    def _grow(self, data: Any) -> None:
        """Let the growing vocabularies learn which ids the batch had."""
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(data)
        for layer in self._embeddings():
            if layer.vocabularies:
                if self.jit_compile:
                    raise ValueError(
                        f"XLA cannot compile how the ids of `{next(iter(layer.vocabularies))}` "
                        "grow: compile the model without `jit_compile`, or give the column "
                        "`hash_buckets` in place of `growing`."
                    )
                layer.grow(batch, self.optimizer)

    def _embeddings(self) -> Iterator[FeatureEmbedding]:
        return (layer for layer in self._flatten_layers() if isinstance(layer, FeatureEmbedding))

    def _total_loss(self, data: Any, training: bool) -> tf.Tensor:
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        loss = self.compute_loss(data, training=training)
        penalties = list(self.losses)
        if training and self._embedding_l2:
            tables = [table for layer in self._embeddings() for table in layer.trainable_weights]
            penalties += [self._embedding_l2 * tf.nn.l2_loss(table) for table in tables]
        return (loss + tf.add_n([tf.zeros([]), *penalties])) / replicas

    def _results(self, loss: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._has_metrics:
            self._check_metrics()
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._loss_mean.update_state(loss * replicas)
        return {metric.name: metric.result() for metric in self.metrics}

    def _check_metrics(self) -> None:
        """Raise if metrics of `compile` stay empty, or are hidden by one of the model's own."""
        if not self.compiled_metrics.built:
            raise ValueError(
                f"`{self.name}` hands no labels and scores to `metrics` of `compile`, which would "
                "stay empty: leave them out, and evaluate on held-out events."
            )
        names = [metric.name for metric in self.metrics]
        for metric in self.compiled_metrics.metrics:
            if names.count(metric.name) > 1:
                raise ValueError(
                    f"`{self.name}` has a metric `{metric.name}` of its own: give that of "
                    "`compile` another `name`."
                )


def example_batch(schema: FeatureSchema, batch: int = 2) -> dict[str, tf.Tensor]:
    """Return an encoded batch of padding and zeros, in the shapes that a schema gives."""
    return {
        name: tf.zeros([batch, *spec.shape[1:]], spec.dtype)
        for name, spec in features.encoded_spec(schema).items()
    }


def _plain(value: Any) -> Any:
    """Return a constructor argument as Keras can serialize it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value
