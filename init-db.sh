#!/usr/bin/env bash
# Runs in the postgres container on its first start: one account and its databases per service.
set -euo pipefail

psql --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v ON_ERROR_STOP=1 \
    -v mlflow_password="$MLFLOW_DB_PASSWORD" -v keycloak_password="$KEYCLOAK_DB_PASSWORD" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE ROLE keycloak LOGIN PASSWORD :'keycloak_password';
-- Owners, because since PostgreSQL 15 nobody else may create tables in the schema public.
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
CREATE DATABASE keycloak OWNER keycloak;
SQL
