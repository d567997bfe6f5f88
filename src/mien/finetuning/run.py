"""The fine-tuning: read, look ahead, search, learn, write, judge."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien._output import check_output, whole_file
from mien._wording import pluralize
from mien.data import Dataset, measure_framing, read_dataset
from mien.emotions import FER2013_7, FERPLUS_8, SIX, ferplus_majority, to_six
from mien.errors import InputError
from mien.finetuning.export import OWN_HEAD, write_network
from mien.finetuning.judging import Old, answers, balanced, gain
from mien.finetuning.learning import (
    STOPS,
    augmented_features,
    blended,
    extended,
    features_of,
    head_weights,
    learn,
    steps_for,
    with_weights,
)
from mien.finetuning.memory import Memory, shipped_memory
from mien.finetuning.own_images import OwnImages, images_of
from mien.finetuning.result import UNSEEN, ClassChange, FineTuned, Tried
from mien.finetuning.search import CANDIDATES, Limits, Search, search
from mien.inference import EmotionModel
from mien.metrics import Interval, fit_temperature, wilson_interval
from mien.models import EmotionNet
from mien.models.onnx_weights import load_onnx_network
from mien.spec import SixSpec
from mien.training.devices import set_torch_threads
from mien.training.weights import file_sha256

__all__ = ["run"]

MODEL_FILE, RESULT_FILE = "emotion.onnx", "fine-tuning.json"

_REPLAYED, _OLD_JUDGED = 4000, 4000
"""Faces of a replayed dataset that are remembered, and that are judged."""

_EXPORT_S = 15.0
"""Writing and checking the file takes about so long."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Start:
    model: EmotionModel
    network: EmotionNet
    six: SixSpec


def run(
    data: str | Path | Dataset,
    *,
    out: Path,
    start: Path | None,
    replay: str | Path | Dataset | None,
    seed: int,
    threads: int,
    overwrite: bool,
    say: Callable[[str], None],
) -> FineTuned:
    """Fine-tune; see `mien.fine_tune`."""
    began = time.monotonic()
    for name in (MODEL_FILE, RESULT_FILE):
        check_output(out / name, overwrite=overwrite)
    set_torch_threads(threads)
    begin = _opened(start)
    dataset = data if isinstance(data, Dataset) else read_dataset(Path(data))
    images, test = images_of(dataset, begin.model.crop)
    say(f"learning from {images.described()}" + ("" if test is None else f"; {len(test)} to test"))
    if images.doubt:
        say(f"WARNING: {images.doubt}")
    for warning in measure_framing(dataset.select(dataset.split >= 0)).warnings:
        say(f"WARNING: {warning}")
    untried = images.why_untried()
    memory, old, old_judged_on = _memory(begin, replay, seed, say)
    steps = steps_for(len(images), len(images.names))
    if untried:
        features = features_of(begin.network, torch.from_numpy(images.crops), begin.model.spec)[
            None
        ]
        before = answers(begin.network, features[0], begin.six)
        found = Search(start=before, trials=(), chosen=None, gain=None, better=False)
    else:
        say(f"this takes about {_duration(_expected_s(begin, images, memory, steps))}")
        features = augmented_features(begin.network, images.crops, begin.model.spec, seed=seed)
        found = search(
            begin.network,
            begin.model.spec,
            features,
            images,
            memory,
            old,
            steps=steps,
            limits=Limits(),
            seed=seed,
            on_step=lambda done, total: say(f"trial {done} of {total}"),
        )
    chosen = found.chosen
    changed = chosen is not None and (found.better or images.own)
    with whole_file(out / MODEL_FILE, overwrite=overwrite) as made:
        if chosen is not None and changed:
            network = _learned(begin, features, images, memory, found, steps=steps, seed=seed)
            temperature = 1.0
            if chosen.own_logits is not None:
                temperature = fit_temperature(chosen.own_logits, images.classes)
            write_network(
                network,
                begin.model.spec,
                dataset,
                images,
                path=made,
                provenance={
                    "recipe": "fine-tune",
                    "seed": str(seed),
                    "start": f"{begin.model.path.name} {file_sha256(begin.model.path)}",
                    "learned": f"{chosen.candidate.name}, {round(chosen.stop * steps)} steps, "
                    f"{chosen.share:.0%} of the way",
                    "mien": importlib.metadata.version("mien"),
                },
                own_temperature=temperature,
            )
        else:
            network = begin.network
            shutil.copyfile(begin.model.path, made)
    judged = _judged(begin, EmotionModel(out / MODEL_FILE), images, test, found, changed=changed)
    result = FineTuned(
        path=out / MODEL_FILE,
        changed=changed,
        images=images.described(),
        judged_on=judged.on,
        classes=judged.classes,
        balanced_before=judged.before,
        balanced_after=judged.after,
        gain_interval=judged.interval,
        old=_old_changes(begin, network, old),
        old_judged_on=old_judged_on,
        absent=tuple(
            name for place, name in enumerate(SIX.labels) if not (images.six == place).any()
        )
        if (images.six >= 0).any()
        else (),
        tried=_tried(found, steps),
        people_known=images.known,
        recommendation="",
        seconds=time.monotonic() - began,
    )
    said = _recommendation(result, images, untried)
    result = dataclasses.replace(result, recommendation=said)
    with whole_file(out / RESULT_FILE, overwrite=overwrite) as partial:
        partial.write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
    return result


def _opened(start: Path | None) -> _Start:
    model = EmotionModel(start)
    network = load_onnx_network(model.path, model.spec.provenance)
    if model.spec.six is None:  # checked by EmotionModel
        raise ValueError("no six-way output")
    return _Start(model, network, model.spec.six)


def _memory(
    begin: _Start, replay: str | Path | Dataset | None, seed: int, say: Callable[[str], None]
) -> tuple[Memory | None, Old | None, str]:
    """Return what is remembered, the faces to judge forgetting on, and what these are."""
    spec, network, six = begin.model.spec, begin.network, begin.six
    if replay is not None:
        dataset = replay if isinstance(replay, Dataset) else read_dataset(Path(replay))
        faces = _some(dataset.subset("train"), _REPLAYED, seed)
        if not len(faces):
            raise InputError(f"{dataset.source}: no image in train to replay")
        features = features_of(network, torch.from_numpy(faces.crops(begin.model.crop)), spec)
        memory = Memory.of_faces(features, torch.from_numpy(answers(network, features, six)))
        judged = dataset.subset("val")
        truth = _six_labels(judged)
        judged = _some(judged.select(truth >= 0), _OLD_JUDGED, seed)
        if not len(judged):
            raise InputError(f"{dataset.source}: no labelled image in val to see what is forgotten")
        seen = features_of(network, torch.from_numpy(judged.crops(begin.model.crop)), spec)
        old = Old(seen, _six_labels(judged), labelled=True)
        return memory, old, f"on {pluralize(len(judged), 'image')} of val of {dataset.source}"
    shipped = shipped_memory(network)
    if shipped is None:
        say(
            "WARNING: nothing is remembered of what this network was trained on, so what it "
            "forgets is not seen; pass its dataset with --replay"
        )
        return None, None, ""
    old = Old.remembered(shipped, network, six, seed=seed)
    on = "share kept, estimated from what is remembered of FER-2013; --replay measures it"
    return shipped, old, on


def _six_labels(data: Dataset) -> NDArray[np.int64]:
    """Return the true labels by FER+'s majority, or the dataset's own where there are no votes."""
    if data.votes.any():
        majority, decided = ferplus_majority(data.votes)
        return to_six(np.where(decided, majority, -1), FERPLUS_8)
    labels = data.labels.astype(np.int64)
    return to_six(np.where(labels < len(FER2013_7), labels, -1), FER2013_7)


def _some(data: Dataset, count: int, seed: int) -> Dataset:
    if len(data) <= count:
        return data
    return data.select(np.sort(np.random.default_rng(seed).permutation(len(data))[:count]))


def _expected_s(begin: _Start, images: OwnImages, memory: Memory | None, steps: int) -> float:
    """Return how long the fine-tuning will take, from a few images and steps."""
    some = torch.from_numpy(np.resize(images.crops, (16, *images.crops.shape[1:])))
    features_of(begin.network, some, begin.model.spec)
    clock = time.monotonic()
    features = features_of(begin.network, some, begin.model.spec)
    face_s = (time.monotonic() - clock) / len(some)
    tried = 10
    network = extended(begin.network, adapter=True, own_classes=0)
    rows = images.select(np.arange(len(images)) < 16)
    clock = time.monotonic()
    learn(
        network,
        begin.model.spec,
        features[None, : len(rows)],
        rows,
        memory,
        CANDIDATES[-1],
        steps=tried,
        seed=1,
    )
    step_s = (time.monotonic() - clock) / tried
    copies = 1 + max(1, min(12, 6000 // len(images)))
    learnings = len(CANDIDATES) * len(np.unique(images.folds)) + 1
    # Augmentation takes about as long as the trunk.
    return 2 * len(images) * copies * face_s + learnings * steps * step_s + _EXPORT_S


def _duration(seconds: float) -> str:
    if seconds < 90:
        return pluralize(10 * max(1, round(seconds / 10)), "second")
    return pluralize(round(seconds / 60), "minute")


def _learned(
    begin: _Start,
    features: Tensor,
    images: OwnImages,
    memory: Memory | None,
    found: Search,
    *,
    steps: int,
    seed: int,
) -> EmotionNet:
    """Learn as chosen from all images."""
    chosen = found.chosen
    if chosen is None:
        raise ValueError("nothing was chosen")
    own = len(images.names) if images.own else 0
    network = extended(begin.network, adapter=chosen.candidate.adapter, own_classes=own)
    learned = learn(
        network,
        begin.model.spec,
        features,
        images,
        memory,
        chosen.candidate,
        steps=steps,
        seed=seed,
    )[STOPS.index(chosen.stop)]
    # Own classes may be learnt where the six are not better: then these stay as they were.
    share = chosen.share if found.better else 0.0
    fresh = begin.network.adapter is None
    return with_weights(
        network, blended(head_weights(network), learned, share, fresh_adapter=fresh)
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    on: str
    classes: tuple[ClassChange, ...]
    before: float | None
    after: float
    interval: Interval | None


def _judged(
    begin: _Start,
    model: EmotionModel,
    images: OwnImages,
    test: OwnImages | None,
    found: Search,
    *,
    changed: bool,
) -> _Judged:
    """Judge the file on `test`, or where there is none, the trials on what they did not see."""
    if test is not None:
        judged, on = test, f"by the file on {pluralize(len(test), 'image')} of test"
        before = begin.model.probabilities(test.crops).argmax(axis=1).astype(np.int64)
        answered = model.classify(test.crops)
        after = answered.probabilities.argmax(axis=1).astype(np.int64)
        own = answered.heads[OWN_HEAD].argmax(axis=1) if images.own and changed else None
    else:
        chosen = found.chosen
        judged, on = (
            images,
            f"on {UNSEEN[images.known]} that the trial did not see (there is no test)",
        )
        if chosen is None:
            on = "by the start, on all images (there was no trial)"
        before = found.start
        after = chosen.six if chosen is not None and found.better else before
        own = None
        if chosen is not None and chosen.own_logits is not None:
            own = chosen.own_logits.argmax(axis=1)
    known = judged.six >= 0
    correct_before = (before == judged.six) & known
    correct_after = (after == judged.six) & known if own is None else own == judged.classes
    classes = []
    for place, name in enumerate(judged.names):
        rows = judged.classes == place
        count = int(rows.sum())
        if not count:
            continue
        had = bool(known[rows].any())
        hits = int(correct_before[rows].sum()), int(correct_after[rows].sum())
        classes.append(
            ClassChange(
                name=name,
                images=count,
                before=hits[0] / count if had else None,
                before_interval=wilson_interval(hits[0], count) if had else None,
                after=hits[1] / count,
                after_interval=wilson_interval(hits[1], count),
            )
        )
    if own is not None:
        return _Judged(
            on=on,
            classes=tuple(classes),
            before=None,  # of other classes, so no difference could be said
            after=balanced(judged.classes, own.astype(np.int64)),
            interval=None,
        )
    compared = gain(judged.six, before, after, judged) if known.any() else None
    return _Judged(
        on=on,
        classes=tuple(classes),
        before=compared.before if compared else None,
        after=compared.after if compared else 0.0,
        interval=compared.interval if compared else None,
    )


def _old_changes(begin: _Start, network: EmotionNet, old: Old | None) -> tuple[ClassChange, ...]:
    if old is None:
        return ()
    before = old.recalls(begin.network, begin.six)
    after = old.recalls(network, begin.six) if network is not begin.network else before
    changes = []
    for place, name in enumerate(SIX.labels):
        count = int((old.truth == place).sum())
        if not count:
            continue
        changes.append(
            ClassChange(
                name=name,
                images=count,
                before=float(before[place]),
                before_interval=wilson_interval(round(before[place] * count), count),
                after=float(after[place]),
                after_interval=wilson_interval(round(after[place] * count), count),
            )
        )
    return tuple(changes)


def _tried(found: Search, steps: int) -> tuple[Tried, ...]:
    if found.chosen is None and not found.trials:
        return ()
    by_candidate = {trial.candidate: trial for trial in found.trials}
    tried = []
    for candidate in CANDIDATES:
        trial = by_candidate.get(candidate)
        tried.append(
            Tried(name=candidate.name, accuracy=None, share=0.0, steps=0)
            if trial is None
            else Tried(
                name=candidate.name,
                accuracy=trial.accuracy,
                share=trial.share,
                steps=round(trial.stop * steps),
            )
        )
    return tuple(tried)


def _recommendation(result: FineTuned, images: OwnImages, untried: str) -> str:
    """Return whether to use the file.

    Args:
        result: What was found.
        images: The images to learn from.
        untried: Why there was no trial; empty if there was.
    """
    counts = images.counts()
    weakest = min(result.classes, key=lambda each: (each.after, each.images)).name
    wanted = max(20, 10 * round(counts[weakest] / 10))
    more = f"{wanted} more images of {weakest}, of other people, would help most"
    if untried:
        return f"not judged: {untried}; the file is the start unchanged. {more}"
    use = "use it" if not images.doubt else f"but {images.doubt} before you rely on it"
    if not result.changed:
        return f"not better than chance; the file is the start unchanged. {more}"
    old = ""
    if result.old:
        fell = np.mean([(each.after - (each.before or 0.0)) for each in result.old])
        old = f", old answers {100 * fell:+.1f}"
    if images.own:
        chance = 1 / len(images.names)
        said = (
            f"own classes: {100 * result.balanced_after:.1f} % right (chance {100 * chance:.1f} %)"
        )
        if result.balanced_after < 1.5 * chance:
            return f"not much better than chance, {said}{old}. {more}"
        return f"{said}{old}: {use}. {more}"
    points = 100 * (result.balanced_after - (result.balanced_before or 0.0))
    interval = result.gain_interval
    if points <= 0 or (interval is not None and interval.low < -0.02 and points < 2):
        return f"not better on these images: {points:+.1f} points{old}: keep the start. {more}"
    between = ""
    if interval is not None:
        between = f" ({100 * interval.low:+.0f} to {100 * interval.high:+.0f})"
    better = "better" if not images.doubt else "better on these images"
    return f"{better}: {points:+.1f} points{between}{old}: {use}. {more}"
