#!/usr/bin/env bash
# Runs MinIO as the user minio; "minio" itself may be left out of the command.
set -euo pipefail

case ${1-} in
    server | -*) set -- minio "$@" ;;
    minio) ;;
    *) exec "$@" ;;
esac
if [ "$(id -u)" = 0 ]; then
    find /data \! -user minio -exec chown minio:root {} +
    exec setpriv --reuid=minio --regid=root --init-groups env HOME=/tmp "$@"
fi
exec "$@"
