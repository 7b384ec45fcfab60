"""Devices, precision and seed of a process, and the strategy to train with."""

from __future__ import annotations

import warnings

import tensorflow as tf

from recommenders_tf import optimizers
from recommenders_tf.training.cluster import Cluster
from recommenders_tf.training.config import TrainingConfig


def prepare(config: TrainingConfig) -> tf.distribute.Strategy:
    """Set devices, seed and precision, and choose how to use the machines there are.

    All hold for the whole process, and for models that are built from now on. Call it before
    TensorFlow computes anything: afterwards GPUs can be neither chosen nor shared.

    Args:
        config: How to train.

    Returns:
        The strategy in whose scope the model is to be built and compiled: that of the cluster if
        the variable TF_CONFIG describes one, `MirroredStrategy` over the GPUs if there are several,
        otherwise the present one.

    Raises:
        ValueError: There is no `config.optimizer`, `config.devices` names GPUs that are not there
            or cannot be chosen any more, or TF_CONFIG cannot be understood.

    Example:
        >>> prepare(TrainingConfig()).num_replicas_in_sync
        1
    """
    if config.optimizer is not None:
        optimizers.get(config.optimizer)  # before the data is encoded
    _choose_devices(config)
    cluster = Cluster.from_environment()
    # Before anything is computed: workers in step must agree on how they communicate.
    strategy = cluster.strategy() if cluster else _local_strategy()
    tf.keras.utils.set_random_seed(config.seed)
    # What dropout draws next is then a variable that a backup can keep.
    tf.keras.backend.experimental.enable_tf_random_generator()
    tf.keras.mixed_precision.set_global_policy(config.precision)
    return strategy


def _local_strategy() -> tf.distribute.Strategy:
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()


def _choose_devices(config: TrainingConfig) -> None:
    found = tf.config.list_physical_devices("GPU")
    if missing := [number for number in config.gpus if number >= len(found)]:
        raise ValueError(
            f"`devices` names GPU {missing[0]}; this machine has {len(found)} (`auto` takes what "
            "there is)."
        )
    chosen = {"auto": found, "cpu": []}.get(config.devices, [found[n] for n in config.gpus])
    try:
        if tf.config.get_visible_devices("GPU") != chosen:
            tf.config.set_visible_devices(chosen, "GPU")
    except RuntimeError as error:
        raise ValueError(
            f"`devices` is `{config.devices}`, but TensorFlow already computes on other GPUs: call "
            "`prepare` before anything is computed."
        ) from error
    for gpu in chosen:
        try:
            tf.config.experimental.set_memory_growth(gpu, config.memory_growth)
        except RuntimeError:
            warnings.warn(
                f"`memory_growth` of {gpu.name} stays as it is: TensorFlow already computes; call "
                "`prepare` earlier.",
                stacklevel=3,
            )
