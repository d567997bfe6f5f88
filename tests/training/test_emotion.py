import contextlib
import csv
import dataclasses
import errno
import shutil
import signal
import socket
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from mien._decode import FieldError
from mien.cli import app
from mien.data import estimated_overlap, image_sketch, import_dataset
from mien.errors import ArtefactError, DivergedError, InputError, OutputError, RecipeError
from mien.evaluation import evaluate, open_predictor
from mien.export import calibrate_emotion, export_emotion, export_trained, write_spec
from mien.inference import EmotionModel
from mien.metrics import SixFit
from mien.models import EmotionNet, TrunkOptions
from mien.preprocess import FER_CROP
from mien.training import DeviceOptions, EmotionRecipe, read_recipe, train_emotion
from mien.training.augment import AugmentationOptions
from mien.training.distillation import DistillationOptions, TeacherEnsemble, distillation_loss
from mien.training.emotion import EmotionModule, drop_non_faces
from mien.training.run import WholeCheckpoints
from mien.training.weights import load_teacher
from tests.commands import main_without_reports, start_mien
from tests.training import kept_midway

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


LONG = dataclasses.replace(RECIPE, epochs=15, mixup=0.0)


@contextlib.contextmanager
def library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def _library_warnings():
    with library_warnings():
        yield


@dataclasses.dataclass
class Run:
    folder: Path
    module: EmotionModule

    @property
    def checkpoint(self):
        return self.folder / "checkpoints" / "last.ckpt"

    def copy(self, folder):
        return shutil.copytree(self.folder, folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, toy_dataset):
    """A finished run of `RECIPE`; its folder stays as it is."""
    folder = tmp_path_factory.mktemp("finished")
    with library_warnings():
        return Run(folder, train_emotion(RECIPE, toy_dataset, out=folder))


@pytest.fixture(scope="module")
def learned(tmp_path_factory, toy_dataset):
    """A finished run that is long enough to learn."""
    folder = tmp_path_factory.mktemp("learned")
    with library_warnings():
        return Run(folder, train_emotion(LONG, toy_dataset, out=folder))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory, toy_dataset, finished):
    """The model file of the finished run; it stays as it is."""
    path = tmp_path_factory.mktemp("model") / "emotion.onnx"
    network = EmotionNet(RECIPE.network)
    network.load_state_dict(finished.module.network.state_dict())
    with library_warnings():
        export_emotion(network, toy_dataset, path=path, provenance={})
    return path


@pytest.fixture
def quick_export(model_file, monkeypatch):
    """Files of `export_emotion` get their own spec, but the network of `model_file`."""

    def export(network, example, *, spec, path, dynamic):
        shutil.copy(model_file, path)
        write_spec(path, spec)
        return {}

    monkeypatch.setattr("mien.export.emotion.export_network", export)


def with_other_weights(model_file, path):
    """Write a model file of the same network with other weights."""
    model = onnx.load(model_file)
    for tensor in model.graph.initializer:
        if tensor.name == "ferplus_head.weight":
            values = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values + 1, tensor.name))
    onnx.save(model, path)
    return path


def weights(module):
    return torch.cat([weight.detach().ravel() for weight in module.network.parameters()])


def test_training_learns_exports_and_calibrates(tmp_path, toy_dataset, learned):
    path = tmp_path / "toy.onnx"
    network = EmotionNet(RECIPE.network)
    network.load_state_dict(learned.module.network.state_dict())
    compared = export_trained(
        network, toy_dataset, path=path, provenance={"recipe": "toy"}, framing=1.1
    )
    outputs = {"logits", "fer2013_logits", "embedding", "activation"}
    assert set(compared.max_difference) == {"six", *outputs}
    assert max(compared.max_difference.values()) < 1e-4
    assert compared.flipped == {"six": 0, "logits": 0, "fer2013_logits": 0}
    assert compared.images == len(toy_dataset.subset("val"))
    model = EmotionModel(path)
    assert model.spec.crop == FER_CROP.zoomed(1.1)
    where = f"{toy_dataset.source}, val, fp32 against torch"
    assert model.spec.figures[f"{where}: flipped, six"] == 0
    assert model.spec.figures[f"{where}: largest difference, embedding"] < 1e-4
    logits = model.run(toy_dataset.images)["fer2013_logits"]
    right = (logits.argmax(axis=1) == toy_dataset.labels)[toy_dataset.split == 0]
    assert right.mean() > 0.5  # chance is one in seven
    assert model.spec.provenance["data_sha256"] == toy_dataset.sha256()
    before = model.spec
    spec = calibrate_emotion(path, toy_dataset)
    after = EmotionModel(path)
    assert after.spec == spec == before
    np.testing.assert_array_equal(after.run(toy_dataset.images)["fer2013_logits"], logits)
    assert after.probabilities(toy_dataset.images[:3]).shape == (3, 6)


def test_a_file_that_answers_otherwise_than_torch_does_not_appear(tmp_path, toy_dataset):
    network = EmotionNet(RECIPE.network).eval()
    with torch.no_grad():
        network.embedding_head.weight.fill_(float("nan"))
    path = tmp_path / "emotion.onnx"
    with pytest.raises(ArtefactError, match="'embedding' differs from torch by nan"):
        export_trained(network, toy_dataset, path=path, provenance={})
    assert not list(tmp_path.iterdir())


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(
    tmp_path, toy_dataset, monkeypatch, finished
):
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
    torch.testing.assert_close(weights(resumed), weights(finished.module))


def test_resuming_a_finished_run_gives_its_averaged_weights(tmp_path, toy_dataset, finished):
    run = finished.copy(tmp_path / "run")
    again = train_emotion(RECIPE, toy_dataset, out=run, resume=True)
    torch.testing.assert_close(weights(again), weights(finished.module), rtol=0, atol=0)


def test_images_with_labels_alone_and_not_of_every_class_are_enough(tmp_path, toy_dataset):
    few = toy_dataset.select(toy_dataset.labels < 4)
    own = dataclasses.replace(few, votes=np.zeros_like(few.votes))
    module = train_emotion(dataclasses.replace(RECIPE, patience=1), own, out=tmp_path)
    path = tmp_path / "emotion.onnx"
    export_emotion(module.network, own, path=path, provenance={})
    spec = calibrate_emotion(path, own)
    six = spec.six
    # Without votes nothing says how sure the FER+ head may be.
    assert {output.name for output in spec.outputs if output.temperature != 1} == {"fer2013_logits"}
    assert six.weights == {"logits": 0.0, "fer2013_logits": 1.0}
    assert np.isfinite(six.bias).all()
    assert EmotionModel(path).probabilities(own.images[:3]).shape == (3, 6)


def test_calibration_takes_a_better_framing_at_which_no_head_loses(
    tmp_path, toy_dataset, model_file, monkeypatch
):
    path = shutil.copy(model_file, tmp_path / "emotion.onnx")
    six = EmotionModel(path).spec.six
    looked_at = []
    monkeypatch.setattr(
        "mien.export.emotion._head_accuracy",
        lambda model, crop, data: np.array([0.8, 0.7 if crop != FER_CROP.zoomed(1.2) else 0.69]),
    )

    def fit(data, *, accuracy):
        looked_at.append(len(data.foreign["actors"].labels))
        return SixFit(six, score=0.5 + 0.1 * len(looked_at))

    monkeypatch.setattr("mien.export.emotion.fit_six", fit)
    actors = dataclasses.replace(toy_dataset.subset("test"), source="actors")
    framings = (1.1, 1.2)
    spec = calibrate_emotion(path, toy_dataset, foreign=[actors], framings=framings)
    assert spec.crop == EmotionModel(path).crop == FER_CROP.zoomed(1.1)
    assert looked_at == [len(actors)] * 2
    assert actors.sha256() in spec.provenance["calibrated_on"]
    used = np.concatenate([toy_dataset.subset("val").images, actors.images])
    assert spec.provenance["calibration_sketch"] == image_sketch(used)
    assert not spec.figures


def test_datasets_of_other_people_may_have_one_name_but_not_the_same_images(
    model_file, toy_dataset, tmp_path, monkeypatch
):
    path = shutil.copy(model_file, tmp_path / "emotion.onnx")
    six = EmotionModel(path).spec.six
    sizes = []

    def fit(data, *, accuracy):
        sizes.extend(len(each.labels) for each in data.foreign.values())
        return SixFit(six, score=0.5)

    monkeypatch.setattr("mien.export.emotion.fit_six", fit)
    test = dataclasses.replace(toy_dataset.subset("test"), source="data")
    pair = [test, test.select(slice(0, 5))]
    calibrate_emotion(path, toy_dataset, foreign=pair)
    assert sizes == [len(test), 5]
    with pytest.raises(InputError, match="foreign: data has the same images as data"):
        calibrate_emotion(path, toy_dataset, foreign=[test, test])


@pytest.mark.parametrize("subset", [0, 1])
def test_a_training_without_images_to_learn_from_or_to_watch_is_refused(
    tmp_path, toy_dataset, subset
):
    split = np.where(toy_dataset.split == subset, -1, toy_dataset.split).astype(np.int8)
    with pytest.raises(InputError, match=r"no image in .*mien data split"):
        train_emotion(RECIPE, dataclasses.replace(toy_dataset, split=split), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"labels": np.full(96, -1)}, "FER-2013 labels, weight 0.5: 0 in train, 0 in val"),
        ({}, "FER-2013 labels, weight 0: 64 in train, 16 in val"),
        ({"labels": np.arange(96) % 7 - 7 * (np.arange(96) < 64)}, "0.5: 0 in train, 16 in val"),
    ],
)
def test_a_training_without_labels_for_a_head_with_a_weight_is_refused(
    tmp_path, toy_dataset, change, found
):
    own = {name: values.astype(np.int8) for name, values in change.items()}
    data = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes), **own)
    recipe = RECIPE if change else dataclasses.replace(RECIPE, fer2013_weight=0.0)
    with pytest.raises(InputError, match=rf"toy: expected labels .*majority, weight 1: 0.*{found}"):
        train_emotion(recipe, data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_share_of_mixed_images_that_is_less_than_one_is_refused(tmp_path, toy_dataset):
    with pytest.raises(InputError, match=r"0\.01 of a batch of 16 is no image.*at least 0\.06"):
        train_emotion(RECIPE, toy_dataset, out=tmp_path, mix=toy_dataset, mix_share=0.01)


def test_an_image_that_128_annotators_call_not_a_face_is_left_out(toy_dataset):
    votes = toy_dataset.votes.copy()
    votes[0], votes[1] = 0, 0
    votes[0, -1], votes[1, -1] = 128, 127
    left = drop_non_faces(dataclasses.replace(toy_dataset, votes=votes))
    np.testing.assert_array_equal(left.rows, toy_dataset.rows[2:])


def test_mixed_images_are_in_the_sketch_of_the_training_images(tmp_path, toy_dataset):
    quick = dataclasses.replace(RECIPE, epochs=1)
    own, mix = (toy_dataset.select(np.arange(96) % 2 == part) for part in range(2))
    for resume in (False, True):
        module = train_emotion(quick, own, out=tmp_path, mix=mix, resume=resume)
        sketch = module.provenance["training_sketch"]
        for part in (own, mix):
            assert estimated_overlap(part.subset("train").images, sketch) == 1
            assert estimated_overlap(part.subset("val").images, sketch) == 0


def test_the_last_checkpoint_is_the_newest_even_where_nothing_improved(tmp_path, toy_dataset):
    recipe = dataclasses.replace(RECIPE, epochs=3, learning_rate=1e-9)
    train_emotion(recipe, toy_dataset, out=tmp_path)
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=False)
    assert saved["global_step"] == 3 * (64 // recipe.batch_size)


def curve(run):
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_keeps_its_recipe_and_one_row_per_epoch(toy_dataset, finished):
    written = read_recipe(EmotionRecipe, finished.folder / "recipe.toml")
    assert written == dataclasses.replace(RECIPE, data_sha256=toy_dataset.sha256())
    rows = curve(finished.folder)
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    assert {"train/ferplus", "val/ferplus_accuracy", "val/fer2013_six_accuracy"} <= set(rows[0])
    for name in ("ferplus", "fer2013"):
        assert 0 < float(rows[-1][f"train/{name}_accuracy"]) <= 1
        assert float(rows[-1][f"val/{name}_loss"]) > 0
    assert list((finished.folder / "tensorboard").glob("events.out.*"))


def test_a_folder_with_a_run_is_not_overwritten(toy_dataset, finished):
    with pytest.raises(RecipeError, match="holds a run already"):
        train_emotion(RECIPE, toy_dataset, out=finished.folder)
    other = dataclasses.replace(RECIPE, learning_rate=0.2)
    with pytest.raises(RecipeError, match="begun with another learning_rate, see"):
        train_emotion(other, toy_dataset, out=finished.folder, resume=True)


def test_a_folder_of_something_else_is_not_trained_in(tmp_path, toy_dataset):
    (tmp_path / "recipe.toml").write_text("epochs = 3  # my own")
    with pytest.raises(OutputError, match=r"holds recipe\.toml, and no mien-run\.txt"):
        train_emotion(RECIPE, toy_dataset, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]
    assert (tmp_path / "recipe.toml").read_text() == "epochs = 3  # my own"


def test_a_recipe_that_names_its_images_takes_no_others(tmp_path, toy_dataset):
    recipe = dataclasses.replace(RECIPE, data_sha256="0" * 64)
    with pytest.raises(RecipeError, match=r"the recipe is for 0{64}, .* take the key out"):
        train_emotion(recipe, toy_dataset, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_ends_and_keeps_the_epoch_before(tmp_path, toy_dataset, finished):
    wild = dataclasses.replace(RECIPE, learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"train/.* in epoch [12]\. Lower learning_rate"):
        train_emotion(wild, toy_dataset, out=tmp_path / "wild")
    kept = tmp_path / "wild" / "checkpoints" / "last.ckpt"
    assert not kept.exists() or torch.load(kept, weights_only=True)["epoch"] == 0


def test_patience_stops_early_and_keeps_the_best_epoch(tmp_path, toy_dataset):
    recipe = dataclasses.replace(RECIPE, epochs=30, learning_rate=1e-9, patience=2)
    module = train_emotion(recipe, toy_dataset, out=tmp_path)
    assert len(curve(tmp_path)) < 10
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=False)
    for name, weight in module.network.state_dict().items():
        torch.testing.assert_close(weight, best["state_dict"][f"network.{name}"])
    rows = curve(tmp_path)
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    again = train_emotion(recipe, toy_dataset, out=moved, resume=True)
    assert curve(moved) == rows
    torch.testing.assert_close(weights(again), weights(module), rtol=0, atol=0)
    torch.testing.assert_close(
        torch.cat([weight.ravel() for weight in load_teacher(moved).parameters()]), weights(module)
    )


def test_a_student_learns_from_its_teachers_alone(tmp_path, toy_dataset, learned):
    recipe = dataclasses.replace(
        LONG,
        seed=2,
        distillation=DistillationOptions(teachers=(str(learned.folder),), weight=1.0),
    )
    student = train_emotion(recipe, toy_dataset, out=tmp_path / "student")
    faces = torch.from_numpy(toy_dataset.subset("test").images).unsqueeze(1)
    with torch.no_grad():
        labels = [
            module.eval()(faces).fer2013_logits.argmax(1) for module in (learned.module, student)
        ]
    assert (labels[0] == labels[1]).float().mean() > 0.7
    assert "train/ferplus_distillation" in curve(tmp_path / "student")[0]


def test_a_student_that_answers_as_its_teachers_has_no_loss():
    module = EmotionModule(RECIPE).eval()
    faces = torch.randn(4, 1, 48, 48)
    teachers = TeacherEnsemble([module.network, module.network], temperature=3.0)
    outputs, targets = module.network(faces), teachers(faces, seed=1)
    heads = (outputs.logits, outputs.fer2013_logits)
    losses = distillation_loss(heads, targets, 3.0, torch.ones(4))
    assert [float(loss) for loss in losses] == pytest.approx([0, 0], abs=1e-6)


def a_step(model_file, *, taught=True, mixup=0.0, ferplus=(4, 4, 4, 4), own=(1, 0, 1, 0)):
    """Return the loss of four images in a step, and how many images the teachers were shown."""
    teachers = DistillationOptions(teachers=(str(model_file),), weight=1.0)
    recipe = dataclasses.replace(
        RECIPE,
        distillation=teachers if taught else None,
        mixup=mixup,
        fer2013_weight=0.0,
        embedding_weight=0.0,
    )
    torch.manual_seed(1)
    module, shown = EmotionModule(recipe), []
    if taught:
        module._teachers.networks[0].register_forward_pre_hook(
            lambda _, faces: shown.append(*faces)
        )
    faces = torch.randint(0, 256, (4, 1, 48, 48), generator=torch.Generator().manual_seed(2))
    labels = torch.eye(8)[list(ferplus)], torch.eye(7)[[0, 1, 2, 3]]
    loss = module.training_step((faces, *labels, torch.tensor(own, dtype=torch.float32)), 0)
    return float(loss.detach()), sum(map(len, shown))


def test_teachers_answer_for_the_datasets_own_images_alone(model_file):
    loss, shown = a_step(model_file)
    assert shown == 2
    assert a_step(model_file, ferplus=(1, 4, 2, 4))[0] == loss, "the teachers have the whole weight"
    assert a_step(model_file, ferplus=(4, 1, 4, 2))[0] != loss, "mixed images learn from labels"
    labels_alone, _ = a_step(model_file, taught=False)
    assert a_step(model_file, own=(0, 0, 0, 0)) == (pytest.approx(labels_alone), 0)


def test_of_two_blended_images_teachers_and_labels_have_their_shares(model_file):
    first, second, both, neither = (
        a_step(model_file, mixup=0.4, own=own)[0]
        for own in ((1, 1, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1), (0, 0, 0, 0))
    )
    assert first + second == pytest.approx(both + neither)
    assert min(both, neither) < first < max(both, neither)


def test_of_several_teachers_each_is_drawn_and_the_mean_over_steps_is_that_of_all():
    faces = torch.randn(2, 1, 48, 48)
    networks = [EmotionNet(RECIPE.network) for _ in range(3)]
    together = TeacherEnsemble(networks, temperature=1.0)(faces, seed=0)
    one_by_one = TeacherEnsemble(networks, temperature=1.0, teachers_per_step=1)
    outputs = [one_by_one(faces, seed=seed) for seed in range(600)]
    assert len({float(ferplus[0, 0]) for ferplus, _ in outputs}) == 3
    for head, whole in enumerate(together):
        mean = torch.stack([output[head] for output in outputs]).mean(dim=0)
        torch.testing.assert_close(mean, whole, atol=0.02, rtol=0)
        again = one_by_one(faces, seed=5)[head]
        torch.testing.assert_close(again, outputs[5][head], atol=0, rtol=0)


def test_more_teachers_per_step_than_there_are_is_refused():
    with pytest.raises(FieldError, match="expected 0 to the 1 teachers, found 2"):
        DistillationOptions(teachers=("one",), teachers_per_step=2)


def test_a_teacher_that_is_not_there_is_named(tmp_path):
    missing = DistillationOptions(teachers=(str(tmp_path / "nobody"),))
    with pytest.raises(ArtefactError, match="nobody"):
        EmotionModule(dataclasses.replace(RECIPE, distillation=missing))


def test_a_new_training_can_start_with_the_weights_of_another(tmp_path, toy_dataset, finished):
    still = dataclasses.replace(RECIPE, epochs=1, learning_rate=1e-12)
    second = train_emotion(still, toy_dataset, out=tmp_path, start=finished.checkpoint)
    torch.testing.assert_close(weights(second), weights(finished.module))


def test_a_training_can_start_with_a_model_file_and_learn_from_one(
    tmp_path, toy_dataset, finished, model_file
):
    taught = DistillationOptions(teachers=(str(model_file),), weight=1.0)
    still = dataclasses.replace(RECIPE, learning_rate=1e-12, distillation=taught, mixup=0.0)
    second = train_emotion(still, toy_dataset, out=tmp_path, start=model_file)
    faces = torch.from_numpy(toy_dataset.images).unsqueeze(1)
    with torch.no_grad():
        labels = [
            module.eval()(faces).fer2013_logits.argmax(1) for module in (finished.module, second)
        ]
    assert (labels[0] == labels[1]).float().mean() > 0.9
    assert float(curve(tmp_path)[0]["train/fer2013_distillation"]) < 0.1


def test_a_file_whose_spec_names_no_network_is_no_teacher(tmp_path, model_file):
    path = Path(shutil.copy(model_file, tmp_path))
    spec = EmotionModel(path).spec
    entries = {name: value for name, value in spec.provenance.items() if name != "network"}
    write_spec(path, dataclasses.replace(spec, provenance=entries))
    with pytest.raises(ArtefactError, match="does not say which network"):
        load_teacher(path)


def test_an_unfinished_run_is_no_teacher(tmp_path, finished):
    run = finished.copy(tmp_path / "run")
    written = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(written.replace("epochs = 2\n", "epochs = 9\n", 1))
    with pytest.raises(RecipeError, match=r"has trained 2 of 9 epochs.*resume=True"):
        load_teacher(run)


def test_the_training_images_of_the_start_and_the_teachers_are_in_the_spec_too(
    tmp_path, toy_dataset, quick_export
):
    quick = dataclasses.replace(RECIPE, epochs=1)
    thirds = [toy_dataset.select(np.arange(96) % 3 == third) for third in range(3)]
    train_emotion(quick, thirds[0], out=str(tmp_path / "teacher"))
    first = train_emotion(quick, thirds[1], out=tmp_path / "start")
    start = tmp_path / "start.onnx"
    export_emotion(first.network, thirds[1], path=start, provenance=dict(first.provenance))
    taught = DistillationOptions(teachers=(str(tmp_path / "teacher"),))
    recipe = dataclasses.replace(quick, distillation=taught)
    for name in ("start.onnx", "start/checkpoints/last.ckpt"):
        out = tmp_path / f"run-{Path(name).suffix}"
        train_emotion(recipe, thirds[2], out=out, start=str(tmp_path / name))
        module = train_emotion(recipe, thirds[2], out=out, resume=True)
        path = out / "emotion.onnx"
        export_emotion(
            module.network, thirds[2], path=str(path), provenance=dict(module.provenance)
        )
        provenance = EmotionModel(path).spec.provenance
        for third in thirds:
            sketch = provenance["training_sketch"]
            assert estimated_overlap(third.subset("train").images, sketch) == 1
            assert estimated_overlap(third.subset("test").images, sketch) == 0
        assert "training_sketch_lacks" not in provenance


def test_a_start_without_a_lineage_is_named_even_after_resuming(
    tmp_path, toy_dataset, finished, quick_export
):
    quick = dataclasses.replace(RECIPE, epochs=1)
    start, run = tmp_path / "elsewhere.ckpt", tmp_path / "run"
    shutil.copy(finished.checkpoint, start)
    train_emotion(quick, toy_dataset, out=run, start=start)
    for _ in range(2):
        module = train_emotion(quick, toy_dataset, out=run, resume=True)
        path = run / "emotion.onnx"
        export_emotion(module.network, toy_dataset, path=path, provenance=dict(module.provenance))
        assert EmotionModel(path).spec.provenance["training_sketch_lacks"] == "elsewhere.ckpt"
        warnings = evaluate([open_predictor(path)], toy_dataset).warnings
        assert any(
            "trained from elsewhere.ckpt, whose training images are unknown" in each
            for each in warnings
        )
        (run / "lineage.json").unlink()


def test_a_run_does_not_go_on_with_another_teacher_or_start(tmp_path, toy_dataset, model_file):
    first = Path(shutil.copy(model_file, tmp_path / "1.onnx"))
    second = with_other_weights(model_file, tmp_path / "2.onnx")
    teacher = Path(shutil.copy(first, tmp_path / "teacher.onnx"))
    taught = DistillationOptions(teachers=(str(teacher),))
    recipe = dataclasses.replace(RECIPE, epochs=1, distillation=taught)
    run = tmp_path / "run"
    module = train_emotion(recipe, toy_dataset, out=run, start=first)
    assert set(module.provenance) == {"start", f"teacher {teacher}", "training_sketch"}
    again = train_emotion(recipe, toy_dataset, out=run, resume=True)
    assert again.provenance == module.provenance
    with pytest.raises(RecipeError, match="begun with another start"):
        train_emotion(recipe, toy_dataset, out=run, resume=True, start=second)
    shutil.copy(second, teacher)
    with pytest.raises(RecipeError, match="begun with another teacher"):
        train_emotion(recipe, toy_dataset, out=run, resume=True)


LOOPS = {"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"some notes", "no checkpoint of a training"),
        ({"weights": 1}, "no callbacks, loops, state_dict"),
        (
            {"state_dict": {"network.other": torch.zeros(1)}, "loops": LOOPS, "callbacks": {}},
            "weights of another network",
        ),
    ],
)
def test_a_start_that_cannot_be_read_is_named(tmp_path, toy_dataset, content, message):
    start = tmp_path / "start.ckpt"
    if isinstance(content, bytes):
        start.write_bytes(content)
    elif content is not None:
        torch.save(content, start)
    with pytest.raises(RecipeError, match=rf"start\.ckpt: .*{message}"):
        train_emotion(RECIPE, toy_dataset, out=tmp_path / "run", start=start)


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (DeviceOptions(accelerator="gpu"), "gpu"),
        (DeviceOptions(accelerator="cpu", devices=1, strategy="abacus"), "abacus"),
        (DeviceOptions(accelerator="cpu", devices=3), "a multiple of the 3 devices, found 16"),
    ],
)
def test_devices_that_do_not_exist_are_named(tmp_path, toy_dataset, devices, message):
    with pytest.raises(RecipeError, match=message):
        train_emotion(RECIPE, toy_dataset, out=tmp_path / "run", devices=devices)


def test_a_checkpoint_on_a_full_disk_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)

    def full(path, data):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"last\.ckpt: cannot write: No space left"):
        WholeCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoints_are_not_moved_from_another_folder(tmp_path, toy_dataset, monkeypatch):
    """A move from the system's folder for temporary files may be a copy, which a kill cuts off."""
    moved = []
    monkeypatch.setattr("shutil.move", lambda source, target: moved.append(target))
    recipe = dataclasses.replace(RECIPE, epochs=1)
    train_emotion(recipe, toy_dataset, out=tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert moved == []


def test_ctrl_c_in_a_training_says_how_it_goes_on(tmp_path, fer_csv, votes_csv, monkeypatch):
    import_dataset([fer_csv, votes_csv], tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(TINY)
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(module, batch, number):
        if module.current_epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(EmotionModule, "on_train_batch_start", interrupt, raising=False)
    stopped = CliRunner().invoke(app, arguments(tmp_path, tmp_path / "run"))
    assert stopped.exit_code == 130
    assert "stopped; continue with --resume" in stopped.stderr
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "run" / "emotion.onnx").exists()


TINY = """epochs = 4
batch_size = 16
warmup_epochs = 0.5
ema_decay = 0.5
[network]
widths = [8, 16]
depths = [1, 1]
"""


def wait_for_a_checkpoint(run, process, said):
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < deadline, "no checkpoint after two minutes"
        assert process.is_alive(), said.read_text()
        time.sleep(0.01)


def arguments(folder, out, *more):
    paths = ("--data", folder / "data", "--recipe", folder / "tiny.toml", "--out", out)
    return ["train", "emotion", *map(str, paths), "--threads", "1", *more]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_goes_on_to_the_curve_of_an_uninterrupted_one(
    tmp_path, fer_csv, votes_csv, monkeypatch
):
    import_dataset([fer_csv, votes_csv], tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(TINY)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = start_mien(tmp_path, *arguments(tmp_path, cut))
    wait_for_a_checkpoint(cut, process, tmp_path / "stderr")
    process.kill()
    process.join()
    for out, more in ((whole, []), (cut, ["--resume"])):
        result = CliRunner().invoke(app, arguments(tmp_path, out, *more))
        assert (out / "emotion.onnx").exists(), result.output
        # One run with its reports is enough.
        for report in ("training_report", "evaluation_report"):
            monkeypatch.setattr(f"mien.reports.{report}", lambda *_, **__: [])
    assert curve(cut) == curve(whole)
    made = {str(path.relative_to(whole)) for path in whole.rglob("*")}
    assert {"training.html", "evaluation.html", "figures/accuracy.png"} <= made


def test_two_processes_train_one_network_and_go_on_where_they_were(tmp_path, fer_csv, votes_csv):
    import_dataset([fer_csv, votes_csv], tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(TINY)
    whole, cut = tmp_path / "whole", tmp_path / "whole-midway"
    both = ["--accelerator", "cpu", "--devices", "2", "--strategy", "ddp"]
    words = arguments(tmp_path, whole, *both)
    # The process of the first device; it starts that of the other one, which imports torch anew.
    process = start_mien(tmp_path, *words, main=kept_midway.train_and_resume)
    process.join()
    for out in (whole, cut):
        assert (out / "emotion.onnx").exists(), (tmp_path / "stderr").read_text()
        saved = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
        assert saved["global_step"] == 4 * 4  # each takes half of every batch
    assert curve(cut) == curve(whole)


def test_two_machines_train_one_network(tmp_path, fer_csv, votes_csv):
    import_dataset([fer_csv, votes_csv], tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(TINY.replace("epochs = 4", "epochs = 1"))
    shared = ["--accelerator", "cpu", "--devices", "1", "--nodes", "2", "--strategy", "ddp"]
    words = arguments(tmp_path, tmp_path / "run", *shared)
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    machines, folders = [], [tmp_path / rank for rank in "01"]
    for folder in folders:
        folder.mkdir()
        own = {**where, "NODE_RANK": folder.name}
        machines.append(start_mien(folder, *words, main=main_without_reports, environment=own))
    for machine in machines:
        machine.join()
    said = [(folder / "stderr").read_text() for folder in folders]
    assert [machine.exitcode for machine in machines] == [0, 0], said
    saved = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4  # each takes half of every batch
