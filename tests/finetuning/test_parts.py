import dataclasses
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator

from mien.data import image_sketch
from mien.emotions import FER2013_7, SIX
from mien.finetuning import run
from mien.finetuning import search as searching
from mien.finetuning.export import OWN_LABELS
from mien.finetuning.judging import Old, answers, balanced, gain
from mien.finetuning.learning import (
    STOPS,
    Candidate,
    blended,
    extended,
    features_of,
    head_weights,
    learn,
    steps_for,
    with_weights,
)
from mien.finetuning.memory import Memory, shipped_memory, write_memory
from mien.finetuning.own_images import images_of
from mien.finetuning.search import CANDIDATES, SHARES, Limits, Trial, compared, search
from mien.inference import EmotionModel
from mien.models.onnx_weights import load_onnx_network
from mien.preprocess import FER_CROP
from mien.training.lineage import Lineage, lineage_of_model, merge_lineages
from tests.finetuning.conftest import striped

MODEL = EmotionModel()
SPEC = MODEL.spec


@pytest.fixture(scope="module")
def network():
    return load_onnx_network(MODEL.path, SPEC.provenance)


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (6, 48, 48)).astype(np.uint8))


def test_the_shipped_memory_fits_the_shipped_network(network):
    memory = shipped_memory(network)
    assert memory is not None, "make it anew: benchmarks/fine_tune.py remember"
    assert len(memory.centres) == 192
    assert set(memory.answers.tolist()) == set(range(6))
    features, drawn = memory.draw(600, torch.ones(6), Generator().manual_seed(1))
    given = answers(network, features, SPEC.six)
    assert np.mean(given == drawn.numpy()) > 0.8


def test_another_trunk_has_no_shipped_memory(network):
    other = extended(network, adapter=True, own_classes=0)
    assert shipped_memory(other) is not None  # the same trunk
    with torch.no_grad():
        next(other.trunk.parameters()).add_(1)
    assert shipped_memory(other) is None


def test_a_memory_draws_answers_as_often_as_asked():
    memory = Memory.of_faces(torch.eye(6), torch.arange(6))
    weights = torch.tensor([1.0, 0, 0, 3.0, 0, 0])
    features, drawn = memory.draw(4000, weights, Generator().manual_seed(1))
    assert set(drawn.tolist()) == {0, 3}
    assert float((drawn == 3).float().mean()) == pytest.approx(0.75, abs=0.03)
    torch.testing.assert_close(features, torch.eye(6)[drawn])
    assert memory.means()[3].tolist() == [0, 0, 0, 1, 0, 0]


def test_a_summary_has_the_mean_and_the_spread_of_what_it_summarises(tmp_path, network):
    rng = torch.Generator().manual_seed(1)
    features = 5 + torch.randn(600, 4, generator=rng) * torch.tensor([0.1, 1.0, 0.5, 0.2])
    summary = Memory.summary(features, torch.arange(600) % 6)
    assert float(summary.counts.sum()) == 600
    drawn, _ = summary.draw(5000, torch.ones(6), rng)
    torch.testing.assert_close(drawn.mean(dim=0), features.mean(dim=0), atol=0.15, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), features.std(dim=0), atol=0.15, rtol=0)
    write_memory(summary, network, tmp_path / "memory.npz")
    with np.load(tmp_path / "memory.npz") as stored:
        restored = stored["centres"] * stored["centres_scale"]
    np.testing.assert_allclose(restored, summary.centres.numpy(), atol=0.05)


@pytest.mark.parametrize(("adapter", "own"), [(False, 0), (True, 0), (True, 3)])
def test_room_to_learn_changes_no_answer(network, faces, adapter, own):
    wider = extended(network, adapter=adapter, own_classes=own)
    inputs = (faces.float().unsqueeze(1) - 129.5) / 65
    with torch.no_grad():
        before, after = network(inputs), wider(inputs)
    for first, second in zip(before, after, strict=False):
        torch.testing.assert_close(first, second)
    assert len(after) == (5 if own else 4)


def test_a_head_of_own_classes_that_is_there_answers_as_before_with_a_new_layer(network, faces):
    start = extended(network, adapter=False, own_classes=3)
    wider = extended(start, adapter=True, own_classes=3)
    features = features_of(start, faces, SPEC)
    with torch.no_grad():
        torch.testing.assert_close(wider.heads(features).own, start.heads(features).own)


@pytest.mark.parametrize(
    ("had", "kept"),
    [
        (("bored", "keen", "shy"), True),
        (("keen", "bored", "shy"), False),
        (("bored", "keen", "calm"), False),
        (("bored", "keen"), False),
    ],
)
def test_a_head_of_own_classes_stays_for_the_same_names_in_the_same_order_alone(network, had, kept):
    images = dataclasses.replace(own_images(4), names=("bored", "keen", "shy"))
    spec = dataclasses.replace(SPEC, label_sets={OWN_LABELS: had})
    begin = run._Start(
        types.SimpleNamespace(spec=spec),
        extended(network, adapter=True, own_classes=len(had)),
        SPEC.six,
    )
    said = []
    begun = run._for_classes(begin, images, said.append)
    assert (begun.network.own_head is not None) is kept
    assert bool(said) is not kept
    six_alone = run._for_classes(begin, dataclasses.replace(images, own=False), said.append)
    assert six_alone.network.own_head is None


def test_the_activation_maps_add_up_to_the_logits_with_an_adapter(network, faces):
    wider = extended(network, adapter=True, own_classes=0)
    with torch.no_grad():
        wider.adapter.ferplus.weight.normal_(generator=Generator().manual_seed(1))
        wider.adapter.ferplus.bias.fill_(0.5)
        outputs = wider((faces.float().unsqueeze(1) - 129.5) / 65)
        mean = outputs.activation.mean(dim=(2, 3)) + wider.ferplus_head.bias
    torch.testing.assert_close(mean, outputs.logits, atol=1e-3, rtol=1e-3)


def test_between_start_and_learned_weights_lie_both_ends(network, faces):
    wider = extended(network, adapter=True, own_classes=0)
    start = head_weights(wider)
    learned = {name: value + 0.1 for name, value in start.items()}
    features = features_of(wider, faces, SPEC)
    none = with_weights(wider, blended(start, learned, 0.0, fresh_adapter=True))
    all_ = with_weights(wider, blended(start, learned, 1.0, fresh_adapter=True))
    with torch.no_grad():
        torch.testing.assert_close(none.heads(features).ferplus, wider.heads(features).ferplus)
        expected = with_weights(wider, learned).heads(features).ferplus
        torch.testing.assert_close(all_.heads(features).ferplus, expected)


def test_learning_reaches_the_images_and_keeps_the_rest(network):
    data = striped(np.tile([3, 4], 12), np.arange(24))
    images, _ = images_of(data, FER_CROP)
    memory = shipped_memory(network)
    wider = extended(network, adapter=True, own_classes=0)
    features = features_of(wider, torch.from_numpy(images.crops), SPEC)[None]
    candidate = Candidate("a layer", adapter=True, keeping=4.0)
    kept = learn(wider, SPEC, features, images, memory, candidate, steps=80, seed=1)[-1]
    tuned = with_weights(wider, kept)
    assert balanced(images.six, answers(tuned, features[0], SPEC.six)) > 0.9
    old = Old.remembered(memory, network, SPEC.six, seed=1)
    assert old.recalls(tuned, SPEC.six).min() > 0.9
    for name, value in wider.trunk.state_dict().items():
        torch.testing.assert_close(value, tuned.trunk.state_dict()[name], msg=name)


def test_steps_follow_images_and_classes():
    assert steps_for(20, 3) == 200
    assert steps_for(90, 3) < steps_for(250, 7) < steps_for(600, 7)
    assert steps_for(100_000, 7) == 500


def test_people_stand_in_one_fold():
    data = striped(np.tile([3, 4], 15), np.repeat(np.arange(10), 3))
    images, test = images_of(data, FER_CROP)
    assert test is None
    assert images.people == 10
    assert set(images.folds.tolist()) == {0, 1, 2}
    for person in range(10):
        assert len(set(images.folds[images.groups == person].tolist())) == 1


def test_versions_of_one_picture_stand_in_one_fold_even_if_they_are_a_whole_class():
    data = striped(np.repeat([3, 4, 3], 4), [""] * 12)
    noise = np.random.default_rng(1).integers(0, 256, data.images.shape)
    data = dataclasses.replace(data, images=noise.astype(np.uint8))
    images, _ = images_of(data, FER_CROP)
    assert (images.known, images.people, images.why_untried()) == (False, 0, "")
    same = dataclasses.replace(data, images=data.images[np.arange(12) // 4 * 4])
    images, _ = images_of(same, FER_CROP)
    assert [len(set(images.folds[rows : rows + 4].tolist())) for rows in (0, 4, 8)] == [1, 1, 1]
    assert "versions of 3 pictures" in images.why_untried()


def test_people_of_test_that_are_learned_from_are_said():
    data = striped(np.tile([3, 4], 12), np.arange(24) // 4)
    data = dataclasses.replace(data, split=np.where(np.arange(24) < 18, 0, 2).astype(np.int8))
    assert "test shows people" in images_of(data, FER_CROP)[0].doubt
    apart = dataclasses.replace(data, split=np.where(np.arange(24) < 16, 0, 2).astype(np.int8))
    assert images_of(apart, FER_CROP)[0].doubt == ""


def test_expressions_of_test_that_are_not_learned_are_kept_for_the_six_answers():
    names = (*FER2013_7.labels, "bored", "shy")
    data = striped(np.tile([3, 4], 15), np.arange(30) // 2, names=names)
    labels = data.labels.copy()
    labels[24:] = [3, 2, 1, 7, 8, 5]
    split = np.where(np.arange(30) < 24, 0, 2).astype(np.int8)
    learned, test = images_of(dataclasses.replace(data, labels=labels, split=split), FER_CROP)
    assert learned.names == ("happy", "sad")
    assert test.names == ("happy", "sad", "disgust", "fear", "surprise")
    assert test.counts() == {"happy": 1, "sad": 0, "disgust": 1, "fear": 1, "surprise": 1}
    assert [SIX.labels[each] for each in test.six] == ["happy", "fear", "angry", "surprise"]


def test_a_replayed_image_without_votes_has_its_own_label():
    votes = np.zeros((3, 10), np.uint8)
    votes[1, 3] = 10  # sad
    votes[2, [1, 3]] = 5  # no majority
    data = dataclasses.replace(striped([3, 3, 3], range(3)), votes=votes)
    happy, sad = SIX.index("happy"), SIX.index("sad")
    assert run._six_labels(data).tolist() == [happy, sad, -1]


def test_balanced_accuracy_is_the_mean_of_the_recalls():
    truth, predicted = np.array([0, 0, 0, 2, -1]), np.array([0, 0, 1, 2, 0])
    assert balanced(truth, predicted) == pytest.approx((2 / 3 + 1) / 2)


def test_a_gain_of_one_person_is_not_beyond_chance():
    truth = np.tile([3, 4], 6)
    images, _ = images_of(striped(truth, np.repeat(["a", "b"], 6)), FER_CROP)
    before = np.full(12, 0)
    half = np.where(images.groups == 0, images.six, before)
    one = gain(images.six, before, half, images)
    assert (one.before, one.after) == (0.5, 0.75)
    assert not one.beyond_chance
    both = gain(images.six, before, images.six, images)
    assert both.beyond_chance
    assert both.difference == 0.5


def test_a_start_whose_training_images_are_unknown_is_named_beside_the_own_images():
    provenance = {"recipe": "emotion"}
    start = types.SimpleNamespace(
        path=Path("models/old.onnx"), spec=dataclasses.replace(SPEC, provenance=provenance)
    )
    own = Lineage(image_sketch(np.zeros((1, 48, 48), np.uint8)))
    merged = merge_lineages([lineage_of_model(start), own]).provenance()
    assert merged == {"training_sketch": own.sketch, "training_sketch_lacks": "old.onnx"}
    assert not lineage_of_model(MODEL).unknown


def test_what_forgets_too_much_is_outside_the_limits():
    absent = np.isin(np.arange(6), (1, 5))
    trial = Trial(
        candidate=Candidate("a", adapter=False, keeping=1.0),
        stop=1.0,
        share=1.0,
        predicted=np.zeros(1, np.int64),
        six=np.zeros(1, np.int64),
        own_logits=None,
        forgotten=np.array([0.0, 0.02, 0.05, 0.0, 0.0, 0.0]),
        estimated=False,
    )
    assert trial.within(Limits(), absent)
    assert not dataclasses.replace(trial, estimated=True).within(Limits(), absent)
    worse = dataclasses.replace(trial, forgotten=np.full(6, 0.025))
    assert not worse.within(Limits(), absent)
    assert SIX.labels[1] == "neutral"


def ways(predictions):
    """Trials of all ways of learning, with these six-way answers."""
    answered = iter(predictions)
    return [
        [
            Trial(
                candidate=candidate,
                stop=stop,
                share=share,
                predicted=six,
                six=six,
                own_logits=None,
                forgotten=None,
                estimated=False,
            )
            for stop, share, six in zip(
                np.repeat(STOPS, len(SHARES)), SHARES * len(STOPS), answered, strict=False
            )
        ]
        for candidate in CANDIDATES
    ]


@pytest.fixture(scope="module")
def ninety():
    """Ninety images of thirty people, of two classes."""
    images, _ = images_of(striped(np.tile([3, 4], 45), np.repeat(np.arange(30), 3)), FER_CROP)
    return images


def guesses(rng, images, count):
    """Answers that are right by half, each for itself."""
    right = rng.random((count, len(images))) < 0.5
    other = images.six.max() + images.six.min() - images.six
    return np.where(right, images.six, other)


def test_the_best_of_many_ways_without_an_effect_is_seldom_called_better(ninety):
    rng = np.random.default_rng(0)
    better, naive = [], []
    for _ in range(100):
        start, *predictions = guesses(rng, ninety, 37)
        tried = ways(predictions)
        found = compared(start, tried, ninety)
        better.append(found.better)
        naive.append(found.chosen.accuracy(ninety) - balanced(ninety.six, start))
    assert np.mean(better) <= 0.12, "a third of them, if the best way's own gain counted"
    assert np.mean(naive) > 0.1, "what the choice seems to gain, for nothing"


def test_a_way_that_is_better_is_found_and_called_better(ninety):
    rng = np.random.default_rng(1)
    start, *predictions = guesses(rng, ninety, 37)
    good = np.where(rng.random(len(ninety)) < 0.9, ninety.six, start)
    tried = ways([*predictions[:20], good, *predictions[21:36]])
    found = compared(start, tried, ninety)
    assert found.better
    np.testing.assert_array_equal(found.chosen.six, good)
    np.testing.assert_array_equal(found.six, good)
    assert found.gain.after == pytest.approx(found.chosen.accuracy(ninety))


def test_each_fold_is_answered_by_the_way_that_is_best_on_the_others(ninety):
    start = np.full(len(ninety), ninety.six.min())
    # Each of three ways is right on two folds alone, and wrong on the fold that it seems best for.
    answered = [np.where(ninety.folds == fold, 5 - ninety.six, ninety.six) for fold in range(3)]
    found = compared(start, ways([*answered, *[start] * 33]), ninety)
    assert (found.six == ninety.six).mean() == 0
    assert not found.better


def own_images(people):
    """Images of three classes of a user's own, by so many people."""
    names = (*FER2013_7.labels, "bored", "keen", "shy")
    data = striped(np.tile([3, 4, 3], people), np.repeat(np.arange(people), 3))
    labels = np.tile([7, 8, 9], people).astype(np.int8)
    images, _ = images_of(dataclasses.replace(data, labels=labels, label_names=names), FER_CROP)
    return images


def logits_of(predicted):
    return np.eye(3, dtype=np.float32)[predicted]


def test_an_own_head_beside_six_answers_that_stay_is_judged_beside_those():
    images = own_images(12)
    start = np.zeros(len(images), np.int64)
    wrong = (images.classes + 1) % 3
    way = Trial(
        candidate=CANDIDATES[-1],
        stop=1.0,
        share=1.0,
        predicted=images.classes,
        six=start,
        own_logits=logits_of(images.classes),
        forgotten=None,
        estimated=False,
    )
    unchanged = dataclasses.replace(way, share=0.0, predicted=wrong, own_logits=logits_of(wrong))
    found = compared(start, [[way, unchanged]], images)
    assert found.chosen is unchanged
    assert not found.own_better, "the head that would be written is always wrong"
    found = compared(start, [[dataclasses.replace(unchanged, share=1.0), way]], images)
    assert found.chosen is None, "none of them leaves the six as they were"
    kept = dataclasses.replace(way, share=0.0)
    found = compared(start, [[kept, dataclasses.replace(unchanged, share=1.0)]], images)
    assert (found.chosen, found.own_better, found.better) == (kept, True, False)
    np.testing.assert_array_equal(found.own, images.classes)


def test_an_own_head_is_tried_on_the_layer_that_is_written(network, monkeypatch):
    images = own_images(6)
    start = extended(network, adapter=True, own_classes=0)
    generator = Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in start.adapter.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    features = features_of(start, torch.from_numpy(images.crops), SPEC)
    learned = []

    def noted(*given, **options):
        learned.append(learn(*given, **options))
        return learned[-1]

    monkeypatch.setattr(searching, "CANDIDATES", CANDIDATES[-1:])
    monkeypatch.setattr(searching, "learn", noted)
    memory = shipped_memory(network)
    options = {"steps": 20, "limits": Limits(), "seed": 1, "on_step": lambda *_: None}
    found = search(start, SPEC, features[None], images, memory, None, **options)
    assert found.chosen.share == 0
    wider = extended(start, adapter=True, own_classes=3)
    for fold, weights in zip(np.unique(images.folds), learned, strict=True):
        stop = weights[STOPS.index(found.chosen.stop)]
        own = {name: value for name, value in stop.items() if name.startswith("own_head.")}
        rows = images.folds == fold
        with torch.no_grad():
            expected = with_weights(wider, own).heads(features[torch.from_numpy(rows)]).own
        np.testing.assert_allclose(found.chosen.own_logits[rows], expected, atol=1e-5)
