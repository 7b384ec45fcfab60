"""Retrieval models whose score of a pair is a rating."""

from __future__ import annotations

from typing import Any

from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.labelled import RATINGS, labelled_metrics
from recommenders_tf.models.retriever import Retriever


class RatingRetriever(Retriever):
    """A model that predicts ratings, in the unit of the label, and so ranks by them too.

    Attributes:
        predicts_ratings: False of an instance that was told to do something else.
    """

    predicts_ratings = True

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluate on held-out events, or as Keras does.

        Args:
            x: Test `EventLog`, whose label is a rating; anything else goes to
                `tf.keras.Model.evaluate`.
            *args: Of `Retriever.evaluate`.
            **kwargs: Likewise.

        Returns:
            Of an `EventLog`, what `Retriever.evaluate` gives and the errors of the ratings, `RMSE`
            and `MAE`.
        """
        found = super().evaluate(x, *args, **kwargs)
        if not isinstance(x, EventLog) or not self.predicts_ratings:
            return found
        return {**found, **labelled_metrics(self, EncodedLog(x, self.tables), RATINGS)}
