"""How the original MovieLens files are read."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pandas as pd

from recommenders_tf.data.movielens_times import fill_times
from recommenders_tf.data.sources import TableSource

# fmt: off
# The flags at the end of each line of u.item, in the order of u.genre.
_GENRES = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
]
# The codes 0 to 20 of users.dat, named as its README names them.
_OCCUPATIONS = [
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student",
    "customer service", "doctor/health care", "executive/managerial", "farmer", "homemaker",
    "K-12 student", "lawyer", "programmer", "retired", "sales/marketing", "scientist",
    "self-employed", "technician/engineer", "tradesman/craftsman", "unemployed", "writer",
]
# fmt: on
_EVENT = ("user_id", "movie_id", "rating", "timestamp")

Sources = tuple[TableSource, TableSource | None, TableSource | None]


def find_file(folder: pathlib.Path, *names: str) -> pathlib.Path | None:
    """Return the first of the named files that a folder has, plain or gzip."""
    paths = (folder / (name + ending) for name in names for ending in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _file(folder: pathlib.Path, name: str) -> pathlib.Path:
    if (path := find_file(folder, name)) is None:
        raise FileNotFoundError(f"`{folder}` lacks the file {name} (or {name}.gz); add it.")
    return path


def sources_100k(folder: pathlib.Path) -> Sources:
    """Return the events, users and items of MovieLens 100K."""
    users = ("user_id", "age", "gender", "occupation", "zip_code")
    items = ("movie_id", "title", "release_date", "video_release_date", "imdb_url", *_GENRES)
    bar = functools.partial(TableSource, delimiter="|", encoding="latin-1", quoted=False)
    return (
        TableSource(_file(folder, "u.data"), delimiter="\t", columns=_EVENT, quoted=False),
        bar(_file(folder, "u.user"), columns=users, tidy=_drop_zip_code),
        bar(_file(folder, "u.item"), columns=items, tidy=_tidy_items_100k),
    )


def sources_1m(folder: pathlib.Path) -> Sources:
    """Return the events, users and items of MovieLens 1M.

    A copy may have the ratings as `ratings.csv` with some times missing. Beside it, the folder
    `sequential-ml-1m` with the order of each user's events gives them a time; see `fill_times`.
    """
    users = ("user_id", "gender", "age", "occupation", "zip_code")
    dat = functools.partial(TableSource, delimiter="::", encoding="latin-1")
    if ratings := find_file(folder, "ratings.dat"):
        events = dat(ratings, columns=_EVENT)
    else:
        ratings = _file(folder, "ratings.csv")
        order = find_file(folder.parent / "sequential-ml-1m", "ml-1m.txt")
        tidy = functools.partial(fill_times, ratings=ratings, order=order) if order else None
        events = TableSource(ratings, tidy=tidy)
    return (
        events,
        dat(_file(folder, "users.dat"), columns=users, tidy=_tidy_users_1m),
        dat(_file(folder, "movies.dat"), columns=("movie_id", "title", "genres"), tidy=_add_year),
    )


def sources_latest_small(folder: pathlib.Path) -> Sources:
    """Return the events and items of MovieLens latest-small, which has no user table."""
    return (
        TableSource(_file(folder, "ratings.csv"), tidy=_rename_ids),
        None,
        TableSource(_file(folder, "movies.csv"), tidy=_tidy_items_latest),
    )


def _drop_zip_code(users: pd.DataFrame) -> pd.DataFrame:
    return users.drop(columns="zip_code")


def _tidy_users_1m(users: pd.DataFrame) -> pd.DataFrame:
    names = {str(code): name for code, name in enumerate(_OCCUPATIONS)}
    occupation = users["occupation"].map(names).fillna("")
    return users.drop(columns="zip_code").assign(occupation=occupation)


def _tidy_items_100k(items: pd.DataFrame) -> pd.DataFrame:
    flags = (items[_GENRES] == "1").to_numpy()
    genres = np.full(len(items), "", dtype=object)
    for flag, genre in zip(flags.T, _GENRES, strict=True):
        genres = genres + np.where(flag, genre + "|", "").astype(object)
    year = items["release_date"].str.extract(r"(\d{4})$", expand=False).fillna("")
    return items[["movie_id", "title"]].assign(genres=genres, release_year=year)


def _rename_ids(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"userId": "user_id", "movieId": "movie_id"})


def _tidy_items_latest(items: pd.DataFrame) -> pd.DataFrame:
    genres = items["genres"].replace("(no genres listed)", "")
    return _add_year(_rename_ids(items).assign(genres=genres))


def _add_year(items: pd.DataFrame) -> pd.DataFrame:
    year = items["title"].str.extract(r"\((\d{4})\)\s*$", expand=False).fillna("")
    return items.assign(release_year=year)
