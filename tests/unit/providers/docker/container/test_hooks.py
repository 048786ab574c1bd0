"""A hook as the engine takes it, and what it wrote as the engine sends it."""

from __future__ import annotations

from reconciler.core.resource.values import Secret
from reconciler.providers.docker.container import hooks
from reconciler.providers.docker.engine.client import Engine
from tests.kit.docker.memory import Answer


def test_all_that_a_hook_says_is_handed_on():
    said = {"command": ["a", "b"], "user": "7", "privileged": True, "working_dir": "/w"}

    bodies = hooks.declared({"post_start": [{**said, "environment": {"A": "1", "T": Secret("s")}}], "pre_stop": []})

    (body,) = bodies["post_start"]
    assert (body["Cmd"], body["User"], body["Privileged"], body["WorkingDir"]) == (["a", "b"], "7", True, "/w")
    assert body["Env"] == ["A=1", Secret("T=s")]
    assert "pre_stop" not in bodies


class OneExec(Engine):
    """An engine whose containers write a line to each output, and end with 3."""

    def _request(self, _method, path, **_rest):
        frames = b"\x01\0\0\0\0\0\0\x04out\n" + b"\x02\0\0\0\0\0\x01\x04" + b"e" * 259 + b"\n"
        answers = {"/containers/web/exec": b'{"Id": "x"}', "/exec/x/start": frames, "/exec/x/json": b'{"ExitCode": 3}'}
        return Answer(200, answers[path])

    def _direct(self):
        """There is no connection."""


def test_both_outputs_come_without_their_frames():
    assert OneExec({}).execute("web", {}, timeout_s=1) == (3, "out\n" + "e" * 259 + "\n")
