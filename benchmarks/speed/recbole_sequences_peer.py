"""The sequence models and the evaluation of RecBole; runs in an environment of its own."""

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
from recbole.model.sequential_recommender import BERT4Rec, GRU4Rec, SASRec
from recbole.trainer import Trainer

from benchmarks.speed.pairs import K, Pairs, best_unseen
from benchmarks.speed.usage import Stopwatch

_MODELS = {"sasrec": SASRec, "gru4rec": GRU4Rec, "bert4rec": BERT4Rec}


def start(model: str, path: str, length: int, settings: dict[str, Any]) -> RecBole:
    return RecBole(model, path, length, settings)


class RecBole:
    """Trains one model, a while at a time.

    Args:
        model: Registry name of ours.
        path: File of the pairs, those of a user in the order of time.
        length: Most of a past that it reads.
        settings: Of its configuration.
    """

    def __init__(self, model: str, path: str, length: int, settings: dict[str, Any]) -> None:
        logging.disable(logging.WARNING)
        self._pairs = Pairs.read(path)
        self._folder = tempfile.TemporaryDirectory()
        _write(self._pairs, pathlib.Path(self._folder.name) / "pairs")
        os.chdir(self._folder.name)  # where it makes folders of its own
        self._config = Config(
            model=_MODELS[model].__name__,
            dataset="pairs",
            config_dict={
                "data_path": self._folder.name,
                "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
                "eval_args": {
                    "split": {"LS": "test_only"},
                    "order": "TO",
                    "group_by": "user",
                    "mode": "full",
                },
                "use_gpu": False,
                "show_progress": False,
                "MAX_ITEM_LIST_LENGTH": length,
                "train_neg_sample_args": None,
                "metrics": ["Hit", "MRR", "NDCG"],
                "topk": [K],
                "valid_metric": f"NDCG@{K}",
                "metric_decimal_place": 7,
                **settings,
            },
        )
        dataset = create_dataset(self._config)
        self._train, _, self._test = data_preparation(self._config, dataset)
        self._model = _MODELS[model](self._config, self._train.dataset)
        self._trainer = Trainer(self._config, self._model)
        self._batches = iter(())
        # Its own number of each code; 0 is padding.
        self._numbers = [
            np.array([dataset.token2id(field, str(code)) for code in range(size)])
            for field, size in zip(("user_id", "item_id"), self._pairs.shape, strict=True)
        ]

    def train(self, seconds: float) -> dict[str, float]:
        """Train on for so many seconds, to the end of a batch, and return what it took.

        A step is that of its `Trainer`; what is left out is its account of the loss.
        """
        self._model.train()
        watch, examples = Stopwatch(), 0
        while watch.stop()["seconds"] < seconds:
            batch = next(self._batches, None)
            if batch is None:
                self._batches = iter(self._train)
                continue
            self._trainer.optimizer.zero_grad()
            self._model.calculate_loss(batch).backward()
            self._trainer.optimizer.step()
            examples += len(batch)
        return {**watch.stop(), "examples": examples}

    def lists(self, path: str) -> str:
        """Write the lists of all users, and return the name and version of what made them."""
        self._model.eval()
        users, items = self._numbers
        scores = np.zeros((len(users) + 1, len(items)), np.float32)
        for batch, *_ in self._test:
            with torch.no_grad():
                found = self._model.full_sort_predict(batch).numpy()
            scores[batch["user_id"].numpy()] = found.reshape(len(batch), -1)[:, items]
        np.save(path, best_unseen(scores[users], self._pairs.matrix()))
        return f"RecBole {recbole.__version__}"

    def evaluate(self) -> dict[str, float]:
        """Measure the lists of all users over the catalogue, and return what that took."""
        watch = Stopwatch()
        found = self._trainer.evaluate(self._test, load_best_model=False)
        return {**watch.stop(), "NDCG": found[f"ndcg@{K}"]}


def _write(pairs: Pairs, folder: pathlib.Path) -> None:
    """Write the file that RecBole reads: the last item of a user is the one that is held out."""
    folder.mkdir()
    both = np.concatenate([pairs.train, pairs.test])
    rows = np.column_stack([both, np.arange(len(both))])
    np.savetxt(
        folder / "pairs.inter",
        rows,
        "%d",
        delimiter="\t",
        header="user_id:token\titem_id:token\ttimestamp:float",
        comments="",
    )
