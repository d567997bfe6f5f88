"""A default stands once: in a Python signature, from which the command line reads it."""

import inspect
from pathlib import Path

import typer

from mien.album import AlbumOptions
from mien.cli import app
from mien.cli.defaults import PythonDefault
from mien.export import calibrate_emotion
from mien.inference import Analyzer
from mien.options import DeviceOptions, EventOptions, FaceOptions, SmoothingOptions, TuneOptions
from mien.server import ServerOptions

COMMAND_LINE_ONLY = {
    "analyze formats",  # Python names a format by the file's ending
    "analyze with_faces",
    "data report recipe",  # a shipped recipe's name; Python takes the augmentation itself
    "data split kind",  # Python has a function of its own for each kind
    "export model precision",  # Python asks for it
    "export model to",  # Python has a function for each runtime
    "live out",
    "live source",
    "serve host",
    "serve port",
    "train detector recipe",
    "train emotion recipe",
    "train units recipe",
    "tune recipe",
    "tune space",
}
"""Options without a counterpart in Python."""

MB = 1_000_000
IN_OPTIONS = {
    "analyze": {
        "min_face_px": FaceOptions().min_face_px,
        "min_event_s": EventOptions().min_duration_s,
        "max_event_gap_s": EventOptions().max_gap_s,
    },
    "album": {"min_face_px": FaceOptions().min_face_px, "table": AlbumOptions().format},
    "explain": {"min_face_px": FaceOptions().min_face_px},
    "live": {"min_face_px": FaceOptions().min_face_px},
    "serve": {
        "min_face_px": ServerOptions().faces.min_face_px,
        "max_upload": ServerOptions().max_image_bytes // MB,
        "max_video": ServerOptions().max_video_bytes // MB,
    },
    "similar": {"min_face_px": FaceOptions().min_face_px},
    "train emotion": {
        name: getattr(DeviceOptions(), name)
        for name in ("accelerator", "devices", "nodes", "strategy")
    },
    "tune": {
        name: getattr(TuneOptions(), name)
        for name in (
            *("sampler", "pruner", "selection_share", "near", "seeds", "seed", "workers"),
            *("threads", "study"),
        )
    },
}
"""Defaults of the options classes that load quickly, by verb and option."""

for each in ("analyze", "live"):
    IN_OPTIONS[each]["smoothing_s"] = SmoothingOptions().time_constant_s


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
    expected = {
        f"{verb} {name}": value
        for verb, values in IN_OPTIONS.items()
        for name, value in values.items()
    }
    typed = {name for name, value in defaults.items() if not isinstance(value, PythonDefault)}
    assert typed == COMMAND_LINE_ONLY | set(expected)
    assert {name: defaults[name] for name in expected} == expected


def test_defaults_that_are_read_from_python_are_there_and_shown():
    read = [value for value in options_with_defaults().values() if isinstance(value, PythonDefault)]
    assert len(read) >= 9
    for default in read:
        assert isinstance(default(), bool | float | int | str | Path), default.owner
        assert str(default) == str(default())


def test_verbs_whose_function_needs_torch_read_the_same_defaults_elsewhere():
    defaults = options_with_defaults()
    parameters = inspect.signature(calibrate_emotion).parameters
    for name in ("subset", "accuracy"):
        assert defaults[f"calibrate {name}"]() == parameters[name].default


def test_both_networks_are_the_shipped_ones_unless_others_are_named():
    command = typer.main.get_command(app).commands["analyze"]
    options = {option.name: option.default for option in command.params}
    parameters = inspect.signature(Analyzer).parameters
    for name in ("model", "detector"):
        assert options[name] is parameters[name].default is None
    assert options["threads"]() == parameters["threads"].default
