import dataclasses

import pytest

from mien.tuning import gain
from mien.tuning.gain import measure_gain, welch_interval


def test_the_interval_of_a_gain_is_that_of_welch():
    # Means 0.5 and 0.6, variances 0.0001 each, three figures each: t(0.975, 4) = 2.776.
    difference, low, high = welch_interval([0.49, 0.5, 0.51], [0.59, 0.6, 0.61])
    assert difference == pytest.approx(0.1)
    half = 2.776445 * (2 * 0.0001 / 3) ** 0.5
    assert (low, high) == pytest.approx((0.1 - half, 0.1 + half), abs=1e-6)


def test_figures_that_never_vary_give_an_interval_of_one_point():
    assert welch_interval([0.5, 0.5], [0.75, 0.75]) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(("patience", "kept"), [(0, 0.2), (1, 0.6)])
def test_a_gain_is_that_of_the_weights_which_a_training_ends_with(
    tmp_path, recipe, images, monkeypatch, patience, kept
):
    def train(recipe, data, *, on_epoch, folder):
        folder.mkdir(parents=True)
        rows = ["epoch,val/score,val/fer2013_accuracy", "1,0.2,0.1", "2,0.3,0.6", "3,0.3,0.2"]
        (folder / "metrics.csv").write_text("\n".join(rows))

    monkeypatch.setattr(gain, "train_quietly", train)
    patient = dataclasses.replace(recipe, patience=patience)
    found = measure_gain(
        recipe, patient, images, objective="fer2013_accuracy", seeds=2, folder=tmp_path
    )
    assert found.start == (0.2, 0.2)
    assert found.best == (kept, kept)
