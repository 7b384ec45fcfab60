"""The command as its user sees it: quick help, errors in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recommenders_tf.data import LeakError
from tfx_pipeline.__main__ import main, sentence


def test_help_teaches_and_needs_no_tensorflow():
    code = (
        "import sys; from tfx_pipeline.__main__ import app\n"
        "try: app(['run', '--help'])\n"
        "except SystemExit: print(sorted({'tensorflow', 'tfx', 'pandas'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "goes on where it stopped" in " ".join(shown.split())
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "--config", "none.yaml"], 1, "Error: There is no config `none.yaml`"),
        (["run", "--cofnig", "none.yaml"], 2, "No such option: --cofnig"),
        (["compile", "--config", "a.yaml", "--runner", "airflow"], 2, "'airflow' is not"),
    ],
)
def test_a_wrong_call_is_answered_with_a_sentence(arguments, status, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == status
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert "Traceback" not in said


def test_debug_shows_where():
    with pytest.raises(ValueError, match="There is no config"):
        main(["--debug", "run", "--config", "none.yaml"])


def test_an_error_is_told_by_its_cause():
    try:
        try:
            raise KeyError("price")
        except KeyError as error:
            raise RuntimeError("while handling a bundle\nmany lines") from error
    except RuntimeError as error:
        assert sentence(error) == "KeyError: price (--debug shows where)"
    leak = LeakError("A history is late. [while running 'Examples/Split']")
    assert sentence(leak) == "A history is late."
    assert sentence(FileNotFoundError("There is no file.")) == "There is no file."
    assert sentence(FileNotFoundError(2, "No such file", "a.yaml")) == "a.yaml: No such file."
    assert len(sentence(ValueError("long " * 1000))) < 500
