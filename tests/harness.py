"""One call that holds a layer to its contract, and the checks that hold every model to its own."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.models.base import Recommender
from recommenders_tf.schema import FIRST_ID, Kind

PRECISIONS = ("mixed_float16", "mixed_bfloat16")


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Make `policy` the Keras dtype policy for a while."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


# === Layers ===


def run_layer_test(
    make: Callable[[], tf.keras.layers.Layer],
    inputs: tuple[Any, ...],
    expected_shape: tuple[int, ...],
    expected_weights: int,
) -> None:
    """Hold a layer to: build, weight count, shape, eager = graph, serialization, a gradient step,
    batch-mate invariance and mixed precision.

    Args:
        make: Returns a new layer.
        inputs: Positional arguments of its call; the first axis of each tensor is the batch.
        expected_shape: Of the output, or of each output.
        expected_weights: Number of weight tensors after the first call.
    """
    layer = make()
    eager = layer(*inputs)
    assert all(tuple(part.shape) == expected_shape for part in tf.nest.flatten(eager))
    assert len(layer.weights) == expected_weights
    assert len({id(w) for w in layer.weights}) == len(layer.weights)

    graph = tf.function(lambda *args: layer(*args))(*inputs)
    assert_close(eager, graph)

    config = layer.get_config()
    json.dumps(config)
    again = type(layer).from_config(config)
    assert again.get_config() == config
    again(*inputs)
    again.set_weights(layer.get_weights())
    assert_close(eager, again(*inputs))
    revived = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert type(revived) is type(layer)

    first = layer(*tf.nest.map_structure(lambda t: t[:1], inputs))
    assert_close(tf.nest.map_structure(lambda t: t[:1], eager), first, tolerance=1e-5)

    if layer.trainable_weights:
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum(part) for part in tf.nest.flatten(layer(*inputs))])
        for weight, gradient in zip(
            layer.trainable_weights, tape.gradient(loss, layer.trainable_weights), strict=True
        ):
            assert gradient is not None, f"no gradient reaches {weight.name}"

    for policy in PRECISIONS:
        with precision(policy):
            half = make()
            dtype = half.compute_dtype
            cast = tf.nest.map_structure(
                lambda t, dtype=dtype: tf.cast(t, dtype) if t.dtype.is_floating else t, inputs
            )
            for part in tf.nest.flatten(half(*cast)):
                assert part.dtype == dtype
                assert np.isfinite(tf.cast(part, tf.float32).numpy()).all()


def assert_close(expected: Any, actual: Any, tolerance: float = 1e-6) -> None:
    """Assert that two structures of tensors are equal within `tolerance`."""
    for a, b in zip(tf.nest.flatten(expected), tf.nest.flatten(actual), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


# === Models ===


class Contract:
    """The checks of DESIGN's model contract on one registered model, trained once.

    A model that cannot keep a point names the check and the reason in `contract_exceptions`.

    Args:
        name: Registry name.
        log: A log to train on, with a planted signal.
    """

    def __init__(self, name: str, log: rtf.data.EventLog) -> None:
        self.cls = rtf.registry.get(name)
        self.train, self.test = log.split("leave_last_out")
        self.encoded: EncodedLog = rtf.data.encode(self.train)
        self.schema = self.encoded.schema
        self.model = self.trained(epochs=12)
        self.batch = next(iter(self.encoded.batches(64, shuffle=False)))
        self.inputs = self.batch[0] if isinstance(self.batch, tuple) else self.batch
        self.users = self.train.users[self.schema.user_id.name].tolist()

    def new(self) -> Recommender:
        tf.keras.utils.set_random_seed(7)
        return self.cls(self.schema)

    def trained(self, epochs: int = 1) -> Recommender:
        model = self.new()
        model.compile()
        # As many steps an epoch, be it on events or on users.
        rows = model.training_rows(self.encoded)
        batch_size = max(1, 256 * len(rows) // len(self.encoded))
        model.fit(self.encoded, epochs=epochs, batch_size=batch_size, verbose=0)
        return model

    @property
    def retrieves(self) -> bool:
        return self.cls.kind == "retrieval"

    def answers(self, model: Recommender) -> list[Any]:
        """Return what a model answers to a few raw requests."""
        pairs = self.test.events.head(20)
        answer: list[Any] = [model.score(pairs)]
        if self.retrieves:
            frame = model.recommend([*self.users[:5], "nobody"], k=7)
            answer += [frame[self.schema.item_id.name].tolist(), frame["score"].to_numpy()]
        return answer

    def assert_same_answers(self, a: Recommender, b: Recommender) -> None:
        for x, y in zip(self.answers(a), self.answers(b), strict=True):
            if isinstance(x, list):
                assert x == y
            else:
                np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)

    # --- the points ---

    def check_is_described(self) -> None:
        info = self.cls.info
        assert info.paper
        assert info.summary.endswith(".")
        assert info.kind in ("retrieval", "ranking")
        assert "Example:" in (self.cls.__doc__ or "")

    def check_config_round_trip(self) -> None:
        config = self.model.get_config()
        json.dumps(config)
        assert self.cls.from_config(config).get_config() == config

    def check_logits_are_float32_columns(self) -> None:
        logits = self.model(self.inputs)
        assert logits.dtype == tf.float32
        assert logits.shape.as_list() == [64, 1]

    def check_eager_equals_graph(self) -> None:
        assert_close(self.model(self.inputs), tf.function(self.model)(self.inputs), 1e-5)

    def check_keras_fit_evaluate_predict(self) -> None:
        model = self.new()
        model.compile(optimizer="sgd")
        dataset = model.training_rows(self.encoded).batches(128)
        history = model.fit(dataset, validation_data=dataset, epochs=2, verbose=0)
        assert {"loss", "val_loss"} <= set(history.history)
        assert np.isfinite(history.history["loss"]).all()
        values = model.evaluate(dataset, return_dict=True, verbose=0)
        assert np.isfinite(values["loss"])
        assert model.predict(self.inputs, verbose=0).shape == (64, 1)

    def check_gradients_reach_every_weight(self) -> None:
        model = self.new()
        model(self.inputs)
        batch = next(iter(model.training_rows(self.encoded).batches(64, shuffle=False)))
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=True)
        gradients = tape.gradient(loss, model.trainable_weights)
        assert model.trainable_weights, "the model has nothing to train"
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
            assert gradient is not None, f"no gradient reaches {weight.name}"

    def check_learns(self) -> None:
        if self.retrieves:
            popular = rtf.models.Popularity(self.schema)
            popular.compile()
            popular.fit(self.encoded, verbose=0)
            mine, control = (m.evaluate(self.test)["NDCG@10"] for m in (self.model, popular))
            assert mine > 1.2 * control, (mine, control)
        else:
            assert self.model.evaluate(self.test, verbose=0)["auc"] > 0.6

    def check_batch_mates_do_not_matter(self) -> None:
        whole = self.model(self.inputs).numpy()
        half = {name: value[:5] for name, value in self.inputs.items()}
        np.testing.assert_allclose(self.model(half).numpy(), whole[:5], rtol=1e-5, atol=1e-5)

    def check_padding_does_not_matter(self) -> None:
        changed = dict(self.inputs)
        for column in self.schema.features:
            if self.schema.list_source(column) is not None:
                mask = self.inputs[self.schema.mask_name(column)]
                other = tf.fill(tf.shape(mask), tf.constant(FIRST_ID, tf.int64))
                changed[column.name] = tf.where(mask, self.inputs[column.name], other)
        assert_close(self.model(self.inputs), self.model(changed), 1e-6)

    def check_keras_file_round_trip(self, folder: pathlib.Path) -> None:
        path = folder / "model.keras"
        self.model.save(path)
        loaded = rtf.load_model(path)
        assert type(loaded) is self.cls
        assert_close(self.model(self.inputs), loaded(self.inputs), 1e-6)
        self.assert_same_answers(self.model, loaded)
        loaded.fit(self.encoded, epochs=1, verbose=0)

    def check_saved_model_parity(self, folder: pathlib.Path) -> None:
        path = self.model.export(folder / "1")
        assert_only_stock_ops(path)
        served = tf.saved_model.load(str(path))
        schema = self.schema
        pairs = self.test.events.head(20)
        ids = {
            "user_id": tf.constant(pairs[schema.user_id.name].to_numpy(object)),
            "item_id": tf.constant(pairs[schema.item_id.name].to_numpy(object)),
        }
        context = {c.name: context_tensor(pairs, c) for c in schema.stored if c.role == "context"}
        if (time := schema.event_time) is not None and self.model.reads_ages:
            context[time.name] = tf.constant(pairs[time.name].to_numpy())
        score = ask(served.signatures["score"], **ids, **context)
        np.testing.assert_allclose(score["score"], self.model.score(pairs), rtol=1e-5, atol=1e-5)
        if self.retrieves:
            frame = self.model.recommend(self.users[:5], k=7)
            answer = ask(
                served.signatures["recommend"],
                user_id=tf.constant(self.users[:5]),
                k=tf.constant(7),
                exclude_seen=tf.constant(True),
            )
            items = [value.decode() for value in answer["item_id"].numpy().ravel()]
            assert items == frame[schema.item_id.name].tolist()
            np.testing.assert_allclose(
                answer["score"].numpy().ravel(), frame["score"], rtol=1e-5, atol=1e-5
            )

    def check_mixed_precision(self) -> None:
        for policy in PRECISIONS:
            with precision(policy):
                model = self.new()
                model.compile()
                history = model.fit(self.encoded, epochs=1, verbose=0).history
                assert np.isfinite(history["loss"]).all(), policy
                assert model(self.inputs).dtype == tf.float32

    def check_xla(self) -> None:
        compiled = tf.function(lambda x: self.model(x), jit_compile=True)
        try:
            answer = compiled(self.inputs)
        except tf.errors.OpError as error:
            raise AssertionError("XLA lacks an op of the model") from error
        assert_close(self.model(self.inputs), answer, 1e-4)

    def check_strategy(self) -> None:
        devices = tf.config.list_logical_devices("CPU")
        # Collectives between logical processors race; one device that sums does not.
        strategy = tf.distribute.MirroredStrategy(
            [device.name for device in devices],
            cross_device_ops=tf.distribute.ReductionToOneDevice(),
        )
        with strategy.scope():
            model = self.new()
            model.compile()
        rows = model.training_rows(self.encoded)
        history = model.fit(rows.batches(128), epochs=1, verbose=0).history
        assert np.isfinite(history["loss"]).all()

    def check_missing_column_is_named(self) -> None:
        name = self.schema.item_id.name
        batch = {key: value for key, value in self.inputs.items() if key != name}
        try:
            self.model(batch)
        except rtf.schema.SchemaError as error:
            assert f"`{name}`" in str(error)
        else:
            raise AssertionError("a batch without the item id was accepted")

    def check_unknown_ids_have_an_answer(self) -> None:
        pairs = self.test.events.head(2).copy()
        pairs[self.schema.user_id.name] = ["nobody", pairs[self.schema.user_id.name].iloc[1]]
        pairs[self.schema.item_id.name] = [pairs[self.schema.item_id.name].iloc[0], "nothing"]
        assert np.isfinite(self.model.score(pairs)).all()

    def check_recommend(self) -> None:
        if not self.retrieves:
            return
        user, item = self.schema.user_id.name, self.schema.item_id.name
        catalogue = self.train.items[item].tolist()
        asked = self.users[0]
        seen = set(self.train.events.loc[self.train.events[user] == asked, item])
        answer = self.model.recommend([asked], k=len(catalogue) + 5)
        assert set(answer[item]) == set(catalogue) - seen
        assert answer["score"].is_monotonic_decreasing
        assert answer["rank"].tolist() == list(range(1, len(answer) + 1))
        everything = self.model.recommend([asked], k=len(catalogue), exclude_seen=False)
        assert set(everything[item]) == set(catalogue)
        chosen = catalogue[:9]
        few = self.model.recommend([asked], k=20, exclude_seen=False, candidates=chosen)
        assert sorted(few[item]) == sorted(chosen)

    @classmethod
    def points(cls) -> list[str]:
        """Return the names of all checks."""
        return [name for name in vars(cls) if name.startswith("check_")]


def ask(signature: Any, **given: tf.Tensor) -> dict[str, tf.Tensor]:
    """Ask a signature of a loaded model, with nothing for the lists that a request may leave out.

    The function of a loaded signature asks for every input; a server fills in the defaults.
    """
    specs = signature.structured_input_signature[1]
    absent = {name: tf.zeros([0] * len(spec.shape), spec.dtype) for name, spec in specs.items()}
    return signature(**absent | given)


def context_tensor(frame: Any, column: Any) -> tf.Tensor:
    """Return a raw context column as a tensor."""
    values = frame[column.name]
    if column.kind is Kind.NUMERIC:
        return tf.constant(values.to_numpy(np.float32))
    return tf.constant(values.astype(str).to_numpy(object))


def assert_only_stock_ops(path: pathlib.Path) -> None:
    """Assert that a SavedModel holds no op that the stock TF Serving image lacks."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    ops = {node.op for node in nodes} - {f.signature.name for f in graph.library.function}
    assert not ops & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
    for op in ops:
        name = op.split(">")[0]
        assert name == op, f"custom op {op}"
        assert hasattr(tf.raw_ops, op) or op.startswith("_"), f"op {op} is not TensorFlow's own"
