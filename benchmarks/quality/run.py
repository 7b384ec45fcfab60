"""Trains the models of a config, seed by seed, and keeps a row for each metric."""

from __future__ import annotations

import functools
import os
import pathlib
import platform
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.quality import by_user, datasets
from benchmarks.quality.config import Config, Entry
from benchmarks.quality.held_out import Splits, Values, means
from benchmarks.quality.render import RESULTS
from benchmarks.records import ROOT, commit, read, write

_KEY = ("model", "dataset", "protocol", "recipe")


def run(
    path: pathlib.Path,
    only: str | None = None,
    seed: int | None = None,
    validation: bool = False,
    again: bool = False,
    results: pathlib.Path = RESULTS,
) -> None:
    """Train what a config asks for and has no row yet.

    Args:
        path: A file of `configs/`.
        only: Name of the one model to run; None runs all.
        seed: The one seed to run; None runs those of the config.
        validation: Measure on validation, print and keep nothing: for choosing.
        again: Run what has a row as well.
        results: File of the rows.

    Raises:
        ValueError: The config has no model `only`.
    """
    config = Config.load(path)
    entries = config.entries if only is None else [config.entry(only)]
    console, origin = Console(stderr=True), _origin(path)
    load = functools.cache(datasets.load)
    for entry in entries:
        for number in entry.seeds if seed is None else (seed,):
            drawn = number if config.dataset in datasets.DRAWN else 0
            splits = load(config.dataset, validation, drawn)
            keys = {protocol: _key(config, entry, protocol) for protocol in splits.reported}
            rows = read(results)
            had = all(number in _seeds(rows, key) for key in keys.values())
            if had and not (validation or again):
                console.print(f"{entry.name} seed {number}: has a row")
                continue
            start = time.monotonic()
            name = f"{config.dataset}-{entry.name}-{number}"
            kept = None if validation else ROOT / "runs" / "quality" / name
            found = _measure(entry, splits, number, kept)
            values = {protocol: means(of_users) for protocol, of_users in found.items()}
            shown = ", ".join(
                f"{metric} {value:.4f}" for own in values.values() for metric, value in own.items()
            )
            seconds = time.monotonic() - start
            console.print(f"[bold]{entry.name}[/] seed {number}: {shown} ({seconds:.0f} s)")
            if validation:
                continue
            by_user.keep(results, keys[splits.protocol], number, found[splits.protocol])
            for protocol, own in values.items():
                rows = read(results)
                write(results, [*_merged(rows, keys[protocol], entry, number, own, origin)])


def _origin(path: pathlib.Path) -> dict[str, str]:
    """Return what a row says of the run; the checkout may move on while it trains."""
    path = path.resolve()
    config = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    return {
        "command": f"python -m benchmarks.quality run {config}",
        "commit": commit(),
        "machine": f"{os.cpu_count()} CPU, {platform.machine()}",
    }


def _measure(
    entry: Entry, splits: Splits, seed: int, folder: pathlib.Path | None
) -> dict[str, Values]:
    """Train once and return what is found under each protocol."""
    import tensorflow as tf

    from benchmarks.quality.fit import fit

    model = fit(entry.recipe, splits, seed, folder)
    found = {protocol: asked.measure(model) for protocol, asked in splits.reported.items()}
    tf.keras.backend.clear_session()
    return found


def _key(config: Config, entry: Entry, protocol: str) -> dict[str, Any]:
    recipe = entry.recipe.to_dict()
    parts = (entry.name, config.dataset, protocol, recipe)
    return dict(zip(_KEY, parts, strict=True))


def _seeds(rows: list[dict[str, Any]], key: dict[str, Any]) -> set[int]:
    return {seed for row in rows if _is_of(row, key) for seed in row["seeds"]}


def _is_of(row: dict[str, Any], key: dict[str, Any]) -> bool:
    return all(row[name] == value for name, value in key.items())


def _merged(
    rows: list[dict[str, Any]],
    key: dict[str, Any],
    entry: Entry,
    seed: int,
    values: dict[str, float],
    origin: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield the rows with those of a model's recipe last, the values of a new seed among them."""
    earlier = {row["metric"]: row for row in rows if _is_of(row, key)}
    yield from (row for row in rows if not _is_of(row, key))
    for metric, value in values.items():
        by_seed = (
            dict(zip(*(earlier[metric][k] for k in ("seeds", "values")), strict=True))
            if (metric in earlier)
            else {}
        )
        by_seed = dict(sorted((by_seed | {seed: round(value, 5)}).items()))
        measured = [*by_seed.values()]
        published = entry.published.get(metric)
        yield {
            **{name: key[name] for name in _KEY[:3]},
            "metric": metric,
            "mean": round(float(np.mean(measured)), 5),
            "std": round(float(np.std(measured, ddof=1)), 5) if len(measured) > 1 else None,
            "seeds": [*by_seed],
            "values": measured,
            "published": published,
            "source": entry.source if published is not None else None,
            **origin,
            "recipe": key["recipe"],
        }
