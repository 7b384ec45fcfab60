import pytest

from recommenders_tf import data
from tests.recommenders_tf.data.amazon_files import write_grocery


def test_grocery(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"needs both train.csv and item_meta.csv"):
        data.load("amazon-grocery", write_grocery(tmp_path / "only", with_events=False))
    log = data.load("amazon-grocery", write_grocery(tmp_path))
    assert log.events.to_dict("records") == [
        {"user_id": "7", "item_id": "3", "time": 965779200, "label": 1.0},
        {"user_id": "7", "item_id": "1", "time": 1068249600, "label": 1.0},
    ]
    assert log.items.to_dict("list") == {"item_id": ["1", "3"], "category": ["5", "0"]}
    assert [column.source for column in log.schema.sequences] == ["item_id", "category"]
