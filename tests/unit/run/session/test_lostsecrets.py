"""Secrets are generated only where nothing lives that was given one; what lives gives them back."""

from __future__ import annotations

import stat

import pytest

from reconciler.core.message.errors import ConfigError, Unreachable
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import env_file, opened, read, recover_secrets, secrets_of
from reconciler.settings import Settings
from tests.kit.docker.memory import Line, MemoryEngine, served

STACK = """
x-reconcile: {secrets: [DB_PASSWORD, WEB_KEY]}
services:
  db: {image: 'app:1', environment: {P: '${DB_PASSWORD}'}, volumes: ['data:/data']}
  web: {image: 'app:1', command: [serve, '--key=${WEB_KEY}'], environment: {DSN: 'postgres://u:${DB_PASSWORD}@db/x'}}
volumes: {data: {}}
"""
NEW = "  late: {image: 'app:1', environment: {K: '${NEW_KEY}'}}\nvolumes: {data: {}}"


class World:
    """A project on an engine in memory."""

    def __init__(self, directory, engine, url):
        self.engine, self.file = engine, directory / "stack.yaml"
        self.settings = Settings(directory, (self.file,), environment={"DOCKER_HOST": url}, project="p")
        self.write(STACK)

    def write(self, text):
        self.file.write_text(text, encoding="utf-8")

    def apply(self):
        with opened(self.settings, self.engine.clock, keep_secrets=True) as session:
            happened = list(session.reconciler(policy=session.policy(deletes=True)).converge(lambda _look: None))
        assert all(isinstance(each, Look) or not each.error for each in happened)

    @property
    def env(self):
        return env_file(self.settings)

    @property
    def values(self):
        lines = self.env.read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def remove(self, service):
        Line(self.engine).delete(f"/containers/p-{service}-1", force=1)

    def refusal(self, **rest):
        """The message about a missing secret; nothing may have been written or sent to change anything."""
        writes, there = list(self.engine.writes), self.env.exists() and self.env.read_bytes()
        with pytest.raises(ConfigError) as caught:
            read(self.settings, **(rest or {"keep_secrets": True}))
        assert self.engine.writes == writes
        assert (self.env.exists() and self.env.read_bytes()) == there
        return "\n".join(problem.message for problem in caught.value.problems)


@pytest.fixture
def world(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        yield World(tmp_path, engine, url)


def test_where_nothing_lives_secrets_are_generated(world):
    world.apply()

    assert {name: len(value) for name, value in world.values.items()} == {"DB_PASSWORD": 64, "WEB_KEY": 64}


def without_file(world):
    world.env.unlink()


def emptied(world):
    world.env.write_text("DB_PASSWORD=\nWEB_KEY=''\n", encoding="utf-8")


def renamed(world):
    world.env.write_text("DB_PASSWORT=x\n", encoding="utf-8")


@pytest.mark.parametrize("lose", [without_file, emptied, renamed])
@pytest.mark.parametrize("asks", [{"keep_secrets": True}, {"needs_secrets": True}], ids=["apply", "diff"])
def test_where_a_container_lives_that_was_given_one_they_are_not_and_can_be_recovered(world, lose, asks):
    world.apply()
    before = world.values
    lose(world)

    said = world.refusal(**asks)
    became = recover_secrets(world.settings)

    assert "DB_PASSWORD has no value, and docker.container/db environment.P was given one" in said
    assert "WEB_KEY has no value, and docker.container/web command was given one" in said
    assert said.count("reconcile secrets recover") == 2
    assert not set(before.values()) & set(said.split())
    assert {name: world.values[name] for name in before} == before
    assert (sorted(became.where), became.lost, became.new) == (sorted(before), {}, ())
    assert stat.S_IMODE(world.env.stat().st_mode) == 0o600
    read(world.settings, keep_secrets=True)


def test_a_stopped_container_counts_and_is_read(world):
    world.apply()
    before = world.values
    Line(world.engine).post("/containers/p-db-1/stop")
    world.env.unlink()

    assert "DB_PASSWORD" in world.refusal()
    recover_secrets(world.settings)

    assert world.values == before


def test_a_part_of_a_url_is_enough(world):
    world.apply()
    before = world.values
    world.remove("db")
    world.env.unlink()

    assert recover_secrets(world.settings).where["DB_PASSWORD"] == "docker.container/web environment.DSN"
    assert world.values["DB_PASSWORD"] == before["DB_PASSWORD"]


def test_containers_that_have_different_values_are_named_and_nothing_is_written(world):
    world.apply()
    container = next(each for each in world.engine.containers.values() if each["Name"] == "/p-web-1")
    container["Config"]["Env"] = ["DSN=postgres://u:other@db/x"]
    world.env.unlink()

    said = world.refusal()
    became = recover_secrets(world.settings)

    assert "docker.container/db environment.P, docker.container/web environment.DSN differ" in said
    assert "other" not in said.replace("another", "")
    assert list(became.lost) == ["DB_PASSWORD"]
    assert list(world.values) == ["WEB_KEY"]


@pytest.mark.parametrize("suffix", [".prev", ".next"])
@pytest.mark.parametrize("value", ["another", "the same"])
def test_a_container_that_an_interrupted_run_left_is_a_place_too(world, suffix, value):
    world.write("x-reconcile: {secrets: [K]}\nservices: {db: {image: 'app:1', environment: {P: '${K}'}}}\n")
    world.apply()
    before = world.values
    (mine,) = world.engine.containers.values()
    body = {"Image": "app:1", "Labels": mine["Config"]["Labels"], "Env": [f"P={value}"]}
    if value == "the same":
        body["Env"] = [each for each in mine["Config"]["Env"] if each.startswith("P=")]
    Line(world.engine).post("/containers/create", body, name=f"p-db-1{suffix}")
    world.env.unlink()

    became = recover_secrets(world.settings)

    if value == "the same":
        assert world.values == before
    else:
        places = f"docker.container/db environment.P, docker.container/db environment.P of p-db-1{suffix}"
        assert became.lost == {"K": f"{places} differ"}
        assert not world.env.exists()


def test_where_only_data_is_left_the_secret_it_was_made_with_is_not_generated_and_others_are(world):
    world.apply()
    world.remove("db")
    world.remove("web")
    world.env.unlink()

    said = world.refusal()

    assert "docker.volume/data may have data made with it" in said
    assert "restore it from a backup" in said
    assert "WEB_KEY" not in said
    assert recover_secrets(world.settings).new == ("WEB_KEY",)
    assert not world.env.exists()


def bound(target, options="", more=""):
    return STACK.replace("data:/data", f"./pg:{target}{options}").replace("volumes: {data: {}}", more)


@pytest.mark.parametrize("target", ["/var/lib/db", "/var/lib/db/", "/var/lib", "/var/lib/db/main"])
def test_where_a_folder_has_the_data_of_an_image_the_secret_is_not_generated(world, target):
    world.engine.image("app:1", Volumes={"/var/lib/db": {}})
    folder = world.file.parent / "pg"
    folder.mkdir()
    (folder / "base").write_text("x")
    world.write(bound(target))

    said = world.refusal()

    assert f"{folder} may have data made with it, and docker.container/db is not there" in said
    assert "WEB_KEY" not in said


@pytest.mark.parametrize(
    ("target", "options", "content"),
    [("/etc/app", "", "x"), ("/var/lib/db", ":ro", "x"), ("/var/lib/db", "", None), ("/var/lib/dbx", "", "x")],
)
def test_a_folder_of_settings_or_an_empty_one_keeps_no_secret_from_being_generated(world, target, options, content):
    world.engine.image("app:1", Volumes={"/var/lib/db": {}})
    folder = world.file.parent / "pg"
    folder.mkdir()
    if content:
        (folder / "base").write_text(content)
    world.write(bound(target, options))

    read(world.settings, keep_secrets=True)

    assert world.values.keys() == {"DB_PASSWORD", "WEB_KEY"}


def test_an_external_volume_that_is_there_keeps_the_secret_from_being_generated(world):
    world.write(STACK.replace("volumes: {data: {}}", "volumes: {data: {external: true, name: theirs}}"))
    Line(world.engine).post("/volumes/create", {"Name": "theirs"})

    said = world.refusal()

    assert "docker.volume/data may have data made with it" in said
    assert "WEB_KEY" not in said


def test_a_new_secret_of_a_new_service_is_generated_beside_what_lives(world):
    world.apply()
    before = world.values
    world.write(STACK.replace("WEB_KEY]", "WEB_KEY, NEW_KEY]").replace("volumes: {data: {}}", NEW))

    world.apply()

    assert {name: world.values[name] for name in before} == before
    assert len(world.values["NEW_KEY"]) == 64


def test_a_new_secret_in_a_new_variable_of_what_lives_is_generated(world):
    world.apply()
    world.write(
        STACK.replace("WEB_KEY]", "WEB_KEY, NEW_KEY]").replace("environment: {P:", "environment: {N: '${NEW_KEY}', P:")
    )

    world.apply()

    assert len(world.values["NEW_KEY"]) == 64


def test_a_new_secret_is_refused_together_with_lost_ones_only_for_these(world):
    world.apply()
    world.env.unlink()
    world.write(STACK.replace("WEB_KEY]", "WEB_KEY, NEW_KEY]").replace("volumes: {data: {}}", NEW))

    assert "NEW_KEY" not in world.refusal()
    assert recover_secrets(world.settings).new == ("NEW_KEY",)


def test_a_service_of_a_profile_that_is_not_active_now_counts(world):
    world.apply()
    before = world.values
    world.write(STACK.replace("web: {", "web: {profiles: [more], "))
    world.env.write_text(f"DB_PASSWORD={before['DB_PASSWORD']}\n", encoding="utf-8")

    assert "WEB_KEY has no value, and docker.container/web command was given one" in world.refusal()


def test_what_the_example_says_is_not_taken_for_a_recovered_value(world):
    world.apply()
    before = world.values
    world.env.unlink()
    world.env.with_name(".env.example").write_text("# about\nPORT=1\nDB_PASSWORD=changeme\n", encoding="utf-8")

    recover_secrets(world.settings)

    assert {name: world.values[name] for name in before} == before
    assert world.values["PORT"] == "1"


def test_an_engine_that_does_not_answer_is_no_empty_one(world):
    unreachable = {**world.settings.environment, "DOCKER_HOST": "tcp://127.0.0.1:9"}
    world.settings = Settings(world.file.parent, (world.file,), environment=unreachable, project="p")

    with pytest.raises(Unreachable):
        read(world.settings, keep_secrets=True)

    assert not world.env.exists()


def test_where_none_is_missing_nobody_is_asked(world):
    world.env.write_text("DB_PASSWORD=a\nWEB_KEY=b\n", encoding="utf-8")

    read(world.settings, keep_secrets=True)

    assert world.engine.calls == []


def test_the_list_says_where_each_goes_and_whether_it_is_set_and_asks_nobody(world):
    world.env.write_text("DB_PASSWORD=hush\n", encoding="utf-8")

    found = {each.name: (each.set_in, each.used) for each in secrets_of(world.settings)}

    assert found == {
        "DB_PASSWORD": (str(world.env), ("docker.container/db environment.P", "docker.container/web environment.DSN")),
        "WEB_KEY": ("", ("docker.container/web command",)),
    }
    assert world.engine.calls == []
