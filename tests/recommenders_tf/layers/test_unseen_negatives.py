import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.layers import UnseenNegatives
from recommenders_tf.schema import FIRST_ID

NUM_ITEMS = 12


def layer(met: dict[int, list[int]], **kwargs) -> UnseenNegatives:
    rows = np.repeat(list(met), [len(items) for items in met.values()])
    columns = np.concatenate([*met.values()]).astype(int)
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (5, NUM_ITEMS))
    made = UnseenNegatives(NUM_ITEMS, seed=3, **kwargs)
    made.assign(matrix)
    return made


def test_all_that_is_unseen_alike_and_nothing_else() -> None:
    met = {2: [2, 5, 11], 4: [3], 3: []}
    users = np.repeat([2, 3, 4], 4000)
    items, found = (part.numpy() for part in layer(met)(tf.constant(users, tf.int64)))
    assert found.all()
    for user in (2, 3, 4):
        counts = np.bincount(items[users == user], minlength=NUM_ITEMS)
        unseen = [i for i in range(FIRST_ID, NUM_ITEMS) if i not in met[user]]
        assert counts[unseen].sum() == 4000
        np.testing.assert_allclose(counts[unseen], 4000 / len(unseen), rtol=0.2)


def test_a_user_who_has_met_everything_gets_none() -> None:
    everything = layer({4: list(range(FIRST_ID, NUM_ITEMS)), 2: [3]})
    _, found = everything(tf.constant([4, 2, 4], tf.int64))
    assert found.numpy().tolist() == [False, True, False]


def test_every_call_draws_anew_and_the_seed_decides() -> None:
    users = tf.fill([20], tf.constant(2, tf.int64))
    one, other = layer({2: [3]}), layer({2: [3]})
    first, second = one(users)[0].numpy(), one(users)[0].numpy()
    assert (first != second).any()
    assert (other(users)[0].numpy() == first).all()


def test_config() -> None:
    config = layer({2: [3]}).get_config()
    assert UnseenNegatives.from_config(config).get_config() == config
    assert (config["num_items"], config["seed"]) == (NUM_ITEMS, 3)


def test_who_met_what_is_no_weight() -> None:
    names = [weight.name for weight in layer({2: [3]}).weights]
    assert not any("keys" in name or "splits" in name for name in names)
