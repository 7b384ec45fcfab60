"""The data sets that are known by name."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

from recommenders_tf.data import amazon, movielens
from recommenders_tf.data.download import (
    DATA_VARIABLE,
    Archive,
    DatasetNotFoundError,
    cache_dir,
    candidates,
    fetch,
)
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.files import load_spec, write_files
from recommenders_tf.data.sources import DatasetSpec, TableSource
from recommenders_tf.data.synthetic import synthetic
from recommenders_tf.data.values import CleaningLimits
from recommenders_tf.schema import FeatureSchema

_SCHEMAS = pathlib.Path(__file__).with_name("schemas")
_OFFICIAL = "https://files.grouplens.org/datasets/movielens/"
_RECHORUS = "https://github.com/THUwangcy/ReChorus/tree/master/data/Grocery_and_Gourmet_Food"
_RESEARCH = "GroupLens: research use, cite Harper & Konstan 2015"
SYNTHETIC = "synthetic"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What is known of a data set before it is read.

    Args:
        name: Name by which it is loaded; the name of its archive does as well.
        events: Number of events.
        users: Number of users.
        items: Number of items, those without events included.
        licence: Who made it and what it may be used for.
        archive: Where it is published.
        files: Files of which its folder must hold one, plain or gzip.
        sources: How the files in a folder are read.
    """

    name: str
    events: int
    users: int
    items: int
    licence: str
    archive: Archive
    files: tuple[str, ...]
    sources: Callable[[pathlib.Path], movielens.Sources]

    def find(self, data_dir: str | pathlib.Path | None = None) -> pathlib.Path | None:
        """Return the folder on this machine that holds the data set, if there is one."""
        folders = candidates(self.name, self.archive, data_dir)
        return next((path for path in folders if movielens.find_file(path, *self.files)), None)


_DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="movielens-100k",
            events=100_000,
            users=943,
            items=1_682,
            licence=f"{_RESEARCH}; no redistribution, no commercial use",
            archive=Archive(
                f"{_OFFICIAL}ml-100k.zip", "ml-100k", "0e33842e24a9c977be4e0107933c0723"
            ),
            files=("u.data",),
            sources=movielens.sources_100k,
        ),
        Dataset(
            name="movielens-1m",
            events=1_000_209,
            users=6_040,
            items=3_883,
            licence=f"{_RESEARCH}; no redistribution, no commercial use",
            archive=Archive(f"{_OFFICIAL}ml-1m.zip", "ml-1m", "c4d9eecfca2ab87c1945afe126590906"),
            files=("ratings.dat", "ratings.csv"),
            sources=movielens.sources_1m,
        ),
        Dataset(
            name="movielens-latest-small",
            events=100_836,
            users=610,
            items=9_742,
            licence=f"{_RESEARCH}; no commercial use",
            archive=Archive(f"{_OFFICIAL}ml-latest-small.zip", "ml-latest-small"),
            files=("ratings.csv",),
            sources=movielens.sources_latest_small,
        ),
        Dataset(
            name="amazon-grocery",
            events=121_892,
            users=14_681,
            items=8_713,
            licence="McAuley et al., prepared by ReChorus: research use, cite He & McAuley 2016",
            archive=Archive(_RECHORUS, "Grocery_and_Gourmet_Food"),
            files=("item_meta.csv",),
            sources=amazon.sources_grocery,
        ),
    )
}


def names() -> tuple[str, ...]:
    """Return the names that `load` knows.

    Example:
        >>> names()
        ('movielens-100k', 'movielens-1m', 'movielens-latest-small', 'amazon-grocery', 'synthetic')
    """
    return (*_DATASETS, SYNTHETIC)


def describe(data_dir: str | pathlib.Path | None = None) -> list[dict[str, str | int | None]]:
    """Return one record a data set for a table of them; nothing is read or fetched.

    Returns:
        Records with `name`, `events`, `users`, `items`, `licence` and `found`: the folder on this
        machine, or None.

    Example:
        >>> describe()[0]["events"]
        100000
    """
    fields = ("name", "events", "users", "items", "licence")
    records: list[dict[str, str | int | None]] = []
    for dataset in _DATASETS.values():
        found = dataset.find(data_dir)
        facts = {field: getattr(dataset, field) for field in fields}
        records.append({**facts, "found": str(found) if found else None})
    log = synthetic()
    made_up = {"events": len(log), "users": len(log.users), "items": len(log.items)}
    return [*records, {"name": SYNTHETIC, **made_up, "licence": "made up", "found": "always"}]


def spec(name: str, data_dir: str | pathlib.Path | None = None) -> DatasetSpec:
    """Return the files of a data set and their schema, fetching the files if need be.

    They are looked for in `data_dir`, in the folder that the environment variable
    `RECOMMENDERS_TF_DATA` names and in the user's cache, then fetched from the official place.

    Args:
        name: One of `names()`, or the name of its archive, such as `ml-1m`.
        data_dir: Folder that holds the data set's folder, or its files.

    Raises:
        ValueError: The name is unknown.
        DatasetNotFoundError: It is not on this machine and cannot be fetched.

    Example:
        >>> spec("synthetic").schema.item_id.name
        'item_id'
    """
    if name == SYNTHETIC:
        folder = write_files(synthetic(), cache_dir() / SYNTHETIC)
        events, users, items = (folder / f"{table}.csv" for table in ("events", "users", "items"))
        schema = FeatureSchema.load(folder / "schema.yaml")
        of = TableSource.of
        return DatasetSpec(name, of(events), of(users), of(items), schema)
    known = _DATASETS | {dataset.archive.folder: dataset for dataset in _DATASETS.values()}
    if name not in known:
        raise ValueError(
            f"There is no data set {name!r}; there are {', '.join((*known, SYNTHETIC))}."
        )
    dataset = known[name]
    folder = dataset.find(data_dir) or _fetch(dataset, data_dir)
    schema = FeatureSchema.load(_SCHEMAS / f"{dataset.name}.yaml")
    return DatasetSpec(dataset.name, *dataset.sources(folder), schema)


def load(
    name: str,
    data_dir: str | pathlib.Path | None = None,
    *,
    schema: FeatureSchema | str | pathlib.Path | None = None,
    limits: CleaningLimits | None = None,
    quarantine: str | pathlib.Path | None = None,
) -> EventLog:
    """Read a data set by name, checking every row.

    Args:
        name: One of `names()`, or the name of its archive, such as `ml-1m`.
        data_dir: Folder that holds the data set's folder, or its files; see `spec` for where else
            it is looked for.
        schema: What the columns mean: a schema or a YAML file with one; None takes that of the data
            set.
        limits: What counts as a bad row and how many are let pass; None for the defaults.
        quarantine: JSON Lines file for the bad rows; None puts it in the user's cache.

    Returns:
        The log, its `report` telling what became of every row.

    Raises:
        ValueError: The name is unknown.
        DatasetNotFoundError: It is not on this machine and cannot be fetched.
        BadDataError: Too many rows are bad.

    Example:
        >>> from recommenders_tf import data
        >>> log = data.load("synthetic")
        >>> log
        EventLog('synthetic', events=50,000, users=1,000, items=500)
    """
    if schema is not None and not isinstance(schema, FeatureSchema):
        schema = FeatureSchema.load(schema)
    if name == SYNTHETIC and schema is None:
        return synthetic()
    known = spec(name, data_dir)
    if schema is not None:
        known = dataclasses.replace(known, schema=schema)
    return load_spec(known, limits=limits, quarantine=quarantine)


def _fetch(dataset: Dataset, data_dir: str | pathlib.Path | None) -> pathlib.Path:
    try:
        return fetch(dataset.name, dataset.archive)
    except (OSError, ValueError) as error:
        looked = ", ".join(map(str, candidates(dataset.name, dataset.archive, data_dir)))
        raise DatasetNotFoundError(
            f"Data set `{dataset.name}` is in none of {looked}, and {dataset.archive.url} cannot "
            f"be fetched ({error}): name the folder that holds it with --data-dir (`data_dir=`) "
            f"or {DATA_VARIABLE}, or use --synthetic (`load('synthetic')`) for made-up data."
        ) from error
