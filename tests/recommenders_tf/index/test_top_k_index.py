"""What holds for every kind of index, beside a sort of all scores."""

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.index import TopKIndex, kinds
from tests.harness import assert_only_stock_ops
from tests.recommenders_tf.index.planted import CONFIGS, lists_of, planted

STOCK = [name for name in CONFIGS if name.split("_")[0] in ("exact", "ivf")]
ALL = list(CONFIGS)


def build(name, items=3000, strings=False, seed=0):
    """Return an index that probes all, its vectors, ids and queries."""
    vectors, genres, queries = planted(items, seed)
    ids = np.arange(items) + 100
    ids = np.char.add("i", ids.astype(str)).astype(object) if strings else ids
    kind, config = CONFIGS[name]
    index = kinds.get(kind)(vectors, ids, {"genre": genres, "lists": lists_of(items)}, config)
    return index, vectors, ids, queries


@pytest.fixture(scope="module", params=ALL)
def built(request):
    return build(request.param)


def expected(vectors, queries, k, hidden=None):
    """Return scores and rows by a sort: best first, ties by lower row."""
    scores = queries.astype(np.float64) @ vectors.T
    if hidden is not None:
        scores = np.where(hidden, -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


def check(found, vectors, ids, queries, hidden=None, recall=0.95):
    """Assert that an answer is full, in order, allowed, truly scored, and nearly the best."""
    scores, names = found
    k = scores.shape[1]
    best, order = expected(vectors, queries, k, hidden)
    there = np.isfinite(best).sum(axis=1)
    assert (np.isfinite(scores).sum(axis=1) == there).all(), "an answer is not full"
    assert (np.diff(np.nan_to_num(scores, neginf=-1e30), axis=1) <= 1e-5).all()
    position = {name: row for row, name in enumerate(ids)}
    hits = 0
    for query, (own, own_scores) in enumerate(zip(names, scores, strict=True)):
        rows = [position[name] for name in own[: there[query]]]
        assert len(set(rows)) == len(rows), "an item comes twice"
        if hidden is not None:
            assert not hidden[query, rows].any(), "an item that is not allowed came back"
        np.testing.assert_allclose(
            own_scores[: there[query]],
            queries[query] @ vectors[rows].T,
            rtol=0.005,
            atol=0.1,  # bfloat16
        )
        hits += len(set(rows) & set(order[query, : there[query]]))
        assert all(name in (-1, "") for name in own[there[query] :])
    assert hits >= recall * there.sum(), hits / max(1, there.sum())


@pytest.mark.parametrize("k", [1, 10, 3500])
def test_finds_the_best(built, k) -> None:
    index, vectors, ids, queries = built
    check(index.search(queries, k), vectors, ids, queries)


def test_what_is_excluded_never_comes_back(built) -> None:
    index, vectors, ids, queries = built
    _, order = expected(vectors, queries, 2990)
    # The very best of each query, of one query all but ten, of another nothing.
    counts = [min(2990, number) for number in (2990, 0, *range(1, len(queries) - 1))]
    hidden = np.zeros((len(queries), len(vectors)), bool)
    for query, count in enumerate(counts):
        hidden[query, order[query, :count]] = True
    exclude = [[*ids[row], 7] if row.sum() % 2 else [*ids[row]] for row in hidden]
    check(index.search(queries, 20, exclude=exclude), vectors, ids, queries, hidden)


@pytest.mark.parametrize(
    ("allow", "share"),
    [({"genre": ["common"]}, 0.9), ({"genre": ["rare"]}, 0.002), ({"lists": ["third"]}, 1 / 3)],
)
def test_a_list_of_categories_keeps_the_answer_full(built, allow, share) -> None:
    index, vectors, ids, queries = built
    name, values = next(iter(allow.items()))
    column = planted(len(vectors))[1] if name == "genre" else lists_of(len(vectors))
    inside = np.array([bool(set(values) & set(np.atleast_1d(own))) for own in column])
    assert 0.5 * share < inside.mean() < 1.5 * share
    hidden = np.broadcast_to(~inside, (len(queries), len(vectors))).copy()
    check(index.search(queries, 10, allow=allow), vectors, ids, queries, hidden)
    best = expected(vectors, queries, 3, hidden)[1]
    for query, rows in enumerate(best):
        hidden[query, rows] = True
    found = index.search(queries, 10, exclude=list(ids[best]), allow=allow)
    check(found, vectors, ids, queries, hidden)


def test_nothing_is_allowed_or_all_is_excluded(built) -> None:
    index, _, ids, queries = built
    for filters in ({"allow": {"genre": []}}, {"exclude": [list(ids)] * len(queries)}):
        scores, names = index.search(queries, 3, **filters)
        assert np.isneginf(scores).all() and (names == -1).all()


def test_no_query_has_no_answer(built) -> None:
    index, vectors, _, _ = built
    scores, names = index.search(np.zeros((0, vectors.shape[1])), 3)
    assert scores.shape == names.shape == (0, 3)


def test_bad_requests_name_the_argument(built) -> None:
    index, vectors, ids, queries = built
    with pytest.raises(ValueError, match="`k` must be at least 1; it is 0"):
        index.search(queries, 0)
    with pytest.raises(ValueError, match=r"`queries` has the shape \[1, 3\]"):
        index.search(np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="`exclude` has 1 lists for"):
        index.search(queries, 1, exclude=[[1]])
    with pytest.raises(ValueError, match=r"names the attribute `mood`.*`genre`"):
        index.search(queries, 1, allow={"mood": ["sad"]})
    with pytest.raises(ValueError, match=r"wrap it, \['rare'\]"):
        index.search(queries, 1, allow={"genre": "rare"})
    with pytest.raises(ValueError, match=r"`ids` has .* more than once"):
        index.add(vectors[:1], ids[:1], {"genre": ["rare"], "lists": [["third"]]})
    with pytest.raises(ValueError, match="give just these with `add`"):
        index.add(vectors[:1], [1])
    with pytest.raises(ValueError, match="does not hold 5"):
        index.remove([5])
    with pytest.raises(ValueError, match="has a value in row 1 that is not finite"):
        type(index)(np.array([[1.0], [np.nan]]), [1, 2])
    with pytest.raises(ValueError, match=r"`vectors` has the shape \[0, 4\]"):
        type(index)(np.zeros((0, 4)), [])


@pytest.mark.parametrize("name", ALL)
def test_added_items_are_found_and_removed_ones_are_not(name, tmp_path) -> None:
    index, vectors, ids, queries = build(name, strings=True)
    more, genres, _ = planted(500, seed=1)
    names = np.char.add("new", np.arange(500).astype(str)).astype(object)
    index.add(2 * more, names, {"genre": genres, "lists": lists_of(500)})
    vectors, ids = np.concatenate([vectors, 2 * more]), np.concatenate([ids, names])
    check(index.search(queries, 10), vectors, ids, queries)
    gone = np.random.default_rng(2).choice(3500, 1700, replace=False)
    index.remove(ids[gone])
    vectors, ids = np.delete(vectors, gone, axis=0), np.delete(ids, gone)
    assert len(index) == len(ids) == 1800
    check(index.search(queries, 10), vectors, ids, queries)
    before = index.search(queries, 7, allow={"genre": ["common"]})
    loaded = TopKIndex.load(index.save(tmp_path / "index"))
    assert type(loaded) is type(index) and loaded.config == index.config
    after = loaded.search(queries, 7, allow={"genre": ["common"]})
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_allclose(after[0], before[0], rtol=1e-6)
    loaded.remove(ids)
    assert np.isneginf(loaded.search(queries, 2)[0]).all()


@pytest.mark.parametrize("name", STOCK)
def test_a_saved_model_searches_with_stock_ops(name, tmp_path) -> None:
    index, _, _, queries = build(name)
    excluded = tf.RaggedTensor.from_row_lengths(
        tf.range(len(queries), dtype=tf.int64), [1] * len(queries)
    ).with_row_splits_dtype(tf.int64)
    tf.saved_model.save(index, str(tmp_path / "1"))
    assert_only_stock_ops(tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    scores, rows = loaded.searcher(queries, tf.constant(5), excluded)
    expected_scores, ids = index.search(
        queries, 5, exclude=[[100 + i] for i in range(len(queries))]
    )
    np.testing.assert_array_equal(rows + 100, ids)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)


def test_a_folder_that_is_no_index(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no index"):
        TopKIndex.load(tmp_path)
    with pytest.raises(ValueError, match="There is no index of kind 'tree': choose one of exact"):
        kinds.get("tree")
