from __future__ import annotations

import json

import pytest

from recommenders_tf.training import Cluster

SERVERS = {"chief": ["c:1"], "worker": ["w:1", "w:2"], "ps": ["p:1", "p:2"]}
WORKERS = {"worker": ["w:1", "w:2"]}


@pytest.fixture
def read(monkeypatch):
    def read(cluster, task_type="worker", index=0, **more):
        config = {"cluster": cluster, "task": {"type": task_type, "index": index}, **more}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        return Cluster.from_environment()

    return read


@pytest.mark.parametrize(
    ("cluster", "task", "is_chief", "serves"),
    [
        (SERVERS, ("chief", 0), True, False),
        (SERVERS, ("worker", 0), False, True),
        (SERVERS, ("ps", 1), False, True),
        (SERVERS, ("evaluator", 0), False, False),
        (WORKERS, ("worker", 0), True, False),
        (WORKERS, ("worker", 1), False, False),
        (WORKERS | {"chief": ["c:1"]}, ("worker", 0), False, False),
        (WORKERS | {"chief": ["c:1"]}, ("chief", 0), True, False),
        (SERVERS | {"evaluator": ["e:1"]}, ("chief", 0), True, False),
    ],
)
def test_what_a_process_is(cluster, task, is_chief, serves, read):
    found = read(cluster, *task, environment="cloud")
    assert (found.is_chief, found.serves) == (is_chief, serves)
    assert found.has_parameter_servers == ("ps" in cluster)
    assert "evaluator" not in found.addresses


def test_one_machine_is_no_cluster(read, monkeypatch):
    assert read({"worker": ["w:1"]}) is None
    assert read({}) is None
    assert read({"worker": ["w:1"], "evaluator": ["e:1"]}) is None
    monkeypatch.delenv("TF_CONFIG")
    assert Cluster.from_environment() is None


@pytest.mark.parametrize(
    ("cluster", "task", "message"),
    [
        (WORKERS, ("worker", 2), "this is task 2 of type `worker`; the cluster has 2 of `worker`"),
        (WORKERS, ("chief", 0), "this is task 0 of type `chief`"),
        (WORKERS, ("master", 0), "this is task 0 of type `master`"),
        (WORKERS | {"ps": ["p:1"]}, ("ps", 0), "need a `chief` and at least one `worker`"),
    ],
)
def test_a_description_that_does_not_fit_is_told(cluster, task, message, read):
    with pytest.raises(ValueError, match=message):
        read(cluster, *task)


@pytest.mark.parametrize("text", ["{", "[]", '{"cluster": {"worker": 3}}'])
def test_a_description_that_is_none_is_told(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must be JSON such as"):
        Cluster.from_environment()
