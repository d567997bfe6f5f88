"""Checks that a release can be made, and tags it; `make release` runs it and builds the packages.

The version stands in pyproject.toml alone. The date and the version of CITATION.cff and the heading
of CHANGELOG.md are compared with it. Nothing is pushed and nothing is published.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Check everything, and tag unless only a tag is to be checked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check-tag", metavar="TAG", help="only compare a tag with the version")
    parser.add_argument("--check", action="store_true", help="check, but do not tag")
    options = parser.parse_args()
    version = read_version(ROOT)
    if options.check_tag is not None:
        if options.check_tag != f"v{version}":
            sys.exit(f"tag: expected v{version} as in pyproject.toml, found {options.check_tag}")
        return
    faults = [*document_faults(ROOT, version, datetime.date.today()), *checkout_faults(version)]
    if faults:
        sys.exit("\n".join(f"no release: {fault}" for fault in faults))
    if options.check:
        return
    git("tag", "--annotate", f"v{version}", "--message", f"mien {version}")
    print(
        f"tagged v{version}; its packages are in dist/. To publish: git push origin main v{version}"
    )


def read_version(root: Path) -> str:
    """Return the version, from the one place where it stands."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def document_faults(root: Path, version: str, date: datetime.date) -> list[str]:
    """Return what the changelog and the citation lack for a release on a date."""
    faults = []
    heading = f"## [{version}] - {date}"
    if heading not in (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        faults.append(f"CHANGELOG.md: expected the heading '{heading}' below '## [Unreleased]'")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    for line in (f"version: {version}", f"date-released: {date}"):
        name = line.partition(":")[0]
        if line not in citation.splitlines():
            found = re.search(rf"^{name}: .*$", citation, re.MULTILINE)
            faults.append(f"CITATION.cff: expected '{line}', found {found[0] if found else 'none'}")
    return faults


def checkout_faults(version: str) -> list[str]:
    """Return what is wrong with the checkout: changes, another branch, a tag that is there."""
    faults = []
    if git("status", "--porcelain", "--untracked-files=no"):
        faults.append("the checkout has changes. Commit them")
    if (branch := git("branch", "--show-current")) != "main":
        faults.append(f"expected the branch main, found {branch or 'none'}")
    if git("tag", "--list", f"v{version}"):
        faults.append(f"there is a tag v{version}. Set the next version in pyproject.toml")
    return faults


def git(*words: str) -> str:
    """Run git in the checkout and return what it prints."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        sys.exit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
