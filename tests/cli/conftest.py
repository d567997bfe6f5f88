import pytest

from mien.data import import_dataset
from tests.conftest import VOTE_HEADER, fer_lines, vote_lines


@pytest.fixture(scope="session")
def dataset(tmp_path_factory, toy_dataset):
    """The folder of the imported toy dataset, called fer; tests only read it."""
    folder = tmp_path_factory.mktemp("imported")
    lines = {
        "fer2013.csv": ["emotion,pixels,Usage", *fer_lines(toy_dataset)],
        "fer2013new.csv": [VOTE_HEADER, *vote_lines(toy_dataset)],
    }
    for name, text in lines.items():
        (folder / name).write_text("\n".join(text) + "\n")
    import_dataset([folder / name for name in lines], folder / "fer")
    return folder / "fer"
