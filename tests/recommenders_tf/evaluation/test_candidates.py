import numpy as np
import pandas as pd
import pytest

from recommenders_tf.evaluation.candidates import candidate_rows, draw_unmet
from recommenders_tf.evaluation.protocol import Candidates
from recommenders_tf.evaluation.questions import Questions


@pytest.fixture(scope="module")
def asked(parts, model_of, table_of):
    encoded, test = parts
    graph = model_of(encoded, table_of(encoded, 9)).serving_graph()
    return Questions.of(graph, test), encoded.tables


def drawn(asked, candidates, step):
    questions, tables = asked
    return np.concatenate(list(candidate_rows(candidates, questions, tables, step)))


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
def test_drawn_items_are_neither_met_nor_asked_for(asked, kind):
    questions, tables = asked
    rows = drawn(asked, Candidates(kind, number=30, seed=1), 50)
    assert rows.shape == (240, 30)
    everything = slice(0, 240)
    met = [set() for _ in range(240)]
    for owners, items in (questions.seen(everything), questions.relevant(everything)):
        for owner, item in zip(owners, items, strict=True):
            met[owner].add(item)
    for row, own in zip(rows, met, strict=True):
        assert len(own) == 20
        assert len(set(row)) == 30
        assert not set(row) & own
        assert row.min() > 0 and row.max() < tables.items.size


def test_the_draw_depends_on_the_seed_alone(asked):
    first = drawn(asked, Candidates("uniform", 10, seed=1), 50)
    np.testing.assert_array_equal(first, drawn(asked, Candidates("uniform", 10, seed=1), 7))
    assert (first != drawn(asked, Candidates("uniform", 10, seed=2), 50)).any()


def test_items_are_drawn_in_proportion_to_their_weights():
    weights = np.array([0, 1, 2, 0, 5], np.float32)
    nothing = (np.zeros(0, int), np.zeros(0, int))
    rows = draw_unmet(np.random.default_rng(0), weights, 20_000, 1, nothing)
    shares = np.bincount(rows[:, 0], minlength=5) / 20_000
    assert shares == pytest.approx([0, 1 / 8, 2 / 8, 0, 5 / 8], abs=0.02)
    # Without replacement, one after another: the second is drawn from what is left.
    pairs = draw_unmet(np.random.default_rng(0), weights, 20_000, 2, nothing)
    left_out = np.bincount(7 - pairs.sum(axis=1), minlength=5)[[1, 2, 4]] / 20_000
    without_4 = 1 / 8 * 2 / 7 + 2 / 8 * 1 / 6
    assert left_out[2] == 0 or left_out[2] == pytest.approx(without_4, abs=0.02)


def test_where_few_items_are_left_the_rest_is_unknown():
    met = (np.zeros(8, int), np.arange(1, 9))
    weights = np.array([0.0, *[1.0] * 9], np.float32)
    (row,) = draw_unmet(np.random.default_rng(0), weights, 1, 30, met)
    assert sorted(row) == [0] * 9 + [9]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.rename(columns={"user_id": "user"}), "lacks the column `user_id`"),
        (lambda frame: frame.assign(item_id="nothing"), "names item `nothing`, which is not in"),
        (lambda frame: frame.iloc[1:], "names no candidates for user"),
    ],
)
def test_a_file_that_does_not_fit_is_named(asked, tmp_path, change, sentence):
    questions, tables = asked
    frame = pd.DataFrame({"user_id": questions.users, "item_id": tables.items.index[1]})
    change(frame).to_csv(tmp_path / "negatives.csv", index=False)
    with pytest.raises(ValueError, match=sentence):
        drawn(asked, Candidates("file", file=str(tmp_path / "negatives.csv")), 50)


def test_a_file_that_has_changed_is_named(asked, tmp_path):
    questions, tables = asked
    path = tmp_path / "negatives.csv"
    frame = pd.DataFrame({"user_id": questions.users, "item_id": tables.items.index[1]})
    frame.to_csv(path, index=False)
    candidates = Candidates("file", file=str(path))
    assert (drawn(asked, candidates, 50) == 1).all()
    frame.assign(item_id=tables.items.index[2]).to_csv(path, index=False)
    with pytest.raises(ValueError, match="is not the file that the protocol was made with"):
        drawn(asked, candidates, 50)


def test_wrong_candidates_are_named():
    with pytest.raises(ValueError, match="must be one of all, uniform, popularity, file"):
        Candidates("some")
    with pytest.raises(ValueError, match="`number` of candidates must be at least 1"):
        Candidates("uniform", number=0)
    for given in ({"kind": "file"}, {"file": "x.csv"}):
        with pytest.raises(ValueError, match="Candidates of kind `file` go with `file`"):
            Candidates(**given)
