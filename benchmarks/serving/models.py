"""The models that are served: a cascade and a DeepFM of MovieLens 100K, and what they are asked."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import loader_impl
from tensorflow_serving.apis import predict_pb2

from benchmarks.records import ROOT

FOLDER = ROOT / "runs" / "serving"
SIGNATURES = {"cascade": "recommend", "deepfm": "score"}
DATASET = "movielens-100k"
_LISTED = 10


@dataclass(frozen=True)
class Served:
    """A model in a folder of versions, and the signature that is asked."""

    name: str
    folder: pathlib.Path
    signature: str

    @property
    def version(self) -> pathlib.Path:
        """The only version there is."""
        return self.folder / "1"

    def definition(self) -> meta_graph_pb2.SignatureDef:
        """Return the signature's names of tensors."""
        saved = loader_impl.parse_saved_model(str(self.version))
        return saved.meta_graphs[0].signature_def[self.signature]

    @property
    def batches(self) -> bool:
        """Whether requests can be joined: every input has a value for each row."""
        return self.signature != "recommend"

    def inputs(self, batch: int) -> dict[str, np.ndarray]:
        """Return the inputs of a request for a batch of users, or of user-item pairs."""
        from recommenders_tf import data

        log = data.load(DATASET)
        events = log.events.sample(batch, random_state=batch)
        # Defaults are sent too: the trivial server knows none. What has no rows is sent with one
        # for each example, since requests are joined by rows.
        defaults = self.definition().defaults
        given = {name: _rows(tf.make_ndarray(proto), batch) for name, proto in defaults.items()}
        given["user_id"] = _strings(events[log.schema.user_id.name])
        if self.signature == "recommend":
            return given | {"k": np.int32(_LISTED)}
        return given | {"item_id": _strings(events[log.schema.item_id.name])}

    def request(self, batch: int) -> bytes:
        """Return such a request, serialized."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.name
        request.model_spec.signature_name = self.signature
        for name, value in self.inputs(batch).items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return request.SerializeToString()


def served(name: str) -> Served:
    """Return a model; train it for an epoch and export it unless that was done before."""
    found = Served(name, FOLDER / name, SIGNATURES[name])
    if not found.version.exists():
        _export(found)
    return found


def _export(model: Served) -> None:
    from recommenders_tf import data, models
    from recommenders_tf.cascade import Cascade

    train = data.encode(data.load(DATASET))
    ranker = models.DeepFM(train.schema)
    parts = [ranker] if model.name == "deepfm" else [models.MF(train.schema), ranker]
    for part in parts:
        part.compile()
        part.fit(train, epochs=1, verbose=0)
    exported = ranker if model.name == "deepfm" else Cascade(*parts)
    exported.export(model.version)


def _strings(column) -> np.ndarray:
    return column.astype(str).to_numpy(object)


def _rows(default: np.ndarray, batch: int) -> np.ndarray:
    if not default.ndim:
        return default
    missing = b"" if default.dtype == object else 0
    return np.full((batch, *default.shape[1:]), missing, default.dtype)
