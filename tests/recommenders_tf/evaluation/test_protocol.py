import dataclasses
import json

import pandas as pd
import pytest

from recommenders_tf.data import Split
from recommenders_tf.evaluation import Candidates, Protocol
from recommenders_tf.evaluation.protocol import differences

PROTOCOLS = {
    "The last event of each user is test; ranked among all items that the user has not seen.": (
        Protocol()
    ),
    "Users with at least 5 events and items with at least 3 events; the latest 20 % of the events "
    "are test; ranked among all items, seen ones too.": Protocol(
        Split("time", test_share=0.2), min_user_events=5, min_item_events=3, exclude_seen=False
    ),
    "10 % of the users are held out, drawn with seed 4, and of their events 80 % are known; ranked "
    "among 99 unseen items of each user, drawn by popularity with seed 2.": Protocol(
        Split("users", seed=4), candidates=Candidates("popularity", 99, 2)
    ),
    "10 % of the events are test, drawn with seed 0; ranked among the items of `Some.csv` that the "
    "user has not seen.": Protocol(
        Split("random_events"), candidates=Candidates("file", file="Some.csv")
    ),
    "Fold 1 of `u.csv` is test; ranked among all items that the user has not seen.": Protocol(
        Split("folds", folds="u.csv", fold="1")
    ),
}


@pytest.mark.parametrize("sentence", PROTOCOLS)
def test_a_protocol_in_a_sentence_and_as_plain_values(sentence):
    protocol = PROTOCOLS[sentence]
    assert protocol.describe() == sentence
    written = json.loads(json.dumps(protocol.to_dict()))
    assert Protocol.from_dict(written) == protocol


def test_a_cut_is_that_of_the_log(planted_log):
    protocol = Protocol(Split("random", test_share=0.5), min_item_events=45)
    core = planted_log.k_core(items=45)
    assert len(core) < len(planted_log)
    expected = core.split("random", test_share=0.5, validation=True)
    for part, same in zip(protocol.cut(planted_log, validation=True), expected, strict=True):
        pd.testing.assert_frame_equal(part.events, same.events)
    assert len(protocol.cut(planted_log)) == 2


def test_differences_name_what_differs():
    first = PROTOCOLS[next(iter(PROTOCOLS))]
    assert differences(first.to_dict(), first.to_dict()) == []
    other = dataclasses.replace(first, split=Split("time"), min_user_events=2)
    assert differences(first.to_dict(), other.to_dict()) == [
        "`split.strategy` ('leave_last_out', 'time')",
        "`split.test_share` (None, 0.1)",
        "`min_user_events` (1, 2)",
    ]
    # What a strategy does not read makes no difference.
    assert differences(first.to_dict(), Protocol(Split(seed=7)).to_dict()) == []


@pytest.mark.parametrize("of_split", [True, False])
def test_a_file_is_told_from_another_one_of_its_name(tmp_path, of_split):
    path = tmp_path / "file.csv"

    def protocol():
        if of_split:
            return Protocol(Split("folds", folds=str(path)))
        return Protocol(candidates=Candidates("file", file=str(path)))

    path.write_text("row,fold\n0,test\n")
    first = protocol()
    assert differences(first.to_dict(), protocol().to_dict()) == []
    path.write_text("row,fold\n0,train\n")
    (found,) = differences(first.to_dict(), protocol().to_dict())
    assert found.startswith("`split.digest` (" if of_split else "`candidates.digest` (")
    kept = Protocol.from_dict(json.loads(json.dumps(first.to_dict())))
    assert kept == first  # whatever the file has become
