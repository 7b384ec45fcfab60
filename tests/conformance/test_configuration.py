"""What a reload refuses, all or nothing."""

from __future__ import annotations

import numpy as np

from tests.conformance import models
from tests.conformance.rows import Row, each
from tests.conformance.target import Target, refusal


def _relative(target: Target):
    config = models.model("relative", target.server_folder)
    config.base_path = "somewhere"
    return [config]


def _no_platform(target: Target):
    config = models.model("bare", target.server_folder)
    config.ClearField("model_platform")
    return [config]


def _other_platform(target: Target):
    config = models.model("odd", target.server_folder)
    config.model_platform = "caffe"
    return [config]


def _label(target: Target):
    config = models.model("versions", target.server_folder, specific=[1, 2])
    config.version_labels["stable"] = 7
    return [config]


def _logging(target: Target):
    config = models.model("many", target.server_folder)
    config.logging_config.sampling_config.sampling_rate = 1.0
    return [config]


CASES = {
    "config-relative-path": _relative,
    "config-twice": lambda target: [models.model("twice", target.server_folder)] * 2,
    "config-no-platform": _no_platform,
    "config-other-platform": _other_platform,
    "config-label-unavailable": _label,
    "config-logging": _logging,
}


@each("Configuration", CASES)
def test_reload_refuses(row: Row, case, target: Target, reload):
    code, message = refusal(lambda: reload(*case(target)))
    assert code == row.code
    assert row.matches(message), f"{message!r} for {row.message!r}"
    # Nothing of it was taken up.
    answer = target.predict("versions", {"x": np.float32([[1.0]])}, version_label="stable")
    assert answer.model_spec.version.value == 1
