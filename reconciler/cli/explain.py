"""``reconcile explain``: an error's code, or a field of either file."""

from __future__ import annotations

import sys

import click

from reconciler.cli.output import columns, show


@click.command("explain")
@click.argument("subject", metavar="[CODE|FIELD]", required=False)
def command(*, subject: str | None) -> None:
    """Explain the code of an error, or a field of stack.yaml or users.yaml and what changing it costs.

    A field may be named alone (`mem_limit`) or with the part of the file that has it (`services.mem_limit`). Without
    an argument the codes are listed.
    """
    from reconciler.core.message.codes import CODES
    from reconciler.render.answers.explanations import DescribedField, code_text, codes_text, fields_text

    if subject is None:
        show(codes_text(CODES.values()))
        return
    if code := CODES.get(subject.upper()):
        show(code_text(code, columns(sys.stdout)))
        return
    from reconciler.config.schema.fields import described_fields, fields_named
    from reconciler.config.yaml.suggest import suggestion
    from reconciler.providers.registry import all_kinds

    found = fields_named(subject)
    if not found:
        known = {*CODES, *(field.name for field in described_fields())}
        near = suggestion(subject.rpartition(".")[2], known) or "; `reconcile explain` lists the codes"
        raise click.UsageError(f"`{subject}` is neither the code of an error nor a field of the files{near}")
    show(fields_text((DescribedField(*field) for field in found), all_kinds(), columns(sys.stdout)))
