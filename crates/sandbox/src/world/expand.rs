//! `expand[]`: ids become objects, and parts that are left out otherwise appear.

use serde_json::{Value, json};

use super::World;
use super::expandable::{is_branch, is_reference, may_be_gone};
use super::fault::{Answer, Fault};
use super::state::text;

impl World {
    /// Expands `value`, an object or a list, as asked.
    pub(super) fn expand(&self, mut value: Value, paths: &[String]) -> Answer {
        let list = text(&value, "object") == "list";
        for path in paths {
            let parts: Vec<&str> = path.split('.').collect();
            if parts.len() > 4 {
                let mut fault = Fault::invalid(format!(
                    "You cannot expand more than 4 levels of a property. Property: {path}"
                ))
                .code("property_expansion_max_depth");
                fault.unbegun = true;
                return Err(fault);
            }
            self.open(&mut value, &parts, "", "").map_err(|Wrong { segment, first }| {
                let mut message = match first {
                    true => format!("This property cannot be expanded ({segment})."),
                    false => format!(
                        "This property cannot be expanded because it doesn't exist: {segment}."
                    ),
                };
                if list && !path.starts_with("data") {
                    message += &format!(" You may want to try expanding 'data.{path}' instead.");
                }
                let mut fault = Fault::invalid(message);
                fault.unbegun = true;
                fault.final_word = false;
                fault
            })?;
        }
        Ok(value)
    }

    /// Opens `parts` below `node`, which lies at `path` of an object of `kind`.
    fn open(&self, node: &mut Value, parts: &[&str], kind: &str, path: &str) -> Result<(), Wrong> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        let own = text(node, "object").to_owned();
        if own == "list" {
            if *part != "data" {
                return Err(Wrong { segment: (*part).to_owned(), first: kind.is_empty() });
            }
            let Some(Value::Array(entries)) = node.get_mut("data") else { return Ok(()) };
            for entry in entries {
                self.open(entry, rest, "list", "")?;
            }
            return Ok(());
        }
        let first = kind.is_empty();
        let (kind, path) = match own.as_str() {
            "" => (kind, format!("{path}.{part}")),
            own => (own, (*part).to_owned()),
        };
        let included = self.included(kind, node, part);
        let leaf = included.is_some();
        if let (None, Some(included)) = (node.get(*part), included) {
            node[*part] = included;
        }
        let wrong = || Wrong { segment: (*part).to_owned(), first };
        let reference = is_reference(kind, &path);
        let Some(child) = node.get_mut(*part) else {
            let known = reference || is_branch(kind, &path);
            return if known { Ok(()) } else { Err(Wrong { segment: (*part).to_owned(), first }) };
        };
        if reference && let Some(id) = child.as_str() {
            match self.objects.get(id) {
                Some(found) => *child = self.shown(found.clone()),
                None if may_be_gone(kind, &path) => return Ok(()),
                None => {}
            }
        }
        if child.is_null() || child.is_array() {
            let known = reference || leaf || is_branch(kind, &path);
            return if known { Ok(()) } else { Err(wrong()) };
        }
        if !child.is_object() {
            return Err(wrong());
        }
        let whole = !text(child, "object").is_empty();
        if rest.is_empty() {
            return if whole || reference || leaf { Ok(()) } else { Err(wrong()) };
        }
        if !whole && !is_branch(kind, &path) {
            return Err(wrong());
        }
        let (kind, path) = (kind.to_owned(), path);
        self.open(child, rest, &kind, &path)
    }

    /// A part that is left out unless it is asked for, one of [`PARTS`](super::expandable).
    fn included(&self, kind: &str, object: &Value, part: &str) -> Option<Value> {
        let id = text(object, "id");
        let list = |data: Vec<Value>, url: String| {
            let (total, shown) = (data.len(), data.into_iter().take(10).collect::<Vec<_>>());
            json!({ "object": "list", "data": shown, "has_more": total > 10, "url": url })
        };
        match (kind, part) {
            ("customer", "subscriptions") => {
                let of = self.newest_with("subscription", "customer", id).filter(|sub| {
                    !matches!(text(sub, "status"), "canceled" | "incomplete_expired")
                });
                Some(list(of.cloned().collect(), format!("/v1/customers/{id}/subscriptions")))
            }
            ("customer", "sources" | "tax_ids") => {
                Some(list(Vec::new(), format!("/v1/customers/{id}/{part}")))
            }
            ("customer", "invoice_credit_balance") => Some(json!({})),
            ("customer", "tax") => Some(json!({
                "automatic_tax": "unrecognized_location", "ip_address": null, "location": null,
                "provider": "stripe",
            })),
            ("invoice", "payments") => Some(self.payments_of(id)),
            ("invoice", "confirmation_secret") => {
                let intent = self.intent_of(id).map(|intent| self.copy(&intent));
                Some(intent.map_or(Value::Null, |intent| {
                    json!({ "client_secret": intent["client_secret"], "type": "payment_intent" })
                }))
            }
            ("charge", "refunds") => {
                let of = self.newest_with("refund", "charge", id);
                let refunds: Vec<Value> = of.cloned().collect();
                let count = refunds.len();
                let mut all = list(refunds, format!("/v1/charges/{id}/refunds"));
                all["total_count"] = json!(count);
                Some(all)
            }
            ("checkout.session", "line_items") => {
                let lines = self.baskets.get(id).map(|b| b.lines.clone()).unwrap_or_default();
                let url = format!("/v1/checkout/sessions/{id}/line_items");
                Some(list(lines, url))
            }
            ("price", "currency_options") => {
                let currency = text(object, "currency");
                Some(json!({ currency: {
                    "custom_unit_amount": null, "tax_behavior": object["tax_behavior"],
                    "unit_amount": object["unit_amount"],
                    "unit_amount_decimal": object["unit_amount_decimal"],
                } }))
            }
            _ => None,
        }
    }
}

/// The part of a path that leads nowhere.
struct Wrong {
    segment: String,
    first: bool,
}
