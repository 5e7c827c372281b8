#!/bin/sh
# For docker-compose.yml, service temporal-schema (image admin-tools). Why a script: a service runs one command,
# and this is three for each of Temporal's two stores. The connection is in SQL_* variables. Each step is
# idempotent: an existing database is kept, a set-up schema is not reset, only missing versions are applied.
set -eu

store() { # database, schema folder
    temporal-sql-tool --db "$1" create
    temporal-sql-tool --db "$1" setup-schema -v 0.0
    temporal-sql-tool --db "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

store temporal temporal
store temporal_visibility visibility
