//! The port `Clients`.

use async_trait::async_trait;
use margay_domain::{
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    id::ClientId,
    ports::{Clients, StoreError, StoreResult},
};

use crate::{
    codec::{from_json, micros, optional_text, shown_name, text, timestamp, to_json, word},
    engine::{Engine, in_transaction, on_read, on_write},
    error::DbResult as _,
};

const CLIENT: &str = "client";

/// The columns of a [`ClientRow`], from `clients c`.
macro_rules! client_columns {
    () => {
        "c.id AS c_id, c.name AS c_name, c.redirect_uris AS c_redirect_uris, c.client_uri AS c_client_uri, \
         c.application_type AS c_application_type, c.grant_types AS c_grant_types, c.source AS c_source, \
         c.approval AS c_approval, c.document_fresh_until AS c_document_fresh_until, \
         c.created_at AS c_created_at, c.last_authorized_at AS c_last_authorized_at"
    };
}
pub(crate) use client_columns;

/// A client as stored.
#[derive(sqlx::FromRow)]
pub(crate) struct ClientRow {
    #[sqlx(rename = "c_id")]
    id: String,
    #[sqlx(rename = "c_name")]
    name: String,
    #[sqlx(rename = "c_redirect_uris")]
    redirect_uris: String,
    #[sqlx(rename = "c_client_uri")]
    client_uri: Option<String>,
    #[sqlx(rename = "c_application_type")]
    application_type: Option<String>,
    #[sqlx(rename = "c_grant_types")]
    grant_types: String,
    #[sqlx(rename = "c_source")]
    source: String,
    #[sqlx(rename = "c_approval")]
    approval: String,
    #[sqlx(rename = "c_document_fresh_until")]
    document_fresh_until: Option<i64>,
    #[sqlx(rename = "c_created_at")]
    created_at: i64,
    #[sqlx(rename = "c_last_authorized_at")]
    last_authorized_at: Option<i64>,
}

impl ClientRow {
    pub(crate) fn into_client(self) -> StoreResult<Client> {
        Ok(Client {
            redirect_uris: from_json("redirect URIs of a client", &self.redirect_uris)?,
            grant_types: from_json("grant types of a client", &self.grant_types)?,
            source: word("source of a client", &self.source, parse_source)?,
            approval: word("approval of a client", &self.approval, parse_approval)?,
            document_fresh_until: timestamp(self.document_fresh_until),
            id: ClientId::new(self.id),
            name: shown_name(&self.name),
            client_uri: self.client_uri,
            application_type: self.application_type,
            created_at: Timestamp::from_micros(self.created_at),
            last_authorized_at: timestamp(self.last_authorized_at),
        })
    }
}

const REGISTERED: &str = "registered";
const PREREGISTERED: &str = "preregistered";
const DOCUMENT: &str = "document";
const WAITING: &str = "waiting";
const APPROVED: &str = "approved";

const fn source_word(source: ClientSource) -> &'static str {
    match source {
        ClientSource::Registered => REGISTERED,
        ClientSource::Preregistered => PREREGISTERED,
        ClientSource::Document => DOCUMENT,
    }
}

const fn approval_word(approval: Approval) -> &'static str {
    match approval {
        Approval::Waiting => WAITING,
        Approval::Approved => APPROVED,
    }
}

fn parse_approval(word: &str) -> Option<Approval> {
    match word {
        WAITING => Some(Approval::Waiting),
        APPROVED => Some(Approval::Approved),
        _ => None,
    }
}

fn parse_source(word: &str) -> Option<ClientSource> {
    match word {
        REGISTERED => Some(ClientSource::Registered),
        PREREGISTERED => Some(ClientSource::Preregistered),
        DOCUMENT => Some(ClientSource::Document),
        _ => None,
    }
}

const INSERT: &str = "INSERT INTO clients (id, name, redirect_uris, client_uri, application_type, grant_types, \
     source, approval, document_fresh_until, created_at, last_authorized_at, fingerprint) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// What makes registrations equal; other clients are told apart by their ids.
fn fingerprint(client: &Client) -> Option<Vec<u8>> {
    (client.source == ClientSource::Registered).then(|| client.fingerprint().to_vec())
}

/// Clients in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlClients(pub(crate) Engine);

#[async_trait]
impl Clients for SqlClients {
    async fn create(&self, client: &Client) -> StoreResult<()> {
        on_write!(self.0, |pool| {
            sqlx::query(INSERT)
                .bind(text(client.id.as_str()))
                .bind(text(&client.name))
                .bind(to_json(&client.redirect_uris)?)
                .bind(optional_text(client.client_uri.as_deref()))
                .bind(optional_text(client.application_type.as_deref()))
                .bind(to_json(&client.grant_types)?)
                .bind(source_word(client.source))
                .bind(approval_word(client.approval))
                .bind(micros(client.document_fresh_until))
                .bind(client.created_at.as_micros())
                .bind(micros(client.last_authorized_at))
                .bind(fingerprint(client))
                .execute(pool)
                .await
                .naming("this client", CLIENT)?
                .rows_affected()
        });
        Ok(())
    }

    async fn equal(&self, client: &Client) -> StoreResult<Option<Client>> {
        const SQL: &str = concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.fingerprint = $1");
        let fingerprint = client.fingerprint().to_vec();
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, ClientRow>(SQL).bind(fingerprint).fetch_optional(pool).await.db()?
        });
        row.map(ClientRow::into_client).transpose()
    }

    async fn put_document(&self, client: &Client) -> StoreResult<()> {
        // What an admin decided about the client, and when it was used, is not the document's to say.
        const SQL: &str = "INSERT INTO clients (id, name, redirect_uris, client_uri, application_type, grant_types, \
             source, approval, document_fresh_until, created_at, last_authorized_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, redirect_uris = excluded.redirect_uris, \
             client_uri = excluded.client_uri, application_type = excluded.application_type, \
             grant_types = excluded.grant_types, document_fresh_until = excluded.document_fresh_until \
             WHERE clients.source = 'document'";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(client.id.as_str()))
                .bind(text(&client.name))
                .bind(to_json(&client.redirect_uris)?)
                .bind(optional_text(client.client_uri.as_deref()))
                .bind(optional_text(client.application_type.as_deref()))
                .bind(to_json(&client.grant_types)?)
                .bind(source_word(client.source))
                .bind(approval_word(client.approval))
                .bind(micros(client.document_fresh_until))
                .bind(client.created_at.as_micros())
                .bind(micros(client.last_authorized_at))
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        if changed == 0 { Err(StoreError::Conflict("a client with this id")) } else { Ok(()) }
    }

    async fn approve(&self, id: &ClientId) -> StoreResult<bool> {
        const SQL: &str = "UPDATE clients SET approval = $2 WHERE id = $1 AND approval = $3";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(id.as_str()))
                .bind(APPROVED)
                .bind(WAITING)
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(changed == 1)
    }

    async fn count_unused(&self) -> StoreResult<u64> {
        const SQL: &str = "SELECT count(*) FROM clients WHERE last_authorized_at IS NULL AND source <> $1";
        let count = on_read!(self.0, |pool| sqlx::query_scalar::<_, i64>(SQL)
            .bind(PREREGISTERED)
            .fetch_one(pool)
            .await
            .db()?);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn get(&self, id: &ClientId) -> StoreResult<Option<Client>> {
        const SQL: &str = concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, ClientRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(ClientRow::into_client).transpose()
    }

    async fn list(&self) -> StoreResult<Vec<Client>> {
        const SQL: &str =
            concat!("SELECT ", client_columns!(), " FROM clients c ORDER BY c.created_at DESC, c.id DESC");
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, ClientRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(ClientRow::into_client).collect()
    }

    async fn authorized(&self, id: &ClientId, at: Timestamp) -> StoreResult<()> {
        const SQL: &str = "UPDATE clients SET last_authorized_at = $2 WHERE id = $1";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(id.as_str())).bind(at.as_micros()).execute(pool).await.db()?.rows_affected()
        });
        if changed == 0 { Err(StoreError::NotFound(CLIENT)) } else { Ok(()) }
    }

    async fn collect_unused(&self, before: Timestamp) -> StoreResult<u64> {
        // Clients that an admin added stay until the admin removes them. Flows go with their client.
        const SQL: &str = "DELETE FROM clients WHERE source <> $1 AND last_authorized_at IS NULL AND created_at < $2 \
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id)";
        Ok(on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(PREREGISTERED).bind(before.as_micros()).execute(pool).await.db()?.rows_affected()
        }))
    }

    async fn collect_ended(&self, before: Timestamp) -> StoreResult<u64> {
        // A grant ends when it is revoked, else at its absolute end. What an admin added stays.
        const GRANTS: &str = "DELETE FROM grants WHERE client_id IN (SELECT c.id FROM clients c \
             WHERE c.source <> $1 AND c.last_authorized_at < $2 AND NOT EXISTS (SELECT 1 FROM grants g \
             WHERE g.client_id = c.id AND COALESCE(g.revoked_at, g.expires_at) >= $2))";
        const CLIENTS: &str = "DELETE FROM clients WHERE source <> $1 AND last_authorized_at < $2 \
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id)";
        Ok(in_transaction!(self.0, |tx| {
            let mut rows = 0;
            for sql in [GRANTS, CLIENTS] {
                rows = sqlx::query(sql)
                    .bind(PREREGISTERED)
                    .bind(before.as_micros())
                    .execute(&mut *tx)
                    .await
                    .db()?
                    .rows_affected();
            }
            rows
        }))
    }

    async fn evict_unused(&self, before: Timestamp, now: Timestamp) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM clients WHERE id = (SELECT c.id FROM clients c \
             WHERE c.source <> $1 AND c.last_authorized_at IS NULL AND c.created_at < $2 \
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id) \
             AND NOT EXISTS (SELECT 1 FROM flows f WHERE f.client_id = c.id AND f.decided_at IS NULL \
             AND f.expires_at > $3) ORDER BY c.created_at, c.id LIMIT 1)";
        let removed = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(PREREGISTERED)
                .bind(before.as_micros())
                .bind(now.as_micros())
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(removed == 1)
    }
}
