"""What is in configs and secrets reaches the container, and what changes there is seen."""

from __future__ import annotations

from tests.kit.engine import READY

SHOWS = {"command": "sh -c 'cat /app.conf /run/secrets/key; exec sleep 3600'"}


def shown(project):
    return b"".join(project.engine.logs(project.container())).decode().splitlines()


def test_a_config_and_a_secret_are_mounted_and_followed(project):
    files = {"app.conf": project.directory / "app.conf", "key": project.directory / "key"}
    for name, file in files.items():
        file.write_text(f"{name} 1\n", encoding="utf-8")
    project.write(configs={"app.conf": {"file": "./app.conf"}}, secrets={"key": {"file": "./key"}})
    project.service("web", **READY, **SHOWS, configs=["app.conf"], secrets=["key"])
    project.settle()
    before = shown(project)

    files["key"].write_text("key 2\n", encoding="utf-8")
    fields = project.fields()
    project.settle()

    assert before == ["app.conf 1", "key 1"]
    assert set(fields) == {"files./run/secrets/key"}
    assert shown(project) == ["app.conf 1", "key 2"]
