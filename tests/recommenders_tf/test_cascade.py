import dataclasses

import pytest

import recommenders_tf as rtf


def test_models_of_different_schemas_are_refused(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    column = dataclasses.replace(train.schema["price"], scaling="none")
    other = train.schema.replace([column])
    with pytest.raises(ValueError, match="different schemas"):
        rtf.Cascade(rtf.models.MF(train.schema), rtf.models.WideDeep(other))


def test_export_deletes_no_folder_of_other_files(planted_log, tmp_path) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.MF(train.schema, embedding_dim=2)
    model.bind(train.tables)
    (tmp_path / "precious.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="holds other files than a model"):
        model.export(tmp_path)
    assert (tmp_path / "precious.txt").exists()
    for _ in range(2):  # a SavedModel may be replaced
        assert (model.export(tmp_path / "1") / "saved_model.pb").exists()
