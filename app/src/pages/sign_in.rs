//! Sign in with e-mail and password.

use std::future::ready;

use axum::{
    extract::{Query, Request},
    http::Uri,
};
use leptos::prelude::*;
use margay_domain::{
    page::{ErrorPage, SignInAgain},
    rules::forms,
};
use serde::Deserialize;

use crate::{
    address,
    components::{
        banner::{Banner, Tone},
        field::Field,
        flow_frame::FlowFrame,
    },
    http::{PageRequest, request_for},
    pages::load,
};

const PATH: &str = "/sign-in";

#[derive(Default, Deserialize)]
struct SignInQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    error: String,
}

/// Where the form goes on to, by the address of the page.
pub(crate) fn next(uri: &Uri) -> String {
    Query::<SignInQuery>::try_from_uri(uri).map(|Query(query)| query.next).unwrap_or_default()
}

/// The request for this page after its form was refused.
pub(crate) fn again(again: SignInAgain) -> Request {
    let address = address::with_query(PATH, &[("error", again.error), (forms::NEXT_FIELD, &again.next)]);
    let mut request = request_for(&address);
    let extensions = request.extensions_mut();
    extensions.insert(again.browser.clone());
    extensions.insert(again);
    request
}

/// The page.
#[component]
pub fn SignInPage() -> impl IntoView {
    load(|request| ready(sign_in(&request)))
}

/// A closed set: any link can carry an error code.
fn error_sentence(code: &str) -> Option<&'static str> {
    match code {
        "invalid" => Some("The e-mail address or the password is not right. Check both and try again."),
        "limited" => Some("There were too many attempts. Wait a few minutes, then try again."),
        "expired" => Some("The form was open for too long. Sign in again."),
        _ => None,
    }
}

fn sign_in(request: &PageRequest) -> Result<AnyView, ErrorPage> {
    let query: SignInQuery = request.query();
    let csrf = request.browser()?.csrf;
    let next = if forms::is_local_path(&query.next) { query.next } else { String::new() };
    let lead = if forms::leads_to_client(&next) {
        "Sign in to continue connecting your client."
    } else {
        "Sign in to see and end the connections of your clients."
    };
    let error = error_sentence(&query.error);
    let summary = error.map(|sentence| {
        view! {
            <Banner tone=Tone::Error focused=false>
                <p>{sentence}</p>
            </Banner>
        }
    });
    let notice = request.ui().notice.clone().map(|notice| {
        view! {
            <Banner tone=Tone::Info>
                <p>{notice}</p>
            </Banner>
        }
    });
    let email = request.extension::<SignInAgain>().map(|again| again.email).unwrap_or_default();
    // After a refusal the password is what has to be entered once more.
    let again = !email.is_empty();
    Ok(view! {
        <FlowFrame title="Sign in".to_owned()>
            <h1>"Sign in"</h1>
            <p class="lead">{lead}</p>
            {summary}
            {notice}
            <form class="form" method="post" action="/sign-in">
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                <input type="hidden" name=forms::NEXT_FIELD value=next/>
                <Field
                    name=forms::EMAIL_FIELD
                    label="E-mail"
                    kind="email"
                    autocomplete="username"
                    value=email
                    focused=!again
                />
                <Field
                    name=forms::PASSWORD_FIELD
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                    focused=again
                />
                <div class="actions">
                    <button class="button button--primary button--wide" type="submit">"Sign in"</button>
                </div>
            </form>
        </FlowFrame>
    }
    .into_any())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_known_codes_say_anything() {
        assert!(super::error_sentence("limited").is_some());
        assert!(super::error_sentence("<b>call 555</b>").is_none());
    }
}
