import json
import re

import pytest

from mien.errors import InputError
from mien.reports import training_report

EPOCHS = [
    {"val/ferplus_accuracy": 0.5, "val/fer2013_accuracy": 0.4, "val/score": 0.45},
    {"val/ferplus_accuracy": 0.7, "val/fer2013_accuracy": 0.6, "val/score": 0.65},
    {"val/ferplus_accuracy": 0.6, "val/fer2013_accuracy": 0.7, "val/score": 0.65},
    {"val/ferplus_accuracy": 0.55, "val/fer2013_accuracy": 0.45, "val/score": 0.5},
]
NAN = float("nan")


def report(tmp_path, epochs=EPOCHS, recipe="patience = 0\n", *, figures=None, **more):
    rows = [
        {"epoch": number, "learning_rate": 0.1 / number, "train/ferplus": 1 / number} | row | more
        for number, row in enumerate(epochs, start=1)
    ]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "recipe.toml").write_text(recipe)
    files = training_report(
        str(tmp_path / "metrics.csv"),
        str(tmp_path / "recipe.toml"),
        str(tmp_path / "training.html"),
        figures=figures,
        overwrite=True,
    )
    return (tmp_path / "training.html").read_text(encoding="utf-8"), files


def cards(text):
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))


def charts(text):
    found = re.findall(r'<script type="application/json" id="spec-([^"]+)">(.*)</script>', text)
    return {name: json.loads(spec, parse_constant=pytest.fail) for name, spec in found}


def lines(text, name):
    """The encoding of a chart's lines, the first layer; the dots are the second."""
    return charts(text)[name]["layer"][0]["encoding"]


def domain(text, name):
    return lines(text, name)["color"]["scale"]["domain"]


def test_the_report_has_every_curve_as_page_and_image_and_the_recipe(tmp_path):
    text, files = report(tmp_path, figures=tmp_path / "figures")
    assert set(charts(text)) == {"accuracy", "loss", "learning-rate"}
    assert {file.name for file in files} == {
        "training.html",
        *(f"{name}.{kind}" for name in charts(text) for kind in ("svg", "png")),
    }
    assert all(file.stat().st_size > 500 for file in files)
    assert (tmp_path / "figures" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "patience = 0" in text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_the_cards_show_the_last_epoch(tmp_path):
    text, _ = report(tmp_path)
    assert cards(text) == {"epochs": "4", "FER+ on val": "55.0%", "FER-2013 on val": "45.0%"}


def test_with_patience_the_cards_show_the_epoch_whose_weights_count(tmp_path):
    text, _ = report(tmp_path, recipe="patience = 2\n")
    assert cards(text) == {
        "epochs": "4",
        "best epoch": "2",
        "FER+ on val": "70.0%",
        "FER-2013 on val": "60.0%",
    }


def test_a_score_that_is_no_number_is_not_the_best(tmp_path):
    epochs = [EPOCHS[0] | {"val/score": NAN}, *EPOCHS[1:]]
    text, _ = report(tmp_path, epochs, recipe="patience = 2\n")
    assert cards(text)["best epoch"] == "2"


def test_train_and_val_stand_in_one_chart_by_kind_of_line(tmp_path):
    more = {"train/ferplus_accuracy": 0.6, "val/ferplus_loss": 0.9}
    text, _ = report(tmp_path, **more)
    for name, parts in (("accuracy", ["val", "train"]), ("loss", ["train", "val"])):
        assert lines(text, name)["strokeDash"]["scale"]["domain"] == parts
        assert domain(text, name)[0] == "FER+"
    points = [value for data in charts(text)["loss"]["datasets"].values() for value in data]
    assert {(point["curve"], point["images"]) for point in points} == {
        ("FER+", "train"), ("FER+", "val"),
    }  # fmt: skip


def test_what_is_no_number_has_no_card_and_no_curve(tmp_path):
    epochs = [row | {"val/ferplus_accuracy": NAN} for row in EPOCHS]
    text, _ = report(tmp_path, epochs)
    assert cards(text) == {"epochs": "4", "FER-2013 on val": "45.0%"}
    assert domain(text, "accuracy") == ["FER-2013"]


def test_an_epoch_that_is_no_number_is_missing_in_the_curve_alone(tmp_path):
    epochs = [*EPOCHS[:3], EPOCHS[3] | {"val/ferplus_accuracy": NAN}]
    text, _ = report(tmp_path, epochs)
    assert "FER+ on val" not in cards(text)
    assert domain(text, "accuracy") == ["FER+", "FER-2013"]


def test_a_chart_without_any_number_is_left_out(tmp_path):
    text, _ = report(tmp_path, **{"train/ferplus": NAN})
    assert set(charts(text)) == {"accuracy", "learning-rate"}


def test_a_loss_that_nothing_was_measured_by_is_no_curve(tmp_path):
    text, _ = report(tmp_path, **{"train/fer2013": 0.0, "train/embedding": 0.0})
    assert domain(text, "loss") == ["FER+"]
    assert "teachers" not in text
    text, _ = report(tmp_path, **{"train/ferplus_distillation": 0.3})
    assert "Distillation is the divergence from the teachers." in text


def test_the_axis_of_few_epochs_has_whole_numbers(tmp_path):
    text, _ = report(tmp_path, EPOCHS[:2])
    assert lines(text, "accuracy")["x"]["axis"]["values"] == [1, 2]
    text, _ = report(tmp_path, EPOCHS * 5)
    assert "values" not in lines(text, "accuracy")["x"]["axis"]


def test_columns_of_other_names_are_curves_by_those_names(tmp_path):
    others = {f"train/other{number}": number + 1 for number in range(5)}
    text, _ = report(tmp_path, **others, **{"val/mine_accuracy": 0.3, "lr-SGD/pg1": 0.1})
    assert domain(text, "accuracy") == ["FER+", "FER-2013", "mine"]
    assert domain(text, "loss") == ["FER+", *(f"other{number}" for number in range(5))]


@pytest.mark.parametrize(
    ("curve", "fault"),
    [
        ("epoch,train/ferplus\n", "no epoch has ended yet"),
        ("epoch,train/ferplus\n1,much\n", ".*Expected the curve of a training"),
        ("epoch,train/ferplus\n1\n", "cannot be read: row 1 has 1 values for 2 columns"),
        ("train/ferplus\n1\n", "not the curve of a training: expected a column"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_curve_is_named(tmp_path, curve, fault):
    if curve is not None:
        (tmp_path / "metrics.csv").write_text(curve)
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(InputError, match=rf"metrics\.csv: {fault}"):
        training_report(
            tmp_path / "metrics.csv", tmp_path / "recipe.toml", tmp_path / "training.html"
        )


def test_what_is_no_recipe_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"recipe\.toml: is no TOML.*Expected the recipe of a training"
    ):
        report(tmp_path, recipe="patience = ")
