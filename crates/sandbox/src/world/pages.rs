//! Lists: filters, cursors, pages.

use serde_json::{Value, json};

use super::World;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::{int, items, text};

/// What a list is made of.
pub(super) trait Listed {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
    fn value(&self) -> Value;
}

impl Listed for &Value {
    fn id(&self) -> &str {
        text(self, "id")
    }

    fn created(&self) -> i64 {
        int(self, "created")
    }

    fn value(&self) -> Value {
        (*self).clone()
    }
}

impl World {
    /// One page of `all`, which is newest first, as asked.
    pub(super) fn page<T: Listed>(
        &self,
        all: Vec<T>,
        kind: &str,
        url: &str,
        given: &Given,
    ) -> Answer {
        let limit = usize::try_from(given.int("limit").unwrap_or(10).clamp(1, 100)).unwrap_or(10);
        let (after, before) = (given.filled("starting_after"), given.filled("ending_before"));
        for (name, cursor) in [("starting_after", after), ("ending_before", before)] {
            if let Some(id) = cursor
                && !all.iter().any(|object| object.id() == id)
                && self.place(kind, id).is_none()
            {
                return Err(Fault::missing(400, thing(kind), id, name));
            }
        }
        if after.is_some() && before.is_some() {
            return Err(Fault::invalid(
                "Received both starting_after and ending_before parameters. Please pass in only one.",
            ));
        }
        let all: Vec<T> =
            all.into_iter().filter(|o| given.in_range("created", o.created())).collect();
        let older = |id: &str| match all.iter().position(|object| object.id() == id) {
            Some(at) => at + 1,
            None => self.first_older(&all, kind, id),
        };
        let (start, end, more) = match (after, before) {
            (Some(id), _) => {
                let start = older(id).min(all.len());
                (start, (start + limit).min(all.len()), start + limit < all.len())
            }
            (None, Some(id)) => {
                let end = match all.iter().position(|object| object.id() == id) {
                    Some(at) => at,
                    None => self.first_older(&all, kind, id),
                };
                (end.saturating_sub(limit), end, end > limit)
            }
            (None, None) => (0, limit.min(all.len()), all.len() > limit),
        };
        let data = all.get(start..end).unwrap_or_default().iter();
        let data: Vec<Value> = data.map(|object| self.shown(object.value())).collect();
        let list = json!({ "object": "list", "data": data, "has_more": more, "url": url });
        self.expand(list, &given.texts("expand"))
    }

    /// Where an object of a kind stands, deleted ones included.
    fn place(&self, kind: &str, id: &str) -> Option<usize> {
        self.kinds.get(kind)?.iter().position(|other| other == id)
    }

    /// Where in `all` those begin that are older than an object that is not among them.
    fn first_older(&self, all: &[impl Listed], kind: &str, id: &str) -> usize {
        let at = self.place(kind, id).unwrap_or_default();
        let older =
            |object: &_| self.place(kind, Listed::id(object)).is_some_and(|other| other < at);
        all.iter().position(older).unwrap_or(all.len())
    }

    /// The objects of a kind whose text fields are as asked.
    pub(super) fn where_texts(
        &self,
        kind: &str,
        given: &Given,
        fields: &[(&str, &str)],
    ) -> Vec<&Value> {
        let fits = |object: &&Value| {
            fields.iter().all(|(name, field)| {
                given.filled(name).is_none_or(|want| text(object, field) == want)
            })
        };
        self.newest(kind).filter(fits).collect()
    }

    pub(super) fn list_subscriptions(&self, given: &Given) -> Vec<&Value> {
        let mut all = self.where_texts(
            "subscription",
            given,
            &[("customer", "customer"), ("collection_method", "collection_method")],
        );
        all.retain(|sub| {
            let status = text(sub, "status");
            let ended = matches!(status, "canceled" | "incomplete_expired");
            let wanted = match given.filled("status") {
                None => status != "canceled",
                Some("all") => true,
                Some("ended") => ended,
                Some(want) => status == want,
            };
            let of = items(sub, "items.data");
            let price = given.filled("price");
            wanted
                && price.is_none_or(|want| of.iter().any(|item| text(item, "price.id") == want))
                && ["current_period_start", "current_period_end"].iter().all(|field| {
                    given.at(field).is_none()
                        || of.iter().any(|item| given.in_range(field, int(item, field)))
                })
        });
        all
    }

    pub(super) fn list_prices(&self, given: &Given) -> Answer<Vec<&Value>> {
        if let Some(product) = given.filled("product")
            && self.find("product", product).is_none()
        {
            return Err(Fault::missing(400, "product", product, "product"));
        }
        let keys = given.texts("lookup_keys");
        if keys.len() > 10 {
            let message = "Array lookup_keys exceeded maximum 10 allowed elements.";
            return Err(Fault::parameter(message, "lookup_keys"));
        }
        let mut all = self.where_texts(
            "price",
            given,
            &[
                ("currency", "currency"),
                ("product", "product"),
                ("type", "type"),
                ("recurring.interval", "recurring.interval"),
                ("recurring.usage_type", "recurring.usage_type"),
            ],
        );
        all.retain(|price| {
            given.bool("active").is_none_or(|want| price["active"] == json!(want))
                && (keys.is_empty() || keys.iter().any(|key| text(price, "lookup_key") == key))
        });
        Ok(all)
    }

    pub(super) fn list_products(&self, given: &Given) -> Vec<&Value> {
        let ids = given.texts("ids");
        let mut all = self.where_texts("product", given, &[("url", "url")]);
        all.retain(|product| {
            ["active", "shippable"]
                .iter()
                .all(|field| given.bool(field).is_none_or(|want| product[*field] == json!(want)))
                && (ids.is_empty() || ids.iter().any(|id| text(product, "id") == id))
        });
        all
    }
}

fn thing(kind: &str) -> &str {
    match kind {
        "payment_method" => "PaymentMethod",
        "webhook_endpoint" => "webhook endpoint",
        "line_item" => "line item",
        "balance_transaction" => "balance transaction",
        kind => kind,
    }
}
