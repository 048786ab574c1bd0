#!/usr/bin/env bash
# Runs PostgreSQL. Where the data directory is empty it makes the cluster, the superuser and the
# database first, and then runs the files of /docker-entrypoint-initdb.d (*.sh, *.sql, *.sql.gz).
#
#   POSTGRES_USER (postgres)  POSTGRES_PASSWORD  POSTGRES_DB (as the user)
#   POSTGRES_INITDB_ARGS  POSTGRES_HOST_AUTH_METHOD  PGDATA
# The POSTGRES_ variables may also be given as NAME_FILE, the path of a file with the value.
set -euo pipefail

fail() {
    echo "postgres: $*" >&2
    exit 1
}

# read_setting NAME [DEFAULT]: NAME_FILE's content, else NAME, else the default, into NAME.
read_setting() {
    local name=$1 path_name=$1_FILE value=${!1-${2-}}
    if [ -n "${!path_name-}" ]; then
        [ -z "${!name-}" ] || fail "give either $name or $path_name, not both"
        [ -r "${!path_name}" ] || fail "$path_name names ${!path_name}, which can't be read"
        value=$(<"${!path_name}")
    fi
    unset "$path_name"
    export "$name=$value"
}

sql() {
    PGHOST='' psql --quiet --no-psqlrc --no-password -v ON_ERROR_STOP=1 \
        --username "$POSTGRES_USER" --dbname "${SQL_DATABASE:-$POSTGRES_DB}" "$@"
}

run_script() {
    echo "postgres: first start runs $1"
    case $1 in
        *.sql) sql --file "$1" ;;
        *.sql.gz) gunzip --stdout "$1" | sql ;;
        *.sh)
            # shellcheck disable=SC1090
            if [ -x "$1" ]; then "$1"; else . "$1"; fi
            ;;
        *) echo "postgres: $1 is neither .sh nor .sql nor .sql.gz, left out" ;;
    esac
}

make_cluster() {
    read_setting POSTGRES_USER postgres
    read_setting POSTGRES_PASSWORD
    read_setting POSTGRES_DB "$POSTGRES_USER"
    read_setting POSTGRES_INITDB_ARGS
    read_setting POSTGRES_HOST_AUTH_METHOD scram-sha-256
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        fail "a new cluster needs POSTGRES_PASSWORD (or POSTGRES_HOST_AUTH_METHOD=trust)"
    fi

    local options=() password_file
    password_file=$(mktemp)
    read -r -a options <<<"$POSTGRES_INITDB_ARGS"
    if [ -n "$POSTGRES_PASSWORD" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
        options+=(--pwfile="$password_file")
    fi
    initdb --username="$POSTGRES_USER" \
        --auth-local=trust --auth-host="$POSTGRES_HOST_AUTH_METHOD" "${options[@]}" >/dev/null
    rm "$password_file"
    echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
}

# While the scripts run, the server answers on its Unix socket only: nobody sees a half-made database.
prepare_databases() {
    local script
    pg_ctl --wait --options="-c listen_addresses=''" start >/dev/null
    if [ "$POSTGRES_DB" != postgres ]; then
        SQL_DATABASE=postgres sql -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        if [ -f "$script" ]; then run_script "$script"; fi
    done
    pg_ctl --wait --mode=fast stop >/dev/null
    echo "postgres: first start is done"
}

continue_as_postgres() {
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres {} +
    HOME=/var/lib/postgresql exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

case ${1-} in -*) set -- postgres "$@" ;; esac
if [ "${1-}" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then continue_as_postgres "$@"; fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    make_cluster
    prepare_databases
fi
case " $* " in
    *listen_addresses*) exec "$@" ;;
    *) exec "$@" -c listen_addresses='*' ;;
esac
