import dataclasses
import re

import numpy as np

from mien.emotions import FER2013_7, SIX
from mien.evaluation import RobustnessPoint, evaluate
from mien.metrics import PROTOCOLS, protocol, wilson_interval
from mien.reports import evaluation_report
from mien.reports.evaluation.figures import (
    classes_figure,
    confusion_figure,
    overview_figure,
    robustness_figure,
)
from tests.predictors import oracle


def test_the_report_shows_every_protocol_and_faces_only_if_asked(tmp_path, robust, toy_dataset):
    evaluation_report(robust, tmp_path / "a.html", faces=toy_dataset)
    page = (tmp_path / "a.html").read_text()
    assert "NaN" not in page.split("<script>")[0]
    assert page.count("data:image/png") >= 4
    assert page.count("<h3>Image quality</h3>") == len(PROTOCOLS)
    written = evaluation_report(robust, str(tmp_path / "b.html"))
    assert "data:image/png" not in (tmp_path / "b.html").read_text()
    assert written == [tmp_path / "b.html"]


def test_every_chart_of_the_report_is_written_as_svg_and_png(tmp_path, toy_dataset):
    pair = [oracle(toy_dataset), oracle(toy_dataset, share=0.5, name="coin")]
    found = evaluate(pair, toy_dataset, subset="train", protocols=protocol("six-fer2013"))
    written = evaluation_report(found, tmp_path / "a.html", figures=tmp_path / "figures")
    charts = (tmp_path / "a.html").read_text().count("data-chart=")
    assert len(written) == 1 + 2 * charts > 20
    assert all(path.stat().st_size > 500 for path in written)


def evaluate_six(data, *predictors, robustness=()):
    found = evaluate(predictors, data, subset="train", protocols=protocol("six-fer2013"))
    return [dataclasses.replace(each, robustness=robustness) for each in found.results]


def test_the_most_frequent_confusion_is_never_a_correct_prediction(toy_dataset):
    few = toy_dataset.select(np.arange(96) < 20)
    worst = confusion_figure(evaluate_six(few, oracle(few, share=0.7))[0], SIX)
    named = re.search(
        r"confusion: (\w+) predicted as (\w+), \d+% of the time \(of only \d\)\.", worst.sentence
    )
    assert named[1] != named[2]
    many = toy_dataset.select(toy_dataset.labels == FER2013_7.index("happy"))
    twice = dataclasses.replace(many, split=np.zeros(len(many), np.int8))
    frequent = confusion_figure(evaluate_six(twice, oracle(twice, share=0.5))[0], SIX)
    assert re.search(r"happy predicted as neutral, \d+% of the time\.", frequent.sentence)
    perfect = confusion_figure(evaluate_six(few, oracle(few))[0], SIX)
    assert perfect.sentence.endswith("the small numbers are images.")


def test_the_largest_loss_is_that_of_a_corruption_and_names_the_model(toy_dataset):
    def points(*blurred):
        return RobustnessPoint("", 0.0, 0.6, 0.6), *(
            RobustnessPoint("blur", number, value, value) for number, value in enumerate(blurred, 1)
        )

    hurt = evaluate_six(toy_dataset, oracle(toy_dataset), robustness=points(0.6, 0.5))
    assert (
        "The largest loss of oracle is by blur: from 60% down to 50%."
        in robustness_figure(hurt).sentence
    )
    unhurt = evaluate_six(toy_dataset, oracle(toy_dataset), robustness=points(0.6, 0.7))
    assert "loss" not in robustness_figure(unhurt).sentence


def test_a_report_on_several_models_says_whose_its_first_figures_are(tmp_path, toy_dataset):
    pair = [oracle(toy_dataset), oracle(toy_dataset, share=0.5, name="coin")]
    found = evaluate(pair, toy_dataset, subset="train", protocols=protocol("six-fer2013"))
    evaluation_report(found, tmp_path / "a.html")
    said = f"those of oracle under the protocol “{found.results[0].title}”"
    assert said in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_the_charts_of_the_classes_stand_apart_and_end_at_the_whole(toy_dataset):
    spec = classes_figure(evaluate_six(toy_dataset, oracle(toy_dataset, share=0.7))).chart.to_dict()
    assert spec["spacing"] >= 30
    assert spec["spec"]["encoding"]["x"]["axis"]["values"] == [0, 0.5, 1]


def test_the_six_way_answer_comes_first_and_figures_have_intervals(tmp_path, robust):
    evaluation_report(robust, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    titles = re.findall("<h2>([^<]+)</h2>", text.split("<script")[0])[2:]
    six_way = [PROTOCOLS[name].title for name in PROTOCOLS if name.startswith("six-")]
    assert set(titles) == {each.title for each in robust.results}
    assert titles[: len(six_way)] == six_way
    assert f"under the protocol “{six_way[0]}”" in text
    score = next(each for each in robust.results if each.title == six_way[0]).score
    low = score.intervals["accuracy"].low
    assert f"<td>{100 * score.accuracy:.1f} % ({100 * low:.1f} to" in text
    happy = next(each for each in score.classes if each.label == "happy")
    between = wilson_interval(round(happy.recall * happy.images), happy.images)
    assert f"{happy.recall:.3f} ({between.low:.3f} to {between.high:.3f})" in text


def test_cells_of_a_confusion_matrix_have_their_counts_and_no_axis_is_cut(toy_dataset):
    result = evaluate_six(toy_dataset, oracle(toy_dataset, share=0.7))[0]
    spec = confusion_figure(result, SIX).chart.to_dict()
    assert [layer["encoding"].get("text", {}).get("field") for layer in spec["layer"]] == [
        None, "share", "images",
    ]  # fmt: skip
    overview = overview_figure([result], []).chart.to_dict()
    assert overview["spec"]["layer"][0]["encoding"]["x"]["scale"] == {"domain": [0, 1]}
