"""The container that the process runs in, as it can be seen from inside."""

from __future__ import annotations

import pytest

from reconciler.providers.docker.residence import own_container

ID = "3f" * 32
DOCKER = f"812 790 254:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw"
ROOTLESS = f"9 8 0:1 /home/x/.local/share/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda rw"
MACHINE = "29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"
PODMAN = "812 790 0:25 /containers/overlay-containers/0a/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw"


@pytest.mark.parametrize(
    ("mounts", "found"),
    [(DOCKER, ID), (ROOTLESS, ID), (f"{MACHINE}\n{DOCKER}\n", ID), (MACHINE, ""), (PODMAN, ""), ("", "")],
)
def test_the_engine_mounts_files_from_the_containers_own_folder(tmp_path, mounts, found) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(mounts)

    assert own_container({}, file) == found


def test_what_is_given_counts_and_a_machine_without_the_file_is_no_container(tmp_path) -> None:
    assert own_container({"RECONCILE_CONTAINER": ID}, tmp_path / "none") == ID
    assert own_container({}, tmp_path / "none") == ""
