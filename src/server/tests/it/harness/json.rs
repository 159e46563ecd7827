//! JSON bodies. The HTTP library could do this itself, but with that feature on, everything above it would be built
//! twice: for the server and for its tests.

use reqwest::{RequestBuilder, Response, header};
use serde::{Serialize, de::DeserializeOwned};

/// Sends JSON.
pub(crate) trait JsonRequest {
    fn json<T: Serialize + ?Sized>(self, body: &T) -> Self;
}

/// Reads JSON.
pub(crate) trait JsonResponse {
    async fn json<T: DeserializeOwned>(self) -> Result<T, String>;
}

impl JsonRequest for RequestBuilder {
    fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        let text = serde_json::to_string(body).expect("JSON");
        self.header(header::CONTENT_TYPE, "application/json").body(text)
    }
}

impl JsonResponse for Response {
    async fn json<T: DeserializeOwned>(self) -> Result<T, String> {
        let text = self.text().await.map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }
}
