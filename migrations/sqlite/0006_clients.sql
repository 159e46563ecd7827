-- Clients that wait for an admin, and clients that are known by a metadata document.

-- 'approved' or 'waiting'; becomes 'approved' once, by an UPDATE that demands 'waiting'.
ALTER TABLE clients ADD COLUMN approval TEXT NOT NULL DEFAULT 'approved';
-- Until when the copy of the metadata document may be used without asking its host; NULL for all other clients.
ALTER TABLE clients ADD COLUMN document_fresh_until BIGINT;

-- How many came by themselves and were never used; collecting those.
CREATE INDEX clients_unused ON clients (created_at) WHERE last_authorized_at IS NULL;
