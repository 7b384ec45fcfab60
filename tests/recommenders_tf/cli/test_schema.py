from __future__ import annotations

import yaml
from typer.testing import CliRunner

from recommenders_tf.cli.main import app
from recommenders_tf.schema import FeatureSchema

EVENTS = "who,movie,rating,timestamp\n" + "".join(
    f"{user},{movie},{1 + (user + movie) % 5},{978300760 + 60 * user + movie}\n"
    for user in range(1, 20)
    for movie in range(1, 10)
)


def call(*arguments):
    return CliRunner().invoke(app, ["schema", *map(str, arguments)])


def test_the_draft_is_a_schema_on_stdout_or_in_a_file(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    printed = call(tmp_path / "events.csv", "--user-id", "who")
    assert printed.exit_code == 0
    draft = FeatureSchema.from_dict(yaml.safe_load(printed.stdout))
    assert (draft.user_id.name, draft.item_id.name) == ("who", "movie")
    assert (draft.label.name, draft.event_time.name) == ("rating", "timestamp")

    output = tmp_path / "schema.yaml"
    assert call(tmp_path / "events.csv", "--user-id", "who", "-o", output).stdout == ""
    assert FeatureSchema.load(output) == draft


def test_a_corrected_draft_is_not_written_over(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    output = tmp_path / "schema.yaml"
    output.write_text("mine")
    result = call(tmp_path / "events.csv", "--user-id", "who", "-o", output)
    assert isinstance(result.exception, FileExistsError)
    assert output.read_text() == "mine"


def test_an_unclear_column_is_asked_for_by_its_option(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    result = call(tmp_path / "events.csv")
    assert "--user-id" in str(result.exception)
