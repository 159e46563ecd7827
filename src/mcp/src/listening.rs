//! Streams that are open: few of each session and connection, and none that outlives its connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use margay_domain::id::GrantId;
use tokio_util::sync::CancellationToken;

use crate::caller::Callers;

/// A session has at most this many streams of its own. Clients need one; a second one may be open while the first has been
/// lost and nobody noticed yet.
const MAX_OF_A_SESSION: usize = 2;

/// A connection has at most this many, over all its sessions.
const MAX_OF_A_GRANT: usize = 16;

/// It is looked this often whether the connection of an open stream still is one: as often as the stream says that it
/// lives.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The streams with which clients listen. In the order in which they were opened.
#[derive(Clone, Default)]
pub(crate) struct Listening(Arc<Mutex<Vec<Open>>>);

struct Open {
    session: String,
    grant: GrantId,
    end: CancellationToken,
}

/// One stream. Dropping it gives its place back.
pub(crate) struct Listener {
    listening: Listening,
    /// Fires when the stream has to make room.
    pub(crate) end: CancellationToken,
}

impl Listening {
    /// Adds a stream. If there are too many, the oldest one makes room: its client may be long gone.
    pub(crate) fn open(&self, session: &str, grant: &GrantId) -> Listener {
        let end = CancellationToken::new();
        let mut open = self.lock();
        make_room(&mut open, MAX_OF_A_SESSION, |stream| stream.session == session);
        make_room(&mut open, MAX_OF_A_GRANT, |stream| stream.grant == *grant);
        open.push(Open { session: session.to_owned(), grant: grant.clone(), end: end.clone() });
        drop(open);
        Listener { listening: self.clone(), end }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(open: &mut Vec<Open>, most: usize, which: impl Fn(&Open) -> bool) {
    while open.iter().filter(|stream| which(stream)).count() >= most {
        let Some(oldest) = open.iter().position(&which) else { return };
        open.remove(oldest).end.cancel();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Tokens have no identity of their own to compare; a cancelled one marks the stream to forget.
        self.end.cancel();
        self.listening.lock().retain(|stream| !stream.end.is_cancelled());
    }
}

/// Waits until the connection has ended or its person may not use it any more (row OP6).
pub(crate) async fn until_ended(callers: Arc<Callers>, grant: GrantId) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        if !callers.is_alive(&grant).await {
            tracing::debug!(%grant, "ended the stream of an ended connection");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(listeners: &[Listener]) -> Vec<bool> {
        listeners.iter().map(|listener| listener.end.is_cancelled()).collect()
    }

    #[test]
    fn the_oldest_stream_of_a_session_makes_room() {
        let listening = Listening::default();
        let grant = GrantId::new("grt_1");
        let other = listening.open("s2", &grant);
        let mut open: Vec<Listener> = (0..2).map(|_| listening.open("s1", &grant)).collect();
        assert_eq!(ended(&open), [false, false]);
        open.push(listening.open("s1", &grant));
        assert_eq!(ended(&open), [true, false, false]);
        drop(open.remove(1));
        open.push(listening.open("s1", &grant));
        assert_eq!(ended(&open), [true, false, false]);
        assert!(!other.end.is_cancelled());
        drop((open, other));
        assert!(listening.lock().is_empty());
    }

    #[test]
    fn the_oldest_stream_of_a_connection_makes_room() {
        let listening = Listening::default();
        let (grant, foreign) = (GrantId::new("grt_1"), GrantId::new("grt_2"));
        let other = listening.open("x", &foreign);
        let open: Vec<Listener> =
            (0..=MAX_OF_A_GRANT).map(|number| listening.open(&format!("s{number}"), &grant)).collect();
        assert_eq!(ended(&open).iter().filter(|ended| **ended).count(), 1);
        assert!(open[0].end.is_cancelled() && !other.end.is_cancelled());
    }
}
