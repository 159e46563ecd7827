//! Bodies that are on their way to forms and to the authorization server: few at once, also from one address, and each
//! has to arrive in time. Their sizes are limited by the routes, so this bounds the memory that they take. The MCP endpoint
//! reads its bodies itself, by person.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{StatusCode, header::RETRY_AFTER};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep, timeout},
};

/// This many bodies at once.
const IN_ALL: usize = 512;

/// This many from one address. A proxy has one, but sends bodies that it has received as a whole.
const OF_AN_ADDRESS: usize = 64;

/// A body has to arrive within this time.
const TIME: Duration = Duration::from_secs(30);

/// A body waits this long for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses without a body on its way are forgotten once this many are known.
const FORGET_ABOVE: usize = 1000;

/// The bodies that are on their way.
pub(crate) struct Unfinished {
    in_all: Arc<Semaphore>,
    addresses: Mutex<HashMap<Option<IpAddr>, Arc<Semaphore>>>,
}

impl Unfinished {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { in_all: Arc::new(Semaphore::new(IN_ALL)), addresses: Mutex::default() })
    }

    /// A place, of this address first: it waits there without taking anything from others.
    async fn enter(&self, address: Option<IpAddr>) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = self.of(address).acquire_owned();
        let own = timeout(PATIENCE, own).await.ok()?.ok()?;
        let common = Arc::clone(&self.in_all).acquire_owned();
        let common = timeout(PATIENCE, common).await.ok()?.ok()?;
        Some([own, common])
    }

    fn of(&self, address: Option<IpAddr>) -> Arc<Semaphore> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= FORGET_ABOVE {
            // A body on its way or waiting holds a clone.
            addresses.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = addresses.entry(address).or_insert_with(|| Arc::new(Semaphore::new(OF_AN_ADDRESS)));
        Arc::clone(places)
    }
}

/// The middleware.
pub(crate) async fn limit(State(unfinished): State<Arc<Unfinished>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if request.body().is_end_stream() || matches!(path, "/mcp" | "/mcp/") {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let Some(places) = unfinished.enter(peer).await else {
        let sentence = "The server is receiving too much at once. Try again in a moment.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], sentence).into_response();
    };
    let arriving = |body| Body::new(Arriving { body, late: Box::pin(sleep(TIME)), places: Some(places) });
    next.run(request.map(arriving)).await
}

/// A body that is over when its time is, and has its place until then.
struct Arriving {
    body: Body,
    late: Pin<Box<Sleep>>,
    places: Option<[OwnedSemaphorePermit; 2]>,
}

#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
struct Late;

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.late.as_mut().poll(cx).is_ready() {
            self.places = None;
            return Poll::Ready(Some(Err(axum::Error::new(Late))));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.places = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use futures::{StreamExt as _, stream};
    use tokio::time::Instant;
    use tower::ServiceExt as _;

    use super::*;

    fn router(unfinished: &Arc<Unfinished>) -> Router {
        Router::new()
            .route("/form", post(|body: Bytes| async move { body }))
            .layer(from_fn_with_state(Arc::clone(unfinished), limit))
    }

    fn from(address: [u8; 4], body: Body) -> Request {
        let peer = ConnectInfo(SocketAddr::from((address, 1)));
        Request::post("/form").extension(peer).body(body).unwrap()
    }

    fn endless() -> Body {
        let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"a=")) });
        Body::from_stream(begun.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let unfinished = Unfinished::new();
        let begun = Instant::now();
        let response = router(&unfinished).oneshot(from([127, 0, 0, 1], endless())).await.unwrap();
        assert_eq!((response.status(), begun.elapsed()), (StatusCode::BAD_REQUEST, TIME));
        assert_eq!(unfinished.in_all.available_permits(), IN_ALL);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_takes_only_its_share() {
        let unfinished = Unfinished::new();
        let router = router(&unfinished);
        let waiting: Vec<_> =
            (0..200).map(|_| tokio::spawn(router.clone().oneshot(from([192, 0, 2, 1], endless())))).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(unfinished.in_all.available_permits(), IN_ALL - OF_AN_ADDRESS);
        let other = router.clone().oneshot(from([192, 0, 2, 2], Body::from("a=b"))).await.unwrap();
        assert_eq!(other.status(), StatusCode::OK);
        let mut refused = 0;
        for task in waiting {
            let response = task.await.unwrap().unwrap();
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(response.headers()[RETRY_AFTER], "2");
                refused += 1;
            }
        }
        assert_eq!(refused, 200 - OF_AN_ADDRESS);
        assert_eq!(unfinished.in_all.available_permits(), IN_ALL);
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_together_are_bounded() {
        let unfinished = Unfinished::new();
        let router = router(&unfinished);
        let waiting: Vec<_> = (0..1000_u16)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                tokio::spawn(router.clone().oneshot(from([198, 51, high, low], endless())))
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(unfinished.in_all.available_permits(), 0);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        assert_eq!(unfinished.in_all.available_permits(), IN_ALL);
    }
}
