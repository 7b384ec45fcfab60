"""Configs, training with a watched part, and rows that a run adds to."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib

import numpy as np
import pytest

from benchmarks.quality import by_user, datasets, fit, held_out, run
from benchmarks.quality.config import Config
from benchmarks.quality.curve import curve
from benchmarks.quality.render import LESS_IS_BETTER, RESULTS, figure, newest, ranked
from benchmarks.records import read
from recommenders_tf import data, registry

CONFIGS = sorted(pathlib.Path("benchmarks/quality/configs").resolve().glob("*.yaml"))
UNDRAWN = {"popularity", "item_knn", "user_knn", "content", "sar", "session_knn", "slim", "ease"}
"""Models that are counted or solved without a draw, so that one seed is all there is to run."""
TEXT = """
dataset: toy
seeds: [1, 2]
training: {epochs: 1, batch_size: 4096}
source: a table
models:
  one: {model: mf, hyper_parameters: {embedding_dim: 4}, published: {HR@10: 0.5}}
  mf: {training: {epochs: 2}, hyper_parameters: {embedding_dim: 2}}
  popularity: {seeds: [1], note: counted}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def toy(monkeypatch):
    train, test = data.synthetic(num_users=30, num_items=40, num_events=600, seed=1).split()
    splits = held_out.Splits(data.encode(train), None, held_out.Catalogue(test), "last event")
    monkeypatch.setattr(datasets, "load", lambda name, validation, seed: splits)
    return splits


def test_a_model_takes_what_a_config_says_of_all_and_its_own(config):
    one, mf, popularity = Config.load(config).entries
    assert (one.seeds, popularity.seeds) == ((1, 2), (1,))
    assert (one.note, popularity.note) == (None, "counted")
    assert (one.recipe.model, one.recipe.training.epochs, one.source) == ("mf", 1, "a table")
    assert (mf.recipe.training.epochs, mf.recipe.training.batch_size) == (2, 4096)
    assert mf.source is None


def test_an_unknown_key_is_named(config):
    config.write_text(TEXT.replace("source:", "sauce:"))
    with pytest.raises(ValueError, match=r"toy.yaml has the key `sauce`; known are .*source"):
        Config.load(config)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_committed_configs_name_what_there_is(path):
    config = Config.load(path)
    assert config.dataset in datasets._MODULES
    for entry in config.entries:
        assert len(entry.seeds) >= 3 or (entry.seeds == (1,) and entry.recipe.model in UNDRAWN)
        known = inspect.signature(registry.get(entry.recipe.model).__init__).parameters
        assert set(entry.recipe.hyper_parameters) <= set(known), entry.name
        assert (entry.source is None) == (not entry.published), entry.name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_model_below_its_published_figure_says_why(path):
    """Of its first published metric."""
    config = Config.load(path)
    means = {
        (row["model"], row["metric"]): row["mean"]
        for row in newest(read(RESULTS))
        if row["dataset"] == config.dataset
    }
    for entry in config.entries:
        for metric, published in list(entry.published.items())[:1]:
            sign = -1 if metric in LESS_IS_BETTER else 1
            if (mean := means.get((entry.name, metric))) is not None:
                assert entry.note or sign * (mean - published) >= 0, f"{entry.name} has no `note`"


def test_a_run_adds_the_seeds_that_have_no_row(config, toy, tmp_path, monkeypatch):
    results, trained = tmp_path / "rows.jsonl", []
    plain = fit.fit

    def counted(recipe, splits, seed, folder):
        trained.append((recipe.hyper_parameters["embedding_dim"], seed))
        return plain(recipe, splits, seed, folder)

    monkeypatch.setattr(fit, "fit", counted)
    run.run(config, seed=2, only="one", results=results)
    for name in ("one", "mf"):
        run.run(config, only=name, results=results)
    assert trained == [(4, 2), (4, 1), (2, 1), (2, 2)]
    rows = {(row["model"], row["metric"]): row for row in read(results)}
    assert len(rows) == len(read(results)) == 4
    row = rows["one", "HR@10"]
    assert (row["seeds"], row["published"], row["source"]) == ([1, 2], 0.5, "a table")
    assert row["mean"] == pytest.approx(np.mean(row["values"]), abs=1e-5)
    assert row["std"] == pytest.approx(np.std(row["values"], ddof=1), abs=1e-5)
    assert row["command"] == "python -m benchmarks.quality run toy.yaml"
    assert rows["one", "NDCG@10"]["published"] is None
    of_users = by_user.load(results, row)
    assert (len(of_users), np.mean(of_users)) == (30, pytest.approx(row["mean"], abs=1e-5))
    config.write_text(TEXT.replace("embedding_dim: 4", "embedding_dim: 5"))
    run.run(config, only="one", seed=1, results=results)
    assert trained[-1] == (5, 1)


def test_an_unknown_model_is_named(config, toy):
    with pytest.raises(ValueError, match=r"toy.yaml has no model `two`; it has one, mf, "):
        run.run(config, only="two")


class Watched:
    """A held-out part of given values."""

    def __init__(self, values, stop_at=None):
        self.values, self.stop_at, self.rates = list(values), stop_at, []

    def measure(self, model):
        if len(self.rates) == self.stop_at:
            raise KeyboardInterrupt
        self.rates.append(float(model.optimizer.learning_rate))
        self.weights = [*getattr(self, "weights", []), model.get_weights()]
        return {"AUC": np.array(self.values[len(self.rates) - 1]), "LogLoss": np.zeros(1)}


RECIPE = """
dataset: toy
seeds: [1]
training: {epochs: 9, patience: 2, batch_size: 4096, learning_rate: 0.01}
models: {mf: {hyper_parameters: {embedding_dim: 2}, reduce_rate: 0.5}}
"""


def test_training_ends_with_the_weights_of_the_best_epoch(config, toy):
    config.write_text(RECIPE)
    recipe = Config.load(config).entries[0].recipe
    watched = Watched([0.5, 0.7, 0.6, 0.65, 0.9])
    model = fit.fit(recipe, dataclasses.replace(toy, watched=watched), seed=1)
    assert watched.rates == pytest.approx([0.01, 0.01, 0.01, 0.005])
    for kept, best in zip(model.get_weights(), watched.weights[1], strict=True):
        np.testing.assert_array_equal(kept, best)


def test_a_long_training_that_was_killed_goes_on(config, toy, tmp_path):
    config.write_text(RECIPE.replace(", reduce_rate: 0.5", ""))
    recipe = Config.load(config).entries[0].recipe
    values = [0.5, 0.7, 0.6, 0.65, 0.9]
    whole = fit.fit(recipe, dataclasses.replace(toy, watched=Watched(values)), seed=1)
    with pytest.raises(KeyboardInterrupt):
        killed = dataclasses.replace(toy, watched=Watched(values, stop_at=3))
        fit.fit(recipe, killed, 1, tmp_path / "kept")
    rest = Watched(values[3:])
    model = fit.fit(recipe, dataclasses.replace(toy, watched=rest), 1, tmp_path / "kept")
    assert len(rest.rates) == 1
    for kept, best in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(kept, best, rtol=1e-6)
    curve = (tmp_path / "kept" / "history.csv").read_text().splitlines()
    assert "val_AUC" in curve[0] and len(curve) == 5


def test_the_curve_has_every_epoch_and_is_that_of_the_run(config, toy, tmp_path, capsys):
    figures = curve(config, "mf", epochs=3, test=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"mf, epoch {n}" for n in (1, 2, 3)]
    # The config trains for two epochs.
    results = tmp_path / "rows.jsonl"
    run.run(config, only="mf", seed=1, results=results)
    for row in read(results):
        assert row["mean"] == pytest.approx(figures[1][row["metric"]], abs=1e-5)
        assert f"{figures[2][row['metric']]:.4f}" in lines[2]


def test_embeddings_may_start_nearer_to_zero(toy):
    models = [registry.get("deepfm")(toy.train.schema) for _ in range(2)]
    for model, factor in zip(models, (1.0, 0.01), strict=True):
        fit.scale_embeddings(model, factor)
    for name in ("user_id", "item_id"):
        plain, small = (model.embed.table(name).numpy() for model in models)
        assert np.std(small) == pytest.approx(0.01 * np.std(plain), rel=0.2)
        assert not small[:2].any()


def test_ranking_of_models_and_the_gap():
    rows = [
        {"model": m, "metric": "LogLoss", "mean": v, "std": 0.01, "published": p}
        for m, v, p in (("a", 0.5, None), ("b", 0.4, 0.45))
    ]
    assert ranked(rows, "LogLoss") == ["b", "a"]
    assert figure(rows[1]) == "0.4000 ± 0.0100 (0.4500, -0.0500)"
