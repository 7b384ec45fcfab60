from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

import recommenders_tf as rtf
from recommenders_tf.cli.model_options import ModelOptions
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.training_options import TrainingOptions
from recommenders_tf.training import TrainingConfig


@pytest.fixture
def read():
    """Returns the model, its hyper-parameters and its training that a command line names."""
    found = []
    app = typer.Typer()

    @app.command()
    @flatten
    def command(context: typer.Context, chosen: ModelOptions, options: TrainingOptions) -> None:
        config = chosen.read(options.given(context))
        parameters = chosen.parameters(rtf.registry.get(config.model), config)
        found.append((config.model, parameters, config.training))

    def read(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception:
            raise result.exception
        return found.pop()

    return read


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "best.yaml"
    path.write_text(
        "model: two_tower\n"
        "parameters: {hidden_units: [8, 4], dropout: 0}\n"
        "training: {epochs: 20, batch_size: 64, precision: mixed_bfloat16}\n"
    )
    return path


def test_without_a_file_options_and_defaults_count(read):
    name, parameters, training = read("--model", "TwoTower", "--epochs", 3, "--set", "dropout=0.5")
    assert (name, parameters) == ("two_tower", {"dropout": 0.5})
    assert training == TrainingConfig(epochs=3)


def test_a_file_says_all(read, file):
    name, parameters, training = read("--config", file)
    assert (name, parameters) == ("two_tower", {"hidden_units": (8, 4), "dropout": 0.0})
    assert training == TrainingConfig(epochs=20, batch_size=64, precision="mixed_bfloat16")


def test_options_stand_before_the_file_even_if_they_are_the_defaults(read, file):
    given = ("--epochs", TrainingConfig().epochs, "--precision", "float32")
    _, parameters, training = read("--config", file, *given, "--set", "dropout=0.1")
    assert parameters == {"hidden_units": (8, 4), "dropout": 0.1}
    assert training == TrainingConfig(batch_size=64)


def test_no_model_and_two_are_refused(read, file):
    with pytest.raises(ValueError, match=r"Say which model: --model NAME .* or --config FILE"):
        read()
    with pytest.raises(
        ValueError, match=r"--model is `mf`, but `.*` is for `two_tower`: leave one"
    ):
        read("--model", "mf", "--config", file)
    assert read("--model", "two_tower", "--config", file)[0] == "two_tower"


def test_a_hyper_parameter_of_the_file_is_checked(read, file):
    file.write_text("{model: ease, parameters: {l2: much}}")
    with pytest.raises(ValueError, match="`l2` of `ease` takes a number; got `much`"):
        read("--config", file)
    file.write_text("{model: ease, parameters: {l1: 2}}")
    with pytest.raises(ValueError, match="`ease` has no hyper-parameter `l1`; it has l2="):
        read("--config", file)
