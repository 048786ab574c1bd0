"""The part of a terminal that is drawn again and again while steps are going on; the only home of rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reconciler.cli.output import clean, messages_to
from reconciler.render.output.plain import encodable
from reconciler.render.progress.ongoing import Row

_PER_SECOND = 5
_KEPT_LINES = 4
"""Lines of the terminal that are left to what was printed before."""

_LEAST_NOTE = 60
"""A note that is cut although it has fewer columns than this gets a line of its own."""


class LiveScreen:
    """Rows below the messages. ``rows`` is asked for them several times a second, by a thread of rich."""

    draws = True

    def __init__(self, rows: Callable[[], Sequence[Row]], *, colour: bool) -> None:
        self._rows = rows
        self._console = Console(
            file=sys.stderr, force_terminal=True, no_color=not colour, highlight=False, markup=False, emoji=False
        )
        self._is_ascii = not self._console.encoding.startswith("utf")
        self._spinner = Spinner("line" if self._is_ascii else "dots")
        self._live: Live | None = None
        self._is_stacked = False

    def show(self) -> None:
        """Draw the rows from now on."""
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._table,
                transient=True,
                refresh_per_second=_PER_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._messages = messages_to(self._print)
            self._messages.__enter__()
            self._live.start(refresh=True)

    def hide(self) -> None:
        """Take the rows away; what was printed stays."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
            self._messages.__exit__(None, None, None)

    def _print(self, text: str) -> None:
        self._console.print(Text.from_ansi(self._fit(text)), soft_wrap=True)

    def _table(self) -> Table:
        rows = self._rows()
        # Besides the mark that moves and a space: `^C`, which a terminal writes behind the last row. It must not begin
        # a line, or the rows could not be taken away any more.
        width = self._console.width - 4
        cells = [[Text(self._fit(clean(text))) for text in _texts(row)] for row in rows]
        widths = _widths(cells, width)
        # Once a note had to be cut, rows stay as they are then: they would jump with each other note.
        self._is_stacked = self._is_stacked or _is_cut(cells, widths[-1])
        lines = 2 if self._is_stacked else 1
        most = max(1, (self._console.height - _KEPT_LINES) // lines)
        table = self._stacked(cells[:most], width) if self._is_stacked else self._grid(cells[:most], widths)
        if len(rows) > most:
            table.add_row("", Text(f"and {len(rows) - most} more"))
        return table

    def _grid(self, cells: Sequence[Sequence[Text]], widths: Sequence[int]) -> Table:
        """A line for each row."""
        table = self._table_of((1, *widths))
        for row_cells in cells:
            table.add_row(self._spinner, *row_cells)
        return table

    def _stacked(self, cells: Sequence[Sequence[Text]], width: int) -> Table:
        """Two lines for each row, the second one for its note."""
        table = self._table_of((1, width))
        for subject, doing, note in cells:
            subject.truncate(max(1, width - doing.cell_len - 1), overflow=self._overflow)
            table.add_row(self._spinner, Text.assemble(subject, " ", doing))
            table.add_row("", Text.assemble("  ", note))
        return table

    def _table_of(self, widths: Sequence[int]) -> Table:
        table = Table.grid(padding=(0, 1, 0, 0))
        for width in widths:
            table.add_column(no_wrap=True, overflow=self._overflow, width=width)
        return table

    @property
    def _overflow(self) -> Literal["crop", "ellipsis"]:
        return "crop" if self._is_ascii else "ellipsis"

    def _fit(self, text: str) -> str:
        return encodable(text, self._console.encoding)


def _texts(row: Row) -> tuple[str, str, str]:
    return row.subject, f"{row.doing} {row.time}".strip(), row.note


def _is_cut(cells: Sequence[Sequence[Text]], width: int) -> bool:
    """Returns whether a note does not fit into a column that is too narrow for most notes."""
    return width < _LEAST_NOTE and any(note.cell_len > width for *_, note in cells)


def _widths(cells: Sequence[Sequence[Text]], width: int) -> tuple[int, int, int]:
    """The widths of subject, doing and note: the doing is whole, the note has what the others leave."""
    subject, doing, note = (max(text.cell_len for text in column) for column in zip(*cells, strict=True))
    doing = min(doing, width - 2)
    subject = min(subject, max(width // 2, width - doing - 2 - min(note, width // 4)))
    subject = min(subject, max(1, width - doing - 4))
    return subject, doing, max(1, min(note, width - subject - doing - 3))
