import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mien.data import check_dataset
from mien.emotions import FER2013_7
from mien.errors import OutputError
from mien.reports import data_report
from mien.reports.data.figures import (
    counts_figure,
    leaks_figure,
    near_copies_figure,
    votes_figures,
)


class Outline(HTMLParser):
    """Collects ids, links to them, images and outside addresses."""

    def __init__(self):
        super().__init__()
        self.ids, self.targets, self.images, self.outside = set(), set(), [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            assert values["id"] not in self.ids, values["id"]
            self.ids.add(values["id"])
        if tag == "a" and values.get("href", "").startswith("#"):
            self.targets.add(values["href"][1:])
        if tag == "img":
            self.images.append(values)
        for name in ("src", "href"):
            if re.match(r"(https?:)?//", values.get(name) or ""):
                self.outside.append(values[name])


@pytest.fixture(scope="module")
def report(tmp_path_factory, toy_dataset):
    folder = tmp_path_factory.mktemp("report")
    steps = lambda images: [("dark", images // 2)]  # noqa: E731
    written = data_report(
        toy_dataset, check_dataset(toy_dataset), folder / "a.html", augmented=steps,
        figures=folder / "figures",
    )  # fmt: skip
    outline = Outline()
    outline.feed((folder / "a.html").read_text())
    return folder, written, outline


def test_the_page_needs_nothing_from_outside(report):
    folder, _, outline = report
    assert outline.outside == []
    assert (folder / "a.html").stat().st_size < 10e6
    assert "vegaEmbed" in (folder / "a.html").read_text()


def test_the_contents_lead_to_every_figure(report):
    _, _, outline = report
    figures = {name for name in outline.targets if not name.startswith("section-")}
    assert outline.targets <= outline.ids
    assert {"images-per-class", "random-faces", "label-against-majority"} <= figures
    assert {"augmentation-step-by-step", "from-the-image-to-the-crop"} <= figures


def test_images_are_whole_and_described(report):
    _, _, outline = report
    assert len(outline.images) > 100
    for values in outline.images:
        data = base64.b64decode(values["src"].removeprefix("data:image/png;base64,"))
        assert Image.open(io.BytesIO(data)).size == (48, 48)
    assert any("angry, dark" in values["alt"] for values in outline.images)


def test_each_chart_is_there_as_svg_and_png_too(report):
    _, written, _ = report
    charts = {path.stem for path in written if path.suffix == ".svg"}
    images = {path.stem for path in written if path.suffix == ".png"}
    assert len(charts) >= 7
    assert charts < images
    for path in written:
        if path.suffix == ".png":
            assert np.asarray(Image.open(path).convert("L")).std() > 5, path


def test_who_agrees_with_the_label_lies_on_the_diagonal(toy_dataset):
    votes, majority = votes_figures(toy_dataset)
    for figure in (votes, majority):
        spec = figure.chart.to_dict()
        rows = next(iter(spec["datasets"].values()))
        column = "votes" if "votes" in rows[0] else "majority"
        own = [row["share"] for row in rows if row["label"] == row[column]]
        assert len(own) == len(FER2013_7)
        assert min(own) > 0.79
        order = spec["layer"][0]["encoding"]["x"]["sort"]
        assert order[: len(FER2013_7)] == list(FER2013_7.labels)
    assert json.dumps(rows)
    assert "100.0% have its label" in majority.sentence


def test_a_report_is_not_written_over(report, toy_dataset):
    folder, _, _ = report
    with pytest.raises(OutputError, match="overwrite=True"):
        data_report(toy_dataset, check_dataset(toy_dataset, near=False), folder / "a.html")


def test_a_dataset_without_votes_or_copies_has_a_report_too(tmp_path, toy_dataset):
    bare = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes), names=None)
    data_report(bare, check_dataset(bare, near=False), str(tmp_path / "a.html"))
    text = (tmp_path / "a.html").read_text()
    assert "Labels and votes" not in text
    assert "<h2>Preprocessing</h2>" in text
    assert "No image occurs more than once." in text
    assert "leaks-between-the-subsets" not in text
    assert "most frequent votes" not in text


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"angry": 100, "happy": 100}, "are balanced, with 100 images each"),
        ({"angry": 100, "happy": 80}, "are balanced, with 80 to 100 images each"),
        ({"angry": 100, "happy": 1}, "angry has 100 images, happy 1."),
        ({"angry": 1}, "The only class is angry, with 1 image."),
        ({}, "No image has a label"),
    ],
)
def test_the_balance_is_said_as_it_is(toy_dataset, counts, said):
    every = dict.fromkeys(FER2013_7.labels, 0) | counts
    check = dataclasses.replace(check_dataset(toy_dataset, near=False), counts={"train": every})
    figure = counts_figure(check)
    assert said in figure.sentence
    encoding = figure.chart.to_dict()["encoding"]
    assert encoding["color"]["scale"]["domain"] == ["train"]
    if sum(counts.values()) == 1:
        assert encoding["x"]["axis"]["values"] == [0, 1]


def test_of_several_leaks_the_worst_is_named(toy_dataset):
    images = toy_dataset.images.copy()
    images[[64, 65]], images[80] = images[[0, 1]], images[2]
    leaking = dataclasses.replace(toy_dataset, images=images)
    figure = leaks_figure(check_dataset(leaking, near=False))
    assert figure.sentence.startswith("Of val 12.5% have a pixel-identical copy in train.")
    assert figure.chart.to_dict()["encoding"]["color"]["scale"]["domain"] == ["exact"]
    assert leaks_figure(check_dataset(toy_dataset, near=False)) is None
    near = leaks_figure(check_dataset(toy_dataset))
    assert near.sentence.startswith("Of test 100.0% have a near copy in train.")


def test_copies_that_are_all_identical_are_no_near_ones(toy_dataset):
    images = np.random.default_rng(0).integers(0, 256, toy_dataset.images.shape).astype(np.uint8)
    images[1] = images[0]
    check = check_dataset(dataclasses.replace(toy_dataset, images=images))
    assert len(check.near) == 1
    assert near_copies_figure(check) is None
