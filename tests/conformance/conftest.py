"""The server that is asked: the one at `TF_SERVING_ADDRESS`, or the embedded one, started here."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

import pytest

from tests.conformance import models
from tests.conformance.rows import BY_ID
from tests.conformance.target import Process, Target

ADDRESS = os.environ.get("TF_SERVING_ADDRESS", "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(*ids): rows of tests/conformance/rows.yaml it checks")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, of a server that runs elsewhere, what only one started here can show."""
    if not ADDRESS:
        return
    out = [item for item in items if _needs_own_server(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def _needs_own_server(item: pytest.Item) -> bool:
    return any(BY_ID[name].only for mark in item.iter_markers("row") for name in mark.args)


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Process]]:
    """Starts embedded servers, and ends them with the session."""
    started: list[Process] = []

    def start(*flags: str) -> Process:
        started.append(Process(*flags))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def model_folder() -> Iterator[pathlib.Path]:
    """A folder of the models for servers that are started here; its path is short, for sockets."""
    with tempfile.TemporaryDirectory(prefix="conf") as name:
        folder = pathlib.Path(name)
        models.write(folder, name)
        yield folder


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The server that most tests share."""
    if ADDRESS:
        target = Target.at(ADDRESS)
    else:
        folder = request.getfixturevalue("model_folder")
        process = request.getfixturevalue("start")(
            *models.FLAGS,
            f"--model_config_file={folder}/models.config",
            f"--monitoring_config_file={folder}/monitoring.config",
            f"--grpc_socket_path={folder}/socket",
        )
        target = Target(process.address, process.rest, folder, str(folder))
        process.wait_until_ready("half_plus_two")
    target.wait_until_available()
    return target


@pytest.fixture
def warm_model(target: Target) -> Iterator[Callable[..., str]]:
    """Writes version 1 of a model with warm-up records; returns its path as the server sees it."""
    made: list[pathlib.Path] = []

    def write(name: str, records: int, signature: str = "", text: bytes = b"") -> str:
        made.append(target.folder / name)
        made[-1].mkdir()
        unfinished = made[-1] / "unfinished"
        models.half_plus(unfinished)
        extra = unfinished / "assets.extra"
        extra.mkdir()
        models.write_warm_up(extra / "tf_serving_warmup_requests", name, records, signature, text)
        unfinished.rename(made[-1] / "1")
        return f"{target.server_folder}/{name}/1"

    yield write
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def batching(start: Callable[..., Process], model_folder: pathlib.Path) -> Process:
    """A server that batches up to four rows for half a second, and tells its metrics elsewhere."""
    (model_folder / "batching.config").write_text(
        "max_batch_size { value: 4 } batch_timeout_micros { value: 500000 } "
        "max_enqueued_batches { value: 2 } num_batch_threads { value: 1 } "
        "allowed_batch_sizes: 2 allowed_batch_sizes: 4"
    )
    (model_folder / "elsewhere.config").write_text(
        'prometheus_config { enable: true path: "/elsewhere" }'
    )
    process = start(
        f"--model_config_file={model_folder}/models.config",
        "--allow_version_labels_for_unavailable_models",
        "--enable_batching",
        f"--batching_parameters_file={model_folder}/batching.config",
        f"--monitoring_config_file={model_folder}/elsewhere.config",
    )
    process.metrics_path = "/elsewhere"
    process.wait_until_ready("many")
    return process


@pytest.fixture
def reload(target: Target) -> Iterator[Callable[..., None]]:
    """Reloads the configuration with models besides the usual ones, for one test."""
    yield target.reload
    target.reload()
