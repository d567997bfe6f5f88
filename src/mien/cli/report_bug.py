"""`mien report-bug`: what to put into a report of a fault."""

from __future__ import annotations

import json
from typing import Annotated

import typer

__all__ = ["report_bug"]


def report_bug(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print versions, processor, devices and hashes of the networks, to copy into a report.

    Nothing private is printed: no path, no address, no name of a person or machine. Nothing is
    sent.

    \b
    Examples:
      mien report-bug
      mien report-bug --json
    """
    from mien._environment import describe_environment

    environment = describe_environment() | {"devices": _devices()}
    if as_json:
        print(json.dumps(environment))
        return
    missing = [name for name, value in environment.items() if value == "not installed"]
    shown = {name: value for name, value in environment.items() if name not in missing}
    width = max(map(len, shown))
    for name, value in shown.items():
        print(f"{name:<{width}}  {value}")
    if missing:
        names = (name.removeprefix("package ") for name in missing)
        print(f"{'not installed':<{width}}  {', '.join(names)}")


def _devices() -> str:
    """Return onnxruntime's execution providers; a broken installation has to be reported, too."""
    try:
        from mien.runtime import onnxruntime

        return ", ".join(onnxruntime.get_available_providers())
    except (ImportError, OSError) as error:  # its text may have paths
        return f"onnxruntime cannot be loaded ({type(error).__name__})"
