//! Whose a session is (row L4). The protocol library keeps sessions but does not bind them to anybody; a session id
//! is therefore shown to it only after it was found here for this person and this grant.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderValue};
use margay_domain::{
    id::{GrantId, UserId},
    principal::Principal,
};
use rmcp::{
    model::RequestId,
    transport::streamable_http_server::session::{SessionManager as _, local::LocalSessionManager},
};

use crate::refusal::Refusal;

/// The header that carries a session id.
pub(crate) const SESSION_HEADER: &str = "mcp-session-id";

/// At most so many sessions; the one that was not used for longest makes room.
const MAX_SESSIONS: usize = 4096;

/// At most so many sessions of one grant; of its own, the one that was not used for longest makes room, so that one client
/// cannot push the others out.
const MAX_SESSIONS_OF_A_GRANT: usize = 32;

/// The person and grant that a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: UserId,
    pub(crate) grant: GrantId,
}

impl Owner {
    pub(crate) fn of(principal: &Principal) -> Self {
        Self { user: principal.user.id.clone(), grant: principal.grant.id.clone() }
    }
}

/// All sessions with their owners. In memory, as the sessions themselves are.
pub(crate) struct Sessions {
    manager: Arc<LocalSessionManager>,
    bound: Mutex<Bound>,
}

#[derive(Default)]
struct Bound {
    owners: HashMap<Arc<str>, Entry>,
    /// Counts up with every use: the smaller, the longer ago.
    next: u64,
}

struct Entry {
    owner: Owner,
    used: u64,
}

impl Sessions {
    pub(crate) fn new(manager: Arc<LocalSessionManager>) -> Self {
        Self { manager, bound: Mutex::default() }
    }

    /// The session that a request names, if it is the caller's; `None` if it names none. Unknown and somebody else's
    /// get the same refusal.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        owner: &Owner,
        id: Option<&RequestId>,
    ) -> Result<Option<String>, Refusal> {
        let mut values = headers.get_all(SESSION_HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let session = value.to_str().ok().filter(|session| values.next().is_none() && self.use_own(session, owner));
        session.map_or_else(|| Err(Refusal::UnknownSession(id.cloned())), |session| Ok(Some(session.to_owned())))
    }

    /// Notes whose a new session is, and closes the oldest ones if there are too many.
    pub(crate) async fn bind(&self, session: &HeaderValue, owner: Owner) {
        let Ok(session) = session.to_str() else { return };
        // Sessions end by themselves after a while; their owners are forgotten when room is needed.
        let full = self.lock().owners.len() >= MAX_SESSIONS;
        if full {
            let alive = self.manager.sessions.read().await.keys().cloned().collect::<HashSet<Arc<str>>>();
            self.lock().owners.retain(|id, _| alive.contains(id));
        }
        let surplus = self.lock().insert(session, owner);
        for id in surplus {
            if let Err(error) = self.manager.close_session(&id).await {
                tracing::warn!(%error, "a surplus session could not be closed");
            }
        }
    }

    /// Forgets a session that its owner ended.
    pub(crate) fn release(&self, session: &str) {
        self.lock().owners.remove(session);
    }

    /// Notes a use of a session; `false` if it is not this owner's.
    fn use_own(&self, session: &str, owner: &Owner) -> bool {
        let mut bound = self.lock();
        let now = bound.next;
        let Some(entry) = bound.owners.get_mut(session).filter(|entry| entry.owner == *owner) else { return false };
        entry.used = now;
        bound.next += 1;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bound {
    /// Adds a session; the ids of those that had to make room.
    fn insert(&mut self, session: &str, owner: Owner) -> Vec<Arc<str>> {
        let mut surplus = Vec::new();
        let own = self.owners.values().filter(|entry| entry.owner.grant == owner.grant).count();
        if own >= MAX_SESSIONS_OF_A_GRANT {
            surplus.extend(self.take_unused(|entry| entry.owner.grant == owner.grant));
        }
        if self.owners.len() >= MAX_SESSIONS {
            surplus.extend(self.take_unused(|_| true));
        }
        let used = self.next;
        self.next += 1;
        self.owners.insert(Arc::from(session), Entry { owner, used });
        surplus
    }

    fn take_unused(&mut self, which: impl Fn(&Entry) -> bool) -> Option<Arc<str>> {
        let unused = self.owners.iter().filter(|(_, entry)| which(entry)).min_by_key(|(_, entry)| entry.used);
        let id = unused.map(|(id, _)| Arc::clone(id))?;
        self.owners.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(user: &str, grant: &str) -> Owner {
        Owner { user: UserId::new(user), grant: GrantId::new(grant) }
    }

    fn headers(session: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SESSION_HEADER, HeaderValue::from_str(session).unwrap());
        headers
    }

    #[tokio::test]
    async fn only_the_owner_finds_a_session() {
        let sessions = Sessions::new(Arc::default());
        let owner_of_one = owner("ana", "one");
        sessions.bind(&HeaderValue::from_static("s1"), owner_of_one.clone()).await;
        assert_eq!(sessions.check(&HeaderMap::new(), &owner_of_one, None), Ok(None));
        assert_eq!(sessions.check(&headers("s1"), &owner_of_one, None), Ok(Some("s1".to_owned())));
        for other in [owner("bob", "one"), owner("ana", "two"), owner("bob", "two")] {
            assert_eq!(sessions.check(&headers("s1"), &other, None), Err(Refusal::UnknownSession(None)));
        }
        assert_eq!(sessions.check(&headers("s2"), &owner_of_one, None), Err(Refusal::UnknownSession(None)));
        let mut two = headers("s1");
        two.append(SESSION_HEADER, HeaderValue::from_static("s1"));
        assert_eq!(sessions.check(&two, &owner_of_one, None), Err(Refusal::UnknownSession(None)));
        sessions.release("s1");
        assert_eq!(sessions.check(&headers("s1"), &owner_of_one, None), Err(Refusal::UnknownSession(None)));
    }

    #[test]
    fn of_a_grant_the_one_that_was_not_used_for_longest_makes_room() {
        let mut bound = Bound::default();
        assert!(bound.insert("other", owner("bob", "two")).is_empty());
        for number in 0..MAX_SESSIONS_OF_A_GRANT {
            assert!(bound.insert(&format!("s{number}"), owner("ana", "one")).is_empty());
        }
        let sessions = Sessions { manager: Arc::default(), bound: Mutex::new(bound) };
        assert!(sessions.use_own("s0", &owner("ana", "one")));
        assert!(!sessions.use_own("s1", &owner("bob", "one")));
        let surplus = sessions.lock().insert("last", owner("ana", "one"));
        assert_eq!(surplus, [Arc::<str>::from("s1")]);
        assert_eq!(sessions.lock().owners.len(), MAX_SESSIONS_OF_A_GRANT + 1);
    }

    #[tokio::test]
    async fn the_map_is_bounded_and_forgets_ended_sessions_first() {
        let sessions = Sessions::new(Arc::default());
        for number in 0..MAX_SESSIONS {
            sessions.lock().insert(&format!("s{number}"), owner("ana", &format!("g{number}")));
        }
        assert_eq!(sessions.lock().insert("one more", owner("ana", "more")), [Arc::<str>::from("s0")]);
        assert_eq!(sessions.lock().owners.len(), MAX_SESSIONS);
        // None of them exists any more as far as the library knows.
        sessions.bind(&HeaderValue::from_static("new"), owner("ana", "new")).await;
        assert_eq!(sessions.lock().owners.len(), 1);
    }
}
