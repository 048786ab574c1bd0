"""The only place that prints and writes: all text passes through the writer, which hides secrets."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeGuard

import click

from reconciler.record import Struct

if TYPE_CHECKING:
    from reconciler.core.resource.values import Secret
    from reconciler.render.output.writer import Writer
    from reconciler.settings import Settings

_current: list[Writer] = []
_numbers: list[int] = []
"""The number of the last event, where the run is told as events."""


class Display(Struct):
    """The person's wishes for what is printed: without remarks, colours, or a pager."""

    quiet: bool = False
    colour: bool = True
    pages: bool = True


DISPLAY: Final = Display()

_repeated: list[tuple[re.Pattern[str], str]] = []
"""The commands of ours that messages name, and the options that they need for the same project."""

_lost: list[OSError] = []
"""The first failure to write an event: the run goes on, since what it does is no matter of its readers."""

_screens: list[Callable[[str], None]] = []
"""The printer of messages while a part of the terminal is drawn again and again."""


def writer() -> Writer:
    """The writer of this run of the program."""
    if not _current:
        from reconciler.render.output.writer import Writer

        _current.append(Writer())
    return _current[0]


def begin() -> None:
    """Forget the secrets and wishes of an earlier run in the same process."""
    _current.clear()
    _numbers.clear()
    _lost.clear()
    _repeated.clear()
    DISPLAY.quiet, DISPLAY.colour, DISPLAY.pages = False, True, True


def repeat_options(words: Sequence[str], commands: Iterable[str]) -> None:
    """Has every message that names one of these commands name it with these options."""
    if words:
        # Not after a letter, a slash or a hyphen: `x-reconcile init` is no command, and a path is no program of ours.
        named = re.compile(rf"(?<![\w/.-])reconcile (?=(?:{'|'.join(commands)})\b)")
        _repeated.append((named, f"reconcile {shlex.join(words)} "))


def repeating(text: str) -> str:
    """The text, in which commands of ours have the options of this command line; for no text of somebody else."""
    for named, full in _repeated:
        # Not `sub`: the options may have a backslash, which that would take for a group.
        text = full.join(named.split(text))
    return text


def begin_events(**fields: Any) -> None:
    """Tells everything from here on as events, one JSON document a line, on stdout."""
    if not _numbers:
        _numbers.append(0)
        emit("run_start", "the run begins", **fields)


def in_events() -> bool:
    """Returns whether the run is told as events."""
    return bool(_numbers)


def emit(kind: str, message: str, *, level: str = "info", **fields: Any) -> None:
    """One event."""
    import json
    from datetime import UTC, datetime

    from reconciler.render.output.plain import harmless_json
    from reconciler.render.progress.events import SCHEMA

    _numbers[0] += 1
    head = {"schema": SCHEMA, "seq": _numbers[0], "ts": datetime.now(UTC).isoformat(), "type": kind, "level": level}
    try:
        click.echo(harmless_json(json.dumps(writer().document({**head, "msg": message, **fields}))))
    except OSError as error:
        _lost.append(error)
        let_go(sys.stdout)


def end(code: int) -> OSError | None:
    """Tell the exit code, where the run is told as events; returns the failure to write one of them."""
    if in_events():
        emit("run_done", f"the run ends with exit code {code}", exit_code=int(code))
    return _lost[0] if _lost else None


def let_go(stream: TextIO) -> None:
    """Has a stream lead nowhere from now on: what is left in its buffer can't be written."""
    # Python flushes the stream once more at its end, and would report the same failure again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str, *, level: str = "info") -> None:
    """A message for the person, beside the results; only what went wrong where they want it quiet."""
    text = repeating(text)
    if in_events():
        emit("message", text, level=level)
    elif DISPLAY.quiet and level == "info":
        return
    elif _screens:
        _screens[-1](writer().message(text, columns(sys.stderr)))
    else:
        try:
            click.echo(_fitting(writer().message(text, columns(sys.stderr)), sys.stderr), err=True)
        except OSError:  # there is no other place for it, and the exit code still tells the result
            let_go(sys.stderr)


def warn(text: str) -> None:
    """A message on what went wrong and changes nothing of the result."""
    say(text if in_events() else f"warning: {text}", level="warning")


def fail(text: str, code: str = "") -> None:
    """A message on what ended the run, with the code of its sort."""
    head = f"error[{code}]" if code else "error"
    say(text if in_events() else f"{head}: {text}", level="error")


@contextmanager
def messages_to(screen: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile messages go to a printer that does not disturb what is drawn."""
    _screens.append(screen)
    try:
        yield
    finally:
        _screens.remove(screen)


def show(text: str, *, commands: bool = False, pages: bool = False) -> None:
    """A result; ``commands`` where it has lines for a CI system. One that ``pages`` goes to a pager if it is long."""
    if in_events():
        emit("message", text)
        return
    shown = _fitting(writer().text(text, commands=commands, width=columns(sys.stdout)), sys.stdout)
    # Only where a person looks: a pager in a pipe or in a script would wait for a key for ever.
    if pages and _needs_pager(shown):
        os.environ.setdefault("LESS", "-FRX")  # colours are kept, and the text stays on the terminal
        click.echo_via_pager(shown)
    else:
        click.echo(shown)


def columns(stream: TextIO) -> int:
    """The columns of the terminal behind a stream; 0 where it leads elsewhere, and no line is broken."""
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0


def _needs_pager(text: str) -> bool:
    """Returns whether a text is longer than the terminal that it is for."""
    if not (DISPLAY.pages and sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    return text.count("\n") + 1 >= os.get_terminal_size(sys.stdout.fileno()).lines


def _fitting(text: str, stream: TextIO) -> str:
    """The text as the stream can have it: an ASCII terminal gets no symbol that it can't show."""
    from reconciler.render.output.plain import encodable

    return encodable(text, stream.encoding or "utf-8")


def clean(text: str) -> str:
    """A single text as it may leave the program: one line, harmless and without secrets."""
    return writer().line(text)


def show_clean(text: str) -> None:
    """A result in which each foreign text is ``clean`` already; its own words stay, also if a secret is one of them."""
    click.echo(text)


def clean_json(value: Any) -> str:
    """A document as JSON in which each foreign text is ``clean`` already."""
    from reconciler.render.output.writer import plain_json

    return plain_json(value)


def write_clean(path: Path, text: str) -> None:
    """Such a result as a file. Raises OSError."""
    path.write_text(f"{text}\n", encoding="utf-8")


def show_own(text: str) -> None:
    """A text that is the program's own and has nothing of anybody's files in it."""
    click.echo(text, nl=False)


def pass_on(piece: bytes, *, is_error: bool) -> None:
    """Output of a program that the person runs, byte for byte: it may be a dump, or draw on the terminal."""
    stream = (sys.stderr if is_error else sys.stdout).buffer
    stream.write(piece)
    stream.flush()


def is_of_output(error: Exception) -> TypeGuard[OSError]:
    """Returns whether an error was raised by writing to a standard stream, not to a file or to a server."""
    # An OSError does not say which file it was of, so the innermost frame tells.
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return isinstance(error, OSError) and any(frame.f_code in _WRITES for frame in frames[-1:])


_WRITES: Final = (click.echo.__code__, pass_on.__code__)


def show_json(value: Any, *, with_secrets: bool = False) -> None:
    """A result for programs; ``with_secrets`` where the person asked to see them."""
    click.echo(writer().json(value, with_secrets=with_secrets))


def show_yaml(value: Any, *, with_secrets: bool = False) -> None:
    """A result that is a file of ours."""
    click.echo(_yaml(value if with_secrets else writer().document(value)), nl=False)


def _yaml(value: Any) -> str:
    from reconciler.config.yaml.parse import yaml_text
    from reconciler.render.output.plain import harmless_yaml, steers

    text = yaml_text(value)
    # Escapes exist in double quotes alone. The usual style is easier to read, so it stays where nothing steers.
    return harmless_yaml(yaml_text(value, is_escaped=steers, only_ascii=True)) if steers(text) else text


def show_file(text: str) -> bool:
    """A file of the user's as a result; returns whether it is printed as it is, with nothing masked."""
    shown = writer().text(text)
    click.echo(shown, nl=False)
    return shown == text


def write_file(path: Path, before: str, text: str) -> bool:
    """A file of the user's, put in its place at once; False where it is no longer what was read. Raises Unwritable."""
    from reconciler.atomicfile import replace_file
    from reconciler.core.message.errors import writing

    with writing("it", path):
        return replace_file(path, before, text)


def write_yaml(path: Path, value: Any, *, overwrite: bool) -> bool:
    """A file of ours, put in its place at once; False where there is one, unless it is to be written over.

    Its secrets are variables by now, and masking would change what it says. Raises Unwritable.
    """
    from reconciler.atomicfile import file_text, replace_file
    from reconciler.core.message.errors import writing

    with writing("it", path):
        return replace_file(path, file_text(path) if overwrite else None, _yaml(value))


def write_json(path: Path, value: Any) -> None:
    """A document as a file. Raises OSError."""
    path.write_text(writer().json(value) + "\n", encoding="utf-8")


def write_line(path: Path, text: str) -> None:
    """A line added at the end of a file, which is made where there is none. Raises Unwritable."""
    from reconciler.core.message.errors import writing

    with writing("it", path):
        # Read and written as a whole, since the last line may lack its line break.
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.write_text("\n".join([*lines, writer().line(text), ""]), encoding="utf-8")


def ignore(gitignore: Path, name: str) -> bool:
    """Add a line for a file to .gitignore unless there is one; returns whether that was needed. Raises Unwritable."""
    lines = gitignore.read_text(encoding="utf-8").splitlines() if gitignore.exists() else []
    if any(fnmatch(name, line.strip().removeprefix("/")) for line in lines):
        return False
    write_line(gitignore, name)
    return True


def agreed(question: str) -> bool:
    """Asks the person at the terminal to confirm. Keys that were typed before the question are no answer to it."""
    _drop_typed_ahead()
    return click.confirm(writer().text(question), default=False, err=True)


def answer(question: str) -> str:
    """Reads the answer of the person at the terminal. Keys that were typed before the question are not part of it."""
    _drop_typed_ahead()
    return str(click.prompt(writer().text(question), err=True))


def _drop_typed_ahead() -> None:
    import termios

    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def learn_settings(settings: Settings) -> None:
    """Have the secrets of the environment and of the env files hidden, also where the files turn out to be wrong."""

    # Only called where something is printed: a command that prints nothing foreign reads no file for it.
    def secrets() -> Iterable[Secret]:
        from reconciler.config import secret_values
        from reconciler.run.session.session import bare_sources_of

        return secret_values(bare_sources_of(settings))

    writer().known.learn("files", secrets)  # a session that could load them knows more, and replaces this


def log(*, as_json: bool, verbose: bool) -> Any:
    """The program's log, through the writer."""
    from reconciler.log import configure
    from reconciler.render.output.plain import harmless_json

    if as_json:
        return configure(as_json=True, verbose=verbose, clean=writer().hidden, finish=harmless_json)
    return configure(as_json=False, verbose=verbose, clean=writer().line)
