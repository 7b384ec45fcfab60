import pandas as pd
import pytest

from recommenders_tf.data import TableSource, load_files, synthetic, write_files
from recommenders_tf.schema import SchemaError
from recommenders_tf.schema_inference import infer_schema


def kinds(schema):
    return {c.name: f"{c.role.value} {c.kind.value}" for c in schema.columns.values()}


def events(**columns):
    count = 40
    base = {
        "user_id": [i % 4 for i in range(count)],
        "item_id": [i % 10 for i in range(count)],
    }
    return pd.DataFrame(base | {name: values(count) for name, values in columns.items()})


def test_files_of_a_log_give_its_schema_back(tmp_path):
    log = synthetic(num_users=60, num_items=80, num_events=2_000)
    folder = write_files(log, tmp_path)
    tables = {name: folder / f"{name}.csv" for name in ("events", "users", "items")}
    draft = infer_schema(**tables, name="draft")
    true = {k: v for k, v in kinds(log.schema).items() if "cross" not in v}
    assert kinds(draft) == true
    assert draft["history"].source == "item_id"
    assert draft.label.positive_from == 4.0
    assert len(load_files(**tables, schema=draft)) == 2_000  # the draft is ready for use


def test_one_file_with_all_features_tells_whose_they_are(tmp_path):
    log = synthetic(num_users=30, num_items=40, num_events=600)
    log.events.merge(log.users).merge(log.items).to_parquet(tmp_path / "all.parquet")
    draft = infer_schema(tmp_path / "all.parquet")
    assert draft.name == "all"
    assert kinds(draft) == {k: v for k, v in kinds(log.schema).items() if "cross" not in v}


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (("userId", "movieId", "rating"), ("userId", "movieId")),
        (("SessionID", "Item ID", "n"), ("SessionID", "Item ID")),
        (("session_id", "user", "sku"), ("user", "sku")),
        (("user", "user_id", "item"), ("user_id", "item")),
        (("reviewerID", "asin", "overall"), ("reviewerID", "asin")),
        (("userID", "friendID", "n"), ("userID", "friendID")),
    ],
)
def test_ids_are_known_by_their_names(names, ids):
    frame = pd.DataFrame({name: range(5) for name in names})
    schema = infer_schema(frame)
    assert (schema.user_id.name, schema.item_id.name) == ids


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (lambda n: range(n), "numeric"),
        (lambda n: [i % 3 for i in range(n)], "categorical"),
        (lambda n: [i / 7 for i in range(n)], "numeric"),
        (lambda n: ["", *[i / 7 for i in range(n - 1)]], "numeric"),
        (lambda n: ["x|y" if i % 2 else "x" for i in range(n)], "multi_hot"),
        (lambda n: [["a"], []] * (n // 2), "multi_hot"),
        (lambda n: [f"a long title {i}" for i in range(n)], "text"),
        (lambda n: ["one of few names", "and another one"] * (n // 2), "categorical"),
        (lambda n: ["de", "at"] * (n // 2), "categorical"),
        (lambda n: [f"2001-01-{1 + i % 20:02}" for i in range(n)], "timestamp"),
    ],
)
def test_kinds_are_known_by_their_values(values, kind):
    # a time of its own, so that the dates are not taken for that of the event
    schema = infer_schema(events(when=lambda n: range(978300760, 978300760 + n), x=values))
    assert schema["x"].kind.value == kind


def test_numbers_called_code_are_names():
    schema = infer_schema(events(zip_code=lambda n: range(1000, 1000 + n)))
    assert schema["zip_code"].kind.value == "categorical"


def test_numbers_of_many_sizes_are_scaled_by_their_logarithm():
    schema = infer_schema(events(price=lambda n: [1.5] * (n - 1) + [1e4]))
    assert schema["price"].scaling == "log"


@pytest.mark.parametrize(
    "values",
    [
        lambda n: range(978300760, 978300760 + n),
        lambda n: pd.date_range("2020-01-01", periods=n, freq="60min"),
        lambda n: [f"2020-01-01T00:{i:02}:00Z" for i in range(n)],
    ],
)
def test_the_event_time_is_known_by_its_range(values):
    schema = infer_schema(events(stamp=values))
    assert schema.event_time.name == "stamp"
    assert schema.sequences[0].name == "history"


def test_times_in_milliseconds_are_refused():
    with pytest.raises(SchemaError, match="Column `time` holds times in milliseconds"):
        infer_schema(events(time=lambda n: range(978300760000, 978300760000 + n)))


def test_a_log_without_times_has_no_history():
    schema = infer_schema(events(year=lambda n: [1990 + i for i in range(n)]))
    assert schema.event_time is None and schema.sequences == ()


@pytest.mark.parametrize(
    ("values", "positive_from"), [([0, 1], None), ([1, 2, 3, 4, 5], 4.0), ([2, 4, 10, 20], 7.0)]
)
def test_the_label_and_what_counts_as_positive(values, positive_from):
    schema = infer_schema(events(rating=lambda n: (values * n)[:n]))
    assert schema.label.name == "rating"
    assert schema.label.positive_from == positive_from


def test_names_that_are_given_count():
    frame = events(rating=lambda n: [1, 5] * (n // 2), liked=lambda n: [0, 1] * (n // 2))
    frame = frame.rename(columns={"user_id": "who", "item_id": "what"})
    schema = infer_schema(frame, user_id="who", item_id="what", label="liked")
    assert (schema.user_id.name, schema.item_id.name, schema.label.name) == ("who", "what", "liked")
    with pytest.raises(SchemaError, match="`label` names the column `stars`, but the events have"):
        infer_schema(frame, user_id="who", item_id="what", label="stars")


@pytest.mark.parametrize("role", ["user", "item"])
def test_ids_that_cannot_be_told(role):
    frame = events().rename(columns={f"{role}_id": "x"})
    with pytest.raises(SchemaError, match=rf"{role} id; .* `{role}_id=...` \(--{role}-id\)"):
        infer_schema(frame)


def test_a_table_without_the_id():
    with pytest.raises(SchemaError, match="The user table has no column `user_id`"):
        infer_schema(events(), users=pd.DataFrame({"id": [1], "age": [2]}))


def test_the_name_is_that_of_the_file(tmp_path):
    path = tmp_path / "clicks.log.gz"
    path.with_name("clicks.txt").write_text("user item\n1 2\n3 4\n")
    source = TableSource(path.with_name("clicks.txt"), delimiter=" ")
    assert infer_schema(source).name == "clicks"
