import logging

import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.cli.messages import in_options


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("go on with resume=True, or overwrite=True.", "go on with --resume, or --overwrite."),
        ("jobs=FOLDER (out=2)", "--jobs FOLDER (--out 2)"),
        ("a/out=2.png: cannot write", "a/out=2.png: cannot write"),
        ("out=2.png and seeds=12_a", "out=2.png and seeds=12_a"),
    ],
)
def test_arguments_are_told_as_options_and_names_of_files_as_they_are(said, shown):
    assert in_options(said) == shown


@pytest.fixture(autouse=True)
def levels():
    """Leave the loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("mien", "mien.cli")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers = handlers


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_quiet_leaves_results_and_errors(samples):
    usual = run("analyze", samples, "gone.jpg")
    quiet = run("analyze", samples, "gone.jpg", "--quiet")
    assert "2 read, 2 with faces" in usual.stderr
    assert usual.stdout == quiet.stdout
    assert quiet.stderr == "gone.jpg: no such file or folder. Check the path\n"
    assert usual.exit_code == quiet.exit_code == 1


def test_verbose_has_what_the_library_logs(samples):
    verbose = run("analyze", samples, "-v")
    assert "DEBUG mien.runtime.session: opened" in verbose.stderr
    assert "DEBUG" not in run("analyze", samples).stderr


def test_every_verb_has_both():
    import typer

    def verbs(command, words):
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), {option.name for option in command.params}
        for name, each in (inner or {}).items():
            yield from verbs(each, [*words, name])

    found = dict(verbs(typer.main.get_command(app), []))
    assert len(found) > 10
    assert [verb for verb, options in found.items() if not {"quiet", "verbose"} <= options] == []


def test_a_shell_can_complete_verbs():
    assert "--install-completion" in run("--help").stdout
