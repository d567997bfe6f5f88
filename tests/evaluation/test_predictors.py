import dataclasses
import gzip

import numpy as np
import pytest

from mien.data import Dataset
from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import DatasetError, InputError
from mien.evaluation import Predictor, ensemble, evaluate, open_predictor, save_predictions
from mien.metrics import protocol
from tests.networks import emotion_file
from tests.predictors import oracle
from tests.test_spec import EMOTION


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


NAMES = [f"p_{label}" for label in SIX.labels]


def answers_of(data, *, decimals=6):
    """Return nine correct answers of ten, of different confidence, as text of so many decimals."""
    truth = to_six(data.labels, FER2013_7)
    rng = np.random.default_rng(0)
    said = np.where(np.arange(len(truth)) % 10 > 0, truth, (truth + 1) % 6)
    rest = rng.dirichlet(np.ones(6), len(truth)) * 0.3
    values = np.eye(6)[said] * 0.7 + rest
    return [[f"{value:.{decimals}f}" for value in line] for line in values]


def write_table(path, rows, values, *, names=("row", *NAMES), sep=",", encoding="utf-8"):
    lines = [sep.join(names)]
    lines += [sep.join([str(row), *line]) for row, line in zip(rows, values, strict=True)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def accuracy_of(path, data):
    found = open_predictor(path).probabilities(data)["six"]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-3)
    return float((found.argmax(axis=1) == to_six(data.labels, FER2013_7)).mean())


@pytest.fixture
def right(tmp_path, toy_dataset):
    """The accuracy of the answers of `answers_of` on train."""
    values = answers_of(toy_dataset)
    return accuracy_of(write_table(tmp_path / "plain.csv", toy_dataset.rows, values), toy_dataset)


def as_percent(values):
    return [[f"{100 * float(value):.4f}" for value in line] for line in values]


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"sep": ";"}, None),
        ({"sep": "\t"}, None),
        ({"encoding": "utf-16"}, None),
        ({"names": ("ROW", *(name.upper() for name in NAMES))}, None),
        ({"names": (" Row ", *(f" {name} " for name in NAMES))}, None),
        ({"names": ("row", *(name.replace("_", " ") for name in NAMES))}, None),
        ({}, as_percent),
        ({}, lambda values: [[f"{float(v):.2%}" for v in line] for line in values]),
        ({"sep": ";"}, lambda values: [[v.replace(".", ",") for v in line] for line in values]),
        ({}, lambda values: [[f"{float(v):.2f}" for v in line] for line in values]),
        ({}, lambda values: as_percent([[f"{float(v):.2f}" for v in line] for line in values])),
    ],
)
def test_a_table_is_read_however_it_was_written(tmp_path, toy_dataset, right, options, change):
    values = answers_of(toy_dataset)
    values = values if change is None else change(values)
    path = write_table(tmp_path / "a.csv", toy_dataset.rows, values, **options)
    assert accuracy_of(path, toy_dataset) == right
    assert right == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("name", ["A.CSV", "a.tsv", "a.csv.gz"])
def test_a_table_is_known_by_its_ending_in_any_case(tmp_path, toy_dataset, right, name):
    path = write_table(tmp_path / name, toy_dataset.rows, answers_of(toy_dataset))
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert accuracy_of(path, toy_dataset) == right


def test_whole_numbers_in_the_first_lines_do_not_decide_the_rest(tmp_path):
    count = 150
    data = Dataset(
        images=np.random.default_rng(0).integers(0, 256, (count, 48, 48)).astype(np.uint8),
        labels=np.full(count, 3, np.int8),
        votes=np.zeros((count, 10), np.uint8),
        split=np.zeros(count, np.int8),
        rows=np.arange(count),
        source="mine",
    )
    values = [["1", *["0"] * 5]] * 120 + [["0.4", "0.6", *["0"] * 4]] * 30
    path = write_table(tmp_path / "a.csv", data.rows, values)
    assert accuracy_of(path, data) == 0.8


@pytest.mark.parametrize("shift", [1, 2])
@pytest.mark.parametrize("subset", ["train", "val", "test"])
def test_rows_that_are_counted_from_another_start_are_refused(tmp_path, toy_dataset, shift, subset):
    path = write_table(tmp_path / "a.csv", toy_dataset.rows + shift, answers_of(toy_dataset))
    with pytest.raises(InputError, match=f"has row {95 + shift}, but the last one of toy is 95"):
        evaluate([open_predictor(path)], toy_dataset, subset=subset)
    without_last = write_table(
        tmp_path / "b.csv", toy_dataset.rows[:-1] + 1, answers_of(toy_dataset)[:-1]
    )
    with pytest.raises(InputError, match=r"has every row of toy but 0\. Rows are counted from 0"):
        evaluate([open_predictor(without_last)], toy_dataset, subset=subset)


def test_rows_of_one_subset_from_1_are_refused_with_the_reason(tmp_path, toy_dataset):
    val = toy_dataset.subset("val")
    path = write_table(tmp_path / "a.csv", val.rows + 1, answers_of(val))
    with pytest.raises(InputError, match=r"no prediction for 1 of 16 images.*count from 1"):
        evaluate([open_predictor(path)], toy_dataset, subset="val")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("0,0.5,0.5,0,0,0,x", r"line 2: p_surprise: expected a number, found 'x'"),
        ("0,0.5,0.5,0,0,0,", r"line 2: p_surprise: expected a number, found ''"),
        ("0,0.5,0.5,0,0,nan,0", r"line 2: p_fear: expected a number, found 'nan'"),
        ("0,0.5,0.5,0,0,0", r"line 2: expected 7 columns, found 6; was the file cut"),
        ("0,2.5,-1.5,0,0,0,0", r"found a sum of 1 and -1\.5 as the least in row 0"),
        ("7,0.5,0.5,0.5,0,0,0", r"found a sum of 1\.5 and 0 as the least in row 7"),
        ("0.5,1,0,0,0,0,0", r"row: expected whole numbers from 0, found 0\.5"),
        ("-1,1,0,0,0,0,0", r"row: expected whole numbers from 0, found -1"),
        ("a,1,0,0,0,0,0", r"line 2: row: expected a number, found 'a'"),
    ],
)
def test_a_cell_that_is_no_probability_is_named(tmp_path, cells, reason):
    (tmp_path / "a.csv").write_text(",".join(["row", *NAMES]) + f"\n{cells}\n")
    with pytest.raises(DatasetError, match=reason):
        open_predictor(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("row,happy,neutral,sad,angry,fear,surprise", "found none among row, happy"),
        ("row,p_happy,p_Happiness,p_sad,p_angry,p_fear,p_surprise", "two columns of happy"),
        ("row,p_happy,p_calm,p_sad,p_angry,p_fear,p_surprise", "column 'p_calm': unknown emotion"),
        ("image,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise", "no column 'row'"),
    ],
)
def test_columns_that_say_something_else_are_named(tmp_path, header, reason):
    (tmp_path / "a.csv").write_text(f"{header}\n0,1,0,0,0,0,0\n")
    with pytest.raises(DatasetError, match=reason):
        open_predictor(tmp_path / "a.csv")


def test_two_tables_of_one_label_set_in_a_folder_are_refused(tmp_path, toy_dataset):
    for name in ("a.csv", "b.csv"):
        write_table(tmp_path / name, toy_dataset.rows, answers_of(toy_dataset))
    with pytest.raises(DatasetError, match=r"two tables of six, b\.csv is one"):
        open_predictor(tmp_path)


def test_exact_predictions_come_back_unchanged(tmp_path, toy_dataset):
    values = answers_of(toy_dataset, decimals=17)
    path = write_table(tmp_path / "a.csv", toy_dataset.rows, values)
    found = open_predictor(path).probabilities(toy_dataset)["six"]
    np.testing.assert_array_equal(found, np.array(values, np.float64))


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
        (f"{HEADER}0,nan,0,0,0,0,1\n", "p_happy: expected a number, found 'nan'"),
        (f"{HEADER}0,inf,0,0,0,0,1\n", "p_happy: expected a number, found 'inf'"),
        (f"{HEADER}0,-1,2,0,0,0,0\n", "found a sum of 1 and -1 as the least in row 0"),
        (
            f"{HEADER}3,0.5,0,0,0,0,0\n",
            "that sum to 1, .*found a sum of 0.5 and 0 as the least in row 3",
        ),
        (f"{HEADER}1.5,1,0,0,0,0,0\n", "row: expected whole numbers from 0, found 1.5"),
        (f"{HEADER}-1,1,0,0,0,0,0\n", "row: expected whole numbers from 0, found -1"),
        (f"{HEADER}{'9' * 5000},1,0,0,0,0,0\n", "row: expected a number, found '9999"),
        (f"{HEADER}x,1,0,0,0,0,0\n", "line 2: row: expected a number, found 'x'"),
        (f"{HEADER}0,1,0\n", "line 2: expected 7 columns, found 3"),
        ("\0\0\0", "of no label set"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, reason):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        open_predictor(tmp_path / "a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no table of predictions"):
        open_predictor(tmp_path / "empty")


def test_a_head_over_the_six_leaves_the_answer_as_the_one_of_the_six(tmp_path, toy_dataset):
    head = dataclasses.replace(EMOTION.outputs[0], labels=SIX.name)
    spec = dataclasses.replace(EMOTION, outputs=(head, *EMOTION.outputs[1:]))
    path = emotion_file(tmp_path / "six.onnx", spec.to_metadata(), sizes=(6, 7, 16))
    predictor = open_predictor(path)
    answers = predictor.probabilities(toy_dataset)["six"]
    np.testing.assert_array_equal(answers, predictor.model.probabilities(toy_dataset.images))
