"""The program that leads to an engine by ssh: how it is called, and what is said where it fails."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.ssh import command, explained


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("ssh://there", ["--", "there", "docker system dial-stdio"]),
        ("ssh://ops@There:2222", ["-l", "ops", "-p", "2222", "--", "There", "docker system dial-stdio"]),
        ("ssh://[fe80::1]:22", ["-p", "22", "--", "fe80::1", "docker system dial-stdio"]),
        (
            "ssh://a/run/user/1/docker.sock",
            ["--", "a", "docker --host=unix:///run/user/1/docker.sock system dial-stdio"],
        ),
        ("ssh://a/x;rm", ["--", "a", "docker '--host=unix:///x;rm' system dial-stdio"]),
        ("ssh://a/", ["--", "a", "docker system dial-stdio"]),
    ],
)
def test_it_is_called_as_the_docker_cli_calls_it(url, rest):
    called = command(url)

    assert called[0] == "ssh"
    assert called[-len(rest) :] == rest


def test_it_asks_for_nothing_and_waits_for_nobody_for_ever():
    called = command("ssh://there")

    assert {"BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=15"} <= set(called)


@pytest.mark.parametrize("url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://a:hush@there", "ssh://a?x", "ssh://a#x"])
def test_what_it_could_take_for_something_else_is_refused_and_no_password_repeated(url):
    with pytest.raises(Unreachable, match="expected ssh://") as told:
        command(url)

    assert "hush" not in str(told.value)


@pytest.mark.parametrize("url", ["ssh://there:port", "ssh://[there"])
def test_what_is_no_address_is_said(url):
    with pytest.raises(Unreachable, match="not a valid address of a Docker engine"):
        Engine({"DOCKER_HOST": url}).get("/networks")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "Host key verification failed.\r\n",
            "Host key verification failed; its host key is not known; `ssh -p 5 o@h`",
        ),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another host key"),
        ("o@h: Permission denied (publickey).", "Permission denied (publickey); load a key with `ssh-add`"),
        ("bash: line 1: docker: command not found", "install the Docker CLI there"),
        ("sh: 1: docker: not found", "install the Docker CLI there"),
        ("failed to open the raw stream connection: dial unix /a: no such file", "start the engine there"),
        ("permission denied while trying to connect to the Docker daemon socket", "see the group `docker`"),
        ("ssh: connect to host h port 5: No route to host", "No route to host; `ssh -p 5 o@h docker version` may show"),
        ("one\ntwo\nthree\nfour", "two / three / four"),
    ],
)
def test_what_the_programs_say_is_told_with_what_to_do(words, said):
    message = explained("ssh://o@h:5", words)

    assert message.startswith("the Docker engine at ssh://o@h:5 can't be reached: ")
    assert said in message
