"""scripts/find_python and scripts/uv on machines that this one is not."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
VERSION = "{}.{}".format(*sys.version_info)


def executable(path: pathlib.Path, text: str) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def run(*command: object, bin_folder: pathlib.Path, **environment: str):
    path = f"{bin_folder}:/usr/bin:/bin"
    return subprocess.run(
        [str(part) for part in command],
        env={"PATH": path, "HOME": str(bin_folder), **environment},
        capture_output=True,
        text=True,
    )


def test_a_shim_that_fails_is_passed_over_for_the_pyenv_version(tmp_path):
    shim = executable(tmp_path / "bin" / f"python{VERSION}", "exit 127")
    executable(tmp_path / "bin" / "python3", "exit 127")
    pyenv = tmp_path / "pyenv"
    python = pyenv / "versions" / f"{VERSION}.99" / "bin" / "python"
    executable(python, f'exec {sys.executable} "$@"')
    found = run(SCRIPTS / "find_python", VERSION, bin_folder=shim.parent, PYENV_ROOT=str(pyenv))
    assert found.returncode == 0, found.stderr
    answer = subprocess.run([found.stdout.strip(), "--version"], capture_output=True, text=True)
    assert answer.stdout.startswith(f"Python {VERSION}.")


def test_a_python_of_another_version_is_not_taken(tmp_path):
    executable(tmp_path / "python3.99", f'exec {sys.executable} "$@"')
    found = run(SCRIPTS / "find_python", "3.99", bin_folder=tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("Python 3.99 was not found")
    assert "pyenv install 3.99" in found.stderr


@pytest.fixture
def checkout(tmp_path) -> pathlib.Path:
    """A checkout of the scripts alone, in which .tools can be made and broken."""
    folder = tmp_path / "checkout" / "scripts"
    for name in ("uv", "find_python"):
        executable(folder / name, (SCRIPTS / name).read_text())
    return folder.parent


def test_uv_on_path_is_used_and_never_fetches_a_python(checkout, tmp_path):
    executable(tmp_path / "bin" / "uv", 'echo "uv $* $UV_PYTHON_DOWNLOADS"')
    answer = run(checkout / "scripts/uv", "pip", "list", bin_folder=tmp_path / "bin")
    assert answer.stdout == "uv pip list never\n"
    assert not (checkout / ".tools").exists()


def test_uv_is_installed_into_the_checkout_where_there_is_none(checkout, tmp_path):
    # Stands for a Python: `-m venv` makes the folder, `-m pip install` puts uv there.
    install = 'echo "#!/bin/bash\necho own \\$*" > .tools/bin/uv; chmod +x .tools/bin/uv'
    pretend = f"mkdir -p .tools/bin; cp $0 .tools/bin/python; [[ $* != *pip* ]] || {{ {install}; }}"
    executable(tmp_path / "bin" / "python3", pretend)
    executable(checkout / ".tools/bin/uv", "exit 1")  # left by an install that was interrupted
    answer = run(checkout / "scripts/uv", "pip", "list", bin_folder=tmp_path / "bin")
    assert answer.stdout == "own pip list\n", answer.stderr


def test_without_uv_and_pip_the_message_says_what_to_install(checkout, tmp_path):
    for name in ("python3", f"python{VERSION}"):
        executable(tmp_path / "bin" / name, "exit 1")
    executable(tmp_path / "bin" / "id", "echo nobody")  # an account without a pyenv
    bare = tmp_path / "tools"  # neither a uv nor a real Python of this machine on PATH
    bare.mkdir()
    for name in ("bash", "dirname", "env", "rm", "sort"):
        os.symlink(f"/usr/bin/{name}", bare / name)
    answer = subprocess.run(
        [checkout / "scripts/uv", "--version"],
        env={"PATH": f"{tmp_path / 'bin'}:{bare}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert "uv was not found" in answer.stderr and "python3-venv" in answer.stderr
