import pytest

from mien.errors import RecipeError
from mien.training import EmotionRecipe
from mien.training.run import last_checkpoint, open_run

RECIPE = EmotionRecipe()
BEGUN_WITH = {"mix": "0.25 heads 1f", "start": "emotion.onnx 2e"}


@pytest.fixture
def begun(tmp_path):
    """The folder of a run that has no checkpoint yet."""
    open_run(tmp_path, RECIPE, provenance=BEGUN_WITH, resume=False)
    return tmp_path


@pytest.fixture
def checkpoint(begun):
    path = last_checkpoint(begun)
    path.parent.mkdir()
    path.touch()
    return path


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "mix"),
        ({"mix": "0.25 heads 1f", "start": "emotion.onnx 3d"}, "start"),
        ({"mix": "0.5 heads 1f"}, "mix"),
        (BEGUN_WITH | {"teacher": "4c"}, "teacher"),
    ],
)
def test_a_run_goes_on_with_all_inputs_that_it_was_begun_with(begun, checkpoint, given, named):
    with pytest.raises(RecipeError, match=f"begun with another {named}, see"):
        open_run(begun, RECIPE, provenance=given, resume=True)


def test_the_start_need_not_be_given_again(begun, checkpoint):
    for given in ({"mix": BEGUN_WITH["mix"]}, BEGUN_WITH):
        opened = open_run(begun, RECIPE, provenance=given, resume=True)
        assert (opened.checkpoint, opened.provenance) == (checkpoint, BEGUN_WITH)


def test_without_a_checkpoint_the_start_is_needed_again(begun):
    with pytest.raises(RecipeError, match="begun with another start, see"):
        open_run(begun, RECIPE, provenance={"mix": BEGUN_WITH["mix"]}, resume=True)
    assert open_run(begun, RECIPE, provenance=BEGUN_WITH, resume=True).checkpoint is None
