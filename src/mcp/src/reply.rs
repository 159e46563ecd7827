//! The form of an answer: one JSON object, or a stream of events with it. The protocol library decides by era; here it is
//! brought into the form that the client reads.

use std::{pin::Pin, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use rmcp::model::RequestId;
use serde_json::Value;
use tokio::time::timeout;

use crate::refusal::Refusal;

/// A comment line in a silent stream this often, so that no proxy closes it (section 5.6).
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A call that is not done by then is answered with a stream, in which something can be said while it runs. Well before the
/// 60 seconds of common proxies.
const LASTS: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A line that clients skip.
const COMMENT: &[u8] = b": still running\n\n";

type Answer = Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send>>;

/// Row H5: the answer, or after a while a stream with it, for a client that reads streams. A client that goes away drops
/// the answer either way, which cancels the call (row H8).
pub(crate) async fn in_time(
    answer: impl Future<Output = Result<Response, Refusal>> + Send + 'static,
) -> Result<Response, Refusal> {
    let mut answer: Answer = Box::pin(answer);
    match timeout(LASTS, &mut answer).await {
        Ok(done) => done,
        Err(_) => Ok(event_response(late(answer))),
    }
}

/// Comments until there is an answer, and then the answer. The status was sent with the first comment, so that a refusal
/// is told in an event.
fn late(answer: Answer) -> Body {
    enum State {
        Waiting(Answer, Duration),
        Telling(BodyDataStream),
    }
    // The first comment at once, so that the client sees the headers.
    let begin = State::Waiting(answer, Duration::ZERO);
    Body::from_stream(stream::unfold(begin, |state| async move {
        let mut told = match state {
            State::Waiting(mut answer, pause) => match timeout(pause, &mut answer).await {
                Err(_) => return Some((Ok(Bytes::from_static(COMMENT)), State::Waiting(answer, KEEP_ALIVE))),
                Ok(answer) => events(answer).await.into_data_stream(),
            },
            State::Telling(told) => told,
        };
        let next = told.next().await?;
        Some((next, State::Telling(told)))
    }))
}

/// An answer as events.
async fn events(answer: Result<Response, Refusal>) -> Body {
    let response = match answer {
        Ok(response) => response,
        Err(refusal) => return Body::from(event(refusal.json_rpc_text(None).as_bytes())),
    };
    if is(&response, EVENTS) {
        return response.into_body();
    }
    match response.into_body().collect().await {
        Ok(body) => Body::from(event(&body.to_bytes())),
        Err(error) => {
            tracing::debug!(%error, "an answer could not be read");
            Body::empty()
        }
    }
}

/// For a client that reads only streams: the one message as the one event. Errors with a status of their own stay as they
/// are.
pub(crate) async fn as_events(response: Response) -> Response {
    if response.status() == StatusCode::OK && is(&response, JSON) {
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
        let body = events(Ok(json(body))).await;
        return Response::from_parts(parts, body);
    }
    response
}

/// For a client that reads no streams: the answer out of a stream, without what was said before it.
pub(crate) async fn as_json(response: Response, id: Option<&RequestId>) -> Result<Response, Refusal> {
    if !is(&response, EVENTS) {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|_| Refusal::Internal(id.cloned()))?.to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let mut messages = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let Some(answer) = messages.rfind(|message| is_answer(message)) else {
        return Err(Refusal::Internal(id.cloned()));
    };
    let answer = answer.to_owned();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    Ok(Response::from_parts(parts, Body::from(answer)))
}

/// Whether a response is a stream of events.
pub(crate) fn is_stream(response: &Response) -> bool {
    is(response, EVENTS)
}

fn is_answer(message: &str) -> bool {
    let read = serde_json::from_str::<Value>(message);
    read.is_ok_and(|message| message.get("result").is_some() || message.get("error").is_some())
}

fn is(response: &Response, kind: &str) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|value| value == kind)
}

/// One event. JSON as the library and this crate write it holds no line break.
fn event(json: &[u8]) -> Bytes {
    [b"data: ", json, b"\n\n"].concat().into()
}

fn event_response(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    response
}

/// An answer as JSON.
pub(crate) fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_comes_late_is_told_in_an_event() {
        let answer = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Err(Refusal::Internal(Some(RequestId::Number(7))))
        };
        let response = in_time(answer).await.unwrap();
        assert_eq!((response.status(), is_stream(&response)), (StatusCode::OK, true));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let event = text.strip_prefix(": still running\n\n: still running\n\ndata: ").unwrap();
        let message: Value = serde_json::from_str(event.trim()).unwrap();
        assert_eq!((&message["id"], &message["error"]["code"]), (&Value::from(7), &Value::from(-32603)));
    }

    #[tokio::test]
    async fn an_answer_is_found_behind_what_was_said_before() {
        let stream = ":\n\ndata:\nid: 0\n\ndata: {\"method\":\"x\"}\n\ndata: {\"id\":7,\"result\":{}}\n\n";
        let response = as_json(event_response(Body::from(stream)), None).await.unwrap();
        assert!(is(&response, JSON));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), r#"{"id":7,"result":{}}"#);
        let none = as_json(event_response(Body::from(":\n\n")), Some(&RequestId::Number(7))).await;
        assert_eq!(none.unwrap_err(), Refusal::Internal(Some(RequestId::Number(7))));
    }
}
