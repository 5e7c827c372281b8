-- For docker-compose.yml, service postgres-setup (psql as the superuser): a role for Temporal, one that owns the
-- rebalancer's database and migrates it, one as which its workers and commands log in, and that database. Why not /docker-entrypoint-initdb.d: that runs once, on an empty
-- volume; this runs on every start, so a password changed in .env reaches the role, and a half-made set-up mends.
\set ON_ERROR_STOP on
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv rebalancer_password REBALANCER_DB_PASSWORD
\getenv rebalancer_app_password REBALANCER_APP_DB_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', wanted)
  FROM unnest(ARRAY['temporal', 'rebalancer', 'rebalancer_app']) AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
\gexec
-- CREATEDB because temporal-sql-tool creates Temporal's two databases itself.
ALTER ROLE temporal CREATEDB PASSWORD :'temporal_password';
ALTER ROLE rebalancer PASSWORD :'rebalancer_password';
-- LOGIN again, should a migration have made the role; what it may do, the migrations say.
ALTER ROLE rebalancer_app LOGIN PASSWORD :'rebalancer_app_password';

SELECT 'CREATE DATABASE rebalancer OWNER rebalancer'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'rebalancer')
\gexec
REVOKE CONNECT, TEMPORARY ON DATABASE rebalancer FROM PUBLIC;
