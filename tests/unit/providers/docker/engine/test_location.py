"""The address of the engine: as the Docker CLI finds it, and never another one by mistake."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.providers.docker.engine.location import USUAL, _is_file, located


@pytest.fixture
def config(tmp_path):
    """A folder of the Docker CLI, and how to add to it."""

    class Config:
        folder = tmp_path / "docker"

        def use(self, name):
            self.write(json.dumps({"currentContext": name}))

        def write(self, text):
            self.folder.mkdir(exist_ok=True)
            (self.folder / "config.json").write_text(text, encoding="utf-8")

        def context(self, name, host, *certificates, **endpoint):
            identity = hashlib.sha256(name.encode()).hexdigest()
            meta = self.folder / "contexts" / "meta" / identity
            meta.mkdir(parents=True)
            described = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, **endpoint}}}
            (meta / "meta.json").write_text(json.dumps(described), encoding="utf-8")
            for certificate in certificates:
                folder = self.folder / "contexts" / "tls" / identity / "docker"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / certificate).write_text("x", encoding="utf-8")

        def located(self, **environment):
            return located({"DOCKER_CONFIG": str(self.folder), **environment})

    return Config()


def test_without_a_word_it_is_the_usual_socket(config):
    assert config.located().url == USUAL
    assert config.located(DOCKER_HOST="", DOCKER_CONTEXT="").url == USUAL


def test_the_host_goes_before_the_context_and_that_of_the_environment_before_the_one_in_use(config):
    for name in ("here", "there"):
        config.context(name, f"unix:///{name}.sock")
    config.use("here")

    assert config.located().url == "unix:///here.sock"
    assert config.located(DOCKER_CONTEXT="there").url == "unix:///there.sock"
    assert config.located(DOCKER_CONTEXT="default").url == USUAL
    assert config.located(DOCKER_CONTEXT="there", DOCKER_HOST="unix:///b.sock").url == "unix:///b.sock"


def test_the_folder_is_that_of_the_home_directory_where_none_is_named(config, tmp_path):
    config.context("there", "ssh://ops@there")
    config.use("there")
    config.folder.rename(tmp_path / ".docker")

    assert str(located({"HOME": str(tmp_path)})) == "ssh://ops@there (the context `there`)"


@pytest.mark.parametrize("environment", [{"DOCKER_CONTEXT": "nowhere"}, {}])
def test_a_context_that_is_not_there_is_an_error_and_not_this_machine(config, environment):
    config.use("nowhere")

    with pytest.raises(Unreachable, match="no Docker context `nowhere`, which .* names; see `docker context ls`"):
        config.located(**environment)


def test_settings_that_cannot_be_read_are_an_error_and_not_this_machine(config):
    config.write("{")

    with pytest.raises(Unreachable, match=r"config.json can't be read, so it is not known which engine is meant"):
        config.located()
    assert config.located(DOCKER_CONTEXT="default").url == USUAL


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("tcp://there", "tcp://there:2375"),
        ("there:99", "tcp://there:99"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("ssh://ops@there", "ssh://ops@there"),
    ],
)
def test_a_port_that_is_missing_is_the_usual_one(config, host, url):
    assert config.located(DOCKER_HOST=host).url == url


@pytest.mark.parametrize("variables", [{"DOCKER_TLS_VERIFY": "1"}, {"DOCKER_TLS": "1"}])
def test_tls_has_a_usual_port_of_its_own_and_its_certificates_where_it_is_said(config, tmp_path, variables):
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")

    found = config.located(DOCKER_HOST="tcp://there", DOCKER_CERT_PATH=str(tmp_path), **variables)

    assert found.url == "tcp://there:2376"
    assert found.tls.verify is ("DOCKER_TLS_VERIFY" in variables)
    assert (found.tls.authority, found.tls.own) == (str(tmp_path / "ca.pem"), None)


@pytest.mark.parametrize("variables", [{"DOCKER_CERT_PATH": "/certs"}, {"DOCKER_TLS_VERIFY": ""}])
def test_there_is_no_tls_that_nobody_asked_for(config, variables):
    assert config.located(DOCKER_HOST="tcp://there", **variables).tls is None


def test_an_engine_that_is_to_be_checked_needs_an_authority(config, tmp_path):
    with pytest.raises(Unreachable, match=f"no ca.pem in {tmp_path}.*DOCKER_CERT_PATH"):
        config.located(DOCKER_HOST="tcp://there", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path))


def test_certificates_of_a_context_are_its_own(config):
    config.context("safe", "tcp://there:2376", "ca.pem", "cert.pem", "key.pem")
    config.context("unchecked", "tcp://there:2376", SkipTLSVerify=True)
    config.context("plain", "tcp://there:2375")
    config.context("socket", "unix:///a.sock", "ca.pem")

    safe, unchecked = (config.located(DOCKER_CONTEXT=name).tls for name in ("safe", "unchecked"))
    assert (safe.verify, safe.authority, safe.own) == (
        True,
        str(safe.folder / "ca.pem"),
        (str(safe.folder / "cert.pem"), str(safe.folder / "key.pem")),
    )
    assert (unchecked.verify, unchecked.authority, unchecked.own) == (False, None, None)
    assert config.located(DOCKER_CONTEXT="plain").tls is None
    assert config.located(DOCKER_CONTEXT="socket").tls is None


@pytest.mark.parametrize(
    ("host", "elsewhere"),
    [("unix:///a.sock", False), ("tcp://socket-proxy:2375", False), ("ssh://there", True)],
)
def test_an_engine_by_ssh_does_not_see_the_files_that_are_here(config, host, elsewhere):
    assert config.located(DOCKER_HOST=host).is_elsewhere is elsewhere


@pytest.mark.parametrize("host", ["tcp://there:port", "tcp://[there"])
def test_what_is_no_address_is_said(config, host):
    with pytest.raises(Unreachable, match="not a valid address of a Docker engine"):
        config.located(DOCKER_HOST=host)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), RecursionError("too deep")])
def test_a_config_file_that_can_not_be_seen_is_said_with_the_way_out(error):
    class Hidden(type(Path())):
        def is_file(self):
            raise error

    with pytest.raises(Unreachable, match=r"/config.json can't be read, .*: (Permission denied|too deep); set DOCKER"):
        _is_file(Hidden("/home/config.json"))
