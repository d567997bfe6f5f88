"""mien finds faces and says which of six expressions each one shows.

Importing it loads no network; the parts are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.emotions import SIX
    from mien.errors import MienError
    from mien.inference import Analyzer
    from mien.spec import ModelSpec
    from mien.structures import FacePrediction, Frame, FrameResult

__all__ = [
    "SIX",
    "Analyzer",
    "FacePrediction",
    "Frame",
    "FrameResult",
    "MienError",
    "ModelSpec",
]

_HOMES = {
    "SIX": "mien.emotions",
    "Analyzer": "mien.inference",
    "FacePrediction": "mien.structures",
    "Frame": "mien.structures",
    "FrameResult": "mien.structures",
    "MienError": "mien.errors",
    "ModelSpec": "mien.spec",
}


if not TYPE_CHECKING:  # a type checker would take any name for one that is loaded

    def __getattr__(name: str) -> Any:
        """Load a public name's module when the name is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module 'mien' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
