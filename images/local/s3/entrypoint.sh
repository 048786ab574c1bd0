#!/usr/bin/env bash
# Serves S3, and an administration page on the console's port.
#
#   [minio] server DIRECTORY [--address HOST:PORT] [--console-address HOST:PORT]
#   MINIO_ROOT_USER, MINIO_ROOT_PASSWORD: the one S3 account, and the page's login
#
# Any other command is run as it is.
set -euo pipefail

fail() {
    echo "s3: $*" >&2
    exit 1
}

if [ "${1-}" = minio ]; then shift; fi
if [ "${1-}" != server ]; then exec "$@"; fi
shift

directory=/data
s3_port=9000
console_port=9001
while [ $# -gt 0 ]; do
    case $1 in
        --address | --console-address) set -- "$1=${2-}" "${@:3}"; continue ;;
        --address=*) s3_port=${1##*:} ;;
        --console-address=*) console_port=${1##*:} ;;
        --quiet | --json) ;;
        -*) fail "the option $1 is not known here" ;;
        *) directory=$1 ;;
    esac
    shift
done

export AWS_ACCESS_KEY_ID=${MINIO_ROOT_USER:-minioadmin}
export AWS_SECRET_ACCESS_KEY=${MINIO_ROOT_PASSWORD:-minioadmin}
[ ${#AWS_ACCESS_KEY_ID} -ge 3 ] || fail "MINIO_ROOT_USER needs 3 characters or more"
[ ${#AWS_SECRET_ACCESS_KEY} -ge 8 ] || fail "MINIO_ROOT_PASSWORD needs 8 characters or more"

# Behind S3 and the page there are a master, a volume server and a filer that ask nobody for a
# password; other containers of the network can reach them. Publish the two ports only.
set -- weed mini -dir="$directory" -ip=127.0.0.1 -ip.bind=0.0.0.0 \
    -s3.port="$s3_port" -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -master.telemetry=false \
    -admin.port="$console_port" -admin.user="$AWS_ACCESS_KEY_ID" -admin.password="$AWS_SECRET_ACCESS_KEY"

if [ "$(id -u)" = 0 ]; then
    find "$directory" \! -user s3 -exec chown s3:root {} +
    exec setpriv --reuid=s3 --regid=root --init-groups env HOME=/tmp "$@"
fi
exec "$@"
