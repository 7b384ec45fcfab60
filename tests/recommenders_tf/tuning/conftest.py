from __future__ import annotations

import pytest

import recommenders_tf as rtf


@pytest.fixture(scope="session")
def parts():
    """Training and validation events, of few users."""
    log = rtf.data.synthetic(num_users=60, num_items=50, num_events=1200)
    return log.split(validation=True)[:2]
