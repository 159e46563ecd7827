//! Requests about the same thing, one after another.

use tokio::sync::{Mutex, MutexGuard};

/// At most this many things are told apart; more share a place in the queue, which costs them time and nothing else.
const PLACES: usize = 64;

/// Lets one request at a time work on each of many things. Within this process only: what must hold for several is
/// decided by the store.
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(PLACES).collect())
    }

    /// Waits for the turn of `id`, which ends when the answer is dropped.
    pub(crate) async fn of(&self, id: &str) -> Option<MutexGuard<'_, ()>> {
        let sum = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        match self.0.get(sum % PLACES) {
            Some(place) => Some(place.lock().await),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each() {
        let turns = Turns::new();
        let first = turns.of("flw_1").await;
        assert!(first.is_some());
        let again = tokio::time::timeout(std::time::Duration::from_millis(1), turns.of("flw_1")).await;
        assert!(again.is_err(), "it has to wait");
        drop(turns.of("flw_2").await);
        drop(first);
        drop(turns.of("flw_1").await);
    }
}
