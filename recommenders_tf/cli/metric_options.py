"""What a command measures."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

PANEL = "What is measured"


@dataclasses.dataclass(frozen=True)
class MetricOptions:
    """Metrics by name, the lengths of the lists, and how sure the intervals are."""

    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME",
            help="May be given several times. Of lists: HR, Recall, Precision, NDCG, MAP, MRR; "
            "beyond accuracy: Coverage, Gini, Novelty, Serendipity, Diversity, PopularityBias. Of "
            "labels: AUC, GAUC, LogLoss, ECE; of ratings: RMSE, MAE. By default the first six of "
            "a model that retrieves, and those of labels of one that ranks.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None
    k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            min=1,
            help="Length of the lists; may be given several times; 10 by default.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None
    confidence: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=0.999,
            help="Of the intervals, which are drawn over users.",
            rich_help_panel=PANEL,
        ),
    ] = 0.95

    @property
    def lengths(self) -> list[int]:
        """Lengths of the lists."""
        return self.k or [10]
