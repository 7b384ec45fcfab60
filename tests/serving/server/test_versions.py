from __future__ import annotations

import pytest

from serving.server.errors import StatusError
from serving.server.versions import find_versions


def test_only_integers_are_versions(tmp_path):
    for name in ("1", "00000123", "-4", "12x", "x12", "temp-7", "1.5", "9" * 30):
        (tmp_path / name).mkdir()
    assert find_versions("toy", str(tmp_path)) == {
        number: str(tmp_path / name) for number, name in ((1, "1"), (123, "00000123"), (-4, "-4"))
    }


def test_two_folders_of_one_version_give_one_and_a_warning(tmp_path, caplog):
    for name in ("7", "007"):
        (tmp_path / name).mkdir()
    assert find_versions("toy", str(tmp_path)) == {7: str(tmp_path / "7")}
    assert "version 7 has two folders" in caplog.text


def test_a_missing_base_path_is_an_error_not_an_empty_one(tmp_path):
    with pytest.raises(StatusError, match=r"Could not find base path .*/gone for servable toy"):
        find_versions("toy", str(tmp_path / "gone"))
    assert find_versions("toy", str(tmp_path)) == {}
