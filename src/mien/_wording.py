"""How numbers and names are written in messages, reports and tables."""

from __future__ import annotations

__all__ = ["as_text", "pluralize"]


def as_text(name: str) -> str:
    r"""Return the name of a file or folder with what is no valid Unicode in it escaped.

    Such names (`caf\udce9.png`) come from old archives; Parquet and UTF-8 refuse them.
    """
    return name.encode(errors="backslashreplace").decode()


def pluralize(number: int, one: str, many: str | None = None) -> str:
    """Return `1 image`, `2 images`, `1,024 images`.

    Args:
        number: How many.
        one: What follows a 1.
        many: What follows any other number; None puts an s at the end of `one`.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
