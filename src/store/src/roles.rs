//! The port `Roles`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    id::RoleId,
    ports::{Roles, StoreError, StoreResult},
    role::{BuiltInRole, Role},
};

use crate::{
    codec::{from_json, permissions_from_json, permissions_to_json, text, to_json},
    engine::{Engine, in_transaction, on_read, on_write},
    error::DbResult as _,
};

const ROLE: &str = "role";
const SAME_NAME: &str = "a role with this name";

/// The columns of a [`RoleRow`], from `roles r`.
macro_rules! role_columns {
    () => {
        "r.id AS r_id, r.name AS r_name, r.permissions AS r_permissions, r.log_types AS r_log_types, \
         r.built_in AS r_built_in, r.created_at AS r_created_at, r.updated_at AS r_updated_at"
    };
}
pub(crate) use role_columns;

/// A role as stored.
#[derive(sqlx::FromRow)]
pub(crate) struct RoleRow {
    #[sqlx(rename = "r_id")]
    id: String,
    #[sqlx(rename = "r_name")]
    name: String,
    #[sqlx(rename = "r_permissions")]
    permissions: String,
    #[sqlx(rename = "r_log_types")]
    log_types: String,
    #[sqlx(rename = "r_built_in")]
    built_in: bool,
    #[sqlx(rename = "r_created_at")]
    created_at: i64,
    #[sqlx(rename = "r_updated_at")]
    updated_at: i64,
}

impl RoleRow {
    pub(crate) fn into_role(self) -> StoreResult<Role> {
        Ok(Role {
            permissions: permissions_from_json("permissions of a role", &self.permissions)?,
            log_types: from_json("log types of a role", &self.log_types)?,
            id: RoleId::new(self.id),
            name: self.name,
            built_in: self.built_in,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

/// Roles in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlRoles(pub(crate) Engine);

#[async_trait]
impl Roles for SqlRoles {
    async fn ensure_built_in(&self, now: Timestamp) -> StoreResult<()> {
        // Writes only what differs, so that a start changes nothing and `updated_at` means something.
        const SQL: &str = "INSERT INTO roles (id, name, permissions, log_types, built_in, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, TRUE, $5, $5) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, permissions = excluded.permissions, \
             log_types = excluded.log_types, built_in = TRUE, updated_at = excluded.updated_at \
             WHERE roles.name <> excluded.name OR roles.permissions <> excluded.permissions \
             OR roles.log_types <> excluded.log_types OR roles.built_in = FALSE";
        in_transaction!(self.0, |tx| {
            for built_in in BuiltInRole::ALL {
                let role = built_in.role(now);
                sqlx::query(SQL)
                    .bind(role.id.as_str())
                    .bind(role.name.as_str())
                    .bind(permissions_to_json(role.permissions)?)
                    .bind(to_json(&role.log_types)?)
                    .bind(now.as_micros())
                    .execute(&mut *tx)
                    .await
                    .naming(SAME_NAME, ROLE)?;
            }
        });
        Ok(())
    }

    async fn create(&self, role: &Role) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO roles (id, name, permissions, log_types, built_in, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(role.id.as_str()))
                .bind(text(&role.name))
                .bind(permissions_to_json(role.permissions)?)
                .bind(to_json(&role.log_types)?)
                .bind(role.built_in)
                .bind(role.created_at.as_micros())
                .bind(role.updated_at.as_micros())
                .execute(pool)
                .await
                .naming(SAME_NAME, ROLE)?
                .rows_affected()
        });
        Ok(())
    }

    async fn update(&self, role: &Role) -> StoreResult<()> {
        const SQL: &str = "UPDATE roles SET name = $2, permissions = $3, log_types = $4, updated_at = $5 \
             WHERE id = $1 AND built_in = FALSE";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(role.id.as_str()))
                .bind(text(&role.name))
                .bind(permissions_to_json(role.permissions)?)
                .bind(to_json(&role.log_types)?)
                .bind(role.updated_at.as_micros())
                .execute(pool)
                .await
                .naming(SAME_NAME, ROLE)?
                .rows_affected()
        });
        if changed == 0 { Err(StoreError::NotFound("role that can be changed")) } else { Ok(()) }
    }

    async fn get(&self, id: &RoleId) -> StoreResult<Option<Role>> {
        const SQL: &str = concat!("SELECT ", role_columns!(), " FROM roles r WHERE r.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, RoleRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(RoleRow::into_role).transpose()
    }

    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Role>> {
        const SQL: &str = concat!("SELECT ", role_columns!(), " FROM roles r WHERE r.name = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, RoleRow>(SQL).bind(text(name)).fetch_optional(pool).await.db()?
        });
        row.map(RoleRow::into_role).transpose()
    }

    async fn list(&self) -> StoreResult<Vec<Role>> {
        const SQL: &str = concat!("SELECT ", role_columns!(), " FROM roles r ORDER BY r.name");
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, RoleRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(RoleRow::into_role).collect()
    }
}
