"""A change by hand on the real engine is put into the file: then nothing differs, and no container was touched."""

from __future__ import annotations

from functools import partial

import pytest

from tests.kit.cli import called
from tests.kit.docker.engine import PROBE

FILE = """\
name: {name}
services:
  web:   # the only one
    image: {image}
    command: [sleep, "3600"]
    init: true
    mem_limit: 64m   # as measured
    networks: [front]
networks:
  front:
    ipam: {{config: [{{subnet: {subnet}}}]}}
"""


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path):
    return partial(called, monkeypatch, capsys, cwd=tmp_path)


def test_a_new_limit_comes_into_the_file(engine, project, reconcile, tmp_path):
    text = FILE.format(name=project.name, image=PROBE, subnet=project.subnet)
    path = tmp_path / "stack.yaml"
    path.write_text(text, encoding="utf-8")
    assert reconcile("apply", "--yes").code == 0
    found = engine.get("/containers/json", filters={"label": [f"com.docker.compose.project={project.name}"]})
    ids = [item["Id"] for item in found]
    engine.post(f"/containers/{ids[0]}/update", body={"Memory": 96 << 20, "MemorySwap": 192 << 20})

    ran = reconcile("export", "--patch", "stack.yaml", "--write")

    assert ran.code == 0, ran.err
    assert path.read_text(encoding="utf-8") == text.replace("64m", "96m")
    assert reconcile("diff").code == 0
    after = engine.get("/containers/json", filters={"label": [f"com.docker.compose.project={project.name}"]})
    assert [item["Id"] for item in after] == ids
