//! Reads bodies within a budget: memory for a body is set aside before it is read, for one person and in all, and the
//! whole body has to arrive in time. So neither many connections nor slow ones can fill the memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use margay_domain::id::UserId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::refusal::Refusal;

/// All bodies that are being read have at most this many bytes, or that of [`LARGEST_AT_ONCE`] of the largest ones.
const IN_ALL: usize = 64 << 20;

/// The same for the bodies of one person.
const OF_A_PERSON: usize = 8 << 20;

/// This many of the largest bodies fit at once, however large they may be: of one person, and eight times that of all.
const LARGEST_AT_ONCE: usize = 2;

/// A body has to arrive within this time.
const TIME: Duration = Duration::from_secs(30);

/// A body waits this long for room.
const PATIENCE: Duration = Duration::from_secs(5);

/// When to come again after a refusal for lack of room.
const COME_AGAIN: Duration = Duration::from_secs(2);

/// People whose bodies have all been read are forgotten once this many are known.
const FORGET_ABOVE: usize = 1000;

/// Room is counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// Reads bodies.
pub(crate) struct Bodies {
    largest: usize,
    of_a_person: usize,
    in_all: Arc<Semaphore>,
    people: Mutex<HashMap<UserId, Arc<Semaphore>>>,
}

/// The memory that a body takes. Keep it as long as the body.
#[derive(Debug)]
pub(crate) struct Room {
    person: OwnedSemaphorePermit,
    in_all: OwnedSemaphorePermit,
}

impl Room {
    /// Gives back what a body of unknown length did not need.
    fn shrink(mut self, bytes: usize) -> Self {
        let needed = pieces(bytes) as usize;
        for permit in [&mut self.person, &mut self.in_all] {
            drop(permit.split(permit.num_permits().saturating_sub(needed)));
        }
        self
    }
}

impl Bodies {
    /// For bodies of at most `largest` bytes.
    pub(crate) fn new(largest: usize) -> Self {
        let of_a_person = OF_A_PERSON.max(largest.saturating_mul(LARGEST_AT_ONCE));
        let in_all = IN_ALL.max(of_a_person.saturating_mul(8));
        let in_all = Arc::new(Semaphore::new(pieces(in_all) as usize));
        Self { largest, of_a_person, in_all, people: Mutex::default() }
    }

    /// Reads the body of a request of this person.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        person: &UserId,
    ) -> Result<(Bytes, Room), Refusal> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        // A body of unknown length may be as long as the longest.
        let expected = declared.unwrap_or(self.largest);
        if expected > self.largest {
            return Err(Refusal::TooLarge(self.largest));
        }
        let room = self.reserve(expected, person).await?;
        match timeout(TIME, self.collect(body, declared)).await {
            Ok(read) => {
                let read = read?;
                let room = room.shrink(read.len());
                Ok((read, room))
            }
            Err(_) => Err(Refusal::TooSlow(TIME)),
        }
    }

    /// Sets memory aside, first of this person's share: waiting there takes nothing from others.
    async fn reserve(&self, bytes: usize, person: &UserId) -> Result<Room, Refusal> {
        let share = self.share(person);
        let pieces = pieces(bytes);
        let own = timeout(PATIENCE, share.acquire_many_owned(pieces)).await;
        let Ok(Ok(own)) = own else { return Err(Refusal::TooManyBodies(COME_AGAIN)) };
        let common = timeout(PATIENCE, Arc::clone(&self.in_all).acquire_many_owned(pieces)).await;
        let Ok(Ok(common)) = common else { return Err(Refusal::Crowded(COME_AGAIN)) };
        Ok(Room { person: own, in_all: common })
    }

    fn share(&self, person: &UserId) -> Arc<Semaphore> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= FORGET_ABOVE {
            // A body that is read or waits holds a clone.
            people.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share =
            people.entry(person.clone()).or_insert_with(|| Arc::new(Semaphore::new(pieces(self.of_a_person) as usize)));
        Arc::clone(share)
    }

    async fn collect(&self, mut body: Body, declared: Option<usize>) -> Result<Bytes, Refusal> {
        // The system gives memory when it is written to, so that this costs what arrives.
        let mut read = BytesMut::with_capacity(declared.unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                tracing::debug!(%error, "a body could not be read");
                Refusal::Unreadable
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > self.largest.saturating_sub(read.len()) {
                return Err(Refusal::TooLarge(self.largest));
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}

/// The permits for these bytes, also for a setting beyond all sense.
fn pieces(bytes: usize) -> u32 {
    const MOST: usize = (Semaphore::MAX_PERMITS >> 1) & (u32::MAX as usize);
    u32::try_from(bytes.div_ceil(PIECE).clamp(1, MOST)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http::HeaderValue;

    use super::*;

    const LARGEST: usize = 1 << 20;

    fn length(bytes: usize) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        headers
    }

    /// A body of which only the first bytes ever arrive.
    fn unfinished(bytes: usize) -> Body {
        let begun = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes])) });
        Body::from_stream(begun.chain(stream::pending()))
    }

    fn free(bodies: &Bodies) -> usize {
        bodies.in_all.available_permits() * PIECE
    }

    #[tokio::test(start_paused = true)]
    async fn unfinished_bodies_of_one_person_take_only_their_share_and_end() {
        let bodies = Arc::new(Bodies::new(LARGEST));
        let ana = UserId::new("usr_1");
        let all = free(&bodies);
        let mut waiting = Vec::new();
        for _ in 0..600 {
            let (bodies, ana) = (Arc::clone(&bodies), ana.clone());
            waiting.push(tokio::spawn(async move {
                bodies.read(&length(LARGEST), unfinished(LARGEST - 100), &ana).await.unwrap_err()
            }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(all - free(&bodies), OF_A_PERSON, "however many there are");
        // Another person is served at once, and so is a small body of unknown length.
        let bob = UserId::new("usr_2");
        let before = tokio::time::Instant::now();
        let (read, room) = bodies.read(&length(5), Body::from("hello"), &bob).await.unwrap();
        assert_eq!((read.as_ref(), before.elapsed()), (b"hello".as_slice(), Duration::ZERO));
        drop(room);
        assert_eq!(bodies.read(&HeaderMap::new(), Body::from("hello"), &bob).await.unwrap().0, "hello");
        let mut refused = HashMap::new();
        for task in waiting {
            *refused.entry(task.await.unwrap().to_string()).or_insert(0) += 1;
        }
        let slow = refused.remove("The body did not arrive within 30 seconds.");
        assert_eq!(slow, Some(OF_A_PERSON / LARGEST));
        assert_eq!(refused.into_values().collect::<Vec<_>>(), [600 - OF_A_PERSON / LARGEST]);
        assert_eq!(free(&bodies), all, "all of it comes back");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_of_many_people_are_bounded_together() {
        let bodies = Arc::new(Bodies::new(LARGEST));
        let all = free(&bodies);
        let waiting: Vec<_> = (0..all / LARGEST)
            .map(|number| {
                let bodies = Arc::clone(&bodies);
                tokio::spawn(async move {
                    let person = UserId::new(format!("usr_{number}"));
                    bodies.read(&length(LARGEST), unfinished(10), &person).await.unwrap_err()
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(free(&bodies), 0);
        let late = bodies.read(&length(5), Body::from("hello"), &UserId::new("late")).await.unwrap_err();
        assert_eq!(late, Refusal::Crowded(COME_AGAIN));
        for task in waiting {
            assert_eq!(task.await.unwrap(), Refusal::TooSlow(TIME));
        }
        assert_eq!(free(&bodies), all);
    }

    #[tokio::test]
    async fn too_long_is_refused_before_or_while_it_is_read() {
        let bodies = Bodies::new(10);
        let ana = UserId::new("usr_1");
        for (headers, body) in [
            (length(11), Body::empty()),
            (HeaderMap::new(), Body::from("12345678901")),
            (HeaderMap::new(), Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from("123"))))),
        ] {
            assert_eq!(bodies.read(&headers, body, &ana).await.unwrap_err(), Refusal::TooLarge(10));
        }
        assert_eq!(bodies.read(&length(10), Body::from("1234567890"), &ana).await.unwrap().0.len(), 10);
    }

    #[tokio::test]
    async fn a_body_that_was_read_keeps_only_what_it_needs() {
        let bodies = Bodies::new(LARGEST);
        let all = free(&bodies);
        let ana = UserId::new("usr_1");
        let (_, room) = bodies.read(&HeaderMap::new(), Body::from("hello"), &ana).await.unwrap();
        assert_eq!(all - free(&bodies), PIECE);
        assert_eq!(bodies.share(&ana).available_permits() * PIECE, OF_A_PERSON - PIECE);
        drop(room);
        assert_eq!(free(&bodies), all);
    }

    #[test]
    fn the_people_that_are_remembered_are_few() {
        let bodies = Bodies::new(10);
        let held = bodies.share(&UserId::new("held"));
        for number in 0..5 * FORGET_ABOVE {
            bodies.share(&UserId::new(format!("usr_{number}")));
        }
        assert!(bodies.people.lock().unwrap().len() <= FORGET_ABOVE);
        assert!(Arc::ptr_eq(&held, &bodies.share(&UserId::new("held"))));
    }
}
