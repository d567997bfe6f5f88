"""Why a network says what it says: its answers while parts of the face are covered.

A covered part is filled with the crop's mean luma. The shipped network was trained on faces with
grey rectangles in them, so its answers to such faces mean something.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._frozen import FrozenDict
from mien.emotions import SIX, label_set
from mien.inference.images import face_at
from mien.inference.model import EmotionModel
from mien.inference.pipeline import Pipeline
from mien.spec import CropSpec
from mien.structures import FacePrediction, Frame

__all__ = ["Explanation", "explain_face", "explain_image", "face_regions"]

PATCH, STEP = 1 / 4, 1 / 24
"""Side of the covering square, and how far it moves, in units of the crop's side."""

_MIN_PROBABILITY = 1e-6
"""Probabilities are kept this far from 0 and 1, so that evidence stays finite: log odds are 20 bits
at most, and their difference 40."""

Area = tuple[float, float, float, float]
"""Left, top, right and bottom in units of the crop's side."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """What one face's answer rests on.

    Attributes:
        prediction: The face and its answer.
        crop: `(S, S)` float32, luma of 0 to 255: what the network saw.
        evidence: `(S, S)` float32, bits: how much the log-odds of the shown expression lose when a
            square around the pixel is covered, the mean over all squares that cover it. What is
            above 0 speaks for the answer, what is below speaks against it.
        covered: By part of the face, the six probabilities with that part covered, in the order of
            `face_regions`.
        heads: By head of the network, its probabilities by its own labels.
    """

    prediction: FacePrediction
    crop: NDArray[np.float32]
    evidence: NDArray[np.float32]
    covered: Mapping[str, Mapping[str, float]]
    heads: Mapping[str, Mapping[str, float]]

    @property
    def parts(self) -> dict[str, float]:
        """The evidence of each part of the face in bits, what the answer rests on most first."""
        shown = self.prediction.emotion
        whole = _log_odds(self.prediction.confidence)
        lost = {
            part: float(whole - _log_odds(probabilities[shown]))
            for part, probabilities in self.covered.items()
        }
        return dict(sorted(lost.items(), key=lambda item: -item[1]))

    def to_row(self) -> dict[str, Any]:
        """Return plain values that JSON can hold: the result's row, heads, parts and evidence."""
        return self.prediction.to_row() | {
            "heads": {name: dict(values) for name, values in self.heads.items()},
            "parts": {
                part: {"evidence_bits": bits, "probabilities": dict(self.covered[part])}
                for part, bits in self.parts.items()
            },
            "evidence_bits": self.evidence.round(4).tolist(),
        }


def face_regions(crop: CropSpec) -> dict[str, tuple[Area, ...]]:
    """Return where the parts of a face lie in the crop, from above to below.

    They follow from where the crop puts the landmarks, in units of the distance between the eyes;
    together they cover the face's width, two eye distances, and do not overlap.
    """
    (right_eye_x, eye_y), (left_eye_x, _), (nose_x, nose_y), right_mouth, left_mouth = (
        crop.landmarks_xy
    )
    eyes = left_eye_x - right_eye_x
    mouth_y = (right_mouth[1] + left_mouth[1]) / 2
    left, right = nose_x - eyes, nose_x + eyes
    brow, below_brow, below_eye = eye_y - 0.6 * eyes, eye_y - 0.2 * eyes, eye_y + 0.25 * eyes
    above_mouth, below_mouth = (nose_y + mouth_y) / 2, mouth_y + 0.35 * eyes
    nose_left, nose_right = nose_x - 0.3 * eyes, nose_x + 0.3 * eyes
    return {
        "forehead": ((left, 0.0, right, brow),),
        "brows": ((left, brow, right, below_brow),),
        "eyes": ((left, below_brow, right, below_eye),),
        "nose": ((nose_left, below_eye, nose_right, above_mouth),),
        "cheeks": (
            (left, below_eye, nose_left, above_mouth),
            (nose_right, below_eye, right, above_mouth),
        ),
        "mouth": ((left, above_mouth, right, below_mouth),),
        "chin": ((left, below_mouth, right, 1.0),),
    }


def explain_image(
    pipeline: Pipeline, frame: Frame, *, face: int | None = None
) -> tuple[Explanation, ...]:
    """Say what the answer to each face of an image rests on.

    Args:
        pipeline: Networks and settings.
        frame: The image.
        face: The number of the one face to explain, from 0, largest first; None explains all.

    Returns:
        One explanation per face, largest first; empty when there is no face.

    Raises:
        InputError: There is no face of that number.
    """
    detected = pipeline.detect_and_crop(frame)
    found = pipeline.record(detected, pipeline.model.classify(detected.crops)).faces
    if face is not None:
        face_at(found, face)
    return tuple(
        explain_face(pipeline.model, prediction, crop)
        for prediction, crop in zip(found, detected.crops, strict=True)
        if face in (None, prediction.face)
    )


def explain_face(
    model: EmotionModel, prediction: FacePrediction, crop: NDArray[np.float32]
) -> Explanation:
    """Cover one part of a face after the other, and compare the answers.

    A square that slides over the crop gives the evidence (occlusion, Zeiler and Fergus 2014;
    counted as weight of evidence, Robnik-Sikonja and Kononenko 2008), rectangles at the crop's
    landmarks give the parts of the face. One batch of 369 faces in all, for a crop of 48 pixels.

    Args:
        model: The network that answered.
        prediction: What it answered.
        crop: `(S, S)`, luma of 0 to 255, what it saw.
    """
    side = len(crop)
    patch, step = max(1, round(PATCH * side)), max(1, round(STEP * side))
    places = np.arange(0, side - patch + 1, step)
    grey = crop.mean()
    squares = np.zeros((len(places) ** 2, side, side), bool)
    for number, (top, left) in enumerate((y, x) for y in places for x in places):
        squares[number, top : top + patch, left : left + patch] = True
    regions = face_regions(model.crop)
    parts = np.stack([_mask(areas, side) for areas in regions.values()])
    masks = np.concatenate([np.zeros((1, side, side), bool), squares, parts])
    answers = model.classify(np.where(masks, grey, crop).astype(np.float32))
    probabilities = answers.probabilities
    shown = SIX.index(prediction.emotion)
    log_odds = _log_odds(probabilities[:, shown])
    lost = log_odds[0] - log_odds[1 : 1 + len(squares)]
    covered = probabilities[1 + len(squares) :]
    return Explanation(
        prediction=prediction,
        crop=crop,
        evidence=_per_pixel(squares, lost),
        covered=FrozenDict(
            {name: _named(SIX.labels, row) for name, row in zip(regions, covered, strict=True)}
        ),
        heads=FrozenDict(
            {
                name: _named(label_set(model.spec.head_labels[name]).labels, values[0])
                for name, values in answers.heads.items()
            }
        ),
    )


def _mask(areas: tuple[Area, ...], side: int) -> NDArray[np.bool_]:
    mask = np.zeros((side, side), bool)
    for area in areas:
        left, top, right, bottom = (round(min(max(edge, 0.0), 1.0) * side) for edge in area)
        mask[top:bottom, left:right] = True
    return mask


def _per_pixel(squares: NDArray[np.bool_], lost: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give each pixel the mean of the squares that cover it, `(N, S, S)` and `(N,)` -> `(S, S)`."""
    total = np.tensordot(lost, squares, axes=1)  # (S, S)
    mean: NDArray[np.float32] = (total / squares.sum(axis=0).clip(min=1)).astype(np.float32)
    return mean


def _log_odds(probabilities: float | NDArray[np.floating]) -> NDArray[np.float64]:
    kept = np.clip(np.asarray(probabilities, np.float64), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    odds: NDArray[np.float64] = np.log2(kept / (1 - kept))
    return odds


def _named(labels: tuple[str, ...], values: NDArray[np.floating]) -> Mapping[str, float]:
    return FrozenDict(dict(zip(labels, map(float, values), strict=True)))
