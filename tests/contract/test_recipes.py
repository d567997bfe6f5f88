"""The reference of the recipes' keys is what their dataclasses say."""

import dataclasses
import importlib.util
from pathlib import Path

from mien.training import EmotionRecipe

ROOT = Path(__file__).parents[2]


def writer():
    spec = importlib.util.spec_from_file_location("docs_recipes", ROOT / "docs" / "recipes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_its_script_writes():
    script = writer()
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run python docs/recipes.py"


def test_every_key_stands_on_the_page():
    text = writer().page()
    for field in dataclasses.fields(EmotionRecipe):
        assert f"`{field.name}`" in text or f"### [{field.name}]" in text
