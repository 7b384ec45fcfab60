"""TF Serving's metrics, under its names and with its buckets, and the page that Prometheus reads.

The page is written as TF Serving's exporter writes it: every character outside `[A-Za-z0-9_]` of a
name becomes a colon, each metric has a `# TYPE` line and no `# HELP`, metrics and labels are
sorted, and limits and sums have six significant digits.

Recording appends to a queue, which Python does without a lock that a preempted thread could hold;
the values are added up when the queue is full or the page is asked for.
"""

import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

#: Where the page is unless the monitoring config says otherwise.
DEFAULT_PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain"
#: Stands for the first label once a metric has `_MAX_CELLS` combinations of labels: clients choose
#: the model names that they ask for, and must not fill the memory with them.
OTHER = "_other_"

_MAX_CELLS = 1000
_MAX_PENDING = 256

#: Of one metric: for each combination of labels how many values fell into each bucket, and their
#: sum.
Values = Mapping[tuple[str, ...], tuple[np.ndarray, float]]


class _Cell:
    """The values recorded under one combination of labels."""

    def __init__(self, limits: np.ndarray) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._pending: deque[float] = deque()
        self._counts = np.zeros(len(limits) + 1, np.int64)
        self._sum: float = 0

    def add(self, value: float) -> None:
        self._pending.append(value)
        if len(self._pending) >= _MAX_PENDING:
            self.read()

    def read(self) -> tuple[np.ndarray, float]:
        """How many values lie below each limit and not below the one before, and their sum."""
        with self._lock:
            values = [self._pending.popleft() for _ in range(len(self._pending))]
            self._sum += sum(values)
            buckets = np.searchsorted(self._limits, values, side="right")
            self._counts += np.bincount(buckets, minlength=len(self._counts))
            return self._counts.copy(), self._sum


class _Metric:
    """A metric that a process has once.

    Args:
        path: TF Serving's name, such as `/tensorflow/serving/request_count`.
        labels: the names of its labels.
        limits: the upper limits of a histogram's buckets, without infinity.
    """

    kind = "untyped"

    def __init__(self, path: str, labels: Sequence[str], limits: Sequence[float] = ()) -> None:
        self.name = re.sub(r"[^a-zA-Z0-9_]", ":", path)
        self._labels = tuple(labels)
        self._limits = np.array(limits, np.float64)
        self._cells: dict[tuple[str, ...], _Cell] = {}
        self._lock = threading.Lock()

    def _cell(self, values: tuple[str, ...]) -> _Cell:
        return self._cells.get(values) or self._add_cell(values)

    def _add_cell(self, values: tuple[str, ...]) -> _Cell:
        if len(values) != len(self._labels):
            raise ValueError(
                f"Metric {self.name} has the labels {self._labels}; got the values {values}."
            )
        with self._lock:
            if len(self._cells) >= _MAX_CELLS and values:
                values = (OTHER, *values[1:])
            return self._cells.setdefault(values, _Cell(self._limits))

    def read(self) -> Values:
        """What was recorded."""
        return {labels: cell.read() for labels, cell in self._cells.copy().items()}

    def lines(self, others: Sequence[Values] = ()) -> list[str]:
        """What the page says of this metric, with what other processes recorded of it."""
        lines = [f"# TYPE {self.name} {self.kind}"]
        for values, (counts, total) in sorted(_add([self.read(), *others]).items()):
            pairs = zip(self._labels, values, strict=True)
            labels = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
            lines += self._samples(labels, counts, total)
        return lines

    def _samples(self, labels: str, counts: np.ndarray, total: float) -> list[str]:
        return [f"{self.name}{{{labels}}} {total}"]


class Counter(_Metric):
    r"""A number that only grows.

    Example:
        >>> requests = Counter("/test/requests", ["model_name", "status"])
        >>> requests.increment("movies", "OK")
        >>> requests.increment("movies", "OK", by=2)
        >>> print(*requests.lines(), sep="\n")
        # TYPE :test:requests counter
        :test:requests{model_name="movies",status="OK"} 3
    """

    kind = "counter"

    def increment(self, *labels: str, by: int = 1) -> None:
        """Adds `by` under the values of the labels, given in order."""
        self._cell(labels).add(by)


class Info(_Metric):
    """A fact told by labels: each combination that was set has the value 1.

    Example:
        >>> versions = Info("/test/version", ["model_name", "version"])
        >>> versions.set("movies", "3")
        >>> print(versions.lines()[1])
        :test:version{model_name="movies",version="3"} 1
    """

    kind = "gauge"

    def set(self, *labels: str) -> None:
        """States the fact."""
        self._cell(labels)

    def clear(self, *labels: str) -> None:
        """Takes the fact back."""
        self._cells.pop(labels, None)

    def _samples(self, labels: str, counts: np.ndarray, total: float) -> list[str]:
        return [f"{self.name}{{{labels}}} 1"]


class Histogram(_Metric):
    r"""How often values fell into each bucket; a limit belongs to the bucket above it.

    Example:
        >>> sizes = Histogram("/test/size", ["model"], [1, 2, 4])
        >>> for size in [1, 3, 5]:
        ...     sizes.observe(size, "movies")
        >>> print(*sizes.lines()[1:], sep="\n")
        :test:size_bucket{model="movies",le="1"} 0
        :test:size_bucket{model="movies",le="2"} 1
        :test:size_bucket{model="movies",le="4"} 2
        :test:size_bucket{model="movies",le="+Inf"} 3
        :test:size_sum{model="movies"} 9
        :test:size_count{model="movies"} 3
    """

    kind = "histogram"

    def observe(self, value: float, *labels: str) -> None:
        """Records one value under the values of the labels, given in order."""
        self._cell(labels).add(value)

    def _samples(self, labels: str, counts: np.ndarray, total: float) -> list[str]:
        cumulative = counts.cumsum()
        limits = [*(f"{limit:g}" for limit in self._limits), "+Inf"]
        prefix = f"{labels}," if labels else ""
        lines = [
            f'{self.name}_bucket{{{prefix}le="{limit}"}} {count}'
            for limit, count in zip(limits, cumulative, strict=True)
        ]
        lines.append(f"{self.name}_sum{{{labels}}} {total:g}")
        lines.append(f"{self.name}_count{{{labels}}} {cumulative[-1]}")
        return lines


def _add(recorded: Sequence[Values]) -> Values:
    sums: dict[tuple[str, ...], tuple[np.ndarray, float]] = {}
    for labels, (counts, total) in (pair for values in recorded for pair in values.items()):
        counts_so_far, total_so_far = sums.get(labels, (0, 0))
        sums[labels] = counts_so_far + counts, total_so_far + total
    return sums


def _escape(value: str) -> str:
    # TF Serving leaves line ends as they are, and with one in a model's name the page is broken.
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _exponential(scale: float, growth: float, count: int) -> list[float]:
    return [scale * growth**index for index in range(count)]


# In microseconds, up to about 20 minutes.
_LATENCIES = _exponential(10, 1.8, 33)
_BATCH_SIZES = _exponential(1, 2, 14)
_SERVING = "/tensorflow/serving"

REQUEST_COUNT = Counter(f"{_SERVING}/request_count", ["model_name", "status"])
REQUEST_LATENCY = Histogram(
    f"{_SERVING}/request_latency", ["model_name", "API", "entrypoint"], _LATENCIES
)
RUNTIME_LATENCY = Histogram(
    f"{_SERVING}/runtime_latency", ["model_name", "API", "runtime"], _LATENCIES
)
REQUEST_EXAMPLE_COUNTS = Histogram(
    f"{_SERVING}/request_example_counts", ["model"], _exponential(1, 2, 15)
)
REQUEST_EXAMPLE_COUNT_TOTAL = Counter(f"{_SERVING}/request_example_count_total", ["model"])
REQUEST_LOG_COUNT = Counter(f"{_SERVING}/request_log_count", ["model_name", "status_code"])
MODEL_WARMUP_LATENCY = Histogram(
    f"{_SERVING}/model_warmup_latency", ["model_path", "status"], _LATENCIES
)
MODEL_WARMUP_RECORDS_READ = Counter(
    f"{_SERVING}/model_warmup_records_read", ["model_path", "status"]
)
BATCHING_QUEUING_LATENCY = Histogram(
    f"{_SERVING}/batching_session/queuing_latency",
    ["thread_pool_name"],
    _exponential(100, 1.2, 52),
)
BATCHING_WRAPPED_RUN_COUNT = Counter(f"{_SERVING}/batching_session/wrapped_run_count", [])
BATCHING_PADDING_SIZE = Histogram(
    f"{_SERVING}/batching_session/padding_size", ["execution_batch_size"], _BATCH_SIZES
)
BATCHING_INPUT_BATCH_SIZE = Histogram(
    f"{_SERVING}/batching_session/input_batch_size", [], _BATCH_SIZES
)
BATCHING_PROCESSED_BATCH_SIZE = Histogram(
    f"{_SERVING}/batching_session/processed_batch_size", [], _BATCH_SIZES
)
#: The uuid in a version's `assets.extra/mlmd_uuid`: a label, as a number cannot hold it.
MLMD_MAP = Info(f"{_SERVING}/mlmd_map", ["model_name", "version", "mlmd_uuid"])

_ALL: list[_Metric] = sorted(
    (metric for metric in list(globals().values()) if isinstance(metric, _Metric)),
    key=lambda metric: metric.name,
)


def snapshot() -> dict[str, Values]:
    """What this process recorded, by the name of the metric."""
    return {metric.name: metric.read() for metric in _ALL}


def render(others: Sequence[Mapping[str, Values]] = ()) -> str:
    """The page of all metrics, in Prometheus' text format.

    Args:
        others: the snapshots of other processes of this server, which are added.
    """
    lines = (metric.lines([other[metric.name] for other in others]) for metric in _ALL)
    return "\n".join(line for of_metric in lines for line in of_metric) + "\n"
