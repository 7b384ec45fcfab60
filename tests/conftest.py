"""Settings and data that the tests share."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import recommenders_tf as rtf  # before TensorFlow: it chooses the Keras

import tensorflow as tf  # isort: skip

# Two logical processors, so that a strategy of two replicas runs on any machine.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def planted_log() -> rtf.data.EventLog:
    """A log in which users of a group meet and like the items of their group, all alike popular.

    It has every kind of column. Of four users the last event of three is with an item of the own
    group.
    """
    groups, events_each, own_each = 6, 20, 14
    log = rtf.data.synthetic(num_users=240, num_items=120, num_events=4800, seed=3)
    random = np.random.default_rng(3)
    rows = []
    for user in range(len(log.users)):
        own = random.permutation(np.arange(user % groups, len(log.items), groups))[:own_each]
        other = [i for i in range(len(log.items)) if i % groups != user % groups]
        met = [*own[1:], *random.choice(other, events_each - own_each, replace=False)]
        random.shuffle(met)
        met.insert(0 if user % 4 == 0 else len(met), own[0])
        rows += [(user, item, item % groups == user % groups) for item in met]
    user, item, is_own = np.array(rows).T
    events = log.events.head(len(rows)).assign(
        user_id=log.users["user_id"].to_numpy()[user],
        item_id=log.items["item_id"].to_numpy()[item],
        rating=np.where(is_own, 5.0, 2.0),
    )
    return dataclasses.replace(log, events=events)
