"""The figures of other people's faces have a line for several datasets together."""

import numpy as np
import pytest

from mien.data import import_dataset
from mien.inference import EmotionModel
from tests.conftest import fer_lines


@pytest.fixture
def folders(tmp_path, toy_dataset):
    """Two datasets with 24 and 30 images."""
    made = []
    for name, rows in (("some", slice(0, 24)), ("others", slice(24, 54))):
        table = tmp_path / f"{name}.csv"
        lines = fer_lines(toy_dataset.select(rows))
        table.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
        import_dataset([table], tmp_path / name)
        made.append(tmp_path / name)
    return made


def test_all_images_together_are_measured_as_those_of_each(load, folders):
    foreign, model = load("foreign"), EmotionModel()
    some, others, both = foreign.measured(model, folders)
    assert [each["dataset"] for each in (some, others, both)] == ["some", "others", "both"]
    assert both["images"] == some["images"] + others["images"]
    right = sum(each["accuracy"] * each["images"] for each in (some, others))
    assert both["accuracy"] == pytest.approx(right / both["images"])
    assert foreign.foreign_table([some, others, both]).count("\n") == 4


def test_one_dataset_has_no_such_line_and_three_are_called_all(load, folders):
    foreign, model = load("foreign"), EmotionModel()
    assert [each["dataset"] for each in foreign.measured(model, folders[:1])] == ["some"]
    three = [folders[0], folders[1], folders[0]]
    assert foreign.measured(model, three)[-1]["dataset"] == "all"


def test_wrongly_neutral_counts_other_expressions_alone(load):
    confusion = np.zeros((6, 6), int)
    confusion[0, :2] = 6, 2  # two happy faces called neutral
    confusion[1, :3] = 1, 5, 4
    assert load("foreign").wrongly_neutral(confusion.tolist()) == 2 / 8
