"""Records are written by one statement for all of them; the switch of sending is held and read by one.

What is chained, and how, stays: only how rows come into the table is another.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"

# The content is `storage.record.chain.Link.content`, to the byte; to_json escapes a text as Python's json does.
APPEND = """
CREATE OR REPLACE FUNCTION append_to_record(
    who text, workflow_id text, run_id text, activity text, rules_version text, policy_version text,
    actions text[], accounts text[], rebalances text[], rules text[], befores text[], afters text[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    general text;
    chains text[];
    moment timestamptz;
    dated timestamptz;
    held text;
    place bigint;
    head bytea;
    by_whom text;
    by_what text;
    each record;
    givens bigint[];
    numbers bigint[];
    places bigint[];
    dates timestamptz[];
    hashes_before bytea[];
    heads bytea[];
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
        SELECT ends.chain INTO general FROM public.audit_heads AS ends WHERE ends.chain LIKE 'general/%'
            ORDER BY length(ends.chain), ends.chain LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF general IS NULL THEN
            general := 'general/' || nextval('public.audit_general_chains');
        END IF;
    END IF;
    chains := ARRAY(
        SELECT DISTINCT coalesce('account/' || account_id, general) COLLATE "C" FROM unnest(accounts) AS account_id
    );
    IF EXISTS (
        SELECT FROM unnest(chains) AS wanted (name)
        WHERE NOT EXISTS (SELECT FROM public.audit_heads AS ends WHERE ends.chain = wanted.name)
    ) THEN
        INSERT INTO public.audit_heads (chain, seq, hash)
            SELECT name, 0, sha256(convert_to(name, 'UTF8')) FROM unnest(chains) AS wanted (name)
            ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING;
    END IF;
    -- In the order of their names, whatever order the effects had: nobody waits in a circle.
    PERFORM FROM public.audit_heads AS ends WHERE ends.chain = ANY (chains)
        ORDER BY ends.chain COLLATE "C" FOR UPDATE;
    moment := clock_timestamp();
    numbers := ARRAY(SELECT nextval('public.audit_records_id_seq') FROM generate_series(1, cardinality(actions)));
    by_whom := concat(', "who": ', to_json(who));
    by_what := concat(
        ', "rules_version": ', coalesce(to_json(rules_version)::text, 'null'),
        ', "policy_version": ', coalesce(to_json(policy_version)::text, 'null'),
        ', "workflow_id": ', coalesce(to_json(workflow_id)::text, 'null'),
        ', "run_id": ', coalesce(to_json(run_id)::text, 'null'),
        ', "activity": ', coalesce(to_json(activity)::text, 'null')
    );
    FOR each IN
        SELECT ends.chain, ends.seq, ends.hash, given.*,
            coalesce(ends.at, (SELECT last.at FROM public.audit_records AS last
                               WHERE last.chain = ends.chain AND last.seq = ends.seq)) AS last_at
        FROM unnest(actions, accounts, rebalances, rules, befores, afters) WITH ORDINALITY
            AS given (action, account_id, rebalance_id, rule, before, after, n)
        JOIN public.audit_heads AS ends ON ends.chain = coalesce('account/' || given.account_id, general)
        ORDER BY ends.chain COLLATE "C", given.n
    LOOP
        IF held IS DISTINCT FROM each.chain THEN
            IF held IS NOT NULL THEN
                UPDATE public.audit_heads AS ends
                    SET seq = place, hash = head, at = dated, moved_in = txid_current()
                    WHERE ends.chain = held;
            END IF;
            held := each.chain;
            place := each.seq;
            head := each.hash;
            dated := greatest(moment, each.last_at);  -- a clock that was set back dates nothing before the last record
        END IF;
        place := place + 1;
        hashes_before := hashes_before || head;
        head := sha256(head || convert_to(concat(
            '{"id": ', numbers[each.n],
            ', "chain": ', to_json(held),
            ', "seq": ', place,
            ', "at": "', to_char(dated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '"',
            by_whom,
            ', "action": ', to_json(each.action),
            ', "account_id": ', coalesce(to_json(each.account_id)::text, 'null'),
            ', "rebalance_id": ', coalesce(to_json(each.rebalance_id)::text, 'null'),
            ', "rule": ', coalesce(to_json(each.rule)::text, 'null'),
            by_what,
            ', "before": ', coalesce(each.before, 'null'),
            ', "after": ', coalesce(each.after, 'null'), '}'
        ), 'UTF8'));
        givens := givens || each.n;
        places := places || place;
        dates := dates || dated;
        heads := heads || head;
    END LOOP;
    UPDATE public.audit_heads AS ends
        SET seq = place, hash = head, at = dated, moved_in = txid_current()
        WHERE ends.chain = held;
    INSERT INTO public.audit_records (
        id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version,
        workflow_id, run_id, activity, before, after, previous, hash
    ) OVERRIDING SYSTEM VALUE
        SELECT numbers[given.n], coalesce('account/' || given.account_id, general), made.place, made.dated, who,
            given.action, given.account_id, given.rebalance_id, given.rule, rules_version, policy_version,
            workflow_id, run_id, activity, given.before::json, given.after::json, made.previous, made.hash
        FROM unnest(givens, places, dates, hashes_before, heads) AS made (n, place, dated, previous, hash)
        JOIN unnest(actions, accounts, rebalances, rules, befores, afters) WITH ORDINALITY
            AS given (action, account_id, rebalance_id, rule, before, after, n) USING (n)
        ORDER BY n;
END $$
"""

# The lock first, then what is open: each statement of a function sees what was committed before it.
HOLD = """
CREATE FUNCTION hold_sending(switch bigint)
RETURNS TABLE (halted_by text, why text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(switch);
    RETURN QUERY SELECT halts.halted_by, halts.why FROM public.sending_halts AS halts
        WHERE halts.resumed_at IS NULL ORDER BY halts.id;
END $$
"""


def upgrade() -> None:
    """No row is written again."""
    for function in (APPEND, HOLD):
        op.execute(sa.text(function.replace(":", "\\:")))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
