"""What holds for every file of the repository."""

from __future__ import annotations

import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXT_LIMIT = 1_000_000

# Written so that the patterns don't match themselves.
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(root|work|home/[a-z]|Users/[A-Za-z])[\w.-]*/")


def tracked_texts() -> dict[str, str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    texts = {}
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file() and path.stat().st_size < TEXT_LIMIT:
            texts[name] = path.read_bytes().decode("utf-8", "replace")
    return texts


def test_no_committed_file_names_a_path_of_one_machine():
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in tracked_texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


def test_lock_pins_every_package_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock and "--" not in lock
    requirements = [line for line in lock.splitlines() if re.match(r"[A-Za-z]", line)]
    assert requirements
    assert [line for line in requirements if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []


def test_ci_runs_the_command_a_developer_runs():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    runs = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert "bash .ci/run" in runs
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_make_alone_lists_every_command():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (\S+)", makefile, flags=re.MULTILINE)
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert re.findall(r"^make (\S+)  +\S", listing, flags=re.MULTILINE) == targets
