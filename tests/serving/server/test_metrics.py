"""The metrics page, byte by byte, and what many threads record at the same time."""

from __future__ import annotations

import re
import sys
import threading

import pytest

from serving.server import metrics


def test_a_histogram_is_written_as_tf_serving_writes_it():
    histogram = metrics.Histogram("/test/path/histogram", ["status"], [2.0**i for i in range(10)])
    for value in [2, 20, 200]:
        histogram.observe(value, "good")
    counts = {1: 0, 2: 0, 4: 1, 8: 1, 16: 1, 32: 2, 64: 2, 128: 2, 256: 3, 512: 3, "+Inf": 3}
    assert histogram.lines() == [
        "# TYPE :test:path:histogram histogram",
        *(
            f':test:path:histogram_bucket{{status="good",le="{limit}"}} {count}'
            for limit, count in counts.items()
        ),
        ':test:path:histogram_sum{status="good"} 222',
        ':test:path:histogram_count{status="good"} 3',
    ]


def test_limits_and_sums_have_six_digits():
    for _ in range(3):
        metrics.REQUEST_LATENCY.observe(1_234_567.8, "digits", "Predict", "GRPC")
    page = [line for line in metrics.render().splitlines() if "digits" in line]
    limits = [re.search(r'le="(.*)"', line)[1] for line in page[:-2]]
    assert limits[:7] == ["10", "18", "32.4", "58.32", "104.976", "188.957", "340.122"]
    assert limits[-2:] == ["1.47476e+09", "+Inf"]
    assert len(limits) == 34
    assert page[-2].endswith('model_name="digits",API="Predict",entrypoint="GRPC"} 3.7037e+06')


def test_the_page_lists_every_metric_in_order_even_before_its_first_value():
    page = metrics.render()
    names = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    assert names == [
        (":tensorflow:serving:batching_session:input_batch_size", "histogram"),
        (":tensorflow:serving:batching_session:padding_size", "histogram"),
        (":tensorflow:serving:batching_session:processed_batch_size", "histogram"),
        (":tensorflow:serving:batching_session:queuing_latency", "histogram"),
        (":tensorflow:serving:batching_session:wrapped_run_count", "counter"),
        (":tensorflow:serving:mlmd_map", "gauge"),
        (":tensorflow:serving:model_warmup_latency", "histogram"),
        (":tensorflow:serving:model_warmup_records_read", "counter"),
        (":tensorflow:serving:request_count", "counter"),
        (":tensorflow:serving:request_example_count_total", "counter"),
        (":tensorflow:serving:request_example_counts", "histogram"),
        (":tensorflow:serving:request_latency", "histogram"),
        (":tensorflow:serving:request_log_count", "counter"),
        (":tensorflow:serving:runtime_latency", "histogram"),
    ]
    assert "# HELP" not in page
    assert page.endswith("\n")


def test_label_values_are_escaped():
    counter = metrics.Counter("/test/total", ["name"])
    counter.increment('"abc\\"\n', by=2)
    assert counter.lines()[1] == ':test:total{name="\\"abc\\\\\\"\\n"} 2'


def test_samples_are_sorted_by_their_labels():
    counter = metrics.Counter("/test/total", ["name", "status"])
    for labels in [("b", "OK"), ("a", "OK"), ("a", "ABORTED")]:
        counter.increment(*labels)
    assert [re.findall('"(.*?)"', line) for line in counter.lines()[1:]] == [
        ["a", "ABORTED"],
        ["a", "OK"],
        ["b", "OK"],
    ]


def test_a_metric_without_labels_has_empty_braces():
    counter = metrics.Counter("/test/total", [])
    counter.increment()
    histogram = metrics.Histogram("/test/sizes", [], [1])
    histogram.observe(1)
    assert counter.lines()[1] == ":test:total{} 1"
    assert histogram.lines()[1:] == [
        ':test:sizes_bucket{le="1"} 0',
        ':test:sizes_bucket{le="+Inf"} 1',
        ":test:sizes_sum{} 1",
        ":test:sizes_count{} 1",
    ]


def test_model_names_that_clients_make_up_do_not_fill_the_memory():
    counter = metrics.Counter("/test/total", ["model_name", "status"])
    for index in range(3000):
        counter.increment(f"m{index}", "NOT_FOUND")
    lines = counter.lines()
    assert len(lines) < 1010
    assert f':test:total{{model_name="{metrics.OTHER}",status="NOT_FOUND"}} 2000' in lines


def test_a_wrong_number_of_labels_is_an_error():
    with pytest.raises(ValueError, match=r"labels \('model_name', 'status'\).*\('movies',\)"):
        metrics.REQUEST_COUNT.increment("movies")


def test_a_fact_can_be_taken_back():
    info = metrics.Info("/test/info", ["version"])
    info.set("1")
    info.set("2")
    info.clear("1")
    assert info.lines()[1:] == [':test:info{version="2"} 1']


def test_nothing_is_lost_when_threads_record_while_the_page_is_read():
    counter = metrics.Counter("/test/total", ["name"])
    histogram = metrics.Histogram("/test/sizes", ["name"], [1, 2])
    start = threading.Barrier(9)

    def record():
        start.wait()
        for _ in range(2000):
            counter.increment("a")
            histogram.observe(1, "a")

    threads = [threading.Thread(target=record) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        start.wait()
        while any(thread.is_alive() for thread in threads):
            counter.lines()
            histogram.lines()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert counter.lines()[1] == ':test:total{name="a"} 16000'
    assert histogram.lines()[-1] == ':test:sizes_count{name="a"} 16000'
