"""The contents of a new realm in a real Keycloak, recorded: the beginning of each realm of the simulator.

``python -m tests.kit.keycloak.simulator.recorded`` records it anew from the server of RECONCILE_TEST_KEYCLOAK_URL.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.providers.keycloak.table.connection import WHOLE_EXPORT
from tests.kit.keycloak.server import ByHand, running

FILE: Final = Path(__file__).parent / "new_realm.json"
NAME: Final = "the-recorded-realm"
_KEPT: Final = ("featureId", "name", "enabled")


@cache
def recording() -> str:
    return FILE.read_text(encoding="utf-8")


@cache
def recorded() -> Mapping[str, Any]:
    """The recording, for everybody to read and nobody to change."""
    found: Mapping[str, Any] = json.loads(recording())
    return found


def _record(hand: ByHand) -> Mapping[str, Any]:
    info = hand.client.get("admin/serverinfo")
    return {
        "export": hand.client.ask(hand.path(WHOLE_EXPORT)),
        "profile": hand.get("users/profile"),
        "authenticators": dict(sorted(_authenticators(hand))),
        "mappers": {
            protocol: [each["id"] for each in found] for protocol, found in info["protocolMapperTypes"].items()
        },
        "info": {
            "systemInfo": {"version": info["systemInfo"]["version"]},
            "features": [{key: each[key] for key in _KEPT if key in each} for each in info["features"]],
            "providers": {"policy": {"providers": {key: {} for key in info["providers"]["policy"]["providers"]}}},
            "componentTypes": {
                sort: [
                    {"id": each["id"], "properties": [{"name": row["name"]} for row in each.get("properties") or ()]}
                    for each in found
                ]
                for sort, found in info["componentTypes"].items()
            },
        },
    }


def _authenticators(hand: ByHand) -> Any:
    """The properties that an execution of each authenticator shows."""
    for flow in ("basic-flow", "client-flow", "form-flow"):
        sort = {"basic-flow": "authenticator", "client-flow": "client-authenticator", "form-flow": "form-action"}[flow]
        made = hand.post("authentication/flows", {"alias": flow, "providerId": flow, "topLevel": True})
        for provider in hand.get(f"authentication/{sort}-providers"):
            body = {"authenticator": provider["id"], "requirement": "DISABLED", "priority": 1, "parentFlow": made}
            with suppress(ProviderError):
                hand.post("authentication/executions", body)
        for each in hand.get(f"authentication/flows/{flow}/executions"):
            shown = {key: each[key] for key in ("displayName", "requirementChoices", "configurable")}
            yield each["providerId"], shown


def main() -> None:
    with tempfile.TemporaryDirectory() as shared, running(Path(shared)) as server:
        client = server.client()
        hand = ByHand(client, NAME)
        client.create("admin/realms", {"realm": NAME, "enabled": True})
        try:
            found = _record(hand)
        finally:
            client.delete(f"admin/realms/{NAME}")
            client.close()
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
