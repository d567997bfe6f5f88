"""Expressions as action units, action units as the units of the head, and soft labels.

The prototypes are those of EMFACS (Friesen and Ekman 1983) and of Du, Tao and Martinez, "Compound
facial expressions of emotion" (PNAS 2014, table 1), whose variants by intensity and by person are
written as ranges and as alternatives.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.emotions import FER2013_7, FERPLUS_8

__all__ = ["ACTION_UNITS", "PROTOTYPES", "Expression", "Prototype", "draw_expression"]

Range = tuple[float, float]

ACTION_UNITS: dict[int, dict[str, float]] = {
    1: {"eyebrows-*-inner-up": 1.7},
    2: {"eyebrows-*-extern-up": 0.7, "eyebrows-*-up": 1.0},
    4: {"eyebrows-*-down": 1.5},
    5: {"eye-*-opened-up": 2.2},
    6: {"eye-*-slit": 0.45, "cheek/*-cheek-volume-incr": 0.7, "cheek/*-cheek-trans-up": 0.6},
    7: {"eye-*-slit": 0.5},
    9: {"nose-*-elevation": 1.3, "nose-compression": 1.2, "mouth-elevation": 0.25},
    10: {"mouth-elevation": 0.8, "nose-*-elevation": 0.5},
    12: {"mouth-corner-puller": 1.0},
    14: {"mouth-compression": 0.7},
    15: {"mouth-depression": 1.0, "mouth/mouth-angles-down": 0.8},
    16: {"mouth-part-later": 0.7},
    17: {"mouth-eversion": 0.3, "mouth-depression": 0.4, "chin/chin-height-decr": 0.3},
    18: {"mouth-pursing": 0.7},
    20: {"mouth-retraction": 0.8, "mouth/mouth-scale-horiz-incr": 0.4, "neck-platysma": 0.5},
    22: {"mouth-protusion": 0.4, "mouth-depression-retraction": 0.6},
    23: {"mouth/mouth-upperlip-height-decr": 0.8, "mouth/mouth-lowerlip-height-decr": 0.8},
    24: {"mouth/mouth-lowerlip-volume-decr": 1.0, "mouth/mouth-upperlip-volume-decr": 1.0,
         "mouth/mouth-upperlip-height-decr": 0.6, "mouth/mouth-lowerlip-height-decr": 0.6},
    25: {"mouth-parling": 0.8},
    26: {"mouth-open": 0.35},
    27: {"mouth-open": 0.9},
    38: {"nose-*-dilatation": 1.0},
    43: {"eye-*-closure": 1.0},
    112: {"mouth-upward-retraction": 1.0},
}  # fmt: skip
"""The head's units (`*` stands for both sides) of each action unit of FACS. 112 is 12 with 25: the
smile that shows teeth is a unit of its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prototype:
    """One way to show an expression.

    Attributes:
        units: Range of the strength of each action unit.
        often: How often it is drawn among those of its expression.
        sometimes: Action units that come along in about half of the faces.
        confusion: Share of other labels at full strength.
        one_sided: Whether the mouth moves on one side alone.
        looks_down: Whether gaze and head are lowered.
    """

    units: dict[int, Range]
    often: float = 1.0
    sometimes: dict[int, Range] = dataclasses.field(default_factory=dict)
    confusion: dict[str, float] = dataclasses.field(default_factory=dict)
    one_sided: bool = False
    looks_down: bool = False


_WIDE = {5: (0.6, 1.1)}
PROTOTYPES: dict[str, tuple[Prototype, ...]] = {
    "happy": (
        Prototype({12: (0.8, 1.2), 6: (0.4, 1.1)}, 1.0, {25: (0.3, 0.9)}),
        Prototype({112: (0.8, 1.15), 12: (0.2, 0.6), 6: (0.6, 1.1)}, 1.8),
        Prototype({112: (0.7, 1.0), 12: (0.3, 0.7), 6: (0.7, 1.2), 26: (0.5, 1.3)}, 1.0),
    ),
    "sad": (
        Prototype({1: (0.8, 1.3), 4: (0.2, 0.6), 15: (0.7, 1.2)}, 1.5,
                  {17: (0.3, 0.9), 7: (0.2, 0.6)}, {"fear": 0.04}),
        Prototype({1: (0.7, 1.2), 15: (0.6, 1.1), 43: (0.2, 0.45)}, 1.2, {17: (0.3, 0.8)},
                  looks_down=True),
        Prototype({1: (0.8, 1.3), 4: (0.4, 0.8), 15: (0.5, 0.9), 20: (0.3, 0.7),
                   16: (0.3, 0.8), 6: (0.4, 0.9)}, 0.8, {25: (0.3, 0.8)}, {"fear": 0.1}),
    ),
    "fear": (
        Prototype({1: (0.8, 1.2), 2: (0.4, 0.9), 4: (0.2, 0.5), 5: (0.8, 1.3), 20: (0.6, 1.1),
                   16: (0.5, 1.0), 25: (0.5, 1.0)}, 1.4, {26: (0.3, 0.9)},
                  {"surprise": 0.12}),
        Prototype({1: (0.9, 1.4), 4: (0.2, 0.5), 5: (0.8, 1.3), 20: (0.5, 1.0), 26: (0.7, 1.6)},
                  1.0, {16: (0.3, 0.8)}, {"surprise": 0.18}),
        Prototype({1: (0.9, 1.3), 2: (0.3, 0.7), 4: (0.2, 0.5), 5: (0.7, 1.2), 20: (0.7, 1.2)},
                  0.7, {15: (0.2, 0.5)}, {"surprise": 0.08, "sad": 0.08}),
    ),
    "angry": (
        Prototype({4: (0.9, 1.4), 7: (0.3, 0.8), 24: (0.6, 1.2), 15: (0.2, 0.5)}, 1.5,
                  {17: (0.3, 0.8), 38: (0.5, 1.0)}, {"disgust": 0.05}),
        Prototype({4: (0.9, 1.4), 5: (0.5, 1.0), 23: (0.6, 1.2)}, 0.8,
                  {38: (0.5, 1.0), 15: (0.2, 0.5)}),
        Prototype({4: (1.0, 1.5), 7: (0.2, 0.6), 10: (0.4, 0.9), 22: (0.5, 1.1), 25: (0.3, 0.8)},
                  1.0, {26: (0.4, 1.2), 38: (0.5, 1.0), 9: (0.2, 0.6)}, {"disgust": 0.07}),
        Prototype({4: (1.0, 1.5), 10: (0.4, 0.9), 16: (0.6, 1.1), 27: (0.4, 0.9)}, 0.7,
                  {9: (0.3, 0.7), 7: (0.2, 0.6)}, {"fear": 0.04}),
    ),
    "surprise": (
        Prototype({1: (0.2, 0.6), 2: (0.8, 1.4), 26: (0.7, 1.6)} | _WIDE, 1.3,
                  {18: (0.1, 0.3)}, {"fear": 0.08}),
        Prototype({1: (0.2, 0.7), 2: (0.9, 1.5), 27: (0.6, 1.1)} | _WIDE, 1.3,
                  {18: (0.1, 0.4)}, {"fear": 0.06}),
        Prototype({1: (0.2, 0.6), 2: (0.9, 1.4), 25: (0.5, 1.0)} | _WIDE, 0.6, {},
                  {"fear": 0.08}),
    ),
    "disgust": (
        Prototype({9: (0.8, 1.3), 10: (0.6, 1.1), 4: (0.3, 0.7), 7: (0.3, 0.8)}, 1.4,
                  {17: (0.4, 0.9), 15: (0.2, 0.5)}, {"angry": 0.15}),
        Prototype({9: (0.8, 1.3), 16: (0.4, 0.9), 25: (0.4, 0.8), 15: (0.4, 0.8), 7: (0.3, 0.8)},
                  1.0, {26: (0.2, 0.6)}, {"angry": 0.12}),
    ),
    "contempt": (
        Prototype({12: (0.5, 0.9), 14: (0.5, 1.0)}, 1.0, {7: (0.1, 0.4)},
                  {"happy": 0.1}, one_sided=True),
    ),
    "neutral": (
        Prototype({}, 2.0),
        Prototype({26: (0.2, 0.7)}, 0.4, {25: (0.2, 0.6)}),
        Prototype({25: (0.2, 0.8)}, 0.4),
        Prototype({43: (0.3, 1.0)}, 0.15),
    ),
}  # fmt: skip
"""The prototypes by FER+'s names."""

_HABIT = 0.12
"""Standard deviation of what a face shows at rest, in strengths of action units."""
_AT_REST = {1: 0.5, 2: 1.0, 4: 0.6, 7: 1.0, 12: 1.0, 15: 0.4, 17: 0.5, 25: 1.0, 43: 1.0}
"""How much each takes part in it: a face at rest that frowns would be called sad or angry."""
_LIFT = {"mouth/mouth-angles-up": 0.25}
"""The head's mouth hangs a little at rest."""


@dataclasses.dataclass(frozen=True, slots=True)
class Expression:
    """What one head shows.

    Attributes:
        name: FER+'s name of the expression.
        strength: 0 to about 1.
        left: Weight of each unit of the head on the person's left side.
        right: The same on the right.
        action_units: Mean strength of each action unit.
        looks_down: How far gaze and head are lowered, 0 to 1.
    """

    name: str
    strength: float
    left: dict[str, float]
    right: dict[str, float]
    action_units: dict[int, float]
    looks_down: float

    def distribution(self) -> NDArray[np.float64]:
        """Return the label as shares of `FERPLUS_8`, `(8,)`.

        From a third of the strength on "neutral" is no longer the largest.
        """
        shares = np.zeros(len(FERPLUS_8))
        neutral = FERPLUS_8.labels.index("neutral")
        if self.name == "neutral":
            shares[neutral] = 1.0
            return shares
        rest = 0.9 / (1 + np.exp((self.strength - 0.3) / 0.09))
        shares[FERPLUS_8.labels.index(self.name)] = 1.0
        for other, share in _confusion(self.name).items():
            shares[FERPLUS_8.labels.index(other)] += share
        shares *= (1 - rest) / shares.sum()
        shares[neutral] += rest
        return shares

    def fer2013_label(self) -> str | None:
        """Return FER-2013's label; None for contempt and where it holds no half of the shares."""
        share = self.distribution()[FERPLUS_8.labels.index(self.name)]
        return self.name if self.name in FER2013_7.labels and share > 0.5 else None


def _confusion(name: str) -> dict[str, float]:
    merged: dict[str, float] = {}
    for prototype in PROTOTYPES[name]:
        for other, share in prototype.confusion.items():
            merged[other] = max(merged.get(other, 0.0), share)
    return merged


def draw_expression(name: str, strength: float, rng: np.random.Generator) -> Expression:
    """Draw one way to show an expression.

    Args:
        name: A key of `PROTOTYPES`.
        strength: 0 to about 1.2; it scales all action units.
        rng: Source of chance.
    """
    prototypes = PROTOTYPES[name]
    often = np.array([each.often for each in prototypes])
    prototype = prototypes[rng.choice(len(prototypes), p=often / often.sum())]
    scale = 1.0 if name == "neutral" else strength
    units = {unit: scale * rng.uniform(*span) for unit, span in prototype.units.items()}
    for unit, span in prototype.sometimes.items():
        if rng.random() < 0.5:
            units[unit] = units.get(unit, 0.0) + scale * rng.uniform(*span)
    for unit, share in _AT_REST.items():
        habit = share * rng.normal(0, _HABIT)
        if habit > 0 and rng.random() < 0.7:
            units[unit] = units.get(unit, 0.0) + habit
    left, right = dict(_LIFT), dict(_LIFT)
    lean = rng.normal(0, 0.12)
    for unit, value in units.items():
        own = lean + rng.normal(0, 0.08)
        if prototype.one_sided and unit in (12, 14):
            own = 0.9 if lean > 0 else -0.9
        for target, weight in ACTION_UNITS[unit].items():
            left[target] = left.get(target, 0.0) + weight * value * (1 + own)
            right[target] = right.get(target, 0.0) + weight * value * (1 - own)
    down = scale * rng.uniform(0.3, 1) if prototype.looks_down else 0.0
    return Expression(name, strength, left, right, units, down)
