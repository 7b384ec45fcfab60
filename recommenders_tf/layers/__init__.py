"""Building blocks, one file each: the equation of a paper as a Keras layer."""

from recommenders_tf.layers.dice import Dice
from recommenders_tf.layers.dot_interaction import DotInteraction
from recommenders_tf.layers.factorization_machine import FactorizationMachine
from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.first_order import FirstOrder
from recommenders_tf.layers.growing_vocabulary import GrowingVocabulary
from recommenders_tf.layers.masked_mean import MaskedMean
from recommenders_tf.layers.matrix_cross import MatrixCross
from recommenders_tf.layers.mini_batch_penalty import MiniBatchPenalty
from recommenders_tf.layers.mixture_cross import MixtureCross
from recommenders_tf.layers.mlp import MLP
from recommenders_tf.layers.quotient_remainder_embedding import QuotientRemainderEmbedding
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.layers.reset_rows import reset_rows
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.layers.target_attention import TargetAttention
from recommenders_tf.layers.uniform_negatives import UniformNegatives
from recommenders_tf.layers.vector_cross import VectorCross

__all__ = [
    "MLP",
    "Dice",
    "DotInteraction",
    "FactorizationMachine",
    "FeatureEmbedding",
    "FirstOrder",
    "GrowingVocabulary",
    "MaskedMean",
    "MatrixCross",
    "MiniBatchPenalty",
    "MixtureCross",
    "QuotientRemainderEmbedding",
    "ReservedZeros",
    "StackedEmbedding",
    "TargetAttention",
    "UniformNegatives",
    "VectorCross",
    "reset_rows",
]
