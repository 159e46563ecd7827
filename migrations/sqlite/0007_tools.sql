-- What the tools change, and what they read beside: global helpers, data models, log sources.

-- Who changed an alert last; NULL if nobody did since it was raised.
ALTER TABLE alerts ADD COLUMN updated_by TEXT;
-- JSON lists in the order given; alert_terms is for searching.
ALTER TABLE alerts ADD COLUMN log_source_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE alerts ADD COLUMN resource_types TEXT NOT NULL DEFAULT '[]';

-- Few of many alerts are assigned or judged, and people ask for these page by page.
CREATE INDEX alerts_assignee ON alerts (assignee_id, created_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX alerts_quality ON alerts (quality, created_at, id) WHERE quality IS NOT NULL;

-- One row per alert and term, for the filters by label, log source and resource type.
CREATE TABLE alert_terms (
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    -- 'context_tag', 'log_source' or 'resource_type'.
    kind     TEXT NOT NULL,
    term     TEXT NOT NULL
);

-- Alerts are walked by time, and each is asked for its terms.
CREATE INDEX alert_terms_alert ON alert_terms (alert_id, kind, term);

-- The labels that are there. NUL is looked for as U+FFFD, and no text of PostgreSQL holds it.
INSERT INTO alert_terms (alert_id, kind, term)
SELECT DISTINCT a.id, 'context_tag', t.value
FROM alerts a, json_each(replace(a.context_tags, '\u0000', '\ufffd')) t;

CREATE TABLE global_helpers (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- JSON: everything but body, so that listing stays small.
    summary       TEXT   NOT NULL,
    -- JSON: body.
    source        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_modified BIGINT NOT NULL
);

CREATE TABLE data_models (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- JSON: everything but body, so that listing stays small.
    summary       TEXT   NOT NULL,
    -- JSON: body.
    source        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_modified BIGINT NOT NULL
);

CREATE TABLE log_sources (
    id                  TEXT    NOT NULL PRIMARY KEY,
    label               TEXT    NOT NULL UNIQUE,
    kind                TEXT    NOT NULL,
    -- JSON list.
    log_types           TEXT    NOT NULL,
    stream_type         TEXT    NOT NULL,
    auth_method         TEXT,
    auth_header         TEXT,
    quiet_after_minutes BIGINT,
    is_editable         BOOLEAN NOT NULL,
    created_at          BIGINT  NOT NULL,
    last_modified       BIGINT  NOT NULL,
    -- Neither ever goes back.
    last_received_at    BIGINT,
    last_processed_at   BIGINT
);

-- How much of each log type a source brought within 15 minutes. It stays when the source is gone.
CREATE TABLE source_volumes (
    begin     BIGINT NOT NULL,
    source_id TEXT   NOT NULL,
    log_type  TEXT   NOT NULL,
    bytes     BIGINT NOT NULL,
    events    BIGINT NOT NULL,
    PRIMARY KEY (begin, source_id, log_type)
);
