//! The port `Users`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    id::{RoleId, UserId},
    ports::{StoreError, StoreResult, Users},
    user::{PasswordHash, User},
};

use crate::{
    codec::{count, micros, shown_name, text, timestamp},
    engine::{Engine, in_transaction, on_read, on_write},
    error::DbResult as _,
};

const PERSON: &str = "user";
const SAME_EMAIL: &str = "a user with this e-mail address";

/// The columns of a [`UserRow`], from `users u`. Never the password hash.
macro_rules! user_columns {
    () => {
        "u.id AS u_id, u.email AS u_email, u.given_name AS u_given_name, u.family_name AS u_family_name, \
         u.role_id AS u_role_id, u.enabled AS u_enabled, u.created_at AS u_created_at, \
         u.last_signed_in_at AS u_last_signed_in_at"
    };
}
pub(crate) use user_columns;

/// A person as stored.
#[derive(sqlx::FromRow)]
pub(crate) struct UserRow {
    #[sqlx(rename = "u_id")]
    id: String,
    #[sqlx(rename = "u_email")]
    email: String,
    #[sqlx(rename = "u_given_name")]
    given_name: String,
    #[sqlx(rename = "u_family_name")]
    family_name: String,
    #[sqlx(rename = "u_role_id")]
    role_id: String,
    #[sqlx(rename = "u_enabled")]
    enabled: bool,
    #[sqlx(rename = "u_created_at")]
    created_at: i64,
    #[sqlx(rename = "u_last_signed_in_at")]
    last_signed_in_at: Option<i64>,
}

impl UserRow {
    pub(crate) fn into_user(self) -> User {
        User {
            id: UserId::new(self.id),
            email: self.email,
            given_name: shown_name(&self.given_name),
            family_name: shown_name(&self.family_name),
            role_id: RoleId::new(self.role_id),
            enabled: self.enabled,
            created_at: Timestamp::from_micros(self.created_at),
            last_signed_in_at: timestamp(self.last_signed_in_at),
        }
    }
}

#[derive(sqlx::FromRow)]
struct UserWithPasswordRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: Option<String>,
}

/// People in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlUsers(pub(crate) Engine);

impl SqlUsers {
    /// Adds a person; with `only_first` only if there is nobody yet. Whether it did.
    async fn insert(&self, user: &User, password: Option<&PasswordHash>, only_first: bool) -> StoreResult<bool> {
        const SQL: &str = "INSERT INTO users \
             (id, email, given_name, family_name, role_id, enabled, password_hash, created_at, last_signed_in_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
             WHERE $10 = FALSE OR NOT EXISTS (SELECT 1 FROM users)";
        let lock = if only_first { self.0.lock_users() } else { None };
        let added = in_transaction!(self.0, |tx| {
            if let Some(sql) = lock {
                sqlx::query(sql).execute(&mut *tx).await.db()?;
            }
            sqlx::query(SQL)
                .bind(text(user.id.as_str()))
                .bind(text(&user.email))
                .bind(text(&user.given_name))
                .bind(text(&user.family_name))
                .bind(text(user.role_id.as_str()))
                .bind(user.enabled)
                .bind(password.map(|hash| hash.0.clone()))
                .bind(user.created_at.as_micros())
                .bind(micros(user.last_signed_in_at))
                .bind(only_first)
                .execute(&mut *tx)
                .await
                .naming(SAME_EMAIL, "role")?
                .rows_affected()
        });
        Ok(added == 1)
    }
}

#[async_trait]
impl Users for SqlUsers {
    async fn create(&self, user: &User, password: Option<&PasswordHash>) -> StoreResult<()> {
        self.insert(user, password, false).await.map(drop)
    }

    async fn create_first(&self, user: &User, password: &PasswordHash) -> StoreResult<bool> {
        self.insert(user, Some(password), true).await
    }

    async fn get(&self, id: &UserId) -> StoreResult<Option<User>> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, UserRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        Ok(row.map(UserRow::into_user))
    }

    async fn find_by_email(&self, email: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        const SQL: &str =
            concat!("SELECT ", user_columns!(), ", u.password_hash AS password_hash FROM users u WHERE u.email = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, UserWithPasswordRow>(SQL).bind(text(email)).fetch_optional(pool).await.db()?
        });
        Ok(row.map(|row| (row.user.into_user(), row.password_hash.map(PasswordHash))))
    }

    async fn list(&self) -> StoreResult<Vec<User>> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.email");
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, UserRow>(SQL).fetch_all(pool).await.db()?);
        Ok(rows.into_iter().map(UserRow::into_user).collect())
    }

    async fn count(&self) -> StoreResult<u64> {
        const SQL: &str = "SELECT COUNT(*) FROM users";
        let people = on_read!(self.0, |pool| sqlx::query_scalar::<_, i64>(SQL).fetch_one(pool).await.db()?);
        Ok(count(people))
    }

    async fn set_role(&self, id: &UserId, role: &RoleId) -> StoreResult<()> {
        const SQL: &str = "UPDATE users SET role_id = $2 WHERE id = $1";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(id.as_str()))
                .bind(text(role.as_str()))
                .execute(pool)
                .await
                .naming(PERSON, "role")?
                .rows_affected()
        });
        must_exist(changed)
    }

    async fn set_enabled(&self, id: &UserId, enabled: bool) -> StoreResult<()> {
        const SQL: &str = "UPDATE users SET enabled = $2 WHERE id = $1";
        let changed = in_transaction!(self.0, |tx| {
            if !enabled {
                sqlx::query(END_SESSIONS).bind(text(id.as_str())).execute(&mut *tx).await.db()?;
            }
            sqlx::query(SQL).bind(text(id.as_str())).bind(enabled).execute(&mut *tx).await.db()?.rows_affected()
        });
        must_exist(changed)
    }

    async fn set_password(&self, id: &UserId, password: &PasswordHash) -> StoreResult<()> {
        const SQL: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
        let changed = in_transaction!(self.0, |tx| {
            sqlx::query(END_SESSIONS).bind(text(id.as_str())).execute(&mut *tx).await.db()?;
            sqlx::query(SQL)
                .bind(text(id.as_str()))
                .bind(password.0.as_str())
                .execute(&mut *tx)
                .await
                .db()?
                .rows_affected()
        });
        must_exist(changed)
    }

    async fn signed_in(&self, id: &UserId, at: Timestamp) -> StoreResult<()> {
        const SQL: &str = "UPDATE users SET last_signed_in_at = $2 WHERE id = $1";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(id.as_str())).bind(at.as_micros()).execute(pool).await.db()?.rows_affected()
        });
        must_exist(changed)
    }
}

/// In the same transaction as the change, so that no session outlives it.
const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";

fn must_exist(changed: u64) -> StoreResult<()> {
    if changed == 0 { Err(StoreError::NotFound(PERSON)) } else { Ok(()) }
}
