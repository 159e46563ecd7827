-- Clients, flows, grants, codes, refresh tokens, and the keys that sign access tokens.
-- Codes, refresh tokens and browser bindings are stored as SHA-256 only.

CREATE TABLE clients (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- What the client says of itself; may be empty.
    name               TEXT COLLATE "C" NOT NULL,
    -- JSON list, exactly as registered.
    redirect_uris      TEXT COLLATE "C" NOT NULL,
    client_uri         TEXT COLLATE "C",
    application_type   TEXT COLLATE "C",
    -- JSON list.
    grant_types        TEXT COLLATE "C" NOT NULL,
    -- 'registered' or 'preregistered'.
    source             TEXT COLLATE "C" NOT NULL,
    created_at         BIGINT           NOT NULL,
    -- NULL until a person authorizes the client; such clients are collected.
    last_authorized_at BIGINT
);

CREATE TABLE flows (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id      TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    redirect_uri   TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C",
    code_challenge TEXT COLLATE "C" NOT NULL,
    scope          TEXT COLLATE "C" NOT NULL,
    resource       TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the cookie of the browser in which the flow began.
    browser        BYTEA            NOT NULL,
    created_at     BIGINT           NOT NULL,
    expires_at     BIGINT           NOT NULL,
    -- Set exactly once, by an UPDATE that demands NULL.
    decided_at     BIGINT
);

CREATE INDEX flows_client ON flows (client_id);
CREATE INDEX flows_expiry ON flows (expires_at);

CREATE TABLE grants (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id        TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    client_id      TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    -- JSON list of API names; what the person granted, never more.
    permissions    TEXT COLLATE "C" NOT NULL,
    resource       TEXT COLLATE "C" NOT NULL,
    redirect_uri   TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT           NOT NULL,
    -- Set exactly once, by the code exchange.
    activated_at   BIGINT,
    expires_at     BIGINT           NOT NULL,
    last_used_at   BIGINT,
    -- Set together, exactly once. A revoked grant never becomes active again.
    revoked_at     BIGINT,
    revoked_reason TEXT COLLATE "C",
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);

-- A person's connections, newest first; ending all of a person.
CREATE INDEX grants_user ON grants (user_id, created_at, id);
-- Whether a client was ever authorized.
CREATE INDEX grants_client ON grants (client_id);
-- Grants whose code was never exchanged.
CREATE INDEX grants_never_active ON grants (created_at) WHERE activated_at IS NULL;

CREATE TABLE authorization_codes (
    hash           BYTEA            NOT NULL PRIMARY KEY,
    grant_id       TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id      TEXT COLLATE "C" NOT NULL,
    redirect_uri   TEXT COLLATE "C" NOT NULL,
    code_challenge TEXT COLLATE "C" NOT NULL,
    expires_at     BIGINT           NOT NULL,
    -- Set exactly once, by an UPDATE that demands NULL.
    consumed_at    BIGINT
);

CREATE INDEX authorization_codes_grant ON authorization_codes (grant_id);
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

-- The refresh tokens of one grant are one family: each has at most one successor.
CREATE TABLE refresh_tokens (
    hash          BYTEA            NOT NULL PRIMARY KEY,
    grant_id      TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    issued_at     BIGINT           NOT NULL,
    expires_at    BIGINT           NOT NULL,
    -- Set together, exactly once, by an UPDATE that demands NULL.
    superseded_at BIGINT,
    successor     BYTEA,
    CHECK ((superseded_at IS NULL) = (successor IS NULL))
);

CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE signing_keys (
    -- The key id in JWT headers.
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Ed25519 private key, PKCS #8 DER.
    private_der BYTEA            NOT NULL,
    created_at  BIGINT           NOT NULL,
    -- NULL while the key signs.
    retired_at  BIGINT
);

-- At most one key signs, however many nodes start at once.
CREATE UNIQUE INDEX signing_keys_current ON signing_keys ((retired_at IS NULL)) WHERE retired_at IS NULL;
