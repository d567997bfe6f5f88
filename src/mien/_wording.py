"""Words for messages, reports and files: counts, and names that may be no text."""

from __future__ import annotations

__all__ = ["pluralize", "valid_text"]


def pluralize(number: int, one: str, many: str | None = None) -> str:
    """Return `1 image`, `2 images`, `1,024 images`.

    Args:
        number: How many.
        one: What follows a 1.
        many: What follows any other number; None puts an s at the end of `one`.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def valid_text(name: str) -> str:
    """Return a file's name with the bytes that are no text escaped, as no table takes them."""
    return name.encode(errors="backslashreplace").decode()
