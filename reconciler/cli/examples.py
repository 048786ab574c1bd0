"""Examples of every command, as `--help` shows them under its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "init": ("reconcile init",),
    "validate": ("reconcile validate", "reconcile validate --format sarif >problems.sarif"),
    "config": ("reconcile config --format json", "reconcile -f stack.yaml -f production.yaml config"),
    "diff": (
        "reconcile diff --target docker.container/web",
        "reconcile diff --format github --report junit=report.xml --report markdown=comment.md",
    ),
    "apply": (
        "reconcile apply",
        "reconcile diff --out plan.json && reconcile apply plan.json",
        "reconcile apply --yes --allow-delete docker.volume/data",
    ),
    "build": ("reconcile build --push web",),
    "status": ("reconcile status --watch", "reconcile status --format json"),
    "why": ("reconcile why docker.container/web", "reconcile why docker.network/back --format json"),
    "snapshot": ("reconcile snapshot --out live.json && reconcile diff --against live.json",),
    "pause": (
        "reconcile pause web --for 2h --reason debugging",
        "reconcile pause docker.network/back --owner alice",
    ),
    "resume": ("reconcile resume web",),
    "history": ("reconcile history --since 2h", "reconcile history docker.container/web --format json"),
    "doctor": ("reconcile doctor", "reconcile doctor --format json"),
    "secrets": (
        "reconcile secrets list",
        "reconcile secrets rotate REDIS_PASSWORD",
        "reconcile secrets rotate --all --yes",
        "reconcile secrets recover",
    ),
    "logs": ("reconcile logs --follow --tail 20 web",),
    "exec": ("reconcile exec web sh", "reconcile exec -T db pg_dump -U shop shop >shop.sql"),
    "down": ("reconcile down", "reconcile down --volumes --confirm shop"),
    "unlock": ("reconcile unlock",),
    "daemon": ("reconcile daemon --interval 60", "reconcile --log-format human daemon --observe"),
    "adopt": ("reconcile adopt shop", "reconcile adopt proxy registry", "reconcile adopt --realm shop"),
    "export": (
        "reconcile export --realm shop >users.yaml",
        "reconcile export --patch stack.yaml --write",
        "reconcile export --patch stack.yaml --add docker.container/worker --write",
    ),
    "access": ("reconcile access --user alice", "reconcile access --live --format json"),
    "permissions": ("reconcile permissions", "reconcile permissions --docker --patterns >endpoints.lst"),
    "graph": ("reconcile graph", "reconcile graph --format svg >graph.svg"),
    "restart": ("reconcile restart", "reconcile restart --timeout 30 web"),
    "completion": (
        "reconcile completion bash >~/.local/share/bash-completion/completions/reconcile",
        "reconcile completion fish >~/.config/fish/completions/reconcile.fish",
    ),
    "explain": ("reconcile explain RC0203", "reconcile explain services.mem_limit"),
    "schema": ("reconcile schema stack >stack.schema.json",),
}


def epilog(name: str) -> str:
    """The examples of a command, each on a line of its own; empty if there are none."""
    examples = EXAMPLES.get(name, ())
    return "\n".join(["\b", "Examples:", *(f"  {each}" for each in examples)]) if examples else ""
