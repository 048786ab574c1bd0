"""An engine that does not see the files of this machine gets copies of them; what is bound is its own."""

from __future__ import annotations

import socket

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Severity
from reconciler.providers.docker.engine import remote
from reconciler.providers.docker.engine.location import Location
from reconciler.providers.docker.expand import expand
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.docker.table.property import dig
from tests.kit.docker.memory import MemoryEngine, a_provider, a_reconciler, a_stack, apply

STACK = """
services:
  web:
    image: app:1
    configs: [site]
    secrets: [key]
    volumes:
      - ./conf:/conf
      - /var/run/docker.sock:/docker.sock
      - data:/data
configs: {site: {file: ./site.conf}}
secrets: {key: {file: ./key.txt}}
volumes: {data: {}}
"""


@pytest.fixture
def document(tmp_path):
    (tmp_path / "site.conf").write_text("a = 1\n", encoding="utf-8")
    (tmp_path / "key.txt").write_text("hush\n", encoding="utf-8")
    return a_stack(STACK, tmp_path)


@pytest.fixture
def there():
    engine = MemoryEngine()
    engine.image("app:1")
    engine.location = Location("ssh://there")
    return engine


def test_files_of_configs_and_secrets_are_copied_and_not_mounted(document, there):
    apply(document, there)

    (body,) = [body for body in there.bodies if "HostConfig" in body]
    assert "/site" not in str(dig(body, "HostConfig.Mounts"))
    assert dig(body, "HostConfig.Binds") == [
        f"{document.directory}/conf:/conf:rw",
        "/var/run/docker.sock:/docker.sock:rw",
    ]
    (container,) = there.containers.values()
    assert container["copied"] == {"/site": "a = 1\n 444 0:0", "/run/secrets/key": "hush\n 444 0:0"}


def test_they_are_no_difference_afterwards_until_one_is_changed(document, there, tmp_path):
    apply(document, there)
    assert a_reconciler(document, there).look().plan.in_sync

    (tmp_path / "site.conf").write_text("a = 2\n", encoding="utf-8")

    plan = a_reconciler(document, there).look().plan
    assert [(change.action, change.reason) for change in plan.changes if change.acts] == [
        (Action.REPLACE, "files differ")
    ]


def test_it_is_said_of_a_bind_in_the_project_that_it_is_of_the_other_machine(document):
    (warning,) = remote.warnings(document)

    assert warning.severity is Severity.WARNING
    assert str(warning).startswith("stack.yaml:8:9: services.web.volumes[0]: ")
    assert "is a path of the engine's machine, which is another one" in str(warning)


def test_nothing_is_said_where_the_engine_is_on_this_machine(document, there):
    assert list(a_provider(MemoryEngine()).warnings(document)) == []
    assert len(list(a_provider(there).warnings(document))) == 1


def with_bind(mount, folder):
    return a_stack(f"services:\n  web:\n    image: app:1\n    volumes: [{mount}]\n", folder)


@pytest.mark.parametrize("mount", ["./data:/data", "{type: bind, source: ./data, target: /data}"])
def test_a_bind_of_a_link_that_leads_nowhere_is_reported(mount, tmp_path):
    nothing_there = list(remote.dangling_links(with_bind(mount, tmp_path)))
    link = tmp_path / "data"
    link.symlink_to("nowhere")

    (found,) = remote.dangling_links(with_bind(mount, tmp_path))

    assert nothing_there == []
    said = f"{link} is a symbolic link to `nowhere`, which does not exist; create that, or remove the link"
    assert str(found) == f"stack.yaml:4:15: services.web.volumes[0]: {said}"
    assert found.severity is Severity.WARNING


def test_a_link_to_whatever_is_there_is_no_mistake(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        for name, target in {"socket": "engine", "folder": ".", "device": "/dev/null"}.items():
            (tmp_path / name).symlink_to(target)

            assert list(remote.dangling_links(with_bind(f"./{name}:/there", tmp_path))) == []


def test_links_are_not_looked_at_where_the_engine_has_other_files(tmp_path):
    (tmp_path / "data").symlink_to("nowhere")
    document = with_bind("./data:/data", tmp_path)

    def said(**environment):
        return [*map(str, DockerProvider(document.project, environment).warnings(document))]

    assert ["is a path of the engine's machine" in each for each in said(DOCKER_HOST="ssh://there")] == [True]
    assert said(RECONCILE_CONTAINER="0" * 64) == []


def test_a_container_whose_files_cannot_be_written_gets_no_copies(tmp_path):
    text = "services: {web: {image: app:1, read_only: true, configs: [site]}}\nconfigs: {site: {file: ./site.conf}}\n"
    (tmp_path / "site.conf").write_text("a = 1\n", encoding="utf-8")
    document = a_stack(text, tmp_path)

    assert list(expand(document))
    with pytest.raises(
        ConfigError, match=r"stack.yaml:1:\d+: services.web.configs\[0\] is copied.*take `read_only` out"
    ):
        list(expand(document, is_elsewhere=True))


def test_what_is_bound_is_not_looked_into_there(tmp_path):
    (tmp_path / "conf").mkdir()
    text = "services: {web: {image: app:1, volumes: ['./conf:/conf'], x-reconcile: {reload: {/conf: restart}}}}\n"
    document = a_stack(text, tmp_path)

    here, there = ([r.spec for r in expand(document, is_elsewhere=it_is)][-1] for it_is in (False, True))
    assert "mounted" in here
    assert "mounted" not in there
