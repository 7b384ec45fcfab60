"""The models and the evaluation of RecBole; runs in an environment of its own."""

from __future__ import annotations

import logging
import os
import pathlib
import tempfile
from typing import Any

import numpy as np
import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR, EASE, ItemKNN
from recbole.trainer import Trainer

from benchmarks.speed.pairs import K, Pairs, best_unseen
from benchmarks.speed.usage import Stopwatch

_MODELS = {"item_knn": ItemKNN, "ease": EASE, "bpr": BPR}


def start(model: str, path: str, settings: dict[str, Any]) -> RecBole:
    return RecBole(model, path, settings)


class RecBole:
    """Trains one model again and again, or evaluates factors.

    Args:
        model: Registry name of ours.
        path: File of the pairs.
        settings: Arguments of ours, and `users_at_once` of the evaluation.
    """

    def __init__(self, model: str, path: str, settings: dict[str, Any]) -> None:
        logging.disable(logging.WARNING)
        self._pairs = Pairs.read(path)
        self._folder = tempfile.TemporaryDirectory()
        _write(self._pairs, pathlib.Path(self._folder.name) / "pairs")
        os.chdir(self._folder.name)  # where it makes folders of its own
        self._class = _MODELS[model]
        self._config = Config(
            model=self._class.__name__,
            dataset="pairs",
            config_dict={
                "data_path": self._folder.name,
                "benchmark_filename": ["train", "test", "test"],
                "load_col": {"inter": ["user_id", "item_id"]},
                "use_gpu": False,
                "show_progress": False,
                "k": settings.get("num_neighbours"),
                "shrink": 0.0,
                "reg_weight": settings.get("l2"),
                "embedding_size": settings.get("embedding_dim"),
                "metrics": ["Hit", "Recall", "Precision", "MRR", "NDCG"],
                "topk": [K],
                "metric_decimal_place": 7,
                "eval_batch_size": settings.get("users_at_once", 1) * (self._pairs.shape[1] + 1),
            },
        )
        dataset = create_dataset(self._config)
        self._train, _, self._test = data_preparation(self._config, dataset)
        # Its own number of each code; 0 is padding.
        self._numbers = [
            np.array([dataset.token2id(field, str(code)) for code in range(size)])
            for field, size in zip(("user_id", "item_id"), self._pairs.shape, strict=True)
        ]

    def fit(self) -> dict[str, float]:
        """Train from the start, and return what it took."""
        watch = Stopwatch()
        self._model = self._class(self._config, self._train.dataset)
        return watch.stop()

    def lists(self, path: str) -> str:
        """Write the lists of all users, and return the name and version of what made them."""
        users, items = self._numbers
        asked = {"user_id": torch.from_numpy(users)}
        scores = np.asarray(self._model.full_sort_predict(asked), np.float32)
        scores = scores.reshape(len(users), -1)[:, items]
        np.save(path, best_unseen(scores, self._pairs.matrix()))
        return f"RecBole {recbole.__version__}"

    def load(self, factors: str) -> str:
        """Take factors of users and items in the place of what training would find."""
        self._model = BPR(self._config, self._train.dataset)
        tables = (self._model.user_embedding, self._model.item_embedding)
        with np.load(factors) as arrays, torch.no_grad():
            for name, numbers, table in zip(("user", "item"), self._numbers, tables, strict=True):
                table.weight[torch.from_numpy(numbers)] = torch.from_numpy(arrays[name])
        self._trainer = Trainer(self._config, self._model)
        return f"RecBole {recbole.__version__}"

    def evaluate(self) -> dict[str, float]:
        """Measure the lists of all users over the catalogue, and return what that took."""
        watch = Stopwatch()
        found = self._trainer.evaluate(self._test, load_best_model=False)
        return {**watch.stop(), "NDCG": found[f"ndcg@{K}"]}


def _write(pairs: Pairs, folder: pathlib.Path) -> None:
    """Write the files that RecBole reads."""
    folder.mkdir()
    for name, part in (("train", pairs.train), ("test", pairs.test)):
        path = folder / f"pairs.{name}.inter"
        np.savetxt(
            path, part, "%d", delimiter="\t", header="user_id:token\titem_id:token", comments=""
        )
