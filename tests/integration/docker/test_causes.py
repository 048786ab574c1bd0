"""Causes on the real engine: a hand, a file, an image, and another resource are told apart; so is who did it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.cli import reconcile
from tests.kit.docker.engine import PROBE, READY, Project

pytestmark = pytest.mark.usefixtures("limits")


def run(project: Project, *arguments: str, code: int = 0) -> str:
    """One command line; its history is beside the project's folder, which is a context of a build."""
    state = {"RECONCILE_STATE_DIRECTORY": f"{project.directory}-state"}
    ran = reconcile(*arguments, cwd=project.directory, env=state, timeout=120)
    assert ran.code == code, ran.out + ran.err
    return ran.out


def causes(project: Project) -> dict[str, dict[str, str]]:
    """Address → path → cause, and the cause of the whole under an empty path."""
    plan: Any = json.loads(run(project, "diff", "--format", "json", code=2))
    return {
        action["address"].rpartition("/")[2]: {
            "": action["cause"],
            **{change["path"]: change["cause"] for change in action["changes"]},
        }
        for action in plan["actions"]
    }


def test_a_hand_a_file_an_image_and_another_network_are_told_apart(project: Project) -> None:
    (project.directory / "Dockerfile").write_text(f"FROM {PROBE}\nCOPY content /content\n")
    (project.directory / "content").write_text("one")
    calm = {**READY, "networks": ["back"]}
    project.write(networks={"back": {"labels": {"a": "b"}}})
    for name in ("hand", "file"):
        project.service(name, **calm, mem_limit="64M", environment={"A": "one"})
    project.service("built", **calm, image=f"{project.name}-built", build=".")
    run(project, "apply")

    project.hand("update", {"Memory": 100 << 20, "MemorySwap": 200 << 20}, service="hand")
    project.service("file", **calm, mem_limit="64M", environment={"A": "two"})
    (project.directory / "content").write_text("two")
    found = causes(project)

    assert found["hand"] == {"": "drift", "mem_limit": "drift", "memswap_limit": "drift"}
    assert found["file"] == {"": "declared", "environment.A": "declared"}
    assert found[f"{project.name}-built"]["inputs"] == "image"
    assert found["built"][""] in ("image", "unknown")  # deferred until the image is there
    run(project, "apply")
    run(project, "diff")

    project.write(networks={"back": {"internal": True, "labels": {"a": "b"}}})
    found = causes(project)
    assert found["back"] == {"": "declared", "internal": "declared"}
    assert found["file"]["networks.back.id"] == "dependency"
    project.engine.delete(f"/images/{project.name}-built", force=1)


def test_why_and_history_tell_which_act_on_the_engine_it_was(project: Project) -> None:
    project.service(**READY, mem_limit="64M", ports=["127.0.0.1::80"])
    run(project, "apply")
    before = project.identity()
    project.hand("update", {"Memory": 100 << 20, "MemorySwap": 200 << 20})

    asked = run(project, "why", "docker.container/web")
    run(project, "apply")
    answer: Any = json.loads(run(project, "history", "docker.container/web", "--format", "json"))

    assert "It was changed outside of the files (stack.yaml:" in asked
    assert "Acts on it since then, as its server recorded them:\n" in asked
    assert asked.rstrip().endswith("update")
    [drift, created] = [change for each in answer["runs"] for change in each["changes"]]
    assert (drift["action"], drift["cause"], created["action"]) == ("update", "drift", "create")
    assert [author["act"] for author in drift["authors"]] == ["update"]
    assert drift["outage"] is None
    assert project.identity() == before


def test_a_replacement_is_recorded_with_its_outage_and_a_removed_container_with_its_end(project: Project) -> None:
    project.service(**READY, volumes=[{"type": "volume", "source": "data", "target": "/d"}])
    project.write(volumes={"data": {}})
    run(project, "apply")
    project.service(**READY, volumes=[{"type": "volume", "source": "data", "target": "/d"}], environment={"A": "1"})
    assert f"because two would write to {project.name}_data." in run(project, "why", "docker.container/web")
    run(project, "apply")
    project.engine.delete(f"/containers/{project.container()}", force=1)
    run(project, "apply")

    answer: Any = json.loads(run(project, "history", "docker.container/web", "--format", "json"))
    [made_again, replaced, _] = [change for each in answer["runs"] for change in each["changes"]]

    assert 0.0 < replaced["outage"] < replaced["seconds"] + 5
    assert (made_again["action"], made_again["cause"]) == ("create", "drift")
    assert "destroy" in [author["act"] for author in made_again["authors"]]


def test_taking_over_what_compose_made_restarts_nothing_and_is_remembered(project: Project) -> None:
    project.service(**READY, mem_limit="64M")
    project.settle()  # without a history, as on another machine
    before = project.identity()

    run(project, "apply")
    project.hand("update", {"Memory": 100 << 20, "MemorySwap": 200 << 20})

    assert causes(project)["web"][""] == "drift"
    assert project.identity() == before
