"""What `serving.client` answers with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from serving import tensors

# TensorFlow lists the op that fills lookup tables among the signatures.
_INIT_OP = "__saved_model_init_op"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a signature.

    Attributes:
        dtype: its type as TensorFlow names it, for instance `float32` or `string`; `composite` for
            one made of several tensors.
        shape: its dimensions, None where any size goes; None if the rank is open too.
        default: the value the model uses if the input is left out; None if it is required.
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    default: np.ndarray | None = None


@dataclass(frozen=True)
class Signature:
    """One function of a served model: its inputs and outputs by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: the version.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: why it could not be loaded; empty if it could.
    """

    version: int
    state: str
    error: str


@dataclass(frozen=True)
class Recommendations:
    """Ranked items for a batch of users.

    Attributes:
        item_ids: object array of str [batch, k], best first; "" where a user has fewer items.
        scores: float32 array [batch, k]; -inf where a user has fewer items.
        version: the model version that answered; None over REST, which does not tell.

    Example:
        >>> ids, scores = np.array([["a", ""]], object), np.array([[0.5, -np.inf]], np.float32)
        >>> Recommendations(ids, scores, version=1).for_user(0)
        [('a', 0.5)]
    """

    item_ids: np.ndarray
    scores: np.ndarray
    version: int | None

    def __len__(self) -> int:
        return len(self.item_ids)

    def for_user(self, index: int) -> list[tuple[str, float]]:
        """The items of one user of the batch with their scores, best first."""
        found = np.flatnonzero(self.scores[index] > -np.inf)
        return [(self.item_ids[index, i], float(self.scores[index, i])) for i in found]


def describe(packed: get_model_metadata_pb2.SignatureDefMap) -> dict[str, Signature]:
    """Reads the signatures of a model, by name, from their protobuf message."""
    return {
        name: _signature(definition)
        for name, definition in sorted(packed.signature_def.items())
        if name != _INIT_OP
    }


def _signature(definition: meta_graph_pb2.SignatureDef) -> Signature:

    def spec(name: str, info: meta_graph_pb2.TensorInfo) -> TensorSpec:
        dims = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        default = definition.defaults.get(name)
        return TensorSpec(
            tf.as_dtype(info.dtype).name if info.dtype else "composite",
            None if info.tensor_shape.unknown_rank else dims,
            None if default is None else tensors.from_proto(default),
        )

    return Signature(
        {name: spec(name, info) for name, info in sorted(definition.inputs.items())},
        {name: spec(name, info) for name, info in sorted(definition.outputs.items())},
    )
