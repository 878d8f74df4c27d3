//! Speaking HTTP to the service or the sandbox as a stranger does: over a socket, or in process by
//! the same code path.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::Value;
use specie_stripe::Transport;
use tower::ServiceExt;

/// An address, and the way to it.
#[derive(Clone)]
pub struct Door {
    /// How requests travel.
    pub transport: Transport,
    /// Scheme, host and port, without a slash at the end.
    pub base: String,
}

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// There was no answer, or none that can be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DoorError(pub String);

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, DoorError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| DoorError(format!("the answer {} is no JSON: {error}", self.status)))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION)?.to_str().ok()
    }
}

impl Door {
    /// Sends a request. `path` may be a whole address of this door.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, DoorError> {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let host = self.base.split("://").nth(1).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).map_err(|error| DoorError(error.to_string()))?;
        let answer = self.transport.clone().oneshot(request).await;
        let (head, body) = answer.map_err(|error| DoorError(error.to_string()))?.into_parts();
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// Reads `path`.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply, DoorError> {
        self.send(Method::GET, path, headers, Bytes::new()).await
    }

    /// Sends a form as a browser does from one of the door's own pages.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Result<Reply, DoorError> {
        let form = fields
            .iter()
            .fold(specie_stripe::Form::new(), |form, (name, value)| form.set(*name, *value));
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", self.base.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send(Method::POST, path, &headers, form.to_body()).await
    }
}
