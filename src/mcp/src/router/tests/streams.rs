//! Streams: of calls that last, and of clients that listen.

use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use tokio::time::Instant;

use super::*;

async fn next(stream: &mut BodyDataStream) -> Option<String> {
    stream.next().await.map(|data| String::from_utf8(data.unwrap().to_vec()).unwrap())
}

// Row H7.
#[tokio::test(start_paused = true)]
async fn a_call_of_the_newer_era_that_lasts_becomes_a_stream() {
    let world = World::new();
    let server = world.server();
    let begun = Instant::now();
    let response = server.open(modern(ANA, "tools/call", &call("patient"))).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!((header("x-accel-buffering"), header("cache-control")), ("no".to_owned(), "no-store".to_owned()));
    let mut stream = response.into_body().into_data_stream();
    for seconds in [10, 25, 40, 55] {
        assert_eq!(next(&mut stream).await.as_deref(), Some(": still running\n\n"));
        assert_eq!(begun.elapsed(), Duration::from_secs(seconds));
    }
    let event = next(&mut stream).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_mins(1));
    let message: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap().trim()).unwrap();
    assert_eq!((&message["id"], &message["result"]["content"][0]["text"]), (&json!("one"), &json!("at last")));
    assert_eq!(next(&mut stream).await, None);
    assert_eq!(world.outcomes(), ["success"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_json_only_waits_for_it() {
    let world = World::new();
    let server = world.server();
    let mut newer = modern(ANA, "tools/call", &call("patient"));
    newer.headers_mut().insert("accept", "application/json".parse().unwrap());
    let reply = server.send(newer).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["result"]["content"][0]["text"], "at last");
    let session = open_session(&server, ANA).await;
    let mut older = legacy(ANA, Some(&session), "tools/call", &call("patient"));
    older.headers_mut().insert("accept", "application/json".parse().unwrap());
    let reply = server.send(older).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["result"]["content"][0]["text"], "at last");
}

// Row H8.
#[tokio::test(start_paused = true)]
async fn leaving_a_call_that_lasts_cancels_it() {
    let world = World::new();
    let server = world.server();
    let mut stream = server.open(modern(ANA, "tools/call", &call("slow"))).await.into_body().into_data_stream();
    assert!(next(&mut stream).await.unwrap().starts_with(':'));
    assert_eq!(world.in_flight().count(), 1);
    drop(stream);
    world.in_flight().drained().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
}

/// Something that ends a connection.
type End = fn(&World);

fn listening(token: &str, session: &str) -> Request<Body> {
    request("GET", Some(token), &[("mcp-session-id", session), ("accept", "text/event-stream")], "")
}

/// Everything of a stream, and how long it was open.
async fn until_closed(stream: BodyDataStream) -> Duration {
    let begun = Instant::now();
    stream.for_each(|_| std::future::ready(())).await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn of_a_session_the_oldest_stream_makes_room() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let response = server.open(listening(ANA, &session)).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(tokio::spawn(until_closed(response.into_body().into_data_stream())));
    }
    settle().await;
    assert_eq!(open.iter().filter(|stream| !stream.is_finished()).count(), 2);
    assert!(open.iter().rev().take(2).all(|stream| !stream.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_connection() {
    let ends: [(&str, End); 4] = [
        ("the connection is revoked", |world| {
            world.change("grt_1", |principal| {
                let mut grant = (*principal.grant).clone();
                grant.revoked = Some((NOW, RevocationReason::User));
                principal.grant = grant.into();
            });
        }),
        ("the person is disabled", |world| {
            world.change("grt_1", |principal| {
                let mut user = (*principal.user).clone();
                user.enabled = false;
                principal.user = user.into();
            });
        }),
        ("the connection is over", |world| world.advance(Duration::from_hours(25))),
        ("the role is gone", |world| world.forget("grt_1")),
    ];
    for (case, end) in ends {
        let world = World::new();
        let server = world.server();
        let session = open_session(&server, ANA).await;
        let response = server.open(listening(ANA, &session)).await;
        let listening = tokio::spawn(until_closed(response.into_body().into_data_stream()));
        let call = server.open(legacy(ANA, Some(&session), "tools/call", &call("slow"))).await;
        let calling = tokio::spawn(until_closed(call.into_body().into_data_stream()));
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert!(!listening.is_finished() && !calling.is_finished(), "{case}");
        end(&world);
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert!(listening.is_finished() && calling.is_finished(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_ends_no_stream() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let response = server.open(listening(ANA, &session)).await;
    let listening = tokio::spawn(until_closed(response.into_body().into_data_stream()));
    world.break_store();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(!listening.is_finished());
}
