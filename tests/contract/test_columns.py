"""Documents and page know the same columns as the table."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def writer():
    spec = importlib.util.spec_from_file_location("docs_columns", ROOT / "docs" / "columns.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_rows_shows_the_table():
    script = writer()
    found = script.ROWS.read_text(encoding="utf-8")
    assert found == script.rows(), "run python docs/columns.py"
    assert found.count("| `p_surprise` |") == 1


def test_the_page_on_units_shows_the_table_of_action_units():
    script = writer()
    found = script.UNITS.read_text(encoding="utf-8")
    assert found == script.units(), "run python docs/columns.py"
    assert found.count("| AU12 |") == 1


def test_the_page_on_studies_shows_the_columns_of_their_tables():
    script = writer()
    assert script.STUDY.read_text(encoding="utf-8") == script.study(), "run python docs/columns.py"


def test_the_page_has_the_same_rows_and_columns():
    script = writer()
    assert script.TYPES.read_text(encoding="utf-8") == script.types(), "run python docs/columns.py"
