"""Protocols: which images are included in a figure, and what their true labels are.

Votes are `(N, 10)` annotator counts in the order of FER+'s `fer2013new.csv`: the eight expressions
of `FERPLUS_8`, then "unknown" and "not a face".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.emotions import (
    FER2013_7,
    FERPLUS_8,
    SIX,
    LabelSet,
    ferplus_majority,
    ferplus_soft_labels,
    mapping_matrix,
    to_six,
)
from mien.errors import InputError

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "protocol",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Protocol:
    """Which output of a model is compared with which ground truth.

    Attributes:
        name: Its name on the command line and in results.
        title: Its name in tables.
        output: The labels of the model's output.
        label_set: The labels of the comparison: those of the output, or the six.
        truth: The ground truth: the majority of FER+'s votes, or FER-2013's labels.
    """

    name: str
    title: str
    output: LabelSet
    label_set: LabelSet
    truth: Literal["ferplus", "fer2013"]

    def probabilities(
        self, outputs: Mapping[str, NDArray[np.floating]]
    ) -> NDArray[np.floating] | None:
        """Return the probabilities that are compared, `(N, K)` over `label_set`.

        Args:
            outputs: A model's probabilities by their label set's name.

        Returns:
            Those of `output`, added up where several of its labels count as one; None if the
            model has no such output.
        """
        found = outputs.get(self.output.name)
        if found is None or self.output is self.label_set:
            return found
        merged: NDArray[np.floating] = found @ mapping_matrix(self.output, self.label_set)
        return merged

    def labels(self, labels: NDArray[np.integer], votes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return each image's true label, `(N,)` in the order of `label_set`; -1 where it has none.

        Args:
            labels: `(N,)` in the order of `FER2013_7`, -1 where there is none.
            votes: `(N, 10)` annotator counts.
        """
        if self.truth == "fer2013":
            known = labels.astype(np.int64)
            return to_six(known, FER2013_7) if self.label_set is SIX else known
        majority, has_majority = ferplus_majority(votes)
        known = np.where(has_majority, majority, -1)
        return to_six(known, FERPLUS_8) if self.label_set is SIX else known

    def soft_labels(self, votes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the votes' distributions over `label_set`, `(N, K)`; zeros where there are none.

        Args:
            votes: `(N, 10)` annotator counts.
        """
        soft, _ = ferplus_soft_labels(votes)
        if self.label_set is FERPLUS_8:
            return soft.astype(np.float64)
        mapped = soft.astype(np.float64) @ mapping_matrix(FERPLUS_8, self.label_set)
        total = mapped.sum(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.divide(
            mapped, total, out=np.zeros_like(mapped), where=total > 0
        )
        return shares


PROTOCOLS = MappingProxyType(
    {
        known.name: known
        for known in (
            Protocol("ferplus-8", "FER+ 8 classes, majority", FERPLUS_8, FERPLUS_8, "ferplus"),
            Protocol("fer2013-7", "FER-2013 7 classes", FER2013_7, FER2013_7, "fer2013"),
            Protocol("fer2013-6", "FER-2013 6 classes", FER2013_7, SIX, "fer2013"),
            Protocol("six-ferplus", "six-way output, FER+ majority", SIX, SIX, "ferplus"),
            Protocol("six-fer2013", "six-way output, FER-2013", SIX, SIX, "fer2013"),
        )
    }
)
"""The protocols by name."""


def protocol(name: str) -> tuple[Protocol, ...]:
    """Return the protocols called `name`; `six` stands for both of the six-way output, or `all`.

    Raises:
        InputError: There is none of that name; the message lists the known ones.
    """
    if name == "all":
        return tuple(PROTOCOLS.values())
    if name == "six":
        return tuple(known for known in PROTOCOLS.values() if known.output is SIX)
    if name not in PROTOCOLS:
        known_names = ", ".join(("all", "six", *PROTOCOLS))
        raise InputError(f"unknown protocol {name!r}; known are {known_names}")
    return (PROTOCOLS[name],)
