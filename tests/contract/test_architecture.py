import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_of_the_packages_is_what_the_imports_say():
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "docs" / "architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PICTURE.read_text(encoding="utf-8") == module.drawing(), (
        "write it anew: python docs/architecture.py"
    )
