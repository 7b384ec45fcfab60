import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.tasks.next_item_task import NextItemTask

RANDOM = np.random.default_rng(0)
ITEMS, ROWS, STEPS = 30, 3, 8
STATES = RANDOM.normal(size=[ROWS, STEPS, 4]).astype(np.float32)
TARGETS = RANDOM.integers(2, ITEMS, [ROWS, STEPS])
WEIGHTS = (RANDOM.uniform(size=[ROWS, STEPS]) < 0.7).astype(np.float32)


class Catalogue:
    """Thirty items with vectors and biases."""

    all_vectors = RANDOM.normal(size=[ITEMS, 4]).astype(np.float32)
    biases = RANDOM.normal(size=[ITEMS]).astype(np.float32)

    def vectors(self, items):
        return tf.gather(self.all_vectors, items)

    def table(self):
        return tf.constant(self.all_vectors)

    def item_bias(self):
        return tf.constant(self.biases)


def loss(task, **kwargs) -> float:
    states, targets, weights = (tf.constant(part) for part in (STATES, TARGETS, WEIGHTS))
    return float(task(states, targets, weights, Catalogue(), **kwargs))


def places():
    return zip(*np.nonzero(WEIGHTS), strict=True)


def softmax(scores, right):
    return -(scores[right] - np.log(np.exp(scores).sum()))


def test_softmax_over_all_items_but_padding_and_unknown() -> None:
    scores = STATES @ Catalogue.all_vectors.T + Catalogue.biases
    expected = sum(softmax(scores[row, t, 2:], TARGETS[row, t] - 2) for row, t in places())
    np.testing.assert_allclose(loss(NextItemTask("softmax", ITEMS)), expected, rtol=1e-4)


def bpr_max(scores, right):
    """Hidasi and Karatzoglou 2018, eq. 10, of the first score and the others."""
    wrong = scores[right + 1 :]
    share = np.exp(wrong) / np.exp(wrong).sum()
    gain = (share / (1 + np.exp(wrong - scores[right]))).sum()
    return -np.log(gain) + 0.5 * (share * wrong**2).sum()


@pytest.mark.parametrize(("objective", "formula"), [("softmax", softmax), ("bpr_max", bpr_max)])
def test_with_items_drawn_once_for_a_batch(objective, formula) -> None:
    task = NextItemTask(objective, ITEMS, num_negatives=12, penalty=0.5)
    counts = np.arange(ITEMS) % 3 * (np.arange(ITEMS) > 1)
    task.assign(counts)
    task.negatives.generator.reset_from_seed(2)
    actual = loss(task)
    task.negatives.generator.reset_from_seed(2)
    drawn = task.negatives(tf.zeros([1])).numpy()[0]
    assert (counts[drawn] > 0).all()
    scores = STATES @ Catalogue.all_vectors.T + Catalogue.biases
    expected, clashes = 0.0, 0
    for row, t in places():
        others = drawn[drawn != TARGETS[row, t]]
        clashes += len(drawn) - len(others)
        expected += formula(scores[row, t, [TARGETS[row, t], *others]], 0)
    assert clashes  # so that leaving them out is tested
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


def test_very_many_drawn_items_stand_for_all() -> None:
    """Each of the others then counts as often as it is drawn."""
    task = NextItemTask("softmax", ITEMS, num_negatives=60000)
    task.assign((np.arange(ITEMS) > 1).astype(int))
    times = 60000 / (ITEMS - 2)
    scores = STATES @ Catalogue.all_vectors.T + Catalogue.biases
    expected = 0.0
    for row, t in places():
        own = np.exp(scores[row, t, TARGETS[row, t]])
        expected -= np.log(own / (own + times * (np.exp(scores[row, t, 2:]).sum() - own)))
    np.testing.assert_allclose(loss(task), expected, rtol=0.01)


def test_items_are_drawn_by_a_power_of_how_often_they_occur() -> None:
    task = NextItemTask("softmax", ITEMS, num_negatives=50000, sample_power=0.5)
    task.assign(np.where(np.arange(ITEMS) > 1, np.arange(ITEMS) ** 2, 0))
    share = np.bincount(task.negatives(tf.zeros([1])).numpy()[0], minlength=ITEMS) / 50000
    weights = np.where(np.arange(ITEMS) > 1, np.arange(ITEMS), 0)
    np.testing.assert_allclose(share, weights / weights.sum(), atol=0.005)


@pytest.mark.parametrize("calibration", [0.0, 0.75])
@pytest.mark.parametrize("count", [1, 8])
def test_binary(count, calibration) -> None:
    """gBCE (Petrov and Macdonald 2023, eq. 11 and 15) of the negatives drawn, from a level on."""
    task = NextItemTask("binary", ITEMS, count, calibration)
    task.negatives.generator.reset_from_seed(5)
    met = RANDOM.uniform(size=[ROWS, STEPS]) < 0.3
    actual = loss(task, has_met=lambda _: tf.constant(met))
    task.negatives.generator.reset_from_seed(5)
    drawn = task.negatives(tf.constant(TARGETS.ravel() if count == 1 else TARGETS)).numpy()
    alpha = count / (ITEMS - 2 - 1)
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    scores = STATES @ Catalogue.all_vectors.T + np.log(beta / count)
    expected, left_out = 0.0, 0
    for row, t in places():
        expected += beta * np.log1p(np.exp(-scores[row, t, TARGETS[row, t]]))
        for item in drawn[row] if count > 1 else drawn[row * STEPS + t]:
            counts = item != TARGETS[row, t] and not (count == 1 and met[row, t])
            left_out += not counts
            expected += counts * np.log1p(np.exp(scores[row, t, item]))
    assert left_out
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


@pytest.mark.parametrize("calibration", [0.0, 0.75])
def test_scores_of_zero_are_right_where_items_are_alike(calibration) -> None:
    """As many right ones as the loss counts among those compared, so that no level is to learn."""
    task = NextItemTask("binary", 5002, 256, calibration)
    level = tf.Variable(0.0)

    class Alike(Catalogue):
        def vectors(self, items):
            return tf.ones([*items.shape, 1])

    with tf.GradientTape() as tape:
        states = tf.fill([2, 50, 1], level)
        value = task(states, tf.fill([2, 50], tf.constant(2, tf.int64)), tf.ones([2, 50]), Alike())
    assert abs(float(tape.gradient(value, level))) < 1e-3 * float(value)


def test_what_does_not_go_together_is_named() -> None:
    with pytest.raises(ValueError, match="`objective` is `hinge`; it must be one of binary, pair"):
        NextItemTask("hinge", ITEMS)
    for objective in ("binary", "pairwise", "bpr_max"):
        message = f"must be at least 1 with the objective `{objective}`; it is 0"
        with pytest.raises(ValueError, match=message):
            NextItemTask(objective, ITEMS)
    with pytest.raises(ValueError, match="at least 0 with the objective `softmax`; it is -1"):
        NextItemTask("softmax", ITEMS, -1)
    for calibration in (-0.1, 1.5):
        with pytest.raises(ValueError, match=rf"`calibration` must be .* 1; it is {calibration}"):
            NextItemTask("binary", ITEMS, 8, calibration)


def test_the_corrected_softmax_over_popular_items_tends_to_that_over_all() -> None:
    tf.keras.utils.set_random_seed(2)
    random = np.random.default_rng(2)
    table = random.normal(size=[12, 3]).astype(np.float32)
    counts = np.array([0, 0, 500, 200, 100, 50, 20, 20, 10, 10, 5, 5])
    states = tf.constant(random.normal(size=[2, 2, 3]).astype(np.float32))
    targets = tf.constant([[2, 5], [11, 3]], tf.int64)

    class Items:
        def vectors(self, items):
            return tf.gather(table, items)

        def table(self):
            return tf.constant(table)

        def item_bias(self):
            return tf.zeros([12])

    def loss(task):
        task.assign(counts)
        with tf.GradientTape() as tape:
            tape.watch(states)
            value = task(states, targets, tf.ones([2, 2]), Items())
        return np.append(tape.gradient(value, states), value)

    exact = loss(NextItemTask("softmax", 12))
    drawn = {"sample_power": 1.0, "num_negatives": 1_000_000}
    corrected = loss(NextItemTask("softmax", 12, corrected=True, **drawn))
    np.testing.assert_allclose(corrected, exact, atol=0.03)
    assert np.abs(loss(NextItemTask("softmax", 12, **drawn)) - exact)[:-1].max() > 0.1


@pytest.mark.parametrize("count", [1, 8])
def test_pairwise(count) -> None:
    """Zhou et al. 2020, section 4.3: −log σ(s⁺ − s⁻) of what was drawn and is not met."""
    task = NextItemTask("pairwise", ITEMS, count)
    task.negatives.generator.reset_from_seed(5)
    met = RANDOM.uniform(size=[ROWS, STEPS]) < 0.3
    actual = loss(task, has_met=lambda _: tf.constant(met))
    task.negatives.generator.reset_from_seed(5)
    drawn = task.negatives(tf.constant(TARGETS.ravel() if count == 1 else TARGETS)).numpy()
    scores = STATES @ Catalogue.all_vectors.T
    expected = 0.0
    for row, t in places():
        for item in drawn[row] if count > 1 else drawn[row * STEPS + t]:
            counts = item != TARGETS[row, t] and not (count == 1 and met[row, t])
            expected += counts * np.log1p(
                np.exp(scores[row, t, item] - scores[row, t, TARGETS[row, t]])
            )
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
