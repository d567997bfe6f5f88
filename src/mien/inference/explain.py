"""Explanations by occlusion: how the answer changes when parts of the face are covered.

A covered part is filled with the crop's mean luma. The shipped network was trained on faces with
grey rectangles in them, so its answers to such faces are meaningful.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._frozen import FrozenDict
from mien.emotions import SIX
from mien.inference.images import face_at
from mien.inference.model import EmotionModel
from mien.inference.pipeline import Pipeline
from mien.spec import CropSpec
from mien.structures import FacePrediction, Frame

__all__ = ["Explanation", "explain_face", "explain_image", "face_regions"]

PATCH, STEP = 1 / 4, 1 / 24
"""The side of the covering square and its step, in units of the crop's side."""

_MIN_PROBABILITY = 1e-6
"""Probabilities are clipped this far from 0 and 1, so that evidence is finite: log odds are at most
20 bits, and their difference 40."""

Area = tuple[float, float, float, float]
"""Left, top, right and bottom in units of the crop's side."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """The parts and pixels of a face on which its answer depends.

    Attributes:
        prediction: The face and its answer.
        crop: The input of the network, `(S, S)` float32, luma of 0 to 255.
        evidence: `(S, S)` float32, bits: by how much the log odds of the shown expression decrease
            when the pixel is covered, as the mean over all squares that cover it. Positive values
            support the answer, negative values contradict it.
        covered: The six probabilities with each part of the face covered, in the order of
            `face_regions`.
        heads: The probabilities of each head of the network, by its own labels.
    """

    prediction: FacePrediction
    crop: NDArray[np.float32]
    evidence: NDArray[np.float32]
    covered: Mapping[str, Mapping[str, float]]
    heads: Mapping[str, Mapping[str, float]]

    @property
    def parts(self) -> dict[str, float]:
        """The evidence of each part of the face in bits, largest first."""
        emotion = self.prediction.emotion
        uncovered = _log_odds(self.prediction.confidence)
        evidence = {
            part: float(uncovered - _log_odds(probabilities[emotion]))
            for part, probabilities in self.covered.items()
        }
        return dict(sorted(evidence.items(), key=lambda item: -item[1]))

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
    """Return the areas of the parts of a face in the crop, from top to bottom.

    They follow from the positions of the landmarks in the crop, in units of the distance between
    the eyes. They do not overlap; together they cover the width of the face, two eye distances.
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
    """Explain the answer to each face of an image.

    Args:
        pipeline: Networks and settings.
        frame: The image.
        face: The number of the one face to explain, from 0, largest first; None explains all.

    Returns:
        One explanation per face, largest first; empty when there is no face.

    Raises:
        InputError: There is no face with this number.
    """
    detected = pipeline.detect_and_crop(frame)
    answers = pipeline.model.classify(detected.crops)
    units = pipeline.read_units([detected])[0]
    predictions = pipeline.record(detected, answers, units=units).faces
    if face is not None:
        face_at(predictions, face)
    return tuple(
        explain_face(pipeline.model, prediction, crop)
        for prediction, crop in zip(predictions, detected.crops, strict=True)
        if face in (None, prediction.face)
    )


def explain_face(
    model: EmotionModel, prediction: FacePrediction, crop: NDArray[np.float32]
) -> Explanation:
    """Cover the parts of a face one by one, and compare the answers.

    A sliding square gives the evidence of each pixel (occlusion, Zeiler and Fergus 2014; as weight
    of evidence, Robnik-Sikonja and Kononenko 2008). Rectangles around the landmarks give the
    evidence of each part of the face. For a crop of 48 pixels this is one batch of 369 faces.

    Args:
        model: The network.
        prediction: Its answer.
        crop: Its input, `(S, S)`, luma of 0 to 255.
    """
    side = len(crop)
    patch, step = max(1, round(PATCH * side)), max(1, round(STEP * side))
    offsets = np.arange(0, side - patch + 1, step)
    grey = crop.mean()
    squares = np.zeros((len(offsets) ** 2, side, side), bool)
    for number, (top, left) in enumerate((y, x) for y in offsets for x in offsets):
        squares[number, top : top + patch, left : left + patch] = True
    regions = face_regions(model.crop)
    parts = np.stack([_mask(areas, side) for areas in regions.values()])
    masks = np.concatenate([np.zeros((1, side, side), bool), squares, parts])
    answers = model.classify(np.where(masks, grey, crop).astype(np.float32))
    probabilities = answers.probabilities
    log_odds = _log_odds(probabilities[:, SIX.index(prediction.emotion)])
    evidence = log_odds[0] - log_odds[1 : 1 + len(squares)]
    covered = probabilities[1 + len(squares) :]
    return Explanation(
        prediction=prediction,
        crop=crop,
        evidence=_per_pixel(squares, evidence),
        covered=FrozenDict(
            {name: _named(SIX.labels, row) for name, row in zip(regions, covered, strict=True)}
        ),
        heads=FrozenDict(
            {
                name: _named(model.spec.labels_of(name), values[0])
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


def _per_pixel(squares: NDArray[np.bool_], evidence: NDArray[np.floating]) -> NDArray[np.float32]:
    """Average over the squares that cover each pixel: `(N, S, S)` and `(N,)` to `(S, S)`."""
    total = np.tensordot(evidence, squares, axes=1)  # (S, S)
    mean: NDArray[np.float32] = (total / squares.sum(axis=0).clip(min=1)).astype(np.float32)
    return mean


def _log_odds(probabilities: float | NDArray[np.floating]) -> NDArray[np.float64]:
    p = np.clip(np.asarray(probabilities, np.float64), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    log_odds: NDArray[np.float64] = np.log2(p / (1 - p))
    return log_odds


def _named(labels: tuple[str, ...], values: NDArray[np.floating]) -> Mapping[str, float]:
    return FrozenDict(dict(zip(labels, map(float, values), strict=True)))
