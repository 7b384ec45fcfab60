"""Building blocks, one file each: the equation of a paper as a Keras layer."""

from recommenders_tf.layers.anova_kernel import AnovaKernel
from recommenders_tf.layers.attention_gru import AttentionGRU
from recommenders_tf.layers.bi_interaction import BiInteraction
from recommenders_tf.layers.bilinear_fusion import BilinearFusion
from recommenders_tf.layers.bilinear_interaction import BilinearInteraction
from recommenders_tf.layers.causal_attention import CausalAttention
from recommenders_tf.layers.cloze_steps import ClozeSteps
from recommenders_tf.layers.compressed_interaction import CompressedInteraction
from recommenders_tf.layers.customized_gate_control import CustomizedGateControl
from recommenders_tf.layers.dice import Dice
from recommenders_tf.layers.dot_interaction import DotInteraction
from recommenders_tf.layers.dropout import Dropout
from recommenders_tf.layers.factorization_machine import FactorizationMachine
from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.feature_gate import FeatureGate
from recommenders_tf.layers.field_attention import FieldAttention
from recommenders_tf.layers.field_aware_interaction import FieldAwareInteraction
from recommenders_tf.layers.first_order import FirstOrder
from recommenders_tf.layers.gated_experts import GatedExperts
from recommenders_tf.layers.growing_vocabulary import GrowingVocabulary
from recommenders_tf.layers.history_state import HistoryState
from recommenders_tf.layers.inner_product import InnerProduct
from recommenders_tf.layers.interest_attention import InterestAttention
from recommenders_tf.layers.interest_routing import InterestRouting
from recommenders_tf.layers.latent_cross import LatentCross
from recommenders_tf.layers.mask_block import MaskBlock
from recommenders_tf.layers.masked_mean import MaskedMean
from recommenders_tf.layers.matrix_cross import MatrixCross
from recommenders_tf.layers.mini_batch_penalty import MiniBatchPenalty
from recommenders_tf.layers.mixture_cross import MixtureCross
from recommenders_tf.layers.mlp import MLP
from recommenders_tf.layers.next_behaviour_loss import NextBehaviourLoss
from recommenders_tf.layers.outer_product import OuterProduct
from recommenders_tf.layers.pair_attention import PairAttention
from recommenders_tf.layers.parallel_dense import ParallelDense
from recommenders_tf.layers.parallel_mlp import ParallelMLP
from recommenders_tf.layers.popular_negatives import PopularNegatives
from recommenders_tf.layers.position_embedding import PositionEmbedding
from recommenders_tf.layers.quotient_remainder_embedding import QuotientRemainderEmbedding
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.layers.reset_rows import reset_rows
from recommenders_tf.layers.residual_unit import ResidualUnit
from recommenders_tf.layers.segment_steps import SegmentSteps
from recommenders_tf.layers.self_attention import SelfAttention, visible_steps
from recommenders_tf.layers.session_graph import SessionGraph
from recommenders_tf.layers.softmax_attention import SoftmaxAttention
from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.layers.squeeze_excitation import SqueezeExcitation
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.layers.steps import elapsed_times, last_step, remaining_steps, time_intervals
from recommenders_tf.layers.streaming_frequency import StreamingFrequency
from recommenders_tf.layers.target_attention import TargetAttention
from recommenders_tf.layers.time_aware_lstm import TimeAwareLSTM
from recommenders_tf.layers.transformer_block import TransformerBlock
from recommenders_tf.layers.transformer_encoder import TransformerEncoder
from recommenders_tf.layers.uniform_negatives import UniformNegatives
from recommenders_tf.layers.unseen_negatives import UnseenNegatives
from recommenders_tf.layers.vector_cross import VectorCross
from recommenders_tf.layers.window_convolution import WindowConvolution

__all__ = [
    "MLP",
    "AnovaKernel",
    "AttentionGRU",
    "BiInteraction",
    "BilinearFusion",
    "BilinearInteraction",
    "CausalAttention",
    "ClozeSteps",
    "CompressedInteraction",
    "CustomizedGateControl",
    "Dice",
    "DotInteraction",
    "Dropout",
    "FactorizationMachine",
    "FeatureEmbedding",
    "FeatureGate",
    "FieldAttention",
    "FieldAwareInteraction",
    "FirstOrder",
    "GatedExperts",
    "GrowingVocabulary",
    "HistoryState",
    "InnerProduct",
    "InterestAttention",
    "InterestRouting",
    "LatentCross",
    "MaskBlock",
    "MaskedMean",
    "MatrixCross",
    "MiniBatchPenalty",
    "MixtureCross",
    "NextBehaviourLoss",
    "OuterProduct",
    "PairAttention",
    "ParallelDense",
    "ParallelMLP",
    "PopularNegatives",
    "PositionEmbedding",
    "QuotientRemainderEmbedding",
    "ReservedZeros",
    "ResidualUnit",
    "SegmentSteps",
    "SelfAttention",
    "SessionGraph",
    "SoftmaxAttention",
    "SparseDense",
    "SqueezeExcitation",
    "StackedEmbedding",
    "StreamingFrequency",
    "TargetAttention",
    "TimeAwareLSTM",
    "TransformerBlock",
    "TransformerEncoder",
    "UniformNegatives",
    "UnseenNegatives",
    "VectorCross",
    "WindowConvolution",
    "elapsed_times",
    "last_step",
    "remaining_steps",
    "reset_rows",
    "time_intervals",
    "visible_steps",
]
