//! Lets an answer arrive that was decided before the request's body was read.
//!
//! A server that answers early and closes the connection while the client still sends makes the client's system drop
//! the answer (RFC 9112 section 9.6): instead of *413, the body is too long* or *401, sign in* it sees a broken
//! connection. So what is left of the body is read and thrown away first, within limits of size and time.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use bytes::Bytes;
use http::header::EXPECT;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// At most this much is read for nothing, in bytes. Several times the largest body that any route takes by default.
const MAX_BYTES: usize = 8 << 20;

/// For at most this long.
const MAX_TIME: Duration = Duration::from_secs(2);

/// The middleware; outermost, so that it sees what every other layer left.
pub(crate) async fn read_rest(request: Request, next: Next) -> Response {
    // Such a client waits for a word before it sends, so there is nothing on its way, and a read would ask for it.
    if request.headers().contains_key(EXPECT) || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let left = Arc::new(Mutex::new(None));
    let response = next.run(request.map(|body| Body::new(Lent { body, left: Arc::clone(&left) }))).await;
    let rest = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(rest) = rest {
        // Out of patience or not, the answer goes out.
        let _ = tokio::time::timeout(MAX_TIME, discard(rest)).await;
    }
    response
}

async fn discard(mut body: Body) {
    let mut seen = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        seen = seen.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if seen > MAX_BYTES {
            return;
        }
    }
}

/// A body that comes back when whoever reads it stops early.
struct Lent {
    body: Body,
    left: Arc<Mutex<Option<Body>>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let body = std::mem::take(&mut self.body);
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn, routing::post};
    use futures::{StreamExt as _, stream};
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    /// Ten chunks; counts those that were read.
    fn chunks(read: &Arc<Mutex<usize>>) -> Body {
        let read = Arc::clone(read);
        Body::from_stream(stream::iter(0..10).map(move |_| {
            *read.lock().unwrap() += 1;
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 100]))
        }))
    }

    async fn status(request: Request) -> StatusCode {
        let router = Router::new()
            .route("/unread", post(|| async { StatusCode::UNAUTHORIZED }))
            .route("/limited", post(|_: Bytes| async { StatusCode::OK }).layer(DefaultBodyLimit::max(150)))
            .layer(from_fn(read_rest));
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn what_nobody_read_is_read_before_the_answer() {
        for (path, expected) in [("/unread", StatusCode::UNAUTHORIZED), ("/limited", StatusCode::PAYLOAD_TOO_LARGE)] {
            let read = Arc::default();
            let request = Request::post(path).body(chunks(&read)).unwrap();
            assert_eq!(status(request).await, expected);
            assert_eq!(*read.lock().unwrap(), 10, "{path}");
        }
    }

    #[tokio::test]
    async fn a_client_that_waits_for_a_word_is_not_asked_to_send() {
        let read = Arc::default();
        let request = Request::post("/unread").header(EXPECT, "100-continue").body(chunks(&read)).unwrap();
        assert_eq!(status(request).await, StatusCode::UNAUTHORIZED);
        assert_eq!(*read.lock().unwrap(), 0);
    }

    #[tokio::test]
    async fn patience_ends() {
        let endless =
            Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 4096]))));
        let request = Request::post("/unread").body(endless).unwrap();
        assert_eq!(status(request).await, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_answered_all_the_same() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::post("/unread").body(silent).unwrap();
        assert_eq!(status(request).await, StatusCode::UNAUTHORIZED);
    }
}
