//! The webhook endpoint: registered, enabled, in our version, with the events that are read.

use specie_server::catalog::EVENTS;
use specie_stripe::{API_VERSION, Form, Priority, StripeError, WebhookEndpoint};

use super::Patient;
use super::code::Code;
use super::report::{Finding, Report, error};

/// Reads the list of endpoints.
pub(super) async fn check(patient: &Patient, report: &mut Report) {
    let url = format!("{}/api/billing/webhook", patient.found.public_url);
    let ours = match of_address(patient, &url).await {
        Ok(ours) => ours,
        Err(error) => {
            return report.skip("webhook", format!("the endpoints cannot be read: {error}"));
        }
    };
    let findings = match ours.iter().find(|it| is_ours(it)).or(ours.first()) {
        Some(endpoint) => look(endpoint),
        None => vec![error(
            Code::WebhookMissing,
            format!("no webhook endpoint leads to {url}"),
            "an endpoint at that address",
            "run `specie catalog apply --secret-file FILE`, or mend `PUBLIC_URL`",
        )],
    };
    report.add("webhook", findings, format!("{url} is enabled"));
}

async fn of_address(patient: &Patient, url: &str) -> Result<Vec<WebhookEndpoint>, StripeError> {
    let path = "/v1/webhook_endpoints";
    let all = patient.stripe.list_all(path, &Form::new(), Priority::Interactive).await?;
    let all = all.iter().map(WebhookEndpoint::parse).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|it| it.url == url).collect())
}

fn is_ours(endpoint: &WebhookEndpoint) -> bool {
    endpoint.status == "enabled" && endpoint.api_version.as_deref() == Some(API_VERSION)
}

fn look(endpoint: &WebhookEndpoint) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = &endpoint.id;
    if endpoint.status != "enabled" {
        findings.push(error(
            Code::WebhookDisabled,
            format!("the endpoint `{id}` is {}", endpoint.status),
            "an endpoint that is enabled",
            "mend what its deliveries fail by, and enable it in Stripe's dashboard",
        ));
    }
    if endpoint.api_version.as_deref() != Some(API_VERSION) {
        let found = endpoint.api_version.as_deref().unwrap_or("the account's own");
        findings.push(error(
            Code::WebhookVersion,
            format!("the endpoint `{id}` has the API version {found}"),
            "the version that this program is pinned to",
            "delete the endpoint in Stripe's dashboard and run `specie catalog apply`",
        ));
    }
    findings.extend(missing_events(endpoint));
    findings
}

fn missing_events(endpoint: &WebhookEndpoint) -> Option<Finding> {
    let sent = |kind: &&str| endpoint.enabled_events.iter().any(|it| it == "*" || it == kind);
    let missing: Vec<&str> = EVENTS.into_iter().filter(|kind| !sent(kind)).collect();
    (!missing.is_empty()).then(|| {
        error(
            Code::WebhookEvents,
            format!("the endpoint `{}` does not send {}", endpoint.id, missing.join(", ")),
            "all events that the service reads",
            "add them to the endpoint in Stripe's dashboard",
        )
    })
}
