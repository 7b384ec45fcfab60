import dataclasses

import pytest

import recommenders_tf as rtf


def test_models_of_different_schemas_are_refused(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    column = dataclasses.replace(train.schema["price"], scaling="none")
    other = train.schema.replace([column])
    with pytest.raises(ValueError, match="different schemas"):
        rtf.Cascade(rtf.models.MF(train.schema), rtf.models.WideDeep(other))
