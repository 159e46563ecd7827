//! Tells a client that asked for it how long its call has been running (rows P1, H7), so that neither it nor a proxy
//! takes a long query for a dead one.

use std::{pin::pin, time::Duration};

use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// A notification this often (row P1: not too many).
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// A notification that is on its way when the work is done has so long to leave.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Waits for `work`, and meanwhile notifies under the client's own `token`. Nothing is sent once the work is done, and
/// a client that does not read holds nothing up.
pub(crate) async fn tell<T>(work: impl Future<Output = T>, peer: &Peer<RoleServer>, token: ProgressToken) -> T {
    let mut work = pin!(work);
    let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seconds = 0_u32;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => {}
        }
        seconds = seconds.saturating_add(5);
        let notification = ProgressNotificationParam::new(token.clone(), f64::from(seconds))
            .with_message(format!("Still running after {seconds} seconds."));
        let mut sent = pin!(peer.notify_progress(notification));
        tokio::select! {
            biased;
            done = &mut work => {
                // What is on its way must not come after the answer (row P1).
                drop(tokio::time::timeout(LAST_WORD, sent).await);
                return done;
            }
            outcome = &mut sent => if outcome.is_err() {
                // Nobody listens any more; the call ends in its own way.
                return work.await;
            }
        }
    }
}
