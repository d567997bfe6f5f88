import dataclasses
import warnings

import numpy as np
import pytest
import torch

from mien.export import calibrate_emotion, export_emotion
from mien.inference import EmotionModel
from mien.models import TrunkOptions
from mien.training import EmotionRecipe, train_emotion
from mien.training.augment import AugmentationOptions
from mien.training.emotion import EmotionModule

RECIPE = EmotionRecipe(
    network=TrunkOptions(widths=(8, 16), depths=(1, 1), dropout=0.1),
    augmentation=AugmentationOptions(
        **{f.name: 0.0 for f in dataclasses.fields(AugmentationOptions)}
    ),
    epochs=2,
    batch_size=16,
    learning_rate=0.1,
    warmup_epochs=0.5,
    ema_decay=0.5,
)


@pytest.fixture(autouse=True)
def _library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def weights(module):
    return torch.cat([weight.detach().ravel() for weight in module.network.parameters()])


def test_training_learns_exports_and_calibrates(tmp_path, toy_dataset):
    recipe = dataclasses.replace(RECIPE, epochs=15, mixup=0.0)
    module = train_emotion(recipe, toy_dataset, out=tmp_path)
    path = tmp_path / "toy.onnx"
    differences = export_emotion(
        module.network, toy_dataset, path=path, provenance={"recipe": "toy"}
    )
    assert set(differences) == {"logits", "fer2013_logits", "embedding", "activation"}
    assert max(differences.values()) < 1e-4
    before = EmotionModel(path)
    logits = before.run(toy_dataset.images)["fer2013_logits"]
    right = (logits.argmax(axis=1) == toy_dataset.labels)[toy_dataset.split == 0]
    assert right.mean() > 0.5  # chance is one in seven
    spec = calibrate_emotion(path, toy_dataset)
    after = EmotionModel(path)
    assert after.spec == spec
    assert after.spec.provenance["data_sha256"] == toy_dataset.sha256()
    np.testing.assert_array_equal(after.run(toy_dataset.images)["fer2013_logits"], logits)
    assert after.probabilities(toy_dataset.images[:3]).shape == (3, 6)


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(
    tmp_path, toy_dataset, monkeypatch
):
    whole = train_emotion(RECIPE, toy_dataset, out=tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill_in_the_second_epoch(module, _batch, _number):
        if module.current_epoch == 1:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(EmotionModule, "on_train_batch_start", kill_in_the_second_epoch)
        with pytest.raises(KilledError):
            train_emotion(RECIPE, toy_dataset, out=tmp_path / "cut")
    resumed = train_emotion(RECIPE, toy_dataset, out=tmp_path / "cut", resume=True)
    torch.testing.assert_close(weights(resumed), weights(whole))


def test_the_last_checkpoint_is_the_newest_even_where_nothing_improved(tmp_path, toy_dataset):
    recipe = dataclasses.replace(RECIPE, epochs=3, learning_rate=1e-9)
    train_emotion(recipe, toy_dataset, out=tmp_path)
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=False)
    assert saved["global_step"] == 3 * (64 // recipe.batch_size)
