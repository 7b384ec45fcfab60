"""A chief that says where the servers keep its table, and trains until patience is over."""

from __future__ import annotations

import json
import pathlib
import sys

import recommenders_tf as rtf
from recommenders_tf.training import TrainingConfig, compile_model, local_copy, prepare, train


def main(folder: pathlib.Path) -> None:
    """Train, and write what came of it into the folder."""
    config = TrainingConfig(
        epochs=8, batch_size=512, optimizer="lazy_adam", clip_norm=5.0, patience=2
    )
    strategy = prepare(config)
    events, validation, test = rtf.data.synthetic().split("leave_last_out", validation=True)
    encoded = rtf.data.encode(events)
    with strategy.scope():
        model = rtf.models.WideDeep(
            encoded.schema, embedding_dim=64, hidden_units=(16,), dropout=0.3
        )
        compile_model(model, config)
    history = train(model, encoded, config, folder, validation).history
    tables = [w for w in model.trainable_weights if "embed/" in w.name and "tables" in w.name]
    trained = local_copy(model)
    result = {
        "tables": [[w.device, w.shape.as_list()] for w in tables],
        "val_auc": history["val_auc"],
        "auc": trained.evaluate(test, verbose=0)["auc"],
        "best": trained.evaluate(validation, verbose=0)["auc"],
    }
    (folder / "result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
