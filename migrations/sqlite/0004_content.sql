-- What the tools read: alerts, detections, enrichments, log schemas.

CREATE TABLE alerts (
    id             TEXT   NOT NULL PRIMARY KEY,
    kind           TEXT   NOT NULL,
    title          TEXT   NOT NULL,
    -- The title in lower case (Unicode), because the engines fold case differently.
    title_folded   TEXT   NOT NULL,
    description    TEXT   NOT NULL,
    runbook        TEXT   NOT NULL,
    reference      TEXT   NOT NULL,
    severity       TEXT   NOT NULL,
    status         TEXT   NOT NULL,
    quality        TEXT,
    -- JSON list.
    context_tags   TEXT   NOT NULL,
    detection_id   TEXT,
    -- JSON list in the order given; alert_log_types is for searching.
    log_types      TEXT   NOT NULL,
    -- JSON value.
    context        TEXT   NOT NULL,
    event_count    BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    first_event_at BIGINT,
    last_event_at  BIGINT,
    updated_at     BIGINT NOT NULL,
    assignee_id    TEXT,
    -- JSON list of references into the lake; read with a single alert only.
    events         TEXT   NOT NULL
);

-- Both directions, page by page; then the filters people use most.
CREATE INDEX alerts_time ON alerts (created_at, id);
CREATE INDEX alerts_status ON alerts (status, created_at, id);
CREATE INDEX alerts_detection ON alerts (detection_id);

-- One row per alert and log type, for the log-type filter.
CREATE TABLE alert_log_types (
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    log_type TEXT NOT NULL
);

CREATE INDEX alert_log_types_alert ON alert_log_types (alert_id);

CREATE TABLE alert_comments (
    id         TEXT   NOT NULL PRIMARY KEY,
    alert_id   TEXT   NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    body       TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX alert_comments_alert ON alert_comments (alert_id, created_at, id);

CREATE TABLE detections (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- JSON: everything but body and tests, so that listing stays small.
    summary       TEXT   NOT NULL,
    -- JSON: body and tests.
    source        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_modified BIGINT NOT NULL
);

CREATE TABLE enrichments (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    -- The name in lower case (Unicode): names are unique and found ignoring case.
    name_folded TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    primary_key TEXT    NOT NULL,
    match_kind  TEXT    NOT NULL,
    -- JSON lists.
    columns     TEXT    NOT NULL,
    log_types   TEXT    NOT NULL,
    enabled     BOOLEAN NOT NULL,
    -- Counted when the rows are written.
    row_count   BIGINT  NOT NULL,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);

CREATE TABLE enrichment_rows (
    enrichment_id TEXT   NOT NULL REFERENCES enrichments (id) ON DELETE CASCADE,
    -- The order of import, which settles rows of the same key.
    position      BIGINT NOT NULL,
    -- The value of the primary key, as text.
    key           TEXT   NOT NULL,
    -- JSON object.
    data          TEXT   NOT NULL,
    PRIMARY KEY (enrichment_id, position)
);

-- Rows of exactly this key.
CREATE INDEX enrichment_rows_key ON enrichment_rows (key);

CREATE TABLE log_schemas (
    -- The log type.
    name          TEXT    NOT NULL PRIMARY KEY,
    description   TEXT    NOT NULL,
    -- YAML.
    spec          TEXT    NOT NULL,
    -- Counts up whenever spec changes.
    revision      BIGINT  NOT NULL,
    is_managed    BOOLEAN NOT NULL,
    is_archived   BOOLEAN NOT NULL,
    reference_url TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);
