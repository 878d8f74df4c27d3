//! Subscriptions and their items.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{
    Currency, CustomerId, InvoiceId, PaymentMethodId, Period, PriceId, ProductId, SubscriptionId,
    SubscriptionItemId,
};

use super::reader::Reader;
use crate::Unreadable;

/// A subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Stripe's word: `active`, `past_due`, …
    pub status: String,
    /// What is paid for; Stripe shows ten.
    pub items: Vec<Item>,
    /// There are more items than these.
    pub items_has_more: bool,
    /// It ends with its period.
    pub cancel_at_period_end: bool,
    /// When it will end; set with `cancel_at_period_end` too.
    pub cancel_at: Option<i64>,
    /// When somebody asked for its end.
    pub canceled_at: Option<i64>,
    /// `cancellation_requested`, `payment_failed`, `payment_disputed`, …
    pub cancellation_reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// When its latest trial ends or ended.
    pub trial_end: Option<i64>,
    /// Its newest invoice.
    pub latest_invoice: Option<InvoiceId>,
    /// Pays before the customer's own.
    pub default_payment_method: Option<PaymentMethodId>,
    /// In what it is paid.
    pub currency: Currency,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it began; may lie before `created`.
    pub start_date: i64,
    /// When it was made.
    pub created: i64,
    /// All that Stripe said.
    pub raw: Value,
}

/// One price of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: SubscriptionItemId,
    /// What it costs; none, if it is a plan of the time before prices.
    pub price: Option<PriceId>,
    /// What is sold; none, if somebody chose its id.
    pub product: Option<ProductId>,
    /// How many; none if usage is metered.
    pub quantity: Option<i64>,
    /// The period that is being paid for.
    pub period: Period,
}

impl Subscription {
    /// Reads a subscription. Before 2025-03-31.basil it was the subscription that had the period.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "subscription")?;
        let items = reader.list("items")?;
        let currency = match reader.at("currency") {
            // Before 2022 only the prices said it.
            Value::Null => items.iter().find_map(|item| item["price"]["currency"].as_str()),
            said => said.as_str(),
        };
        let currency = currency.and_then(|code| Currency::try_from(code).ok());
        Ok(Self {
            id: reader.id("id")?,
            customer: reader.id("customer")?,
            status: reader.text("status")?,
            items: items.iter().map(|item| Item::parse(item, &reader)).collect::<Result<_, _>>()?,
            items_has_more: reader.flag("items.has_more")?,
            cancel_at_period_end: reader.flag("cancel_at_period_end")?,
            cancel_at: reader.opt_int("cancel_at")?,
            canceled_at: reader.opt_int("canceled_at")?,
            cancellation_reason: reader.opt_text("cancellation_details.reason")?,
            ended_at: reader.opt_int("ended_at")?,
            trial_end: reader.opt_int("trial_end")?,
            latest_invoice: reader.opt_id("latest_invoice")?,
            default_payment_method: reader.modern_id("default_payment_method")?,
            currency: currency.ok_or_else(|| reader.fault("currency"))?,
            metadata: reader.metadata("metadata")?,
            start_date: reader.int("start_date")?,
            created: reader.int("created")?,
            raw: value.clone(),
        })
    }

    /// From the earliest start to the latest end of its items' periods.
    pub fn period(&self) -> Option<Period> {
        let start = self.items.iter().map(|item| item.period.start).min()?;
        let end = self.items.iter().map(|item| item.period.end).max()?;
        Some(Period { start, end })
    }
}

impl Item {
    fn parse(value: &Value, subscription: &Reader) -> Result<Self, Unreadable> {
        let reader = Reader::part(value, "subscription_item");
        let period = |own, old| match reader.opt_int(own)? {
            Some(time) => Ok(time),
            None => subscription.opt_int(old)?.ok_or_else(|| reader.fault(own)),
        };
        Ok(Self {
            id: reader.id("id")?,
            price: reader.modern_id("price")?,
            product: reader.modern_id("price.product")?,
            quantity: reader.opt_int("quantity")?,
            period: Period {
                start: period("current_period_start", "current_period_start")?,
                end: period("current_period_end", "current_period_end")?,
            },
        })
    }
}
