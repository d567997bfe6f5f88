"""Images and videos are opened in one place each, which knows what may be opened."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "mien"


def calls(path):
    """Yield (written name, call) of all calls in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def places(wanted):
    found = set()
    for path in SRC.rglob("*.py"):
        for name, call in calls(path):
            if wanted(name, call):
                found.add(path.relative_to(SRC).as_posix())
    return found


def opens_to_write(call):
    return any(isinstance(each, ast.Constant) and each.value == "w" for each in call.args)


def test_images_are_opened_in_one_place_alone():
    assert places(lambda name, _: name.endswith("Image.open")) == {"media/image_file.py"}


def test_nobody_goes_round_it():
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PIL"):
                names = {alias.name for alias in node.names}
                assert node.module == "PIL", f"{path}: import modules of PIL, not out of them"
                assert "ImageFile" not in names, path
                assert not any(name.endswith("Plugin") for name in names), path
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("PIL") for alias in node.names), path


def test_every_opened_image_is_of_the_promised_formats():
    tree = ast.parse((SRC / "media" / "image_file.py").read_text(encoding="utf-8"))
    (call,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_open(n)]
    assert "formats" in {keyword.arg for keyword in call.keywords}


def _is_open(call):
    return ast.unparse(call.func) == "Image.open"


def test_ffmpeg_opens_in_one_place_alone_and_writes_in_another():
    def reads(name, call):
        return name == "av.open" and not opens_to_write(call)

    def writes(name, call):
        return name == "av.open" and opens_to_write(call)

    assert places(reads) == {"media/demuxing.py"}
    assert places(writes) == {"media/video_writer.py"}
