"""``reconcile adopt`` on an engine in memory: what is written says all that is there, and no more."""

from __future__ import annotations

import json
import stat
from functools import partial

import pytest
import yaml

from tests.kit.cli import called
from tests.kit.docker.fields import ROWS
from tests.kit.docker.memory import MemoryEngine, a_stack, apply, served

REAL_ONES = ("container_name", "network_mode", "networks", "volumes")
"""Their rows have names of a project's networks and volumes, and need the real engine."""

THE_ENGINES_OWN = ("ipc", "memswap_limit", "runtime")
"""Fields whose first value in the rows is what the engine gives by itself."""

ROWS_HERE = [row for row in ROWS if row.attribute not in REAL_ONES and row.starts]


@pytest.fixture
def engine():
    engine = MemoryEngine(api="1.51")
    engine.image("app:1")
    engine.image("rich:1", Env=["PATH=/bin", "A=image"], User="app", Labels={"from": "image"}, Volumes={"/data": {}})
    return engine


@pytest.fixture
def adopt(monkeypatch, capsys, tmp_path, engine):
    folder = tmp_path / "adopted"
    folder.mkdir()
    with served(engine) as url:
        yield partial(called, monkeypatch, capsys, "adopt", cwd=folder, env={"DOCKER_HOST": url})


def made(engine, folder, services, **sections):
    apply(a_stack(json.dumps({"services": services, **sections}), folder), engine)


def stack(folder):
    return yaml.safe_load((folder / "adopted" / "stack.yaml").read_text(encoding="utf-8"))


def run(engine, name, **body):
    """As ``docker run`` has it: no project, and no aliases."""
    created = engine.create_container(body={"Image": "app:1", "Labels": {}, **body}, params={"name": name})
    engine.start(created["Id"])


@pytest.mark.parametrize("row", ROWS_HERE, ids=lambda row: row.service)
def test_each_property_is_written_so_that_nothing_differs(adopt, engine, tmp_path, row):
    value = row.other if row.value is False or row.field in THE_ENGINES_OWN else row.value
    made(engine, tmp_path, {"web": {"image": "app:1", **row.beside, row.attribute: value}})
    before = list(engine.writes)

    ran = adopt("p")

    assert (ran.code, engine.writes) == (0, before), ran.err
    assert {row.attribute, row.field.partition(".")[0]} & stack(tmp_path)["services"]["web"].keys()


def test_what_image_and_engine_give_is_left_out(adopt, engine, tmp_path):
    made(engine, tmp_path, {"web": {"image": "rich:1"}})

    assert adopt("p").code == 0

    assert stack(tmp_path) == {"name": "p", "services": {"web": {"image": "rich:1"}}}


def test_what_the_image_gives_otherwise_is_written(adopt, engine, tmp_path):
    own = {"environment": {"A": "mine", "B": "1"}, "user": "me", "labels": {"from": "me"}, "volumes": ["/more"]}
    made(engine, tmp_path, {"web": {"image": "rich:1", **own}})

    assert adopt("p").code == 0

    assert stack(tmp_path)["services"]["web"] == {"image": "rich:1", **own}


@pytest.mark.parametrize(
    ("of_image", "own"),
    [
        ({"Entrypoint": ["run"], "Cmd": ["it"]}, {}),
        ({"Entrypoint": ["run"], "Cmd": ["it"]}, {"command": ["that"]}),
        ({"Entrypoint": ["run"], "Cmd": ["it"]}, {"entrypoint": ["run"]}),
        ({"Entrypoint": ["run"], "Cmd": ["it"]}, {"entrypoint": ["start"], "command": ["it"]}),
        ({"Entrypoint": ["run"]}, {"entrypoint": []}),
        ({"Cmd": ["it"]}, {"entrypoint": ["start"]}),
    ],
)
def test_entrypoint_and_command_are_written_as_a_pair(adopt, engine, tmp_path, of_image, own):
    engine.image("own:1", **{"Cmd": None, **of_image})
    made(engine, tmp_path, {"web": {"image": "own:1", **own}})

    assert adopt("p").code == 0

    assert stack(tmp_path)["services"]["web"] == {"image": "own:1", **own}


def test_secrets_are_variables(adopt, engine, tmp_path):
    services = {
        "db": {"image": "app:1", "environment": {"DB_PASSWORD": "correct$$horse", "SHORT_KEY": "abc", "MODE": "a$$b"}},
        "app": {"image": "app:1", "environment": {"URL": "postgres://u:correct$$horse@db/x", "SHORT_KEY": "xyz"}},
        "run": {
            "image": "app:1",
            "command": ["serve", "--password", "hidden-words"],
            "labels": {"api.token": "t0ken!"},
        },
    }
    made(engine, tmp_path, services)
    (tmp_path / "adopted" / ".env").write_text("SHORT_KEY=other\n# mine\n", encoding="utf-8")

    ran = adopt("p")

    assert ran.code == 0, ran.err
    text = (tmp_path / "adopted" / "stack.yaml").read_text(encoding="utf-8")
    variables = (tmp_path / "adopted" / ".env").read_text(encoding="utf-8")
    for secret in ("correct", "horse", "hidden-words", "t0ken"):
        assert secret not in text
        assert secret not in ran.out + ran.err
        assert secret in variables
    assert variables.startswith("SHORT_KEY=other\n# mine\n")
    assert stat.S_IMODE((tmp_path / "adopted" / ".env").stat().st_mode) == 0o600
    assert (tmp_path / "adopted" / ".gitignore").read_text(encoding="utf-8") == ".env\n"
    found = stack(tmp_path)
    assert found["services"]["db"]["environment"]["DB_PASSWORD"] == "${DB_PASSWORD}"
    assert found["services"]["db"]["environment"]["MODE"] == "a$$b"
    assert found["services"]["app"]["environment"]["URL"] == "postgres://u:${DB_PASSWORD}@db/x"
    assert {each["environment"]["SHORT_KEY"] for each in (found["services"][name] for name in ("app", "db"))} == {
        "${APP_SHORT_KEY}",
        "${DB_SHORT_KEY}",
    }
    assert len(found["x-reconcile"]["secrets"]) == 5


def test_files_that_are_there_stay(adopt, engine, tmp_path):
    made(engine, tmp_path, {"web": {"image": "app:1"}})
    (tmp_path / "adopted" / "stack.yaml").write_text("services: {}\n", encoding="utf-8")

    refused = adopt("p")

    assert (refused.code, "--overwrite" in refused.err) == (64, True)
    assert (tmp_path / "adopted" / "stack.yaml").read_text(encoding="utf-8") == "services: {}\n"
    assert adopt("p", "--overwrite").code == 0
    assert stack(tmp_path)["services"] == {"web": {"image": "app:1"}}


def test_the_directory_is_the_one_where_we_are_whatever_is_above(adopt, engine, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {other: {image: app:1}}\n", encoding="utf-8")
    made(engine, tmp_path, {"web": {"image": "app:1"}})

    assert adopt("p").code == 0

    assert (tmp_path / "adopted" / "stack.yaml").exists()


def test_containers_of_no_project_are_services_of_their_own_names(adopt, engine, tmp_path):
    ports = {"ExposedPorts": {"80/tcp": {}}}
    bound = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}
    run(engine, "lonely", Env=["A=1"], **ports, HostConfig=bound)

    ran = adopt("lonely")

    assert ran.code == 0, ran.err
    own = {"container_name": "lonely", "environment": {"A": "1"}, "ports": ["8080:80"], "network_mode": "bridge"}
    assert stack(tmp_path) == {"name": "adopted", "services": {"lonely": {"image": "app:1", **own}}}


def test_a_container_in_a_network_made_by_hand_needs_no_alias_of_its_own_name(adopt, engine, tmp_path):
    engine.create_network(body={"Name": "lan"})
    run(engine, "one", HostConfig={"NetworkMode": "lan"}, NetworkingConfig={"EndpointsConfig": {"lan": {}}})
    run(engine, "two", HostConfig={"NetworkMode": "lan"}, NetworkingConfig={"EndpointsConfig": {"lan": {}}})

    alone = adopt("one")
    external = stack(tmp_path)["networks"]
    both = adopt("one", "two", "--overwrite")

    assert (alone.code, both.code) == (0, 0), alone.err + both.err
    assert external == {"lan": {"name": "lan", "external": True}}  # somebody else is in there
    assert not stack(tmp_path)["networks"]["lan"].get("external")


def test_shared_namespaces_name_services_and_other_containers(adopt, engine, tmp_path):
    run(engine, "vpn")
    run(engine, "inside", HostConfig={"NetworkMode": "container:vpn"})

    outside = adopt("inside")
    mode = stack(tmp_path)["services"]["inside"]["network_mode"]
    both = adopt("inside", "vpn", "--overwrite")

    assert (outside.code, both.code) == (0, 0), outside.err + both.err
    assert (mode, stack(tmp_path)["services"]["inside"]["network_mode"]) == ("container:vpn", "service:vpn")


def test_a_name_is_no_beginning_of_an_id(adopt, engine, tmp_path):
    run(engine, "first")
    (identity,) = engine.containers
    beginning = next(identity[:length] for length in (1, 2, 3))
    run(engine, "second")

    assert adopt(beginning).code == 1
    assert adopt(identity[:12]).code == 0
    assert stack(tmp_path)["services"].keys() == {"first"}


def test_the_source_of_volumes_is_a_service_by_name_or_id(adopt, engine, tmp_path):
    run(engine, "lender", HostConfig={"Binds": ["/srv:/srv:rw"]})
    (identity,) = engine.containers
    run(engine, "by-name", HostConfig={"VolumesFrom": ["lender:ro"]})
    run(engine, "by-id", HostConfig={"VolumesFrom": [identity]})

    adopt("lender", "by-name", "by-id")

    services = stack(tmp_path)["services"]
    assert [services[name]["volumes_from"] for name in ("by-name", "by-id")] == [["lender:ro"], ["lender"]]


def test_a_network_that_is_gone_is_external(adopt, engine, tmp_path):
    engine.create_network(body={"Name": "lan"})
    run(engine, "alone", HostConfig={"NetworkMode": "lan"}, NetworkingConfig={"EndpointsConfig": {"lan": {}}})
    engine.networks = {key: each for key, each in engine.networks.items() if each["Name"] != "lan"}

    adopt("alone")

    assert stack(tmp_path)["networks"] == {"lan": {"name": "lan", "external": True}}


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ({"Subnet": "172.19.0.0/16", "Gateway": "172.19.0.1"}, {"subnet": "172.19.0.0/16"}),
        ({"Subnet": "10.1.0.0/24"}, {"subnet": "10.1.0.0/24"}),
        ({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.9"}, {"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}),
        (
            {"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1", "IPRange": "10.1.0.128/25"},
            {"subnet": "10.1.0.0/24", "ip_range": "10.1.0.128/25"},
        ),
        ({"Subnet": "fd00:1::/64", "Gateway": "fd00:1::1"}, {"subnet": "fd00:1::/64"}),
    ],
)
def test_of_a_pool_of_addresses_only_what_was_chosen_is_written(adopt, engine, tmp_path, pool, said):
    engine.create_network(body={"Name": "lan", "IPAM": {"Driver": "default", "Config": [pool]}})
    endpoint = {"IPAMConfig": {"IPv4Address": "10.1.0.77"}}
    run(engine, "alone", HostConfig={"NetworkMode": "lan"}, NetworkingConfig={"EndpointsConfig": {"lan": endpoint}})

    ran = adopt("alone")

    assert ran.code == 0, ran.err
    assert stack(tmp_path)["networks"] == {"lan": {"name": "lan", "ipam": {"config": [said]}}}


def test_what_has_ended_well_is_in_sync_and_what_has_not_is_reported(adopt, engine, tmp_path):
    made(engine, tmp_path, {"job": {"image": "app:1", "command": ["exit", "0"]}, "web": {"image": "app:1"}})
    engine.containers = {key: each for key, each in engine.containers.items() if "job" in each["Name"]}
    assert adopt("p").code == 0

    run(engine, "broken", Cmd=["exit", "1"])
    ran = adopt("broken", "--overwrite")

    assert ran.code == 3
    assert "broken is exited (1); a file can only say that it runs" in ran.err


def test_replicas_are_counted(adopt, engine, tmp_path):
    made(engine, tmp_path, {"web": {"image": "app:1", "scale": 3}})

    assert adopt("p").code == 0

    assert stack(tmp_path)["services"] == {"web": {"image": "app:1", "scale": 3}}


def test_an_image_whose_name_has_moved_on_is_named_otherwise(adopt, engine, tmp_path):
    made(engine, tmp_path, {"web": {"image": "app:1"}})
    engine.image("app:1", Env=["NEW=1"])

    ran = adopt("p")

    assert ran.code == 0, ran.err
    assert "web" in ran.err
    assert "which now is another image" in ran.err
    assert stack(tmp_path)["services"]["web"]["image"].startswith("sha256:")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["nothing"], "there is neither a project nor a container `nothing` = note: there are lonely, p "),
        (["p-web-1"], "belongs to the project `p` = help: adopt that project "),
        ([], "no project is named `adopted` = help: name a project or containers: there are p "),
    ],
)
def test_names_that_can_not_be_adopted(adopt, engine, tmp_path, names, told):
    made(engine, tmp_path, {"web": {"image": "app:1"}})
    run(engine, "lonely")

    ran = adopt(*names)

    assert (ran.code, told in " ".join(ran.err.split())) == (1, True), ran.err
    assert list((tmp_path / "adopted").iterdir()) == []


def test_what_an_interrupted_run_left_is_no_replica(adopt, engine, tmp_path):
    made(engine, tmp_path, {"web": {"image": "app:1"}})
    (web,) = engine.containers.values()
    engine.create_container(body={"Image": "app:1", "Labels": web["Config"]["Labels"]}, params={"name": "p-web-1.prev"})

    ran = adopt("p")

    # What is left is a difference, which the first apply removes.
    assert ran.code == 3, ran.err
    assert "scale" not in stack(tmp_path)["services"]["web"]
    assert "p-web-1.prev was left by an interrupted run, and is left out" in ran.err


@pytest.mark.parametrize("command", ["adopt", "export"])
def test_a_secret_is_in_no_place_whichever_of_them_shows_it(monkeypatch, capsys, tmp_path, engine, command):
    secret = "plainlong$SECRET$$value77"
    entries = [f"D={secret}", f"U=http://u:{secret}@h/"]
    run(engine, "app", Env=entries, Labels={"l": secret})
    run(engine, "early", Env=[f"A={secret}"], Cmd=["run", secret])

    with served(engine) as url:
        ran = called(monkeypatch, capsys, command, "early", "app", cwd=tmp_path, env={"DOCKER_HOST": url})

    file = tmp_path / "stack.yaml"
    text = ran.out + ran.err + (file.read_text(encoding="utf-8") if file.exists() else "")
    assert ran.code == 0, ran.err
    assert "${U_PASSWORD}" in text
    assert "plainlong" not in text


def test_an_export_hides_a_declared_secret_with_dollars(monkeypatch, capsys, tmp_path, engine):
    secret = "abc$def$$ghiSECRETlong"
    run(engine, "app", Env=[f"D={secret}"])
    (tmp_path / "stack.yaml").write_text(
        "x-reconcile: {secrets: [D]}\nservices: {app: {image: 'app:1', environment: {D: '${D}'}}}\n", encoding="utf-8"
    )
    (tmp_path / ".env").write_text(f"D='{secret}'\n", encoding="utf-8")

    with served(engine) as url:
        ran = called(monkeypatch, capsys, "export", "app", cwd=tmp_path, env={"DOCKER_HOST": url})

    assert ran.code == 0, ran.err
    assert "image: app:1" in ran.out
    assert "SECRETlong" not in ran.out + ran.err
