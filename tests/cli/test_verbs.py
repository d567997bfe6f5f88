"""An empty path on the command line is refused: as a path it would be the current folder."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mien.cli import app


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["analyze", "a.jpg", "--out", ""], "--out"),
        (["analyze", "a.jpg", "--study="], "--study"),
        (["analyze", "a.jpg", "--study", "s", "--covariates", ""], "--covariates"),
        (["analyze", "a.jpg", "--neutral", ""], "--neutral"),
        (["analyze", "a.jpg", "--model", ""], "--model"),
        (["analyze", "a.jpg", ""], "INPUT"),
        (["explain", ""], "IMAGE"),
        (["album", "a.jpg", "--out", "", "--overwrite"], "--out"),
        (["serve", "--keys", ""], "--keys"),
        (["serve", "--jobs", ""], "--jobs"),
        (["serve", "--name", ""], "--name"),
        (["data", "import", "", "--out", "a"], "SOURCE"),
        (["train", "emotion", "--data", "a", "--out", ""], "--out"),
    ],
)
def test_an_empty_value_is_refused_and_its_option_named(words, named):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "an empty " in done.output
    assert named in done.output
