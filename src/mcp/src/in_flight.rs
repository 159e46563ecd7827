//! Counts the calls whose audit event is not written yet, so that the process does not end before them.

use std::sync::Arc;

use tokio::sync::watch;

/// The calls under way. Clones count together.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<watch::Sender<usize>>);

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl InFlight {
    /// How many calls are under way.
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no call is under way: every event that had to be written is written, or its failure is logged.
    pub async fn drained(&self) {
        let mut changes = self.0.subscribe();
        // An error would mean that the sender is gone, which `self` holds.
        drop(changes.wait_for(|count| *count == 0).await);
    }

    /// Counts one more until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.0.send_modify(|count| *count += 1);
        Entered(Arc::clone(&self.0))
    }
}

/// One call under way.
#[derive(Debug)]
pub(crate) struct Entered(Arc<watch::Sender<usize>>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drained_waits_for_the_last_one() {
        let in_flight = InFlight::default();
        in_flight.drained().await;
        let first = in_flight.enter();
        let second = in_flight.clone().enter();
        assert_eq!(in_flight.count(), 2);
        drop(first);
        let waiting = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
    }
}
