"""What each user's value behind a row was: two models are compared user by user."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.quality.held_out import Values

_FOLDER = "by_user"
_SAID = ("protocol", "recipe")


def keep(results: pathlib.Path, key: Mapping[str, Any], seed: int, values: Values) -> None:
    """Keep the values of the first metric that a run found, beside those of its other seeds.

    Nothing is kept of metrics that users have no values of.

    Args:
        results: File of the rows, beside which the values lie.
        key: Model, data set, protocol and recipe of the run.
        seed: Seed of the run.
        values: Values of the run by metric.
    """
    metric, of_users = next(iter(values.items()))
    if of_users.ndim == 0:
        return
    path, said = _path(results, key), _said(key, metric)
    kept = _read(path, said) | {str(seed): of_users.astype(np.float32)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, said=np.array(said), **dict(sorted(kept.items())))


def load(results: pathlib.Path, row: Mapping[str, Any]) -> np.ndarray | None:
    """Return each user's mean over the seeds of a row, float64 `[users]`.

    Args:
        results: File of the row.
        row: The row.

    Returns:
        The means; None where a seed's values were not kept.
    """
    kept = _read(_path(results, row), _said(row, row["metric"]))
    if not {str(seed) for seed in row["seeds"]} <= set(kept):
        return None
    return np.mean([kept[str(seed)] for seed in row["seeds"]], axis=0, dtype=np.float64)


def _path(results: pathlib.Path, key: Mapping[str, Any]) -> pathlib.Path:
    return results.parent / _FOLDER / key["dataset"] / f"{key['model']}.npz"


def _said(key: Mapping[str, Any], metric: str) -> str:
    """Return what must be the same for two runs to be of one row."""
    return json.dumps({"metric": metric, **{name: key[name] for name in _SAID}}, sort_keys=True)


def _read(path: pathlib.Path, said: str) -> dict[str, np.ndarray]:
    """Return the values by seed; none where the file is of another row, or not there."""
    if not path.exists():
        return {}
    with np.load(path) as arrays:
        if str(arrays["said"]) != said:
            return {}
        return {name: arrays[name] for name in arrays.files if name != "said"}
