from pathlib import Path

import grimp
from importlinter.cli import lint_imports


def test_the_import_rules_hold(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


def test_no_module_imports_the_package_that_it_lies_in():
    """The import rules compare modules of one package, but not with the package itself."""
    graph = grimp.build_graph("mien", cache_dir=None)
    circles = [
        f"{module} imports {package}"
        for module in sorted(graph.modules)
        for package in sorted(graph.find_modules_directly_imported_by(module))
        if module.startswith(f"{package}.") and package != "mien"
    ]
    assert circles == []
