"""Building blocks, one file each: the equation of a paper as a Keras layer."""

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.growing_vocabulary import GrowingVocabulary
from recommenders_tf.layers.masked_mean import MaskedMean
from recommenders_tf.layers.mlp import MLP
from recommenders_tf.layers.quotient_remainder_embedding import QuotientRemainderEmbedding
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.layers.reset_rows import reset_rows
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.layers.uniform_negatives import UniformNegatives

__all__ = [
    "MLP",
    "FeatureEmbedding",
    "GrowingVocabulary",
    "MaskedMean",
    "QuotientRemainderEmbedding",
    "ReservedZeros",
    "StackedEmbedding",
    "UniformNegatives",
    "reset_rows",
]
