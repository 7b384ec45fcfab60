import numpy as np
import pandas as pd
import pytest

from recommenders_tf.data import Split, splits, synthetic

SPLITS = {
    "leave_last_out": Split(),
    "time": Split("time", test_share=0.2),
    "random": Split("random", test_share=0.25),
    "random_events": Split("random_events", test_share=0.1),
    "users": Split("users", test_share=0.2),
}


@pytest.fixture(scope="module")
def log():
    return synthetic(num_users=60, num_items=80, num_events=1500, seed=2)


def keys(frame):
    return list(map(tuple, frame[["user_id", "item_id", "timestamp"]].to_numpy()))


@pytest.mark.parametrize("strategy", SPLITS)
def test_every_event_goes_to_one_part_and_the_same_arguments_give_the_same_parts(log, strategy):
    parts, again = (log.split(SPLITS[strategy], validation=True) for _ in range(2))
    for part, same in zip(parts, again, strict=True):
        pd.testing.assert_frame_equal(part.events, same.events)
    train, validation, test = parts
    assert not set(keys(test.events)) & set(keys(test.past))
    assert not set(keys(validation.events)) & set(keys(validation.past))
    known = set(keys(test.past)) | set(keys(test.events))
    assert known == set(keys(log.events))
    assert set(keys(train.events)) | set(keys(validation.events)) <= set(keys(test.past))
    plain_train, plain_test = log.split(SPLITS[strategy])
    pd.testing.assert_frame_equal(plain_test.events, test.events)
    assert len(plain_train) > len(train)


@pytest.mark.parametrize("strategy", ["random", "random_events", "users"])
def test_another_seed_draws_other_events(log, strategy):
    first, second = (log.split(strategy, seed=seed)[1].events for seed in (0, 1))
    assert not first.equals(second)


def test_random_takes_a_share_of_each_user(log):
    train, test = log.split("random", test_share=0.25)
    counts = log.events["user_id"].value_counts()
    drawn = test.events["user_id"].value_counts().reindex(counts.index, fill_value=0)
    expected = np.minimum(np.floor(counts * 0.25 + 0.5), counts - 1)
    np.testing.assert_array_equal(drawn, expected)
    assert set(train.events["user_id"]) == set(counts.index)


def test_random_events_takes_a_share_of_all(log):
    _, test = log.split("random_events", test_share=0.1)
    assert len(test) == 150


def test_held_out_users_are_known_by_a_part_of_their_events_alone(log):
    train, validation, test = log.split("users", validation=True, test_share=0.2, fold_in=0.8)
    users = [set(part.events["user_id"]) for part in (train, validation, test)]
    assert len(users[2]) == 12
    assert len(users[1]) == round(0.2 * 48)
    assert not users[0] & users[1] and not users[0] & users[2] and not users[1] & users[2]
    counts = log.events["user_id"].value_counts()
    for part, others in ((validation, users[2]), (test, set())):
        held_out = part.events["user_id"].value_counts()
        past = part.past["user_id"].value_counts()
        for user, number in held_out.items():
            assert number == max(1, np.floor(0.2 * counts[user] + 0.5))
            assert past[user] == counts[user] - number
        assert not others & set(past.index)


def test_a_user_with_one_event_is_never_held_out():
    assert not splits.held_out_users([0, 1, 2], share=0.9, seed=0).any()
    assert not splits.random_share([0, 1, 2], share=0.9, seed=0).any()
    assert splits.random_share([0, 0, 1, 1], share=0.01, seed=0, least=1).sum() == 2


def test_random_draws_are_even():
    users = np.repeat(np.arange(200), 10)
    drawn = sum(splits.random_share(users, 0.3, seed).astype(int) for seed in range(100))
    assert drawn.reshape(200, 10).sum(axis=0) == pytest.approx(np.full(10, 6000), rel=0.03)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_given_folds(log, tmp_path, suffix):
    names = np.array(["train", "validation", "test"], object)[np.arange(len(log)) % 7 // 3]
    frame = pd.DataFrame({"row": np.arange(len(log)), "fold": names}).sample(frac=1, random_state=1)
    path = tmp_path / f"folds.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    parts = log.split("folds", folds=str(path), validation=True)
    for part, name in zip(parts, ("train", "validation", "test"), strict=True):
        pd.testing.assert_frame_equal(part.events, log.events[names == name].reset_index(drop=True))
    split = Split("folds", folds=str(path))
    train, _ = log.split(split)
    assert len(train) == np.count_nonzero(names != "test")
    frame = frame.assign(fold="train")
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    with pytest.raises(ValueError, match="is not the file that the protocol was made with"):
        log.split(split)


def test_folds_may_be_a_column_with_names_of_ones_own(log):
    _, test = log.split("folds", folds="device", fold="tv")
    assert set(test.events["device"]) == {"tv"}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (range(1, 1501), "names row 0 0 times"),
        ([0, *range(1499)], "names row 0 2 times"),
        (range(1499), "has 1,499 rows for 1,500 events, and names row 1499 0 times"),
    ],
)
def test_a_file_of_folds_must_name_every_row_once(log, tmp_path, rows, sentence):
    path = tmp_path / "folds.csv"
    pd.DataFrame({"row": rows}).assign(fold="train").to_csv(path, index=False)
    with pytest.raises(ValueError, match=sentence):
        log.split("folds", folds=str(path))


def test_wrong_arguments_are_named(log, tmp_path):
    with pytest.raises(ValueError, match="`strategy` must be one of leave_last_out, time, random"):
        log.split("randm")
    with pytest.raises(ValueError, match="`fold_in` must lie between 0 and 1"):
        log.split("users", fold_in=1)
    with pytest.raises(ValueError, match="needs `folds`"):
        log.split("folds")
    with pytest.raises(ValueError, match="'nothing', neither a column of the events nor a file"):
        log.split("folds", folds="nothing")
    pd.DataFrame({"line": [0]}).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(ValueError, match="lacks the column `row`; it has line"):
        log.split("folds", folds=str(tmp_path / "x.csv"))


def naive_k_core(users, items, per_user, per_item):
    left = set(range(len(users)))
    while True:
        rare = {
            e
            for e in left
            if sum(users[o] == users[e] for o in left) < per_user
            or sum(items[o] == items[e] for o in left) < per_item
        }
        if not rare:
            return sorted(left)
        left -= rare


def test_k_core_against_a_loop():
    random = np.random.default_rng(0)
    for _ in range(5):
        users, items = random.integers(0, 30, 120), random.integers(0, 40, 120)
        kept = splits.k_core(users, items, 4, 3)
        assert np.flatnonzero(kept).tolist() == naive_k_core(users, items, 4, 3)


def test_k_core_of_a_log_leaves_out_rare_users_and_items_everywhere(log):
    core = log.k_core(users=16, items=9)
    assert 0 < len(core) < len(log)
    for name, least in (("user_id", 16), ("item_id", 9)):
        assert core.events[name].value_counts().min() >= least
    assert set(core.users["user_id"]) == set(core.events["user_id"])
    assert set(core.items["item_id"]) == set(core.events["item_id"])
    with pytest.raises(ValueError, match="every user is to have 999 events"):
        log.k_core(users=999)


def test_split_as_plain_values_has_what_it_reads():
    assert Split("users", seed=3).to_dict() == {
        "strategy": "users",
        "test_share": 0.1,
        "seed": 3,
        "fold_in": 0.8,
    }
    assert Split(seed=5).to_dict() == Split().to_dict() == {"strategy": "leave_last_out"}
