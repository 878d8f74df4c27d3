//! Mirrors: what Stripe said comes back as it was said, and an end stays an end.

use serde_json::json;
use specie_store::mirrors::Mirrored::{Changed, Differed, Kept, New, Same};
use specie_store::mirrors::checkout_sessions::{self, SessionRow};
use specie_store::mirrors::customers::{self, CustomerRow};
use specie_store::mirrors::invoices::{self, InvoiceRow};
use specie_store::mirrors::payment_methods::{self, PaymentMethodRow};
use specie_store::mirrors::payments::{self, PaymentRow};
use specie_store::mirrors::prices::{self, PriceRow};
use specie_store::mirrors::products::{self, ProductRow};
use specie_store::mirrors::refunds::{self, RefundRow};
use specie_store::mirrors::subscriptions::{self, SubscriptionRow};
use specie_store::{Db, customers as payers};
use specie_vocab::Currency;

use crate::scene::{both, business, cus, wall, with_payer};

pub(crate) fn customer() -> CustomerRow {
    CustomerRow {
        id: cus("cus_1"),
        email: Some("ann@example.com".into()),
        name: Some("Ann Ünsal".into()),
        currency: Some(Currency::USD),
        delinquent: true,
        default_payment_method: Some("pm_1".into()),
        deleted: false,
        created: business(1),
        raw: json!({ "id": "cus_1", "object": "customer", "balance": 0, "z": [null, "ü", {}] }),
        fetched_at: wall(1),
    }
}

pub(crate) fn subscription(status: &str) -> SubscriptionRow {
    SubscriptionRow {
        id: "sub_1".try_into().unwrap(),
        customer: cus("cus_1"),
        status: status.into(),
        price: Some("price_1".try_into().unwrap()),
        quantity: Some(3),
        currency: Currency::USD,
        cancel_at_period_end: true,
        cancel_at: Some(business(9)),
        canceled_at: Some(business(3)),
        ended_at: None,
        current_period_start: Some(business(1)),
        current_period_end: Some(business(9)),
        latest_invoice: Some("in_1".try_into().unwrap()),
        default_payment_method: Some("pm_1".into()),
        start_date: business(1),
        created: business(1),
        raw: json!({ "id": "sub_1", "status": status }),
        fetched_at: wall(1),
    }
}

fn invoice(status: &str) -> InvoiceRow {
    InvoiceRow {
        id: "in_1".try_into().unwrap(),
        customer: cus("cus_1"),
        subscription: Some("sub_1".try_into().unwrap()),
        number: Some("A-0001".into()),
        status: status.into(),
        billing_reason: Some("subscription_cycle".into()),
        currency: Currency::USD,
        amount_due: 1,
        amount_paid: 2,
        amount_remaining: 3,
        total: -4,
        attempt_count: 5,
        attempted: true,
        next_payment_attempt: Some(business(2)),
        line_period_start: Some(business(3)),
        line_period_end: Some(business(4)),
        hosted_invoice_url: Some("https://example.com/i".into()),
        invoice_pdf: Some("https://example.com/p".into()),
        created: business(1),
        finalized_at: Some(business(5)),
        paid_at: Some(business(6)),
        raw: json!({}),
        fetched_at: wall(1),
    }
}

pub(crate) fn payment(n: i64, created: i64) -> PaymentRow {
    PaymentRow {
        id: format!("pi_{n}").try_into().unwrap(),
        customer: cus("cus_1"),
        invoice: Some("in_1".try_into().unwrap()),
        amount: 2900,
        amount_received: 2901,
        amount_refunded: 2902,
        currency: Currency::USD,
        status: "succeeded".into(),
        latest_charge: Some("ch_1".into()),
        charge_status: Some("succeeded".into()),
        failure_code: Some("card_declined".into()),
        card_brand: Some("visa".into()),
        card_last4: Some("4242".into()),
        receipt_url: Some("https://example.com/r".into()),
        created: business(created),
        raw: json!({}),
        fetched_at: wall(1),
    }
}

fn session(status: &str) -> SessionRow {
    SessionRow {
        id: "cs_test_1".try_into().unwrap(),
        customer: cus("cus_1"),
        status: Some(status.into()),
        payment_status: "unpaid".into(),
        mode: "subscription".into(),
        subscription: Some("sub_1".try_into().unwrap()),
        invoice: Some("in_1".try_into().unwrap()),
        url: Some("https://example.com/c".into()),
        expires_at: business(9),
        intent: Some("0193".into()),
        created: business(1),
        raw: json!({}),
        fetched_at: wall(1),
    }
}

macro_rules! comes_back {
    ($tx:expr, $mirror:ident, $row:expr) => {{
        let row = $row;
        assert_eq!($mirror::get($tx, &row.id).await.unwrap(), None);
        assert_eq!($mirror::upsert($tx, &row).await.unwrap(), New);
        assert_eq!($mirror::get($tx, &row.id).await.unwrap(), Some(row.clone()));
        let mut later = row.clone();
        later.fetched_at = wall(2);
        assert_eq!($mirror::upsert($tx, &later).await.unwrap(), Same);
        assert_eq!($mirror::get($tx, &row.id).await.unwrap(), Some(later.clone()));
        later.raw = json!({ "another": true });
        assert_eq!($mirror::upsert($tx, &later).await.unwrap(), Changed);
        assert_eq!($mirror::get($tx, &row.id).await.unwrap(), Some(later));
    }};
}

both! {
    async fn each_mirror_gives_back_every_column(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let tx = &mut tx;
        comes_back!(tx, customers, customer());
        comes_back!(tx, subscriptions, subscription("active"));
        comes_back!(tx, invoices, invoice("open"));
        comes_back!(tx, payments, payment(1, 1));
        comes_back!(tx, checkout_sessions, session("open"));
        comes_back!(tx, refunds, RefundRow {
            id: "re_1".try_into().unwrap(),
            customer: cus("cus_1"),
            payment_intent: Some("pi_1".try_into().unwrap()),
            charge: Some("ch_1".into()),
            amount: 5,
            currency: Currency::USD,
            status: Some("pending".into()),
            reason: Some("duplicate".into()),
            created: business(1),
            raw: json!({}),
            fetched_at: wall(1),
        });
        comes_back!(tx, payment_methods, PaymentMethodRow {
            id: "pm_1".try_into().unwrap(),
            customer: cus("cus_1"),
            kind: "card".into(),
            brand: Some("visa".into()),
            last4: Some("4242".into()),
            exp_month: Some(12),
            exp_year: Some(2030),
            created: business(1),
            raw: json!({}),
            fetched_at: wall(1),
        });
        comes_back!(tx, prices, PriceRow {
            id: "price_1".try_into().unwrap(),
            product: "prod_1".try_into().unwrap(),
            active: true,
            currency: Currency::USD,
            unit_amount: Some(2900),
            interval: Some("day".into()),
            interval_count: Some(30),
            lookup_key: Some("main/pro/monthly".into()),
            created: business(1),
            raw: json!({}),
            fetched_at: wall(1),
        });
        comes_back!(tx, products, ProductRow {
            id: "prod_1".try_into().unwrap(),
            name: "Pro".into(),
            active: true,
            created: business(1),
            updated: business(2),
            raw: json!({}),
            fetched_at: wall(1),
        });
    }

    async fn an_end_is_never_taken_back_by_what_was_read_late(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let tx = &mut tx;
        for (end, late) in [("canceled", "active"), ("incomplete_expired", "incomplete"), ("canceled", "incomplete_expired")] {
            let id = format!("sub_{end}{late}");
            let row = |status| SubscriptionRow { id: id.as_str().try_into().unwrap(), ..subscription(status) };
            subscriptions::upsert(tx, &row(late)).await.unwrap();
            if late != "incomplete_expired" {
                assert_eq!(subscriptions::upsert(tx, &row(end)).await.unwrap(), Differed { read_at: wall(1) });
                assert_eq!(subscriptions::upsert(tx, &row(late)).await.unwrap(), Kept);
                let found = subscriptions::get(tx, &row(end).id).await.unwrap();
                assert_eq!(found, Some(row(end)));
            } else {
                assert_eq!(subscriptions::upsert(tx, &row(end)).await.unwrap(), Kept);
            }
        }
        for end in ["complete", "expired"] {
            let id = format!("cs_{end}");
            let row = |status| SessionRow { id: id.as_str().try_into().unwrap(), ..session(status) };
            checkout_sessions::upsert(tx, &row(end)).await.unwrap();
            assert_eq!(checkout_sessions::upsert(tx, &row("open")).await.unwrap(), Kept);
            let paid = SessionRow { payment_status: "paid".into(), ..row(end) };
            assert_eq!(checkout_sessions::upsert(tx, &paid).await.unwrap(), Differed { read_at: wall(1) });
        }
        for end in ["void", "paid"] {
            let id = format!("in_{end}");
            let row = |status| InvoiceRow { id: id.as_str().try_into().unwrap(), ..invoice(status) };
            invoices::upsert(tx, &row(end)).await.unwrap();
            assert_eq!(invoices::upsert(tx, &row("open")).await.unwrap(), Kept);
        }
        let late = PaymentRow { status: "processing".into(), ..payment(1, 1) };
        payments::upsert(tx, &PaymentRow { status: "succeeded".into(), ..payment(1, 1) }).await.unwrap();
        assert_eq!(payments::upsert(tx, &late).await.unwrap(), Kept);
        let deleted = CustomerRow { deleted: true, ..customer() };
        customers::upsert(tx, &deleted).await.unwrap();
        assert_eq!(customers::upsert(tx, &customer()).await.unwrap(), Kept);
        assert_eq!(customers::get(tx, &deleted.id).await.unwrap(), Some(deleted));
    }

    async fn what_is_known_of_a_customer_comes_oldest_first(db: Db) {
        let mut tx = db.begin().await.unwrap();
        for (n, created) in [(1, 5), (2, 3), (3, 3)] {
            payments::upsert(&mut tx, &payment(n, created)).await.unwrap();
        }
        let other = PaymentRow { customer: cus("cus_2"), ..payment(4, 1) };
        payments::upsert(&mut tx, &other).await.unwrap();
        let found = payments::of_customer(&mut tx, &cus("cus_1")).await.unwrap();
        assert_eq!(found, [payment(2, 3), payment(3, 3), payment(1, 5)]);
        assert!(invoices::of_customer(&mut tx, &cus("cus_1")).await.unwrap().is_empty());
    }

    async fn what_is_known_is_what_would_be_read_again(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let (tx, ours) = (&mut tx, cus("cus_1"));
        let of = |n, created, customer| PaymentRow { customer: cus(customer), ..payment(n, created) };
        for row in [payment(1, 5), of(2, 1, "cus_2"), payment(3, 3)] {
            payments::upsert(tx, &row).await.unwrap();
        }
        let mut known = payments::of_customer(tx, &ours).await.unwrap();
        let late = PaymentRow { status: "processing".into(), ..payment(1, 5) };
        for (row, came) in [
            (payment(4, 4), New),
            (payment(3, 3), Same),
            (late, Kept),
            // It goes from one customer to another, and back.
            (of(3, 3, "cus_2"), Differed { read_at: wall(1) }),
            (payment(2, 1), Differed { read_at: wall(1) }),
            (of(5, 2, "cus_2"), New),
        ] {
            assert_eq!(payments::put(tx, &ours, &mut known, row).await.unwrap(), came);
            assert_eq!(known, payments::of_customer(tx, &ours).await.unwrap());
        }
    }

    async fn rows_are_read_as_the_database_has_them(db: Db) {
        let mut tx = db.begin().await.unwrap();
        customers::upsert(&mut tx, &customer()).await.unwrap();
        payments::upsert(&mut tx, &payment(1, 1)).await.unwrap();
        tx.commit().await.unwrap();
        let rows = specie_store::rows::of_table(&db, "stripe_payments").await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].len(), 17);
        assert_eq!((&rows[0]["id"], &rows[0]["amount_refunded"]), (&json!("pi_1"), &json!(2902)));
        let rows = specie_store::rows::of_table(&db, "stripe_customers").await.unwrap();
        assert_eq!(rows[0]["email"], json!("ann@example.com"));
    }

    async fn pages_of_payments_lose_and_repeat_nothing(db: Db) {
        let payer = with_payer(&db, 1).await;
        let mut tx = db.begin().await.unwrap();
        for n in 0..10 {
            let customer = cus(if n < 5 { "cus_1" } else { "cus_2" });
            let row = PaymentRow { customer, ..payment(n, n / 4) };
            payments::upsert(&mut tx, &row).await.unwrap();
        }
        assert!(payers::unbind(&mut tx, payer.id, &cus("cus_1")).await.unwrap());
        payers::bind(&mut tx, payer.id, &cus("cus_2")).await.unwrap();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = payments::page(&mut tx, payer.id, after.clone(), 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.created, last.id.to_string()));
            seen.extend(page.iter().map(|row| row.id.to_string()));
        }
        let expected: Vec<_> = (0..10).rev().map(|n| format!("pi_{n}")).collect();
        assert_eq!(seen, expected);
    }

    async fn a_null_character_in_what_stripe_says_does_no_harm(db: Db) {
        let mut row = customer();
        row.name = Some("a\0b".into());
        row.raw = json!({ "na\0me": ["a\0b"] });
        let mut tx = db.begin().await.unwrap();
        assert_eq!(customers::upsert(&mut tx, &row).await.unwrap(), New);
        let found = customers::get(&mut tx, &row.id).await.unwrap().unwrap();
        assert_eq!(found.name.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(found.raw, json!({ "na\u{fffd}me": ["a\u{fffd}b"] }));
        assert_eq!(customers::upsert(&mut tx, &row).await.unwrap(), Same, "it is said again");
        row.raw["now"] = json!("a\0b");
        assert_eq!(customers::upsert(&mut tx, &row).await.unwrap(), Changed);
        assert_eq!(customers::upsert(&mut tx, &row).await.unwrap(), Same);
    }

    async fn what_is_known_of_a_customer_has_no_null_characters(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let (tx, ours, mut known) = (&mut tx, cus("cus_1"), Vec::new());
        let row = PaymentRow { failure_code: Some("a\0b".into()), ..payment(1, 1) };
        for came in [New, Same] {
            let mirrored = payments::put(tx, &ours, &mut known, row.clone()).await.unwrap();
            assert_eq!(mirrored, came);
            assert_eq!(known, payments::of_customer(tx, &ours).await.unwrap());
        }
    }
}
