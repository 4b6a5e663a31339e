-- The signer's own schema and its roles; may be run again.
-- Whoever logs in as one of these roles can do its part and nothing else.

CREATE SCHEMA IF NOT EXISTS signer;

CREATE TABLE IF NOT EXISTS signer.intents (
  id text PRIMARY KEY,
  body text NOT NULL,
  stamp text NOT NULL
);
CREATE TABLE IF NOT EXISTS signer.approvals (
  request_hash text PRIMARY KEY,
  body text NOT NULL,
  used boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS signer.quotes (
  intent_id text NOT NULL,
  quote_id text NOT NULL,
  body text NOT NULL,
  put_at timestamptz NOT NULL DEFAULT now(),
  answered boolean NOT NULL DEFAULT false,
  PRIMARY KEY (intent_id, quote_id)
);
CREATE INDEX IF NOT EXISTS quotes_waiting ON signer.quotes (put_at) WHERE NOT answered;
CREATE TABLE IF NOT EXISTS signer.control (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  body text NOT NULL
);
CREATE TABLE IF NOT EXISTS signer.policy (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  body text NOT NULL
);
CREATE TABLE IF NOT EXISTS signer.heads (
  address text PRIMARY KEY,
  version bigint NOT NULL,
  body text NOT NULL
);
CREATE TABLE IF NOT EXISTS signer.audit (
  address text NOT NULL,
  seq bigint NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (address, seq)
);
CREATE TABLE IF NOT EXISTS signer.reservations (
  intent_id text PRIMARY KEY,
  address text NOT NULL,
  chain_id bigint NOT NULL,
  nonce bigint NOT NULL,
  version bigint NOT NULL,
  body text NOT NULL,
  UNIQUE (address, chain_id, nonce)
);
CREATE TABLE IF NOT EXISTS signer.signed (
  intent_id text NOT NULL,
  attempt integer NOT NULL,
  body text NOT NULL,
  put_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (intent_id, attempt)
);
-- Why nothing was signed, for whoever asked: the last word on each intent.
CREATE TABLE IF NOT EXISTS signer.refusals (
  intent_id text PRIMARY KEY,
  body text NOT NULL
);
-- What became of each transfer, and what addresses hold: written by whoever reaches the chain, and
-- never read by the signer.
CREATE TABLE IF NOT EXISTS signer.transfers (
  id text PRIMARY KEY,
  version bigint NOT NULL,
  body text NOT NULL,
  place text NOT NULL DEFAULT 'open' CHECK (place IN ('open', 'lapsed', 'over'))
);
CREATE INDEX IF NOT EXISTS transfers_not_over ON signer.transfers (id) WHERE place <> 'over';
CREATE TABLE IF NOT EXISTS signer.balances (
  address text PRIMARY KEY,
  block bigint NOT NULL,
  body text NOT NULL
);

CREATE OR REPLACE FUNCTION signer.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON signer.audit
  FOR EACH STATEMENT EXECUTE FUNCTION signer.refuse_change();
CREATE OR REPLACE TRIGGER signed_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON signer.signed
  FOR EACH STATEMENT EXECUTE FUNCTION signer.refuse_change();
CREATE OR REPLACE TRIGGER intents_stay BEFORE UPDATE OR TRUNCATE ON signer.intents
  FOR EACH STATEMENT EXECUTE FUNCTION signer.refuse_change();
CREATE OR REPLACE TRIGGER reservations_stay BEFORE DELETE OR TRUNCATE ON signer.reservations
  FOR EACH STATEMENT EXECUTE FUNCTION signer.refuse_change();

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'betting_signer', 'betting_requester', 'betting_approver', 'betting_broadcaster',
    'betting_policy', 'betting_auditor'
  ] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END $$;

REVOKE ALL ON SCHEMA signer FROM PUBLIC;
GRANT USAGE ON SCHEMA signer TO
  betting_signer, betting_requester, betting_approver, betting_broadcaster, betting_policy,
  betting_auditor;

GRANT SELECT ON ALL TABLES IN SCHEMA signer TO betting_signer;
REVOKE SELECT ON signer.transfers, signer.balances FROM betting_signer;
GRANT INSERT ON signer.audit, signer.signed, signer.heads, signer.reservations TO betting_signer;
GRANT UPDATE ON signer.heads, signer.reservations TO betting_signer;
GRANT INSERT, UPDATE ON signer.refusals TO betting_signer;
GRANT UPDATE (used) ON signer.approvals TO betting_signer;
GRANT UPDATE (answered) ON signer.quotes TO betting_signer;

GRANT SELECT, INSERT ON signer.intents TO betting_requester;
GRANT SELECT ON
  signer.approvals, signer.signed, signer.refusals, signer.transfers, signer.balances
  TO betting_requester;

GRANT SELECT ON signer.intents, signer.transfers, signer.policy, signer.control TO betting_approver;
GRANT SELECT, INSERT (request_hash, body) ON signer.approvals TO betting_approver;

GRANT SELECT ON
  signer.intents, signer.approvals, signer.reservations, signer.signed, signer.refusals
  TO betting_broadcaster;
GRANT SELECT, INSERT (intent_id, quote_id, body) ON signer.quotes TO betting_broadcaster;
GRANT SELECT, INSERT, UPDATE ON signer.transfers, signer.balances TO betting_broadcaster;

GRANT SELECT, INSERT, UPDATE ON signer.control, signer.policy TO betting_policy;
GRANT SELECT ON signer.heads TO betting_policy;

GRANT SELECT ON signer.heads, signer.audit TO betting_auditor;
