"""Explanations as one image: the crop, the evidence in it, that of each part, and the units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor

from mien.drawing import fill_rounded, text_width, write_text
from mien.emotions import COLOURS
from mien.evaluation import UnitRelations
from mien.inference import Explanation
from mien.structures import FacePrediction
from mien.units import merged_sides, strongest_units

__all__ = ["draw_explanations"]

FOR, AGAINST = (213, 94, 0), (0, 114, 178)
"""Vermilion and blue of Okabe and Ito's palette, which colour-blind people tell apart."""

_PAPER, _INK, _FAINT, _TRACK = (255, 255, 255), (28, 30, 34), (107, 112, 122), (232, 234, 238)

_FACE_PX, _GAP_PX, _ROW_PX = 256, 32, 30
_BARS_PX, _LABEL_PX, _VALUE_PX, _NOTE_PX = 130, 88, 76, 120
_TITLE, _TEXT = 18, 15
_COLUMN_PX = _LABEL_PX + _BARS_PX + _VALUE_PX
_UNIT_LABEL_PX, _UNIT_NOTE_PX = 160, 170
_UNIT_COLUMN_PX = _UNIT_LABEL_PX + _BARS_PX + _VALUE_PX
_MAX_UNITS = 7
_UNIT_INK = (86, 180, 233)

_FULL_BITS = 1.0
"""The scale of the evidence reaches at least so far, so that little evidence looks little."""


def draw_explanations(
    explanations: Sequence[Explanation], *, relations: UnitRelations | None = None
) -> Image.Image:
    """Draw one row per face.

    A row shows the crop, the crop with its evidence, the six probabilities, and the evidence of
    each part of the face in bits, with the prediction without that part if it is another one. If
    faces were analysed with expression units, their most active ones stand behind that.

    Args:
        explanations: At least one.
        relations: How units go along with answers in a dataset: then the units that speak most for
            or against each answer are shown, with their correlation and what the face does.

    Returns:
        An RGB image.
    """
    height = 2 * _GAP_PX + _FACE_PX + _ROW_PX
    notes_px = _NOTE_PX if any(_has_notes(each) for each in explanations) else 0
    width = 5 * _GAP_PX + 2 * _FACE_PX + 2 * _COLUMN_PX + notes_px
    if any(_has_units(each.prediction) for each in explanations):
        width += _GAP_PX + _UNIT_COLUMN_PX + (0 if relations is None else _UNIT_NOTE_PX)
    sheet = Image.new("RGB", (width, height * len(explanations)), _PAPER)
    for number, explanation in enumerate(explanations):
        top = number * height + _GAP_PX
        left = _draw_row(sheet, explanation, top) + notes_px + _GAP_PX
        if _has_units(explanation.prediction):
            _draw_units(sheet, explanation.prediction, (left, top), relations)
    return sheet


def _has_notes(explanation: Explanation) -> bool:
    return any(_instead(explanation, part) for part in explanation.parts)


def _instead(explanation: Explanation, part: str) -> str | None:
    """Return the prediction without a part; None if it is the same."""
    covered = explanation.covered[part]
    label = max(covered, key=covered.__getitem__)
    return None if label == explanation.prediction.emotion else label


def _has_units(face: FacePrediction) -> bool:
    return face.units is not None or face.units_missing is not None


def _draw_units(
    sheet: Image.Image,
    face: FacePrediction,
    place: tuple[int, int],
    relations: UnitRelations | None,
) -> None:
    """Draw what the face does, or the units that go along with its answer."""
    left, top = place
    title = "what the face does" if relations is None else f"units, for or against {face.emotion}"
    write_text(sheet, title, (left, top + _TITLE / 2), _TITLE, _INK)
    note = (left, top + _FACE_PX + _ROW_PX / 2)
    if face.units is None or face.pose is None:
        first = (left, top + 1.5 * _ROW_PX)
        write_text(sheet, f"no units: {face.units_missing}", first, _TEXT, _FAINT)
        return
    if relations is None:
        shown = strongest_units(merged_sides(face.units), _MAX_UNITS)
        for row, (name, value) in enumerate(shown.items(), start=1):
            at, text = (left, top + row * _ROW_PX), f"{value:.2f}"
            _bar(sheet, at, name, value, text, _UNIT_INK, label_px=_UNIT_LABEL_PX)
        pose = face.pose
        turn = f"yaw {pose.yaw_deg:+z.0f}, pitch {pose.pitch_deg:+z.0f}, roll {pose.roll_deg:+z.0f}"
        write_text(sheet, f"{turn} deg", note, _TEXT, _FAINT)
        return
    merged = merged_sides(face.units, within=None)
    spoken = list(relations.speaking_for(face.emotion, face.units).items())[:_MAX_UNITS]
    for row, (name, speaks) in enumerate(spoken, start=1):
        at, colour = (left, top + row * _ROW_PX), FOR if speaks > 0 else AGAINST
        text = f"{merged[name]:.2f}"
        _bar(sheet, at, name, merged[name], text, colour, label_px=_UNIT_LABEL_PX)
        r = relations.correlation[face.emotion][name]
        text = f"usually {relations.mean[name]:.2f}, r {r:+z.2f}"
        end = left + _UNIT_COLUMN_PX + _GAP_PX / 2
        write_text(sheet, text, (end, at[1] + _ROW_PX / 2), _TEXT, _FAINT)
    said = f"r: with {face.emotion}, over {relations.faces:,} faces; orange: for, blue: against"
    write_text(sheet, said, note, _TEXT, _FAINT)


def _draw_row(sheet: Image.Image, explanation: Explanation, top: int) -> int:
    """Draw a face's row, and return where its last column ends."""
    shown = explanation.prediction.emotion
    left = _GAP_PX
    side = (_FACE_PX, _FACE_PX)
    crop = Image.fromarray(explanation.crop.clip(0, 255).astype(np.uint8))
    crop = crop.resize(side, Image.Resampling.BICUBIC).convert("RGB")
    images = {
        f"input of the network, {len(explanation.crop)} px": crop,
        f"orange: for {shown}, blue: against": _coloured(crop, explanation),
    }
    for caption, image in images.items():
        sheet.paste(image, (left, top))
        middle = top + _FACE_PX + _ROW_PX / 2
        write_text(sheet, caption, (left, middle), _TEXT, _FAINT)
        left += _FACE_PX + _GAP_PX
    face = explanation.prediction
    title = f"{shown} {100 * face.confidence:.0f} %{', unsure' if face.unsure else ''}"
    colours = {label: ImageColor.getrgb(COLOURS[label]) for label in face.probabilities}
    write_text(sheet, title, (left, top + _TITLE / 2), _TITLE, _INK)
    for row, (label, share) in enumerate(face.probabilities.items(), start=1):
        value = f"{100 * share:.1f} %"
        _bar(sheet, (left, top + row * _ROW_PX), label, share, value, colours[label])
    left += _COLUMN_PX + _GAP_PX
    write_text(sheet, "evidence of each part", (left, top + _TITLE / 2), _TITLE, _INK)
    longest = max(_FULL_BITS, *map(abs, explanation.parts.values()))
    for row, (part, bits) in enumerate(explanation.parts.items(), start=1):
        place = (left, top + row * _ROW_PX)
        colour = FOR if bits > 0 else AGAINST
        _bar(sheet, place, part, abs(bits) / longest, f"{bits:+z.1f} bits", colour)
        if (instead := _instead(explanation, part)) is not None:
            text = f"without it {instead}"
            end = left + _COLUMN_PX + _GAP_PX / 2
            write_text(sheet, text, (end, place[1] + _ROW_PX / 2), _TEXT, _FAINT)
    note = "1 bit: covering the part halves the odds"
    write_text(sheet, note, (left, top + _FACE_PX + _ROW_PX / 2), _TEXT, _FAINT)
    return left + _COLUMN_PX


def _bar(
    sheet: Image.Image,
    place: tuple[int, int],
    label: str,
    share: float,
    value: str,
    colour: tuple[int, ...],
    *,
    label_px: int = _LABEL_PX,
) -> None:
    left, top = place
    middle, half = top + _ROW_PX / 2, 5
    write_text(sheet, label, (left, middle), _TEXT, _INK)
    start = left + label_px
    track = (start, middle - half, start + _BARS_PX, middle + half)
    fill_rounded(sheet, track, radius=half, colour=_TRACK)
    end = start + max(share * _BARS_PX, 2 * half)
    fill_rounded(sheet, (start, middle - half, end, middle + half), radius=half, colour=colour)
    right = start + _BARS_PX + _VALUE_PX
    write_text(sheet, value, (right - text_width(value, _TEXT), middle), _TEXT, _FAINT)


def _coloured(crop: Image.Image, explanation: Explanation) -> Image.Image:
    """Colour the crop by its evidence; strong evidence hides the crop."""
    evidence = Image.fromarray(explanation.evidence).resize(crop.size, Image.Resampling.BICUBIC)
    bits = np.asarray(evidence)[..., None]
    strength = (np.abs(bits) / max(_FULL_BITS, float(np.abs(bits).max()))).clip(0, 1) ** 0.75
    ink = np.where(bits > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    mixed = np.asarray(crop) * (1 - 0.8 * strength) + ink * 0.8 * strength
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
