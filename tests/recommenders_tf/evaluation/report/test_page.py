"""The page, read as a browser reads it: its numbers are those of the JSON."""

from __future__ import annotations

import copy
import json
import re
import runpy
import sys

import pytest

from recommenders_tf.evaluation.report import plots, render, write_report
from tests.html_page import HtmlPage


@pytest.fixture(scope="module")
def text(facts):
    return render(facts)


@pytest.fixture(scope="module")
def page(text):
    return HtmlPage(text)


def test_the_numbers_of_the_metric_table_are_those_of_the_json(page, facts):
    table = page.table("Metrics")
    assert set(table) == {"chance", "other_chance", "knowing"}
    assert next(iter(table)) == "knowing"  # the best stands first
    for model in facts["models"]:
        row = table[model["name"]]
        assert list(row) == list(model["metrics"])
        for name, value in model["metrics"].items():
            low, high = model["intervals"].get(name, (None, None))
            sure = "" if low is None else f" {low:.4f} to {high:.4f}"
            assert row[name] == f"{value:.4f}{sure}"


def test_the_best_of_an_accuracy_is_bold_and_of_nothing_else(text, facts):
    bold = re.findall(r"<b>([\d.]+)", text)
    best = max(facts["models"], key=lambda model: model["metrics"]["NDCG@10"])
    assert bold == [f"{best['metrics'][name]:.4f}" for name in ("NDCG@10", "HR@10")]


@pytest.mark.parametrize("against", ["best", "first"])
def test_the_tables_of_differences_are_those_of_the_json(page, facts, against):
    table = page.table(f"NDCG@10: difference from the {against} model")
    for record in facts["differences"][against]:
        row = table[record["model"]]
        if record["difference"] is None:
            assert row["verdict"] == f"the {against}" and row["difference"] == ""
            continue
        assert row["difference"] == f"{record['difference']:+.4f}"
        assert row["p (Holm)"] == f"{record['p_holm']:.4f}"
        which = "better" if record["difference"] > 0 else "worse"
        told_apart = record["p_holm"] < 0.05
        assert row["verdict"] == (f"{which} than the {against}" if told_apart else "not told apart")
    verdicts = {row["verdict"] for row in table.values()}
    assert len(verdicts) > 2 if against == "first" else "not told apart" not in verdicts


@pytest.mark.parametrize(("metric", "key"), [("NDCG", "activity"), ("Recall", "popularity")])
def test_the_tables_of_groups_are_those_of_the_json(page, facts, metric, key):
    table, groups = page.table(f"{metric}@10 by"), facts[f"by_{key}"]
    assert len(table) == len(groups) > 1
    for row, group in zip(table.values(), groups, strict=True):
        assert row["users"] == str(group["users"])
        for name, own in group["models"].items():
            assert row[name] == f"{own['mean']:.4f} {own['low']:.4f} to {own['high']:.4f}"


def test_lists_have_titles_and_mark_what_was_held_out(page, facts, text):
    for example in facts["examples"]:
        latest = "; ".join(item["title"] for item in example["history"])
        assert f"the latest first: {latest}; and {example['events'] - 10} more." in text
        assert f"recommended: {'; '.join(item['title'] for item in example['held_out'])}." in text
        table = page.table(f"Recommended to user {example['user']}")
        for name, listed in example["lists"].items():
            expected = [f"✓ {i['title']}" if i["is_right"] else i["title"] for i in listed]
            assert [row[name] for row in table.values()] == expected
    assert any("✓" in cell for rows in page.tables.values() for row in rows for cell in row)


def test_pictures_are_told_in_words_and_by_shape(page, facts, text):
    assert len(page.labels) == 5  # means, trade-offs, two of groups, losses
    assert all(model["name"] in label for model in facts["models"] for label in page.labels)
    means, trade_offs = page.labels[:2]
    for model in facts["models"]:
        assert f"{model['name']} {model['metrics']['NDCG@10']:.4f}" in means
        assert f"Coverage@10 {model['metrics']['Coverage@10']:.4f}" in trade_offs
    markers = re.findall(r'<path id="m[0-9a-f]+" d="([^"]+)" style="stroke: (#[0-9a-f]+)', text)
    shapes = {path: colour for path, colour in markers if colour != "#000000"}
    assert len(set(shapes.values())) == len(facts["models"]) <= len(shapes)


def test_the_page_needs_no_network_and_runs_nothing(page, text):
    assert all(address.startswith("#") for address in page.addresses)
    assert not page.tags & {"script", "link", "iframe", "img"}
    assert "@import" not in text and "url(http" not in text
    assert len(page.ids) == len(set(page.ids))
    assert [level for level, _ in page.headings].count("h1") == 1
    assert 'lang="en"' in text and "<title>3 models on synthetic</title>" in text


def test_what_is_written_is_the_page_and_the_json_behind_it(facts, text, tmp_path):
    page = write_report(facts, tmp_path / "deep" / "report")
    written = json.loads((page.parent / "report.json").read_text("utf-8"))
    assert written == facts
    assert page.read_text("utf-8") == text == render(written)


def test_names_are_escaped_and_a_lost_loss_is_told(facts):
    strange = copy.deepcopy(facts)
    for model in strange["models"]:
        model["history"] = {"loss": [0.7, None], "val_NDCG@10": [0.1, 0.2]}
    strange["examples"][0]["lists"]["knowing"][0]["title"] = "<script>alert('&')</script>"
    page = HtmlPage(render(strange))
    assert "script" not in page.tags
    assert any("<script>alert" in cell for rows in page.tables.values() for r in rows for cell in r)
    assert "chance: 0.7000 to no number in 2 epochs" in page.labels[4]
    assert page.labels[5].startswith("Validation NDCG@10 of each model by epoch. chance: 0.1000 to")


def test_a_report_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "recommenders-tf\[reports\]"'):
        runpy.run_path(plots.__file__)


def test_models_that_rank_have_a_table_alone(facts):
    metrics = {"lr": {"AUC": 0.7, "LogLoss": 0.5}, "fm": {"AUC": 0.8, "LogLoss": 0.6}}
    models = [
        {"name": n, "model": n, "kind": "ranking", "history": {}, "metrics": m, "intervals": {}}
        for n, m in metrics.items()
    ]
    common = {name: facts[name] for name in ("data", "asked", "confidence")}
    text = render({**common, "models": models})
    page = HtmlPage(text)
    assert page.table("Metrics. Bold")["fm"] == {"AUC": "0.8000", "LogLoss": "0.6000"}
    assert re.findall(r"<b>([\d.]+)</b>", text) == ["0.5000", "0.8000"]
    assert not page.labels
