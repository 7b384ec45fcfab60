"""KerasTuner's oracles, which say what a search tries next, over declared search spaces."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from recommenders_tf.search_space import Range, SearchSpace

try:
    import keras_tuner
    from keras_tuner import oracles
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "Tuning needs packages that are not installed: pip install 'recommenders-tf[tune]'."
    ) from error

METHODS = ("random", "hyperband", "bayesian")
TRIALS = 20
"""How many there are where nobody says, but for Hyperband."""

HALVING = 3
"""Of three trials of a round of Hyperband the best goes on, with three times the epochs."""


class _Kept(keras_tuner.Oracle):
    """Begins with the defaults, so that a search never ends below them, and survives a kill."""

    def _random_values(self) -> dict[str, Any] | None:
        return super()._random_values() if self.trials else dict(self.hyperparameters.values)

    def save(self) -> None:
        _write(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        folder = self._get_trial_dir(trial.trial_id)
        _write(os.path.join(folder, "trial.json"), trial.get_state())


class _RandomSearch(_Kept, oracles.RandomSearchOracle):
    pass


class _Hyperband(_Kept, oracles.HyperbandOracle):
    pass


class _BayesianOptimization(_Kept, oracles.BayesianOptimizationOracle):
    pass


def make_oracle(
    method: str,
    hyper_parameters: keras_tuner.HyperParameters,
    objective: str,
    seed: int,
    epochs: int,
    trials: int | None,
) -> Any:
    """Return the oracle of a search, which is told nothing yet.

    Args:
        method: One of `METHODS`.
        hyper_parameters: What `to_keras_tuner` returned.
        objective: Name of the metric to maximize.
        seed: Of what it draws.
        epochs: Most that Hyperband gives a trial.
        trials: Most trials; None takes `TRIALS`, or all that Hyperband's rounds ask for.
    """
    arguments = {
        "objective": keras_tuner.Objective(objective, "max"),
        "hyperparameters": hyper_parameters,
        "seed": seed + 1,  # KerasTuner takes 0 for none
        "max_consecutive_failed_trials": None,  # what fails is shown, and the search goes on
    }
    if method == "hyperband":
        oracle = _Hyperband(max_epochs=epochs, factor=HALVING, **arguments)
        oracle.max_trials = trials
    elif method == "bayesian":
        # KerasTuner's three a dimension would leave few of twenty trials, or none, to it.
        begin = max(3, len(hyper_parameters.space))
        oracle = _BayesianOptimization(
            max_trials=trials or TRIALS, num_initial_points=begin, **arguments
        )
    else:
        oracle = _RandomSearch(max_trials=trials or TRIALS, **arguments)
    oracle.verbose = 0
    return oracle


def keep_in(oracle: Any, folder: pathlib.Path) -> None:
    """Let an oracle keep what it learns in a folder, and begin with what is there."""
    oracle._set_project_dir(folder.parent, folder.name)
    if (folder / "oracle.json").exists():
        oracle.reload()


def to_keras_tuner(space: SearchSpace, defaults: Mapping[str, Any]) -> keras_tuner.HyperParameters:
    """Return a space as KerasTuner has it; options become texts, which it tells apart by name.

    Args:
        space: Values by name.
        defaults: Where to begin, as far as it lies in the space.
    """
    found = keras_tuner.HyperParameters()
    for name, values in space.items():
        begin = defaults.get(name)
        if isinstance(values, Range):
            make = found.Int if values.is_whole else found.Float
            begin = begin if begin in values else values.least
            make(name, values.least, values.most, sampling=values.scale, default=begin)
        else:
            begin = begin if begin in values else values.options[0]
            found.Choice(name, [str(option) for option in values.options], default=str(begin))
    return found


def from_keras_tuner(space: SearchSpace, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return what KerasTuner has drawn as arguments; numbers have three digits, to be read.

    Args:
        space: Values by name.
        drawn: Values by name, and others that KerasTuner notes for itself.

    Example:
        >>> from recommenders_tf.search_space import Choice
        >>> space = {"l2": Range(0.1, 9.0), "units": Choice(((8,), (8, 4)))}
        >>> from_keras_tuner(space, {"l2": 0.123456, "units": "(8, 4)", "tuner/round": 1})
        {'l2': 0.123, 'units': (8, 4)}
    """
    values = {}
    for name, tried in space.items():
        if not isinstance(tried, Range):
            values[name] = {str(option): option for option in tried.options}[drawn[name]]
        else:
            values[name] = drawn[name] if tried.is_whole else float(f"{drawn[name]:.3g}")
    return values


def _write(path: str, state: Mapping[str, Any]) -> None:
    """Write a file at once, so that a kill leaves no half of it."""
    pathlib.Path(f"{path}.new").write_text(json.dumps(state), encoding="utf-8")
    os.replace(f"{path}.new", path)
