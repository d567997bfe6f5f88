"""The error tree: who has to act decides the branch.

`InputError` asks for another input, `ArtefactError` for another model or data file, and
`MissingExtraError` names the command that installs what is missing. Every message says what was
expected, what came, where, and what to do next.
"""

from __future__ import annotations

from mien._addresses import without_credentials

__all__ = [
    "ArtefactError",
    "DatasetError",
    "DeviceError",
    "DivergedError",
    "FrameError",
    "InputError",
    "MediaError",
    "MienError",
    "MissingExtraError",
    "OptionsError",
    "OutputError",
    "RecipeError",
    "SpecError",
]


class MienError(Exception):
    """Base of every error that mien raises on purpose."""


class InputError(MienError):
    """Something that the caller gave cannot be used; the fix lies with the input."""


class OptionsError(InputError):
    """Options contradict each other, or do not fit the inputs."""


class FrameError(InputError):
    """An array is not a frame: wrong shape, dtype or size."""


class MediaError(InputError):
    """An image, video or stream cannot be read.

    Attributes:
        source: The path as the caller gave it, or the address, in which user, password and keys
            are hidden.
        reason: What is wrong with it and what to do, without the path.
    """

    def __init__(self, source: str, reason: str) -> None:
        source = without_credentials(source)
        super().__init__(source, reason)
        self.source = source
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class DeviceError(InputError):
    """A device for the networks is unknown or not available."""


class RecipeError(InputError):
    """A recipe or option has faults; the message lists all of them."""


class DivergedError(RecipeError):
    """A training's loss is no number any more: its weights are lost."""


class OutputError(MienError):
    """A result cannot be written where it was asked for."""


class ArtefactError(MienError):
    """A model or data file is not what it has to be; the fix lies with the file."""


class SpecError(ArtefactError):
    """A model file has no usable `ModelSpec`; the message names the field."""


class DatasetError(ArtefactError):
    """A data file is malformed; the message names file, row and what was expected."""


def install_command(extra: str) -> str:
    """Return what installs an extra; no package index has mien."""
    return f"pip install '.[{extra}]' in the folder of mien's source"


class MissingExtraError(MienError):
    """An optional part is not installed.

    Args:
        purpose: What was asked for, for example `"writing Parquet"`.
        extra: The extra that brings it, for example `"data"`.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(purpose, extra)
        self.purpose = purpose
        self.extra = extra

    def __str__(self) -> str:
        return (
            f"{self.purpose} needs the extra '{self.extra}', which is not installed. "
            f"Install it with: {install_command(self.extra)}"
        )
