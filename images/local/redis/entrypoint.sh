#!/usr/bin/env bash
# Runs redis-server as the user redis in /data; any other command is run as it is.
set -euo pipefail

case ${1-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1-}" != redis-server ]; then exec "$@"; fi

# In its protected mode a Redis without password or configuration answers its own host only, which
# in a container means nobody. The official image is built with that mode off.
case " $* " in
    *.conf\ * | *protected-mode*) ;;
    *) set -- "$@" --protected-mode no ;;
esac

if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis:redis {} +
    exec setpriv --reuid=redis --regid=redis --init-groups "$@"
fi
exec "$@"
