//! The audit trail names who asked for each change, and why; roots anchor it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use specie_scenario::checks;
use specie_scenario::{Card, Person, Stage};
use specie_server::anchor::{AuditKey, is_signed_by};
use specie_server::digest::sha256;
use specie_server::trail::why;
use specie_server::{App, alarms};
use specie_store::audit::Entry;
use specie_store::inbox::Event;
use specie_store::roots::verify::{Checks, verify};
use specie_store::{audit, customers, inbox, intents, keys, quarantine, raw, roots};
use specie_stripe::Transport;
use tower::ServiceExt;

use crate::browser::Browser;
use crate::set::{On, beside, both, stage_selling, text, way};

const DAY: i64 = 86_400;

/// An entry of a customer's trail.
struct Happened {
    entry: Entry,
    details: Value,
    /// Its cause, if that is an event.
    event: Option<Event>,
}

impl Happened {
    /// The event that it names as its cause.
    #[track_caller]
    fn event(&self) -> &Event {
        let Self { entry, event, .. } = self;
        event.as_ref().unwrap_or_else(|| panic!("{} because of `{}`", entry.what, entry.why))
    }

    /// What that event told, as text.
    #[track_caller]
    fn told(&self) -> String {
        String::from_utf8(self.event().payload.clone()).unwrap()
    }
}

/// What happened to a customer, oldest first.
async fn happened(stage: &Stage, app_id: &str) -> Vec<Happened> {
    let mut tx = stage.app.db.read().await.unwrap();
    let payer = customers::find(&mut tx, "app", app_id).await.unwrap().unwrap();
    let mut details: BTreeMap<_, _> =
        audit::details(&mut tx, payer.id).await.unwrap().into_iter().collect();
    let mut all = Vec::new();
    for entry in audit::list(&mut tx, payer.id).await.unwrap() {
        let event = inbox::get(&mut tx, &entry.why).await.unwrap();
        let details = details.remove(&entry.n).unwrap();
        all.push(Happened { entry, details, event });
    }
    all
}

/// Those of one kind, of which there is one at least.
fn of_kind<'a>(all: &'a [Happened], what: &str) -> Vec<&'a Happened> {
    let found: Vec<_> = all.iter().filter(|it| it.entry.what == what).collect();
    assert!(!found.is_empty(), "there is no {what}");
    found
}

/// Which alarms about what customers hold stand.
async fn alarmed(app: &App) -> Vec<&'static str> {
    let standing = alarms::standing(app).await.unwrap();
    let codes = standing.iter().map(|it| it.alarm.code);
    codes.filter(|code| ["quarantined", "second_subscription"].contains(code)).collect()
}

/// Ada's month: a checkout, an end and its taking back, a failed renewal and a new card.
async fn lived(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada Lovelace");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    ada.cancel().await.unwrap();
    let browser = Browser::of(stage, "ada").await;
    let token = browser.token("/billing/account").await;
    let group = ada.subscription().await.unwrap();
    let fields = [("token", token.as_str()), ("group", text(&group["group"]))];
    let resumed = browser.send("/billing/resume", &fields).await;
    assert!(resumed.status.is_redirection(), "{}", resumed.text());
    ada.bank_blocks_card().await.unwrap();
    let start = stage.sandbox.now();
    stage.conductor.advance_to(start + 31 * DAY).await.unwrap();
    ada.replace_card(Card::OTHER).await.unwrap();
    stage.conductor.settle().await.unwrap();
}

/// A way to Stripe on which a subscription is read in another currency than the catalog's.
fn in_euros(stage: &Stage, id: &str) -> Transport {
    let (inner, path) = (stage.stripe.transport.clone(), format!("/v1/subscriptions/{id}"));
    way(move |request: Request<Bytes>| {
        let (inner, path) = (inner.clone(), path.clone());
        async move {
            let of_it = request.method() == Method::GET && request.uri().path() == path;
            let answer = inner.oneshot(request).await?;
            if !of_it {
                return Ok(answer);
            }
            let mut object: Value = serde_json::from_slice(answer.body()).unwrap();
            object["currency"] = "eur".into();
            Ok(answer.map(|_| Bytes::from(object.to_string())))
        }
    })
}

both! {
    async fn each_change_has_one_cause_that_is_there(stage: &Stage) {
        lived(stage).await;
        // Access that ends by a date alone: nothing of Stripe's comes then.
        let grace = Person::new(stage, "grace", "Grace");
        grace.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        grace.bank_blocks_card().await.unwrap();
        let start = stage.sandbox.now();
        stage.conductor.advance_to(start + 60 * DAY).await.unwrap();

        let mut tx = stage.app.db.read().await.unwrap();
        let mut seen = [0; 3];
        for payer in customers::list(&mut tx, 10).await.unwrap() {
            for entry in audit::list(&mut tx, payer.id).await.unwrap() {
                let event = inbox::head(&mut tx, &entry.why).await.unwrap();
                let intent = match entry.why.parse() {
                    Ok(id) => intents::get(&mut tx, id).await.unwrap(),
                    Err(_) => None,
                };
                let named = why::NAMES.iter().any(|(name, _)| *name == entry.why);
                let causes = [event.is_some(), intent.is_some(), named && entry.why != why::LOOK];
                let one = causes.iter().filter(|is| **is).count() == 1;
                assert!(one, "{} because of `{}`: {causes:?}", entry.what, entry.why);
                for (count, is) in seen.iter_mut().zip(causes) {
                    *count += usize::from(is);
                }
                // Some name their object alone.
                let theirs = payer.stripe.as_ref().map(ToString::to_string);
                let of_them = event.is_none_or(|it| it.customer.is_none() || it.customer == theirs);
                assert!(of_them && intent.is_none_or(|it| it.payer == payer.id), "{}", entry.why);
            }
        }
        assert!(seen.iter().all(|count| *count > 0), "events, intents, names: {seen:?}");
    }

    async fn each_change_is_put_down_to_what_tells_of_it(stage: &Stage) {
        lived(stage).await;
        let all = happened(stage, "ada").await;
        for what in ["slot.changed", "subscription.held"] {
            assert_eq!(of_kind(&all, what).last().unwrap().entry.why, why::SYNC, "{what}");
        }
        let changed = of_kind(&all, "subscription.changed");
        for it in changed.iter().filter(|it| it.event.is_some()) {
            let subject = text(&it.details["subject"]);
            assert!(it.told().contains(subject), "{} because of {}", it.details, it.told());
        }
        // What the customer asked for, what the bank did, and what became of it.
        let of_field = |field: &str| {
            let of_it = changed.iter().filter(|it| it.details["details"][field].is_array());
            of_it.collect::<Vec<_>>()
        };
        let asked = of_kind(&all, "cancellation.done");
        let ends = of_field("cancel_at_period_end");
        assert_eq!(ends.len(), 2);
        for (end, done) in ends.iter().zip(asked) {
            assert_eq!(end.entry.why, done.entry.why);
        }
        let cards = of_field("default_payment_method");
        assert_eq!(cards[0].event().kind, "customer.subscription.updated");
        assert_eq!(cards[1].entry.why, of_kind(&all, "recover.done")[0].entry.why);
        let statuses = of_field("status");
        assert_eq!(statuses[0].details["details"]["status"][1], "past_due");
        assert_eq!(statuses[0].event().kind, "customer.subscription.updated");
    }

    async fn an_end_after_an_outage_is_not_put_down_to_what_waited_longest(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let held = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let before = happened(stage, "ada").await.len();
        // Nothing is delivered for two days.
        ada.is_renamed_at_stripe().await.unwrap();
        stage.sandbox.advance(stage.sandbox.now() + DAY).unwrap();
        let path = format!("/v1/subscriptions/{}", text(&held["subscription"]));
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.sandbox.advance(stage.sandbox.now() + DAY).unwrap();
        let path = format!("/v1/customers/{}", text(&stage.sandbox.list("customer")[0]["id"]));
        ada.api(Method::POST, &path, "name=Another").await.unwrap();
        stage.conductor.settle().await.unwrap();

        let all = happened(stage, "ada").await;
        let ended = &all[before..];
        for what in ["slot.changed", "subscription.changed"] {
            let [it] = of_kind(ended, what)[..] else { panic!("{what} is there twice") };
            assert_eq!(it.event().kind, "customer.subscription.deleted", "{what}");
        }
    }

    async fn what_is_set_apart_is_told_of_once_with_its_cause(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let held = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let id = text(&held["subscription"]);
        let process = beside(stage, in_euros(stage, id));
        for n in 1..=2 {
            let form = format!("metadata[looked]={n}");
            ada.api(Method::POST, &format!("/v1/subscriptions/{id}"), &form).await.unwrap();
            process.conductor.settle().await.unwrap();
        }
        let mut tx = stage.app.db.read().await.unwrap();
        assert_eq!(quarantine::open(&mut tx, 9).await.unwrap().len(), 1);
        drop(tx);
        let all = happened(stage, "ada").await;
        let [it] = of_kind(&all, "object.quarantined")[..] else { panic!("it is told of twice") };
        assert_eq!((it.entry.who.as_str(), text(&it.details["subject"])), ("specie", id));
        assert_eq!(it.details["details"]["reason"], "currency_mismatch");
        assert_eq!(it.details["details"]["currency"], "eur");
        let event = it.event();
        assert_eq!(event.kind, "customer.subscription.updated");
        assert_eq!(event.object.as_deref(), Some(id));
        assert!(it.told().contains(r#""looked": "1""#), "{}", it.told());
    }

    async fn what_was_set_apart_needs_nobody_once_it_is_over(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        for times in 1..=2 {
            let held = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
            stage.conductor.settle().await.unwrap();
            let id = text(&held["subscription"]);
            let path = format!("/v1/subscriptions/{id}");
            let process = beside(stage, in_euros(stage, id));
            assert_eq!(alarmed(&process.app).await, [""; 0]);
            ada.api(Method::POST, &path, "metadata[looked]=1").await.unwrap();
            process.conductor.settle().await.unwrap();
            assert_eq!(alarmed(&process.app).await, ["quarantined"]);

            ada.api(Method::DELETE, &path, "").await.unwrap();
            process.conductor.settle().await.unwrap();
            assert_eq!(alarmed(&process.app).await, [""; 0]);
            let all = happened(stage, "ada").await;
            assert_eq!(of_kind(&all, "object.quarantined").len(), times);
            let released = of_kind(&all, "object.released");
            assert_eq!(released.len(), times, "each is told of once");
            let it = released[times - 1];
            assert_eq!((it.entry.who.as_str(), text(&it.details["subject"])), ("specie", id));
            assert_eq!(it.details["details"]["reason"], "currency_mismatch");
            assert_eq!(it.event().kind, "customer.subscription.deleted");
        }
    }

    async fn what_was_set_apart_needs_nobody_once_it_is_sound(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let held = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let id = text(&held["subscription"]);
        let process = beside(stage, in_euros(stage, id));
        for (n, conductor, stands) in
            [(1, &process.conductor, &["quarantined"][..]), (2, &stage.conductor, &[])]
        {
            let form = format!("metadata[looked]={n}");
            ada.api(Method::POST, &format!("/v1/subscriptions/{id}"), &form).await.unwrap();
            conductor.settle().await.unwrap();
            assert_eq!(alarmed(&stage.app).await, stands);
        }
        let all = happened(stage, "ada").await;
        assert_eq!(of_kind(&all, "object.released").len(), 1);
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    }

    async fn roots_anchor_what_happened_and_find_what_was_done_to_it(stage: &Stage) {
        let ben = Person::new(stage, "ben", "Ben");
        ben.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.watermark().await.unwrap();
        lived(stage).await;
        stage.conductor.watermark().await.unwrap();
        let trusted = [AuditKey::of_seed(&[7; 32]).public().to_vec()];
        let checks =
            Checks { digest: sha256, signed_by: is_signed_by, trusted: &trusted, kept: &[] };
        let mut tx = stage.app.db.snapshot().await.unwrap();
        let report = verify(&mut tx, checks).await.unwrap();
        assert_eq!(report.findings, []);
        assert_eq!((report.unanchored, report.signed, report.signers.len()), (0, report.roots, 1));
        assert!(report.roots >= 2 && report.entries > 10, "{report:?}");
        drop(tx);
        let last = roots::last(&mut stage.app.db.read().await.unwrap()).await.unwrap().unwrap();
        stage.conductor.anchor().await.unwrap();
        let after = roots::last(&mut stage.app.db.read().await.unwrap()).await.unwrap().unwrap();
        assert_eq!(last, after, "where nothing moves there is no new root");

        let mut tx = stage.app.db.begin().await.unwrap();
        let disarm: &[&str] = if stage.app.db.is_postgres() {
            &["drop trigger audit_append_only on audit"]
        } else {
            &["drop trigger audit_no_delete"]
        };
        for sql in disarm {
            raw(&mut tx, sql).await.unwrap();
        }
        raw(&mut tx, "delete from audit where n = (select max(n) from audit)").await.unwrap();
        raw(&mut tx, "delete from audit_details where n = (select max(n) from audit_details)").await.unwrap();
        let report = verify(&mut tx, checks).await.unwrap();
        let [cut] = &report.findings[..] else { panic!("{report:?}") };
        assert!(cut.what.ends_with("anchored it, and it is gone"), "{cut:?}");
    }

    async fn what_a_rule_begins_names_what_led_to_it(stage: &Stage) {
        lived(stage).await;
        let all = happened(stage, "ada").await;
        let begun = of_kind(&all, "recover.begun");
        for it in &begun {
            assert_eq!(it.event().kind, "customer.updated");
            let told: Value = serde_json::from_str(&it.told()).unwrap();
            let card = &told["data"]["object"]["invoice_settings"]["default_payment_method"];
            assert_eq!(*card, it.details["payment_method"]);
        }
        let ended = of_kind(&all, "recover.done");
        let named: Vec<_> = begun.iter().map(|it| text(&it.details["intent"])).collect();
        assert_eq!(named, ended.iter().map(|it| it.entry.why.as_str()).collect::<Vec<_>>());
        for asked in ["checkout", "portal", "cancellation"] {
            let begun = of_kind(&all, &format!("{asked}.begun"));
            let done = of_kind(&all, &format!("{asked}.done"));
            assert_eq!(begun[0].entry.why, done[0].entry.why, "{asked} is its own cause");
        }
    }

    async fn each_change_names_who_asked_for_it(stage: &Stage) {
        lived(stage).await;
        let mut tx = stage.app.db.read().await.unwrap();
        let key = format!("key:{}", keys::list(&mut tx).await.unwrap()[0].id);
        let payer = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
        let entries = audit::list(&mut tx, payer.id).await.unwrap();
        let who = |what: &str| {
            let mut found: Vec<_> =
                entries.iter().filter(|it| it.what == what).map(|it| it.who.as_str()).collect();
            found.dedup();
            found
        };
        assert_eq!(who("checkout.begun"), [&key]);
        assert_eq!(who("checkout.done"), [&key]);
        assert_eq!(who("cancellation.begun"), [&key]);
        assert_eq!(who("resumption.begun"), ["customer"]);
        assert_eq!(who("cancellation.done"), [&key, "customer"]);
        assert_eq!(who("recover.begun"), ["specie"]);
        assert_eq!(who("recover.done"), ["specie"]);
        assert_eq!(who("subscription.held"), ["stripe"]);
    }
}

/// Two plan groups, of each of which a customer may hold a plan.
const TWO_GROUPS: &str = r##"
currency = "usd"

[brand]
name = "Two"
accent = "#4f46e5"

[features]
exports = "Exports"

[[groups]]
key = "app"
name = "App"

[[groups]]
key = "mail"
name = "Mail"

[[plans]]
key = "pro"
group = "app"
name = "Pro"
features = ["exports"]
prices = [{ key = "monthly", amount = "29.00", every = "30 days" }]

[[plans]]
key = "post"
group = "mail"
name = "Post"
features = ["exports"]
prices = [{ key = "monthly", amount = "9.00", every = "30 days" }]

[policies]
grace_days = 14
when_stale = "allow"
"##;

#[tokio::test(flavor = "multi_thread")]
async fn one_new_card_begins_a_change_of_each_subscription() {
    for on in [On::Sqlite, On::Postgres] {
        on.lend(renews_two_with_one_card).await;
    }
}

async fn renews_two_with_one_card(database: String) {
    let stage = stage_selling(TWO_GROUPS, database, 1).await;
    let ada = Person::new(&stage, "ada", "Ada");
    for plan in ["pro", "post"] {
        ada.subscribe(plan, "monthly", Card::GOOD).await.unwrap();
    }
    stage.conductor.settle().await.unwrap();
    ada.replace_card(Card::OTHER).await.unwrap();
    stage.conductor.settle().await.unwrap();

    let all = happened(&stage, "ada").await;
    let begun = of_kind(&all, "recover.begun");
    let [one, other] = begun[..] else { panic!("{} were begun", begun.len()) };
    assert_eq!(one.event().id, other.event().id, "one event led to both");
    assert_ne!(one.details["intent"], other.details["intent"]);
    assert_ne!(one.details["subscription"], other.details["subscription"]);
    assert_eq!(of_kind(&all, "recover.done").len(), 2);
    checks::always(&stage.sides()).await.unwrap();
}
