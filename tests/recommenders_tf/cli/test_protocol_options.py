from __future__ import annotations

import pytest

from recommenders_tf.cli.protocol_options import AskedOptions, Kind, SplitOptions, Strategy
from recommenders_tf.data import Split
from recommenders_tf.data.split import STRATEGIES
from recommenders_tf.evaluation import Candidates, Protocol
from recommenders_tf.evaluation.protocol import CANDIDATES


def test_the_choices_are_those_of_the_library():
    assert tuple(strategy.value for strategy in Strategy) == STRATEGIES
    assert tuple(kind.value for kind in Kind) == CANDIDATES


def test_nothing_given_keeps_the_protocol():
    kept = Protocol(Split("time", test_share=0.3), min_user_events=4)
    assert SplitOptions().over(kept) == kept
    assert AskedOptions().over(kept) == kept


def test_what_is_given_replaces_what_was_there():
    before = Protocol(Split("users", test_share=0.3, seed=5), min_user_events=4)
    after = SplitOptions(split_seed=6, fold_in=0.5, min_user_events=2).over(before)
    assert after == Protocol(Split("users", test_share=0.3, seed=6, fold_in=0.5), min_user_events=2)
    other = SplitOptions(split=Strategy.RANDOM).over(before)
    assert other.split == Split("random")  # another strategy begins with its own defaults
    assert other.min_user_events == 4


def test_another_file_of_folds_has_a_digest_of_its_own(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    before = Protocol(Split("folds", folds=str(tmp_path / "a")))
    after = SplitOptions(folds=str(tmp_path / "b")).over(before)
    assert after.split == Split("folds", folds=str(tmp_path / "b"))
    assert after.split.digest not in (None, before.split.digest)


def test_candidates_of_a_file_need_no_second_option(tmp_path):
    asked = AskedOptions(candidate_file=tmp_path / "x.csv", include_seen=True)
    protocol = asked.over(Protocol())
    assert protocol.candidates == Candidates("file", file=str(tmp_path / "x.csv"))
    assert not protocol.exclude_seen
    drawn = AskedOptions(candidates=Kind.UNIFORM, num_candidates=99, candidate_seed=3)
    assert drawn.over(Protocol()).candidates == Candidates("uniform", 99, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fold_in": 0.5}, "--fold-in does not go with --split leave_last_out"),
        ({"split": Strategy.TIME, "split_seed": 1}, "--split-seed does not go with --split time"),
        ({"split": Strategy.TIME, "test_share": 2.0}, "`test_share` must lie between 0 and 1"),
    ],
)
def test_options_that_do_not_go_together(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        SplitOptions(**options).over(Protocol())
