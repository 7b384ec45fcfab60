from __future__ import annotations

import pytest

from serving.server import flags
from serving.server.options import ServerOptions


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--port=9000"], {"port": 9000}),
        (["--port", "9000", "--model_name", "m"], {"port": 9000, "model_name": "m"}),
        (["--file_system_poll_wait_seconds", "-1"], {"file_system_poll_wait_seconds": -1}),
        (["--model_base_path=a=b"], {"model_base_path": "a=b"}),
        (["--model_name="], {"model_name": ""}),
        (["--version"], {"version": True}),
        (["--version=true"], {"version": True}),
        (["--version=false"], {"version": False}),
        (["--version", "--noversion"], {"version": False}),
        (["--port=1", "--port=2"], {"port": 2}),
    ],
)
def test_spellings(arguments, expected):
    assert flags.parse(arguments) == (ServerOptions(**expected), [])


def test_defaults_are_tf_servings():
    options = ServerOptions()
    assert (options.port, options.model_name, options.saved_model_tags) == (
        8500,
        "default",
        "serve",
    )
    assert options.file_system_poll_wait_seconds == 1
    assert (options.max_num_load_retries, options.load_retry_interval_micros) == (5, 60_000_000)


def test_unknown_arguments_are_passed_over():
    options, unknown = flags.parse(["--prot=1", "stray", "-port=2", "--port=3", "--noport"])
    assert options == ServerOptions(port=3)
    assert unknown == ["--prot=1", "stray", "-port=2", "--noport"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port=http"], "Couldn't interpret value http for flag port: it takes a whole number."),
        (
            ["--version=yes"],
            "Couldn't interpret value yes for flag version: it takes true or false.",
        ),
        (["--port"], "Flag --port needs a value: --port=VALUE."),
        (["--model_name", "--port=1"], "Flag --model_name needs a value: --model_name=VALUE."),
    ],
)
def test_a_value_that_cannot_be_read(arguments, message):
    with pytest.raises(flags.FlagError) as raised:
        flags.parse(arguments)
    assert str(raised.value) == message


def test_usage_explains_every_flag():
    text = flags.usage()
    for name in ServerOptions.__dataclass_fields__:
        assert f"  --{name}=" in text
    assert "examples:" in text
    assert max(map(len, text.splitlines())) <= 100
