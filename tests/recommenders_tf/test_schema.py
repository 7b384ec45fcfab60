import dataclasses

import pytest

from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError

COLUMNS = {
    "user": {"kind": "id", "role": "user", "embedding_dim": 8, "min_count": 2},
    "age": {"kind": "numeric", "role": "user", "boundaries": [18.0, 30.0]},
    "job": {"kind": "categorical", "role": "user", "max_vocabulary": 10},
    "history": {"kind": "sequence", "role": "user", "source": "item", "max_length": 5},
    "item": {"kind": "id", "role": "item"},
    "title": {"kind": "text", "role": "item"},
    "genres": {"kind": "multi_hot", "role": "item", "separator": ","},
    "liked_genres": {"kind": "multi_hot", "role": "user", "share_with": "genres"},
    "price": {"kind": "numeric", "role": "item", "scaling": "log"},
    "job_x_genres": {"kind": "cross", "role": "context", "sources": ["job", "genres"]},
    "time": {"kind": "timestamp", "role": "event_time"},
    "rating": {"kind": "label", "role": "label", "positive_from": 4.0},
}


@pytest.fixture
def schema():
    return FeatureSchema.from_dict({"name": "toy", "columns": COLUMNS})


def names(columns):
    return [column.name for column in columns]


def test_there_and_back_is_exact(schema, tmp_path):
    assert FeatureSchema.from_dict(schema.to_dict()) == schema
    assert schema.to_dict() == {"name": "toy", "columns": COLUMNS}
    fitted = schema.replace(
        [
            dataclasses.replace(schema["price"], mean=1 / 3, stddev=1e-9),
            dataclasses.replace(schema["job"], vocabulary_size=7),
        ]
    )
    fitted.save(tmp_path / "schema.yaml")
    again = FeatureSchema.load(tmp_path / "schema.yaml")
    assert again == fitted != schema
    assert hash(again) == hash(fitted)
    assert list(again.columns) == list(COLUMNS)


def test_columns_by_what_they_are(schema):
    assert (schema.user_id.name, schema.item_id.name) == ("user", "item")
    assert (schema.label.name, schema.event_time.name) == ("rating", "time")
    assert names(schema.select(Role.ITEM)) == ["item", "title", "genres", "price"]
    assert names(schema.select(Role.USER, Kind.MULTI_HOT)) == ["liked_genres"]
    assert names(schema.sequences) == ["history"]
    assert names(schema.crosses) == ["job_x_genres"]
    assert set(COLUMNS) - set(names(schema.stored)) == {"history", "job_x_genres"}
    assert set(COLUMNS) - set(names(schema.features)) == {"time", "rating"}
    assert [c.name for c in schema.features if c.is_numeric] == ["price"]
    assert schema["age"].is_bucketized and schema["age"].has_ids
    assert schema.mask_name(schema["history"]) == "history_mask"
    assert schema.mask_name(schema["job_x_genres"]) == "genres_mask"
    assert schema.roles(schema["job_x_genres"]) == {Role.USER, Role.ITEM}
    assert schema.roles(schema["job"]) == {Role.USER}


def test_vocabularies_are_owned_and_shared(schema):
    assert schema.table_of(schema["history"]).name == "item"
    assert schema.table_of(schema["liked_genres"]).name == "genres"
    assert schema.table_of(schema["job"]).name == "job"
    with pytest.raises(SchemaError, match="Column `genres` has no vocabulary yet"):
        schema.vocabulary_size(schema["liked_genres"])
    sizes = {"user": 9, "age": 5, "job": 7, "item": 11, "title": 13, "genres": 4}
    fitted = schema.replace(
        dataclasses.replace(schema[name], vocabulary_size=size) for name, size in sizes.items()
    )
    assert fitted.vocabulary_size(fitted["history"]) == 11
    assert fitted.vocabulary_size(fitted["job_x_genres"]) == 7 * 4 + 1
    hashed = dataclasses.replace(fitted["job_x_genres"], num_buckets=10)
    assert fitted.vocabulary_size(hashed) == 11
    assert not fitted.is_fitted
    price = dataclasses.replace(fitted["price"], mean=0.0, stddev=1.0)
    lists = [dataclasses.replace(c, max_length=3) for c in fitted.features if c.is_list]
    assert fitted.replace([price, *lists]).is_fitted


def test_hashed_columns_need_no_fitting():
    columns = {name: {**COLUMNS[name], "hash_buckets": 10} for name in ("item", "title", "genres")}
    columns["job"] = {**COLUMNS["job"], "growing": True, "max_vocabulary": 6}
    columns["job_x_genres"] = {**COLUMNS["job_x_genres"], "num_buckets": 50}
    schema = FeatureSchema.from_dict(changed(**columns))
    sizes = {"item": 12, "history": 12, "title": 12, "liked_genres": 12, "job": 6 + 2 + 1}
    assert {name: schema.vocabulary_size(schema[name]) for name in sizes} == sizes
    assert [c.name for c in schema.features if c.owns_vocabulary] == ["user"]
    lists = [dataclasses.replace(c, max_length=3) for c in schema.features if c.is_list]
    fitted = [dataclasses.replace(schema[name], vocabulary_size=5) for name in ("user", "age")]
    assert not schema.replace(lists).is_fitted
    assert schema.replace([*lists, *fitted]).is_fitted


def test_weights_go_with_the_list_that_has_them():
    genres = {**COLUMNS["genres"], "weighted": True}
    schema = FeatureSchema.from_dict(changed(genres=genres))
    names = {c.name: schema.weights_name(c) for c in schema.features if schema.list_source(c)}
    assert names == {
        "history": None,
        "title": None,
        "genres": "genres_weights",
        "liked_genres": None,
        "job_x_genres": "genres_weights",
    }
    assert schema.weights_name(schema["job"]) is None


def changed(**columns):
    """The columns with some changed; None takes one out."""
    merged = {**COLUMNS, **columns}
    return {"columns": {name: values for name, values in merged.items() if values is not None}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colums": {}}, "`colums` is neither"),
        (changed(user=None), "exactly one column of kind `id` and role `user`; it has 0"),
        (changed(other={"kind": "id", "role": "item"}), "role `item`; it has 2"),
        (changed(age={"role": "user"}), "Column `age` has no `kind`; give one of id, "),
        (changed(age={"kind": "int", "role": "user"}), "unknown kind `int`; known are id, "),
        (changed(age={"kind": "numeric", "role": "usr"}), "unknown role `usr`; known are user, "),
        (changed(age="numeric"), "Column `age` must be a mapping"),
        (changed(age={**COLUMNS["age"], "bins": 3}), "unknown key `bins`; known keys are "),
        (changed(age={**COLUMNS["age"], "boundaries": [3.0, 1.0]}), "`age` must increase"),
        (changed(price={**COLUMNS["price"], "scaling": "cubic"}), "unknown scaling `cubic`"),
        (
            changed(later={"kind": "timestamp", "role": "event_time"}),
            "two columns of role `event_time`: `time` and `later`",
        ),
        (
            changed(loved={"kind": "label", "role": "label", "source": "price"}),
            "Label `loved` is read from `price`, which is no label of the data",
        ),
        (
            changed(
                loved={"kind": "label", "role": "label", "source": "rating"},
                adored={"kind": "label", "role": "label", "source": "loved"},
            ),
            "Label `adored` is read from `loved`, which is no label of the data",
        ),
        (changed(rating={"kind": "numeric", "role": "label"}), "must have the kind `label`, not"),
        (changed(time={"kind": "numeric", "role": "event_time"}), "the kind `timestamp`, not"),
        (
            changed(history={"kind": "sequence", "role": "user"}),
            "Sequence `history` needs `source`",
        ),
        (changed(history={**COLUMNS["history"], "role": "item"}), "give it the role `user`"),
        (changed(history={**COLUMNS["history"], "source": "job"}), "does not describe an item"),
        (changed(history={**COLUMNS["history"], "source": "itm"}), "names `itm`, which is not in"),
        (changed(time=None), "a history without times would leak the future"),
        (changed(job={**COLUMNS["job"], "share_with": "job"}), "Column `job` names itself"),
        (
            changed(
                job={**COLUMNS["job"], "share_with": "town"},
                town={"kind": "categorical", "role": "user", "share_with": "job"},
            ),
            "shares its vocabulary in a circle",
        ),
        (changed(job_x_genres={"kind": "cross", "role": "context"}), "needs two or more `sources`"),
        (
            changed(
                job_x_genres={"kind": "cross", "role": "item", "sources": ["job", "price"]},
            ),
            "`price` has none: give it `num_buckets`",
        ),
        (
            changed(
                job_x_genres={"kind": "cross", "role": "item", "sources": ["title", "genres"]},
            ),
            "at most one source may be a list",
        ),
        (changed(job={**COLUMNS["job"], "weighted": True}), "`job` of kind `categorical` cannot"),
        (
            changed(
                genres={**COLUMNS["genres"], "weighted": True},
                genres_weights={"kind": "numeric", "role": "item"},
            ),
            "`genres_weights`, as another column is",
        ),
        (changed(genres={**COLUMNS["genres"], "timed": True}), "only a `sequence` can"),
        (
            changed(
                history={**COLUMNS["history"], "timed": True},
                history_ages={"kind": "numeric", "role": "user"},
            ),
            "The ages of column `history` would be called `history_ages`",
        ),
        (changed(history={**COLUMNS["history"], "hash_buckets": 9}), "`history` cannot have `hash"),
        (
            changed(liked_genres={**COLUMNS["liked_genres"], "quotient_remainder": "add"}),
            "`liked_genres` cannot have `quotient_remainder`",
        ),
        (changed(price={**COLUMNS["price"], "growing": True}), "`price` cannot have `growing`"),
        (changed(age={**COLUMNS["age"], "hash_buckets": 9}), "`age` has no raw values to hash"),
        (changed(item={**COLUMNS["item"], "hash_buckets": 0}), "`hash_buckets` 0; give it 1"),
        (changed(user={**COLUMNS["user"], "hash_buckets": 9}), "`user` keeps no vocabulary"),
        (changed(user={**COLUMNS["user"], "growing": True}), "`user` grows: give it `max_vocab"),
        (
            changed(job={**COLUMNS["job"], "growing": True, "quotient_remainder": "add"}),
            "`job` cannot grow and share rows",
        ),
        (changed(job={**COLUMNS["job"], "forget_after": 5}), "`forget_after` 5; give it 1 or more"),
        (
            changed(
                job={**COLUMNS["job"], "growing": True},
            ),
            "Cross `job_x_genres` cannot number the combinations of `job`, which grows",
        ),
        (
            changed(item={**COLUMNS["item"], "quotient_remainder": "xor"}),
            "quotient_remainder `xor`",
        ),
        (changed(item={**COLUMNS["item"], "collisions": 4}), "`collisions` 4; give it 1 or more"),
    ],
)
def test_contradictions_name_the_column_and_the_remedy(values, message):
    with pytest.raises(SchemaError, match=message):
        FeatureSchema.from_dict(values)


def test_a_column_listed_twice():
    user = Column("user", Kind.ID, Role.USER)
    with pytest.raises(SchemaError, match="Column `user` is listed twice"):
        FeatureSchema([user, user])


def test_a_column_that_is_not_there(schema):
    assert "job" in schema and "jobs" not in schema
    with pytest.raises(SchemaError, match="Column `jobs` is not in schema `toy`, which has user, "):
        schema["jobs"]


@pytest.mark.parametrize("text", ["just text", "columns: [user]", "columns:\n  user: {kind: id"])
def test_a_file_that_is_no_schema(tmp_path, text):
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    with pytest.raises(SchemaError, match="is not a schema"):
        FeatureSchema.load(path)


def test_labels_in_order_and_derived_ones_stand_in_no_table() -> None:
    loved = {"kind": "label", "role": "label", "source": "rating", "positive_from": 5.0}
    values = changed(loved=loved, click={"kind": "label", "role": "label"})
    schema = FeatureSchema.from_dict(values)
    assert [c.name for c in schema.labels] == ["rating", "loved", "click"]
    assert schema.label.name == "rating"
    assert {"rating", "click"} <= {c.name for c in schema.stored}
    assert not {"loved", "job_x_genres"} & {c.name for c in (*schema.stored, *schema.raw)}
    assert "history" in {c.name for c in schema.raw} - {c.name for c in schema.stored}
    assert FeatureSchema.from_dict(schema.to_dict()) == schema
