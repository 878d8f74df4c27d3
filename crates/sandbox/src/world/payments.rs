//! Payment intents, charges and refunds.

use serde_json::{Value, json};

use crate::cards::Decline;

use super::World;
use super::methods::{Outcome, decline_body};
use super::state::{int, maybe, object};

/// How one attempt to take money went. Nothing was told yet.
#[derive(Clone, Debug)]
pub(super) enum Tried {
    Paid { charge: String },
    Declined { charge: String, decline: Decline },
    Asks,
}

/// What a payment intent is for.
pub(super) struct Purpose {
    pub customer: Option<String>,
    pub amount: i64,
    pub currency: String,
    pub description: String,
    pub invoice: Option<String>,
}

impl World {
    /// A new intent, without an event.
    pub(super) fn make_intent(&mut self, purpose: Purpose) -> String {
        let id = self.long_id("pi_", '3');
        let secret = format!("{id}_secret_{}", self.noise(25));
        let email = purpose.customer.as_ref().and_then(|id| maybe(&self.copy(id), "email"));
        let nulls = "allowed_payment_method_types application application_fee_amount \
                     automatic_payment_methods canceled_at cancellation_reason customer_account \
                     excluded_payment_method_types last_payment_error latest_charge next_action \
                     on_behalf_of payment_method payment_method_configuration_details \
                     payment_record processing review shipping source statement_descriptor \
                     statement_descriptor_suffix transfer_data transfer_group";
        self.keep(object(nulls, json!({
            "id": id, "object": "payment_intent", "amount": purpose.amount, "amount_capturable": 0,
            "amount_details": { "tip": {} }, "amount_received": 0, "capture_method": "automatic",
            "client_secret": secret, "confirmation_method": "automatic", "created": self.real(),
            "currency": purpose.currency, "customer": purpose.customer,
            "description": purpose.description, "livemode": false,
            "managed_payments": { "enabled": false }, "metadata": {},
            "payment_details": { "customer_reference": null, "order_reference": purpose.invoice },
            "payment_method_options": { "card": {
                "installments": null, "mandate_options": null, "network": null,
                "request_three_d_secure": "automatic",
            } },
            "payment_method_types": ["card"], "receipt_email": email,
            "setup_future_usage": "off_session", "status": "requires_payment_method",
        })));
        id
    }

    /// Tries to take an intent's money from a card. Tells nobody.
    pub(super) fn try_charge(&mut self, intent: &str, method: &str) -> Tried {
        match self.outcome(method) {
            Outcome::Paid => {
                let charge = self.make_charge(intent, method, None);
                let amount = int(&self.copy(intent), "amount");
                self.set(
                    intent,
                    [
                        ("status", json!("succeeded")),
                        ("amount_received", json!(amount)),
                        ("latest_charge", json!(charge)),
                        ("payment_method", json!(method)),
                        ("last_payment_error", Value::Null),
                        ("next_action", Value::Null),
                    ],
                );
                Tried::Paid { charge }
            }
            Outcome::Declined(decline) => {
                let charge = self.make_charge(intent, method, Some(decline));
                let mut error = decline_body(decline);
                error.insert("charge".into(), json!(charge));
                error.insert("payment_method".into(), self.copy(method));
                self.set(
                    intent,
                    [
                        ("status", json!("requires_payment_method")),
                        ("latest_charge", json!(charge)),
                        ("payment_method", Value::Null),
                        ("last_payment_error", Value::Object(error)),
                        ("next_action", Value::Null),
                    ],
                );
                Tried::Declined { charge, decline }
            }
            Outcome::Asks => {
                let action = json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {
                    "type": "stripe_3ds2_fingerprint",
                } });
                self.set(
                    intent,
                    [
                        ("status", json!("requires_action")),
                        ("payment_method", json!(method)),
                        ("next_action", action),
                    ],
                );
                Tried::Asks
            }
        }
    }

    fn make_charge(&mut self, intent: &str, method: &str, decline: Option<Decline>) -> String {
        let (pi, pm) = (self.copy(intent), self.copy(method));
        let id = self.payment_id("ch_", intent);
        let (authorization, mut transaction) = (self.digits(6), self.digits(15));
        // No card's number begins so: whoever looks for those takes it for none.
        transaction.replace_range(..1, "1");
        let amount = int(&pi, "amount");
        let card = &pm["card"];
        let mut shown = json!({
            "amount_authorized": amount, "authorization_code": authorization,
            "extended_authorization": { "status": "disabled" },
            "incremental_authorization": { "status": "unavailable" },
            "multicapture": { "status": "unavailable" }, "network_token": { "used": false },
            "network_transaction_id": transaction,
            "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
            "network": card["brand"], "electronic_commerce_indicator": null, "installments": null,
            "mandate": null, "three_d_secure": null, "transaction_link_id": null, "wallet": null,
        });
        for field in [
            "brand",
            "checks",
            "country",
            "exp_month",
            "exp_year",
            "fingerprint",
            "funding",
            "last4",
            "regulated_status",
        ] {
            shown[field] = card[field].clone();
        }
        let outcome = match decline {
            None => json!({
                "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
                "risk_score": 20, "seller_message": "Payment complete.", "type": "authorized",
            }),
            Some(Decline::Fraudulent) => json!({
                "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                "network_status": "not_sent_to_network", "reason": "highest_risk_level",
                "risk_level": "highest", "risk_score": 80,
                "seller_message": "Stripe blocked this payment as too risky.", "type": "blocked",
            }),
            Some(decline) => json!({
                "advice_code": decline.advice(), "network_advice_code": null,
                "network_decline_code": decline.network_code(),
                "network_status": "declined_by_network", "reason": decline.reason(),
                "risk_level": "normal", "risk_score": 20,
                "seller_message": "The bank did not return any further details with this decline.",
                "type": "issuer_declined",
            }),
        };
        let paid = decline.is_none();
        let receipt = paid.then(|| format!("{}/receipts/{id}", self.config.base_url));
        let nulls = "application application_fee application_fee_amount balance_transaction \
                     destination dispute failure_balance_transaction on_behalf_of order \
                     receipt_number review shipping source source_transfer statement_descriptor \
                     statement_descriptor_suffix transfer_data transfer_group";
        self.keep(object(
            nulls,
            json!({
                "id": id, "object": "charge", "amount": amount,
                "amount_captured": if paid { amount } else { 0 }, "amount_refunded": 0,
                "billing_details": pm["billing_details"],
                "calculated_statement_descriptor": "SPECIE SANDBOX", "captured": paid,
                "created": self.real(), "currency": pi["currency"], "customer": pi["customer"],
                "description": pi["description"], "disputed": false,
                "failure_code": decline.map(Decline::code),
                "failure_message": decline.map(Decline::message), "fraud_details": {},
                "livemode": false, "metadata": pi["metadata"], "outcome": outcome, "paid": paid,
                "payment_intent": intent, "payment_method": method,
                "payment_method_details": { "card": shown, "type": "card" }, "radar_options": {},
                "receipt_email": pi["receipt_email"], "receipt_url": receipt, "refunded": false,
                "status": if paid { "succeeded" } else { "failed" },
            }),
        ));
        if paid {
            self.book_charge(&id);
        }
        id
    }
}

pub(super) fn vocab_currency(code: &str) -> Option<specie_vocab::Currency> {
    specie_vocab::Currency::try_from(code).ok()
}
