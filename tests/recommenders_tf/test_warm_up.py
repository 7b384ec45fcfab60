"""Requests that warm a server up, read by the package whose format they have."""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from recommenders_tf import warm_up
from recommenders_tf.signature_inputs import Input, with_signature

TEXTS = tf.TensorSpec([None], tf.string)


def test_a_request_for_each_signature_that_can_be_asked(tmp_path: pathlib.Path) -> None:
    many = with_signature(
        lambda **inputs: inputs,
        {
            "user_id": Input(TEXTS),
            "k": Input(tf.TensorSpec([], tf.int32), tf.constant(10)),
            "history": Input(tf.TensorSpec([None, None], tf.string), tf.zeros([0, 0], tf.string)),
            "device": Input(TEXTS, tf.zeros([0], tf.string)),
            "weights": Input(tf.TensorSpec([None], tf.float32), tf.range(300, dtype=tf.float32)),
        },
    )
    examples = with_signature(lambda **inputs: inputs, {"examples": Input(TEXTS)})
    signatures = {"recommend": many, "serving_default": examples}
    warm_up.write_requests(tmp_path, signatures, {"user_id": np.array([b"u" * 200], object)})

    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    (record,) = tf.compat.v1.io.tf_record_iterator(str(path))
    request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
    assert request.model_spec.signature_name == "recommend"
    inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
    assert inputs.keys() == {"user_id", "k", "history", "device", "weights"}
    assert inputs["user_id"].tolist() == [b"u" * 200]
    assert (inputs["k"].shape, inputs["k"].dtype, int(inputs["k"])) == ((), np.int32, 10)
    np.testing.assert_array_equal(inputs["weights"], np.arange(300, dtype=np.float32))
    # A row for each example, of which batches are made.
    assert inputs["history"].shape == (1, 0) and inputs["history"].dtype == object
    assert inputs["device"].tolist() == [b""]
