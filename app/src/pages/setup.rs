//! The page behind the one-time link: creates the first admin.

use axum::extract::Request;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use margay_domain::{
    page::{ErrorPage, SetupAgain},
    rules::forms,
};
use serde::Deserialize;

use crate::{
    components::{
        banner::{Banner, Tone},
        field::Field,
        flow_frame::FlowFrame,
    },
    http::{PageRequest, request_for},
    pages::{error, load},
};

#[derive(Default, Deserialize)]
struct SetupQuery {
    #[serde(default)]
    error: String,
}

/// What was entered when the form was refused; empty at first.
#[derive(Clone, Default)]
struct Entered {
    email: String,
    given_name: String,
    family_name: String,
}

/// The request for this page after its form was refused.
pub(crate) fn again(again: SetupAgain) -> Request {
    let mut request = request_for(&format!("/setup/{}", again.token.expose()));
    let extensions = request.extensions_mut();
    extensions.insert(again.browser.clone());
    extensions.insert(again);
    request
}

/// The page.
#[component]
pub fn SetupPage() -> impl IntoView {
    let token = use_params_map().get_untracked().get("token").unwrap_or_default();
    load(|request| setup(request, token))
}

/// Which field an error belongs to, and the sentence. A closed set: any link can carry a code.
fn field_error(code: &str) -> Option<(&'static str, &'static str)> {
    match code {
        "email" => Some((forms::EMAIL_FIELD, "Enter an e-mail address such as ana@example.com.")),
        "password" => Some((forms::PASSWORD_FIELD, "Choose a password of at least 12 characters.")),
        "taken" => Some((forms::EMAIL_FIELD, "Somebody has this e-mail address already. Sign in instead.")),
        _ => None,
    }
}

async fn setup(request: PageRequest, token: String) -> Result<AnyView, ErrorPage> {
    let SetupQuery { error: code } = request.query();
    let (code, entered) = match request.extension::<SetupAgain>() {
        Some(SetupAgain { error, email, given_name, family_name, .. }) => {
            (error.to_owned(), Entered { email, given_name, family_name })
        }
        None => (code, Entered::default()),
    };
    let csrf = request.browser()?.csrf;
    if !request.ui().setup.is_open(&token).await {
        return Err(error::setup_closed());
    }
    let error = field_error(&code);
    let error_of = |name: &str| error.filter(|(field, _)| *field == name).map(|(_, sentence)| sentence);
    let email_error = error_of(forms::EMAIL_FIELD);
    let password_error = error_of(forms::PASSWORD_FIELD);
    let summary = match (error, code.as_str()) {
        (Some((field, sentence)), _) => {
            let address = format!("#{field}");
            Some(
                view! {
                    <Banner tone=Tone::Error>
                        <p><a href=address>{sentence}</a></p>
                    </Banner>
                }
                .into_any(),
            )
        }
        (None, "expired") => Some(
            view! {
                <Banner tone=Tone::Error>
                    <p>"The form was open for too long. Enter the password and send it again."</p>
                </Banner>
            }
            .into_any(),
        ),
        (None, _) => None,
    };
    let focused = summary.is_none();
    let Entered { email, given_name, family_name } = entered;
    Ok(view! {
        <FlowFrame title="Create the first admin".to_owned()>
            <h1>"Create the first admin"</h1>
            <p class="lead">
                "This account holds every permission. Add the others afterwards, on the command line with margay user add."
            </p>
            {summary}
            <form class="form" method="post" action="/setup">
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                <input type="hidden" name="token" value=token/>
                <Field
                    name=forms::EMAIL_FIELD
                    label="E-mail"
                    kind="email"
                    autocomplete="username"
                    value=email
                    error=email_error
                    focused=focused
                />
                <div class="form__pair">
                    <Field
                        name="given_name"
                        label="Given name (optional)"
                        kind="text"
                        autocomplete="given-name"
                        required=false
                        value=given_name
                    />
                    <Field
                        name="family_name"
                        label="Family name (optional)"
                        kind="text"
                        autocomplete="family-name"
                        required=false
                        value=family_name
                    />
                </div>
                <Field
                    name=forms::PASSWORD_FIELD
                    label="Password"
                    kind="password"
                    autocomplete="new-password"
                    hint="At least 12 characters. A sentence is easier to remember than symbols."
                    error=password_error
                />
                <div class="actions">
                    <button class="button button--primary button--wide" type="submit">"Create admin"</button>
                </div>
            </form>
        </FlowFrame>
    }
    .into_any())
}
