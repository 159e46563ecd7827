//! Ports in memory, for the tests of this crate.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use margay_domain::{
    audit::{AuditEvent, AuditQuery},
    client::Client,
    clock::Timestamp,
    grant::{AuthorizationCode, Grant, RefreshToken, RevocationReason},
    id::{GrantId, RoleId, UserId},
    ports::{AuditLog, CodeRedemption, Grants, RefreshRotation, Roles, Settings, StoreError, StoreResult, Users},
    principal::Principal,
    role::{BuiltInRole, Role},
    secret::SecretHash,
    settings::RemoteMcpSettings,
    user::{PasswordHash, User},
};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

/// When every test begins.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_here<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("not part of these tests".to_owned()))
}

#[derive(Default)]
pub(crate) struct FakeUsers(Mutex<Vec<(User, Option<PasswordHash>)>>);

impl FakeUsers {
    fn change(&self, id: &UserId, change: impl FnOnce(&mut (User, Option<PasswordHash>))) -> StoreResult<()> {
        let mut people = lock(&self.0);
        let person = people.iter_mut().find(|(user, _)| user.id == *id).ok_or(StoreError::NotFound("user"))?;
        change(person);
        Ok(())
    }
}

#[async_trait]
impl Users for FakeUsers {
    async fn create(&self, user: &User, password: Option<&PasswordHash>) -> StoreResult<()> {
        let mut people = lock(&self.0);
        if people.iter().any(|(other, _)| other.email == user.email) {
            return Err(StoreError::Conflict("user"));
        }
        people.push((user.clone(), password.cloned()));
        Ok(())
    }

    async fn create_first(&self, user: &User, password: &PasswordHash) -> StoreResult<bool> {
        let mut people = lock(&self.0);
        if !people.is_empty() {
            return Ok(false);
        }
        people.push((user.clone(), Some(password.clone())));
        Ok(true)
    }

    async fn get(&self, id: &UserId) -> StoreResult<Option<User>> {
        Ok(lock(&self.0).iter().find(|(user, _)| user.id == *id).map(|(user, _)| user.clone()))
    }

    async fn find_by_email(&self, email: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        Ok(lock(&self.0).iter().find(|(user, _)| user.email == email).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<User>> {
        Ok(lock(&self.0).iter().map(|(user, _)| user.clone()).collect())
    }

    async fn count(&self) -> StoreResult<u64> {
        Ok(lock(&self.0).len() as u64)
    }

    async fn set_role(&self, id: &UserId, role: &RoleId) -> StoreResult<()> {
        self.change(id, |(user, _)| user.role_id = role.clone())
    }

    async fn set_enabled(&self, id: &UserId, enabled: bool) -> StoreResult<()> {
        self.change(id, |(user, _)| user.enabled = enabled)
    }

    async fn set_password(&self, id: &UserId, password: &PasswordHash) -> StoreResult<()> {
        self.change(id, |(_, stored)| *stored = Some(password.clone()))
    }

    async fn signed_in(&self, id: &UserId, at: Timestamp) -> StoreResult<()> {
        self.change(id, |(user, _)| user.last_signed_in_at = Some(at))
    }
}

/// The built-in roles and no others.
pub(crate) struct FakeRoles;

#[async_trait]
impl Roles for FakeRoles {
    async fn ensure_built_in(&self, _now: Timestamp) -> StoreResult<()> {
        Ok(())
    }

    async fn create(&self, _role: &Role) -> StoreResult<()> {
        not_here()
    }

    async fn update(&self, _role: &Role) -> StoreResult<()> {
        not_here()
    }

    async fn get(&self, id: &RoleId) -> StoreResult<Option<Role>> {
        self.find_by_name(id.as_str()).await
    }

    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Role>> {
        Ok(BuiltInRole::ALL.into_iter().find(|role| role.name() == name).map(|role| role.role(start())))
    }

    async fn list(&self) -> StoreResult<Vec<Role>> {
        Ok(BuiltInRole::ALL.into_iter().map(|role| role.role(start())).collect())
    }
}

#[derive(Default)]
pub(crate) struct FakeAudit {
    events: Mutex<Vec<AuditEvent>>,
    is_broken: AtomicBool,
}

impl FakeAudit {
    pub(crate) fn events(&self) -> Vec<AuditEvent> {
        lock(&self.events).clone()
    }

    pub(crate) fn set_broken(&self, broken: bool) {
        self.is_broken.store(broken, Ordering::SeqCst);
    }
}

#[async_trait]
impl AuditLog for FakeAudit {
    async fn record(&self, event: AuditEvent) -> StoreResult<()> {
        if self.is_broken.load(Ordering::SeqCst) {
            return not_here();
        }
        lock(&self.events).push(event);
        Ok(())
    }

    async fn search(&self, _query: &AuditQuery) -> StoreResult<Vec<AuditEvent>> {
        Ok(self.events())
    }
}

#[derive(Default)]
pub(crate) struct FakeSettings(Mutex<HashMap<String, String>>);

#[async_trait]
impl Settings for FakeSettings {
    async fn remote_mcp(&self) -> StoreResult<RemoteMcpSettings> {
        not_here()
    }

    async fn save_remote_mcp(&self, _settings: &RemoteMcpSettings) -> StoreResult<i64> {
        not_here()
    }

    async fn internal(&self, key: &str) -> StoreResult<Option<String>> {
        Ok(lock(&self.0).get(key).cloned())
    }

    async fn ensure_internal(&self, key: &str, value: &str) -> StoreResult<String> {
        Ok(lock(&self.0).entry(key.to_owned()).or_insert_with(|| value.to_owned()).clone())
    }

    async fn set_internal(&self, key: &str, value: &str) -> StoreResult<()> {
        lock(&self.0).insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn take_internal(&self, key: &str, expected: &str) -> StoreResult<bool> {
        let mut values = lock(&self.0);
        let is_expected = values.get(key).is_some_and(|value| value == expected);
        if is_expected {
            values.remove(key);
        }
        Ok(is_expected)
    }
}

/// Everybody has two connections.
#[derive(Default)]
pub(crate) struct FakeGrants(Mutex<Vec<(UserId, RevocationReason)>>);

impl FakeGrants {
    pub(crate) fn revoked(&self) -> Vec<(UserId, RevocationReason)> {
        lock(&self.0).clone()
    }
}

#[async_trait]
impl Grants for FakeGrants {
    async fn create(&self, _grant: &Grant, _code: &AuthorizationCode) -> StoreResult<()> {
        not_here()
    }

    async fn get(&self, _id: &GrantId) -> StoreResult<Option<Grant>> {
        not_here()
    }

    async fn principal(&self, _id: &GrantId) -> StoreResult<Option<Principal>> {
        not_here()
    }

    async fn list_for_user(&self, _user: &UserId) -> StoreResult<Vec<(Grant, Client)>> {
        not_here()
    }

    async fn list_all(&self) -> StoreResult<Vec<(Grant, Client)>> {
        not_here()
    }

    async fn redeem_code(&self, _code: &SecretHash, _now: Timestamp) -> StoreResult<CodeRedemption> {
        not_here()
    }

    async fn activate(&self, _id: &GrantId, _refresh: Option<&RefreshToken>, _now: Timestamp) -> StoreResult<bool> {
        not_here()
    }

    async fn discard(&self, _id: &GrantId) -> StoreResult<()> {
        not_here()
    }

    async fn refresh_token(&self, _hash: &SecretHash) -> StoreResult<Option<RefreshToken>> {
        not_here()
    }

    async fn rotate(
        &self,
        _presented: &SecretHash,
        _successor: &RefreshToken,
        _now: Timestamp,
        _grace: Duration,
        _from: Option<std::net::IpAddr>,
    ) -> StoreResult<RefreshRotation> {
        not_here()
    }

    async fn revoke(&self, _id: &GrantId, _reason: RevocationReason, _now: Timestamp) -> StoreResult<bool> {
        not_here()
    }

    async fn revoke_all_of(&self, user: &UserId, reason: RevocationReason, _now: Timestamp) -> StoreResult<u64> {
        lock(&self.0).push((user.clone(), reason));
        Ok(2)
    }

    async fn used(&self, _id: &GrantId, _now: Timestamp) -> StoreResult<()> {
        not_here()
    }

    async fn collect(&self, _now: Timestamp) -> StoreResult<u64> {
        not_here()
    }
}

/// Sessions that never end by themselves; counts how often the store is asked for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeSessions {
    records: Arc<Mutex<HashMap<Id, Record>>>,
    loads: Arc<AtomicU64>,
    is_broken: Arc<AtomicBool>,
}

impl FakeSessions {
    pub(crate) fn len(&self) -> usize {
        lock(&self.records).len()
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn clear(&self) {
        lock(&self.records).clear();
    }

    pub(crate) fn set_broken(&self, broken: bool) {
        self.is_broken.store(broken, Ordering::SeqCst);
    }
}

#[async_trait]
impl SessionStore for FakeSessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        lock(&self.records).insert(record.id, record.clone());
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        lock(&self.records).insert(record.id, record.clone());
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(session_store::Error::Backend("not available".to_owned()));
        }
        Ok(lock(&self.records).get(id).cloned())
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        lock(&self.records).remove(id);
        Ok(())
    }
}
