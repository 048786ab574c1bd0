"""The code of every error, with its cause and remedy: for `reconcile explain`, and for docs/errors.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.message import errors, problem
from reconciler.record import Struct


class Code(Struct, frozen=True):
    """A sort of error: the fact, its usual causes, and what to do about it. ``exits`` are its exit codes."""

    name: str
    fact: str
    cause: str
    remedy: str
    exits: tuple[int, ...]


UNWRITABLE: Final = "RC0502"

_BY_ERROR: Final[Mapping[type[Exception], Code]] = {
    errors.ConfigError: Code(
        "RC0101",
        "A file is wrong.",
        "A key or value of stack.yaml, users.yaml, an env file or a saved plan is not allowed, or names something that "
        "is not declared. Each problem stands at its file, line and column.",
        "Edit that line; `reconcile validate` finds all problems at once, without any live system. "
        "`reconcile explain FIELD` describes a field.",
        (65,),
    ),
    errors.UnknownAddress: Code(
        "RC0103",
        "A name on the command line is of nothing that there is.",
        "No file declares it, and nothing live has the name. An address is KIND/NAME; secrets and users have names.",
        "`reconcile status` lists the addresses there are. A service may be named alone.",
        (64,),
    ),
    errors.Misconfigured: Code(
        "RC0102",
        "The URL of Keycloak is missing or not valid.",
        "Neither `x-reconcile.connection` of users.yaml nor the environment or the command line has a URL that works.",
        "Set `x-reconcile.connection.url`, or RECONCILE_KEYCLOAK_URL, to a URL such as http://localhost:8080.",
        (65,),
    ),
    errors.Refused: Code(
        "RC0201",
        "A safety rule or the policy forbids the plan.",
        "The plan would delete something, lose data, change what others use, or take over what somebody else made.",
        "Read the plan, and allow what is meant with the option that the message names; else edit the files.",
        (4, 3),
    ),
    errors.Cancelled: Code(
        "RC0202",
        "The plan was not confirmed.",
        "The person at the terminal answered no.",
        "Run the command again once the plan is right.",
        (4, 3),
    ),
    errors.StalePlan: Code(
        "RC0203",
        "The saved plan or checksum is not of what would be done now.",
        "The files or the live resources changed after the plan was shown.",
        "Look at a new `reconcile diff`, and apply that one.",
        (5,),
    ),
    errors.Locked: Code(
        "RC0301",
        "Another run is at work on the project.",
        "An apply, a daemon or another command that changes something has not ended, or was killed on another machine.",
        "Wait with `--lock-wait SECONDS`; `reconcile unlock` reports the holder, and releases the lock of one that "
        "has ended.",
        (6,),
    ),
    errors.LockLost: Code(
        "RC0302",
        "The lock was lost while the run was at work.",
        "Somebody broke it with `reconcile unlock --yes`, or this process or its machine was stopped for so long that "
        "another run took it for dead. Nothing more was done, and nothing was taken back.",
        "Wait until no other run is at work, look at `reconcile diff`, and run it again.",
        (6, 3),
    ),
    errors.Unreachable: Code(
        "RC0401",
        "The Docker engine or Keycloak does not answer.",
        "It does not run, is still starting, listens elsewhere, or a network or certificate is in the way.",
        "Check the address in the message, and that the server runs there; `--wait SECONDS` waits for a Keycloak "
        "that starts.",
        (69,),
    ),
    errors.Throttled: Code(
        "RC0402",
        "A server asks to come back later.",
        "It is busy, or a registry limits the number of downloads.",
        "Wait and run it again; log in to the registry to have a higher limit.",
        (1, 3),
    ),
    errors.Conflict: Code(
        "RC0403",
        "A live resource changed while it was worked on.",
        "Somebody else, or another program, changed or removed it after it was read.",
        "Run it again: it reads everything anew. If it comes back, find out what else changes the resource.",
        (1, 3),
    ),
    errors.NotThere: Code(
        "RC0410",
        "A project, container, service or realm that the command names is not there, or can't be used so.",
        "The name is misspelt, nothing of that name was started, or it belongs to something else.",
        "Check the name in the message; `reconcile status` shows those of the project.",
        (1, 3),
    ),
    errors.Denied: Code(
        "RC0404",
        "The account lacks a right.",
        "The account in Keycloak, or the user on this machine, may not do what the step needs.",
        "`reconcile permissions` lists the roles that the account in Keycloak needs; for the engine, join the group "
        "that the message names.",
        (1, 3),
    ),
    errors.NoLogin: Code(
        "RC0405",
        "The credentials are not accepted.",
        "The password or client secret is wrong, the account is disabled, or its realm does not exist.",
        "Check `x-reconcile.connection.auth` in users.yaml and the RECONCILE_KEYCLOAK_… variables.",
        (1, 3),
    ),
    errors.Rejected: Code(
        "RC0406",
        "A server refuses what the file asks for.",
        "The value is one that the server does not accept, or something that it needs is taken or missing. The message "
        "has the server's words.",
        "Change the field that the message is about, and run it again.",
        (1, 3),
    ),
    errors.GateFailed: Code(
        "RC0407",
        "A container did not become ready.",
        "It exited, or its health check fails. The message has its last words.",
        "Read `reconcile logs SERVICE`, and mend the service. Where it only needs longer, run it again, and give its "
        "health check a larger `start_period`.",
        (7, 3, 1),
    ),
    errors.Unobtainable: Code(
        "RC0411",
        "An image can't be fetched: its registry does not answer.",
        "The registry's name is misspelt or unknown to the DNS of the engine's machine, or a network, proxy or "
        "certificate is in the way.",
        "Check the host in the image's name, and the network and DNS of the engine's machine; then run it again.",
        (1, 3),
    ),
    errors.WrittenInVain: Code(
        "RC0408",
        "A server accepts a write and keeps the old value.",
        "The server derives the value from something else, or another program writes it too.",
        "Take the field out of the file, declare the value that the server keeps, or list it under `ignore`.",
        (3, 1),
    ),
    errors.ProviderError: Code(
        "RC0409",
        "A call of the engine or of Keycloak failed in an unexpected way.",
        "The answer has a form that is not known, or the machine failed in between.",
        "Run it again with -v, and report it if it stays.",
        (1, 3),
    ),
    errors.ReconcileError: Code(
        "RC0501",
        "The command can't go on.",
        "A value or a place that it needs is not there, a command of yours failed, or pass after pass finds something "
        "to do.",
        "Mend what the message names, and run the command again.",
        (1, 3),
    ),
    errors.Unwritable: Code(
        UNWRITABLE,
        "A file of this machine, or the output, can't be written.",
        "The folder is missing or read-only, belongs to somebody else, or the disk is full.",
        "Where the message has a path, let this user write there. Else make room, or name another place.",
        (1, 3),
    ),
}

USAGE: Final = "RC0100"
BUG: Final = "RC0599"
_OTHERS: Final = (
    Code(
        USAGE,
        "The command line is wrong.",
        "An option or argument is missing, is not known, or has a value that it can't have.",
        "`reconcile COMMAND --help` lists the options, with examples.",
        (64,),
    ),
    Code(
        problem.UNREADABLE,
        "A file can't be read.",
        "It is not there, is a folder, is not UTF-8 text, is too large, or belongs to somebody else.",
        "Check its name and its permissions; `-f`, `-u` and `--env-file` name other files.",
        (65,),
    ),
    Code(
        problem.SYNTAX,
        "The text of a file means nothing as it is written.",
        "The indentation, a quote, a colon or a bracket is wrong, a key stands twice, or a line has too many cells.",
        "Mend the marked place; an editor that knows YAML shows it while you write.",
        (65,),
    ),
    Code(
        problem.SCHEMA,
        "A key or a value is not one of those that a file may have.",
        "The key is misspelt or belongs elsewhere, or the value is of another type or form than can stand there.",
        "`reconcile explain FIELD` describes a field; `reconcile schema` prints the schema for an editor.",
        (65,),
    ),
    Code(
        problem.VARIABLE,
        "A variable can't be filled in.",
        "It is not set, it is required, or its reference is not closed.",
        "Set it in `.env` or the environment, or give it a default: `${NAME:-value}`.",
        (65,),
    ),
    Code(
        problem.CHECK,
        "Declarations contradict each other, or name something that is not declared.",
        "A reference is misspelt, two objects are the same, or a setting has no effect beside another.",
        "Change one of the two places; the message names the other.",
        (65,),
    ),
    Code(
        problem.UNSUPPORTED,
        "A file asks for something that can't be carried out.",
        "Compose or Keycloak has it, and reconcile does not support it, or it has no effect on Linux.",
        "Remove it; the docs list each with its reason.",
        (65,),
    ),
    Code(
        BUG,
        "Something happened that nobody foresaw: a bug in reconcile.",
        "An exception was raised that no part of the program expects.",
        "Run it again with -v, and report what it prints.",
        (1,),
    ),
)
"""Codes of what is no class of errors: sorts of problems in files, and errors that end the program elsewhere."""

CODES: Final[Mapping[str, Code]] = {
    code.name: code for code in sorted((*_BY_ERROR.values(), *_OTHERS), key=lambda each: each.name)
}


def code_of(error: errors.ReconcileError) -> Code:
    """The code of the nearest class of an error."""
    return next(_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR)
