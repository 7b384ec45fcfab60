import pytest

from recommenders_tf.data.sources import TableSource
from recommenders_tf.schema import FeatureSchema


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recommenders_tf"


@pytest.fixture
def schema():
    return FeatureSchema.from_dict(
        {
            "name": "toy",
            "columns": {
                "user": {"kind": "id", "role": "user"},
                "age": {"kind": "numeric", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "genres": {"kind": "multi_hot", "role": "item"},
                "device": {"kind": "categorical", "role": "context"},
                "time": {"kind": "timestamp", "role": "event_time"},
                "rating": {"kind": "label", "role": "label"},
            },
        }
    )


@pytest.fixture
def tables():
    """Raw rows of three tables from lines of text, with good rows to which a test adds bad ones."""

    def make(events=(), users=(), items=(), good=4):
        lines = {
            "events": [f"u{i},i{i % 2},{100 + i},3,tv" for i in range(good)] + list(events),
            "users": [f"u{i},{20 + i}" for i in range(good)] + list(users),
            "items": ["i0,a|b", "i1,", *items],
        }
        columns = {
            "events": ("user", "item", "time", "rating", "device"),
            "users": ("user", "age"),
            "items": ("item", "genres"),
        }
        return {
            table: TableSource("memory", columns=columns[table]).parse_lines(rows)
            for table, rows in lines.items()
        }

    return make
