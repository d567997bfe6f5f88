"""The code blocks of the documentation, and how each kind is run or checked.

A comment `<!-- not run: why -->` before a block says that it is only checked.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from mien.cli import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
READ = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
"""Languages of which a block is a whole file."""

_NOT_RUN = re.compile(r"<!-- not run: (.+) -->\s*$")
_MARKS = re.compile(r"<!-- /?[\w-]+ -->\s*$")
_BY_SHELL = re.compile(r"[|&;<>$*`~]|^(?!mien\b|make\b|pip\b|\.\s)", re.MULTILINE)
_SERVER = re.compile(r"\b(?:http://)?(?:localhost|127\.0\.0\.1):8000")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        language: What stands behind its fence.
        code: Its text.
        line: Where it begins in its page.
        not_run: Why it is only checked; None if it is run.
        output: What it prints, by the block of text directly below it; None if it has none.
    """

    language: str
    code: str
    line: int
    not_run: str | None
    output: str | None


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page from top to bottom."""
    tokens = [
        token
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
        if token.type in ("fence", "html_block", "heading_open", "paragraph_open")
        and not _MARKS.match(token.content)
    ]
    found = []
    for number, token in enumerate(tokens):
        if token.type != "fence":
            continue
        reason = _NOT_RUN.match(tokens[number - 1].content) if number else None
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        output = after.content if after and (after.type, after.info) == ("fence", "text") else None
        found.append(
            Block(token.info, token.content, token.map[0] + 1, reason and reason[1], output)
        )
    return found


def inline_commands(page: Path) -> list[str]:
    """Return the commands of `mien` and `pip` that stand in sentences and tables."""
    tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    inner = [each for token in tokens for each in token.children or ()]
    codes = [each.content for each in inner if each.type == "code_inline"]
    return [code for code in codes if code.startswith(("mien ", "pip "))]


def commands(script: str) -> Iterator[str]:
    """Yield the lines of a script without comments; a backslash at its end continues a line."""
    for line in script.replace("\\\n", " ").splitlines():
        if bare := re.sub(r"(^|\s)#.*", "", line).strip():
            yield bare


def check_command(line: str) -> None:
    """Check a command that is not run: that its verb, options, targets and extras exist."""
    for part in re.split(r"[|;&]+|>|<\(|\$\(", line):
        words = shlex.split(part.strip()) if part.count("'") % 2 == 0 else part.split()
        if words[:1] == ["mien"]:
            _check_mien(words[1:])
        elif words[:1] == ["make"]:
            _check_make(words[1:])
        elif words[:2] == ["pip", "install"]:
            assert "'" not in line, f"{line}: Windows' cmd passes single quotes on; use double ones"
            _check_pip(words[2:])


def _check_mien(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    words = list(words)
    while (inner := getattr(command, "commands", {})) and words and not words[0].startswith("-"):
        if words[0].isupper():  # a placeholder: VERB
            return
        assert words[0] in inner, f"mien has no verb {words[0]!r}"
        command = inner[words.pop(0)]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    known |= {"--help", "--version"}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= known, f"{command.name}: no such option: {', '.join(sorted(given - known))}"


def _check_make(words: list[str]) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    assert {word for word in words if "=" not in word} <= targets, words


def _check_pip(words: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        if word.startswith("."):
            extras = [each for each in re.findall(r"[\w-]+", word.partition("[")[2]) if each]
            assert set(extras) <= set(project["optional-dependencies"]), word
        assert not re.match(r"mien\b", word), f"{word}: no package index has mien"


@dataclass
class Reader:
    """Somebody who types in the blocks of one page, in one folder and one Python session.

    Attributes:
        page: The page.
        folder: The folder in which it happens.
        serve: Starts a server, and returns its address.
    """

    page: Path
    folder: Path
    serve: Callable[[], str]
    _names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def do(self, block: Block) -> None:
        """Run a block, or check what can be checked of one that is not run."""
        try:
            self._do(block)
        except BaseException as error:
            error.add_note(f"{self.page.name}, line {block.line}:\n{block.code}")
            raise

    def _do(self, block: Block) -> None:
        if block.language == "sh":
            if block.not_run:
                for line in commands(block.code):
                    check_command(line)
            else:
                self._run_shell(block)
        elif block.language == "python":
            code = compile(block.code, self.page.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if not block.not_run:
                self._run_python(code, block.output)
        elif block.language in READ:
            READ[block.language](block.code)
        elif block.language != "text" and not block.language.startswith("{"):  # of the site
            assert block.not_run, f"{block.language or 'no language'}: say why it is not run"

    def _run_python(self, code: Any, output: str | None) -> None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if code.co_flags & inspect.CO_COROUTINE:
                coroutine = eval(code, self._names)  # noqa: S307 - the page's own code
                # In a thread of its own: a browser of other tests keeps a loop in this one.
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(asyncio.run, coroutine).result()
            else:
                exec(code, self._names)  # noqa: S102 - the page's own code
        if output is not None:
            assert printed.getvalue() == output

    def _run_shell(self, block: Block) -> None:
        lines = list(commands(block.code))
        if _BY_SHELL.search("\n".join(lines)):
            self._run_script(block.code)
            return
        for line in lines:
            if line.startswith("mien "):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # as in a process of its own: none stops it
                    result = CliRunner().invoke(app, shlex.split(line)[1:], prog_name="mien")
                assert result.exit_code == 0, f"{line}: {result.exception!r}\n{result.output}"
            else:
                check_command(line)

    def _run_script(self, script: str) -> None:
        if _SERVER.search(script):
            script = _SERVER.sub(self.serve(), script)
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - the reader's own
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        # curl ends with 0 whatever the server says; our answers to what went wrong are these.
        assert '{"error":' not in done.stdout, done.stdout
