"""A process of one contender: `python -m benchmarks.speed.worker SETTINGS`, both ways in JSON.

It reads a line for each request, the name of a method and its arguments, and answers with a line.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys

from benchmarks.speed.case import Case

ANSWER = "answer: "


def main() -> None:
    settings = json.loads(sys.argv[1])
    threads = settings.pop("threads")
    if importlib.util.find_spec("tensorflow"):  # some peers live without it
        _set_up_tensorflow(threads)
    contender = settings.pop("contender")
    name = contender if "." in contender else f"benchmarks.speed.{contender}"
    module = importlib.import_module(name)
    if "case" in settings:
        settings["case"] = Case(**settings["case"])
    session = module.start(**settings)
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(session, request["method"])(**request["arguments"])
        print(ANSWER + json.dumps(answer), flush=True)


def _set_up_tensorflow(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


if __name__ == "__main__":
    main()
