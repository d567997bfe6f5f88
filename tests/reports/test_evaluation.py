import dataclasses
import json
import re

import numpy as np
import pytest

from mien.data import fer_pp_split, image_sketch
from mien.emotions import FER2013_7, SIX
from mien.errors import DatasetError, InputError
from mien.evaluation import Predictor, evaluate, mean_of, open_predictor, save_predictions
from mien.evaluation.evaluate import RobustnessPoint
from mien.inference import EmotionModel
from mien.metrics import PROTOCOLS, protocol, to_six
from mien.reports import evaluation_report
from mien.reports.evaluation.figures import classes_figure, confusion_figure, robustness_figure


def oracle(data, *, share=1.0, seed=0, name="oracle"):
    """Answers for the six that are right with the given share, 90 % sure."""
    truth = to_six(data.labels, FER2013_7)
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(truth)) < share, truth, (truth + 1) % 6)
    return Predictor(name=name, known={"six": (data.rows, np.eye(6)[said] * 0.88 + 0.02)})


@pytest.fixture
def leaking(toy_dataset):
    images = toy_dataset.images.copy()
    images[[80, 81, 82, 83]] = images[[0, 1, 2, 3]]
    return dataclasses.replace(toy_dataset, images=images)


def test_the_leak_free_twin_leaves_out_what_train_has(leaking):
    found = evaluate([oracle(leaking)], leaking, split="test", protocols=protocol("six-fer2013"))
    judged = found.judged[0]
    assert (judged.score.images, judged.leak_free.images, judged.leaked.images) == (16, 12, 4)
    assert judged.score.accuracy == 1.0
    assert judged.score.ece == pytest.approx(0.1)
    assert judged.mistakes == ()


def test_a_known_table_of_the_baseline_gives_its_known_figures(shared, fer2013):
    data = fer_pp_split(fer2013).apply(fer2013)
    table = open_predictor(shared / "data" / "seed_baseline" / "seed_split.parquet")
    found = evaluate([table], data, protocols=protocol("six-fer2013"))
    judged = found.judged[0]
    assert round(100 * judged.score.accuracy, 2) == 69.32
    assert round(judged.score.macro_f1, 3) == 0.679
    assert round(judged.score.ece, 3) == 0.115
    assert (judged.leaked.images, judged.leak_free.images) == (306, 3283)
    assert round(100 * judged.leaked.accuracy, 1) == 94.1
    assert round(100 * judged.leak_free.accuracy, 1) == 67.0


def test_models_are_compared_image_by_image(toy_dataset):
    pair = [oracle(toy_dataset), oracle(toy_dataset, share=0.5, name="coin")]
    found = evaluate(pair, toy_dataset, split="train", protocols=protocol("six-fer2013"))
    better, worse = found.judged
    test = found.comparisons[0].test
    assert test.only_second == 0
    assert test.only_first == round((better.score.accuracy - worse.score.accuracy) * 64)
    assert test.p_value < 1e-3
    assert len(worse.mistakes) == min(24, test.only_first)
    assert any("train is what models learn from" in warning for warning in found.warnings)
    with pytest.raises(InputError, match="expected different names"):
        evaluate([pair[0], pair[0]], toy_dataset)


def test_an_ensemble_answers_with_the_mean_of_its_members(toy_dataset):
    members = [oracle(toy_dataset, share=0.8, seed=seed, name=str(seed)) for seed in range(5)]
    both = [mean_of(members), *members]
    found = evaluate(both, toy_dataset, split="train", protocols=protocol("six-fer2013"))
    whole, *parts = (judged.score.accuracy for judged in found.judged)
    assert found.judged[0].model == "mean of 5"
    assert whole > max(parts)
    # An output that one of them lacks is none of the ensemble's.
    lacking = Predictor(name="other", known={"ferplus-8": members[0].known["six"]})
    assert not mean_of([members[0], lacking]).probabilities(toy_dataset)
    with pytest.raises(InputError, match="at least two models, found 1"):
        mean_of(members[:1])


def test_predictions_come_back_from_their_folder_and_from_other_orders(tmp_path, toy_dataset):
    predictor = oracle(toy_dataset, share=0.7)
    val = toy_dataset.part("val")
    answers = predictor.probabilities(val)
    save_predictions(val.rows, answers, str(tmp_path / "kept"))
    again = open_predictor(str(tmp_path / "kept"))
    np.testing.assert_allclose(again.probabilities(val)["six"], answers["six"])
    lines = ["p_Happiness,p_fearful,row,p_sadness,p_anger,p_neutral,p_surprised"]
    order = [SIX.index(label) for label in ("happy", "fear", "sad", "angry", "neutral", "surprise")]
    for row, values in zip(val.rows, answers["six"][:, order], strict=True):
        happy, fear, *others = values
        lines.append(",".join(map(str, (happy, fear, row, *others))))
    (tmp_path / "other.csv").write_text("\n".join(lines))
    other = open_predictor(tmp_path / "other.csv")
    np.testing.assert_allclose(other.probabilities(val)["six"], answers["six"])
    with pytest.raises(InputError, match="no prediction for 16 of 16 images"):
        other.probabilities(toy_dataset.part("test"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("row,p_happy,p_sad\n0,0.5,0.5\n", "of no label set, found happy, sad"),
        ("p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise\n1,0,0,0,0,0\n", "no column 'row'"),
        ("row,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise\n", "without a row"),
        (
            "row,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise\n1,1,0,0,0,0,0\n1,1,0,0,0,0,0\n",
            "found some rows twice",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, reason):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        open_predictor(tmp_path / "a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no table of predictions"):
        open_predictor(tmp_path / "empty")


def test_nan_predictions_missing_labels_and_empty_classes_are_named(toy_dataset):
    rows, values = oracle(toy_dataset).known["six"]
    broken = Predictor(name="mine", known={"six": (rows, np.where(values > 0.5, np.nan, values))})
    with pytest.raises(InputError, match="mine, six-ferplus: probabilities: expected numbers"):
        evaluate([broken], toy_dataset)
    bare = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes))
    found = evaluate([oracle(bare)], bare)
    assert any("no image has a label by six-ferplus" in each for each in found.warnings)
    assert [each.protocol for each in found.judged] == ["six-fer2013"]
    happy = toy_dataset.select(toy_dataset.labels == FER2013_7.index("happy"))
    found = evaluate([oracle(happy)], happy, split="train", protocols=protocol("six-fer2013"))
    assert any("has no image of neutral, sad, angry" in each for each in found.warnings)
    with pytest.raises(InputError, match="no image in val"):
        evaluate([oracle(happy)], happy.select(happy.split == 0))


def test_images_that_a_model_was_trained_on_are_warned_of(toy_dataset):
    model = EmotionModel()

    def warned(sketch):
        facts = {key: v for key, v in model.spec.provenance.items() if key != "training_sketch"}
        facts |= {"training_sketch": sketch} if sketch else {}
        model.spec = dataclasses.replace(model.spec, provenance=facts)
        found = evaluate(
            [Predictor(name="mine", model=model)], toy_dataset, protocols=protocol("six-fer2013")
        )
        return "\n".join(found.warnings)

    assert "does not say what it was trained on" in warned("")
    val, train = toy_dataset.part("val").images, toy_dataset.part("train").images
    assert "about 100% of these images" in warned(image_sketch(val))
    assert "mine" not in warned(image_sketch(train))


def test_a_model_is_judged_on_worse_images_too_and_reported(tmp_path, toy_dataset):
    found = evaluate([open_predictor(None), oracle(toy_dataset)], toy_dataset, robustness=True)
    shipped = [each for each in found.judged if each.model == "mien"]
    assert [each.protocol for each in shipped] == list(PROTOCOLS)
    for each in shipped:
        assert len(each.robustness) == 1 + 8 * 3
        assert each.robustness[0].accuracy == pytest.approx(each.score.accuracy)
    for each in found.judged:
        for measure in ("sharpness", "contrast", "brightness"):
            points = [point for point in each.quality if point.measure == measure]
            assert sum(point.images for point in points) == each.score.images
            right = sum(point.images * point.accuracy for point in points)
            assert right == pytest.approx(each.score.images * each.score.accuracy)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["results"][0]["score"]["images"] == 16
    assert json.loads(text)["results"][0]["quality"][0]["measure"] == "sharpness"
    written = evaluation_report(
        found, tmp_path / "a.html", faces=toy_dataset, figures=tmp_path / "figures"
    )
    page = (tmp_path / "a.html").read_text()
    assert "NaN" not in page.split("<script>")[0]
    assert page.count("data:image/png") >= 4
    assert page.count("<h3>Image quality</h3>") == len(PROTOCOLS)
    plain = evaluation_report(found, str(tmp_path / "b.html"))
    assert "data:image/png" not in (tmp_path / "b.html").read_text()
    assert len(plain) == 1
    assert len(written) > 20


def test_the_embedding_is_judged_by_the_votes(toy_dataset):
    found = evaluate([open_predictor(None), oracle(toy_dataset)], toy_dataset, split="train")
    (name, score), *others = found.triplets.items()
    assert (name, others) == ("mien", [])
    assert score.triplets > 10_000
    assert 0 < score.accuracy < 1
    assert json.loads(json.dumps(found.to_json()))["triplets"]["mien"]["triplets"] == score.triplets


def test_images_without_votes_say_nothing_of_an_embedding(toy_dataset):
    bare = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes))
    assert evaluate([open_predictor(None)], bare, split="train").triplets == {}


def judged_six(data, *predictors, robustness=()):
    found = evaluate(predictors, data, split="train", protocols=protocol("six-fer2013"))
    return [dataclasses.replace(each, robustness=robustness) for each in found.judged]


def test_the_most_frequent_mistake_is_never_a_right_answer(toy_dataset):
    few = toy_dataset.select(np.arange(96) < 20)
    worst = confusion_figure(judged_six(few, oracle(few, share=0.7))[0], SIX)
    named = re.search(
        r"mistake: (\w+) taken for (\w+), \d+% of the time \(of only \d\)\.", worst.sentence
    )
    assert named[1] != named[2]
    many = toy_dataset.select(toy_dataset.labels == FER2013_7.index("happy"))
    twice = dataclasses.replace(many, split=np.zeros(len(many), np.int8))
    frequent = confusion_figure(judged_six(twice, oracle(twice, share=0.5))[0], SIX)
    assert re.search(r"happy taken for neutral, \d+% of the time\.", frequent.sentence)
    right = confusion_figure(judged_six(few, oracle(few))[0], SIX)
    assert right.sentence == "Rows are what images show, columns what the model says."


def test_what_hurts_most_is_no_image_as_it_is_and_says_whom(toy_dataset):
    def points(*blurred):
        return RobustnessPoint("", 0.0, 0.6, 0.6), *(
            RobustnessPoint("blur", number, value, value) for number, value in enumerate(blurred, 1)
        )

    hurt = judged_six(toy_dataset, oracle(toy_dataset), robustness=points(0.6, 0.5))
    assert "What hurts oracle most: blur, from 60% down to 50%." in robustness_figure(hurt).sentence
    unhurt = judged_six(toy_dataset, oracle(toy_dataset), robustness=points(0.6, 0.7))
    assert "hurts" not in robustness_figure(unhurt).sentence


def test_a_report_on_several_models_says_whose_its_first_figures_are(tmp_path, toy_dataset):
    pair = [oracle(toy_dataset), oracle(toy_dataset, share=0.5, name="coin")]
    found = evaluate(pair, toy_dataset, split="train", protocols=protocol("six-fer2013"))
    evaluation_report(found, tmp_path / "a.html")
    said = f"those of oracle under the protocol “{found.judged[0].title}”"
    assert said in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_the_charts_of_the_classes_stand_apart_and_end_at_the_whole(toy_dataset):
    spec = classes_figure(judged_six(toy_dataset, oracle(toy_dataset, share=0.7))).chart.to_dict()
    assert spec["spacing"] >= 30
    assert spec["spec"]["encoding"]["x"]["axis"]["values"] == [0, 0.5, 1]
