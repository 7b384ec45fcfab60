"""The trials of a search, from the first to the best."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from recommenders_tf import registry
from recommenders_tf.search_space import SearchSpace
from recommenders_tf.training.best_weights import METRICS
from recommenders_tf.training.model_config import ModelConfig
from recommenders_tf.training.run import BACKUP_FOLDER
from recommenders_tf.tuning import oracles
from recommenders_tf.tuning.trial_runner import TrialRunner
from recommenders_tf.tuning.workers import Submit

BEST_FILE = "best.yaml"


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """How to search.

    Args:
        method: `random`; `hyperband`, which gives many trials few epochs and the best of them
            more; or `bayesian`, which tries what a Gaussian process of past trials finds likely.
        trials: Most trials; None takes 20, or all that Hyperband's rounds ask for.
        workers: Trials that run at a time, each in a process of its own if they are several.
        seed: Of what is tried.

    Raises:
        ValueError: A value is out of its range.

    Example:
        >>> SearchConfig("hyperband", workers=2).trials is None  # as many as its rounds ask for
        True
    """

    method: str = "random"
    trials: int | None = None
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in oracles.METHODS:
            raise ValueError(
                f"`method` is `{self.method}`; it must be one of {', '.join(oracles.METHODS)}."
            )
        for name in ("trials", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1; it is {value}.")


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of the values that were tried.

    Args:
        name: Its number, as in the name of its folder.
        values: What was tried, by argument of the model or field of `TrainingConfig`.
        score: The metric; None if the trial failed.
        epochs: After how many epochs it was reached.
        error: Why it failed.

    Example:
        >>> trial = Trial("0003", {"embedding_dim": 32}, score=0.12, epochs=7, error=None)
        >>> f"{trial.values}: {trial.score} after {trial.epochs} epochs"
        "{'embedding_dim': 32}: 0.12 after 7 epochs"
    """

    name: str
    values: Mapping[str, Any]
    score: float | None
    epochs: int
    error: str | None


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search has found.

    Args:
        metric: What the trials were judged by.
        trials: All of them, the best first.
        best: Model, hyper-parameters and number of epochs of the best.

    Example:
        >>> best = Trial("0001", {"embedding_dim": 32}, score=0.12, epochs=7, error=None)
        >>> config = ModelConfig("mf", {"embedding_dim": 32})
        >>> Found("NDCG@10", (best,), config).trials[0].score
        0.12
    """

    metric: str
    trials: tuple[Trial, ...]
    best: ModelConfig


class Search:
    """Runs the trials that an oracle asks for.

    Args:
        runner: What runs one.
        folder: Where the search is kept.
        search: How to search.
        space: What to try.
        report: Is called with each trial that has ended.
    """

    def __init__(
        self,
        runner: TrialRunner,
        folder: pathlib.Path,
        search: SearchConfig,
        space: SearchSpace,
        report: Callable[[Trial], None],
    ) -> None:
        cls, training = registry.get(runner.base.model), runner.base.training
        self.runner = runner
        self.metric = METRICS[cls.kind]
        self._folder, self._workers = folder, search.workers
        self._space, self._report = space, report
        # Of models without an argument for it the class knows the rate of the optimizer.
        rate = {"learning_rate": training.learning_rate or getattr(cls, "learning_rate", None)}
        defaults = vars(training) | rate | registry.hyper_parameters(cls)
        self._oracle = oracles.make_oracle(
            search.method,
            oracles.to_keras_tuner(space, defaults),
            self.metric,
            search.seed,
            training.epochs,
            search.trials,
        )
        oracles.keep_in(self._oracle, folder)

    def finish(self, submit: Submit) -> None:
        """Run the trials that are left.

        Args:
            submit: Of `workers`.
        """
        for trial in self._ended():
            self._report(trial)
        try:
            self._run_all(submit)
        except BrokenProcessPool as error:
            raise RuntimeError(
                "The process of a trial was ended from outside, perhaps for want of memory: the "
                "same search goes on when it is started again, with fewer `workers` if need be."
            ) from error
        for path in self._folder.glob(f"trial_*/{BACKUP_FOLDER}"):
            shutil.rmtree(path)

    def _run_all(self, submit: Submit) -> None:
        names = itertools.count()
        running: dict[Future[tuple[float, int]], Any] = {}
        while True:
            while len(running) < self._workers:
                trial = self._oracle.create_trial(f"worker_{next(names)}")
                if trial.status != "RUNNING":
                    break
                running[submit(*self._task(trial))] = trial
            if not running:
                return
            for future in wait(running, return_when="FIRST_COMPLETED").done:
                self._end(running.pop(future), future)

    def found(self) -> Found:
        """Return what has been found."""
        worst = float("-inf")
        trials = sorted(
            self._ended(), key=lambda t: worst if t.score is None else t.score, reverse=True
        )
        if trials[0].score is None:
            raise RuntimeError(f"No trial succeeded; the first one failed: {trials[0].error}")
        return Found(self.metric, tuple(trials), self._config(trials[0]))

    def _ended(self) -> list[Trial]:
        # After a kill the oracle has them in the order in which a disk lists its files.
        trials = sorted(self._oracle.trials.values(), key=lambda trial: int(trial.trial_id))
        return [self._outcome(t) for t in trials if t.status in ("COMPLETED", "FAILED")]

    def _outcome(self, trial: Any) -> Trial:
        values = oracles.from_keras_tuner(self._space, trial.hyperparameters.values)
        return Trial(trial.trial_id, values, trial.score, trial.best_step, trial.message)

    def _config(self, trial: Trial) -> ModelConfig:
        """Return the config that reaches what a trial has, without its early stopping."""
        config = self.runner.config(trial.values)
        training = dataclasses.replace(config.training, epochs=trial.epochs, patience=None)
        return dataclasses.replace(config, training=training)

    def _task(self, trial: Any) -> tuple[dict[str, Any], int, pathlib.Path, bool]:
        """Return what `TrialRunner.run` needs; a trial that goes on does so in its first folder."""
        drawn = trial.hyperparameters.values
        values = oracles.from_keras_tuner(self._space, drawn)
        epochs = drawn.get("tuner/epochs", self.runner.base.training.epochs)
        while "tuner/trial_id" in trial.hyperparameters.values:
            trial = self._oracle.get_trial(trial.hyperparameters.values["tuner/trial_id"])
        folder = self._folder / f"trial_{trial.trial_id}"
        return values, epochs, folder, "tuner/epochs" in drawn

    def _end(self, trial: Any, future: Future[tuple[float, int]]) -> None:
        """Tell the oracle and the caller what came of a trial; keep the best one's config."""
        try:
            score, epoch = future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:
            if not any(other.score is not None for other in self._ended()):
                raise  # where none has succeeded yet it is hardly a matter of the values
            trial.status, trial.message = "FAILED", f"{type(error).__name__}: {error}"
        else:
            trial.status = "COMPLETED"
            self._oracle.update_trial(trial.trial_id, {self.metric: score}, step=epoch)
        self._oracle.end_trial(trial)
        self._report(self._outcome(trial))
        found = self.found()
        best = found.trials[0]
        found.best.save(
            self._folder / BEST_FILE,
            f"{self.metric} {best.score:.4f} on validation events of "
            f"{self.runner.validation.schema.name}: trial {best.name} of {len(found.trials)}.",
        )
