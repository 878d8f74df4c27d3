//! The account: what the customer has, what comes next, what was paid; ending it and going on.

mod cancel;
mod portal;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Extensions, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;

pub(super) use cancel::{ask_to_cancel, cancel, resume};
pub(super) use portal::portal;

use super::offers::is_held;
use super::texts::{Texts, english, fill};
use super::{Frame, Notice, Visitor, html, words};
use crate::views::{PaymentView, SubscriptionView};
use crate::{ApiError, App, reads};
use portal::after_portal;

/// How many payments a page shows.
const PAYMENTS: usize = 12;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    notices: Vec<Notice>,
    subscriptions: Vec<HeldCard>,
    card: Option<CardFace>,
    has_portal: bool,
    /// A payment failed, and another card is what mends it.
    needs_card: bool,
    payments: Vec<PaymentRow>,
    newest_page: bool,
    older: Option<String>,
    token: String,
}

struct HeldCard {
    group: String,
    title: String,
    status: String,
    badge: &'static str,
    facts: Vec<Fact>,
    open_checkout: Option<String>,
    can_choose: bool,
    can_resume: bool,
    can_cancel: bool,
}

struct Fact {
    name: String,
    value: String,
}

struct CardFace {
    brand: String,
    text: String,
}

struct PaymentRow {
    at: String,
    date: String,
    amount: String,
    status: String,
    badge: &'static str,
    card: String,
    links: Vec<PaymentLink>,
}

struct PaymentLink {
    url: String,
    text: String,
    label: String,
}

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    cursor: Option<String>,
    done: Option<String>,
    from: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    extensions: Extensions,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    if asked.from.as_deref() == Some("portal") {
        return after_portal(&app, &visitor.payer, &extensions).await;
    }
    let t = english();
    let mut notices = Vec::new();
    let mut subscriptions = Vec::new();
    let mut card = None;
    let (mut going, mut needs_card) = (false, false);
    for group in &app.catalog.groups {
        let view = reads::subscription(&app, &visitor.payer, &group.key).await?;
        if let Some(done) = &asked.done {
            notices.extend(done_notice(t, done, &view));
        }
        notices.extend(warnings(t, &view));
        going |= is_held(&view);
        needs_card |= is_owing(&view);
        card = card.or_else(|| view.card.as_ref().map(|card| face(t, &card.brand, &card.last4)));
        subscriptions.push(held(t, &app, view));
    }
    let mut page = reads::payments(&app, &visitor.payer, asked.cursor.as_deref(), PAYMENTS).await?;
    if !going {
        // Nobody is asked to finish a payment for what has ended.
        page.data.iter_mut().for_each(|payment| payment.invoice_url = None);
    }
    let mut frame = Frame::new(&app, &t.account_title, Some(&visitor.session), &uri).await?;
    frame.here = "account";
    let account = AccountPage {
        frame,
        notices,
        subscriptions,
        card,
        has_portal: visitor.payer.stripe.is_some() && going,
        needs_card,
        payments: page.data.iter().map(|payment| row(t, payment)).collect(),
        newest_page: asked.cursor.is_none(),
        older: page.next_cursor,
        token: visitor.form_token(&app),
    };
    Ok(html(StatusCode::OK, &account))
}

fn account_url(app: &App, query: &str) -> String {
    format!("{}/billing/account{query}", app.settings.prefix())
}

fn done_notice(t: &Texts, done: &str, view: &SubscriptionView) -> Option<Notice> {
    let good = |title: &str, text: &str| {
        Some(Notice { kind: "good", title: title.into(), text: text.into() })
    };
    match done {
        "paid" if matches!(view.status.as_str(), "active" | "trialing") => {
            good(&t.paid_title, &t.paid_text)
        }
        "resumed" if is_held(view) && !ends(view) => good(&t.resumed_title, &t.resumed_text),
        _ => None,
    }
}

/// Whether a payment failed and is still open.
fn is_owing(view: &SubscriptionView) -> bool {
    matches!(view.status.as_str(), "past_due" | "unpaid")
}

fn ends(view: &SubscriptionView) -> bool {
    view.cancel_at_period_end || view.ends_at.is_some()
}

/// What the customer should know, or do.
fn warnings(t: &Texts, view: &SubscriptionView) -> Vec<Notice> {
    let notice = |kind, title: &str, text: String| Notice { kind, title: title.into(), text };
    let mut all = Vec::new();
    match view.status.as_str() {
        "past_due" | "unpaid" => {
            let mut text = match view.grace_until.filter(|_| view.access) {
                Some(until) => fill(&t.past_due_text, &[("date", &words::date(t, until))]),
                None => t.past_due_ended_text.clone(),
            };
            if let Some(next) = view.next_payment_attempt {
                let date = words::date(t, next);
                text = format!("{text} {}", fill(&t.past_due_retry, &[("date", &date)]));
            }
            all.push(notice("bad", &t.past_due_title, text));
        }
        "incomplete" => all.push(notice("warn", &t.incomplete_title, t.incomplete_text.clone())),
        "active" | "trialing" if ends(view) => {
            if let Some(end) = view.ends_at.or(view.current_period_end) {
                let title = fill(&t.canceled_title, &[("date", &words::date(t, end))]);
                all.push(notice("warn", &title, t.canceled_text.clone()));
            }
        }
        _ => {}
    }
    if !view.conflicts.is_empty() {
        all.push(notice("bad", &t.conflict_title, t.conflict_text.clone()));
    }
    if view.stale {
        let text = fill(&t.stale_text, &[("date", &words::date(t, view.as_of))]);
        all.push(notice("warn", &t.stale_title, text));
    }
    all
}

fn held(t: &Texts, app: &App, view: SubscriptionView) -> HeldCard {
    let going = is_held(&view);
    let (status, badge) = words::status(t, &view.status, going && ends(&view));
    let plan = view.plan.as_deref().and_then(|key| app.catalog.plan(key));
    let name = plan.map(|(_, plan)| plan.name.clone()).or_else(|| view.plan.clone());
    HeldCard {
        group: view.group.clone(),
        title: in_group(t, app, &view.group, name.unwrap_or_else(|| t.account_none_title.clone())),
        status,
        badge,
        facts: facts(t, app, &view),
        open_checkout: view.open_checkout.as_ref().map(|open| open.url.clone()),
        can_choose: !going,
        can_resume: matches!(view.status.as_str(), "active" | "trialing" | "past_due")
            && view.cancel_at_period_end,
        can_cancel: matches!(view.status.as_str(), "active" | "trialing" | "past_due" | "unpaid")
            && !ends(&view),
    }
}

/// Where there are several plan groups, a card says which one it is about.
fn in_group(t: &Texts, app: &App, key: &str, title: String) -> String {
    let groups = &app.catalog.groups;
    match groups.iter().find(|group| group.key == key).filter(|_| groups.len() > 1) {
        Some(group) => fill(&t.account_in_group, &[("group", &group.name), ("title", &title)]),
        None => title,
    }
}

fn facts(t: &Texts, app: &App, view: &SubscriptionView) -> Vec<Fact> {
    let date = |at| words::date(t, at);
    let mut all = Vec::new();
    let mut add = |name: &str, value| all.push(Fact { name: name.into(), value });
    let Some(amount) = view.amount.as_ref().map(|amount| amount.text.clone()) else { return all };
    add(&t.account_price, format!("{amount} {}", every(t, app, view)));
    match (is_held(view), view.ends_at, view.current_period_end) {
        (false, Some(end), _) => add(&t.account_ended, date(end)),
        (false, None, _) => {}
        (true, end, period_end) if ends(view) => {
            add(&t.account_next, t.account_none_due.clone());
            if let Some(end) = end.or(period_end) {
                add(&t.account_until, date(end));
            }
        }
        (true, _, Some(end)) if matches!(view.status.as_str(), "active" | "trialing") => {
            let values = [("amount", amount.as_str()), ("date", &date(end))];
            add(&t.account_next, fill(&t.account_next_value, &values));
        }
        (true, ..) => {
            if let Some(next) = view.next_payment_attempt {
                let values = [("amount", amount.as_str()), ("date", &date(next))];
                add(&t.account_next, fill(&t.account_next_value, &values));
            }
        }
    }
    if let Some(start) = view.current_period_start.filter(|_| is_held(view)) {
        add(&t.account_since, date(start));
    }
    all
}

/// The interval in the page's language; the API's word where the catalog has another one by now, or
/// none.
fn every(t: &Texts, app: &App, view: &SubscriptionView) -> String {
    let price = view.plan.as_deref().zip(view.price.as_deref());
    let price = price.and_then(|(plan, price)| app.catalog.price(plan, price));
    match price.as_ref().and_then(|price| app.catalog.look_up(price)) {
        Some((_, _, price)) if view.every == Some(price.interval.to_string()) => {
            words::every(t, price.interval)
        }
        _ => view.every.clone().unwrap_or_default(),
    }
}

fn face(t: &Texts, code: &str, last4: &str) -> CardFace {
    let brand = words::brand(code);
    let text = fill(&t.account_card_ending, &[("brand", &brand), ("last4", last4)]);
    CardFace { brand: code.chars().take(4).collect(), text }
}

fn row(t: &Texts, payment: &PaymentView) -> PaymentRow {
    let date = words::date(t, payment.created_at);
    let short = words::short_date(t, payment.created_at);
    let (status, badge) = words::payment(t, &payment.status);
    let values = [("amount", payment.amount.text.as_str()), ("date", date.as_str())];
    let link = |url: &Option<String>, text: &str, label: &str| {
        let (url, text) = (url.clone()?, text.into());
        Some(PaymentLink { url, text, label: fill(label, &values) })
    };
    let unpaid = payment
        .invoice_url
        .clone()
        .filter(|_| matches!(payment.status.as_str(), "failed" | "requires_action" | "pending"));
    let links = [
        link(&payment.receipt_url, &t.account_receipt, &t.account_receipt_of),
        link(&unpaid, &t.account_finish, &t.account_pay_of),
        link(&payment.invoice_pdf, &t.account_pdf, &t.account_pdf_of),
    ];
    PaymentRow {
        at: payment.created_at.to_string(),
        amount: payment.amount.text.clone(),
        status,
        badge,
        card: payment
            .card
            .as_ref()
            .map(|card| format!("{} {}", words::brand(&card.brand), card.last4))
            .unwrap_or_default(),
        links: links.into_iter().flatten().collect(),
        date: short,
    }
}
