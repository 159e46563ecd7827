-- What lets clients with several windows, and people who click twice, go on: kept decisions, grants that a later
-- decision narrowed, and equal registrations that share one client.

-- The issuer as the client found it; NULL if that is the configured one.
ALTER TABLE flows ADD COLUMN issuer TEXT;
-- 'allow' or 'deny', set together with decided_at; NULL for flows that an older version decided.
ALTER TABLE flows ADD COLUMN decision TEXT;
-- The id of the person who decided.
ALTER TABLE flows ADD COLUMN decided_by TEXT;
-- JSON list of API names, and the SHA-256 of the code; for 'allow' only.
ALTER TABLE flows ADD COLUMN permissions TEXT;
ALTER TABLE flows ADD COLUMN code BLOB;
-- Whether the audit event of the decision is on disk.
ALTER TABLE flows ADD COLUMN recorded BOOLEAN NOT NULL DEFAULT FALSE;

-- JSON list of API names: what was granted at first, if a later decision about the same client took some of it away.
ALTER TABLE grants ADD COLUMN narrowed_from TEXT;
-- The address from which the refresh token was last exchanged.
ALTER TABLE grants ADD COLUMN refreshed_from TEXT;

-- SHA-256 of what a client said of itself when it registered; NULL for all other clients.
ALTER TABLE clients ADD COLUMN fingerprint BLOB;
CREATE UNIQUE INDEX clients_fingerprint ON clients (fingerprint) WHERE fingerprint IS NOT NULL;
