"""The guide's request is one that an exported model takes."""

import json
import pathlib
import re

from recommenders_tf.schema import FeatureSchema
from recommenders_tf.signature_inputs import top_k_inputs

ROOT = pathlib.Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "serving.md"
SCHEMA = ROOT / "recommenders_tf" / "data" / "schemas" / "movielens-100k.yaml"


def test_the_request_of_the_guide_names_every_input_of_its_signature():
    (body,) = re.findall(r"curl -d '(.*?)' ", GUIDE.read_text(), re.DOTALL)
    request = json.loads(body)
    schema = FeatureSchema.load(SCHEMA)
    context = [column.name for column in schema.stored if column.role == "context"]
    named = {*top_k_inputs(), *context}
    assert request["signature_name"] == "recommend" and request["inputs"].keys() == named
