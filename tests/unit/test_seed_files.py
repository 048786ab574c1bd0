"""The files a newcomer copies: stack.yaml, users.yaml, .env.example and what lies beside them."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kit.cli import called

ROOT = Path(__file__).resolve().parents[2]
STACK = (ROOT / "stack.yaml").read_text()
USERS = (ROOT / "users.yaml").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()

VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)")


def secrets(text: str) -> set[str]:
    return set(yaml.safe_load(text).get("x-reconcile", {}).get("secrets", []))


def example_names(pattern: str) -> set[str]:
    return set(re.findall(pattern, EXAMPLE, re.MULTILINE))


def compose() -> str:
    found = shutil.which("docker-compose", path=str(Path(sys.executable).parent)) or shutil.which("docker-compose")
    return found or pytest.skip("the Compose command line is not installed")


@pytest.fixture
def configured(tmp_path) -> dict:
    """stack.yaml as Compose understands it, with secrets filled in."""
    env = tmp_path / "env"
    env.write_text(re.sub(r"^(\w+)=$", r"\1=secret-\1", EXAMPLE, flags=re.MULTILINE))
    command = [compose(), "-f", str(ROOT / "stack.yaml"), "--env-file", str(env), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr
    return json.loads(done.stdout)


def test_every_variable_is_documented() -> None:
    used = set(VARIABLE.findall(STACK)) | set(VARIABLE.findall(USERS))

    documented = example_names(r"^#?([A-Z]\w*)=")

    assert used == documented


def test_every_secret_is_empty_in_the_example() -> None:
    assert example_names(r"^(\w+)=$") == secrets(STACK) | secrets(USERS)
    assert example_names(r"^(\w+)=.+$") == set()


def test_documented_defaults_are_those_of_the_files() -> None:
    stated = dict(re.findall(r"^#([A-Z]\w*)=(.*)$", EXAMPLE, re.MULTILINE))

    used = dict(re.findall(r"\$\{([A-Z]\w*):?-([^}]*)\}", STACK + USERS))

    assert stated == used


def test_a_variable_has_the_same_default_everywhere() -> None:
    defaults = set(re.findall(r"\$\{([A-Z]\w*):?-([^}]*)\}", STACK + USERS))

    assert len(defaults) == len({name for name, _ in defaults})


def test_secrets_have_no_default() -> None:
    for name in secrets(STACK) | secrets(USERS):
        assert re.findall(rf"\$\{{{name}([^}}]*)\}}", STACK + USERS)
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", STACK + USERS)) == {":?run reconcile init"}


def test_compose_accepts_the_stack(configured) -> None:
    services = {"postgres", "redis", "minio", "bucket", "keycloak", "mlflow"}

    assert set(configured["services"]) == services
    assert configured["name"] == "mlflow"


def test_everything_that_keeps_running_is_watched_and_limited(configured) -> None:
    for name, service in configured["services"].items():
        assert int(service["deploy"]["resources"]["limits"]["memory"]) > 0, name
        assert (service["restart"] == "no") == (name == "bucket")
        assert ("healthcheck" in service) == (name != "bucket")


def test_ports_are_open_on_the_loopback_interface_only(configured) -> None:
    ports = [port for service in configured["services"].values() for port in service.get("ports", ())]

    assert {int(port["published"]) for port in ports} == {5000, 8080, 9000, 9001}
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_default_images_come_from_one_registry(configured) -> None:
    # The demo asks once whether a registry answers, which is the same question for all only so.
    images = [service["image"] for service in configured["services"].values()]
    images.append(configured["services"]["mlflow"]["build"]["args"]["BASE_IMAGE"])

    assert not [image for image in images if "." in image.split("/")[0] and "/" in image]


def test_client_secret_and_redirect_address_agree(configured) -> None:
    mlflow = configured["services"]["mlflow"]["environment"]
    client = yaml.safe_load(USERS)["clients"][0]

    assert client["secret"] == "${OIDC_CLIENT_SECRET:?run reconcile init}"
    assert mlflow["OIDC_CLIENT_SECRET"] == "secret-OIDC_CLIENT_SECRET"
    assert client["clientId"] == mlflow["OIDC_CLIENT_ID"]
    assert [address.replace("${MLFLOW_PORT:-5000}", "5000") for address in client["redirectUris"]] == [
        mlflow["OIDC_REDIRECT_URI"]
    ]


@pytest.mark.parametrize("names", [{}, {"OIDC_GROUP_NAME": "team", "OIDC_ADMIN_GROUP_NAME": "leads"}])
def test_both_halves_follow_the_names_of_the_groups(tmp_path, monkeypatch, capsys, names) -> None:
    text = re.sub(r"^(\w+)=$", r"\1=secret-\1", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / "env").write_text(text + "".join(f"{name}={value}\n" for name, value in names.items()))
    command = ["--env-file", tmp_path / "env", "config", "--format", "json"]
    printed = json.loads(called(monkeypatch, capsys, *command, cwd=ROOT).out)
    (realm,) = printed["realms"]

    told = printed["services"]["mlflow"]["environment"]
    members = {user["username"]: user["groups"] for user in realm["users"]}

    assert {told["OIDC_GROUP_NAME"], told["OIDC_ADMIN_GROUP_NAME"]} == {group["name"] for group in realm["groups"]}
    assert members["mlflow_user"] == [f"/{names.get('OIDC_GROUP_NAME', 'mlflow_users')}"]
    assert members["mlflow_admin"] == [f"/{names.get('OIDC_ADMIN_GROUP_NAME', 'mlflow_admins')}"]


def test_containers_can_do_no_more_than_they_need(configured) -> None:
    for name, service in configured["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) is (name != "keycloak")


def test_no_secret_is_among_the_arguments_of_a_program(configured) -> None:
    for name, service in configured["services"].items():
        assert "secret-" not in json.dumps([service.get("command"), service.get("entrypoint")]), name


def test_entrypoints_and_scripts_can_be_run() -> None:
    scripts = [ROOT / "init-db.sh", ROOT / "scripts/demo/demo.py", ROOT / "scripts/demo/local_images.py"]
    for script in [*scripts, *ROOT.glob("images/**/*.sh")]:
        assert script.stat().st_mode & stat.S_IXUSR, script
        assert script.read_text().startswith("#!/usr/bin/env "), script


@pytest.mark.parametrize("script", [ROOT / "init-db.sh", *ROOT.glob("images/**/*.sh")], ids=str)
def test_shell_scripts_parse(script) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)

    assert done.stderr == ""


def test_env_is_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert "/.env" in ignored
    assert "!/.env.example" in ignored


def test_everything_in_the_lock_is_pinned_with_a_checksum() -> None:
    lock = (ROOT / "images/mlflow/requirements.txt").read_text()
    entries = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))

    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+ ", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_what_was_chosen_by_hand_is_in_the_lock() -> None:
    chosen = re.findall(
        r"^([\w-]+)(?:\[.*\])?==(\S+)$", (ROOT / "images/mlflow/requirements.in").read_text(), re.MULTILINE
    )
    locked = set(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "images/mlflow/requirements.txt").read_text(), re.MULTILINE))

    assert {(name.lower().replace("_", "-"), version) for name, version in chosen} <= locked


# ------------------------------------------------------------------ the daemon beside it

WITH_DAEMON = {"COMPOSE_PROFILES": "daemon", "STACK_DIR": str(ROOT)}


@pytest.fixture
def beside(tmp_path) -> list[str | Path]:
    """The options for the stack with its daemon, with secrets and the token of the page filled in."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    settings = {**WITH_DAEMON, "PAGE_TOKEN_FILE": str(token)}
    text = re.sub(r"^(\w+)=$", r"\1=secret-\1", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / "env").write_text(text + "".join(f"{name}={value}\n" for name, value in settings.items()))
    return ["--env-file", tmp_path / "env"]


def test_the_proxy_admits_the_requests_that_are_printed(monkeypatch, capsys, beside) -> None:
    ran = called(monkeypatch, capsys, *beside, "permissions", "--docker", "--patterns", cwd=ROOT)

    assert ran.out == (ROOT / "ops/engine-proxy/endpoints.lst").read_text()


def test_each_request_is_printed_with_what_it_is_for(monkeypatch, capsys, beside) -> None:
    ran = called(monkeypatch, capsys, *beside, "permissions", "--docker", cwd=ROOT)

    assert re.search(r"^GET /containers/{container}/json +to look: one container", ran.out, re.MULTILINE)
    assert len(ran.out.splitlines()) == len((ROOT / "ops/engine-proxy/endpoints.lst").read_text().splitlines())


def test_the_daemon_can_do_no_more_than_it_needs(monkeypatch, capsys, beside) -> None:
    printed = json.loads(called(monkeypatch, capsys, *beside, "config", "--format", "json", cwd=ROOT).out)
    daemon, proxy = (printed["services"][name] for name in ("reconcile", "engine-proxy"))
    sockets = {
        name
        for name, service in printed["services"].items()
        if any("docker.sock" in str(each) for each in service.get("volumes", ()))
    }

    for service in (daemon, proxy):
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"
    assert sockets == {"engine-proxy"}
    assert daemon["user"] == "65532:65532"
    assert list(proxy["networks"]) == ["engine"]
    assert printed["networks"]["engine"]["internal"] is True
    assert "ports" not in proxy
    assert {name for name, service in printed["services"].items() if "engine" in service.get("networks", {})} == {
        *("reconcile", "engine-proxy")
    }
