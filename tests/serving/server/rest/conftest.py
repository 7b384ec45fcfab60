"""A model for every part of the REST API, servers of it, and the settings of property tests."""

from __future__ import annotations

import json
import pathlib
import socket
from collections.abc import Callable

import pytest
import requests
import tensorflow as tf
from hypothesis import settings

from tests.serving.conftest import Server, free_port

# The same examples in every run, on a machine of any speed.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("suite")


class Examples(tf.Module):
    """Signatures for predict, classify and regress; the score is twice the feature `x`."""

    def _score(self, serialized: tf.Tensor) -> tf.Tensor:
        features = {"x": tf.io.FixedLenFeature([], tf.float32)}
        return tf.io.parse_example(serialized, features)["x"] * 2

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half_plus_two(self, x):
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        scores = self._score(inputs)
        labels = tf.tile([["yes", "no"]], [tf.size(scores), 1])
        return {"classes": labels, "scores": tf.stack([scores, 1 - scores], 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        return {"outputs": self._score(inputs)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="image"),
            tf.TensorSpec([None, None], tf.int64, name="ids"),
        ]
    )
    def several(self, image, ids):
        return {"image_bytes": image, "image": image, "next": ids + 1}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="path")])
    def hold(self, path):
        absent = lambda i: tf.equal(tf.size(tf.io.matching_files(path[0])), 0)  # noqa: E731
        turns = tf.while_loop(absent, lambda i: [i + 1], [tf.constant(0)])
        return {"turns": tf.fill(tf.shape(path), turns[0] * 0)}

    def save(self, path: pathlib.Path) -> None:
        names = ["classify", "regress", "several", "hold"]
        signatures = {name: getattr(self, name) for name in names}
        signatures["serving_default"] = self.half_plus_two
        tf.saved_model.save(self, path, signatures)


class Rest:
    """A server with a REST port, and what a test asks it most."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self.url = f"http://localhost:{port}"
        self.session = requests.Session()

    def get(self, path: str, **options: object) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **options)

    def post(self, path: str, body: object, **options: object) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.session.post(self.url + path, data=data, timeout=60, **options)

    def metric(self, name: str, **labels: str) -> float:
        page = self.get("/metrics").text
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        prefix = f":tensorflow:serving:{name}{{{text}}} "
        values = [line.removeprefix(prefix) for line in page.splitlines() if prefix in line]
        return float(values[0]) if values else 0


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("rest") / "toy"
    path.mkdir()
    Examples().save(path.with_name("unfinished"))
    path.with_name("unfinished").rename(path / "123")
    return path


@pytest.fixture(scope="session")
def start_rest(
    model_path: pathlib.Path,
    start_server: Callable[..., Server],
    eventually: Callable[..., None],
) -> Callable[..., Rest]:
    def start(*flags: str) -> Rest:
        port = free_port()
        server = start_server(model_path, f"--rest_api_port={port}", *flags)

        def listens() -> bool:
            assert server.process.poll() is None, server.log()
            with socket.socket() as probe:
                return probe.connect_ex(("localhost", port)) == 0

        eventually(listens)
        return Rest(server, port)

    return start
