//! The ids of requests under way in sessions. The protocol library would mix up the answers to two requests of one
//! session that have the same id, and leave one of them without any.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::model::RequestId;

type Key = (Arc<str>, RequestId);

/// What is under way. Without sessions every request stands for itself, and its id may be that of another one.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<Key>>>);

/// One request under way. It ends when the last clone is dropped: after its answer was sent and its work has ended,
/// which may outlive the connection that asked (row L6).
#[derive(Clone)]
pub(crate) struct LiveId {
    _taken: Arc<Taken>,
}

struct Taken {
    under_way: UnderWay,
    key: Key,
}

impl UnderWay {
    /// Takes the id, unless it is taken.
    pub(crate) fn enter(&self, session: &str, id: &RequestId) -> Option<LiveId> {
        let key = (Arc::from(session), id.clone());
        let is_new = self.lock().insert(key.clone());
        is_new.then(|| LiveId { _taken: Arc::new(Taken { under_way: self.clone(), key }) })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_until_its_last_clone_is_gone() {
        let under_way = UnderWay::default();
        let seven = RequestId::Number(7);
        let first = under_way.enter("s1", &seven).unwrap();
        assert!(under_way.enter("s1", &seven).is_none());
        let others = [("s2", seven.clone()), ("s1", RequestId::String("7".into())), ("s1", RequestId::Number(8))];
        for (session, id) in others {
            assert!(under_way.enter(session, &id).is_some(), "{session} {id}");
        }
        let second = first.clone();
        drop(first);
        assert!(under_way.enter("s1", &seven).is_none());
        drop(second);
        assert!(under_way.enter("s1", &seven).is_some());
        assert!(under_way.lock().is_empty());
    }
}
