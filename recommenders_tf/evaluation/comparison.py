"""Several models on the same users, and which of them differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recommenders_tf.evaluation.result import Evaluation
from recommenders_tf.evaluation.significance import holm


def compare(
    evaluations: Sequence[Evaluation], metric: str, against: str | None = None
) -> pd.DataFrame:
    """Return a table of models, the best first, and how sure it is that each differs from one.

    Args:
        evaluations: Of at least two models, by one protocol on one data set.
        metric: One that users have, such as `NDCG@10`.
        against: Name of the model that all others are held against; None takes the best one.

    Returns:
        One row a model: `model`, `mean`, the bounds `low` and `high` of its interval, `difference`
        from the model they are held against with its bounds `difference_low` and
        `difference_high`, the p-value `p` of the randomization test of that, and `p_holm`,
        corrected for the number of models. The row of that model itself has no difference.

    Raises:
        ValueError: There are fewer than two evaluations, their protocols or data differ, or there
            is none of `against`.
        KeyError: Users have no values of the metric.

    Example:
        >>> from recommenders_tf.evaluation import Protocol
        >>> protocol, users = Protocol(), np.array(["a", "b", "c"], object)
        >>> table = compare([
        ...     Evaluation(name, protocol, {}, users, {"HR@10": np.array(values)}, {})
        ...     for name, values in (("mf", [0.0, 1.0, 0.0]), ("ease", [1.0, 1.0, 0.0]))], "HR@10")
        >>> table[["model", "mean", "difference"]].round(2).values.tolist()
        [['ease', 0.67, nan], ['mf', 0.33, -0.33]]
    """
    if len(evaluations) < 2:
        raise ValueError(f"To compare takes two evaluations or more. Received: {len(evaluations)}.")
    means = [float(np.mean(one.of_users(metric))) for one in evaluations]
    order = np.argsort(np.negative(means), kind="stable")
    ranked = [evaluations[place] for place in order]
    names = [one.model for one in ranked]
    if against is not None and against not in names:
        raise ValueError(
            f"There is no evaluation of `{against}` to hold others against; there are "
            f"{', '.join(names)}."
        )
    place = 0 if against is None else names.index(against)
    others = [one for number, one in enumerate(ranked) if number != place]
    found = [other.difference(ranked[place], metric) for other in others]
    intervals = [one.interval(metric) for one in ranked]
    p_values = [one.randomization for one in found]

    def around(values: Sequence[float]) -> list[float]:
        return [*values[:place], float("nan"), *values[place:]]

    return pd.DataFrame(
        {
            "model": names,
            "mean": np.take(means, order),
            "low": [low for low, _ in intervals],
            "high": [high for _, high in intervals],
            "difference": around([one.mean for one in found]),
            "difference_low": around([one.low for one in found]),
            "difference_high": around([one.high for one in found]),
            "p": around(p_values),
            "p_holm": around(holm(p_values).tolist()),
        }
    )
