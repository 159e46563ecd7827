//! Bodies that never end.

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use super::*;

/// A body that is announced, begun and never finished.
fn unfinished(token: &str) -> Request<Body> {
    let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{\"jsonrpc\":")) });
    let body = Body::from_stream(begun.chain(stream::pending()));
    request("POST", Some(token), &[("content-length", "65000")], body)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up_and_the_connection_closed() {
    let world = World::new();
    let begun = tokio::time::Instant::now();
    let reply = world.server().send(unfinished(ANA)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    assert_eq!((reply.status, error_code(&reply)), (StatusCode::REQUEST_TIMEOUT, -32600));
    assert_eq!(reply.json()["error"]["message"], "The body did not arrive within 30 seconds.");
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test(start_paused = true)]
async fn many_bodies_that_never_end_are_refused_and_others_are_served() {
    let world = World::new();
    let server = std::sync::Arc::new(world.server());
    let waiting: Vec<_> = (0..300)
        .map(|_| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move { server.send(unfinished(ANA)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(server.send(modern(BOB, "tools/call", &call("echo"))).await.status, StatusCode::OK);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let mut refused = 0;
    for task in waiting {
        let reply = task.await.unwrap();
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(reply.header("retry-after"), Some("2"));
            refused += 1;
        } else {
            assert_eq!(reply.status, StatusCode::REQUEST_TIMEOUT);
        }
    }
    // 8 MiB for one person, and 65,000 bytes were announced each.
    assert_eq!(300 - refused, (8 << 20) / (64 << 10));
}

/// A length that is too much is refused before anything is read.
#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_not_read() {
    let world = World::new();
    let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let reply = world.server().send(request("POST", Some(ANA), &[("content-length", "65537")], body)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json()["error"]["message"], "The body is longer than 65536 bytes.");
}
