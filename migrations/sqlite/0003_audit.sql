-- The audit log. Rows are only ever added.

CREATE TABLE audit_events (
    id          TEXT   NOT NULL PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    -- Copies of what searches filter by, cut to 256 characters; the event itself is whole.
    action      TEXT   NOT NULL,
    actor_id    TEXT   NOT NULL,
    actor_email TEXT,
    -- The tool's name; AI_TOOL_INVOKE only.
    tool        TEXT,
    result      TEXT   NOT NULL,
    -- The event as JSON.
    event       TEXT   NOT NULL
);

-- Newest first, page by page, with and without each exact filter.
CREATE INDEX audit_events_time ON audit_events (happened_at, id);
CREATE INDEX audit_events_action ON audit_events (action, happened_at, id);
CREATE INDEX audit_events_actor ON audit_events (actor_id, happened_at, id);
CREATE INDEX audit_events_actor_email ON audit_events (actor_email, happened_at, id);
CREATE INDEX audit_events_tool ON audit_events (tool, happened_at, id);
