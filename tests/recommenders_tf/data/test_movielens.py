import numpy as np
import pandas as pd
import pytest

from recommenders_tf import data
from recommenders_tf.data.movielens_times import fill_times
from recommenders_tf.schema import FeatureSchema
from tests.recommenders_tf.data.movielens_files import (
    WRITERS,
    write,
    write_1m,
    write_100k,
    write_latest_small,
)


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("RECOMMENDERS_TF_DATA", raising=False)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_100k(tmp_path, ending):
    log = data.load("movielens-100k", write_100k(tmp_path, ending))
    assert log.events.iloc[0].to_dict() == {
        "user_id": "1",
        "movie_id": "1",
        "timestamp": 874965758,
        "rating": 5.0,
    }
    assert log.users.to_dict("records")[1] == {
        "user_id": "2",
        "age": 53.0,
        "gender": "F",
        "occupation": "other",
    }
    assert log.items["title"].tolist() == [
        "Toy Story (1995)",
        "unknown",
        "Misérables, Les (1995)",
    ]
    assert log.items["genres"].tolist() == [["Animation", "Comedy"], ["unknown"], []]
    np.testing.assert_array_equal(log.items["release_year"], [1995, np.nan, 1996])
    assert log.report.unknown_columns == {}


def test_1m(tmp_path):
    log = data.load("movielens-1m", write_1m(tmp_path))
    assert log.users["occupation"].tolist() == ["K-12 student", "self-employed"]
    assert log.users["age"].tolist() == [1.0, 56.0]
    assert log.items["title"].tolist() == ["Toy Story (1995)", "1900 Été, L' (1968)"]
    assert log.items["release_year"].tolist() == [1995.0, 1968.0]
    assert log.events["timestamp"].tolist() == [978300760, 978302109, 978298413]


def test_latest_small(tmp_path):
    log = data.load("movielens-latest-small", write_latest_small(tmp_path))
    assert log.events["rating"].tolist() == [4.0, 0.5]
    assert log.users["user_id"].tolist() == ["1"]
    assert log.items["title"].tolist() == ["Toy Story (1995)", "11'09\"01, The (2002)"]
    assert log.items["genres"].tolist() == [["Animation", "Comedy"], []]
    assert log.items["release_year"].tolist() == [1995.0, 2002.0]


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_missing_file_is_named(tmp_path, name):
    folder = WRITERS[name](tmp_path)
    next(path for path in folder.iterdir() if path.name[:6] in ("u.item", "movies")).unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks the file (u.item|movies.(dat|csv)) "):
        data.load(name, folder)


# Movie 5 of user 1 is in no order, and user 3 has no known time at all.
RATINGS = [
    ("1", "1", "100"),
    ("1", "2", ""),
    ("1", "3", "110"),
    ("1", "4", ""),
    ("1", "5", ""),
    ("2", "1", ""),
    ("2", "2", "50"),
    ("3", "1", ""),
]
ORDER = ["1 4", "1 3", "2 4", "2 3", "2 2", "2 1", "3 4"]  # in new ids
USERS = ["1 2", "2 1", "3 3"]  # new id, MovieLens id
ITEMS = ["4 1", "3 2", "2 3", "1 4"]


def write_1m_with_gaps(folder):
    sequences = folder / "sequential-ml-1m"
    write(sequences / "ml-1m.txt.gz", ORDER)
    write(sequences / "sas_to_original_users.txt.gz", USERS)
    write(sequences / "sas_to_original_items.txt.gz", ITEMS)
    rows = [f"{user},{item},3,{time}" for user, item, time in RATINGS]
    write(folder / "movielens-1m" / "ratings.csv", ["user_id,movie_id,rating,timestamp", *rows])
    return write_1m(folder / "movielens-1m", ratings="ratings.csv")


def test_missing_times_are_filled_in_from_the_order(tmp_path):
    folder = write_1m_with_gaps(tmp_path)
    order = tmp_path / "sequential-ml-1m" / "ml-1m.txt.gz"
    events = pd.DataFrame(RATINGS, columns=["user_id", "movie_id", "timestamp"])
    filled = fill_times(events, ratings=folder / "ratings.csv", order=order)
    # between two known times; a second after the last known one; before the first known one
    expected = ["100", "105", "110", "111", "", "49", "50", ""]
    assert filled["timestamp"].tolist() == expected
    part = events.iloc[3:6].reset_index(drop=True)  # any batch of rows gives the same
    again = fill_times(part, ratings=folder / "ratings.csv", order=order)
    assert again["timestamp"].tolist() == expected[3:6]


def test_1m_with_gaps_counts_what_it_fills_and_what_it_cannot(tmp_path):
    folder = write_1m_with_gaps(tmp_path)
    with pytest.raises(data.BadDataError, match="missing time: 2"):
        data.load("movielens-1m", tmp_path)
    write(folder / "users.dat", [f"{user}::F::1::10::48067" for user in (1, 2, 3)])
    items = [f"{item}::Film (1990)::Drama" for item in range(1, 6)]
    write(folder / "movies.dat", items)
    limits = data.CleaningLimits(max_bad_share=0.5)
    log = data.load("movielens-1m", tmp_path, limits=limits)
    assert log.report.filled == {"events": {"timestamp": 3}}
    assert log.report.counts() == {"events": {"missing time": 2}}


def test_1m_with_gaps_and_no_order_stops(tmp_path):
    folder = write_1m_with_gaps(tmp_path / "a").rename(tmp_path / "movielens-1m")
    write(folder / "users.dat", [f"{user}::F::1::10::48067" for user in (1, 2, 3)])
    with pytest.raises(data.BadDataError, match="missing time: 5"):
        data.load("movielens-1m", tmp_path)


@pytest.mark.parametrize("name", [n for n in data.names() if not n.startswith("amazon")])
def test_the_schemas_hold_what_models_need(name, tmp_path):
    spec = data.spec(name, WRITERS[name](tmp_path) if name in WRITERS else None)
    schema = spec.schema
    assert schema.name == spec.name == name
    assert schema.label.positive_from == 4.0
    assert schema.event_time and schema.sequences and schema.crosses
    assert schema["history"].source == schema.item_id.name
    assert FeatureSchema.from_dict(schema.to_dict()) == schema
