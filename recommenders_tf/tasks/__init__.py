"""What the TFRS tasks need beside TFRS."""

from recommenders_tf.tasks.full_precision import full_precision

__all__ = ["full_precision"]
