//! Refunds.

use serde_json::json;

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::payments::vocab_currency;
use super::state::{int, is, object, text};

impl World {
    pub(super) fn create_refund(&mut self, given: &Given) -> Answer {
        let charge = match (given.filled("charge"), given.filled("payment_intent")) {
            (Some(charge), None) => {
                let found = self.find("charge", charge);
                found.cloned().ok_or_else(|| Fault::missing(404, "charge", charge, "id"))?
            }
            (None, Some(intent)) => {
                let pi = self.find("payment_intent", intent).cloned();
                let pi =
                    pi.ok_or_else(|| Fault::missing(404, "payment_intent", intent, "intent"))?;
                let charge = self.copy(text(&pi, "latest_charge"));
                if text(&pi, "status") != "succeeded" || charge.is_null() {
                    return Err(Fault::invalid(format!(
                        "This PaymentIntent ({intent}) does not have a successful charge to refund."
                    )));
                }
                charge
            }
            (None, None) => {
                return Err(Fault::invalid(
                    "One of the following params should be provided for this request: \
                     payment_intent or charge.",
                ));
            }
            (Some(charge), Some(intent)) => {
                let found =
                    self.find("charge", charge).filter(|c| text(c, "payment_intent") == intent);
                found.cloned().ok_or_else(|| Fault::missing(404, "charge", charge, "id"))?
            }
        };
        let reason = given.filled("reason");
        let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
        if reason.is_some_and(|reason| !reasons.contains(&reason)) {
            return Err(Fault::invalid(
                "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer",
            )
            .param("reason"));
        }
        let id = text(&charge, "id").to_owned();
        if text(&charge, "status") != "succeeded" {
            return Err(Fault::invalid(format!(
                "Charge {id} was not successful and cannot be refunded."
            )));
        }
        let left = int(&charge, "amount") - int(&charge, "amount_refunded");
        if is(&charge, "refunded") || left <= 0 {
            let message = format!("Charge {id} has already been refunded.");
            return Err(Fault::invalid(message).code("charge_already_refunded"));
        }
        let amount = given.int("amount").unwrap_or(left);
        if amount < 1 {
            let message = "This value must be greater than or equal to 1.";
            return Err(Fault::parameter(message, "amount").code("parameter_invalid_integer"));
        }
        if amount > left {
            let currency = vocab_currency(text(&charge, "currency"));
            let show = |minor| match currency {
                Some(currency) => specie_vocab::Money::new(minor, currency).to_string(),
                None => minor.to_string(),
            };
            return Err(Fault::invalid(format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                show(amount),
                show(left)
            ))
            .param("amount"));
        }
        let refund = self.payment_id("re_", text(&charge, "payment_intent"));
        let nulls = "balance_transaction customer_account receipt_number source_transfer_reversal \
                     transfer_reversal";
        self.keep(object(nulls, json!({
            "id": refund, "object": "refund", "amount": amount, "charge": id, "created": self.real(),
            "currency": charge["currency"], "customer": charge["customer"],
            "destination_details": {
                "card": {
                    "reference_status": "pending", "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": given.metadata("metadata"), "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"], "reason": reason, "status": "succeeded",
        })));
        self.book_refund(&refund);
        let refunded = int(&charge, "amount_refunded") + amount;
        let previous = self.set(
            &id,
            [
                ("amount_refunded", json!(refunded)),
                ("refunded", json!(refunded == int(&charge, "amount"))),
            ],
        );
        let answer = self.copy(&refund);
        self.emit("refund.created", &refund);
        self.emit_change("charge.refunded", &id, previous);
        let reference = self.digits(23);
        let previous = self.set(
            &refund,
            [
                ("destination_details.card.reference", json!(reference)),
                ("destination_details.card.reference_status", json!("available")),
            ],
        );
        self.emit_change("refund.updated", &refund, previous.clone());
        self.emit_change("charge.refund.updated", &refund, previous);
        Ok(answer)
    }

    pub(super) fn update_refund(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need("refund", id)?;
        let mut refund = old.clone();
        merge_metadata(&mut refund, given);
        let previous = super::state::difference(&old, &refund);
        self.replace(id, refund);
        self.emit_change("refund.updated", id, previous);
        Ok(self.copy(id))
    }
}
