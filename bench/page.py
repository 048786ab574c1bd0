"""Writes docs/performance.md: commands as a user runs them, beside the tools that others use, in one run.

    python -m bench.page [--quick] [--containers 20,200] [--users 3000,10000] [--only start,small,…] [--times 9]

It needs a Docker engine and the image of the tests; a Keycloak as the tests find it, for the users; the demo, for the
seed stack; and RECONCILE_CONFIG_CLI, for keycloak-config-cli. A part that can't be measured says why, and the others go
on. Everything that it makes is removed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench import daemon_quiet, keycloak_config_cli, outage
from bench.keycloak_users import a_company, raw_reads, raw_writes, warmed
from bench.load import SERVICES, big_stack
from bench.measure import ROOT, Command, Cost, Work, beside, cost_of, ours, run
from bench.plots import bars
from reconciler import __version__
from reconciler.core.message.errors import ProviderError
from reconciler.providers.transport import unix_socket
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import PROBE, READY, Project, a_project, the_engine
from tests.kit.keycloak.server import ByHand, Server, dropped, running
from tests.kit.machine.proxy import recorded

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
_SOCKET = "/var/run/docker.sock"
_RAW_THREADS = 4
_BRIEF = (5000, "&briefRepresentation=true")
_SLOW_TIMES = 3
_QUIET = 0.5
"""The load for each processor up to which a machine counts as quiet."""
OURS, THEIRS, RAW = "reconcile", "Compose CLI", "raw requests"


@dataclass(frozen=True)
class Part:
    """One section of the page: its text, its table, and a plot if there is one."""

    title: str
    text: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    plot: str = ""
    name: str = ""


@dataclass(frozen=True)
class Options:
    """The sizes to measure, and how often."""

    containers: Sequence[int]
    users: Sequence[int]
    times: int
    load: float = 0.0
    warmed: list[str] = field(default_factory=list)


def ms(cost: Cost) -> str:
    return f"{cost.seconds * 1000:.0f} ms"


def seconds(cost: Cost) -> str:
    return f"{cost.seconds:.2f} s"


def ratio(ours_: Cost, theirs: Cost) -> str:
    return f"{ours_.seconds / theirs.seconds:.2f}"


def processor(cost: Cost) -> str:
    """The processor time of the command itself, without that of a server."""
    return f"{cost.cpu_s * 1000:.0f} ms"


def ratio_of_cpu(ours_: Cost, theirs: Cost) -> str:
    return f"{ours_.cpu_s / theirs.cpu_s:.2f}" if theirs.cpu_s else ""


def compose(directory: Path, *arguments: str) -> Command:
    return Command((str(compose_cli()), "-f", "stack.yaml", *arguments), directory)


# ------------------------------------------------------------------ start


def start(options: Options) -> Part:
    """The start and end of the program, beside those of its interpreter."""
    found = beside(
        {
            "python": Command((sys.executable, "-c", "pass"), ROOT),
            "--help": ours(ROOT, "--help"),
            "--version": ours(ROOT, "--version"),
        },
        2 * options.times,
    )
    bare = found["python"]
    rows = [
        (f"`reconcile {name}`", ms(found[name]), ms(bare), ratio(found[name], bare), ratio_of_cpu(found[name], bare))
        for name in ("--help", "--version")
    ]
    text = "The start and end of the program, beside `python -c pass` of the same interpreter."
    return Part("Start", text, ("command", OURS, "`python -c pass`", "ratio", "ratio of CPU"), rows)


# ------------------------------------------------------------------ stacks


@contextmanager
def a_stack(size: int) -> Iterator[Project]:
    """A project of so many services that run, as declared."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(the_engine()) as engine,
        a_project(Path(folder), engine) as project,
    ):
        services = {f"s{number}": _service(number) for number in range(size)}
        project.write(services=services, volumes={f"v{number}": {} for number in range(size)})
        run(ours(project.directory, "apply", "--yes"))
        yield project


def _service(number: int) -> dict[str, Any]:
    return {
        "image": PROBE,
        "command": ["sleep", "36000"],
        "init": True,
        "stop_grace_period": "1s",
        "environment": {"NUMBER": str(number)},
        "volumes": [f"v{number}:/data"],
        **(READY if number % 10 == 0 else {}),
    }


def small(options: Options) -> Part:
    """Four services, beside the Compose CLI."""
    with a_stack(4) as project:
        at = project.directory
        found = beside(
            {
                "validate": ours(at, "validate"),
                "config": compose(at, "config", "--quiet"),
                "diff": ours(at, "diff"),
                "up": compose(at, "up", "-d", "--no-recreate"),
            },
            options.times,
        )
    pairs = (("validate", "config"), ("diff", "up"))
    rows = [
        (
            f"`{mine}`",
            ms(found[mine]),
            processor(found[mine]),
            f"`{other}`",
            ms(found[other]),
            processor(found[other]),
            ratio(found[mine], found[other]),
            ratio_of_cpu(found[mine], found[other]),
        )
        for mine, other in pairs
    ]
    groups = {mine: {OURS: found[mine].seconds * 1000, THEIRS: found[other].seconds * 1000} for mine, other in pairs}
    text = "Four services with a volume each, which run as declared. `up -d` finds nothing to do, either."
    header = ("command", OURS, "CPU", f"of the {THEIRS}", "takes", "CPU", "ratio", "ratio of CPU")
    return Part("Four services", text, header, rows, bars(groups, "ms"), "four-services")


def seed(options: Options) -> Part:
    """The demo, both halves."""
    if not (ROOT / ".env").exists():
        raise RuntimeError("the demo is not up here: `make demo`")
    found = beside(
        {
            "both": ours(ROOT, "diff"),
            "containers": ours(ROOT, "-f", "stack.yaml", "diff"),
            "keycloak": ours(ROOT, "-u", "users.yaml", "diff"),
            "up": compose(ROOT, "up", "-d", "--no-recreate"),
        },
        options.times,
    )
    rows = [
        (
            "`diff`, both halves",
            seconds(found["both"]),
            f"{found['both'].cpu_s:.2f} s",
            ratio(found["both"], found["up"]),
        ),
        ("containers only", seconds(found["containers"]), f"{found['containers'].cpu_s:.2f} s", ""),
        ("Keycloak only", seconds(found["keycloak"]), f"{found['keycloak'].cpu_s:.2f} s", ""),
        (f"{THEIRS}, `up -d`", seconds(found["up"]), f"{found['up'].cpu_s:.2f} s", ""),
    ]
    text = "The running demo with nothing to do. The Compose CLI looks at the containers alone."
    return Part("The demo", text, ("command", "time", "own CPU", "ratio"), rows)


def many(options: Options) -> Part:
    """Containers of one engine: requests, and the time beside the same requests alone."""
    rows = []
    for size in options.containers:
        with a_stack(size) as project:
            asked = requests(project)
            found = beside(
                {
                    "diff": ours(project.directory, "diff"),
                    "validate": ours(project.directory, "validate"),
                    "up": compose(project.directory, "up", "-d", "--no-recreate"),
                    "raw": partial(replayed, asked),
                },
                options.times,
            )
        whole, raw, bare = found["diff"], found["raw"], found["validate"]
        api = whole.seconds - bare.seconds
        rows.append((str(size), str(len(asked)), seconds(whole), f"{api * 1000:.0f} ms", ms(raw), seconds(found["up"])))
    text = (
        'Containers of one project and one image, with nothing to do. "Beyond `validate`" is the time of `diff` less '
        'that of `validate`. "Raw" is the time of the same requests alone, four at a time.'
    )
    header = ("containers", "requests", "`diff`", "beyond `validate`", "raw", f"{THEIRS}, `up -d`")
    return Part("Many containers", text, header, rows)


def requests(project: Project) -> Sequence[str]:
    """The requests of one look."""
    with tempfile.TemporaryDirectory() as folder, recorded(Path(folder)) as (host, recorder):
        run(ours(project.directory, "diff", DOCKER_HOST=host))
        return tuple(recorder.requests)


def replayed(asked: Sequence[str]) -> None:
    """The same requests by the standard library, four at a time."""
    paths = [text.partition(" ")[2] for text in asked]
    with ThreadPoolExecutor(_RAW_THREADS) as pool:
        list(pool.map(_replay, [paths[start::_RAW_THREADS] for start in range(_RAW_THREADS)]))


def _replay(paths: Sequence[str]) -> None:
    # It connects anew where the engine closes the connection after an answer.
    connection = unix_socket(os.environ.get("DOCKER_HOST", f"unix://{_SOCKET}").removeprefix("unix://"), connect_s=60)()
    for path in paths:
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


def large(options: Options) -> Part:
    """A file of 500 services."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "stack.yaml").write_text(json.dumps({"name": "large", **big_stack()}), encoding="utf-8")
        found = beside(
            {
                "validate": ours(at, "validate"),
                "config": compose(at, "config", "--quiet"),
                "diff": ours(at, "diff", codes=(0, 2)),
            },
            min(options.times, 5),
        )
    config = found["config"]
    rows = [
        (
            name,
            seconds(cost),
            processor(cost),
            seconds(config),
            processor(config),
            ratio(cost, config),
            ratio_of_cpu(cost, config),
        )
        for name, cost in (("`validate`", found["validate"]), ("`diff`, nothing there yet", found["diff"]))
    ]
    header = ("command", OURS, "CPU", f"{THEIRS}, `config`", "CPU", "ratio", "ratio of CPU")
    text = f"A stack of {SERVICES} services, each with a port, volumes, variables, a health check and a dependency."
    return Part(f"{SERVICES} services", text, header, rows)


# ------------------------------------------------------------------ users


def forms(company: Mapping[str, Any], folder: Path) -> Mapping[str, Path]:
    """The same realm as YAML, as JSON in both layouts, and with its users in a table."""
    indented, line, written = folder / "indented.json", folder / "line.json", folder / "users.yaml"
    indented.write_text(json.dumps(company, indent=2), encoding="utf-8")
    line.write_text(json.dumps(company), encoding="utf-8")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    written.write_text(yaml.dump(dict(company), Dumper=dumper, sort_keys=False), encoding="utf-8")
    table, names = (
        folder / "table.yaml",
        ("username", "email", "enabled", "firstName", "lastName", "groups", "realmRoles"),
    )
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        for user in company["users"]:
            rows.writerow(
                [
                    ";".join(value)
                    if isinstance(value := user[name], list)
                    else str(value).lower()
                    if name == "enabled"
                    else value
                    for name in names
                ]
            )
    rest = {**company, "users": {"from": "people.csv"}}
    table.write_text(yaml.dump(rest, Dumper=dumper, sort_keys=False), encoding="utf-8")
    return {"YAML": written, "JSON, indented": indented, "JSON, one line": line, "CSV": table}


@contextmanager
def a_server(options: Options) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as shared, running(Path(shared)) as server:
        if not options.warmed:
            options.warmed.append(server.url)
            with suppress(ProviderError):  # of a busy server; what is measured first is then measured slower
                warmed(server)
        yield server


def keycloak(server: Server, file: Path, *arguments: str) -> Command:
    account = {"RECONCILE_KEYCLOAK_USERNAME": server.user, "RECONCILE_KEYCLOAK_PASSWORD": server.password}
    return ours(file.parent, "--keycloak-url", server.url, "-u", file.name, *arguments, codes=(0,), **account)


def users(options: Options) -> Part:
    """The users of a realm, in each form, with nothing to do."""
    rows: list[tuple[str, ...]] = []
    groups: dict[str, dict[str, float]] = {}
    with a_server(options) as server, tempfile.TemporaryDirectory() as folder, closing(server.client()) as client:
        for size in options.users:
            name = f"bench-{size}"
            files, hand = forms(a_company(name, size), Path(folder)), ByHand(client, name)
            try:
                run(keycloak(server, files["JSON, one line"], "apply", "--yes"))
                works: dict[str, Work] = {RAW: partial(raw_reads, hand, size, _BRIEF)}
                for form, file in files.items():
                    works[form] = keycloak(server, file, "diff")
                    works[f"{form}, validate"] = keycloak(server, file, "validate")
                found = beside(works, min(options.times, _SLOW_TIMES))
            finally:
                dropped(server, name)
            raw = found[RAW]
            groups[f"{size:,} users"] = {form: found[form].seconds for form in files} | {RAW: raw.seconds}
            rows.extend(
                (
                    f"{size:,}",
                    form,
                    seconds(found[form]),
                    seconds(raw),
                    ratio(found[form], raw),
                    seconds(found[f"{form}, validate"]),
                    f"{found[form].memory_mib:.0f} MiB",
                )
                for form in files
            )
    text = (
        "A realm whose users are as declared: the whole command `diff`, beside the raw reads that any program needs. "
        "`validate` asks nobody. Each user is in one of 50 groups and has one of 200 roles."
    )
    header = ("users", "file", "`diff`", "raw reads", "ratio", "`validate`", "memory of `diff`")
    return Part("Many users, nothing to do", text, header, rows, bars(groups, "s"), "many-users")


def first(options: Options) -> Part:
    """The first apply of many users."""
    rows = []
    with a_server(options) as server, tempfile.TemporaryDirectory() as folder, closing(server.client()) as client:
        for size in options.users:
            name = f"bench-{size}"
            company, hand = a_company(name, size), ByHand(client, name)
            file, empty = Path(folder) / "users.json", Path(folder) / "empty.json"
            file.write_text(json.dumps(company), encoding="utf-8")
            empty.write_text(json.dumps({**company, "users": []}), encoding="utf-8")
            try:
                run(keycloak(server, empty, "apply", "--yes"))
                raw = cost_of(partial(raw_writes, hand, company["users"]))
                dropped(server, name)
                whole = run(keycloak(server, file, "apply", "--yes"))
                dropped(server, name)
                other = _config_cli(server, file)
            finally:
                dropped(server, name)
            times = f"{other.seconds / whole.seconds:.1f}" if other else ""
            rows.append(
                (f"{size:,}", seconds(whole), seconds(raw), ratio(whole, raw), seconds(other) if other else "", times)
            )
    text = (
        "A realm that does not exist yet: the whole command `apply`, which looks once more at the end, beside the raw "
        "partial imports alone, and keycloak-config-cli if RECONCILE_CONFIG_CLI names it."
    )
    header = ("users", "`apply`", "raw imports", "ratio", "keycloak-config-cli", "times as long")
    return Part("Many users, first apply", text, header, rows)


def _config_cli(server: Server, file: Path) -> Cost | None:
    if not keycloak_config_cli.COMMAND:
        return None
    other = next(tool for tool in keycloak_config_cli.TOOLS if tool.name == "keycloak-config-cli")
    return cost_of(partial(other.apply, server, file))


# ------------------------------------------------------------------ replacement


def replacement(options: Options) -> Part:
    """A service that is replaced while it is asked."""
    rows = list(outage.rows(min(options.times, outage.TIMES)))
    text = (
        "A service that needs a second to start. Clients in its network look its name up and send a request every "
        "20 ms: one asks the first address only, the other asks each in turn until one answers. "
        '"Without service" is the time between two answers of the first, if it exceeds four times the usual one.'
    )
    return Part("Replacing a service", text, outage.HEADER, rows)


def quiet(_options: Options) -> Part:
    """The daemon, while nothing happens."""
    looks, spent, asked = daemon_quiet.quiet_looks()
    rows = [
        ("processor time", f"{1000 * spent / looks:.1f} ms"),
        *((f"requests to {server}", f"{asked[server] / looks:.2f}") for server in ("docker", "keycloak")),
    ]
    text = f"A look of the daemon with nothing to do: {daemon_quiet.SERVICES} services, and a realm."
    return Part("A quiet look of the daemon", text, ("of each look", ""), rows)


PARTS: Mapping[str, Callable[[Options], Part]] = {
    "start": start,
    "small": small,
    "seed": seed,
    "many": many,
    "large": large,
    "users": users,
    "first": first,
    "replacement": replacement,
    "quiet": quiet,
}


# ------------------------------------------------------------------ the page


def written(parts: Sequence[Part], options: Options) -> str:
    """The page in Markdown."""
    lines = ["# Performance", "", *_about(options)]
    for part in parts:
        lines += ["", f"## {part.title}", "", *_wrapped(part.text)]
        if part.rows:
            lines += ["", f"| {' | '.join(part.header)} |", "|---" * len(part.header) + "|"]
            lines += [f"| {' | '.join(row)} |" for row in part.rows]
        if part.plot:
            (PLOTS / f"{part.name}.svg").write_text(part.plot, encoding="utf-8")
            lines += ["", f"![{part.title}](performance/{part.name}.svg)"]
    return "\n".join((*lines, *_NOTES.rstrip().splitlines(), ""))


def _about(options: Options) -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    theirs = run_text(compose_cli())
    with closing(the_engine()) as engine:
        api = (engine.get("/version") or {}).get("Version", "?")
    system = f"{platform.system()} on {platform.machine()}"
    yield from _wrapped(
        f"Written by `make bench` on {datetime.now(tz=UTC):%d %B %Y}: reconcile {__version__}, Python "
        f"{platform.python_version()}, Docker engine {api}, Compose CLI {theirs}. The machine has {os.cpu_count()} "
        f"processors and {memory:.0f} GiB of memory, and runs {system}. Its load was {options.load:.1f} at the start."
    )
    if options.load > _QUIET * (os.cpu_count() or 1):
        yield ""
        yield from _wrapped(
            "The machine had other work, so times are longer than usual. Ratios of processor time (CPU), which "
            "is that of the command without its server, depend less on it."
        )
    yield ""
    yield from _wrapped(
        f"Times are medians of {options.times} runs, or of {min(options.times, _SLOW_TIMES)} for users, each of a "
        "whole command. Commands "
        'that are compared take turns. "Raw" are the bare requests that any program needs.'
    )


def run_text(program: str | None) -> str:
    import subprocess

    if not program:
        return "is missing"
    return subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=True).stdout.strip()


def _wrapped(text: str) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


_NOTES = """

## Notes

A full list of users, with 1,000 in a page, costs Keycloak a query for each user outside its cache of 10,000. A brief
list, with 5,000 in a page, does not, but omits attributes and required actions. Users are read in full only if a file
declares one of these. Keycloak sorts each page anew, which takes 0.3 s at 100,000 users.

Most of the time of a small command is the start of Python and the import of modules. The daemon pays that once.
`tests/unit/test_budgets.py` fails if a command imports more modules, or a look sends more requests, than its budget.
"""


def measured(name: str, options: Options) -> Part:
    """One part; what went wrong stands in its place, and the others go on."""
    print(f"== {name}", flush=True)
    try:
        part = PARTS[name](options)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is printed and written
        traceback.print_exc()
        words = " ".join(str(error).split())[:200].replace("|", "/")
        part = Part(name.capitalize(), f"Not measured in this run: {words}.")
    for row in part.rows:
        print(" | ".join(row), flush=True)
    return part


def main() -> int:
    """Measure, and write the page."""
    options, only = _options()
    PLOTS.mkdir(exist_ok=True)
    text = written([measured(name, options) for name in only or PARTS], options)
    if only:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
    return 0


def _options() -> tuple[Options, tuple[str, ...]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few runs: some minutes on a quiet machine"
    )
    parser.add_argument("--containers", help="sizes of stacks")
    parser.add_argument("--users", help="sizes of realms")
    parser.add_argument("--times", type=int, help="runs of each command")
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}; prints, and writes no page")
    found = parser.parse_args()
    containers, users_, times = ("20", "1000", 3) if found.quick else ("20,200", "3000,10000", 9)
    sizes = [
        [int(each) for each in text.split(",")] for text in (found.containers or containers, found.users or users_)
    ]
    options = Options(sizes[0], sizes[1], found.times or times, os.getloadavg()[0])
    return options, tuple(filter(None, found.only.split(",")))


if __name__ == "__main__":
    sys.exit(main())
