import dataclasses
import functools
import hashlib
import http.server
import json
import subprocess
import sys
import threading
import zipfile

import pytest

from recommenders_tf import data
from recommenders_tf.data import datasets
from recommenders_tf.data.download import Archive
from tests.recommenders_tf.data.amazon_files import write_grocery
from tests.recommenders_tf.data.movielens_files import WRITERS, write_100k, write_latest_small

NOWHERE = Archive("http://127.0.0.1:9/set.zip", "ml-100k", "0" * 32)


def with_archive(monkeypatch, name, archive):
    changed = dataclasses.replace(datasets._DATASETS[name], archive=archive)
    monkeypatch.setitem(datasets._DATASETS, name, changed)


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv("RECOMMENDERS_TF_DATA", raising=False)


@pytest.fixture
def official(tmp_path, monkeypatch, no_variable):
    """A server on loopback with the archives, in place of the official one."""
    site = tmp_path / "site"
    site.mkdir()
    archives = {}
    for name, folder in (
        ("movielens-100k", "ml-100k"),
        ("movielens-latest-small", "ml-latest-small"),
    ):
        source = WRITERS[name](tmp_path / "originals" / folder)
        with zipfile.ZipFile(site / f"{folder}.zip", "w") as archive:
            for path in source.iterdir():
                archive.write(path, f"{folder}/{path.name}")
        archives[name] = hashlib.md5((site / f"{folder}.zip").read_bytes()).hexdigest()
    published = f"{archives['movielens-latest-small']}  ml-latest-small.zip\n"
    (site / "ml-latest-small.zip.md5").write_text(published)

    class Handler(http.server.SimpleHTTPRequestHandler):
        requests = []

        def log_request(self, code="-", size="-"):
            self.requests.append((self.path, int(code)))

        def log_error(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        md5 = archives["movielens-100k"]
        with_archive(monkeypatch, "movielens-100k", Archive(f"{url}/ml-100k.zip", "ml-100k", md5))
        latest = Archive(f"{url}/ml-latest-small.zip", "ml-latest-small")
        with_archive(monkeypatch, "movielens-latest-small", latest)
        yield Handler.requests
        server.shutdown()


def test_the_places_count_in_their_order(tmp_path, monkeypatch, cache):
    given, variable = tmp_path / "given", tmp_path / "variable"
    monkeypatch.setenv("RECOMMENDERS_TF_DATA", str(variable))
    dataset = datasets._DATASETS["movielens-100k"]
    assert dataset.find(given) is None
    for folder in (
        cache / "movielens-100k",
        variable,
        variable / "ml-100k",
        variable / "movielens-100k",
        given,
        given / "ml-100k",
        given / "movielens-100k",
    ):
        write_100k(folder)
        assert dataset.find(given) == folder


def test_download_goes_to_the_cache_and_is_found_there(official, cache):
    assert len(data.load("movielens-100k")) == 4
    assert len(data.load("movielens-100k")) == 4
    assert official == [("/ml-100k.zip", 200)]
    assert sorted(path.name for path in cache.iterdir()) == ["movielens-100k"]


def test_checksum_published_beside_the_archive(official):
    assert len(data.load("movielens-latest-small")) == 2
    assert official[-2:] == [("/ml-latest-small.zip.md5", 200), ("/ml-latest-small.zip", 200)]


def test_a_damaged_download_is_refused_and_leaves_nothing(official, monkeypatch, cache):
    archive = datasets._DATASETS["movielens-100k"].archive
    with_archive(monkeypatch, "movielens-100k", Archive(archive.url, archive.folder, "0" * 32))
    with pytest.raises(data.DatasetNotFoundError, match=r"checksum of .* is .*, not 0000"):
        data.load("movielens-100k")
    assert list(cache.iterdir()) == []


def test_without_copy_and_network_the_message_says_what_to_do(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("RECOMMENDERS_TF_DATA", str(tmp_path / "variable"))
    with_archive(monkeypatch, "movielens-100k", NOWHERE)
    with pytest.raises(data.DatasetNotFoundError) as caught:
        data.load("movielens-100k", tmp_path / "given")
    for part in (
        str(tmp_path / "given" / "movielens-100k"),
        str(tmp_path / "variable"),
        str(cache / "movielens-100k"),
        "--data-dir",
        "--synthetic",
        NOWHERE.url,
    ):
        assert part in str(caught.value)


def test_the_name_of_the_archive_will_do(official):
    assert data.spec("ml-100k").name == "movielens-100k"


def test_an_unknown_name(no_variable):
    with pytest.raises(ValueError, match="no data set 'movielens-2k'; there are movielens-100k"):
        data.load("movielens-2k")


def test_describe_reads_nothing_and_says_where(tmp_path, no_variable):
    folder = write_latest_small(tmp_path / "movielens-latest-small")
    records = {record["name"]: record for record in data.describe(tmp_path)}
    assert list(records) == list(data.names())
    assert records["movielens-latest-small"]["found"] == str(folder)
    assert records["movielens-1m"]["found"] is None
    assert records["synthetic"]["events"] == len(data.load("synthetic"))
    json.dumps(list(records.values()))


@pytest.mark.parametrize("name", data.names())
def test_a_copy_on_this_machine_is_whole(name, tmp_path):
    record = next(record for record in data.describe() if record["name"] == name)
    if record["found"] is None:  # then at least the formats
        writers = WRITERS | {"amazon-grocery": write_grocery}
        record |= {"events": None, "found": writers[name](tmp_path)}
    log = data.load_spec(data.spec(name, record["found"]))
    user, time = log.schema.user_id.name, log.schema.event_time.name
    rows, used = log.report.rows_in, log.report.rows_used
    assert all(rows[table] == used[table] + log.report.quarantined(table) for table in rows)
    if record["events"]:
        sizes = (rows["events"], len(log.users), len(log.items))
        assert sizes == (record["events"], record["users"], record["items"])
    train, test = log.split("leave_last_out")
    last = test.events.set_index(user)[time]
    assert last.index.is_unique
    assert (last >= train.events.groupby(user)[time].max().reindex(last.index)).all()


def test_bad_rows_of_a_named_set_go_to_the_cache(tmp_path, cache, no_variable):
    folder = write_100k(tmp_path / "here")
    with (folder / "u.data").open("a") as file:
        file.write("1\t99\t3\t5\n")
    with pytest.raises(data.BadDataError, match="item not in the item table: 1"):
        data.load("movielens-100k", folder)
    assert len((cache / "quarantine" / "movielens-100k.jsonl").read_text().splitlines()) == 1
    limits = data.CleaningLimits(max_bad_share=0.5)
    log = data.load("movielens-100k", folder, limits=limits, quarantine=tmp_path / "bad.jsonl")
    assert log.report.path == tmp_path / "bad.jsonl"


def test_nothing_here_imports_tensorflow():
    code = (
        "import sys, recommenders_tf.data, recommenders_tf.schema_inference, recommenders_tf.tfmd\n"
        "heavy = {'tensorflow', 'tensorflow_metadata', 'apache_beam', 'google.protobuf'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
