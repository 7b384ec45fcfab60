"""Every registered model against every point of the contract."""

from __future__ import annotations

import inspect

import pytest

import recommenders_tf as rtf
from tests.harness import Contract


@pytest.fixture(scope="module", params=rtf.registry.names())
def contract(request, planted_log) -> Contract:
    return Contract(request.param, planted_log)


@pytest.mark.parametrize("point", Contract.points())
def test_contract(contract: Contract, point: str, tmp_path) -> None:
    check = getattr(contract, point)
    arguments = [tmp_path] if "folder" in inspect.signature(check).parameters else []
    reason = contract.cls.contract_exceptions.get(point.removeprefix("check_"))
    if reason is None:
        check(*arguments)
        return
    with pytest.raises(AssertionError):  # an exception that is no longer needed must go
        check(*arguments)


def test_exceptions_name_points_and_reasons() -> None:
    points = {point.removeprefix("check_") for point in Contract.points()}
    for name in rtf.registry.names():
        for point, reason in rtf.registry.get(name).contract_exceptions.items():
            assert point in points
            assert len(reason) > 20
