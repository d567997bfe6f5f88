import pickle

import pytest

from mien import errors

MADE = {
    errors.MediaError: errors.MediaError("a.jpg", "no such file. Check the path"),
    errors.MissingExtraError: errors.MissingExtraError("writing Parquet", "data"),
}


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_reach_another_process_as_they_are(name):
    kind = getattr(errors, name)
    error = MADE.get(kind) or kind("what came, and what to do")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_what_an_error_says_holds_all_its_parts():
    assert str(MADE[errors.MediaError]) == "a.jpg: no such file. Check the path"
    assert 'pip install ".[data]"' in str(MADE[errors.MissingExtraError])
