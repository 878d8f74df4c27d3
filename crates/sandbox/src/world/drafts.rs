//! Drafts of invoices, and their lines.

use serde_json::{Value, json};

use super::World;
use super::payments::vocab_currency;
use super::state::{int, items, maybe, object, text, with};

/// The smallest amount that is charged; less is added to the next invoice.
pub(super) const MINIMUM: i64 = 50;

impl World {
    /// A new draft for a subscription's items over `period`, without an event.
    pub(super) fn make_invoice(
        &mut self,
        subscription: &str,
        reason: &str,
        period: (i64, i64),
        window: (i64, i64),
    ) -> String {
        let id = self.long_id("in_", '1');
        let (invoice, lines) = self.draft(&id, subscription, reason, period, window);
        self.keep(invoice);
        self.lines.insert(id.clone(), lines);
        id
    }

    /// A draft and its lines, which nobody keeps yet.
    pub(super) fn draft(
        &mut self,
        id: &str,
        subscription: &str,
        reason: &str,
        period: (i64, i64),
        window: (i64, i64),
    ) -> (Value, Vec<Value>) {
        let sub = self.copy(subscription);
        let customer = self.copy(text(&sub, "customer"));
        let mut lines = Vec::new();
        for item in items(&sub, "items.data") {
            let line = self.make_line(id, &sub, item, period);
            lines.push(line);
        }
        let total: i64 = lines.iter().map(|line| int(line, "amount")).sum();
        let starting = int(&customer, "balance");
        let due = (total + starting).max(0);
        let due = if due < MINIMUM { 0 } else { due };
        let draft_hour = reason == "subscription_cycle";
        let advance = text(&sub, "status") != "unpaid";
        let finalizes =
            (draft_hour && advance).then_some(self.now + self.config.switches.draft_seconds);
        let nulls = "account_tax_ids application custom_fields customer_account default_payment_method \
                     default_source description due_date effective_at ending_balance footer \
                     from_invoice hosted_invoice_url invoice_pdf last_finalization_error \
                     latest_revision number on_behalf_of receipt_number rendering shipping_cost \
                     shipping_details statement_descriptor";
        let shown: Vec<Value> = lines.iter().take(10).cloned().collect();
        let invoice = object(
            nulls,
            json!({
            "id": id, "object": "invoice", "account_country": "US",
            "account_name": "Specie sandbox", "amount_due": due, "amount_overpaid": 0,
            "amount_paid": 0, "amount_remaining": due, "amount_shipping": 0, "attempt_count": 0,
            "attempted": false, "auto_advance": advance,
            "automatic_tax": {
                "disabled_reason": null, "enabled": false, "liability": null, "provider": null,
                "status": null,
            },
            "automatically_finalizes_at": finalizes, "billing_reason": reason,
            "collection_method": "charge_automatically", "created": self.now,
            "currency": sub["currency"], "customer": customer["id"],
            "customer_address": customer["address"], "customer_email": customer["email"],
            "customer_name": customer["name"], "customer_phone": customer["phone"],
            "customer_shipping": customer["shipping"],
            "customer_tax_exempt": customer["tax_exempt"], "customer_tax_ids": [],
            "default_tax_rates": [], "discounts": [], "issuer": { "type": "self" },
            }),
        );
        let invoice = with(
            invoice,
            json!({"lines": {
                    "object": "list", "data": shown, "has_more": lines.len() > 10,
                    "total_count": lines.len(), "url": format!("/v1/invoices/{id}/lines"),
                },
                "livemode": false, "metadata": {},
                "next_payment_attempt": finalizes.map(|at| at - 1),
                "parent": {
                    "quote_details": null,
                    "subscription_details": { "metadata": sub["metadata"], "subscription": subscription },
                    "type": "subscription_details",
                },
                "payment_settings": {
                    "default_mandate": null, "payment_method_options": null,
                    "payment_method_types": null,
                },
                "period_end": window.1, "period_start": window.0,
                "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
                "starting_balance": starting, "status": "draft",
                "status_transitions": {
                    "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null,
                    "voided_at": null,
                },
                "subtotal": total, "subtotal_excluding_tax": total, "total": total,
                "total_discount_amounts": [], "total_excluding_tax": total,
                "test_clock": sub["test_clock"], "total_pretax_credit_amounts": [], "total_taxes": [],
                "webhooks_delivered_at": self.now,
            }),
        );
        (invoice, lines)
    }

    fn make_line(&mut self, invoice: &str, sub: &Value, item: &Value, period: (i64, i64)) -> Value {
        let prefix = if invoice.starts_with("upcoming_") { "il_tmp_" } else { "il_" };
        let id = self.long_id(prefix, '1');
        let price = &item["price"];
        let quantity = int(item, "quantity");
        let unit = int(price, "unit_amount");
        let name = text(&self.copy(text(price, "product")), "name").to_owned();
        let label = maybe(&self.copy(text(price, "product")), "unit_label");
        let of = label.map(|label| format!("{label} ")).unwrap_or_default();
        let each = match vocab_currency(text(price, "currency")) {
            Some(currency) => specie_vocab::Money::new(unit, currency).to_string(),
            None => unit.to_string(),
        };
        let every =
            match (int(price, "recurring.interval_count"), text(price, "recurring.interval")) {
                (1, interval) => interval.to_owned(),
                (count, interval) => format!("every {count} {interval}s"),
            };
        let description = format!("{quantity} {of}× {name} (at {each} / {every})");
        json!({
            "id": id, "object": "line_item", "amount": unit.saturating_mul(quantity),
            "currency": sub["currency"], "description": description, "discount_amounts": [],
            "discountable": true, "discounts": [], "invoice": invoice, "livemode": false,
            "metadata": sub["metadata"],
            "parent": {
                "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": null, "proration": false,
                    "proration_details": { "credited_items": null },
                    "subscription": sub["id"], "subscription_item": item["id"],
                },
                "type": "subscription_item_details",
            },
            "period": { "end": period.1, "start": period.0 }, "pretax_credit_amounts": [],
            "pricing": {
                "price_details": { "price": price["id"], "product": price["product"] },
                "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
            },
            "quantity": quantity, "quantity_decimal": quantity.to_string(),
            "subscription": null, "subtotal": unit.saturating_mul(quantity), "taxes": [],
        })
    }
}
