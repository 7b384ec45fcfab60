"""The pages of the models that the documentation gets when it is built."""

from __future__ import annotations

import types

from recommenders_tf import registry
from scripts import model_pages

ROW = {
    "dataset": "frappe",
    "model": "deepfm",
    "metric": "AUC",
    "mean": 0.98,
    "std": 0.001,
    "seeds": [1, 2, 3],
    "published": 0.97,
    "recipe": {"model": "deepfm"},
}


def test_a_page_says_what_the_docstring_and_the_rows_say():
    path = model_pages._MODELS / "ranking" / "deepfm.py"
    text = model_pages.page(path, [ROW, ROW | {"recipe": {"model": "fm"}}])
    assert text.startswith("# `deepfm`\n\nPredicts ")
    assert text.count("| AUC |") == 1
    assert "0.9800 ± 0.0010 (0.9700, +0.0100) | 3 |" in text
    assert "Guo et al." in text
    assert "Args" not in text


def test_there_is_a_page_for_every_model(monkeypatch):
    monkeypatch.setattr(model_pages.File, "generated", lambda config, uri, content: (uri, content))
    pages = dict(model_pages.on_files([], None))
    assert sorted(pages) == [f"models/{name}.md" for name in registry.names()]
    assert all(
        registry.get(name).info.summary in pages[f"models/{name}.md"] for name in ("mf", "dcn")
    )


def test_the_table_of_models_links_to_the_pages():
    page = types.SimpleNamespace(file=types.SimpleNamespace(src_uri="models.md"))
    linked = model_pages.on_page_markdown("| `mf` | retrieval |", page)
    assert linked == "| [`mf`](models/mf.md) | retrieval |"
    assert model_pages.on_page_markdown("| `share_with` | one |", page) == "| `share_with` | one |"
    page.file.src_uri = "index.md"
    assert model_pages.on_page_markdown("| `mf` |", page) == "| `mf` |"
