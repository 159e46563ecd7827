-- Settings that an admin changes on a page, and values the server keeps for itself.

CREATE TABLE remote_mcp_settings (
    -- One row, or none while the defaults hold.
    id         BIGINT           NOT NULL PRIMARY KEY CHECK (id = 1),
    -- JSON: domain patterns and custom schemes.
    allowlist  TEXT COLLATE "C" NOT NULL,
    -- Counts up with every save; a save names the revision it was edited from.
    revision   BIGINT           NOT NULL CHECK (revision > 0),
    updated_at BIGINT,
    updated_by TEXT COLLATE "C"
);

CREATE TABLE internal_values (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);
