#!/usr/bin/env python3
"""Builds what a release consists of, and checks it as somebody who installs it would.

    scripts/release.py [TAG]    wheel, sdist and bill of materials (CycloneDX) in dist/

Run by `make release-check`, which installs the tools of the `release` extra, and by the release workflow with its tag.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "demo"))

from host import ROOT, Failure, run

DIST = ROOT / "dist"
STACK = "services: {web: {image: 'nginx:1.29', ports: ['127.0.0.1:8000:80']}}\n"
REALM = "realm: shop\ngroups: [{name: staff}]\n"
MAKE_AGAIN = "mend it, and run `make release-check` again"


def version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "reconciler/__init__.py").read_text(encoding="utf-8"))
    assert found, "reconciler/__init__.py has no __version__"
    return found[1]


def fragments() -> list[Path]:
    """The files of changes that no entry of the changelog has yet."""
    return sorted((ROOT / "changelog.d").glob("*.*.md"))


def check_texts(number: str, tag: str) -> None:
    """Raises Failure where tag, version and the newest entry of the changelog do not agree."""
    if tag and tag != f"v{number}":
        raise Failure("compare the tag", f"the tag is {tag}, but the version is {number}", "tag it v" + number)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[?([0-9][^\]\s]*)", text, re.MULTILINE)
    if number not in headings[:1]:
        newest = headings[0] if headings else "missing"
        raise Failure(
            "compare the changelog",
            f"its newest release is {newest}, but the version is {number}",
            f"write the heading `## {number} (unreleased)` above it",
        )
    left = len(fragments())
    if tag and (left or f"## {number} (unreleased)" in text):
        why = f"{left} changes are no part of it yet, or it has no date"
        raise Failure("compare the changelog", why, "make changelog CHANGELOG_OPTIONS=--release")


def build() -> list[Path]:
    shutil.rmtree(DIST, ignore_errors=True)
    tool("build", "--outdir", DIST, ROOT, step="build wheel and sdist")
    packages = sorted(DIST.iterdir())
    tool("twine", "check", "--strict", *packages, step="check the packages' descriptions")
    return packages


def try_out(package: Path, number: str) -> None:
    """Installs one package into an environment of its own, and uses it there as a newcomer would."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bin_folder = installed(package, home / "venv")
        if not (home / "venv/share/man/man1/reconcile.1").is_file():
            raise Failure("look for the man page", f"{package.name} has none", "make reference")
        (home / "stack.yaml").write_text(STACK, encoding="utf-8")
        (home / "users.yaml").write_text(REALM, encoding="utf-8")
        commands = (["--version"], ["--help"], ["schema", "stack"], ["schema", "users"], ["validate"], ["config"])
        for arguments in commands:
            out = run(
                [str(bin_folder / "reconcile"), *arguments],
                step=f"reconcile {' '.join(arguments)}, from {package.name}",
                remedy=MAKE_AGAIN,
                folder=home,
                environment={"PYTHONPATH": "", "PYTHONWARNINGS": "error"},
            )
            if arguments == ["--version"] and number not in out:
                raise Failure("ask for the version", f"{package.name} says {out.strip()}", MAKE_AGAIN)


def installed(package: Path, folder: Path) -> Path:
    """The folder of commands of a new environment with nothing but the package and what the lock file gives it."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = str(ROOT / "requirements/run.txt")
    run([*install, "--require-hashes", "-r", lock], step="install what it needs", remedy="make lock")
    run([*install, "--no-deps", str(package)], step=f"install {package.name}", remedy=MAKE_AGAIN)
    run([python, "-m", "pip", "check"], step=f"check what {package.name} needs", remedy="make lock")
    return folder / "bin"


def write_bill_of_materials(wheel: Path, number: str) -> Path:
    """Lists the parts of the program, in CycloneDX: every package that is installed along, with its licence."""
    bill = DIST / f"reconcile-{number}.cdx.json"
    with tempfile.TemporaryDirectory() as folder:
        bin_folder = installed(wheel, Path(folder) / "venv")
        run([str(bin_folder / "python"), "-m", "pip", "uninstall", "-qy", "pip", "setuptools"], step="tidy", remedy="")
        form = ["--output-reproducible", "--validate", "--of", "JSON", "--pyproject", str(ROOT / "pyproject.toml")]
        source = bin_folder / "python"
        tool("cyclonedx_py", "environment", *form, "-o", bill, source, step="write the bill of materials")
    return bill


def tool(name: str, *arguments: str | Path, step: str) -> None:
    run([sys.executable, "-m", name, *map(str, arguments)], step=step, remedy=MAKE_AGAIN)


def main(arguments: list[str]) -> int:
    try:
        number = version()
        check_texts(number, arguments[0] if arguments else "")
        packages = build()
        for package in packages:
            try_out(package, number)
        bill = write_bill_of_materials(next(path for path in packages if path.suffix == ".whl"), number)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(*(path.relative_to(ROOT) for path in (*packages, bill)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
