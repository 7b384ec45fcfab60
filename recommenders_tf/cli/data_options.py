"""Which data a command works on."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf.cli.console import note, working

if TYPE_CHECKING:
    from recommenders_tf.data import EventLog
    from recommenders_tf.evaluation import Protocol
    from recommenders_tf.models.base import Recommender

_PANEL = "Data: one of --dataset, --synthetic and --events"
_FILE = {"exists": True, "dir_okay": False, "resolve_path": True, "rich_help_panel": _PANEL}


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Where the events come from: a data set by name, made-up data, or files of one's own.

    Raises:
        ValueError: The options contradict each other.
    """

    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A known data set; `recommenders-tf datasets` lists them.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    synthetic: Annotated[
        bool,
        typer.Option(
            "--synthetic", help="Made-up data: needs no file, no network.", rich_help_panel=_PANEL
        ),
    ] = False
    events: Annotated[
        pathlib.Path | None,
        typer.Option(help="Your own events: CSV, TSV or Parquet; needs --schema.", **_FILE),
    ] = None
    users: Annotated[
        pathlib.Path | None, typer.Option(help="With --events: one row a user.", **_FILE)
    ] = None
    items: Annotated[
        pathlib.Path | None,
        typer.Option(help="With --events: one row an item, with its title.", **_FILE),
    ] = None
    schema: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="What the columns mean: with --events, where `recommenders-tf schema` drafts it, "
            "or in place of a data set's own.",
            **_FILE,
        ),
    ] = None
    data_dir: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="With --dataset: folder that holds it. By default it is looked for in the folder "
            "that RECOMMENDERS_TF_DATA names and in the cache, then downloaded.",
            exists=True,
            file_okay=False,
            resolve_path=True,
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_bad_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Stop if a larger share of the rows is bad. Bad rows are set aside and counted.",
            rich_help_panel=_PANEL,
        ),
    ] = 0.01
    sampled_negatives: Annotated[
        int,
        typer.Option(
            min=0,
            help="For models that rank, on data of choices alone: beside each event so many of "
            "items that its user has not met, drawn at random and labelled 0.",
            rich_help_panel=_PANEL,
        ),
    ] = 0

    def __post_init__(self) -> None:
        if sum([bool(self.dataset), self.synthetic, bool(self.events)]) > 1:
            raise ValueError("Give only one of --dataset, --synthetic and --events.")
        if self.events and not self.schema:
            raise ValueError(
                f"--events needs --schema: draft one with `recommenders-tf schema {self.events}`."
            )
        if not self.events and (self.users or self.items):
            raise ValueError("--users and --items go with --events; give it, too.")
        if self.schema and not self.given:
            raise ValueError("--schema goes with --dataset, --synthetic or --events; give one.")

    @property
    def given(self) -> bool:
        """Whether any data was named."""
        return bool(self.dataset or self.synthetic or self.events)

    @property
    def name(self) -> str:
        """What a run on this data is called by default."""
        if self.events:
            return self.events.name.split(".")[0]
        return "synthetic" if self.synthetic else str(self.dataset)

    def load(self) -> EventLog:
        """Read the events, and tell on stderr of rows and columns that are left out.

        Raises:
            ValueError: No data was named.
        """
        if not self.given:
            raise ValueError(
                "Say which data: --dataset NAME (`recommenders-tf datasets` lists them), "
                "--synthetic, or --events FILE --schema FILE."
            )
        with working("Reading the events"):
            from recommenders_tf import data

            limits = data.CleaningLimits(max_bad_share=self.max_bad_share)
            if self.events:
                assert self.schema is not None
                log = data.load_files(
                    self.events, self.users, self.items, schema=self.schema, limits=limits
                )
            else:
                log = data.load(
                    "synthetic" if self.synthetic else str(self.dataset),
                    self.data_dir,
                    schema=self.schema,
                    limits=limits,
                )
        _report(log)
        return log

    def split(
        self, log: EventLog, protocol: Protocol, validation: bool = False
    ) -> tuple[EventLog, ...]:
        """Cut a log, then draw the negatives of each part, the same ones every time.

        Args:
            log: What `load` returned.
            protocol: How to cut it.
            validation: Whether to split off validation events, too.
        """
        return self.with_negatives(protocol.cut(log, validation))

    def with_negatives(self, parts: tuple[EventLog, ...]) -> tuple[EventLog, ...]:
        """Return the parts of a log with their drawn negatives, if there are to be some."""
        if not self.sampled_negatives:
            return parts
        from recommenders_tf import data

        return tuple(data.with_sampled_negatives(part, self.sampled_negatives) for part in parts)

    def check_labels(self, log: EventLog, cls: type[Recommender]) -> None:
        """Raise a `ValueError` if the labels are not what a model learns from.

        Args:
            log: What `load` returned.
            cls: The model.
        """
        name = cls.info.name
        if cls.kind == "retrieval" and self.sampled_negatives:
            raise ValueError(
                f"--sampled-negatives is for models that rank, but `{name}` retrieves and takes "
                "every event for a choice: leave it out."
            )
        label = log.schema.label
        if (
            cls.kind == "ranking"
            and label
            and not self.sampled_negatives
            and log.events[label.raw_name].nunique() == 1
        ):
            raise ValueError(
                f"All events of `{log.schema.name}` have the same `{label.raw_name}`, which leaves "
                f"`{name}` nothing to learn: add --sampled-negatives 1."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the options that were given, as JSON values."""
        values = dataclasses.asdict(self)
        return {
            key: str(value) if isinstance(value, pathlib.Path) else value
            for key, value in values.items()
            if value
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataOptions:
        """Return the options of a `to_dict`."""
        paths = ("events", "users", "items", "schema", "data_dir")
        options: dict[str, Any] = {
            key: pathlib.Path(value) if key in paths else value for key, value in values.items()
        }
        return cls(**options)


def _report(log: EventLog) -> None:
    report = log.report
    if report is None:
        return
    for table, names in report.unknown_columns.items():
        note(f"Left out, unknown to the schema: {', '.join(names)} of the {table}.")
    for table, reasons in report.counts().items():
        counts = ", ".join(f"{reason}: {rows:,}" for reason, rows in reasons.items())
        share = f"{sum(reasons.values()):,} of {report.rows_in[table]:,} {table}"
        note(f"Set aside {share}, which are bad ({counts}); see {report.path}.")
