-- People, roles and browser sessions.
-- Times are whole microseconds since 1970 in UTC. JSON is kept as TEXT.
-- Text is compared and sorted by its bytes (COLLATE "C"), as SQLite does, whatever the locale of the database.

CREATE TABLE roles (
    -- Built-in roles have their name as id.
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    -- JSON list of API names. A name that this version does not know grants nothing.
    permissions TEXT COLLATE "C" NOT NULL,
    -- JSON: which log types the role may query.
    log_types   TEXT COLLATE "C" NOT NULL,
    -- Built-in roles follow the product's version and are never edited.
    built_in    BOOLEAN          NOT NULL,
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL
);

CREATE TABLE users (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- In normal form (trimmed, lower case), which makes UNIQUE ignore case.
    email             TEXT COLLATE "C" NOT NULL UNIQUE,
    given_name        TEXT COLLATE "C" NOT NULL,
    family_name       TEXT COLLATE "C" NOT NULL,
    -- Exactly one role.
    role_id           TEXT COLLATE "C" NOT NULL REFERENCES roles (id),
    enabled           BOOLEAN          NOT NULL,
    -- Argon2id in PHC form; NULL for people who sign in elsewhere.
    password_hash     TEXT COLLATE "C",
    created_at        BIGINT           NOT NULL,
    last_signed_in_at BIGINT
);

CREATE TABLE sessions (
    -- SHA-256 of the session id: who reads this table cannot sign in with it.
    id_hash    BYTEA            NOT NULL PRIMARY KEY,
    -- A copy of data.user_id, so that a person's sessions can be ended. NULL before sign-in.
    user_id    TEXT COLLATE "C",
    -- JSON object.
    data       TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT           NOT NULL
);

-- Ends a person's sessions.
CREATE INDEX sessions_user ON sessions (user_id);
-- Removes what has expired.
CREATE INDEX sessions_expiry ON sessions (expires_at);
