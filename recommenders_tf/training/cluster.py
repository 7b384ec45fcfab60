"""The machines that train together, as the variable TF_CONFIG describes them."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

VARIABLE = "TF_CONFIG"
_TYPES = ("chief", "worker", "ps", "evaluator")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The machines that train together and which of them this process is.

    With parameter servers (`ps`) the chief hands steps to the workers, each of which trains on
    batches of its own, and the servers keep the weights. Without, the workers train in step, each
    on a part of every batch; the first is the chief.

    Args:
        addresses: `host:port` of the machines of each type: `chief`, `worker` and `ps`.
        task_type: Type of this process, or `evaluator`.
        task_index: Its number among those of its type.

    Example:
        >>> Cluster({"worker": ("a:1", "b:1")}, "worker", 0).is_chief
        True
    """

    addresses: Mapping[str, tuple[str, ...]]
    task_type: str
    task_index: int

    @classmethod
    def from_environment(cls) -> Cluster | None:
        """Return the cluster of TF_CONFIG, which Kubernetes' operators set; None without one.

        Raises:
            ValueError: TF_CONFIG is set but cannot be understood.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            values = json.loads(text)
            addresses = {key: tuple(value) for key, value in values.get("cluster", {}).items()}
            task = values.get("task", {})
            task_type, task_index = str(task.get("type", "")), int(task.get("index", 0))
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(
                f"{VARIABLE} must be JSON such as "
                '`{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}`'
                f"; it is `{text}`."
            ) from error
        addresses.pop("evaluator", None)  # it takes no part
        if sum(map(len, addresses.values())) < 2:
            return None
        if task_type not in _TYPES or (
            task_type != "evaluator" and task_index >= len(addresses.get(task_type, ()))
        ):
            raise ValueError(
                f"{VARIABLE} says that this is task {task_index} of type `{task_type}`; the "
                f"cluster has {', '.join(f'{len(v)} of `{k}`' for k, v in addresses.items())}."
            )
        if "ps" in addresses and not ("chief" in addresses and "worker" in addresses):
            raise ValueError(
                f"{VARIABLE} names parameter servers (`ps`), which need a `chief` and at least "
                f"one `worker`; it has {', '.join(addresses)}."
            )
        return cls(addresses, task_type, task_index)

    @property
    def has_parameter_servers(self) -> bool:
        """Whether parameter servers keep the weights."""
        return bool(self.addresses.get("ps"))

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the model."""
        chief = "chief" if "chief" in self.addresses else "worker"
        return (self.task_type, self.task_index) == (chief, 0)

    @property
    def serves(self) -> bool:
        """Whether this process only does what the chief asks of it, by `serve`."""
        return self.has_parameter_servers and self.task_type in ("worker", "ps")

    def serve(self) -> None:
        """Do what the chief asks, until the process is ended from outside."""
        import tensorflow as tf

        os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")
        workers = len(self.addresses["worker"])
        # With fewer threads than workers, waiting calls could keep each other from ever ending.
        threads = max(workers + 1, os.cpu_count() or 1)
        tf.distribute.Server(
            tf.train.ClusterSpec(self._spec()),
            job_name=self.task_type,
            task_index=self.task_index,
            protocol="grpc",
            config=tf.compat.v1.ConfigProto(inter_op_parallelism_threads=threads),
        ).join()

    def strategy(self) -> tf.distribute.Strategy:
        """Return the strategy of this cluster, the same one whenever it is asked for.

        It is first asked for before TensorFlow computes anything in the process.
        """
        return _strategy(self._key())

    def _spec(self) -> dict[str, list[str]]:
        return {key: list(value) for key, value in self.addresses.items()}

    def _key(self) -> str:
        return json.dumps([self._spec(), self.task_type, self.task_index], sort_keys=True)


@functools.cache
def _strategy(key: str) -> Any:
    import tensorflow as tf

    os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")
    addresses, task_type, task_index = json.loads(key)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(addresses), task_type=task_type, task_id=task_index, rpc_layer="grpc"
    )
    if "ps" not in addresses:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    partitioner = tf.distribute.experimental.partitioners.MinSizePartitioner(
        max_shards=len(addresses["ps"])
    )
    return tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=partitioner)
