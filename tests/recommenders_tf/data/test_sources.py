import gzip
import pickle

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommenders_tf.data.arrow_text import text_frame
from recommenders_tf.data.sources import TableSource
from recommenders_tf.schema import SchemaError


def write(path, text, encoding="utf-8"):
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rows(raw):
    return raw.frame.to_numpy().tolist()


@pytest.mark.parametrize("name", ["events.csv", "events.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_and_gzip_with_either_line_end(tmp_path, name, end):
    path = write(tmp_path / name, end.join(["user,item", "1, 2 ", "", "3,4", ""]))
    source = TableSource(path)
    assert source.header_lines == 1
    raw = source.read()
    assert list(raw.frame) == ["user", "item"]
    assert rows(raw) == [["1", "2"], ["3", "4"]]
    assert len(raw) == 2


def test_delimiter_of_several_characters_and_latin_1(tmp_path):
    path = write(tmp_path / "movies.dat", '1::Amélie: a "tale"::x\n2::b\n', "latin-1")
    source = TableSource(path, delimiter="::", columns=("id", "title", "genre"), encoding="latin-1")
    raw = source.read()
    assert rows(raw) == [["1", 'Amélie: a "tale"', "x"]]
    assert raw.unparsed == ("2::b",)


def test_quotes(tmp_path):
    lines = ["1,2", 'a,"b, c"', "3,4", "5,6", '"say ""hi""",e']
    raw = TableSource(write(tmp_path / "t.csv", "\n".join(["x,y", *lines]))).read()
    assert rows(raw) == [["1", "2"], ["a", "b, c"], ["3", "4"], ["5", "6"], ['say "hi"', "e"]]


def test_a_broken_quote_costs_its_own_line_only(tmp_path):
    lines = ["1,a", '2,"never closed', "3,c", '4,"d"x', '5,"e"']
    raw = TableSource(write(tmp_path / "t.csv", "\n".join(["x,y", *lines]))).read()
    assert rows(raw) == [["1", "a"], ["3", "c"], ["5", "e"]]
    assert raw.unparsed == ('2,"never closed', '4,"d"x')


def test_lines_with_other_numbers_of_fields_are_kept_verbatim(tmp_path):
    raw = TableSource(write(tmp_path / "t.csv", "x,y\n1,2\n 3\n4,5,6\n")).read()
    assert rows(raw) == [["1", "2"]]
    assert raw.unparsed == (" 3", "4,5,6")
    assert len(raw) == 3


def test_bytes_that_are_no_text_cost_their_own_line_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"x,y\n1,caf\xc3\xa9\n2,caf\xe9\n3,tea\n")
    raw = TableSource(path).read()
    assert rows(raw) == [["1", "café"], ["3", "tea"]]
    assert raw.unparsed == ("2,caf\\xe9",)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_parse_lines_does_what_read_does(tmp_path, as_bytes):
    lines = ["1,é", "bad", '2,"b,c"', "", '3,"']
    path = write(tmp_path / "t.csv", "\n".join(["x,y", *lines]))
    source = TableSource(path)
    whole = source.read()
    parsed = source.parse_lines(
        [line.encode() for line in lines] if as_bytes else lines, ("x", "y")
    )
    pd.testing.assert_frame_equal(parsed.frame, whole.frame)
    assert parsed.unparsed == whole.unparsed == ("bad", '3,"')


def test_no_lines():
    raw = TableSource("none.csv", columns=("x", "y")).parse_lines([])
    assert list(raw.frame) == ["x", "y"]
    assert len(raw) == 0


def test_header_with_byte_order_mark(tmp_path):
    path = write(tmp_path / "t.csv", "\ufeffuser,item\n1,2\n")
    assert rows(TableSource(path).read()) == [["1", "2"]]
    assert TableSource(path).column_names() == ("user", "item")
    no_header = TableSource(write(tmp_path / "n.csv", "\ufeff1,2\n"), columns=("user", "item"))
    assert rows(no_header.read()) == [["1", "2"]]


def test_header_that_names_a_column_twice(tmp_path):
    with pytest.raises(SchemaError, match="names the column `x` twice"):
        TableSource(write(tmp_path / "t.csv", "x,y,x\n")).read()


def double(frame):
    return frame.assign(y=frame["y"].replace("", "none"), z=frame["x"] + frame["x"])


def test_tidy_sees_every_row_and_what_it_fills_in_is_counted(tmp_path):
    source = TableSource(write(tmp_path / "t.csv", "x,y\na,\nb,c\n"), tidy=double)
    raw = source.read()
    assert rows(raw) == [["a", "none", "aa"], ["b", "c", "bb"]]
    assert raw.filled == {"y": 1}
    assert pickle.loads(pickle.dumps(source)) == source  # Beam ships sources to its workers


def test_tidy_that_loses_rows_is_an_error(tmp_path):
    source = TableSource(write(tmp_path / "t.csv", "x\na\nb\n"), tidy=lambda frame: frame.head(1))
    with pytest.raises(ValueError, match="made 1 rows of 2"):
        source.read()


def test_parquet_becomes_the_same_text(tmp_path):
    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "gap": [7.0, None],
            "number": [0.5, float("nan")],
            "flag": [True, False],
            "day": pd.to_datetime(["2001-01-01T00:00:05Z", None]),
            "kind": pd.Categorical(["a", "b"]),
            "tags": [["x", "y"], None],
            "name": [" n ", None],
            "extra": [{"a": 1}, {"a": 2}],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    source = TableSource.of(tmp_path / "t.parquet")
    assert source.format == "parquet"
    assert source.column_names() == tuple(frame.columns)
    raw = source.read()
    assert rows(raw)[0][:-1] == ["1", "7", "0.5", "1", "978307205", "a", ["x", "y"], "n"]
    assert rows(raw)[1][:-1] == ["2", "", "", "0", "", "b", [], ""]
    table = pq.read_table(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(source.parse_table(table).frame, raw.frame)


def test_numbers_that_are_none_are_missing():
    numbers = pa.table({"x": pa.array([1.5, float("nan"), None])})
    assert text_frame(numbers)["x"].tolist() == ["1.5", "", ""]


def test_times_of_any_unit_become_seconds():
    for unit in ("s", "ms", "us", "ns"):
        for zone in (None, "Europe/Vienna"):
            times = pa.array([1_500_000_000], pa.timestamp("s", zone)).cast(
                pa.timestamp(unit, zone)
            )
            assert text_frame(pa.table({"t": times}))["t"].tolist() == ["1500000000"]
    dates = pa.table({"t": pa.array([1], pa.date32())})
    assert text_frame(dates)["t"].tolist() == ["86400"]


def test_the_ending_and_the_header_tell_the_format(tmp_path):
    for name, text, delimiter in (
        ("a.csv", "x,y\n", ","),
        ("b.csv", "x;y\n", ";"),
        ("c.csv.gz", "x\ty\n", "\t"),
        ("d.tsv", "x\ty|z\n", "\t"),
    ):
        assert TableSource.of(write(tmp_path / name, text)).delimiter == delimiter
    with pytest.raises(ValueError, match=r"ends in neither .csv, .tsv nor .parquet"):
        TableSource.of("u.data")
    with pytest.raises(ValueError, match="unknown format `json`"):
        TableSource("a.json", format="json")
