"""The retrieval benchmark, at the size of a test."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import records
from benchmarks.retrieval import planted, render, run, session

ROW = {
    "contender": "ivf",
    "library": "recommenders-tf 0.1.0",
    "setting": 8,
    "batch": 64,
    "threads": 1,
    "items": 100,
    "dim": 64,
    "seed": 0,
    "recall": 0.95,
    "qps": 1000.0,
    "qps_by_cpu": 1200.0,
    "limits": {"product": 100.0, "read": 10.0},
    "load": 1.0,
    "commit": "abc",
    "machine": "A processor",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(planted, "ROOT", tmp_path)
    made = planted.Planted(items=3000, dim=8, queries=70)
    made.make()
    return made


class _Everything(session.Session):
    def ready(self, build):
        self._vectors = self.planted.read("vectors")

    def tune(self, setting):
        self._setting = setting

    def search(self, queries):
        return np.argsort(-queries @ self._vectors[: self._setting].T, axis=1)[:, :10]

    def version(self):
        return "a sort"


def test_recall_is_the_share_of_the_true_neighbours(small, monkeypatch) -> None:
    monkeypatch.setattr(session, "_SECONDS", 0.0)
    sort = _Everything({"items": 3000, "dim": 8, "queries": 70}, {})
    assert sort.measure(3000, batch=64)["recall"] == 1.0
    half = sort.measure(1500, batch=1)
    assert 0.3 < half["recall"] < 0.7 and half["qps"] > 0


def test_the_same_seed_makes_the_same_vectors(small) -> None:
    vectors, queries = small.read("vectors"), small.read("queries")
    (small.folder / "truth.npy").unlink()
    small.make()
    np.testing.assert_array_equal(vectors, small.read("vectors"))
    assert not np.isin(queries[:, 0], vectors[:, 0]).any()
    spread = vectors.std(axis=0)
    assert spread[0] > 1.3 * spread[-1]


def test_what_has_a_row_of_this_commit_is_not_measured_again(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path / "rows.jsonl")
    for batch in run.BATCHES:
        row = ROW | {"contender": "exact", "setting": 0, "batch": batch, "items": 3000, "dim": 8}
        records.append(run.RESULTS, row | {"commit": records.commit()})
    assert list(run.run(small, ["exact"], [1])) == []
    with pytest.raises(ValueError, match="There is no contender 'tree'"):
        next(run.run(small, ["tree"], [1]))


def test_the_page_shows_the_fastest_setting_whose_recall_suffices(tmp_path, monkeypatch) -> None:
    rows = [
        ROW | {"qps": 9000.0, "recall": 0.5, "setting": 2},
        ROW,
        ROW | {"qps": 500.0, "recall": 0.99, "setting": 16},
        ROW | {"contender": "FAISS IVF", "library": "FAISS 1", "recall": 0.7},
        ROW | {"items": 50, "qps": 1e6},
    ]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{render.START}\nold\n{render.END}\nafter\n")
    for name, value in (("PAGE", page), ("PLOT", tmp_path / "plot.svg")):
        monkeypatch.setattr(render, name, value)
    monkeypatch.setattr(render, "read", lambda path: rows)
    text = render.render().read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text
    assert "| ivf | recommenders-tf 0.1.0 | not measured | 1,000 (1,200) at 0.950 |" in text
    assert "| FAISS IVF | FAISS 1 | not measured | recall 0.70 at most |" in text
    assert "FAISS IVF" in (tmp_path / "plot.svg").read_text()
