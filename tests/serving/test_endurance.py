"""Short runs of `make soak` and `make fuzz`."""

from __future__ import annotations

import pytest

from tests.serving.fuzz import fuzz
from tests.serving.soak import soak

pytestmark = pytest.mark.slow


def test_no_request_fails_while_versions_are_swapped():
    report = soak(seconds=40, swap_seconds=4)
    assert not report.failures, report.failures[:5]
    assert report.cancelled
    # Every fourth version is broken, and never answers.
    assert len(report.versions) >= 4 and not {
        version for version in report.versions if version % 4 == 0
    }


def test_malformed_requests_leave_the_server_as_it_was():
    fuzz(2000)
