"""The commit that a row of results names."""

import subprocess

import pytest

from benchmarks import records


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit of a program and a file of results."""
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "results" / "rows.jsonl").touch()
    (tmp_path / "program.py").touch()
    who = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(records, "ROOT", tmp_path)
    return tmp_path


def test_new_rows_leave_the_commit_clean_and_new_code_does_not(repository):
    clean = records.commit()
    assert len(clean) >= 7
    (repository / "benchmarks" / "results" / "rows.jsonl").write_text("{}\n")
    assert records.commit() == clean
    (repository / "program.py").write_text("1\n")
    assert records.commit() == f"{clean}-dirty"


def test_without_a_repository_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert records.commit() == "unknown"
