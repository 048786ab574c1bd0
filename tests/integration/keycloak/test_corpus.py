"""Realm files that other people wrote: applied on an empty server they are there, and a second look finds nothing.

The files are those below RECONCILE_KEYCLOAK_CORPUS, where that is set: of each folder's files one in
RECONCILE_KEYCLOAK_CORPUS_EVERY, 50 unless it is said.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.config import Sources, load
from tests.kit.keycloak import ByHand, Driver, Server, dropped, with_quick_keys

FOLDER = os.environ.get("RECONCILE_KEYCLOAK_CORPUS", "")
EVERY = int(os.environ.get("RECONCILE_KEYCLOAK_CORPUS_EVERY", "50"))

# Files that can't be there, and why.
EXCEPTIONS = {
    "*/auth-config/07_*": "a key that Keycloak does not have",
    "*/auth-flows/0[5-9]_*": "made to fail: executions that do not exist, or are incomplete",
    "*/auth-flows/2[79]_*": "made to fail: a type of flow that does not exist",
    "*/auth-flows/4[0156]_*": "made to fail: built-in flows can be neither made nor added to",
    "*/auth-flows/51_*": "binds a flow that only an earlier file has",
    "*/auth-flows/53_*": "binds a flow that only an earlier file has",
    "*/client-scopes/*invalid*": "made to fail",
    "*/clients/0*": "a client without clientId",
    "*/clients/1[0-3]*": "a client without clientId, or authorization services where there can be none",
    "*/clients/18_*": "made to fail: a flow that does not exist",
    "*/clients/4[0-9]*": "changes realm-management, which Keycloak 26.7 forbids (HTTP 403)",
    "*/clients/5[01]*": "changes realm-management, which Keycloak 26.7 forbids (HTTP 403)",
    "*/clients/9[0-2]*": "made to fail",
    "*/components/12_*": "made to fail: a name too long",
    "*/default-groups/96_*": "made to fail: a group that does not exist",
    "*/fgap-v2-compatibility/*": "settings of admin-permissions, which the server's import refuses (HTTP 400)",
    "*/import/invalid/*": "made to fail",
    "*/organizations/0[136]_*": "members that only an earlier file has, or a locale in a realm with one language",
    "*/parallel/*": "attributes of users that the user profile does not have: Keycloak would drop them without a word",
    "*/realm-file-type/*/99_*": "made to fail",
    "*/realm-file-type/yaml/3_*": "attributes of users that the user profile does not have",
    "*/roles/15.2_*": "made to fail: a role that does not exist",
    "*/roles/19.2_*": "made to fail: a role that does not exist",
    "*/roles/2[89]_*": "made to fail: a role or client that does not exist",
    "*/roles/70_*": "defaultRoles of old releases",
    "*/realm-substitution/custom-pre-suffix/*": "substitution of another tool",
    "*/scope-mappings/09_*": "a role that only an earlier file has",
    "*/scope-mappings/10_*": "made to fail: a role, client or scope that does not exist",
    "*/simple-realm/04_*": "made to fail: a name too long",
    "*/simple-realm/09_*": "made to fail: a value too long",
    "*/simple-realm/10.[56]_*": "made to fail: a scope that does not exist",
    "*/simple-realm/8[01]_*": "made to fail",
    "*/users/0[78]_*": "made to fail: a role or group that does not exist",
    "*/users/15.*": "attributes of users that the user profile does not have",
    "*/users/50.*": "users without a username, or two with one address",
    "*/workflows/*": "workflows are not supported yet",
}


def every() -> list[Path]:
    """The files of the corpus."""
    return (
        sorted(file for file in Path(FOLDER).rglob("*") if file.suffix in (".json", ".yaml", ".yml")) if FOLDER else []
    )


def files() -> list[Path]:
    """Those that are tried."""
    return [file for file in every()[::EVERY] if str(file.relative_to(FOLDER)) not in EXCEPTIONS]


@pytest.mark.skipif(not FOLDER, reason="RECONCILE_KEYCLOAK_CORPUS names no folder of realm files")
@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_realm_file_is_there_after_it_was_applied(driver: Driver, server: Server, file: Path) -> None:
    loaded = load(Sources(file.parent, users_files=(file,), environment={})).document.realms or ()
    realms = [with_quick_keys({**realm, "adminEventsEnabled": True}) for realm in loaded]
    names = [str(realm["realm"]) for realm in realms]
    client = server.client()
    for name in names:
        dropped(server, name)
    try:
        driver.apply(*realms)
        before = [ByHand(client, name).events() for name in names]
        again = driver.once(*realms)

        assert again.plan.in_sync
        assert again.writes == ()
        assert [ByHand(client, name).events() for name in names] == before
    finally:
        client.close()
        for name in names:
            dropped(server, name)


def test_every_exception_is_a_file() -> None:
    there = {str(file.relative_to(FOLDER)) for file in every()}

    assert not FOLDER or {pattern for pattern in EXCEPTIONS if pattern not in there} == set()
