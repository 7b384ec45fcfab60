import pytest

from recommenders_tf import data
from tests.recommenders_tf.data.movielens_files import write


def test_grocery(tmp_path) -> None:
    events = ["user_id\titem_id\ttime", "7\t3\t965779200", "7\t1\t1068249600"]
    write(tmp_path / "train.csv.gz", events)
    with pytest.raises(FileNotFoundError, match=r"needs both train.csv and item_meta.csv"):
        data.load("amazon-grocery", _with_items(tmp_path / "only", []))
    log = data.load("amazon-grocery", _with_items(tmp_path, ["1\t5\t[6, 1]\t[]", "3\t0\t[]\t[1]"]))
    assert log.events.to_dict("records") == [
        {"user_id": "7", "item_id": "3", "time": 965779200, "label": 1.0},
        {"user_id": "7", "item_id": "1", "time": 1068249600, "label": 1.0},
    ]
    assert log.items.to_dict("list") == {"item_id": ["1", "3"], "category": ["5", "0"]}
    assert [column.source for column in log.schema.sequences] == ["item_id", "category"]


def _with_items(folder, lines):
    write(folder / "item_meta.csv", ["item_id\ti_category\tr_complement\tr_substitute", *lines])
    return folder
