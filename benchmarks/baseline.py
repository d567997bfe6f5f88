r"""Whether taking off a person's baseline helps, and with which constants.

    python benchmarks/baseline.py --data fer --people expressions.parquet --clips clips/ \
        --json benchmarks/results/baseline.json

What a baseline is measured from is fitted on one half of val (PublicTest); faces of the other half
make tracks of a minute, in which a face stays for two seconds on average. `--people` is a table
with the columns `set`, `person`, `label` and `image` (the bytes of a file), of which the sets named
by `--sets` are measured by person. An offset of somebody in a track is drawn with the covariance
that those persons' residuals have, or of twice its size. Nothing is trained on the people, and the
test subset is not touched.

Three rules are compared: the one of `mien.track.baseline`; the same with the mean answer to the
faces of each label as its centre (`means`); and a neutral face that is known.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from labelled import labelled_images
from marked import markdown_table, write_json

from mien.data import Dataset, read_dataset
from mien.emotions import FERPLUS_8, SIX, ferplus_majority, to_six
from mien.export.onnx_file import write_spec
from mien.inference import Analyzer, EmotionModel
from mien.metrics import fit_baseline
from mien.options import BaselineOptions, VideoOptions
from mien.spec import BaselineSpec, centred_logs
from mien.track import Baselines, baseline, corrected, mean_offset, neutral_offset

NEUTRAL = SIX.labels.index("neutral")
TRACKS, SECONDS, PER_SECOND, FACE_S = 200, 60, 2, 2.0
NOISE = 0.3
"""Standard deviation of the log probabilities from frame to frame of a face that does not move."""

Correction = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class People:
    """The answers to the images of a set, with the persons and labels."""

    probabilities: np.ndarray
    labels: np.ndarray
    persons: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Tracks:
    """Answers to T tracks of F frames, `(T, F, 6)`, their labels `(T, F)` and offsets `(T, 6)`."""

    probabilities: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray


def val_answers(model: EmotionModel, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers to the faces of val that FER+ has a label for, and the labels."""
    val = data.subset("val")
    majority, decided = ferplus_majority(val.votes)
    labels = to_six(np.where(decided, majority, -1), FERPLUS_8)
    return model.probabilities(val.images[labels >= 0]), labels[labels >= 0]


def people_answers(analyzer: Analyzer, path: Path, sets: list[str]) -> People:
    """Return the answers to the images of a table; faces that are not found are left out."""
    found = []
    for image in labelled_images(path, sets):
        result = analyzer.analyze(image.frame_rgb)
        if len(result):
            shares = tuple(result[0].probabilities.values())
            found.append((shares, image.label, image.source + image.person))
    probabilities, labels, persons = zip(*found, strict=True)
    return People(np.array(probabilities), np.array(labels), np.array(persons))


def label_means(probabilities: np.ndarray, labels: np.ndarray) -> BaselineSpec:
    """Return the centres of the rival rule: the mean answer to the faces of each label."""
    logs = centred_logs(probabilities)
    rows = [tuple(logs[labels == label].mean(axis=0).tolist()) for label in range(len(SIX))]
    return BaselineSpec(centres=tuple(rows), neutral=rows[NEUTRAL])


def covariances(people: People) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance of residuals from person to person, and of a person's images."""
    logs = centred_logs(people.probabilities)
    for label in np.unique(people.labels):  # the labels are known here
        logs[people.labels == label] -= logs[people.labels == label].mean(axis=0)
    groups = [logs[people.persons == person] for person in np.unique(people.persons)]
    means = np.array([group.mean(axis=0) for group in groups])
    within = np.concatenate([group - group.mean(axis=0) for group in groups])
    own = within.T @ within / (len(within) - len(groups))
    shared = np.cov(means.T) - own * np.mean([1 / len(group) for group in groups])
    values, vectors = np.linalg.eigh(shared)
    return (vectors * values.clip(min=0)) @ vectors.T, own


def make_tracks(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    shares: np.ndarray,
    covariance: np.ndarray,
    seed: int,
) -> Tracks:
    """Return tracks with so much of each label, of people with offsets of a covariance."""
    random = np.random.default_rng(seed)
    frames = SECONDS * PER_SECOND
    logs = centred_logs(probabilities)
    offsets = random.multivariate_normal(np.zeros(6), covariance, TRACKS, method="eigh")
    chosen = np.empty((TRACKS, frames), np.int64)
    for track in range(TRACKS):
        changes = random.random(frames) < 1 / (FACE_S * PER_SECOND)
        face = -1
        for frame in range(frames):
            if face < 0 or changes[frame]:
                label = random.choice(len(SIX), p=shares)
                face = random.choice(np.flatnonzero(labels == label))
            chosen[track, frame] = face
    noise = random.normal(0, NOISE, (TRACKS, frames, 6))
    scores = logs[chosen] + offsets[:, None] + noise
    return Tracks(corrected(np.exp(scores), np.zeros(6)), labels[chosen], offsets)


def shown(tracks: Tracks, spec: BaselineSpec) -> np.ndarray:
    """Return the probabilities of tracks as a video shows them, without smoothing."""
    result = np.empty_like(tracks.probabilities)
    for track, answers in enumerate(tracks.probabilities):
        people = Baselines(spec, BaselineOptions())
        for frame, each in enumerate(answers):
            result[track, frame] = corrected(each, people.update(0, each, frame / PER_SECOND))
    return result


def with_known_neutral(
    tracks: Tracks, spec: BaselineSpec, own: np.ndarray, *, seed: int
) -> np.ndarray:
    """Return the probabilities where an image of everybody's neutral face is known."""
    random = np.random.default_rng(seed)
    faces = random.multivariate_normal(np.zeros(6), own, TRACKS, method="eigh") + tracks.offsets
    neutral = corrected(np.exp(faces + np.asarray(spec.neutral)), np.zeros(6))
    offsets = np.stack([neutral_offset(each, spec) for each in neutral])
    return corrected(tracks.probabilities, offsets[:, None])


def by_person(people: People, correct: Correction) -> np.ndarray:
    """Return the probabilities of everybody's images, corrected together."""
    result = np.empty_like(people.probabilities)
    for person in np.unique(people.persons):
        own = people.persons == person
        result[own] = correct(people.probabilities[own])
    return result


def album(spec: BaselineSpec) -> Correction:
    """Return the correction of one person's images."""
    return lambda answers: corrected(answers, mean_offset(answers, spec))


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy and balanced accuracy in percent."""
    right = probabilities.argmax(axis=-1) == labels
    recall = [right[labels == label].mean() for label in np.unique(labels)]
    return {"accuracy": 100 * float(right.mean()), "balanced": 100 * float(np.mean(recall))}


def measure_people(people: People, specs: dict[str, BaselineSpec]) -> dict[str, Any]:
    """Measure albums: everybody's images, those of one label, and of persons that were mixed up."""
    mixed = np.random.default_rng(0).permutation(people.persons)
    names = np.array(SIX.labels)[people.labels]
    alike = np.char.add(np.char.add(people.persons, " "), names)
    result: dict[str, Any] = {"before": scores(people.labels, people.probabilities)}
    for name, spec in specs.items():
        corrections = {"by person": people.persons, "persons mixed up": mixed, "one label": alike}
        for what, groups in corrections.items():
            grouped = dataclasses.replace(people, persons=groups)
            after = by_person(grouped, album(spec))
            result[f"{name}, {what}"] = scores(people.labels, after)
            if what == "one label":
                for label in np.unique(people.labels):
                    own = people.labels == label
                    result[f"{name}, all {SIX.labels[label]}"] = {
                        "before": scores(people.labels[own], people.probabilities[own])["accuracy"],
                        "after": scores(people.labels[own], after[own])["accuracy"],
                    }
    return result


def scenarios(answers: np.ndarray, labels: np.ndarray, covariance: np.ndarray) -> dict[str, Tracks]:
    """Return tracks that are 50 to 95 % neutral, and tracks of one expression."""
    mixtures = {}
    for share in (0.5, 0.8, 0.95):
        shares = np.full(6, (1 - share) / 5)
        shares[NEUTRAL] = share
        mixtures[f"{100 * share:.0f} % neutral"] = shares
    mixtures |= {f"all {label}": np.eye(6)[row] for row, label in enumerate(SIX.labels)}
    return {
        f"{name}, {kind}": make_tracks(
            answers, labels, shares=shares, covariance=scale * covariance, seed=seed
        )
        for seed, (name, shares) in enumerate(mixtures.items())
        for kind, scale in (("average people", 0.0), ("people who differ", 1.0), ("by twice", 4.0))
    }


def measure_tracks(
    found: dict[str, Tracks], specs: dict[str, BaselineSpec], own: np.ndarray
) -> dict[str, Any]:
    """Measure every scenario before and after each rule."""
    result = {}
    for name, tracks in found.items():
        row = {"before": scores(tracks.labels, tracks.probabilities)}
        row |= {rule: scores(tracks.labels, shown(tracks, spec)) for rule, spec in specs.items()}
        known = with_known_neutral(tracks, specs["centres"], own, seed=1)
        row["neutral known"] = scores(tracks.labels, known)
        true = corrected(tracks.probabilities, tracks.offsets[:, None])
        row["offset known"] = scores(tracks.labels, true)
        result[name] = row
    return result


def sweep(
    found: dict[str, Tracks], people: People, spec: BaselineSpec, own: np.ndarray
) -> list[dict[str, float]]:
    """Measure other constants: the mean gain in balanced accuracy over the tracks, and albums."""
    before = {
        name: scores(each.labels, each.probabilities)["balanced"] for name, each in found.items()
    }
    kept = baseline.PRIOR, baseline.OBSERVATION_S, baseline.NEUTRAL_WEIGHT
    rows = []
    others = [
        tuple(value * (factor if place == each else 1) for place, value in enumerate(kept))
        for each in range(len(kept))
        for factor in (0.5, 2.0)
    ]
    for prior, seconds, weight in (kept, *others):
        baseline.PRIOR, baseline.OBSERVATION_S, baseline.NEUTRAL_WEIGHT = prior, seconds, weight
        gains = {
            name: scores(each.labels, shown(each, spec))["balanced"] - before[name]
            for name, each in found.items()
        }
        known = [
            scores(each.labels, with_known_neutral(each, spec, own, seed=1))["balanced"]
            - before[name]
            for name, each in found.items()
        ]
        people_after = by_person(people, album(spec))
        rows.append(
            {
                "prior": prior,
                "observation_s": seconds,
                "neutral_weight": weight,
                "mean_gain": float(np.mean(list(gains.values()))),
                "worst_gain": float(min(gains.values())),
                "mean_gain_neutral_known": float(np.mean(known)),
                "people_balanced": scores(people.labels, people_after)["balanced"],
            }
        )
    baseline.PRIOR, baseline.OBSERVATION_S, baseline.NEUTRAL_WEIGHT = kept
    return rows


def measure_clips(model: EmotionModel, folder: Path) -> dict[str, Any]:
    """Count in how many faces of each clip the label changes; the truth is not known there."""
    analyzer = Analyzer(model)
    options = VideoOptions(baseline=BaselineOptions())
    result = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".mp4", ".mov"):
            continue
        faces = [face for frame in analyzer.stream(path, video_options=options) for face in frame]
        if not faces:
            continue
        before = np.array([tuple((face.uncorrected or {}).values()) for face in faces])
        after = np.array([tuple(face.probabilities.values()) for face in faces])
        result[path.name] = {
            "faces": len(faces),
            "other_label_percent": 100 * float(np.mean(before.argmax(1) != after.argmax(1))),
            "neutral_before_percent": 100 * float(np.mean(before.argmax(1) == NEUTRAL)),
            "neutral_after_percent": 100 * float(np.mean(after.argmax(1) == NEUTRAL)),
            "mean_change": float(np.abs(before - after).max(axis=1).mean()),
        }
    return result


def with_baseline(path: Path | None, spec: BaselineSpec, folder: Path) -> EmotionModel:
    """Return a model whose file says what a baseline is measured from."""
    model = EmotionModel(path)
    if model.spec.six is None:
        raise SystemExit(f"{path}: no emotion network")
    copy = folder / "emotion.onnx"
    copy.write_bytes(model.path.read_bytes())
    six = dataclasses.replace(model.spec.six, baseline=spec)
    write_spec(copy, dataclasses.replace(model.spec, six=six))
    return EmotionModel(copy)


def tables(found: dict[str, Any]) -> str:
    """Return what `--json` keeps as Markdown."""
    rules = ["before", "centres", "means", "neutral known", "offset known"]
    tracks = [
        [name, *(f"{row[rule]['accuracy']:.1f} / {row[rule]['balanced']:.1f}" for rule in rules)]
        for name, row in found["tracks"].items()
    ]
    people = [
        [name, ", ".join(f"{what} {value:.1f}" for what, value in row.items())]
        for name, row in found["people"].items()
    ]
    columns = list(found["sweep"][0])
    constants = [[f"{row[column]:.2f}" for column in columns] for row in found["sweep"]]
    clips = [
        [name, *(f"{value:.3g}" for value in row.values())] for name, row in found["clips"].items()
    ]
    parts = [
        markdown_table(["accuracy / balanced accuracy", *rules], tracks),
        markdown_table(["people", "in %"], people),
        markdown_table(columns, constants),
    ]
    if clips:
        head = list(next(iter(found["clips"].values())))
        parts.append(markdown_table(["clip", *head], clips))
    return "\n\n".join(parts)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--people", type=Path, required=True, help="images with persons (Parquet)")
    parser.add_argument("--sets", nargs="+", default=["ck48"], help="the sets of --people to take")
    parser.add_argument("--clips", type=Path, help="a folder of videos")
    parser.add_argument("--model", type=Path, help="another emotion network")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    model = EmotionModel(arguments.model)
    answers, labels = val_answers(model, data)
    fitted = np.arange(len(labels)) % 2 == 0
    spec = fit_baseline(answers[fitted], labels[fitted])
    if spec is None:
        raise SystemExit(f"{model.path}: does not tell the labels apart")
    specs = {"centres": spec, "means": label_means(answers[fitted], labels[fitted])}
    people = people_answers(Analyzer(model), arguments.people, arguments.sets)
    covariance, own = covariances(people)
    found = scenarios(answers[~fitted], labels[~fitted], covariance)
    mixed = {name: each for name, each in found.items() if "neutral," in name and "all" not in name}
    with tempfile.TemporaryDirectory() as folder:
        corrected_model = with_baseline(arguments.model, spec, Path(folder))
        clips = measure_clips(corrected_model, arguments.clips) if arguments.clips else {}
    result = {
        "data": data.source,
        "data_sha256": data.sha256(),
        "model": model.spec.name,
        "person_sd": np.sqrt(np.diag(covariance)).tolist(),
        "image_sd": np.sqrt(np.diag(own)).tolist(),
        "people": measure_people(people, specs),
        "tracks": measure_tracks(found, specs, own),
        "sweep": sweep(mixed, people, spec, own),
        "clips": clips,
    }
    if arguments.json:
        write_json(arguments.json, result)
    print(tables(result))


if __name__ == "__main__":
    main()
