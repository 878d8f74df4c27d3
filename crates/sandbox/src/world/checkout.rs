//! Checkout Sessions: made by a call, paid by a person on the hosted page.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::{int, maybe, object, rank, text};
use super::{PageError, World};

/// What the world knows of a session beside its object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Basket {
    /// The line items, newest last.
    pub lines: Vec<Value>,
    pub metadata: Value,
    pub description: Option<String>,
    pub save_name: bool,
    /// The intent that a refused attempt left.
    pub intent: Option<String>,
}

pub(super) fn page_error(code: &str, message: impl Into<String>) -> PageError {
    PageError { message: message.into(), code: code.to_owned() }
}

impl World {
    pub(super) fn create_session(&mut self, given: &Given) -> Answer {
        if given.filled("mode") != Some("subscription") {
            return Err(Fault::unsupported("value of", "mode"));
        }
        for (name, only) in [("ui_mode", "hosted_page"), ("payment_method_collection", "always")] {
            if given.filled(name).is_some_and(|value| value != only) {
                return Err(Fault::unsupported("value of", name));
            }
        }
        if given.bool("allow_promotion_codes") == Some(true) {
            return Err(Fault::unsupported("value of", "allow_promotion_codes"));
        }
        for (name, value) in
            [("billing_address_collection", "required"), ("customer_update.address", "auto")]
        {
            if given.filled(name) == Some(value) {
                let shown = name.replacen('.', "[", 1) + if name.contains('.') { "]" } else { "" };
                return Err(Fault::unsupported("value of", &shown));
            }
        }
        if given.filled("client_reference_id").is_some_and(|text| text.chars().count() > 200) {
            return Err(Fault::too_long("client_reference_id", 200));
        }
        let Some(success) = given.filled("success_url") else {
            let fault = Fault::parameter("Missing required param: success_url.", "success_url");
            return Err(fault.code("parameter_missing"));
        };
        for name in ["success_url", "cancel_url"] {
            let url = given.filled(name);
            if url.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
                let fault = Fault::parameter("Not a valid URL", name);
                return Err(fault.code("url_invalid"));
            }
        }
        let customer = match given.filled("customer") {
            Some(id) => {
                let found = self.find("customer", id).cloned();
                found.ok_or_else(|| Fault::missing(400, "customer", id, "customer"))?
            }
            None => Value::Null,
        };
        if !customer.is_null() && given.filled("customer_email").is_some() {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(Fault::parameter(message, "customer").code("parameters_exclusive"));
        }
        if customer.is_null() && given.at("customer_update").is_some() {
            let message = "`customer_update` can only be used with `customer`.";
            return Err(Fault::invalid(message).param("customer_update"));
        }
        let list = given.list("line_items");
        if list.is_empty() {
            let fault = Fault::parameter("Missing required param: line_items.", "line_items");
            return Err(fault.code("parameter_missing"));
        }
        for (n, item) in list.iter().enumerate() {
            if item.int("quantity").is_none_or(|quantity| quantity < 1) {
                let message = "Quantity is required. Add `quantity` to `line_items`.";
                return Err(Fault::parameter(message, &format!("line_items[{n}][quantity]")));
            }
        }
        let chosen = self.checked_items(&list, "line_items")?;
        if chosen.iter().all(|(price, ..)| price["recurring"].is_null()) {
            return Err(Fault::invalid(
                "You must provide at least one recurring price in `subscription` mode when using \
                 prices.",
            ));
        }
        if let Some(n) = chosen.iter().position(|(price, ..)| price["recurring"].is_null()) {
            return Err(Fault::unsupported(
                "one-time price in",
                &format!("line_items[{n}][price]"),
            ));
        }
        let currency =
            chosen.first().map(|(p, ..)| text(p, "currency").to_owned()).unwrap_or_default();
        if given.filled("currency").is_some_and(|want| !want.eq_ignore_ascii_case(&currency)) {
            return Err(Fault::invalid(format!(
                "The currency does not match that of the selected prices ({currency})."
            ))
            .param("currency"));
        }
        if let Some(held) = maybe(&customer, "currency").filter(|held| *held != currency) {
            return Err(Fault::invalid(format!(
                "The currency of the selected prices ({currency}) does not match the customer \
                 currency ({held})."
            )));
        }
        let total: i64 = chosen.iter().map(|(price, n, _)| int(price, "unit_amount") * n).sum();
        if (1..50).contains(&total) {
            let message = match currency.as_str() {
                "usd" => {
                    "The Checkout Session's total amount due must add up to at least $0.50 usd"
                }
                _ => "The Checkout Session's total amount must convert to at least 50 cents.",
            };
            return Err(Fault::invalid(message).code("amount_too_small"));
        }
        let expires = given.int("expires_at").unwrap_or(self.now + 86_400);
        if expires < self.now + 1_800 {
            return Err(Fault::invalid(
                "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            )
            .param("expires_at"));
        }
        if expires > self.now + 86_400 {
            return Err(Fault::invalid(
                "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            )
            .param("expires_at"));
        }
        let kinds = given.texts("allowed_payment_method_types");
        for (n, kind) in kinds.iter().enumerate() {
            // Link is a way to pay by card; the page takes the card itself.
            if !["card", "link"].contains(&kind.as_str()) {
                return Err(Fault::unsupported(
                    "value of",
                    &format!("allowed_payment_method_types[{n}]"),
                ));
            }
        }
        let id = format!("cs_test_a1{}", self.noise(56));
        let mut lines = Vec::new();
        for (price, quantity, _) in &chosen {
            let line = self.long_id("li_", '1');
            let name = text(&self.copy(text(price, "product")), "name").to_owned();
            let amount = int(price, "unit_amount") * quantity;
            lines.push(json!({
                "id": line, "object": "item", "adjustable_quantity": null, "amount_discount": 0,
                "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount,
                "currency": currency, "description": name, "metadata": {}, "price": price,
                "quantity": quantity,
            }));
        }
        let metadata = given.metadata("subscription_data.metadata");
        let description = given.filled("subscription_data.description").map(str::to_owned);
        let save_name = given.filled("customer_update.name") == Some("auto");
        let basket = Basket { lines, metadata, description, save_name, intent: None };
        self.baskets.insert(id.clone(), basket);
        let known = !customer.is_null();
        let details = known.then(|| {
            json!({
                "address": null, "business_name": null, "email": customer["email"],
                "individual_name": null, "name": null, "phone": null, "tax_exempt": "none",
                "tax_ids": null,
            })
        });
        let saved = known.then(|| {
            json!({
                "allow_redisplay_filters": ["always"], "payment_method_remove": "disabled",
                "payment_method_save": null,
            })
        });
        let page = format!("{}/c/pay/{id}", self.config.base_url);
        let nulls = "adaptive_pricing after_expiration allow_promotion_codes \
                     allowed_payment_method_types client_secret consent consent_collection \
                     currency_conversion customer_account integration_identifier invoice \
                     invoice_creation locale origin_context payment_intent payment_link \
                     payment_method_configuration_details permissions recovered_from setup_intent \
                     shipping_address_collection shipping_cost submit_type subscription \
                     wallet_options";
        self.keep(object(nulls, json!({
            "id": id, "object": "checkout.session", "amount_subtotal": total, "amount_total": total,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "billing_address_collection": given.filled("billing_address_collection"),
            "branding_settings": {
                "background_color": "#ffffff", "border_style": "rounded",
                "button_color": "#0074d4", "display_name": "Specie sandbox",
                "font_family": "default", "icon": null, "logo": null,
            },
            "cancel_url": given.filled("cancel_url"),
            "client_reference_id": given.filled("client_reference_id"),
            "collected_information": {
                "business_name": null, "individual_name": null, "shipping_details": null,
            },
            "created": self.now, "currency": currency, "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer": customer["id"],
            "customer_creation": if known { Value::Null } else { json!("always") },
            "customer_details": details, "customer_email": given.filled("customer_email"),
            "discounts": [], "expires_at": expires, "livemode": false,
            "managed_payments": { "enabled": false }, "metadata": given.metadata("metadata"),
            "mode": "subscription", "payment_method_collection": "always",
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"], "payment_status": "unpaid",
            "phone_number_collection": { "enabled": false },
            "saved_payment_method_options": saved, "shipping_options": [], "status": "open",
            "success_url": success,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted_page", "url": page,
        })));
        if let Some(enabled) = given.bool("adaptive_pricing.enabled") {
            self.set(&id, [("adaptive_pricing", json!({ "enabled": enabled }))]);
        }
        if !kinds.is_empty() {
            self.set(&id, [("allowed_payment_method_types", json!(kinds))]);
        }
        for field in ["locale", "submit_type"] {
            if let Some(value) = given.filled(field) {
                self.set(&id, [(field, json!(value))]);
            }
        }
        self.plan(rank::CHECKOUT, &id, expires);
        Ok(self.copy(&id))
    }

    pub(super) fn update_session(&mut self, id: &str, given: &Given) -> Answer {
        let mut session = self.need("checkout.session", id)?;
        merge_metadata(&mut session, given);
        self.replace(id, session.clone());
        Ok(session)
    }

    pub(super) fn expire_session(&mut self, id: &str) -> Answer {
        let session = self.need("checkout.session", id)?;
        let status = text(&session, "status");
        if status != "open" {
            return Err(Fault::invalid(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout \
                 Session has a status of `{status}`."
            )));
        }
        self.expire(id);
        Ok(self.copy(id))
    }

    /// An open session becomes unusable.
    pub(super) fn expire(&mut self, id: &str) {
        if text(&self.copy(id), "status") != "open" {
            return;
        }
        self.unplan(rank::CHECKOUT, id);
        self.set(id, [("status", json!("expired")), ("url", Value::Null)]);
        self.emit("checkout.session.expired", id);
        let intent = self.baskets.get(id).and_then(|basket| basket.intent.clone());
        if let Some(intent) = intent {
            self.cancel_intent(&intent, "automatic");
        }
    }
}
