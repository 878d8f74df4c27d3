//! What a restricted key may not do. Each right is tried on something that is not there, so that
//! nothing is changed.

use specie_stripe::{Form, Priority, StoredRequest};
use specie_vocab::{Chance, SystemChance};

use super::Patient;
use super::code::Code;
use super::report::{Report, error};

/// What is read.
const READ: [(&str, &str); 13] = [
    ("Customers", "/v1/customers"),
    ("Checkout Sessions", "/v1/checkout/sessions"),
    ("Customer portal", "/v1/billing_portal/configurations"),
    ("Subscriptions", "/v1/subscriptions"),
    ("Invoices", "/v1/invoices"),
    ("PaymentIntents", "/v1/payment_intents"),
    ("Charges", "/v1/charges"),
    ("Refunds", "/v1/refunds"),
    ("PaymentMethods", "/v1/payment_methods"),
    ("Events", "/v1/events"),
    ("Products", "/v1/products"),
    ("Prices", "/v1/prices"),
    ("Webhook Endpoints", "/v1/webhook_endpoints"),
];

/// What is written, tried on what nobody has made.
const WRITTEN: [(&str, &str); 7] = [
    ("Customers", "/v1/customers/cus_specieDoctor"),
    ("Checkout Sessions", "/v1/checkout/sessions/cs_test_specieDoctor/expire"),
    ("Customer portal", "/v1/billing_portal/configurations/bpc_specieDoctor"),
    ("Subscriptions", "/v1/subscriptions/sub_specieDoctor"),
    ("Invoices", "/v1/invoices/in_specieDoctor"),
    ("PaymentIntents", "/v1/payment_intents/pi_specieDoctor"),
    ("Refunds", "/v1/refunds/re_specieDoctor"),
];

/// Tries them all, if the key is a restricted one; any other may do everything.
pub(super) async fn check(patient: &Patient, report: &mut Report) {
    if !patient.found.stripe.key.expose().starts_with("rk_") {
        return report.add("rights", Vec::new(), "the key is not restricted");
    }
    let mut refused = Vec::new();
    for (resource, path) in READ {
        let query = Form::new().set("limit", "1");
        let answer = patient.stripe.get(path, &query, Priority::Interactive).await;
        if answer.is_err_and(|error| error.is_forbidden()) {
            refused.push(format!("{resource} (read)"));
        }
    }
    for (resource, path) in WRITTEN {
        let key = format!("doctor:{}", SystemChance.token());
        let request = StoredRequest::post(path, &Form::new(), key);
        let answer = patient.stripe.send(&request).await;
        if answer.is_err_and(|error| error.is_forbidden()) {
            refused.push(format!("{resource} (write)"));
        }
    }
    let finding = || {
        error(
            Code::StripeRightMissing,
            format!("the key was refused: {}", refused.join(", ")),
            "the rights of docs/going-live.md",
            "add them to the key in Stripe's dashboard (Developers, API keys)",
        )
    };
    let findings = (!refused.is_empty()).then(finding).into_iter().collect();
    report.add("rights", findings, "the restricted key has all that are needed");
}
