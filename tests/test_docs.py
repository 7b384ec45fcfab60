"""The documentation says what the code does: its programs run, its table of models is whole."""

from __future__ import annotations

import pathlib
import re

import yaml

from recommenders_tf import registry
from recommenders_tf.schema import FeatureSchema

ROOT = pathlib.Path(__file__).resolve().parents[1]


def programs(page: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    assert programs("README.md")
    for program in programs("README.md"):
        exec(compile(program, "README.md", "exec"), namespace)


def test_the_quickstart_shows_the_programs_of_the_readme():
    assert programs("docs/quickstart.md") == programs("README.md")


def test_the_programs_and_the_schema_of_large_tables_work(capsys):
    for program in programs("docs/large-tables.md"):
        exec(compile(program, "docs/large-tables.md", "exec"), {"__name__": "__main__"})
    assert "items have a row" in capsys.readouterr().out
    text = (ROOT / "docs/large-tables.md").read_text()
    schemas = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [FeatureSchema.from_dict(yaml.safe_load(schema)).name for schema in schemas] == ["shop"]


def test_the_tutorial_on_next_items_works(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/next-item.md").read_text()
    (schema,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    pathlib.Path("schema.yaml").write_text(schema)
    namespace = {"__name__": "__main__"}
    for program in programs("docs/next-item.md"):
        exec(compile(program, "docs/next-item.md", "exec"), namespace)
    control, model, answer = capsys.readouterr().out.splitlines()[-3:]
    of_control, of_model = (eval(line.split(" ", 1)[1]) for line in (control, model))
    assert of_model["NDCG@10"] > 1.2 * of_control["NDCG@10"]
    assert set(eval(answer)) == {"i11", "i12", "i13"}


def test_the_programs_of_index_search_work(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for program in programs("docs/index-search.md"):
        exec(compile(program, "docs/index-search.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.endswith("new 4999\n")


def test_the_programs_of_metrics_work(capsys):
    for program in programs("docs/metrics.md"):
        exec(compile(program, "docs/metrics.md", "exec"), {"__name__": "__main__"})
    assert "['HR@1', 'NDCG@3', 'loss']" in capsys.readouterr().out


def test_the_programs_of_evaluation_work(capsys):
    for program in programs("docs/evaluation.md"):
        exec(compile(program, "docs/evaluation.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "of each user's events 25 % are test" in printed
    assert "p_holm" in printed


def test_the_programs_of_tuning_work(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for program in programs("docs/tuning.md"):
        exec(compile(program, "docs/tuning.md", "exec"), {"__name__": "__main__"})
    assert "NDCG@10 {'embedding_dim': 8, 'learning_rate': 0.0" in capsys.readouterr().out


def test_the_table_of_models_is_the_registry():
    text = (ROOT / "docs/models.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert sorted(rows) == [(info.name, info.kind) for info in registry.describe()]


def test_the_commands_that_pages_name_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        named = re.findall(r"(?:^\$ |`)make (\w[\w-]*)", page.read_text(), re.MULTILINE)
        assert set(named) <= targets, page.name
