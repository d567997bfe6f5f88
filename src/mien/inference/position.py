"""How far an analysis of many inputs has come, so that another run can go on from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from mien.inference.film import FilmMemory, FilmOptions

__all__ = ["Position"]


@dataclasses.dataclass(slots=True, eq=False)
class Position:
    """How far an analysis has come.

    Attributes:
        inputs: How many pictures and films are done.
        film: What is known of the film that is being analysed, if it is one.
    """

    inputs: int = 0
    film: FilmMemory | None = None

    @property
    def complete(self) -> bool:
        """Whether all that it stands for has been handed out; else a moment later it will be."""
        return self.film is None or self.film.complete

    @property
    def done(self) -> tuple[int, int | None]:
        """How many inputs are done, and the last frame of the film that is being analysed."""
        return self.inputs, None if self.film is None else self.film.frame

    def finish_input(self) -> None:
        """Count one more picture or film as done."""
        self.inputs, self.film = self.inputs + 1, None

    def to_document(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        film = None if self.film is None else self.film.to_document()
        return {"inputs": self.inputs, "film": film}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], options: FilmOptions) -> Self:
        """Rebuild what `to_document` returned; `options` are those of the run before."""
        film = None
        if document["film"] is not None:
            film = FilmMemory(options)
            film.restore(document["film"])
        return cls(document["inputs"], film)
