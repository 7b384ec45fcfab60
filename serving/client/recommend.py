"""What `recommend` sends and reads."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from serving.client.answers import Recommendations
from serving.client.calls import Prediction

RECOMMEND = "recommend"
# A model without these still answers what it was asked.
_OPTIONAL = {"user_id", "k", "exclude_seen", "history"}
_decode = np.frompyfunc(bytes.decode, 1, 1)


def values(
    user_ids: Sequence[str] | np.ndarray,
    k: int,
    exclude_seen: bool,
    history: Sequence[Sequence[str]] | None,
    candidates: Sequence[Sequence[str]] | None,
) -> dict[str, npt.ArrayLike]:
    """The inputs of the signature, without those that are None.

    Raises:
        ValueError: `history` or `candidates` is not one list for each user.
    """
    users = np.atleast_1d(np.asarray(user_ids))
    given = {
        "user_id": _text(users),
        "k": np.int32(k),
        "exclude_seen": np.bool_(exclude_seen),
        "history": _padded("history", history, len(users)),
        "candidates": _padded("candidates", candidates, len(users)),
    }
    return {name: value for name, value in given.items() if value is not None}


def unknown(given: Mapping[str, npt.ArrayLike], known: Mapping[str, object]) -> list[str]:
    """The inputs that a model does not take, and without which its answer would be another."""
    return sorted(given.keys() - _OPTIONAL - known.keys())


def recommended(answer: Prediction, k: int) -> Recommendations:
    """Reads the outputs of the signature."""
    ids, scores = (
        # JSON does not tell how long the lists of nobody are.
        output[:, :k] if len(output) else output.reshape(0, k)
        for output in (answer.outputs["item_id"], answer.outputs["score"])
    )
    return Recommendations(_decode(ids), scores, answer.version)


def _text(ids: np.ndarray) -> np.ndarray:
    """Raw ids as strings: integer ids are written out."""
    return ids.astype(str) if ids.dtype.kind in "iu" else ids.astype(object)


def _padded(name: str, rows: Sequence[Sequence[str]] | None, users: int) -> np.ndarray | None:
    """Rows of item ids as one array, filled up with ""."""
    if rows is None:
        return None
    if len(rows) != users or any(isinstance(row, (str, bytes)) for row in rows):
        raise ValueError(
            f"`{name}` must be a list of {users} lists of item ids, one for each user; "
            f"got {len(rows)} of {type(rows[0]).__name__ if len(rows) else 'none'}."
        )
    padded = np.full((users, max(map(len, rows), default=0)), "", object)
    for row, items in enumerate(rows):
        padded[row, : len(items)] = _text(np.asarray(items))
    return padded
