"""TLS and mutual TLS by `--ssl_config_file`."""

from __future__ import annotations

import pathlib
import subprocess

import grpc
import numpy as np
import pytest

from tests.conformance.rows import check
from tests.conformance.target import Process, Target, eventually, values

X = np.float32([[1.0]])


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A certificate authority, and a server and a client that it knows."""
    folder = tmp_path_factory.mktemp("pem")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *key, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for who in ("server", "client"):
        subject = ("-subj", f"/CN={'localhost' if who == 'server' else who}")
        openssl("req", *key, *subject, "-keyout", f"{who}.key", "-out", f"{who}.csr")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{who}.csr", *signed, "-out", f"{who}.pem")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _config(folder: pathlib.Path, pem: dict[str, bytes], verify: bool) -> pathlib.Path:
    """The file holds the PEM texts themselves, not paths."""

    def text(name: str) -> str:
        return '"' + pem[name].decode().replace("\n", "\\n") + '"'

    lines = [f"server_key: {text('server.key')}", f"server_cert: {text('server.pem')}"]
    if verify:
        lines += [f"custom_ca: {text('ca.pem')}", "client_verify: true"]
    path = folder / "ssl.config"
    path.write_text("\n".join(lines))
    return path


def _served(server: Process, credentials: grpc.ChannelCredentials) -> Target:
    target = Target(server.address, credentials=credentials)

    def ready() -> bool:
        assert server.process.poll() is None, server.output()
        try:
            return "AVAILABLE" in target.states("default").values()
        except grpc.RpcError:
            return False

    eventually(ready)
    return target


def _start(start, model_folder, tmp_path, pem, verify: bool) -> Process:
    config = _config(tmp_path, pem, verify)
    return start(f"--model_base_path={model_folder}/half_plus_two", f"--ssl_config_file={config}")


def _refused(target: Target) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        target.predict("default", {"x": X}, timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@check("tls", "tls-plain-refused")
def test_tls(start, model_folder, tmp_path, pem):
    server = _start(start, model_folder, tmp_path, pem, verify=False)
    secure = _served(server, grpc.ssl_channel_credentials(pem["ca.pem"]))
    assert values(secure.predict("default", {"x": X}).outputs["y"]) == [2.5]
    _refused(Target(server.address))
    # REST has no TLS in TF Serving.
    assert server.get("/v1/models/default").status_code == 200


@check("tls-mutual", "tls-mutual-refused")
def test_mutual_tls(start, model_folder, tmp_path, pem):
    server = _start(start, model_folder, tmp_path, pem, verify=True)
    known = grpc.ssl_channel_credentials(pem["ca.pem"], pem["client.key"], pem["client.pem"])
    assert values(_served(server, known).predict("default", {"x": X}).outputs["y"]) == [2.5]
    _refused(Target(server.address, credentials=grpc.ssl_channel_credentials(pem["ca.pem"])))
