//! Sign in with e-mail and password.

use std::future::ready;

use leptos::prelude::*;
use margay_domain::{page::ErrorPage, rules::forms};
use serde::Deserialize;

use crate::{
    components::{
        banner::{Banner, Tone},
        field::Field,
        flow_frame::FlowFrame,
    },
    http::PageRequest,
    pages::load,
};

#[derive(Default, Deserialize)]
struct SignInQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    error: String,
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
    let lead = if next.starts_with("/oauth/authorize") {
        "Sign in to continue connecting your client."
    } else {
        "Sign in to see and end the connections of your clients."
    };
    let error = error_sentence(&query.error);
    let summary = error.map(|sentence| {
        view! {
            <Banner tone=Tone::Error>
                <p>{sentence}</p>
                <p><a href="#email">"Go to the form"</a></p>
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
    let focused = error.is_none();
    Ok(view! {
        <FlowFrame title="Sign in".to_owned()>
            <h1>"Sign in"</h1>
            <p class="lead">{lead}</p>
            {summary}
            {notice}
            <form class="form" method="post" action="/sign-in">
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                <input type="hidden" name=forms::NEXT_FIELD value=next/>
                <Field name=forms::EMAIL_FIELD label="E-mail" kind="email" autocomplete="username" focused=focused/>
                <Field name=forms::PASSWORD_FIELD label="Password" kind="password" autocomplete="current-password"/>
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
