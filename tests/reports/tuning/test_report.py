import re

import pytest
import vl_convert

from mien.errors import InputError, OutputError
from mien.reports import Gain, StudyRecord, TrialRecord, tuning_report
from mien.reports.tuning.figures import curves_figure
from mien.reports.tuning.parameters import contour_figures, parallel_figure, slice_figure

SETTING = {"sampler": "tpe", "seed": "1"}


def trial(number, state="complete", value=None, **changes):
    fields = {
        "number": number,
        "state": state,
        "value": value,
        "values": {"network.widths[0]": 8 * (number + 1), "optimiser": "sgd", "mixup": number / 10},
        "curve": {1: 0.2, 2: 0.3 + number / 100},
        "seconds": 3.0,
    }
    return TrialRecord(**fields | changes)


def study(*trials, **changes):
    fields = {
        "name": "toy",
        "objective": "score",
        "trials": trials,
        "importance": {"network.widths[0]": 0.7, "mixup": 0.2, "optimiser": 0.1},
        "scales": {"network.widths[0]": "log"},
        "choices": {"optimiser": ("sgd", "adamw")},
    }
    return StudyRecord(**fields | changes)


WHOLE = study(
    trial(0, value=0.5, start=True),
    trial(1, value=0.6),
    trial(2, "pruned", curve={1: 0.1}),
    trial(3, "failed", curve={}, fault="diverged: train/loss is nan in epoch 1"),
    trial(4, value=0.55),
)
GAIN = Gain(
    start=(0.5, 0.51, 0.52),
    best=(0.6, 0.61, 0.62),
    difference=0.1,
    low=0.077,
    high=0.123,
    training_images=1000,
    val_images=200,
    epochs=(12, 12),
)


def report(tmp_path, found=WHOLE, **changes):
    path = tmp_path / "report.html"
    files = tuning_report(found, path, recipe="epochs = 12\n", setting=SETTING, **changes)
    return path.read_text(encoding="utf-8"), files


def test_keys_that_fewer_than_20_trials_have_both_of_have_no_contour(tmp_path):
    mixed = [
        trial(n, value=0.5 + n / 100, values={"optimiser": "sgd", "mixup": n / 20})
        for n in range(20)
    ]
    other = trial(20, value=0.6, values={"optimiser": "adamw", "network.widths[0]": 8})
    text, _ = report(tmp_path, study(*mixed, other))
    assert "contour-network-widths-0-and-mixup" not in text
    assert "contour-mixup-and-optimiser" in text
    text, _ = report(tmp_path, study(*mixed[:19], other), overwrite=True)
    assert "contour-" not in text


def test_the_report_has_every_figure_and_needs_no_network(tmp_path):
    text, _ = report(tmp_path, gain=GAIN)
    for name in (
        "gain",
        "history",
        "curves",
        "parallel-coordinates",
        "importance",
        "slice-by-parameter",
        "all-trials",
        "best-recipe",
    ):
        assert f'id="{name.strip("-")}"' in text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_epochs_of_trials_that_failed_or_stopped_themselves_are_not_saved_by_pruning():
    failed = trial(5, "failed", curve={1: 0.1}, fault="diverged")
    stopped = trial(6, value=0.4, curve={1: 0.4})
    found = curves_figure(study(*WHOLE.trials, failed, stopped))
    assert found.sentence == "1 trial was pruned, which saved 10% of the epochs."  # one of ten


def test_the_report_says_what_came_of_the_trials(tmp_path):
    text, _ = report(tmp_path, gain=GAIN)
    assert "Trial 1 is the best, 60.00%" in text
    assert "+10.0 points (+7.7 to +12.3, 95 %) on 200 images of val, 3 seeds each" in text
    assert "1 trial was pruned, which saved 12% of the epochs" in text
    assert "diverged: train/loss is nan in epoch 1" in text
    assert "0 (start)" in text
    assert "sampler: tpe; seed: 1." in text


def test_a_gain_that_may_be_chance_is_said_to_be(tmp_path):
    doubtful = Gain(
        start=(0.5, 0.6), best=(0.5, 0.61), difference=0.005, low=-0.1, high=0.11,
        training_images=1, val_images=1, epochs=(1, 1),
    )  # fmt: skip
    text, _ = report(tmp_path, gain=doubtful)
    assert "do not show that the best recipe is better" in text


def test_a_report_without_gain_says_so(tmp_path):
    text, _ = report(tmp_path)
    assert "The gain over the start was not measured" in text


def test_a_single_trial_is_enough(tmp_path):
    text, _ = report(tmp_path, study(trial(0, value=0.5), importance={}))
    assert 'id="importance"' not in text


def test_every_chart_is_also_an_image(tmp_path):
    _, files = report(tmp_path, figures=tmp_path / "figures")
    assert {"history.svg", "history.png", "parallel-coordinates.svg"} <= {f.name for f in files}
    assert all(file.stat().st_size > 500 for file in files)


def texts(figure):
    """Return the texts in a drawn chart, in their order."""
    drawn = vl_convert.vegalite_to_svg(figure.chart.to_dict())
    return re.findall(r"<text[^>]*>([^<]+)</text>", drawn)


def test_the_axes_of_the_parallel_coordinates_say_their_settings():
    written = set(texts(parallel_figure(WHOLE)))
    assert {"8", "16", "40", "0", "0.1", "0.4", "sgd", "50.00%", "55.00%", "60.00%"} <= written


def test_the_legends_have_whole_trials_and_as_many_decimals_as_they_need():
    close = study(*(trial(number, value=0.12 + number / 4000) for number in range(3)))
    many = study(*(trial(number, value=0.12 + number / 40_000) for number in range(20)))
    contours = {figure.name: figure for figure in contour_figures(many)}
    assert texts(slice_figure(close))[-4:] == ["0", "1", "2", "trial"]
    contour = contours["contour-network-widths-0-and-mixup"]
    shares = [text for text in texts(contour) if "%" in text]
    assert len(set(shares)) == len(shares) > 1


def test_settings_that_lie_close_have_one_text():
    values = (0.0, 0.01, 1.0)
    near = [trial(n, value=0.5, values={"mixup": value}) for n, value in enumerate(values)]
    written = set(texts(parallel_figure(study(*near, importance={}))))
    assert {"0", "1"} <= written
    assert "0.01" not in written


def test_no_complete_trial_no_report(tmp_path):
    with pytest.raises(InputError, match="no trial is complete"):
        report(tmp_path, study(trial(0, "pruned")))


def test_an_existing_report_is_kept(tmp_path):
    report(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        report(tmp_path)
    report(tmp_path, overwrite=True)
