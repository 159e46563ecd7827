-- What the tools read: alerts, detections, enrichments, log schemas.

CREATE TABLE alerts (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind           TEXT COLLATE "C" NOT NULL,
    title          TEXT COLLATE "C" NOT NULL,
    -- The title in lower case (Unicode), because the engines fold case differently.
    title_folded   TEXT COLLATE "C" NOT NULL,
    description    TEXT COLLATE "C" NOT NULL,
    runbook        TEXT COLLATE "C" NOT NULL,
    reference      TEXT COLLATE "C" NOT NULL,
    severity       TEXT COLLATE "C" NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    quality        TEXT COLLATE "C",
    -- JSON list.
    context_tags   TEXT COLLATE "C" NOT NULL,
    detection_id   TEXT COLLATE "C",
    -- JSON list in the order given; alert_log_types is for searching.
    log_types      TEXT COLLATE "C" NOT NULL,
    -- JSON value.
    context        TEXT COLLATE "C" NOT NULL,
    event_count    BIGINT           NOT NULL,
    created_at     BIGINT           NOT NULL,
    first_event_at BIGINT,
    last_event_at  BIGINT,
    updated_at     BIGINT           NOT NULL,
    assignee_id    TEXT COLLATE "C",
    -- JSON list of references into the lake; read with a single alert only.
    events         TEXT COLLATE "C" NOT NULL
);

-- Both directions, page by page; then the filters people use most.
CREATE INDEX alerts_time ON alerts (created_at, id);
CREATE INDEX alerts_status ON alerts (status, created_at, id);
-- By hash, because nothing limits the length of the id of a detection.
CREATE INDEX alerts_detection ON alerts USING hash (detection_id);

-- One row per alert and log type, for the log-type filter.
CREATE TABLE alert_log_types (
    alert_id TEXT COLLATE "C" NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    log_type TEXT COLLATE "C" NOT NULL
);

CREATE INDEX alert_log_types_alert ON alert_log_types (alert_id);

CREATE TABLE alert_comments (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    alert_id   TEXT COLLATE "C" NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    body       TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL
);

CREATE INDEX alert_comments_alert ON alert_comments (alert_id, created_at, id);

CREATE TABLE detections (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- JSON: everything but body and tests, so that listing stays small.
    summary       TEXT COLLATE "C" NOT NULL,
    -- JSON: body and tests.
    source        TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT           NOT NULL,
    last_modified BIGINT           NOT NULL
);

CREATE TABLE enrichments (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    -- The name in lower case (Unicode): names are unique and found ignoring case.
    name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    description TEXT COLLATE "C" NOT NULL,
    primary_key TEXT COLLATE "C" NOT NULL,
    match_kind  TEXT COLLATE "C" NOT NULL,
    -- JSON lists.
    columns     TEXT COLLATE "C" NOT NULL,
    log_types   TEXT COLLATE "C" NOT NULL,
    enabled     BOOLEAN          NOT NULL,
    -- Counted when the rows are written.
    row_count   BIGINT           NOT NULL,
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL
);

CREATE TABLE enrichment_rows (
    enrichment_id TEXT COLLATE "C" NOT NULL REFERENCES enrichments (id) ON DELETE CASCADE,
    -- The order of import, which settles rows of the same key.
    position      BIGINT           NOT NULL,
    -- The value of the primary key, as text.
    key           TEXT COLLATE "C" NOT NULL,
    -- JSON object.
    data          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (enrichment_id, position)
);

-- Rows of exactly this key. By hash, because nothing limits the length of a key.
CREATE INDEX enrichment_rows_key ON enrichment_rows USING hash (key);

CREATE TABLE log_schemas (
    -- The log type.
    name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    description   TEXT COLLATE "C" NOT NULL,
    -- YAML.
    spec          TEXT COLLATE "C" NOT NULL,
    -- Counts up whenever spec changes.
    revision      BIGINT           NOT NULL,
    is_managed    BOOLEAN          NOT NULL,
    is_archived   BOOLEAN          NOT NULL,
    reference_url TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT           NOT NULL,
    updated_at    BIGINT           NOT NULL
);
