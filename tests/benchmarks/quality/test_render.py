"""The page of results from rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.quality import by_user, render


def row(model, metric, values, published=None, **fields):
    base = {
        "model": model,
        "dataset": "toy",
        "protocol": "given split",
        "metric": metric,
        "mean": sum(values) / len(values),
        "std": 0.01 if len(values) > 1 else None,
        "seeds": [*range(1, len(values) + 1)],
        "values": values,
        "published": published,
        "source": "a paper" if published else None,
        "command": "python -m benchmarks.quality run toy.yaml",
        "commit": "abc",
        "machine": "2 CPU, x86_64",
        "recipe": {"model": model},
    }
    return base | fields


ROWS = [
    row("lr", "AUC", [0.5, 0.5, 0.5]),
    row("lr", "AUC", [0.7, 0.71, 0.75]),  # newer than the one before
    row("lr", "LogLoss", [0.4, 0.4, 0.4]),
    row("fm", "AUC", [0.8, 0.82, 0.84], published=0.81),
    row("fm", "LogLoss", [0.3, 0.3, 0.3]),
    row("mf", "HR@10", [0.6]),
    row("svd", "RMSE", [0.86], published=0.85),
    row("svdpp", "RMSE", [0.84], published=0.84),
]


@pytest.fixture
def page(tmp_path, monkeypatch):
    results, readme = tmp_path / "rows.jsonl", tmp_path / "README.md"
    results.write_text("".join(json.dumps(values) + "\n" for values in ROWS))
    readme.write_text(f"before\n{render.BEGIN}\nold\n{render.END}\nafter\n")
    for name, path in (("RESULTS", results), ("README", readme), ("PAGE", tmp_path / "page.md")):
        monkeypatch.setattr(render, name, path)
    return render.render().read_text(), readme.read_text()


def test_a_table_ranks_models_and_shows_gap_and_p(page):
    text, _ = page
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == ["fm", "lr", "mf", "svdpp", "svd"]
    assert "| 0.8200 ± 0.0100 (0.8100, +0.0100) | 0.3000 ± 0.0100 |  | 3 | abc |" in lines[0]
    # Differences 0.10, 0.11, 0.09: t = 0.1 / (0.01 / √3), and p of two degrees of freedom.
    assert "| **0.003** | 3 | abc |" in lines[1]
    assert "| 0.6000 |  | 1 | abc |" in lines[2]
    assert "`fm`: a paper." in text
    assert "    python -m benchmarks.quality run toy.yaml\n" in text


def test_models_whose_users_are_known_are_compared_user_by_user(page, tmp_path):
    """Of 8 users `mf` finds what 8 like, `ease` what 1 likes and `als` what 7 like."""
    found = {"mf": 8, "ease": 1, "als": 7}
    rows = [row(name, "HR@10", [number / 8], dataset="users") for name, number in found.items()]
    for one in rows:
        of_users = (np.arange(8) < found[one["model"]]).astype(float)
        by_user.keep(render.RESULTS, one, 1, {"HR@10": of_users})
    render.RESULTS.write_text("".join(json.dumps(values) + "\n" for values in rows))
    lines = [line for line in render.render().read_text().splitlines() if line.startswith("| `")]
    # One exchange of 128 is as far for `ease`, twice that by Holm; `als` has one other user.
    assert [line.split("`")[1] for line in lines] == ["mf", "als", "ease"]
    cells = [line.split(" | ")[-3].strip("|* ") for line in lines]
    assert cells[1] == "1.000"
    assert float(cells[2]) == pytest.approx(2 / 64, abs=0.006)
    assert "**" in lines[2] and "**" not in lines[1]


def test_the_page_says_what_the_config_says_of_a_model(page, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "ROOT", tmp_path)
    text = "dataset: toy\nseeds: [1]\nmodels: {lr: {note: Too simple.}, ffm: {note: Not run.}}"
    (tmp_path / "toy.yaml").write_text(text)
    assert "- `lr`: Too simple.\n" in render.render().read_text()
    assert "Not run" not in render.render().read_text()


def test_models_of_other_metrics_stand_in_a_table_of_their_own(page):
    assert "## toy: AUC, LogLoss" in page[0]
    assert "## toy: HR@10" in page[0]


def test_the_readme_tells_of_the_tables_with_published_figures(page):
    _, readme = page
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")
    assert "| toy | AUC | `fm` | 0.8200 ± 0.0100 | 1 of 1 |" in readme
    assert "| toy | RMSE | `svdpp` | 0.8400 | 1 of 2 |" in readme
    assert "old" not in readme
    assert "HR@10" not in readme
