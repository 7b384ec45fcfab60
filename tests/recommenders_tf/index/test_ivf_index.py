import numpy as np
import pytest

from recommenders_tf.index import IVFConfig, IVFIndex, IVFPQConfig, IVFPQIndex
from recommenders_tf.index.k_means import k_means, nearest_centroids
from tests.recommenders_tf.index.planted import planted


def test_more_probes_miss_fewer_items_until_it_is_exact() -> None:
    random = np.random.default_rng(0)
    vectors, queries = (random.standard_normal((n, 16)).astype(np.float32) for n in (3000, 30))
    index = IVFIndex(vectors, np.arange(3000), config=IVFConfig(lists=50, probes=1))
    best = np.argsort(-queries @ vectors.T, axis=1)[:, :10]
    recalls = []
    for probes in (1, 5, 50):
        index.probes.assign(probes)
        _, ids = index.search(queries, 10)
        recalls.append(np.mean([np.isin(a, b).mean() for a, b in zip(ids, best, strict=True)]))
    assert recalls[0] < recalls[1] < recalls[2] == 1.0
    assert index.is_exact()


def test_the_list_that_promises_most_is_looked_into() -> None:
    """By the expected greatest of its scores, were they normal, after adding and removing too."""
    random = np.random.default_rng(3)
    sizes = random.exponential(size=(2000, 1))  # as popular items' vectors are longer than others
    vectors = (sizes * random.standard_normal((2000, 6))).astype(np.float32)
    queries = random.standard_normal((200, 6)).astype(np.float32)
    index = IVFIndex(vectors[:1900], np.arange(1900), config=IVFConfig(lists=30, probes=1))
    index.add(vectors[1900:], np.arange(1900, 2000))
    index.remove(np.arange(0, 2000, 7))
    left = np.setdiff1d(np.arange(2000), np.arange(0, 2000, 7))
    centroids = index.centroids.numpy()
    own = nearest_centroids(vectors[left], centroids)
    promises, best = np.zeros((2, 200, 30))
    for number in range(30):
        members = vectors[left][own == number]
        variances = np.square(members - centroids[number]).mean(axis=0)
        spread = np.sqrt(2 * np.log(len(members)) * (queries**2 @ variances))
        promises[:, number] = queries @ centroids[number] + spread
        best[:, number] = (queries @ members.T).max(axis=1)
    scores, _ = index.search(queries, 1)
    chosen = promises.argmax(axis=1)
    assert (chosen != (queries @ centroids.T).argmax(axis=1)).any()
    np.testing.assert_allclose(scores[:, 0], best[np.arange(200), chosen], rtol=1e-4)


def test_codes_come_near_to_the_vectors() -> None:
    """What the lists are looked through by: nearer than centroids alone, and rounded."""
    vectors, _, _ = planted(3000)
    ids = np.arange(3000)
    errors = []
    for codes in (1, 16, 256):
        config = IVFPQConfig(lists=20, subspaces=4, codes=codes)
        index = IVFPQIndex(vectors, ids, config=config)
        words = index.words.numpy()[index.codes.numpy()].reshape(-1, 16)
        lists = nearest_centroids(vectors, index.centroids.numpy())
        decoded = index.centroids.numpy()[lists] + words[index.places.numpy()]
        errors.append(np.square(decoded - vectors).mean() / vectors.var())
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2] > 0


def test_a_width_that_parts_do_not_divide() -> None:
    vectors = np.random.default_rng(0).standard_normal((500, 10)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    config = IVFPQConfig(lists=4, probes=4, subspaces=3, codes=64, rescored=32)
    index = IVFPQIndex(vectors, np.arange(500), config=config)
    assert index.search(vectors[:20], 1)[1].ravel().tolist() == list(range(20))


def test_bad_settings_name_the_argument() -> None:
    with pytest.raises(ValueError, match="`probes` must be at least 1; it is 0"):
        IVFConfig(probes=0)
    with pytest.raises(ValueError, match="`rescored` must be at least 1; it is 0"):
        IVFPQConfig(rescored=0)
    with pytest.raises(ValueError, match=r"16 `subspaces` of 4095 `codes`.* take at most 2047"):
        IVFPQConfig(subspaces=16)


def test_k_means_finds_clusters_that_lie_apart() -> None:
    random = np.random.default_rng(0)
    centers = 100 * random.standard_normal((8, 5))
    vectors = (centers[np.arange(800) % 8] + random.standard_normal((800, 5))).astype(np.float32)
    found = k_means(vectors, 24, seed=1)
    distances = np.linalg.norm(vectors[:, np.newaxis] - found, axis=2)
    own = np.take_along_axis(distances, nearest_centroids(vectors, found)[:, np.newaxis], axis=1)
    np.testing.assert_allclose(own[:, 0], distances.min(axis=1), rtol=0.01)
    assert distances.min(axis=1).max() < 10


def test_a_cluster_that_loses_all_starts_anew() -> None:
    vectors = np.repeat(np.array([[0.0], [1.0], [2.0]], np.float32), [98, 1, 1], axis=0)
    assert np.isfinite(k_means(vectors, 50)).all()
