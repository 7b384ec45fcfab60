"""The example report of the documentation, as Chromium draws it.

`make report` makes the report anew and takes its picture with this module.
"""

from __future__ import annotations

import html
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import numpy as np
import pytest

from recommenders_tf.evaluation.report import render

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs/assets/compare/report.html"
PICTURE = ROOT / "docs/assets/compare/report.png"
SIZE = (1200, 1400)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# What a reader sees: the text of the cells, and where texts, plots and tables came to stand.
LOOK = """
<script>
const box = (element) => { const b = element.getBoundingClientRect();
  return {left: b.left, right: b.right, width: b.width, height: b.height}; };
const drawn = {
  width: document.documentElement.clientWidth, scroll: document.documentElement.scrollWidth,
  rows: [...document.querySelectorAll("table tr")].map(row => [...row.cells].map(c => c.innerText)),
  plots: [...document.querySelectorAll("svg")].map(plot => ({...box(plot),
    texts: [...plot.querySelectorAll("text")].map(text => ({...box(text), text: text.textContent}))
  })),
};
const told = document.createElement("pre");
told.id = "drawn"; told.textContent = JSON.stringify(drawn); document.body.append(told);
</script>
"""


def chromium(*arguments: str) -> str:
    """Call Chromium without a window or a network; return what it prints."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "No Chromium is here to draw the report: install Debian's package `chromium`."
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [
                *(found, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *(f"--window-size={SIZE[0]},{SIZE[1]}", "--force-device-scale-factor=1"),
                *arguments,
            ],
            capture_output=True,
            check=True,
            text=True,
            timeout=300,
        ).stdout


def take_picture(path: pathlib.Path) -> None:
    """Write the top of the report as a picture."""
    chromium(f"--screenshot={path}", REPORT.as_uri())


@pytest.fixture(scope="module")
def facts():
    return json.loads(REPORT.with_suffix(".json").read_text("utf-8"))


def test_the_example_is_what_the_facts_beside_it_give(facts):
    text = REPORT.read_text("utf-8")
    plots = re.compile("<svg.*?</svg>", re.DOTALL)  # the last digits of these are the machine's
    assert plots.sub("", text) == plots.sub("", render(facts)), "make it anew: `make report`"
    labels = [re.findall('aria-label="(.*?)"', page) for page in (text, render(facts))]
    assert labels[0] == labels[1]
    assert REPORT.stat().st_size < 500_000 and PICTURE.stat().st_size < 200_000


@pytest.mark.slow
def test_what_is_drawn_is_what_the_json_says(facts, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(REPORT.read_text("utf-8").replace("</body>", f"{LOOK}</body>"), "utf-8")
    dom = chromium("--dump-dom", page.as_uri())
    told = re.search(r'<pre id="drawn">(.*?)</pre>', dom, re.DOTALL)
    drawn = json.loads(html.unescape(told[1]))
    assert drawn["scroll"] <= drawn["width"] <= SIZE[0]  # nothing is cut off at the right
    metrics = {row[0]: row[1:] for row in drawn["rows"][1 : 1 + len(facts["models"])]}
    for model in facts["models"]:
        for cell, (name, value) in zip(
            metrics[model["name"]], model["metrics"].items(), strict=True
        ):
            bounds = model["intervals"].get(name)
            sure = [f"{bounds[0]:.4f} to {bounds[1]:.4f}"] if bounds else []
            assert cell.split("\n") == [f"{value:.4f}", *sure]
    names = {model["name"] for model in facts["models"]}
    assert len(drawn["plots"]) == 5
    for plot in drawn["plots"]:
        assert plot["width"] > 400 and plot["height"] > 100
        assert names <= {text["text"] for text in plot["texts"]}
        for text in plot["texts"]:
            assert plot["left"] - 2 <= text["left"] and text["right"] <= plot["right"] + 2, text


@pytest.mark.slow
def test_the_picture_of_the_documentation_is_that_of_the_report(tmp_path):
    from matplotlib import image

    take_picture(tmp_path / "report.png")
    found, shown = (image.imread(path)[..., :3] for path in (tmp_path / "report.png", PICTURE))
    assert found.shape == shown.shape == (SIZE[1], SIZE[0], 3)
    colour = np.array([0x00, 0x72, 0xB2]) / 255  # of the plot of means
    assert np.count_nonzero(np.abs(found - colour).max(axis=2) < 0.01) > 500
    # Letters are another machine's, but they stand in the same places.
    coarse = [
        p.reshape(SIZE[1] // 20, 20, SIZE[0] // 20, 20, 3).mean((1, 3)) for p in (found, shown)
    ]
    assert np.abs(coarse[0] - coarse[1]).mean() < 0.02, "take it anew: `make report`"


if __name__ == "__main__":
    take_picture(PICTURE)
