"""The speed benchmark end to end, at sizes of a test and without DeepCTR."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from benchmarks import records
from benchmarks.speed import aims, render, results, step, turns, usage
from benchmarks.speed.case import cases
from benchmarks.speed.memory import gather_rate, update_loop
from benchmarks.speed.planted import examples
from benchmarks.speed.session import area_under_curve


@pytest.fixture(scope="module")
def trained():
    choice = step.Choice(["deepfm"], [300], [1], ["plain_keras"])
    return list(step.run(choice, quick=True))


@pytest.mark.slow
def test_a_comparison_end_to_end(trained):
    (row,) = trained
    assert row["peer"].startswith("Keras") and row["work"] == "train deepfm"
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer_value"], rel=1e-3)
    assert row["share_of_limit"] == pytest.approx(row["ours"] / row["limit"], rel=1e-3)
    assert row["limit"] < row["product_limit"]
    assert 0.3 < row["auc"]["ours"] < 0.7 and 0 < row["loss"]["peer"] < 1
    assert row["memory"]["ours"]["cpu"] > 2**27
    assert row["examples_trained"] == 4 * 64


@pytest.mark.slow
def test_a_page_is_rendered_from_the_rows(trained, tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    older = trained[0] | {"ours": 1.0, "ratio": 0.123}
    for row in (older, trained[0] | {"ratio": 2.75, "peer": "DeepCTR 0.9.4", "vocabulary": 10_000}):
        records.append(path, row)
    records.append(path, trained[0] | {"vocabulary": 10_000})
    monkeypatch.setattr(render, "RESULTS", path)
    monkeypatch.setattr(render, "PAGE", tmp_path / "speed.md")
    monkeypatch.setattr(render, "PLOT", tmp_path / "speed.svg")
    page = render.render().read_text()
    assert "| **2.75** |" in page and "recommenders-tf" in (tmp_path / "speed.svg").read_text()
    assert "No GPU" not in page and "no GPU was at hand" in page


def test_the_newest_row_of_a_kind_counts():
    rows = [
        {"work": "w", "peer": "Keras 1", "threads": 1, "ours": 1},
        {"work": "w", "peer": "Keras 2", "threads": 1, "ours": 2},
        {"work": "w", "peer": "Keras 2", "threads": 2, "ours": 3},
    ]
    assert [row["ours"] for row in render.newest(rows)] == [2, 3]


def test_an_aim_says_what_falls_short():
    row = {"work": "train din", "peer": "DeepCTR 0.9.4", "device": "CPU", "vocabulary": 10_000}
    row |= {"threads": 2, "auc": {"ours": 0.7, "peer": 0.71}, "ratio": 2.0}
    lines = aims.verdicts([row, row | {"work": "train deepfm", "ratio": 3.0}])
    assert "2.0 times to 3.0 times; short of it: din 10,000 ids 2 threads: 2.0 times" in lines[2]
    assert lines[2].endswith("| 1 of 2 |") and lines[3].endswith("| not measured |")


class _Scripted:
    """A worker that answers from a list."""

    def __init__(self, others):
        self._others = iter(others)
        self.steps = 0

    def ask(self, method, **arguments):
        if method == "measure":
            return {"limit": 10.0, "products": 20.0}
        if method == "evaluate":
            return {"steps": self.steps}
        self.steps += arguments["steps"]
        return {"examples": 8.0, "seconds": 2.0, "cpu": 1.0, "others": next(self._others)}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def test_disturbed_rounds_are_measured_again_and_all_train_as_many_steps():
    ours = _Scripted([0.0, 1.0, 0.0, 0.0, 0.0])
    peer = _Scripted(itertools.repeat(0.0))
    plan = turns.Plan(steps=3, blocks=2, repeats=2, total_steps=20)
    measured = turns.turns({"ours": ours, "peer": peer}, _Scripted([]), plan)
    assert len(measured.blocks["ours"]) == len(measured.limits) == 2
    assert not measured.is_disturbed and measured.rate("ours") == 4.0
    assert measured.ends == {"ours": {"steps": 20}, "peer": {"steps": 20}}


def test_repeats_are_bounded():
    plan = turns.Plan(steps=1, blocks=1, repeats=2, total_steps=0)
    measured = turns.turns({"ours": _Scripted(itertools.repeat(1.0))}, _Scripted([]), plan)
    assert measured.is_disturbed and len(measured.blocks["ours"]) == 1


@pytest.mark.parametrize("model", step.MODELS)
def test_planted_examples_can_be_learned_and_repeat(model):
    case = cases(500)[model]
    features, labels = examples(case, 4000, seed=1)
    again, _ = examples(case, 4000, seed=1)
    for name in case.fields:
        ids = features[name]
        assert ids.min() >= 2 and ids.max() < case.vocabulary_of(name)
        np.testing.assert_array_equal(ids, again[name])
    assert 0.2 < labels.mean() < 0.5
    best = max(_auc_of_rates(features[name], labels) for name in case.fields)
    assert best > 0.52


def _auc_of_rates(ids, labels):
    """The AUC of the share of positives of an id, counted on one half, on the other."""
    half = len(labels) // 2
    counts = np.bincount(ids[:half], minlength=ids.max() + 1)
    hits = np.bincount(ids[:half], labels[:half], minlength=ids.max() + 1)
    return area_under_curve(labels[half:], ((hits + 0.4) / (counts + 1))[ids[half:]])


def test_area_under_curve_counts_pairs():
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.1, 0.3])
    pairs = [(p > n) + 0.5 * (p == n) for p in (0.4, 0.1) for n in (0.1, 0.3)]
    assert area_under_curve(labels, scores) == pytest.approx(np.mean(pairs))


def test_the_work_of_a_case_is_that_of_the_equations():
    case = cases(10_000)["deepfm"]
    products = 416 * 256 + 256 * 128 + 128 * 64 + 64
    assert case.flops == 6 * 4096 * products and case.ids == 26
    din = cases(10_000)["din"]
    features, _ = examples(din, 20_000, seed=1)
    real = sum((features[name] != 0).sum() for name in (*din.fields, *din.histories))
    assert real / 20_000 == pytest.approx(din.ids, rel=0.01)
    cross = cases(10_000)["dcn_v2"].flops - case.flops
    assert cross == 6 * 4096 * (3 * 416 * 416 + 416)


def test_the_memory_program_updates_the_rows_it_is_given():
    table, ids = np.ones([6, 16], np.float32), np.array([1, 4])
    assert gather_rate(table, ids, 1) > 0
    update_loop(table, ids, 1, copies=2)()
    assert (table[[1, 4]] < 1).all() and (table[[0, 2, 3, 5]] == 1).all()


def test_the_memory_program_leaves_small_numbers_as_they_are():
    gather_rate(np.ones([6, 16], np.float32), np.array([1, 4]), 1)
    assert np.finfo(float).tiny / 2 > 0


def test_other_processes_disturb():
    assert usage.is_disturbed({"seconds": 2.0, "others": 0.2})
    assert not usage.is_disturbed({"seconds": 2.0, "others": 0.05})


def test_rows_are_plain_json_of_few_digits():
    row = results.row("w", "rows/s", ours=2.0, peer="p", peer_value=3.0, limit=8.0)
    assert json.loads(json.dumps(row)) == row
    assert (row["ratio"], row["share_of_limit"]) == (0.6667, 0.25)
    assert {"command", "commit", "machine", "cpu_over_wall"} <= set(row)
