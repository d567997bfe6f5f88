"""A default stands once: in a Python signature, from which the command line reads it."""

import inspect

import typer

from mien.cli import app
from mien.cli.defaults import PythonDefault
from mien.export import calibrate_emotion

COMMAND_LINE_ONLY = {
    "analyze formats",  # Python names a format by the file's ending
    "analyze images",
    "data report recipe",  # a shipped recipe's name; Python takes the augmentation itself
    "data split kind",  # Python has a function of its own for each kind
    "export model precision",  # Python asks for it
    "live mirror",
    "live out",
    "live source",
    "serve host",
    "serve port",
    "train detector recipe",
    "train emotion recipe",
    "tune recipe",
    "tune space",
    "tune study",
}
"""Options without a counterpart in Python."""

TYPED_AGAIN = {
    "analyze min_face": ("mien.inference:Analyzer", "min_face_px"),
    "analyze smooth": ("mien.track:SmoothingOptions", "time_constant_s"),
    "analyze threads": ("mien.inference:Analyzer", "threads"),
    "explain min_face": ("mien.inference:Analyzer", "min_face_px"),
    "live min_face": ("mien.inference:Analyzer", "min_face_px"),
    "live smooth": ("mien.track:SmoothingOptions", "time_constant_s"),
    "serve jobs": ("mien.server:ServerOptions", "jobs"),
    "serve max_upload": ("mien.server:ServerOptions", "most_image_bytes", 1_000_000),
    "serve max_video": ("mien.server:ServerOptions", "most_video_bytes", 1_000_000),
    "serve min_face": ("mien.server:ServerOptions", "min_face_px"),
    "serve rate": ("mien.server:ServerOptions", "requests_per_minute"),
    "similar min_face": ("mien.inference:Analyzer", "min_face_px"),
    "similar most": ("mien.inference:find_similar", "most"),
    "train emotion accelerator": ("mien.training:DeviceOptions", "accelerator"),
    "train emotion devices": ("mien.training:DeviceOptions", "devices"),
    "train emotion nodes": ("mien.training:DeviceOptions", "nodes"),
    "train emotion strategy": ("mien.training:DeviceOptions", "strategy"),
    "tune near": ("mien.tuning:TuneOptions", "near"),
    "tune pruner": ("mien.tuning:TuneOptions", "pruner"),
    "tune seed": ("mien.tuning:TuneOptions", "seed"),
    "tune seeds": ("mien.tuning:TuneOptions", "seeds"),
    "tune share": ("mien.tuning:TuneOptions", "share"),
    "tune strategy": ("mien.tuning:TuneOptions", "strategy"),
    "tune threads": ("mien.tuning:TuneOptions", "threads"),
    "tune workers": ("mien.tuning:TuneOptions", "workers"),
}
"""Defaults that the command line still types itself: where they stand in Python, and the number of
Python's units in one of the command line's. Use `PythonDefault` in their place."""


def options_with_defaults():
    """Return every option that has a default other than nothing or off, by verb and name."""

    def walk(command, words):
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*words, name])
        for option in command.params:
            if not option.required and option.default not in (None, False):
                yield " ".join([*words, option.name]), option.default

    return dict(walk(typer.main.get_command(app), []))


def test_every_default_of_the_command_line_is_that_of_python():
    defaults = options_with_defaults()
    typed = {name for name, value in defaults.items() if not isinstance(value, PythonDefault)}
    assert typed == COMMAND_LINE_ONLY | set(TYPED_AGAIN)
    for name, (owner, parameter, *units) in TYPED_AGAIN.items():
        value = defaults[name] if not units else defaults[name] * units[0]
        assert value == PythonDefault(owner, parameter)(), name


def test_defaults_that_are_read_from_python_are_there_and_shown():
    read = [value for value in options_with_defaults().values() if isinstance(value, PythonDefault)]
    assert len(read) >= 9
    for default in read:
        assert isinstance(default(), bool | float | int | str), default.owner
        assert str(default) == str(default())


def test_verbs_whose_function_needs_torch_read_the_same_defaults_elsewhere():
    defaults = options_with_defaults()
    parameters = inspect.signature(calibrate_emotion).parameters
    for name in ("subset", "accuracy"):
        assert defaults[f"calibrate {name}"]() == parameters[name].default
