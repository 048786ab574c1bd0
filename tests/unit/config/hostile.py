"""Files made to take time or memory. Run as a program it loads them all, and prints what each one cost."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from tests.kit.machine.memory import peak_mebibytes

A_SERVICE = "services:\n  a: {image: x}\n"
DIGITS = "9" * 100_000
DOUBLED = "V0=xxxxxxxxxx\n" + "".join(f"V{number}=$V{number - 1}$V{number - 1}\n" for number in range(1, 40))
PAIRS = list(pairwise("abcdefghi"))


def included(count: int, times: int) -> dict[str, str]:
    """Files that include one another, each the next one so many times."""
    files = {f"i{n}.yaml": f"include: [{', '.join([f'i{n + 1}.yaml'] * times)}]\n" for n in range(count)}
    return {"stack.yaml": "include: [i0.yaml]\n", **files, f"i{count}.yaml": A_SERVICE}


def service(body: str) -> dict[str, str]:
    return {"stack.yaml": f"services:\n  a: {{image: x, {body}}}\n"}


def services(count: int, prefix: str = "s") -> str:
    return "services:\n" + "".join(f"  {prefix}{number}:\n    image: x\n" for number in range(count))


def pools(network: int) -> str:
    listed = ", ".join(f"{{subnet: {network}.{n // 256}.{n % 256}.0/24}}" for n in range(2000))
    return f"networks: {{n: {{ipam: {{config: [{listed}]}}}}}}\n"


FILES: dict[str, tuple[dict[str, str], str]] = {
    "aliases that multiply": (
        {"stack.yaml": "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in PAIRS)},
        "its aliases multiply",
    ),
    "merge keys that multiply": (
        {
            "stack.yaml": "a: &a {k: v}\n"
            + "".join(f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 99)}]}}\n" for a, b in PAIRS)
        },
        "its aliases multiply",
    ),
    "deep lists": ({"stack.yaml": "x-a: " + "[" * 50_000}, "nested more than 100 levels deep"),
    "deep mappings": ({"stack.yaml": "x-a: " + "{a: " * 20_000}, "nested more than 100 levels deep"),
    "a large file": ({"stack.yaml": "x-a: " + "x" * 11_000_000}, "is too large"),
    "open variables": (service(f"user: '{'${A:-' * 20_000}'"), "is not closed"),
    "nested variables": (service(f"user: '{'${A:-' * 20_000}{'}' * 20_000}'"), "nested more than 50 deep"),
    "many variables": (service(f"user: '{'$A' * 100_000}'"), "undefined variable"),
    "variables that double": ({**service("user: $V39"), ".env": DOUBLED}, "a million letters"),
    "an env file that doubles": ({**service("env_file: a.env"), "a.env": DOUBLED}, "a million letters"),
    "a long variable, often": (
        {**service(f"labels: [{', '.join(f'a{n}=$LONG' for n in range(3000))}]"), ".env": f"LONG={'x' * 100_000}\n"},
        "20 million letters",
    ),
    "ranges of ports": (service("ports: ['1-65535:1-65535']"), "more than 20000 ports"),
    "long numbers": (service(f"scale: {DIGITS}"), "must be a whole number"),
    "long ports": (service(f"ports: ['{DIGITS}:80']"), "is no host port"),
    "long sizes": (service(f"mem_limit: '{DIGITS}'"), "is not a valid size"),
    "long durations": (service(f"stop_grace_period: {DIGITS}s"), "is not a valid duration"),
    "open parentheses": (service(f'command: "{"$( " * 20_000}"'), "is not closed"),
    "many services": ({"stack.yaml": services(20_000)}, "services has more than the 1000 entries"),
    "many services in many files": (
        {
            "stack.yaml": f"include: [{', '.join(f'i{n}.yaml' for n in range(20))}]\n",
            **{f"i{n}.yaml": services(999, prefix=f"s{n}x") for n in range(20)},
        },
        "services has more than the 1000 entries",
    ),
    "a long chain of services": (
        {"stack.yaml": "services:\n" + "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(1000))},
        "more than 100 services extend each other",
    ),
    "a long chain of files": (included(300, 1), "more than 1000 files are included, or 100 by one another"),
    "files that multiply": (included(40, 2), "more than 1000 files are included, or 100 by one another"),
    "address pools": (
        {"stack.yaml": pools(1) + A_SERVICE, "over.yaml": pools(2)},
        "more address pools are to be merged than any network has",
    ),
    "unknown keys": (service(", ".join(f"k{n}: 1" for n in range(3000))), "unknown key `k0`"),
    "a circle of services": (
        {
            "stack.yaml": "services:\n"
            + "".join(f"  s{n}: {{image: x, ipc: 'service:s{(n + 1) % 1000}'}}\n" for n in range(1000))
        },
        "in a circle",
    ),
    "an odd tag": ({"stack.yaml": "services: !!python/object/apply:os.system [ls]\n"}, "must be a mapping"),
    "no text": ({"stack.yaml": "services: \0"}, "NUL character"),
}


def told(files: dict[str, str]) -> str:
    """All that is said of the files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        named = tuple(Path(folder) / name for name in ("stack.yaml", "over.yaml") if name in files)
        try:
            load(Sources(Path(folder), named))
        except ConfigError as error:
            return "\n".join(problem.message for problem in error.problems)
    return ""


def main() -> None:
    found = {}
    for name, (files, _) in FILES.items():
        began = time.process_time()
        message = told(files)
        found[name] = (time.process_time() - began, message)
    json.dump({"found": found, "mebibytes": peak_mebibytes()}, sys.stdout)


if __name__ == "__main__":
    main()
