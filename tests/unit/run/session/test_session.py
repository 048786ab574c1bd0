"""A session from settings: the loading, the connections, the permissions and the end."""

from __future__ import annotations

from typing import ClassVar

import pytest

from reconciler.config.commandline import find
from reconciler.core.difference.kind import Kind
from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.values import Secret
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.run.reconciliation.once import Look
from reconciler.run.reconciliation.remove import kinds_to_remove
from reconciler.run.session.session import env_file, opened, read
from reconciler.settings import Settings
from tests.kit.build import address
from tests.kit.clock import TurnedClock
from tests.kit.docker.memory import MemoryEngine, served
from tests.kit.leases import MemoryLeases

STACK = "services:\n  web: {image: 'app:1', environment: {DB_PASSWORD: '${DB_PASSWORD}'}}\n"
SECRET = f"x-reconcile: {{secrets: [DB_PASSWORD]}}\n{STACK}"
USERS = "realm: shop\nx-reconcile: {connection: {url: 'http://file', auth: {username: admin, password: from-file}}}\n"


@pytest.fixture
def settings(tmp_path):
    """Settings of a project with these files."""

    def made(stack="", users="", **rest):
        files = {"stack.yaml": stack, "users.yaml": users}
        for name, text in files.items():
            if text:
                (tmp_path / name).write_text(text, encoding="utf-8")
        environment = {"DOCKER_HOST": "tcp://127.0.0.1:9", **rest.pop("environment", {})}
        found = find((), (), directory=tmp_path, env_files=(), environment=environment)
        return Settings(tmp_path, found.stack, found.users, environment=environment, project="p", **rest)

    return made


@pytest.fixture
def engine():
    """The address of an engine on which nothing lives."""
    with served(MemoryEngine()) as url:
        yield url


def session_of(settings, **rest):
    with opened(settings, TurnedClock(), **rest) as session:
        return session


@pytest.mark.parametrize(
    ("files", "providers"),
    [
        ({"stack": STACK}, ["docker"]),
        ({"users": USERS}, ["keycloak"]),
        ({"stack": STACK, "users": USERS}, ["docker", "keycloak"]),
        ({}, []),
    ],
)
def test_only_what_the_files_need_is_connected(settings, files, providers):
    session = session_of(settings(**files, environment={"DB_PASSWORD": "x"}))

    assert list(session.providers) == providers
    assert {kind.partition(".")[0] for kind in session.kinds} == set(session.providers)


def test_problems_of_both_files_are_told_together(settings):
    wrong = settings("services: []\n", "realm: []\n")

    with pytest.raises(ConfigError) as caught, opened(wrong, TurnedClock()):
        pytest.fail("it was opened")

    assert {problem.origin.file for problem in caught.value.problems} == {"stack.yaml", "users.yaml"}


def test_the_files_are_called_by_their_names(settings):
    session = session_of(settings(STACK, USERS, environment={"DB_PASSWORD": "x"}))

    assert session.names == ("stack.yaml", "users.yaml")


def test_connections_are_given_back_also_when_the_work_fails(settings):
    closed = []

    def work():
        with opened(settings(STACK, environment={"DB_PASSWORD": "x"}), TurnedClock()) as session:
            session.providers["docker"].close = lambda: closed.append("docker")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()

    assert closed == ["docker"]


# ------------------------------------------------------------------ the connection


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("RECONCILE_KEYCLOAK_URL", ("url",)),
        ("RECONCILE_KEYCLOAK_CA_FILE", ("caFile",)),
        ("RECONCILE_KEYCLOAK_REALM", ("auth", "realm")),
        ("RECONCILE_KEYCLOAK_CLIENT_ID", ("auth", "clientId")),
        ("RECONCILE_KEYCLOAK_USERNAME", ("auth", "username")),
    ],
)
def test_what_the_environment_says_wins_over_the_file(settings, variable, path):
    session = session_of(settings(users=USERS, environment={variable: "from-environment"}))

    value = session.document.connection
    for key in path:
        value = value[key]
    assert value == "from-environment"


@pytest.mark.parametrize(
    ("variable", "key"),
    [("RECONCILE_KEYCLOAK_PASSWORD", "password"), ("RECONCILE_KEYCLOAK_CLIENT_SECRET", "clientSecret")],
)
def test_a_password_from_the_environment_is_a_secret(settings, variable, key):
    session = session_of(settings(users=USERS, environment={variable: "hush"}))

    assert session.document.connection["auth"][key] == Secret("hush")
    assert "hush" not in repr(session.document.connection)


def test_the_command_line_wins_over_all(settings):
    environment = {"RECONCILE_KEYCLOAK_URL": "http://environment"}

    session = session_of(settings(users=USERS, environment=environment, keycloak_url="http://line"))

    assert session.document.connection["url"] == "http://line"


# ------------------------------------------------------------------ secrets


def test_missing_secrets_are_made_up_for_a_look_and_kept_for_good_only_when_asked(settings, engine):
    made = settings(SECRET, environment={"DOCKER_HOST": engine})

    first, second = session_of(made), session_of(made)
    assert not env_file(made).exists()
    assert password(first) != password(second)

    kept, again = session_of(made, keep_secrets=True), session_of(made)
    assert password(kept) == password(again)


def password(session):
    (service,) = session.document.stack["services"].values()
    return service["environment"]["DB_PASSWORD"]


def test_files_that_are_wrong_get_no_secrets(settings):
    made = settings(SECRET.replace("image", "imgae"))

    with pytest.raises(ConfigError):
        read(made, keep_secrets=True)

    assert not env_file(made).exists()


def test_secrets_are_kept_in_the_last_env_file_that_was_named(settings, tmp_path):
    made = settings(SECRET)

    assert env_file(made) == tmp_path / ".env"
    assert env_file(replace(made, env_files=(tmp_path / "a", tmp_path / "b"))) == tmp_path / "b"


# ------------------------------------------------------------------ policy, lock


def test_the_rules_of_the_file_and_what_the_command_line_allows_are_one_policy(settings):
    text = (
        "x-reconcile: {prune: {containers: 'off'}, protect: [docker.volume/data]}\nvolumes: {data: {}}\nservices: {}\n"
    )

    policy = session_of(settings(text)).policy(deletes=True)

    assert policy.deletes
    assert policy.prune == {"docker.container": "off", "docker.network": "owned"}
    assert policy.protected == {address("docker.volume/data")}


def test_a_file_without_rules_prunes_what_holds_no_data(settings):
    policy = session_of(settings("services: {}\n")).policy()

    assert (policy.protected, policy.deletes) == (frozenset(), False)
    assert policy.prune == {"docker.container": "owned", "docker.network": "owned"}
    assert policy.left_in_use == {"docker.network", "docker.volume"}


def test_where_there_is_no_engine_there_is_no_lock(settings):
    with opened(settings(users=USERS), TurnedClock()) as session, session.locked("apply"):
        assert "docker" not in session.providers


def test_a_look_stays_good_where_nobody_has_to_wait_for_anybody(settings):
    look = Look(Plan((), ()), {})

    assert session_of(settings(users=USERS)).still_good(look) is look
    assert session_of(settings(STACK, environment={"DB_PASSWORD": "x"})).still_good(look) is None


class Swarm(MemoryProvider, MemoryLeases):
    """A provider that nobody has heard of, which keeps leases and whose services are pruned."""

    name = "swarm"
    lease_noun = "volume"
    kinds: ClassVar = {
        "swarm.service": Kind("swarm.service", {}, section="containers", prunable=True, goes_down=True),
        "swarm.volume": Kind("swarm.volume", {}, section="volumes", keeps_data=True, goes_down=True),
    }


def test_a_provider_is_known_by_what_it_can_do_and_by_its_tables(settings):
    own = {"x-reconcile": {"prune": {"containers": "off"}}}
    with opened(settings("services: {}\n"), TurnedClock()) as session:
        swarm = replace(session, providers={"swarm": Swarm()}, document=replace(session.document, stack=own))

    assert swarm.leases is swarm.providers["swarm"]
    assert swarm.policy().prune == {"swarm.service": "off"}
    assert kinds_to_remove(swarm.kinds.values(), volumes=False) == {"swarm.service"}
    assert kinds_to_remove(swarm.kinds.values(), volumes=True) == {"swarm.service", "swarm.volume"}


def test_a_provider_without_leases_is_no_place_to_meet(settings):
    with opened(settings("services: {}\n"), TurnedClock()) as session:
        assert replace(session, providers={"memory": MemoryProvider()}).leases is None
