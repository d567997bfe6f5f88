import numpy as np
import pytest

from mien.emotions import SIX
from mien.errors import DatasetError, InputError
from mien.evaluation import Predictor, ensemble, evaluate, open_predictor, save_predictions
from mien.metrics import protocol
from tests.predictors import oracle


def test_an_ensemble_answers_with_the_mean_of_its_members(toy_dataset):
    members = [oracle(toy_dataset, share=0.8, seed=seed, name=str(seed)) for seed in range(5)]
    both = [ensemble(members), *members]
    found = evaluate(both, toy_dataset, subset="train", protocols=protocol("six-fer2013"))
    whole, *single = (each.score.accuracy for each in found.results)
    assert found.results[0].model == "mean of 5"
    assert whole > max(single)
    # An output that one of them lacks is none of the ensemble's.
    lacking = Predictor(name="other", known={"ferplus-8": members[0].known["six"]})
    assert not ensemble([members[0], lacking]).probabilities(toy_dataset)
    with pytest.raises(InputError, match="at least two models, found 1"):
        ensemble(members[:1])


def test_predictions_come_back_from_their_folder_and_from_other_orders(tmp_path, toy_dataset):
    predictor = oracle(toy_dataset, share=0.7)
    val = toy_dataset.subset("val")
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
        other.probabilities(toy_dataset.subset("test"))


HEADER = "row,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise\n"


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
        (f"{HEADER}0,nan,0,0,0,0,1\n", "probabilities of 0 to 1 that sum to 1, found nan, 0, 0"),
        (f"{HEADER}0,inf,0,0,0,0,1\n", "probabilities of 0 to 1"),
        (f"{HEADER}0,-1,2,0,0,0,0\n", "found -1, 2, 0, 0, 0, 0 in row 0"),
        (f"{HEADER}3,0.5,0,0,0,0,0\n", "that sum to 1, found 0.5, 0, 0, 0, 0, 0 in row 3"),
        (f"{HEADER}1.5,1,0,0,0,0,0\n", "row: expected whole numbers from 0, found 1.5"),
        (f"{HEADER}-1,1,0,0,0,0,0\n", "row: expected whole numbers from 0, found -1"),
        (f"{HEADER}{'9' * 5000},1,0,0,0,0,0\n", "row: expected whole numbers from 0, found inf"),
        (f"{HEADER}x,1,0,0,0,0,0\n", "expected numbers in every column"),
        (f"{HEADER}0,1,0\n", "row 1 has 3 values for 7 columns"),
        ("\0\0\0", "without a row"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, reason):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        open_predictor(tmp_path / "a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no table of predictions"):
        open_predictor(tmp_path / "empty")
