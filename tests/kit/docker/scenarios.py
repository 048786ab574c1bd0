"""Changes of a project on the engine in memory: what the campaigns of crashes and faults disturb.

Beside the project there are always a stranger's container, in a network and with a volume of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.core.execution.report import Event, Report
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.providers.docker.provider import DockerProvider
from reconciler.record import replace
from reconciler.run.lock.lock import Lock
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.reconciliation.remove import kinds_to_remove, removal
from tests.kit.docker.memory import ALLOWED, PROJECT, MemoryEngine, a_provider, a_stack, apply

EMPTY = "services: {}"
STRANGER = "stranger"


def asked(engine: MemoryEngine, method: str, path: str, body: Any = None, **params: Any) -> Any:
    """A request that somebody else makes; it has to succeed."""
    answer = engine.request(method, path, params=params, data=json.dumps(body or {}))
    assert answer.status_code < 300, answer.text
    return json.loads(answer.content or b"null")


def _with_stranger(engine: MemoryEngine) -> None:
    asked(engine, "POST", "/networks/create", {"Name": f"{STRANGER}_net", "Labels": {"owner": STRANGER}})
    asked(engine, "POST", "/volumes/create", {"Name": f"{STRANGER}_data", "Labels": {"owner": STRANGER}})
    mount = {"Type": "volume", "Source": f"{STRANGER}_data", "Target": "/data"}
    body = {
        "Image": "app:1",
        "Labels": {"owner": STRANGER},
        "HostConfig": {"NetworkMode": f"{STRANGER}_net", "Mounts": [mount]},
        "NetworkingConfig": {"EndpointsConfig": {f"{STRANGER}_net": {}}},
    }
    asked(engine, "POST", "/containers/create", body, name=STRANGER)
    asked(engine, "POST", f"/containers/{STRANGER}/start")


class Scenario:
    """Two states of a file: one that is applied, and one that is being applied when it happens.

    ``meanwhile`` changes the engine by hand between the two. ``goes_down`` takes the project away instead of applying.
    ``loses`` are the addresses whose data may be lost. ``fails`` says that the change can't succeed: the service is to
    be as before.
    """

    def __init__(
        self,
        before: str,
        after: str,
        *,
        meanwhile: Callable[[MemoryEngine], None] = lambda _engine: None,
        goes_down: bool = False,
        loses: tuple[str, ...] = (),
        adopts: tuple[str, ...] = (),
        prunes: Mapping[str, str] | None = None,
        fails: bool = False,
    ) -> None:
        self.before, self.after, self.meanwhile, self.fails = before, after, meanwhile, fails
        self.goes_down, self.loses = goes_down, frozenset(map(Address.parse, loses))
        self.policy: Policy = replace(
            ALLOWED,
            may_lose=self.loses,
            may_adopt=frozenset(map(Address.parse, adopts)),
            prune={**ALLOWED.prune, **(prunes or {})},
        )

    @cached_property
    def documents(self) -> tuple[Document, Document]:
        with TemporaryDirectory() as folder:
            return a_stack(self.before, Path(folder)), a_stack(self.after, Path(folder))

    @cached_property
    def begun(self) -> bytes:
        """The engine before the change."""
        engine = MemoryEngine(registry={"new:1": {}})
        engine.image("app:1")
        engine.image("app:2")
        _with_stranger(engine)
        assert not apply(self.documents[0], engine).failed
        engine.clock.sleep(60.0)
        self.meanwhile(engine)
        return engine.saved()

    def reconciler(self, engine: MemoryEngine) -> Reconciler:
        providers = {"docker": a_provider(engine)}
        return Reconciler(self.documents[1], providers, engine.clock, self.policy).with_desired(self.desired)

    @cached_property
    def desired(self) -> Any:
        return Reconciler(self.documents[1], {"docker": a_provider(MemoryEngine())}, MemoryEngine().clock).desired()

    def run(self, engine: MemoryEngine) -> tuple[Report, list[Look]]:
        """The whole run of a command, under the lock; raises what it ends with."""
        reconciler = self.reconciler(engine)
        provider = reconciler.providers["docker"]
        assert isinstance(provider, DockerProvider)
        with Lock(engine.clock).held(provider, PROJECT, "apply"):
            happened = self.acted(reconciler, provider)
        looks = [each for each in happened if isinstance(each, Look)]
        return Report(tuple(each for each in happened if isinstance(each, Event))), looks

    def acted(self, reconciler: Reconciler, provider: DockerProvider) -> list[Look | Event]:
        """All that happens under the lock."""
        if not self.goes_down:
            return [each for each in reconciler.converge(lambda _look: None) if isinstance(each, Look | Event)]
        happened = list(removal(reconciler, kinds_to_remove(reconciler.kinds.values(), volumes=False)))
        provider.clear()
        return happened

    def left(self, engine: MemoryEngine) -> list[str]:
        """The actions that a further run would have."""
        if not self.goes_down:
            return [
                f"{each.action.value} {each.address}"
                for each in self.reconciler(engine).look().plan.changes
                if each.acts
            ]
        copy = MemoryEngine.restored(engine.saved())
        _, looks = self.run(copy)
        return [f"{each.action.value} {each.address}" for look in looks for each in look.plan.changes if each.acts]


# ------------------------------------------------------------------ the files

TWO_NETWORKS = """
services:
  web:
    image: app:1
    environment: {V: "1"}
    mem_limit: 64m
    restart: always
    healthcheck: {test: "true"}
    networks: {default: {}, back: {aliases: [w]}}
    volumes: [data:/data, /unnamed]
networks: {back: {}}
volumes: {data: {}}
"""
BESIDE = """
services:
  web: {image: app:1, restart: always, healthcheck: {test: "true"}, networks: {default: {}, back: {aliases: [w]}}}
  many: {image: app:1, scale: 2, post_start: [{command: [warm]}], pre_stop: [{command: [drain]}]}
networks: {back: {}}
"""
AGAINST = """
services:
  a: {{image: "app:1", ports: {a}, healthcheck: {{test: "true"}}}}
  b: {{image: "app:1", ports: {b}, restart: always, depends_on: {{a: {{condition: service_healthy}}}}}}
"""
PREPARED = """
services:
  web:
    image: app:1
    healthcheck: {test: "true"}
    volumes: [data:/data]
    networks: {default: {}, back: {}}
    pre_start:
      - {command: [exit, "0", "1"]}
      - {command: [exit, "0"]}
networks: {back: {}}
volumes: {data: {}}
"""
STEADY = "services:\n  web: {image: app:1, ports: ['8080:80']}\n"
JOB = """
services:
  job: {image: app:1, command: [exit, "0"]}
  web: {image: app:1, depends_on: {job: {condition: service_completed_successfully}}}
"""
NAMED = """
services:
  a: {{image: app:1, container_name: {a}}}
  b: {{image: app:1, container_name: {b}}}
"""
SHARED = """
services:
  web: {image: app:1, healthcheck: {test: "true"}, networks: {back: {aliases: [w]}}}
  old: {image: app:1, healthcheck: {test: "true"}, networks: {back: {}, own: {}}}
networks: {back: {}, own: {}}
"""
TOLD = """
services:
  web:
    image: app:1
    healthcheck: {test: "true"}
    configs: [site]
    x-reconcile: {reload: {signal: HUP}}
configs: {site: {content: one}}
"""
CHAIN = """
services:
  db: {image: app:1, environment: {V: "1"}, healthcheck: {test: "true"}, volumes: [data:/data], ports: ["5432:5432"]}
  seed: {image: app:1, command: [exit, "0"], depends_on: {db: {condition: service_healthy}}}
  api:
    image: app:1
    healthcheck: {test: "true"}
    depends_on: {db: {condition: service_healthy, restart: true}, seed: {condition: service_completed_successfully}}
  web: {image: app:1, ports: ["80:80"], depends_on: {api: {condition: service_healthy}}}
volumes: {data: {}}
"""
SIDECAR = """
services:
  web: {image: app:1, environment: {V: "1"}, healthcheck: {test: "true"}, ports: ["80:80"]}
  proxy: {image: app:1, network_mode: "service:web", depends_on: [web]}
"""
SEVERAL = """
services:
  web: {image: "app:1", scale: 3, healthcheck: {test: "true"}, deploy: {update_config: {order: ORDER, parallelism: 1}}}
"""


def by_hand(verb: str, *names: str) -> Callable[[MemoryEngine], None]:
    """Changes by hand to containers of the project."""

    def act(engine: MemoryEngine) -> None:
        for name in names:
            if verb == "remove":
                asked(engine, "DELETE", f"/containers/{name}", force=1)
            else:
                asked(engine, "POST", f"/containers/{name}/{verb}", signal="KILL", t=1)

    return act


def _of_compose(engine: MemoryEngine) -> None:
    """A project that Docker Compose has started; the marks are those that it sets."""
    label = "com.docker.compose."
    of_project = {f"{label}project": PROJECT}
    asked(
        engine,
        "POST",
        "/networks/create",
        {"Name": "p_default", "Labels": {**of_project, f"{label}network": "default"}},
    )
    asked(engine, "POST", "/volumes/create", {"Name": "p_data", "Labels": {**of_project, f"{label}volume": "data"}})
    for service in ("web", "db"):
        marks = {f"{label}service": service, f"{label}container-number": "1", f"{label}oneoff": "False"}
        mounts = [{"Type": "volume", "Source": "p_data", "Target": "/data"}] if service == "db" else []
        body = {
            "Image": "app:1",
            "Labels": {**of_project, **marks, f"{label}config-hash": "0" * 64},
            "HostConfig": {"NetworkMode": "p_default", "Mounts": mounts},
            "NetworkingConfig": {"EndpointsConfig": {"p_default": {"Aliases": [service, f"p-{service}-1"]}}},
        }
        asked(engine, "POST", "/containers/create", body, name=f"p-{service}-1")
        asked(engine, "POST", f"/containers/p-{service}-1/start")


ADOPTED = "services: {web: {image: app:1}, db: {image: app:1, volumes: [data:/data]}}\nvolumes: {data: {}}\n"


def _several(order: str, after: str, **options: Any) -> Scenario:
    text = SEVERAL.replace("ORDER", order)
    return Scenario(text, text.replace('image: "app:1"', after), **options)


SCENARIOS: Mapping[str, Scenario] = {
    "first start": Scenario(EMPTY, TWO_NETWORKS),
    "first start of a chain": Scenario(EMPTY, CHAIN),
    "first start of what is prepared": Scenario(EMPTY, PREPARED),
    "first start with a config": Scenario(EMPTY, TOLD.replace("one", "two")),
    "stop first": Scenario(TWO_NETWORKS, TWO_NETWORKS.replace('V: "1"', 'V: "2"')),
    "stop first without a health check": Scenario(STEADY, STEADY.replace("app:1", "app:2")),
    "start first": Scenario(BESIDE, BESIDE.replace("app:1", "app:2")),
    "pull and replace": Scenario(STEADY, STEADY.replace("app:1", "new:1")),
    "a port goes to another service": Scenario(
        AGAINST.format(a="[]", b="['8080:80']"), AGAINST.format(a="['8080:80']", b="[]")
    ),
    "a chain": Scenario(CHAIN, CHAIN.replace('V: "1"', 'V: "2"')),
    "all of a chain": Scenario(CHAIN, CHAIN.replace("app:1", "app:2")),
    "one replica after the other, start first": _several("start-first", 'image: "app:2"'),
    "one replica after the other, stop first": _several("stop-first", 'image: "app:2"'),
    "scale up": Scenario(BESIDE, BESIDE.replace("scale: 2", "scale: 4")),
    "scale down": Scenario(BESIDE, BESIDE.replace("scale: 2", "scale: 1")),
    "prepared": Scenario(PREPARED, PREPARED.replace('"1"', '"2"')),
    "prepared no more": Scenario(
        PREPARED, PREPARED.partition("    pre_start")[0] + "networks: {back: {}}\nvolumes: {data: {}}"
    ),
    "job": Scenario(JOB, JOB.replace('"0"', '"0", again')),
    "in place": Scenario(
        TWO_NETWORKS, TWO_NETWORKS.replace("64m", "96m\n    container_name: own").replace("aliases: [w]", "")
    ),
    "network": Scenario(SHARED, SHARED.replace("\nnetworks: {back: {}", "\nnetworks: {back: {internal: true}")),
    "volume": Scenario(
        TWO_NETWORKS,
        TWO_NETWORKS.replace("{data: {}}", "{data: {driver_opts: {type: tmpfs}}}"),
        loses=("docker.volume/data",),
    ),
    "config": Scenario(TOLD, TOLD.replace("one", "two")),
    "names": Scenario(NAMED.format(a="one", b="two"), NAMED.format(a="two", b="one")),
    "a service under another name": Scenario(CHAIN, CHAIN.replace("  api:", "  other:").replace("{api:", "{other:")),
    "taken out": Scenario(SHARED, SHARED.replace(SHARED.splitlines()[3], "").replace(", own: {}", "")),
    "the network of another service": Scenario(SIDECAR, SIDECAR.replace('V: "1"', 'V: "2"')),
    "adopted": Scenario(EMPTY, ADOPTED, meanwhile=_of_compose),
    "adopted and replaced": Scenario(
        EMPTY, ADOPTED.replace("web: {image: app:1", "web: {image: app:2"), meanwhile=_of_compose
    ),
    "stopped by hand": Scenario(CHAIN, CHAIN, meanwhile=by_hand("stop", "p-db-1", "p-web-1")),
    "paused by hand": Scenario(CHAIN, CHAIN, meanwhile=by_hand("pause", "p-db-1", "p-web-1")),
    "removed by hand": Scenario(TWO_NETWORKS, TWO_NETWORKS, meanwhile=by_hand("remove", "p-web-1")),
    "rolled back, since it ends": Scenario(
        TWO_NETWORKS, TWO_NETWORKS.replace("image: app:1", 'image: app:1\n    command: [exit, "3"]'), fails=True
    ),
    "rolled back, since it can't start": Scenario(
        TWO_NETWORKS, TWO_NETWORKS.replace("image: app:1", "image: app:1\n    command: [nothing]"), fails=True
    ),
    "rolled back, since it is unhealthy": Scenario(
        TWO_NETWORKS, TWO_NETWORKS.replace("image: app:1", "image: app:1\n    command: [sick]"), fails=True
    ),
    "rolled back, start first": Scenario(BESIDE, BESIDE.replace("web: {", "web: {command: [sick], "), fails=True),
    "rolled back, one replica after the other": _several("stop-first", 'image: "app:1", command: [sick]', fails=True),
    "down": Scenario(CHAIN, CHAIN, goes_down=True),
    "down with networks": Scenario(SHARED, SHARED, goes_down=True),
}
