"""Servers in this process, a model with classify and regress signatures, and certificates."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import tensorflow as tf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serving.server.handlers import Handlers
from serving.server.loading import Loader
from serving.server.manager import Manager
from serving.server.model_config import ModelServerConfig, from_options
from serving.server.options import ServerOptions
from serving.server.registry import Models
from serving.server.request_log import RequestLog

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Handlers]]:
    """Starts all of a server but its ports in this process, by flags and a configuration."""
    started: list[tuple[Manager, RequestLog]] = []

    def start(config: ModelServerConfig | None = None, **flags) -> Handlers:
        options = ServerOptions(**flags)
        manager, log = Manager(options, Loader(options)), RequestLog()
        started.append((manager, log))
        models = Models(manager, options, log)
        manager.start()
        models.reload(config or from_options(options))
        manager.settle()
        return Handlers(models, options, log)

    yield start
    for manager, log in started:
        manager.stop()
        log.close()


def save_estimates(path: pathlib.Path) -> None:
    """Writes a model whose signatures share one input, as those of tf.estimator do."""

    def signature(outputs, method="regress", inputs=None):
        info = v1.saved_model.utils.build_tensor_info
        return v1.saved_model.signature_def_utils.build_signature_def(
            {name: info(tensor) for name, tensor in (inputs or {"inputs": serialized}).items()},
            {name: info(tensor) for name, tensor in outputs.items()},
            f"tensorflow/serving/{method}",
        )

    with tf.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="examples")
        number = v1.placeholder(tf.float32, [None], name="number")
        specs = {
            "x": tf.io.FixedLenFeature([], tf.float32),
            "shift": tf.io.FixedLenFeature([], tf.float32, 0.0),
        }
        features = tf.io.parse_example(serialized, specs)
        x = features["x"] + features["shift"]
        scores = tf.stack([x, 2 * x], 1)
        classes = tf.fill(tf.shape(scores), "a") + tf.strings.as_string(tf.cast(scores, tf.int32))
        signatures = {
            "serving_default": signature({"outputs": x / 2}),
            "column": signature({"outputs": x[:, tf.newaxis]}),
            "square": signature({"outputs": scores}),
            "double": signature({"outputs": tf.cast(x, tf.float64)}),
            "one_row": signature({"outputs": x[:1]}),
            "no_outputs": signature({"y": x}),
            "two_outputs": signature({"outputs": x, "y": x}),
            "by_number": signature({"outputs": number}, inputs={"inputs": number}),
            "no_inputs": signature({"outputs": number}, inputs={"x": number}),
            "two_inputs": signature(
                {"outputs": number}, inputs={"inputs": serialized, "x": number}
            ),
            "classify": signature({"classes": classes, "scores": scores}, "classify"),
            "scores": signature({"scores": scores}, "classify"),
            "classes": signature({"classes": classes}, "classify"),
            "flat": signature({"scores": x}, "classify"),
            "numbers_for_classes": signature({"classes": scores}, "classify"),
            "three_outputs": signature({"classes": classes, "scores": scores, "x": x}, "classify"),
            "neither": signature({"x": x}, "classify"),
            "ragged": signature({"classes": classes, "scores": scores[:, :1]}, "classify"),
        }
        builder = v1.saved_model.builder.SavedModelBuilder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


@pytest.fixture(scope="session")
def estimates(tmp_path_factory) -> pathlib.Path:
    """The base path of the model; it has version 7."""
    base_path = tmp_path_factory.mktemp("estimates")
    save_estimates(base_path / "7")
    return base_path


class Certificates(NamedTuple):
    """PEM texts of an authority, and of a key and certificate that it signed."""

    authority: bytes
    key: bytes
    certificate: bytes


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    now = datetime.datetime.now(datetime.timezone.utc)

    def make(name, key, issuer, issuer_key, is_authority):
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                False,
            )
            .sign(issuer_key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return Certificates(
        make("authority", authority_key, "authority", authority_key, True),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        make("localhost", key, "authority", authority_key, False),
    )
