import json

from tests.cli.test_data import run
from tests.live.test_window import video  # noqa: F401


def test_headless_prints_a_row_per_face(video):  # noqa: F811
    result = run("live", video, "--headless")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) > 20
    # A detector may see something for a moment in the background; the person stays one.
    assert sum(row["track"] == 0 for row in rows) > 0.8 * len(rows)
    assert rows[-1]["timestamp_s"] > 2


def test_the_list_of_cameras_may_be_empty():
    assert run("live", "--list").exit_code == 0
    for ignored in (
        ["--min-face-px", "9"],
        ["--device", "cpu"],
        ["--smoothing-s", "1"],
        ["camera:1"],
    ):
        result = run("live", "--list", *ignored)
        assert result.exit_code == 2
        assert "does nothing with --list" in result.output
