from importlinter.cli import lint_imports


def test_the_import_rules_hold(monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(Path(__file__).parents[2])
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0
