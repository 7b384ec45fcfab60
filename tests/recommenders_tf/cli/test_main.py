from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import recommenders_tf
from recommenders_tf.cli.main import app, main

COMMANDS = [info.callback.__name__ for info in app.registered_commands]


def call(capsys, *arguments):
    """Return the exit code, stdout and stderr of a call."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    return ended.value.code or 0, printed.out, printed.err


def test_the_commands_are_those_of_the_documentation():
    named = "datasets models schema train tune evaluate compare recommend export serve"
    assert named.split() == COMMANDS


def test_help_imports_nothing_slow():
    program = """
import sys
from recommenders_tf.cli.main import main
for command in sys.argv[1:]:
    try:
        main([*command.split(), "--help"])
    except SystemExit as ended:
        assert not ended.code
slow = {"tensorflow", "tf_keras", "tfx", "pandas", "numpy", "pyarrow"} & set(sys.modules)
sys.exit(f"imported {slow}" if slow else 0)
"""
    subprocess.run([sys.executable, "-c", program, "", *COMMANDS], check=True, capture_output=True)


@pytest.mark.parametrize("command", app.registered_commands, ids=COMMANDS)
def test_help_says_what_a_command_does_and_how_to_call_it(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name, text = command.callback.__name__, inspect.getdoc(command.callback)
    code, out, _ = call(capsys, name, "--help")
    lines = [line.strip() for line in out.splitlines()]
    assert code == 0
    # Every line whole: an example that is broken in two cannot be copied.
    assert {line.strip() for line in text.splitlines()} <= set(lines)
    assert any(line.startswith(f"recommenders-tf {name}") for line in lines)


def test_version(capsys):
    assert call(capsys, "--version")[:2] == (0, f"recommenders-tf {recommenders_tf.__version__}\n")


@pytest.fixture
def failing(monkeypatch):
    """Let a command fail with an error of choice."""

    def fail_with(error):
        def load(source):
            raise error

        monkeypatch.setattr("recommenders_tf.cli.data_options.DataOptions.load", load)
        return ("train", "--model", "mf", "--synthetic")

    return fail_with


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("Column `x` is odd."), "Column `x` is odd."),
        (KeyError("No column `x`."), "No column `x`."),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file or"),
        (ValueError("in user code:\n\n  File a.py\n\n    ValueError: odd\n"), "ValueError: odd"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero (--debug"),
        (ValueError("First line.\nSecond line."), "First line."),
    ],
)
def test_an_error_is_one_sentence_without_traceback(error, sentence, failing, capsys):
    code, out, err = call(capsys, *failing(error))
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: {sentence}") and err.count("\n") == 1


@pytest.mark.parametrize("place", [0, 4])
def test_debug_lets_the_error_through_wherever_it_stands(place, failing):
    arguments = list(failing(ValueError("odd")))
    arguments.insert(place, "--debug")
    with pytest.raises(ValueError, match="odd"):
        main(arguments)


def test_wrong_usage_is_told_apart_from_an_error(capsys):
    code, out, err = call(capsys, "trian")
    assert (code, out) == (2, "")
    assert "train" in err
