"""A comparison of models as one HTML page that needs no network, and the JSON behind it.

Matplotlib draws it: `pip install "recommenders-tf[reports]"`.
"""

from recommenders_tf.evaluation.report.compared_model import ComparedModel, Lists
from recommenders_tf.evaluation.report.facts import gather_facts
from recommenders_tf.evaluation.report.page import render, write_report

__all__ = ["ComparedModel", "Lists", "gather_facts", "render", "write_report"]
