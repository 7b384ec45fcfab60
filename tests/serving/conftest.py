"""Real SavedModels and real server processes, asked over loopback."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import grpc
import pytest
import tensorflow as tf

from serving.client import ServingClient

ROOT = pathlib.Path(__file__).parents[2]
WORDS = ["zero", "one", "two"]


class Toy(tf.Module):
    """A small model with every kind of input a server meets."""

    def __init__(self, vocabulary: pathlib.Path, addend: float) -> None:
        super().__init__()
        self.addend = tf.Variable(addend)
        # A table filled from an asset file: only the SavedModel's init op fills it when served.
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                tf.saved_model.Asset(str(vocabulary)).asset_path,
                *(tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
                *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
            ),
            default_value=-1,
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
    def serving_default(self, x):
        return {"half": x / 2 + self.addend, "double": x * 2 + self.addend}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="word"),
            tf.TensorSpec([], tf.int64, name="offset"),
            tf.TensorSpec([], tf.string, name="suffix"),
        ]
    )
    def lookup(
        self,
        word,
        offset=tf.constant(100, tf.int64),  # noqa: B008
        suffix=tf.constant("!"),  # noqa: B008
    ):
        return {"id": self.table.lookup(word) + offset, "shout": word + suffix}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="a"),
            tf.TensorSpec([None, None], tf.float32, name="b"),
        ]
    )
    def product(self, a, b):
        return {"c": tf.matmul(a, b)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="count")])
    def numbers(self, count):
        return {"f": tf.cast(tf.range(count), tf.float32), "i": tf.range(count), "n": count + 1}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def hold(self, path):
        """Runs until a file appears at `path`, so that a test decides when a request ends."""
        absent = lambda i: tf.equal(tf.size(tf.io.matching_files(path)), 0)  # noqa: E731
        turns = tf.while_loop(absent, lambda i: [i + 1], [tf.constant(0)])
        return {"turns": turns[0], "addend": tf.identity(self.addend)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def mark(self, path):
        with tf.control_dependencies([tf.io.write_file(path, "ran")]):
            return {"done": tf.identity(path)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="user_id"),
            tf.TensorSpec([], tf.int32, name="k"),
            tf.TensorSpec([], tf.bool, name="exclude_seen"),
            tf.TensorSpec([None, None], tf.string, name="candidates"),
        ]
    )
    def recommend(
        self,
        user_id,
        k=tf.constant(2),  # noqa: B008
        exclude_seen=tf.constant(True),  # noqa: B008
        candidates=tf.zeros([0, 0], tf.string),  # noqa: B008
    ):
        """Items i0, i1, ... of falling score; user "u1" has seen "i0"."""
        items = tf.constant(["i0", "i1", "i2é"])
        batch = tf.shape(user_id)[0]
        asked = tf.reduce_any(items[tf.newaxis, :, tf.newaxis] == candidates[:, tf.newaxis], 2)
        allowed = tf.cond(tf.size(candidates) > 0, lambda: asked, lambda: tf.fill([batch, 3], True))
        seen = (user_id == "u1")[:, tf.newaxis] & (items == "i0")[tf.newaxis] & exclude_seen
        scores = tf.where(allowed & ~seen, [[3.0, 2.0, 1.0]], float("-inf"))
        scores = tf.pad(scores, [[0, 0], [0, k]], constant_values=float("-inf"))
        best, index = tf.math.top_k(scores, k)
        ids = tf.gather(tf.concat([items, tf.fill([k], "")], 0), index)
        return {"item_id": tf.where(best > float("-inf"), ids, ""), "score": best}

    def save(self, path: pathlib.Path) -> None:
        """Writes the model whole: under another name first, then renamed."""
        unfinished = path.with_name(f"unfinished-{path.name}")
        names = ["serving_default", "lookup", "product", "numbers", "hold", "mark", "recommend"]
        tf.saved_model.save(self, unfinished, {name: getattr(self, name) for name in names})
        unfinished.rename(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A `python -m serving.server` process that serves the versions under a folder."""

    def __init__(self, base_path: pathlib.Path, log: pathlib.Path, *flags: str) -> None:
        self.base_path = base_path
        self.log_path = log
        self.port, self.rest_port = free_port(), free_port()
        self.address = f"localhost:{self.port}"
        self.channel = grpc.insecure_channel(
            self.address, [("grpc.max_receive_message_length", -1)]
        )
        command = [sys.executable, "-m", "serving.server", f"--port={self.port}"]
        command += [f"--rest_api_port={self.rest_port}", "--model_name=toy"]
        command += [f"--model_base_path={base_path}", *flags]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)

    def log(self) -> str:
        return self.log_path.read_text()

    def client(self, **options: object) -> ServingClient:
        return ServingClient(self.address, model="toy", **options)

    def wait_until_ready(self) -> None:
        with self.client() as client:
            try:
                client.wait_until_ready(120)
            except Exception as error:
                raise AssertionError(self.log()) from error

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Waits until something holds; the limit only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait_for


@pytest.fixture(scope="session")
def saved_toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[pathlib.Path, float], None]:
    """Puts a toy model at a path; models of the same addend are made once and copied."""
    folder = tmp_path_factory.mktemp("toys")
    vocabulary = folder / "words.txt"
    vocabulary.write_text("\n".join(WORDS) + "\n")

    def put(path: pathlib.Path, addend: float) -> None:
        made = folder / str(addend)
        if not made.exists():
            Toy(vocabulary, addend).save(made)
        # The name must not be a number until the copy is whole.
        unfinished = shutil.copytree(made, path.with_name(f"unfinished-{path.name}"))
        unfinished.rename(path)

    return put


@pytest.fixture(scope="session")
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(base_path: pathlib.Path, *flags: str) -> Server:
        log = tmp_path_factory.mktemp("log") / "server.log"
        servers.append(Server(base_path, log, *flags))
        return servers[-1]

    yield start
    for server in servers:
        server.channel.close()
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def toy_server(
    tmp_path_factory: pytest.TempPathFactory,
    saved_toys: Callable[[pathlib.Path, float], None],
    start_server: Callable[..., Server],
) -> Server:
    """A server of version 3, addend 2, with two threads, also on a UNIX socket."""
    base_path = tmp_path_factory.mktemp("toy")
    saved_toys(base_path / "00000003", 2.0)
    saved_toys(base_path / "2", 0.0)
    server = start_server(
        base_path, "--grpc_max_threads=2", f"--grpc_socket_path={base_path / 'socket'}"
    )
    server.wait_until_ready()
    return server


@pytest.fixture
def client(toy_server: Server) -> Iterator[ServingClient]:
    with toy_server.client(timeout=60) as client:
        yield client
