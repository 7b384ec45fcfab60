"""Runs of a SavedModel: deadlines, and what is kept of the graph."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest

from serving.server.errors import StatusError
from serving.server.model_batching import ModelBatching
from serving.server.options import ServerOptions
from serving.server.servable import Servable


@pytest.fixture(scope="module")
def servable(tmp_path_factory, saved_toys):
    path = tmp_path_factory.mktemp("servable") / "1"
    saved_toys(path, 1.0)
    servable = Servable(str(path), ServerOptions(), ModelBatching(ServerOptions()))
    yield servable
    servable.close()


def test_a_run_is_cut_off_soon_after_its_deadline(servable, tmp_path):
    start = time.monotonic()
    with pytest.raises(StatusError) as raised:
        # Without the cut it would run for ever: nobody makes the file that it waits for.
        servable.run("hold", {"path": np.array(str(tmp_path / "gate"), object)}, ("turns",), 0.3)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_what_comes_too_late_is_not_run(servable, tmp_path, deadline):
    marker = tmp_path / "marker"
    with pytest.raises(StatusError) as raised:
        servable.run("mark", {"path": np.array(str(marker), object)}, ("done",), deadline)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not marker.exists()


@pytest.mark.parametrize("deadline", [None, 60.0, 1e9])
def test_deadlines_leave_the_answer_alone(servable, deadline):
    x = {"x": np.float32([[3]])}
    for _ in range(3):
        (half,) = servable.run("serving_default", x, ("half",), deadline)
        assert half.tolist() == [[2.5]]


def test_what_is_kept_of_the_graph(servable, tmp_path, saved_toys):
    assert not servable.meta_graph.graph_def.node
    saved_toys(tmp_path / "1", 1.0)
    options = ServerOptions(remove_unused_fields_from_bundle_metagraph=False)
    whole = Servable(str(tmp_path / "1"), options, ModelBatching(options))
    assert whole.meta_graph.graph_def.node
    whole.close()
