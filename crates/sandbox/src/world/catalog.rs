//! Products and prices.

use serde_json::{Value, json};
use specie_vocab::{Interval, IntervalUnit};

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::payments::vocab_currency;
use super::state::{difference, maybe, object, text};
use super::subscriptions::plan_of;

/// The longest trial: two years.
const MOST_TRIAL_DAYS: i64 = 730;

/// Some of the currencies that Stripe takes; the others of ISO 4217 are refused like wrong ones.
const CURRENCIES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bif bmd bnd bob \
    brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp \
    gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jpy kes kgs khr kmf krw kyd \
    kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok \
    npr nzd pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd \
    std szl thb tjs top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw \
    bhd jod kwd omr tnd";

pub(super) fn currency(given: &Given, path: &str, name: &str) -> Answer<String> {
    let code = given.filled(path).unwrap_or_default().to_lowercase();
    if vocab_currency(&code).is_some() && CURRENCIES.split_whitespace().any(|known| known == code) {
        return Ok(code);
    }
    let list = CURRENCIES.split_whitespace().collect::<Vec<_>>().join(", ");
    let message =
        format!("Invalid currency: {code}. Stripe currently supports these currencies: {list}");
    Err(Fault::parameter(message, name))
}

pub(super) fn recurring(given: &Given, path: &str, name: &str) -> Answer<Value> {
    if given.at(path).is_none() {
        return Ok(Value::Null);
    }
    let word = given.filled(&format!("{path}.interval")).unwrap_or("month");
    let unit = match word {
        "day" => IntervalUnit::Day,
        "week" => IntervalUnit::Week,
        "year" => IntervalUnit::Year,
        _ => IntervalUnit::Month,
    };
    let count = given.int(&format!("{path}.interval_count")).unwrap_or(1);
    let param = format!("{name}[interval_count]");
    if count < 1 {
        let fault = Fault::parameter("This value must be greater than or equal to 1.", &param);
        return Err(fault.code("parameter_invalid_integer"));
    }
    let accepted =
        u32::try_from(count).is_ok_and(|count| Interval { unit, count }.is_accepted_by_stripe());
    if !accepted {
        return Err(Fault::invalid(
            "Invalid interval_count: the interval must be three years or less.",
        )
        .param(&param));
    }
    let trial = given.int(&format!("{path}.trial_period_days"));
    if trial.is_some_and(|days| !(0..=MOST_TRIAL_DAYS).contains(&days)) {
        let param = format!("{name}[trial_period_days]");
        let message =
            format!("Invalid {param}: the trial has to be of 0 to {MOST_TRIAL_DAYS} days.");
        return Err(Fault::invalid(message).param(&param));
    }
    Ok(json!({
        "interval": word, "interval_count": count, "meter": null,
        "trial_period_days": trial,
        "usage_type": "licensed",
    }))
}

impl World {
    pub(super) fn create_price(&mut self, given: &Given) -> Answer {
        let code = currency(given, "currency", "currency")?;
        for (name, value) in [("billing_scheme", "tiered"), ("recurring.usage_type", "metered")] {
            if given.filled(name) == Some(value) {
                return Err(match value {
                    "metered" => Fault::invalid(
                        "Starting with Stripe version `2025-03-31.basil`, metered prices must be \
                         backed by meters.",
                    ),
                    _ => Fault::unsupported("value of", "billing_scheme"),
                });
            }
        }
        let recurring = recurring(given, "recurring", "recurring")?;
        let amount = amount(given, "unit_amount")?;
        let held = match (given.filled("product"), given.at("product_data")) {
            (Some(_), Some(_)) => {
                let message =
                    "You may only specify one of these parameters: product, product_data.";
                return Err(Fault::parameter(message, "product").code("parameters_exclusive"));
            }
            (None, None) => {
                return Err(Fault::invalid(
                    "You must specify either `product` or `product_data` when creating a price.",
                ));
            }
            (Some(id), None) => {
                let found = self.find("product", id);
                found.ok_or_else(|| Fault::missing(400, "product", id, "product"))?;
                Some(id.to_owned())
            }
            (None, Some(_)) => None,
        };
        let holder = self.lookup_key(given, "")?;
        let product = match held {
            Some(id) => id,
            None => {
                let data = Given(given.at("product_data").cloned().unwrap_or_default());
                let id = match data.filled("id") {
                    Some(id) if self.is_taken(id) => {
                        let message = format!("Product already exists with the ID: {id}.");
                        return Err(Fault::invalid(message).code("resource_already_exists"));
                    }
                    Some(id) => id.to_owned(),
                    None => self.short_id("prod_"),
                };
                let mut product = self.make_product(&id, data.filled("name").unwrap_or_default());
                self.fill_product(&mut product, &data)?;
                self.keep(product);
                self.emit("product.created", &id);
                id
            }
        };
        self.free_lookup_key(holder);
        let id = self.make_price(&product, &code, amount, recurring);
        self.fill_price(&id, given);
        self.tell_price(&id);
        Ok(self.copy(&id))
    }

    pub(super) fn make_price(
        &mut self,
        product: &str,
        code: &str,
        amount: i64,
        recurring: Value,
    ) -> String {
        let id = self.long_id("price_", '1');
        let kind = if recurring.is_null() { "one_time" } else { "recurring" };
        let nulls = "custom_unit_amount lookup_key nickname tiers_mode transform_quantity";
        self.keep(object(
            nulls,
            json!({
                "id": id, "object": "price", "active": true, "billing_scheme": "per_unit",
                "created": self.now, "currency": code, "livemode": false, "metadata": {},
                "product": product, "recurring": recurring, "tax_behavior": "unspecified",
                "type": kind, "unit_amount": amount, "unit_amount_decimal": amount.to_string(),
            }),
        ));
        id
    }

    pub(super) fn tell_price(&mut self, id: &str) {
        let price = self.copy(id);
        if text(&price, "type") == "recurring" {
            self.emit_as("plan.created", &plan_of(&price), None);
        }
        self.emit_as("price.created", &price, None);
    }

    /// Which other price holds the lookup key that is wanted, if it may be taken from it.
    fn lookup_key(&self, given: &Given, id: &str) -> Answer<Option<String>> {
        let Some(key) = given.filled("lookup_key") else { return Ok(None) };
        if key.chars().count() > 200 {
            return Err(Fault::too_long("lookup_key", 200));
        }
        let mut holders = self.newest_with("price", "lookup_key", key);
        let holder = holders.find(|price| text(price, "id") != id);
        match holder.and_then(|price| maybe(price, "id")) {
            Some(holder) if given.bool("transfer_lookup_key") != Some(true) => {
                let message = format!("A price (`{holder}`) already uses that lookup key.");
                Err(Fault::invalid(message).param("lookup_key"))
            }
            holder => Ok(holder),
        }
    }

    fn free_lookup_key(&mut self, holder: Option<String>) {
        if let Some(holder) = holder {
            let previous = self.set(&holder, [("lookup_key", Value::Null)]);
            self.emit_change("price.updated", &holder, previous);
        }
    }

    fn fill_price(&mut self, id: &str, given: &Given) {
        let mut price = self.copy(id);
        if let Some(active) = given.bool("active") {
            price["active"] = json!(active);
        }
        for field in ["lookup_key", "nickname", "tax_behavior"] {
            if let Some(value) = given.filled(field) {
                price[field] = json!(value);
            }
        }
        merge_metadata(&mut price, given);
        self.replace(id, price);
    }

    pub(super) fn update_price(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need("price", id)?;
        let behavior = given.filled("tax_behavior");
        if behavior.is_some_and(|b| {
            text(&old, "tax_behavior") != "unspecified" && b != text(&old, "tax_behavior")
        }) {
            return Err(Fault::invalid(
                "You cannot update `tax_behavior` once it is set to `inclusive` or `exclusive`.",
            )
            .param("tax_behavior"));
        }
        let holder = self.lookup_key(given, id)?;
        self.free_lookup_key(holder);
        self.fill_price(id, given);
        let previous = difference(&old, &self.copy(id));
        if !previous.is_empty() && text(&old, "type") == "recurring" {
            let (was, plan) = (plan_of(&old), plan_of(&self.copy(id)));
            let changed = difference(&was, &plan);
            if !changed.is_empty() {
                self.emit_as("plan.updated", &plan, Some(&changed));
            }
        }
        self.emit_change("price.updated", id, previous);
        Ok(self.copy(id))
    }
}

pub(super) fn amount(given: &Given, name: &str) -> Answer<i64> {
    let decimal = given.filled("unit_amount_decimal");
    let amount = match (given.int("unit_amount"), decimal) {
        (Some(_), Some(_)) => {
            let message =
                "You may only specify one of these parameters: unit_amount, unit_amount_decimal.";
            return Err(Fault::parameter(message, "unit_amount").code("parameters_exclusive"));
        }
        (Some(amount), None) => amount,
        (None, Some(decimal)) => match decimal.parse::<i64>() {
            Ok(amount) => amount,
            Err(_) => return Err(Fault::unsupported("value of", "unit_amount_decimal")),
        },
        (None, None) => {
            return Err(Fault::invalid(
                "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            ));
        }
    };
    if amount < 0 {
        let fault = Fault::parameter("This value must be greater than or equal to 0.", name);
        return Err(fault.code("parameter_invalid_integer"));
    }
    if amount > 99_999_999 {
        let fault = Fault::parameter("Amount must be no more than $999,999.99", name);
        return Err(fault.code("amount_too_large"));
    }
    Ok(amount)
}
