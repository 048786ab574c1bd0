"""Builds with BuildKit: what only it can do, and how the Docker CLI's plugin buildx is told to do it.

BuildKit asks whoever builds for files and secrets over a session of its own kind, which the plugin keeps up; so it is
the plugin that is run. It finds the engine, the builder and the credentials as the Docker CLI does. Secrets go into its
environment, never into its arguments, which everybody on the machine can read.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.message.errors import Rejected
from reconciler.core.resource.document import Document
from reconciler.core.resource.units import bytes_of
from reconciler.core.resource.values import Secret, Value
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct

if TYPE_CHECKING:
    from subprocess import Popen

_OFF: Final = frozenset({"0", "f", "false"})
_NETWORKS: Final = ("", "default", "none", "host")
_LIMITS: Final = ("shm_size", "ulimits")
_KNOWS_LIMITS: Final = (1, 42)
"""BuildKit in an older engine leaves them out without a word."""

_INSTALL: Final = (
    "install the Docker CLI's plugin buildx (the package docker-buildx, or docker-buildx-plugin of Docker's)"
)


# ------------------------------------------------------------------ which builder


def _any(_value: Any) -> bool:
    return True


def _several(values: Any) -> bool:
    return len(values) > 1


def _is_asked(attestation: Any) -> bool:
    return str(attestation) not in ("", "false")


def _is_described(caches: Iterable[str]) -> bool:
    return any("=" in cache for cache in caches)


NEEDED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "additional_contexts": _any,
    "cache_from": _is_described,
    "cache_to": _any,
    "entitlements": _any,
    "no_cache_filter": _any,
    "platforms": _several,
    "privileged": _any,
    "provenance": _is_asked,
    "sbom": _is_asked,
    "secrets": _any,
    "ssh": _any,
}
"""What only BuildKit can do, and which values of it."""


def needed(document: Document, service: str) -> list[Value]:
    """The attributes of a service's build that only BuildKit can carry out, each with its place in the file."""
    build, path = document.section("services")[service].get("build") or {}, ("services", service, "build")
    return [
        {"path": ".".join((*path, key)), "at": str(document.locate(("stack", *path, key)))}
        for key, applies in NEEDED.items()
        if build.get(key) and applies(build[key])
    ]


def obstacle(build: Json, environment: Mapping[str, str], api: tuple[int, int]) -> str:
    """Explains why BuildKit can't build it, with the remedy; empty if it can."""
    if environment.get("DOCKER_BUILDKIT", "").lower() in _OFF:
        return "DOCKER_BUILDKIT=0 forbids it; unset that"
    if classic := list(_of_the_classic_builder(build, api)):
        return f"{' and '.join(classic)}, which only the engine's classic builder has; take one of them out"
    return "" if _is_installed(environment) else _INSTALL


def _of_the_classic_builder(build: Json, api: tuple[int, int]) -> Iterator[str]:
    if str(build.get("network") or "") not in _NETWORKS:
        yield f"the build has the `network` {build['network']}"
    # The classic builder takes labels in the address of its request, which logs may show.
    if any(isinstance(value, Secret) for value in (build.get("labels") or {}).values()):
        yield "the build has a secret in `labels`"
    if api < _KNOWS_LIMITS:
        yield from (f"the build has `{key}` on an engine before Docker 23.0" for key in _LIMITS if build.get(key))


def lacks(needs: Any, why: str) -> Iterator[tuple[str, str]]:
    """Lists the parts of the build that the obstacle rules out, each with its place in the file."""
    return ((need["at"], f"{need['path']} needs BuildKit: {why}") for need in needs if why)


def is_published(build: Json) -> bool:
    """Returns whether the registry gets more than the image in the engine: more platforms, or attestations."""
    return any(build.get(key) and NEEDED[key](build[key]) for key in ("platforms", "provenance", "sbom"))


# ------------------------------------------------------------------ what it is told


class Call(Struct, frozen=True):
    """One `docker buildx build`: its arguments, what it finds in its environment, and what it reads."""

    arguments: tuple[str, ...]
    secrets: Mapping[str, Secret]
    text: bytes = b""


def _one(value: Any) -> Sequence[str]:
    return [str(value)]


def _ulimits(values: Any) -> Sequence[str]:
    return [f"{each['Name']}={each['Soft']}:{each['Hard']}" for each in forms.ulimit_bodies(forms.ulimits(values))]


_OPTIONS: Final[Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]]] = {
    "additional_contexts": ("build-context", lambda contexts: [f"{name}={at}" for name, at in contexts.items()]),
    "cache_from": ("cache-from", list),
    "cache_to": ("cache-to", list),
    "entitlements": ("allow", list),
    "extra_hosts": ("add-host", lambda hosts: [str(host) for host in forms.hosts(hosts)]),
    "network": ("network", _one),
    "privileged": ("allow", lambda _is_so: ["security.insecure"]),
    "shm_size": ("shm-size", lambda size: [str(bytes_of(size))]),
    "ssh": ("ssh", list),
    "target": ("target", _one),
    "ulimits": ("ulimit", _ulimits),
}
_HOW_IT_IS_BUILT: Final[Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]]] = {
    "no_cache": ("no-cache", lambda is_so: [str(is_so).lower()]),
    "no_cache_filter": ("no-cache-filter", list),
    "pull": ("pull", lambda is_so: [str(is_so).lower()]),
}
"""Of no matter to what has just been built, and is on its way to a registry."""

_ATTESTED: Final[Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]]] = {
    "platforms": ("platform", list),
    "provenance": ("provenance", _one),
    "sbom": ("sbom", _one),
}


def loading(build: Json, reference: str, inputs: str, platform: str) -> Call:
    """The command that builds an image for one platform, if one is named, and loads it into the engine."""
    how = [*_options(build, _HOW_IT_IS_BUILT), *([f"--platform={platform}"] if platform else ())]
    return _call(build, inputs, "--load", f"--tag={reference}", *how)


_TO_REGISTRIES: Final = "--output=type=image,push=true,store=false"
"""An engine that can hold such an image would give it the name of the one that containers have."""


def publishing(build: Json, names: Iterable[str], inputs: str) -> Call:
    """The command that pushes an image just built to registries, for all its platforms, with attestations."""
    own = [*(f"--tag={name}" for name in names), *_options(build, _ATTESTED)]
    return _call(build, inputs, _TO_REGISTRIES, *own)


def _call(build: Json, inputs: str, *own: str) -> Call:
    text = str(build.get("dockerfile_inline") or "").encode()
    context = Path(str(build["context"]))
    # A Dockerfile in the text goes by stdin, and so never touches the disk.
    file = "-" if text else str(context / str(build.get("dockerfile") or "Dockerfile"))
    marks = {**(build.get("labels") or {}), labels.INPUTS: inputs}
    said = [f"--label={name}={value}" for name, value in marks.items()]
    arguments, hidden = _arguments(build)
    mounted, secrets = _secrets(build)
    told = (*own, *said, *_options(build, _OPTIONS), *arguments, *mounted, f"--file={file}", str(context))
    return Call(told, {**hidden, **secrets}, text)


def _options(build: Json, rows: Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]]) -> list[str]:
    chosen = ((option, form(build[key])) for key, (option, form) in rows.items() if build.get(key))
    return [f"--{option}={value}" for option, values in chosen for value in values]


def _arguments(build: Json) -> tuple[list[str], dict[str, Secret]]:
    """The build's arguments; one without a value is looked for in the environment."""
    given = {name: value for name, value in (build.get("args") or {}).items() if value is not None}
    hidden = {name: value for name, value in given.items() if isinstance(value, Secret)}
    return [f"--build-arg={name}" if name in hidden else f"--build-arg={name}={given[name]}" for name in given], hidden


def _secrets(build: Json) -> tuple[list[str], dict[str, Secret]]:
    options, hidden = [], {}
    for number, each in enumerate(build.get("secrets") or ()):
        variable = f"RECONCILE_BUILD_SECRET_{number}"
        if "content" in each:
            # Through the environment of the command: an option would show in the list of processes.
            hidden[variable] = each["content"]
        source = f"env={variable}" if "content" in each else f"src={each['file']}"
        options.append("--secret=" + _row(f"id={each['id']}", source))
    return options, hidden


def _row(*fields: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


# ------------------------------------------------------------------ the plugin


def _is_installed(environment: Mapping[str, str]) -> bool:
    import shutil
    import subprocess

    docker = shutil.which("docker", path=environment.get("PATH", ""))
    if not docker:
        return False
    command = [docker, "buildx", "version"]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0  # noqa: S603


_READ_BY_THE_CLI: Final = ("PATH", "HOME", "SSH_AUTH_SOCK", "DOCKER_", "BUILDX_", "BUILDKIT_", "LD_")


def run(call: Call, environment: Mapping[str, str]) -> Generator[str, None, None]:
    """Its output line by line. Raises Rejected with its last words. Ends with the iteration, whether done or not."""
    _require_free_names(call)
    own = {name: secret.reveal() for name, secret in call.secrets.items()}
    # What attests to an image by default makes another one of it with each build.
    variables = {**environment, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", **own}
    command = ["docker", "buildx", "build", "--progress=plain", *call.arguments]
    with _started(command, variables) as process:
        try:
            yield from _told(process, call.text)
        finally:
            # The whole process group, as the CLI runs buildx as a process of its own.
            if process.poll() is None:
                import signal

                os.killpg(process.pid, signal.SIGTERM)


def _started(command: Sequence[str], environment: Mapping[str, str]) -> Popen[bytes]:
    """Starts the command in a session of its own: an interrupt of ours lets the step come to its end."""
    import subprocess

    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(  # noqa: S603
            command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise Rejected(f"`docker buildx build` can't be run: {error.strerror}") from error


def _told(process: Popen[bytes], text: bytes) -> Iterator[str]:
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):  # it ended without reading, and says why
        process.stdin.write(text)
        process.stdin.close()
    last, error = "", list[str]()
    for line in (line.decode(errors="replace").rstrip() for line in process.stdout):
        # From the first line of the error on, everything belongs to it, and nothing more is progress.
        if error or line.startswith(_ERROR):
            error.append(line)
        elif line:
            last = line
            yield line
    if process.wait():
        raise Rejected(_message(error) or last)


_ERROR: Final = "ERROR: "
_PREFIXES: Final = (_ERROR, "failed to build: ", "failed to solve: ")


def _message(lines: Sequence[str]) -> str:
    text = " ".join(line for line in lines if line)
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def _require_free_names(call: Call) -> None:
    for name in call.secrets:
        if name.startswith(_READ_BY_THE_CLI):
            why = "is a secret, and the Docker CLI would take it for its own setting of that name"
            raise Rejected(f"the build argument {name} {why}; give it another name, or use `build.secrets`")
