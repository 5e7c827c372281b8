"""Appending to the record and sealing it become the database's own doing: its functions, its clock, its places.

The application's role may call them, and may no longer write to the record's tables itself. A record can therefore
not be dated, placed or chained by whoever asks for it, nor a seal made of anything but where the chains end now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ONLY_BY_FUNCTION = (
    "audit_records", "audit_heads", "audit_seals", "audit_seal_heads", "rebalance_rounds", "workflow_histories",
)  # fmt: skip
FOR_THE_APPLICATION = (
    "append_to_record(text, text, text, text, text, text, text[], text[], text[], text[], text[], text[])",
    "seal_the_record(text)",
    "keep_round(text, text)",
    "keep_history(text, text, text, text, text, timestamptz, timestamptz, integer, bytea, bytea)",
)

# The content is `storage.record.chain.Link.content`, to the byte; to_json escapes a text as Python's json does.
APPEND = """
CREATE FUNCTION append_to_record(
    who text, workflow_id text, run_id text, activity text, rules_version text, policy_version text,
    actions text[], accounts text[], rebalances text[], rules text[], befores text[], afters text[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    general text;
    chains text[];
    numbers bigint[];
    moment timestamptz;
    dated timestamptz;
    held text;
    place bigint;
    head bytea;
    previous bytea;
    content text;
    each record;
BEGIN
    IF array_position(actions, 'guard attested') IS NOT NULL THEN
        -- What answers for the guard around all this (migration 0017) is for who owns it, in a chain of its own.
        IF cardinality(actions) > 1 OR NOT pg_has_role(session_user,
            (SELECT relowner FROM pg_class WHERE oid = 'public.audit_records'::regclass), 'USAGE')
        THEN
            RAISE EXCEPTION 'only who owns the record attests its guard' USING ERRCODE = 'insufficient_privilege';
        END IF;
        general := 'guard';
    ELSIF array_position(accounts, NULL) IS NOT NULL THEN
        -- Records without an account take whichever general chain nobody holds: they never wait for each other.
        SELECT heads.chain INTO general FROM public.audit_heads AS heads WHERE heads.chain LIKE 'general/%'
            ORDER BY length(heads.chain), heads.chain LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF general IS NULL THEN
            general := 'general/' || nextval('public.audit_general_chains');
        END IF;
    END IF;
    chains := ARRAY(
        SELECT DISTINCT coalesce('account/' || account_id, general) COLLATE "C" FROM unnest(accounts) AS account_id
    );
    IF EXISTS (
        SELECT FROM unnest(chains) AS wanted (name)
        WHERE NOT EXISTS (SELECT FROM public.audit_heads AS heads WHERE heads.chain = wanted.name)
    ) THEN
        INSERT INTO public.audit_heads (chain, seq, hash)
            SELECT name, 0, sha256(convert_to(name, 'UTF8')) FROM unnest(chains) AS wanted (name)
            ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING;
    END IF;
    -- In the order of their names, whatever order the effects had: nobody waits in a circle.
    PERFORM FROM public.audit_heads AS heads WHERE heads.chain = ANY (chains)
        ORDER BY heads.chain COLLATE "C" FOR UPDATE;
    moment := clock_timestamp();
    numbers := ARRAY(SELECT nextval('public.audit_records_id_seq') FROM generate_series(1, cardinality(actions)));
    FOR each IN
        SELECT heads.chain, heads.seq, heads.hash, given.*,
            coalesce(heads.at, (SELECT last.at FROM public.audit_records AS last
                                WHERE last.chain = heads.chain AND last.seq = heads.seq)) AS last_at
        FROM unnest(actions, accounts, rebalances, rules, befores, afters) WITH ORDINALITY
            AS given (action, account_id, rebalance_id, rule, before, after, n)
        JOIN public.audit_heads AS heads ON heads.chain = coalesce('account/' || given.account_id, general)
        ORDER BY heads.chain COLLATE "C", given.n
    LOOP
        IF held IS DISTINCT FROM each.chain THEN
            IF held IS NOT NULL THEN
                UPDATE public.audit_heads AS heads
                    SET seq = place, hash = head, at = dated, moved_in = txid_current()
                    WHERE heads.chain = held;
            END IF;
            held := each.chain;
            place := each.seq;
            head := each.hash;
            dated := greatest(moment, each.last_at);  -- a clock that was set back dates nothing before the last record
        END IF;
        place := place + 1;
        previous := head;
        content := concat(
            '{"id": ', numbers[each.n],
            ', "chain": ', to_json(held),
            ', "seq": ', place,
            ', "at": "', to_char(dated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '", "who": ', to_json(who),
            ', "action": ', to_json(each.action),
            ', "account_id": ', coalesce(to_json(each.account_id)::text, 'null'),
            ', "rebalance_id": ', coalesce(to_json(each.rebalance_id)::text, 'null'),
            ', "rule": ', coalesce(to_json(each.rule)::text, 'null'),
            ', "rules_version": ', coalesce(to_json(rules_version)::text, 'null'),
            ', "policy_version": ', coalesce(to_json(policy_version)::text, 'null'),
            ', "workflow_id": ', coalesce(to_json(workflow_id)::text, 'null'),
            ', "run_id": ', coalesce(to_json(run_id)::text, 'null'),
            ', "activity": ', coalesce(to_json(activity)::text, 'null'),
            ', "before": ', coalesce(each.before, 'null'),
            ', "after": ', coalesce(each.after, 'null'), '}'
        );
        head := sha256(previous || convert_to(content, 'UTF8'));
        INSERT INTO public.audit_records (
            id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version,
            workflow_id, run_id, activity, before, after, previous, hash
        ) OVERRIDING SYSTEM VALUE VALUES (
            numbers[each.n], held, place, dated, who, each.action, each.account_id, each.rebalance_id, each.rule,
            rules_version, policy_version, workflow_id, run_id, activity, each.before::json,
            each.after::json, previous, head
        );
    END LOOP;
    UPDATE public.audit_heads AS heads
        SET seq = place, hash = head, at = dated, moved_in = txid_current()
        WHERE heads.chain = held;
END $$
"""

# The content is `storage.record.seals.seal_content`, and the digest `HeadsDigest`, to the byte.
SEAL = """
CREATE FUNCTION seal_the_record(who text)
RETURNS SETOF public.audit_seals LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last public.audit_seals;
    made public.audit_seals;
    digest text;
BEGIN
    IF who IS NULL THEN
        RAISE EXCEPTION 'a seal needs the name of who makes it' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(x'7365616c'::int);
    SELECT * INTO last FROM public.audit_seals ORDER BY id DESC LIMIT 1;
    made.id := coalesce(last.id, 0) + 1;
    made.sealed_by := who;
    made.previous := coalesce(last.hash, sha256('seals'));
    -- At most so many ends at once, as their digest is one text; what is left is for the next seal, made right after.
    CREATE TEMPORARY TABLE sealing ON COMMIT DROP AS
        SELECT heads.chain, heads.seq, heads.hash, heads.at, heads.seq - coalesce(sealed.seq, 0) AS moved
        FROM public.audit_heads AS heads LEFT JOIN LATERAL (
            SELECT ends.seq FROM public.audit_seal_heads AS ends WHERE ends.chain = heads.chain
            ORDER BY ends.seal_id DESC LIMIT 1
        ) AS sealed ON true
        WHERE heads.seq > coalesce(sealed.seq, 0) ORDER BY heads.chain COLLATE "C" LIMIT 1000000;
    SELECT count(*), coalesce(sum(moved), 0), greatest(clock_timestamp(), max(at), last.sealed_at + interval '1 us'),
        encode(sha256(convert_to(string_agg(
            concat('[', to_json(chain), ', ', seq, ', "', encode(hash, 'hex'), '"]', E'\n'), ''
            ORDER BY chain COLLATE "C"
        ), 'UTF8')), 'hex')
        INTO made.chains, made.records, made.sealed_at, digest FROM pg_temp.sealing;
    IF made.chains > 0 THEN
        made.hash := sha256(made.previous || convert_to(concat(
            '{"seal": ', made.id,
            ', "at": "', to_char(made.sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '", "by": ', to_json(who),
            ', "chains": ', made.chains,
            ', "records": ', made.records,
            ', "heads": "', digest, '"}'
        ), 'UTF8'));
        INSERT INTO public.audit_seals (id, sealed_at, sealed_by, chains, records, previous, hash) VALUES (
            made.id, made.sealed_at, made.sealed_by, made.chains, made.records, made.previous, made.hash
        );
        INSERT INTO public.audit_seal_heads (seal_id, chain, seq, hash)
            SELECT made.id, chain, seq, hash FROM pg_temp.sealing;
        RETURN NEXT made;
    END IF;
    DROP TABLE pg_temp.sealing;
END $$
"""

KEEP_ROUND = """
CREATE FUNCTION keep_round(of text, rules text)
RETURNS TABLE (round integer, rules_version text, snapshot text, policy text, plan text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.rebalance_rounds AS kept (rebalance_id, round, rules_version, snapshot, policy, plan)
    -- A plan without a version is of a release that noted none: of rules 1. What a check refused is of today's.
    SELECT id, round, coalesce(rules_version, CASE WHEN plan IS NULL THEN rules ELSE '1' END), snapshot, policy, plan
    FROM public.rebalances WHERE id = of AND snapshot IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING kept.round, kept.rules_version,
        encode(sha256(convert_to(kept.snapshot::text, 'UTF8')), 'hex'),
        encode(sha256(convert_to(kept.policy::text, 'UTF8')), 'hex'),
        encode(sha256(convert_to(kept.plan::text, 'UTF8')), 'hex')
$$
"""

KEEP_HISTORY = """
CREATE FUNCTION keep_history(
    workflow text, run text, first_run text, type text, ended text, started timestamptz, closed timestamptz,
    events integer, sha256 bytea, content bytea
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.workflow_histories AS kept (
        workflow_id, run_id, first_run_id, workflow_type, status, started_at, closed_at, events, sha256, content
    ) VALUES (workflow, run, first_run, type, ended, started, closed, events, sha256, content) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$
"""

ROUND_HAS_ITS_RECORD = """
CREATE FUNCTION a_round_has_its_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.audit_records AS records
        WHERE records.rebalance_id = NEW.rebalance_id AND records.action = 'decision kept'
            AND records.after ->> 'round' = NEW.round::text
            AND records.after ->> 'rules_version' = NEW.rules_version
            AND records.after ->> 'snapshot' = encode(sha256(convert_to(NEW.snapshot::text, 'UTF8')), 'hex')
            AND records.after ->> 'policy' = encode(sha256(convert_to(NEW.policy::text, 'UTF8')), 'hex')
            AND records.after ->> 'plan'
                IS NOT DISTINCT FROM encode(sha256(convert_to(NEW.plan::text, 'UTF8')), 'hex')
    ) THEN
        RAISE EXCEPTION 'round % of % is kept without its record', NEW.round, NEW.rebalance_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

# Its record is at the end of the rebalance's account's chain, or of a general one: what this transaction wrote is last.
HISTORY_HAS_ITS_RECORD = """
CREATE FUNCTION a_history_has_its_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended record;
    each record;
BEGIN
    FOR ended IN
        SELECT heads.chain FROM public.audit_heads AS heads WHERE heads.moved_in = txid_current() AND (
            heads.chain LIKE 'general/%' OR heads.chain = (
                SELECT 'account/' || account_id FROM public.rebalances
                WHERE start_key = NEW.workflow_id || '#' || NEW.first_run_id
            )
        )
    LOOP
        FOR each IN
            SELECT xmin::text AS xmin, action, after FROM public.audit_records AS records
            WHERE records.chain = ended.chain ORDER BY records.seq DESC
        LOOP
            EXIT WHEN each.xmin <> (txid_current() % 4294967296)::text;
            IF each.action = 'history archived' AND each.after ->> 'workflow_id' = NEW.workflow_id
                AND each.after ->> 'run_id' = NEW.run_id AND each.after ->> 'sha256' = encode(NEW.sha256, 'hex')
            THEN
                RETURN NULL;
            END IF;
        END LOOP;
    END LOOP;
    RAISE EXCEPTION 'the history of %, run %, is kept without its record', NEW.workflow_id, NEW.run_id
        USING ERRCODE = 'check_violation';
END $$
"""


def upgrade() -> None:
    """Makes the functions, and takes the application's own way to the record's tables away."""
    op.add_column("audit_heads", sa.Column("at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("audit_heads", sa.Column("moved_in", sa.BigInteger(), nullable=True))
    # The general chains are found without a look at every account's, whatever the database's order of texts.
    op.execute("CREATE INDEX ix_audit_heads_general ON audit_heads (length(chain), chain) WHERE chain LIKE 'general/%'")
    for function in (APPEND, SEAL, KEEP_ROUND, KEEP_HISTORY, ROUND_HAS_ITS_RECORD, HISTORY_HAS_ITS_RECORD):
        op.execute(sa.text(function.replace(":", "\\:")))
    for table, check in (("rebalance_rounds", "a_round"), ("workflow_histories", "a_history")):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER has_its_record AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW EXECUTE FUNCTION {check}_has_its_record()"
        )
    for function in FOR_THE_APPLICATION:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO rebalancer_app")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(ONLY_BY_FUNCTION)} FROM rebalancer_app")
    op.execute("REVOKE ALL ON SEQUENCE audit_records_id_seq, audit_general_chains FROM rebalancer_app")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
