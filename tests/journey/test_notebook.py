import os
import warnings
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.conftest import fer_csv, votes_csv  # noqa: F401

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "fer.ipynb"


def test_the_notebook_is_stored_without_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_notebook_runs_from_top_to_bottom(tmp_path, fer_csv, votes_csv, monkeypatch):  # noqa: F811
    monkeypatch.setenv("FER_DATA", str(fer_csv.parent))
    monkeypatch.setenv("FER_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("FER_TRIALS", "2")
    # Jupyter asks about its own folders, and its sockets close when the process does.
    monkeypatch.setitem(os.environ, "JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        NotebookClient(
            notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    assert "96 images" in said
    assert "'train': 64" in said
    assert "balanced" in said
    assert (tmp_path / "out" / "evaluation.html").exists()
    assert "best on the selection subset" in said
    assert (tmp_path / "out" / "tuning" / "report.html").exists()
    assert (tmp_path / "out" / "tuning" / "best.toml").exists()
    assert (tmp_path / "out" / "data.html").stat().st_size > 100_000
    charts = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "vega" in str(output.get("data", {}))
    ]
    assert len(charts) == 6
