import dataclasses

import numpy as np

from mien.emotions import SIX
from mien.evaluation import evaluate, score_skin_tones
from mien.metrics import protocol
from mien.reports import evaluation_report
from mien.reports.evaluation.fairness_figures import skin_tone_figure
from tests.predictors import oracle


def with_tones(data, *counts):
    """Return an evaluation whose images have light, tan and dark skin, so many of each."""
    found = evaluate([oracle(data)], data, subset="train", protocols=protocol("six-fer2013"))
    angles_deg = np.repeat([50.0, 20.0, -60.0], counts)
    labels = np.arange(len(angles_deg)) % 6
    predictions = np.where(angles_deg == 20.0, 0, labels)
    tones = score_skin_tones(angles_deg, predictions, labels, SIX)
    return dataclasses.replace(
        found, results=(dataclasses.replace(found.results[0], skin_tones=tones),)
    )


def test_the_report_shows_skin_tones_where_two_classes_have_enough_images(tmp_path, toy_dataset):
    found = with_tones(toy_dataset, 36, 30, 12)
    evaluation_report(found, tmp_path / "a.html")
    assert "<h3>By skin tone</h3>" in (tmp_path / "a.html").read_text(encoding="utf-8")
    figure = skin_tone_figure(found.results)
    assert "lowest balanced accuracy on tan: 17% of 30 images" in figure.sentence
    data = figure.chart.to_dict()["datasets"]
    assert {row["tone"] for rows in data.values() for row in rows} == {
        "light (36)",
        "tan (30)",
        "dark (12, few)",
    }


def test_the_report_has_no_skin_tones_where_one_class_alone_has_enough(tmp_path, toy_dataset):
    few = with_tones(toy_dataset, 60, 29, 29)
    assert skin_tone_figure(few.results) is None
    evaluation_report(few, tmp_path / "a.html")
    assert "By skin tone" not in (tmp_path / "a.html").read_text(encoding="utf-8")
