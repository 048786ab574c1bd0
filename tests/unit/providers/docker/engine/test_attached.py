"""The frames of a command's outputs, and a connection that breaks off."""

from __future__ import annotations

import io
import socket
from types import SimpleNamespace

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.deadlines import WatchedSocket
from reconciler.providers.docker.engine.attached import Attached, pieces


def frame(stream, data):
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.fixture
def line():
    """Both ends of a connection: a command with a terminal or without, and its engine."""
    ours, theirs = socket.socketpair()
    with ours, theirs, io.BufferedReader(WatchedSocket(ours)) as reader:
        answer = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=reader)))

        def attached(*, tty=False):
            return Attached(answer, tty=tty, resize=lambda _columns, _rows: None, exit_code=lambda: 0)

        yield attached, ours, theirs


def test_frames_say_which_output_they_are_of():
    stream = io.BytesIO(frame(1, b"out") + frame(2, b"err") + frame(1, b"") + frame(1, b"more"))

    assert list(pieces(stream)) == [(False, b"out"), (True, b"err"), (False, b"more")]


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_frame_that_is_cut_gives_what_there_is(cut):
    whole = frame(1, b"abc")

    assert b"".join(data for _, data in pieces(io.BytesIO(whole[:cut]))) == whole[8:cut]


def test_a_long_frame_comes_in_pieces():
    data = b"x" * 200_000

    found = list(pieces(io.BytesIO(frame(1, data))))

    assert (len(found) > 1, b"".join(piece for _, piece in found) == data) == (True, True)


def test_what_a_terminal_writes_is_no_frame_and_input_has_an_end(line):
    attached, _, theirs = line
    running = attached(tty=True)

    assert running.send(b"hello")
    running.end_input()
    theirs.sendall(b"\x01\x00plain")
    theirs.shutdown(socket.SHUT_WR)

    assert (theirs.recv(10), theirs.recv(10)) == (b"hello", b"")
    assert list(running.output()) == [(False, b"\x01\x00plain")]


def test_input_after_the_end_of_the_command_is_not_taken(line):
    attached, _, theirs = line
    theirs.close()

    assert not attached().send(b"late")


def test_a_connection_that_breaks_off_is_an_error(line):
    attached, ours, _ = line
    running = attached()
    ours.settimeout(0.01)

    with pytest.raises(Unreachable, match="broke off"):
        list(running.output())
