"""Names of images as a Swarm keeps them: in the short form, with a tag, and with the digest that was found for it."""

from __future__ import annotations

from typing import Final

_USUAL: Final = ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/")


def familiar(reference: str) -> str:
    """The name as the Docker CLI writes it: without the usual registry, and with a tag unless it has a digest.

    >>> familiar("docker.io/library/redis"), familiar("host:5000/app@sha256:ab")
    ('redis:latest', 'host:5000/app@sha256:ab')
    """
    short = next((reference.removeprefix(prefix) for prefix in _USUAL if reference.startswith(prefix)), reference)
    if not short or "@" in short or ":" in short.rpartition("/")[2]:
        return short
    return f"{short}:latest"


def is_same(live: str, wanted: str) -> bool:
    """Returns whether a live image is the wanted one: by its digest, if one is wanted, else by its name."""
    name, _, digest = wanted.partition("@")
    live_name, _, live_digest = live.partition("@")
    if digest:
        return digest == live_digest and _without_tag(name) == _without_tag(live_name)
    return name == live_name


def _without_tag(name: str) -> str:
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
