//! Lists: filters, cursors, pages. A page looks at no more than it shows and passes over.

use serde_json::{Value, json};

use super::World;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::index::{Row, says};
use super::state::{int, is, items, text};

/// What a list is made of.
pub(super) trait Listed: 'static {
    /// The one with an id, if lists show it.
    fn kept<'a>(world: &'a World, id: &str) -> Option<&'a Self>;
    fn created(&self) -> i64;
    fn value(&self) -> Value;
}

impl Listed for Value {
    fn kept<'a>(world: &'a World, id: &str) -> Option<&'a Self> {
        world.objects.get(id).filter(|object| !is(object, "deleted"))
    }

    fn created(&self) -> i64 {
        int(self, "created")
    }

    fn value(&self) -> Value {
        self.clone()
    }
}

/// What pages are cut from: entries at positions, the oldest at 0.
pub(super) trait Paged {
    type Entry: Listed;

    /// What the entries are.
    fn kind(&self) -> &str;
    fn count(&self) -> usize;
    /// The entry at a position, unless it is not wanted.
    fn at(&self, position: usize) -> Option<&Self::Entry>;
    /// Of a cursor: how many stand before it, and the first position behind it.
    fn around(&self, id: &str) -> Option<(usize, usize)>;
}

/// What an entry must be like.
type Wish<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;

/// The objects of a kind that a call wants.
pub(super) struct List<'a, T> {
    world: &'a World,
    kind: &'static str,
    row: Row<'a>,
    wishes: Vec<Wish<'a, T>>,
}

impl<'a, T: Listed> List<'a, T> {
    /// All objects of a kind.
    pub fn of(world: &'a World, kind: &'static str) -> Self {
        Self { world, kind, row: world.row(kind), wishes: Vec::new() }
    }

    /// None of them.
    pub fn none(self) -> Self {
        Self { row: self.row.none(), ..self }
    }

    /// Those of them that are as wished.
    pub fn only(mut self, wish: impl Fn(&T) -> bool + 'a) -> Self {
        self.wishes.push(Box::new(wish));
        self
    }
}

impl<'a> List<'a, Value> {
    /// Those of them that say `said` in `field`.
    pub fn with(mut self, field: &'static str, said: &'a str) -> Self {
        let found = self.world.row_with(self.kind, field, said);
        if found.count() < self.row.count() {
            self.row = found;
        }
        self.only(move |object| says(object, field, said))
    }
}

impl<T: Listed> Paged for List<'_, T> {
    type Entry = T;

    fn kind(&self) -> &str {
        self.kind
    }

    fn count(&self) -> usize {
        self.row.count()
    }

    fn at(&self, position: usize) -> Option<&T> {
        let found = T::kept(self.world, self.row.at(position)?)?;
        self.wishes.iter().all(|wish| wish(found)).then_some(found)
    }

    fn around(&self, id: &str) -> Option<(usize, usize)> {
        let place = self.world.place(self.kind, id)?;
        Some((self.row.before(place), self.row.before(place + 1)))
    }
}

/// Entries that an object holds, in the order in which they are listed.
pub(super) struct Lines<'a> {
    pub kind: &'static str,
    pub lines: &'a [Value],
}

impl Paged for Lines<'_> {
    type Entry = Value;

    fn kind(&self) -> &str {
        self.kind
    }

    fn count(&self) -> usize {
        self.lines.len()
    }

    fn at(&self, position: usize) -> Option<&Value> {
        self.lines.iter().rev().nth(position)
    }

    fn around(&self, id: &str) -> Option<(usize, usize)> {
        let at = self.lines.iter().rev().position(|line| text(line, "id") == id)?;
        Some((at, at + 1))
    }
}

impl World {
    /// One page of a list, newest first, as asked.
    pub(super) fn page(&self, list: &impl Paged, url: &str, given: &Given) -> Answer {
        let limit = usize::try_from(given.int("limit").unwrap_or(10).clamp(1, 100)).unwrap_or(10);
        let after = cursor(list, given, "starting_after")?;
        let before = cursor(list, given, "ending_before")?;
        if after.is_some() && before.is_some() {
            return Err(Fault::invalid(
                "Received both starting_after and ending_before parameters. Please pass in only one.",
            ));
        }
        let wanted = |position: usize| {
            list.at(position).filter(|entry| given.in_range("created", entry.created()))
        };
        let mut data: Vec<_> = match before {
            Some((_, newer)) => (newer..list.count()).filter_map(wanted).take(limit + 1).collect(),
            None => {
                let older = after.map_or(list.count(), |(older, _)| older);
                (0..older).rev().filter_map(wanted).take(limit + 1).collect()
            }
        };
        let more = data.len() > limit;
        data.truncate(limit);
        if before.is_some() {
            data.reverse();
        }
        let data: Vec<Value> = data.into_iter().map(|entry| self.shown(entry.value())).collect();
        let list = json!({ "object": "list", "data": data, "has_more": more, "url": url });
        self.expand(list, &given.texts("expand"))
    }

    /// The objects of a kind whose text fields are as asked.
    pub(super) fn where_texts<'a>(
        &'a self,
        kind: &'static str,
        given: &'a Given,
        fields: &[(&str, &'static str)],
    ) -> List<'a, Value> {
        let mut all: List<'a, Value> = List::of(self, kind);
        for &(name, field) in fields {
            if let Some(want) = given.filled(name) {
                all = all.with(field, want);
            }
        }
        all
    }

    pub(super) fn list_subscriptions<'a>(&'a self, given: &'a Given) -> List<'a, Value> {
        let all = self.where_texts(
            "subscription",
            given,
            &[("customer", "customer"), ("collection_method", "collection_method")],
        );
        all.only(move |sub| {
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
        })
    }

    pub(super) fn list_prices<'a>(&'a self, given: &'a Given) -> Answer<List<'a, Value>> {
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
        let all = self.where_texts(
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
        Ok(all.only(move |price| {
            given.bool("active").is_none_or(|want| price["active"] == json!(want))
                && (keys.is_empty() || keys.iter().any(|key| text(price, "lookup_key") == key))
        }))
    }

    pub(super) fn list_products<'a>(&'a self, given: &'a Given) -> List<'a, Value> {
        let ids = given.texts("ids");
        let all = self.where_texts("product", given, &[("url", "url")]);
        all.only(move |product| {
            ["active", "shippable"]
                .iter()
                .all(|field| given.bool(field).is_none_or(|want| product[*field] == json!(want)))
                && (ids.is_empty() || ids.iter().any(|id| text(product, "id") == id))
        })
    }
}

/// What stands around a cursor, if one was given.
fn cursor(list: &impl Paged, given: &Given, name: &str) -> Answer<Option<(usize, usize)>> {
    let Some(id) = given.filled(name) else { return Ok(None) };
    let found = list.around(id).ok_or_else(|| Fault::missing(400, thing(list.kind()), id, name))?;
    Ok(Some(found))
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
