-- For docker-compose.yml, service postgres-setup (psql as the superuser): a role each for Temporal and the
-- rebalancer, and the rebalancer's database. Why not /docker-entrypoint-initdb.d: that runs once, on an empty
-- volume; this runs on every start, so a password changed in .env reaches the role, and a half-made set-up mends.
\set ON_ERROR_STOP on
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv rebalancer_password REBALANCER_DB_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', wanted)
  FROM unnest(ARRAY['temporal', 'rebalancer']) AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
\gexec
-- CREATEDB because temporal-sql-tool creates Temporal's two databases itself.
ALTER ROLE temporal CREATEDB PASSWORD :'temporal_password';
ALTER ROLE rebalancer PASSWORD :'rebalancer_password';

SELECT 'CREATE DATABASE rebalancer OWNER rebalancer'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'rebalancer')
\gexec
REVOKE CONNECT, TEMPORARY ON DATABASE rebalancer FROM PUBLIC;
