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

from mien._estimate import time_words
from mien._output import check_output, check_writable, whole_file
from mien._wording import pluralize
from mien.data import Dataset, image_sketch, measure_framing, read_dataset
from mien.emotions import FER2013_7, FERPLUS_8, SIX, ferplus_majority, to_six
from mien.errors import InputError
from mien.finetuning.export import OWN_HEAD, OWN_LABELS, write_network
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
from mien.finetuning.result import UNSEEN, ClassChange, FineTuned, Tried, way
from mien.finetuning.search import CANDIDATES, Limits, Search, search
from mien.inference import EmotionModel
from mien.metrics import Interval, wilson_interval
from mien.models import EmotionNet
from mien.models.onnx_weights import load_onnx_network
from mien.spec import SixSpec
from mien.training.devices import set_torch_threads
from mien.training.lineage import Lineage, lineage_of_model, merge_lineages
from mien.training.weights import file_sha256

__all__ = ["run"]

MODEL_FILE, RESULT_FILE = "emotion.onnx", "fine-tuning.json"

_REPLAYED, _OLD_MEASURED = 4000, 4000
"""Faces of a replayed dataset that are remembered, and that are measured."""

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
    check_writable(out)
    set_torch_threads(threads)
    begin = _opened(start)
    dataset = data if isinstance(data, Dataset) else read_dataset(Path(data))
    images, test = images_of(dataset, begin.model.crop)
    begin = _for_classes(begin, images, say)
    say(f"learning from {images.described()}" + ("" if test is None else f"; {len(test)} to test"))
    unused = int((dataset.subset("test").labels >= 0).sum()) - (0 if test is None else len(test))
    if unused:
        say(
            f"WARNING: {pluralize(unused, 'image')} of test left out: of own classes that train "
            "and val have no image of"
        )
    if images.doubt:
        say(f"WARNING: {images.doubt}")
    for warning in measure_framing(dataset.select(dataset.split >= 0)).warnings:
        say(f"WARNING: {warning}")
    untried = images.why_untried()
    memory, old, old_measured_on, replayed = _memory(begin, replay, seed, say)
    steps = steps_for(len(images), len(images.names))
    if untried:
        features = features_of(begin.network, torch.from_numpy(images.crops), begin.model.spec)[
            None
        ]
        before = answers(begin.network, features[0], begin.six)
        found = Search(start=before, trials=(), chosen=None, gain=None, better=False)
    else:
        say(f"this takes about {time_words(_expected_s(begin, images, memory, steps))}")
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
    changed = chosen is not None and (found.better or found.own_better)
    # The model gets its name after the result is complete, so that Ctrl-C leaves both or none.
    with (
        whole_file(out / RESULT_FILE, overwrite=overwrite) as written,
        whole_file(out / MODEL_FILE, overwrite=overwrite) as made,
    ):
        if chosen is not None and changed:
            network = _learned(begin, features, images, memory, found, steps=steps, seed=seed)
            write_network(
                network,
                begin.model.spec,
                dataset,
                dataclasses.replace(images, own=found.own_better),
                path=made,
                provenance={
                    "recipe": "fine-tune",
                    "seed": str(seed),
                    "start": f"{begin.model.path.name} {file_sha256(begin.model.path)}",
                    "learned": f"{chosen.candidate.name}, {round(chosen.stop * steps)} steps, "
                    + way(chosen.share),
                    "mien": importlib.metadata.version("mien"),
                },
                lineage=merge_lineages([lineage_of_model(begin.model), replayed]),
                own_temperature=found.own_temperature,
            )
        else:
            network = begin.network
            shutil.copyfile(begin.model.path, made)
        measured = _measure(begin, EmotionModel(made), images, test, found)
        result = FineTuned(
            path=out / MODEL_FILE,
            changed=changed,
            images=images.described(),
            measured_on=measured.on,
            classes=measured.classes,
            balanced_before=measured.before,
            balanced_after=measured.after,
            gain_interval=measured.interval,
            own_measured_on=measured.own_on if measured.own else "",
            own=measured.own,
            own_balanced=measured.own_balanced,
            own_written=found.own_better,
            old=_old_changes(begin, network, old),
            old_measured_on=old_measured_on,
            absent=_lacking(images.six) if (images.six >= 0).any() else (),
            unmeasured=measured.unmeasured,
            tried=_tried(found, images, steps),
            people_known=images.known,
            recommendation="",
            seconds=time.monotonic() - began,
        )
        said = _recommendation(result, images, untried, six_better=found.better)
        result = dataclasses.replace(result, recommendation=said)
        written.write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
    return result


def _opened(start: Path | None) -> _Start:
    model = EmotionModel(start)
    network = load_onnx_network(model.path, model.spec.provenance)
    if model.spec.six is None:  # checked by EmotionModel
        raise ValueError("no six-way output")
    return _Start(model, network, model.spec.six)


def _for_classes(begin: _Start, images: OwnImages, say: Callable[[str], None]) -> _Start:
    """Return the start without its head of own classes if the images have other ones."""
    had = begin.model.spec.label_sets.get(OWN_LABELS, ())
    if not had or (images.own and tuple(had) == images.names):
        return begin
    say(
        f"WARNING: the start has a head of own classes ({', '.join(had)}), and these images have "
        "other classes: what is learned is without that head"
    )
    network = extended(begin.network, adapter=False, own_classes=0)
    return dataclasses.replace(begin, network=network)


def _memory(
    begin: _Start, replay: str | Path | Dataset | None, seed: int, say: Callable[[str], None]
) -> tuple[Memory | None, Old | None, str, Lineage]:
    """Return what is remembered, the faces to judge forgetting on, and what these are.

    The last is the lineage of the memory: the images that are replayed.
    """
    spec, network, six = begin.model.spec, begin.network, begin.six
    if replay is not None:
        dataset = replay if isinstance(replay, Dataset) else read_dataset(Path(replay))
        faces = _some(dataset.subset("train"), _REPLAYED, seed)
        if not len(faces):
            raise InputError(f"{dataset.source}: no image in train to replay")
        features = features_of(network, torch.from_numpy(faces.crops(begin.model.crop)), spec)
        memory = Memory.of_faces(features, torch.from_numpy(answers(network, features, six)))
        measured = dataset.subset("val")
        truth = _six_labels(measured)
        measured = _some(measured.select(truth >= 0), _OLD_MEASURED, seed)
        if not len(measured):
            raise InputError(f"{dataset.source}: no labelled image in val to see what is forgotten")
        seen = features_of(network, torch.from_numpy(measured.crops(begin.model.crop)), spec)
        old = Old(seen, _six_labels(measured), labelled=True)
        on = f"on {pluralize(len(measured), 'image')} of val of {dataset.source}"
        return memory, old, on, Lineage(image_sketch(faces.images))
    shipped = shipped_memory(network)
    if shipped is None:
        say(
            "WARNING: nothing is remembered of what this network was trained on, so what it "
            "forgets is not seen; pass its dataset with --replay"
        )
        return None, None, "", Lineage()
    old = Old.remembered(shipped, network, six, seed=seed)
    on = "share kept, estimated from what is remembered of FER-2013; --replay measures it"
    return shipped, old, on, Lineage()


def _six_labels(data: Dataset) -> NDArray[np.int64]:
    """Return the true labels by FER+'s majority, or an image's own where it has no votes."""
    majority, decided = ferplus_majority(data.votes)
    voted = to_six(np.where(decided, majority, -1), FERPLUS_8)
    own = to_six(data.fer2013_labels, FER2013_7)
    return np.where(data.votes.any(axis=1), voted, own)


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
    fresh = begin.network.adapter is None
    network = with_weights(
        network, blended(head_weights(network), learned, chosen.share, fresh_adapter=fresh)
    )
    if own and not found.own_better:
        return extended(network, adapter=False, own_classes=0)
    return network


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    on: str
    classes: tuple[ClassChange, ...]
    unmeasured: tuple[str, ...]
    before: float | None
    after: float | None
    interval: Interval | None
    own_on: str
    own: tuple[ClassChange, ...]
    own_balanced: float | None


def _measure(
    begin: _Start,
    model: EmotionModel,
    images: OwnImages,
    test: OwnImages | None,
    found: Search,
) -> _Measured:
    """Measure the file on `test`, or where there is none, the trials on what they did not see."""
    chosen = found.chosen
    trial = f"on {UNSEEN[images.known]} that the trial did not see"
    own: NDArray[np.int64] | None = None
    own_images, own_on = images, trial
    if found.own is not None:
        own = found.own
    if test is not None:
        measured, on = test, f"by the file on {pluralize(len(test), 'image')} of test"
        before = begin.model.probabilities(test.crops).argmax(axis=1).astype(np.int64)
        answered = model.classify(test.crops)
        after = answered.probabilities.argmax(axis=1).astype(np.int64)
        if found.own_better:
            own = answered.heads[OWN_HEAD].argmax(axis=1).astype(np.int64)
            own_images, own_on = test, on
    else:
        measured, on = images, f"{trial} (there is no test)"
        if chosen is None:
            on = "by the start, on all images (there was no trial)"
        before = found.start
        after = found.six if found.six is not None and found.better else before
    known = measured.six >= 0
    wanted = known.any() or (images.six >= 0).any()
    learned = own_images.classes < len(images.names)
    compared = gain(measured.six, before, after, measured) if known.any() else None
    classes = _class_changes(measured, known, after == measured.six, before == measured.six)
    return _Measured(
        on=on,
        classes=classes,
        unmeasured=_lacking(measured.six) if wanted else (),
        before=compared.before if compared else None,
        after=compared.after if compared else None,
        interval=compared.interval if compared else None,
        own_on=own_on,
        own=() if own is None else _class_changes(own_images, learned, own == own_images.classes),
        own_balanced=None
        if own is None
        else balanced(np.where(learned, own_images.classes, -1), own),
    )


def _lacking(six: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the expressions of which there is no image."""
    return tuple(name for place, name in enumerate(SIX.labels) if not (six == place).any())


def _class_changes(
    images: OwnImages,
    counted: NDArray[np.bool_],
    after: NDArray[np.bool_],
    before: NDArray[np.bool_] | None = None,
) -> tuple[ClassChange, ...]:
    """Return the share of right answers to the counted images of each class."""
    changes = []
    for place, name in enumerate(images.names):
        rows = (images.classes == place) & counted
        count = int(rows.sum())
        if not count:
            continue
        hits = int(after[rows].sum())
        had = None if before is None else int(before[rows].sum())
        changes.append(
            ClassChange(
                name=name,
                images=count,
                before=None if had is None else had / count,
                before_interval=None if had is None else wilson_interval(had, count),
                after=hits / count,
                after_interval=wilson_interval(hits, count),
            )
        )
    return tuple(changes)


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


def _tried(found: Search, images: OwnImages, steps: int) -> tuple[Tried, ...]:
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
                accuracy=trial.accuracy(images),
                share=trial.share,
                steps=round(trial.stop * steps),
            )
        )
    return tuple(tried)


def _recommendation(result: FineTuned, images: OwnImages, untried: str, *, six_better: bool) -> str:
    """Return whether to use the file.

    Args:
        result: What was found.
        images: The images to learn from.
        untried: Why there was no trial; empty if there was.
        six_better: Whether the six answers were changed.
    """
    counts = images.counts()
    shares = {each.name: each.after for each in result.own or result.classes}
    weakest = min(counts, key=lambda name: (shares.get(name, 1.0), counts[name]))
    wanted = max(20, 10 * round(counts[weakest] / 10))
    more = f"{wanted} more images of {weakest}, of other people, would help most"
    if untried:
        return f"not measured: {untried}; the file is the start unchanged. {more}"
    own = ""
    if result.own_balanced is not None:
        chance = f"(chance {100 / len(images.names):.1f} %)"
        own = f"own classes {100 * result.own_balanced:.1f} % right {chance}"
    if not result.changed:
        found = f": {own}" if own else ""
        return f"not better than chance{found}; the file is the start unchanged. {more}"
    old = ""
    if result.old:
        fell = np.mean([(each.after - (each.before or 0.0)) for each in result.old])
        old = f", old answers {100 * fell:+.1f}"
    use = "use it" if not images.doubt else f"but {images.doubt} before you rely on it"
    if result.own_written:
        if (result.own_balanced or 0.0) < 1.5 / len(images.names):
            use = "not much better than chance"
        six = "The six answers are unchanged"
        if six_better and result.balanced_after is not None:
            points = 100 * (result.balanced_after - (result.balanced_before or 0.0))
            six = f"The six answers: {points:+.1f} points"
        places = f"outputs[{OWN_HEAD!r}], in rows of JSON and in lines of `mien analyze`"
        where = f"own classes are in {places}"
        return f"{own}{old}: {use}. {six}; {where}. {more}"
    left_out = f"{own}, not better than chance and left out; the six answers " if own else ""
    points = 100 * ((result.balanced_after or 0.0) - (result.balanced_before or 0.0))
    interval = result.gain_interval
    if points <= 0 or (interval is not None and interval.low < -0.02 and points < 2):
        said = f"not better on these images: {points:+.1f} points{old}: keep the start"
        return f"{left_out}{said}. {more}"
    between = ""
    if interval is not None:
        between = f" ({100 * interval.low:+.0f} to {100 * interval.high:+.0f})"
    better = "better" if not images.doubt else "better on these images"
    return f"{left_out}{better}: {points:+.1f} points{between}{old}: {use}. {more}"
