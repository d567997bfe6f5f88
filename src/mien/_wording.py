"""Numbers with the right form of what they count, for messages and reports."""

from __future__ import annotations

__all__ = ["pluralize"]


def pluralize(number: int, one: str, many: str | None = None) -> str:
    """Return `1 image`, `2 images`, `1,024 images`.

    Args:
        number: How many.
        one: What follows a 1.
        many: What follows any other number; None puts an s at the end of `one`.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
