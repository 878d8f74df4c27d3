//! The sandbox's webhook endpoints of earlier starts, on other ports: nobody listens there now.

use specie_stripe::{Client, Form, Priority, StoredRequest, StripeError, WebhookEndpoint};

const PATH: &str = "/v1/webhook_endpoints";

/// Removes the endpoints that we made, but for the one at `kept`.
pub async fn remove_others(client: &Client, kept: Option<&str>) -> Result<(), StripeError> {
    for found in client.list_all(PATH, &Form::new(), Priority::Interactive).await? {
        let found = WebhookEndpoint::parse(&found)?;
        let ours = found.metadata.get("specie").is_some_and(|it| it == "true");
        if ours && kept != Some(found.url.as_str()) {
            let (path, key) = (format!("{PATH}/{}", found.id), format!("gone:{}", found.id));
            client.send(&StoredRequest::delete(path, &Form::new(), key)).await?;
        }
    }
    Ok(())
}
