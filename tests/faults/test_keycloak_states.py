"""Files are edited, realms changed by hand and lines cut in any order; each undisturbed apply ends as declared.

RECONCILE_TEST_FAULTS=all tries many more orders.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler.core.message.errors import ReconcileError
from reconciler.core.plan.policy import Policy
from tests.kit.keycloak.realms import a_realm
from tests.kit.keycloak.scenarios import LAB, STRANGER, applied, lab, left
from tests.kit.keycloak.server import ByHand
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

WHOLE = os.environ.get("RECONCILE_TEST_FAULTS") == "all"
NAMES = st.sampled_from(("one", "two", "three"))
WORDS = st.sampled_from(("", "some", "other"))
POLICY = Policy(deletes=True)
_LISTS = {"roles": "roles", "groups": "groups", "users": "users", "clients": "clients", "clientScopes": "client-scopes"}
_KEYS = {"users": "username", "clients": "clientId"}


class Realms(RuleBasedStateMachine):
    """A file, the server, and those who made something that no file declares."""

    @initialize()
    def begin(self) -> None:
        self.server = SimulatedKeycloak()
        applied(self.server, a_realm(STRANGER), POLICY)
        self.strangers = self.server.exported(STRANGER)
        self.declared: dict[str, dict[str, dict[str, Any]]] = {section: {} for section in _LISTS}
        self.made: set[tuple[str, str]] = set()
        self.apply()

    @property
    def hand(self) -> ByHand:
        return ByHand(SimulatedClient(self.server), LAB)

    @property
    def file(self) -> dict[str, Any]:
        lists = {section: [*bodies.values()] for section, bodies in self.declared.items()}
        return lab(**{**lists, "roles": {"realm": lists["roles"]}})

    # -------------------------------------------------------------- the file

    def _declare(self, section: str, name: str, **body: Any) -> None:
        self.declared[section][name] = {_KEYS.get(section, "name"): name, **body}
        self.made.discard((section, name))

    @rule(name=NAMES, text=WORDS, parts=st.sets(NAMES))
    def declare_a_role(self, name: str, text: str, parts: set[str]) -> None:
        others = [part for part in sorted(parts) if part in self.declared["roles"] and part != name]
        self._declare("roles", name, description=text, composites={"realm": others})

    @rule(name=NAMES, text=WORDS, roles=st.sets(NAMES))
    def declare_a_group(self, name: str, text: str, roles: set[str]) -> None:
        own = [role for role in sorted(roles) if role in self.declared["roles"]]
        self._declare("groups", name, attributes={"a": [text]} if text else {}, realmRoles=own)

    @rule(name=NAMES, text=WORDS, groups=st.sets(NAMES), is_on=st.booleans())
    def declare_a_user(self, name: str, text: str, groups: set[str], is_on: bool) -> None:
        own = [f"/{group}" for group in sorted(groups) if group in self.declared["groups"]]
        self._declare("users", name, firstName=text, enabled=is_on, groups=own)

    @rule(name=NAMES, text=WORDS, is_public=st.booleans())
    def declare_a_client(self, name: str, text: str, is_public: bool) -> None:
        self._declare("clients", name, description=text, publicClient=is_public, redirectUris=[f"https://{name}.org/*"])

    @rule(name=NAMES, text=WORDS)
    def declare_a_scope(self, name: str, text: str) -> None:
        self._declare("clientScopes", name, protocol="openid-connect", description=text)

    @rule(section=st.sampled_from(sorted(_LISTS)), name=NAMES)
    def declare_no_more(self, section: str, name: str) -> None:
        """Takes an object out of the file; from then on it is left alone, and so is whatever named it."""
        if self.declared[section].pop(name, None) is None:
            return
        self.made.add((section, name))
        for role in self.declared["roles"].values():
            role["composites"]["realm"] = [
                each for each in role["composites"]["realm"] if each in self.declared["roles"]
            ]
        for group in self.declared["groups"].values():
            group["realmRoles"] = [each for each in group["realmRoles"] if each in self.declared["roles"]]
        for user in self.declared["users"].values():
            user["groups"] = [each for each in user["groups"] if each[1:] in self.declared["groups"]]

    # -------------------------------------------------------------- somebody's hands

    def _there(self, section: str, name: str) -> Any:
        found = self.hand.get(_LISTS[section])
        return next((each for each in found if each[_KEYS.get(section, "name")] == name), None)

    def _path(self, section: str, body: Any) -> str:
        return f"{'roles-by-id' if section == 'roles' else _LISTS[section]}/{body['id']}"

    @rule(section=st.sampled_from(sorted(_LISTS)), name=NAMES)
    def delete_by_hand(self, section: str, name: str) -> None:
        if body := self._there(section, name):
            self.hand.delete(self._path(section, body))
            self.made.discard((section, name))

    @rule(section=st.sampled_from(sorted(_LISTS)), name=NAMES, text=WORDS)
    def change_by_hand(self, section: str, name: str, text: str) -> None:
        if body := self._there(section, name):
            word = {"firstName": text} if section == "users" else {"description": text}
            self.hand.change(self._path(section, body), **word)

    @rule(section=st.sampled_from(sorted(_LISTS)), name=st.sampled_from(("mine", "yours")))
    def make_by_hand(self, section: str, name: str) -> None:
        if not self._there(section, name):
            protocol = {"protocol": "openid-connect"} if section == "clientScopes" else {}
            self.hand.post(_LISTS[section], {_KEYS.get(section, "name"): name, **protocol})
        self.made.add((section, name))

    @rule(name=NAMES, word=WORDS)
    def set_the_realm_by_hand(self, name: str, word: str) -> None:
        del name
        self.hand.change("", displayName=word, enabled=False)

    # -------------------------------------------------------------- runs

    @rule(number=st.integers(1, 25), lasts=st.booleans(), is_after=st.booleans())
    def apply_on_a_bad_line(self, number: int, lasts: bool, is_after: bool) -> None:
        began = len(self.server.calls)

        def cut(at: int, _call: str) -> None:
            if at - began == number or (lasts and at - began > number):
                raise ConnectionResetError(104, "Connection reset by peer")

        nothing, hooks = self.server.before, ("after" if is_after else "before")
        setattr(self.server, hooks, cut)
        try:
            applied(self.server, self.file, POLICY)
        except ReconcileError:
            pass
        finally:
            setattr(self.server, hooks, nothing)

    @rule()
    def look(self) -> None:
        assert self._writes(lambda: left(self.server, self.file, POLICY)) == []

    @rule()
    def apply(self) -> None:
        report, _ = applied(self.server, self.file, POLICY)

        assert not report.failed, [event.note for event in report.failed]
        assert left(self.server, self.file, POLICY) == []
        assert self._writes(lambda: applied(self.server, self.file, POLICY)) == []

    def _writes(self, act: Callable[[], object]) -> list[str]:
        before = len(self.server.writes)
        act()
        return self.server.writes[before:]

    # -------------------------------------------------------------- what always holds

    @invariant()
    def what_no_file_declares_is_there(self) -> None:
        if not hasattr(self, "made"):
            return
        assert self.server.exported(STRANGER) == self.strangers
        gone = [(section, name) for section, name in self.made if not self._there(section, name)]
        assert [each for each in gone if each[1] in ("mine", "yours")] == []


TestRealms = Realms.TestCase
TestRealms.settings = settings(
    max_examples=300 if WHOLE else 12, stateful_step_count=40 if WHOLE else 25, deadline=None, derandomize=not WHOLE
)
