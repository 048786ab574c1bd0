"""``reconcile init``: a place for secrets, with secrets in it."""

from __future__ import annotations

import click

from reconciler.cli.output import ignore, say
from reconciler.cli.state import State


@click.command("init")
@click.pass_obj
def command(state: State) -> None:
    """Write .env with the declared secrets that are still missing, and keep it out of version control.

    A value that is there is never changed. Where there is a .env.example, .env begins as a copy of it.
    """
    from reconciler.config import missing_secrets
    from reconciler.run.session.session import bare_sources_of, env_file, require_generable
    from reconciler.secrets import generated_secrets, write_secrets

    state.require_files()
    path = env_file(state.settings)
    missing = missing_secrets(bare_sources_of(state.settings))
    require_generable(state.settings, missing)
    is_new = not path.exists()
    write_secrets(path, generated_secrets(missing))
    if not path.exists():
        say("No secrets are declared; there is nothing to write.")
        return
    if missing or is_new:
        what = "created" if is_new else "completed"
        say(f"{path}: {what}; {len(missing)} secret{'s' if len(missing) != 1 else ''} generated.")
    else:
        say(f"{path} is already complete.")
    if ignore(state.settings.directory / ".gitignore", path.name):
        say(f"{state.settings.directory / '.gitignore'}: {path.name} is ignored by git now.")
