"""Any history of edits, drift by hand, kills and refused requests: one apply later all is as declared, and stays so.

RECONCILE_TEST_FAULTS=all runs more and longer histories. A failure is shrunk, and printed as the calls that lead to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from reconciler.core.message.errors import ReconcileError
from tests.kit.campaigns import SEED, WHOLE
from tests.kit.docker.crashes import after_the_kill, foreign
from tests.kit.docker.memory import MemoryEngine, Refusal
from tests.kit.docker.scenarios import EMPTY, STRANGER, Scenario, asked

SERVICES = ("web", "db", "job")
NETWORKS = ("default", "back")
VOLUMES = {"data": {}}

ATTRIBUTES = st.fixed_dictionaries(
    {"image": st.sampled_from(["app:1", "app:2"])},
    optional={
        "environment": st.sampled_from([{"V": "1"}, {"V": "2"}]),
        "mem_limit": st.sampled_from(["64m", "96m"]),
        "restart": st.sampled_from(["always", "unless-stopped"]),
        "healthcheck": st.just({"test": "true"}),
        "networks": st.sampled_from([{"default": {}}, {"back": {"aliases": ["w"]}}, {"default": {}, "back": {}}]),
        "volumes": st.sampled_from([["data:/data"], ["/more"], ["data:/data", "/more"]]),
        "scale": st.sampled_from([1, 2]),
    },
)
MODELS = st.dictionaries(st.sampled_from(SERVICES), ATTRIBUTES, max_size=3)


class Histories(RuleBasedStateMachine):
    """A project on the engine in memory, a stranger beside it, and people at work on both."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.engine = MemoryEngine.restored(Scenario(EMPTY, EMPTY).begun)
        self.foreign = foreign(self.engine)
        self.scenario = Scenario(EMPTY, EMPTY)
        self.data: Mapping[str, int] = {}
        self.is_internal = self.is_shared = False

    def own(self) -> list[Any]:
        return sorted((each for each in self.engine.containers.values() if each["Name"].startswith("/p-")), key=str)

    def by_hand(self, number: int, verb: str, **params: Any) -> None:
        """Whatever comes of it: some requests are refused."""
        name = self.own()[number % len(self.own())]["Id"]
        method, path = ("DELETE", "") if verb == "remove" else ("POST", f"/{verb}")
        self.engine.request(method, f"/containers/{name}{path}", params=params)

    @rule(model=MODELS, is_internal=st.booleans())
    def edit_the_file(self, model: Mapping[str, Any], is_internal: bool) -> None:
        # A network with a stranger in it is made anew only where that is allowed.
        self.is_internal = self.is_internal if self.is_shared else is_internal
        networks = {"back": {"internal": self.is_internal}}
        self.scenario = Scenario(EMPTY, json.dumps({"services": dict(model), "networks": networks, "volumes": VOLUMES}))

    @precondition(lambda self: self.own())
    @rule(number=st.integers(0, 9), verb=st.sampled_from(["stop", "start", "pause", "unpause", "restart", "kill"]))
    def steer_by_hand(self, number: int, verb: str) -> None:
        self.by_hand(number, verb, t=1, signal="KILL")

    @precondition(lambda self: self.own())
    @rule(
        number=st.integers(0, 9), name=st.sampled_from(["moved", "p-web-1", "p-db-1", "p-web-1.next", "p-web-1.prev"])
    )
    def rename_by_hand(self, number: int, name: str) -> None:
        self.by_hand(number, "rename", name=name)

    @precondition(lambda self: not self.is_shared and self.settled_network())
    @rule()
    def share_with_a_stranger(self) -> None:
        """A stranger's container joins the project's network, and another one mounts its volume."""
        mount = {"Type": "volume", "Source": "p_data", "Target": "/theirs"}
        asked(self.engine, "POST", "/networks/p_back/connect", {"Container": STRANGER})
        body = {"Image": "app:1", "Labels": {"owner": STRANGER}, "HostConfig": {"Mounts": [mount]}}
        asked(self.engine, "POST", "/containers/create", body, name=f"{STRANGER}-2")
        asked(self.engine, "POST", f"/containers/{STRANGER}-2/start")
        self.is_shared, self.foreign = True, foreign(self.engine)

    def settled_network(self) -> bool:
        """Returns whether the shared network is there as the file has it."""
        networks = {each["Name"]: each["Internal"] for each in self.engine.networks.values()}
        return networks.get("p_back") == self.is_internal and "p_data" in self.engine.volumes

    @precondition(lambda self: self.own())
    @rule(number=st.integers(0, 9))
    def remove_by_hand(self, number: int) -> None:
        self.by_hand(number, "remove", force=1)

    @precondition(lambda self: self.own())
    @rule(number=st.integers(0, 9), network=st.sampled_from(NETWORKS))
    def disconnect_by_hand(self, number: int, network: str) -> None:
        body = {"Container": self.own()[number % len(self.own())]["Id"], "Force": True}
        self.engine.request("POST", f"/networks/p_{network}/disconnect", params={}, data=json.dumps(body))

    @precondition(lambda self: self.own())
    @rule(number=st.integers(0, 9))
    def change_the_limit_by_hand(self, number: int) -> None:
        name = self.own()[number % len(self.own())]["Id"]
        body = {"Memory": 32 << 20, "MemorySwap": 64 << 20}
        self.engine.request("POST", f"/containers/{name}/update", params={}, data=json.dumps(body))

    @rule(number=st.integers(1, 30))
    def apply_and_kill(self, number: int) -> None:
        """The engine is as the run has left it after this write; see ``crashes``."""
        saved: list[bytes] = []

        def save(count: int, _call: str) -> None:
            if count == number:
                saved.append(self.engine.saved())

        self.engine.after, self.engine.calls = save, []
        with suppress(ReconcileError):
            self.scenario.run(self.engine)
        self.engine = after_the_kill(saved[0] if saved else self.engine.saved())

    @rule(number=st.integers(1, 30), status=st.sampled_from([400, 409, 500, 503]))
    def apply_and_be_refused(self, number: int, status: int) -> None:
        def refuse(count: int, _call: str) -> None:
            if count == number:
                raise Refusal(status, "injected fault")

        self.engine.before, self.engine.calls = refuse, []
        with suppress(ReconcileError):
            self.scenario.run(self.engine)
        self.engine = after_the_kill(self.engine.saved())

    @rule()
    def apply(self) -> None:
        self.engine = after_the_kill(self.engine.saved())
        report, _ = self.scenario.run(self.engine)

        assert not report.failed, [(event.step.id, event.note) for event in report.failed]
        assert self.scenario.left(self.engine) == []
        assert [name for name in self.engine.names if name.endswith((".next", ".prev", ".init"))] == []

    @rule()
    def diff(self) -> None:
        self.engine.calls = []
        self.scenario.left(self.engine)

        assert self.engine.writes == []

    @invariant()
    def what_is_a_strangers_is_untouched(self) -> None:
        Histories.steps += 1
        assert foreign(self.engine) == self.foreign

    @invariant()
    def volumes_with_a_name_are_never_lost(self) -> None:
        assert self.data.items() <= self.engine.contents.items()
        self.data = {name: each for name, each in self.engine.contents.items() if name == "p_data"}


def test_any_history_is_made_good_by_one_apply(record_property: Callable[[str, object], None]) -> None:
    Histories.steps = 0
    run = settings(
        max_examples=2000 if WHOLE else 60,
        stateful_step_count=30 if WHOLE else 12,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(seed(SEED)(Histories), settings=run)

    record_property("cases", Histories.steps)
