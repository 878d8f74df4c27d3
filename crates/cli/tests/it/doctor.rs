//! `specie doctor` from outside: a sound installation, and each fault, made and found.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;
use specie_store::{Db, Options, raw};

use crate::catalog::project;
use crate::force::postgres::Own;
use crate::place::{Ended, Place, Running};
use crate::serve::{change, start};
use crate::way::{Carried, mail_server, way};
use crate::web::{free_port, get, send, stripe};

const SOON: Duration = Duration::from_secs(10);
const SILENT: &str = "http://127.0.0.1:1";
/// When whatever a test makes is long ago.
const MUCH_LATER: &str = "Sat, 06 Nov 2094 08:49:37 GMT";

/// A project whose tables, prices and endpoint are made.
fn sound(mail: &str) -> (Place, Running, String) {
    sound_on("specie.db", mail)
}

fn sound_on(database: &str, mail: &str) -> (Place, Running, String) {
    let (place, sandbox, url) = project();
    let place = place
        .with("DATABASE_URL", database)
        .with("STRIPE_WEBHOOK_SECRET_FILE", "webhook.secret")
        .with("MAIL_FROM", "billing@example.com")
        .with("SMTP_URL", mail);
    place.run(&["migrate", "up"]).fine();
    place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
    (place, sandbox, url)
}

fn good_mail() -> String {
    format!("smtp://127.0.0.1:{}", mail_server("250 taken"))
}

fn doctor(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["doctor", "--json", "--private-port", "1"], arguments].concat())
}

/// What is found beside a service that is not asked for.
#[track_caller]
fn found(place: &Place) -> Vec<String> {
    codes(&doctor(place, &[]))
}

#[track_caller]
fn codes(ended: &Ended) -> Vec<String> {
    let told = ended.json();
    let findings = told["findings"].as_array().unwrap();
    assert_eq!(ended.code, Some(if findings.is_empty() { 0 } else { 3 }), "{ended:?}");
    assert_eq!(ended.err, "");
    for it in findings {
        for field in ["found", "expected", "mend", "severity", "check"] {
            assert!(!it[field].as_str().unwrap().is_empty(), "{it}");
        }
    }
    let codes = findings.iter().map(|it| it["code"].as_str().unwrap().to_owned());
    codes.filter(|code| code != "service-not-running").collect()
}

#[test]
fn settings_that_are_missing_are_wrong_input() {
    let ended = Place::new().run(&["doctor"]);
    ended.refused(2, &["3 settings are missing or wrong", "hint: settings come from"]);
    let (place, _sandbox, _) = sound("");
    std::fs::rename(place.path("specie.toml"), place.path("other.toml")).unwrap();
    place.run(&["doctor"]).refused(2, &["there is no `specie.toml`", "`specie init`"]);
    std::fs::rename(place.path("other.toml"), place.path("specie.toml")).unwrap();
    let place = place.with("MAIL_FROM", "").with("SMTP_URL", "smtp://u:hidden@mail.example.com");
    place.run(&["doctor"]).refused(2, &["`MAIL_FROM` is not set"]);
    let place = place.with("MAIL_FROM", "nobody");
    place.run(&["doctor"]).refused(2, &["`MAIL_FROM` is `nobody`"]);
    let ended = place.run(&["doctor", "--send-to", "nobody"]);
    ended.refused(2, &["`--send-to` is `nobody`, expected"]);
    let ended = place.with("SMTP_URL", "smtp://u:hidden@host:x").run(&["doctor"]);
    ended.refused(2, &["`SMTP_URL` has a port that is no number"]);
    assert!(!ended.err.contains("hidden"), "{}", ended.err);
}

#[test]
fn beside_a_sound_service_nothing_is_found_and_what_breaks_is() {
    let (place, sandbox, url) = sound(&good_mail());
    let (port, private) = (free_port(), free_port().to_string());
    let public = format!("http://127.0.0.1:{port}");
    let place = place.with("PUBLIC_URL", &public);
    std::fs::remove_file(place.path("webhook.secret")).unwrap();
    place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
    let serve = place.start(&["serve", "--port", &port.to_string(), "--private-port", &private]);
    serve.until("\"serving\"");
    let beside = || place.run(&["doctor", "--json", "--private-port", &private]);
    assert_eq!(codes(&beside()), [""; 0]);
    let text = place.run(&["doctor", "--private-port", &private]).fine().out;
    assert!(text.ends_with("\n\nnothing found\n"), "{text}");

    let all = stripe("GET", &url, "/v1/webhook_endpoints", "");
    let ours = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["url"].as_str().unwrap().starts_with(&public));
    let endpoint = format!("/v1/webhook_endpoints/{}", ours.unwrap()["id"].as_str().unwrap());
    stripe("POST", &url, &endpoint, "disabled=true");
    assert_eq!(codes(&beside()), ["webhook-disabled"]);
    stripe("POST", &url, &endpoint, "disabled=false&enabled_events[0]=invoice.paid");
    assert_eq!(codes(&beside()), ["webhook-events"]);
    stripe("DELETE", &url, &endpoint, "");
    assert_eq!(codes(&beside()), ["webhook-missing"]);
    let hook = format!("url={public}%2Fapi%2Fbilling%2Fwebhook&enabled_events[0]=*");
    stripe("POST", &url, "/v1/webhook_endpoints", &hook);
    assert_eq!(codes(&beside()), ["webhook-version"]);

    serve.stops_by("TERM", SOON);
    let told = beside().json();
    assert!(told.to_string().contains("service-not-running"), "{told}");
    sandbox.stops_by("INT", SOON);
}

/// A customer is made at Stripe, and the sandbox's clock goes on.
fn later(url: &str, control: &str, seconds: u32) {
    stripe("POST", url, "/v1/customers", "email=ada%40example.com");
    let headers = [("Specie-Sandbox-Key", control), ("Content-Type", "application/json")];
    let body = format!("{{\"seconds\": {seconds}}}");
    let answer = send("POST", &format!("{url}/_sandbox/clock/advance"), &headers, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn events_that_do_not_arrive_are_noticed() {
    let place = Place::new();
    let sandbox = place.start(&["sandbox", "--port", "0", "--json"]);
    let said = sandbox.json();
    let (url, control) = (said["url"].as_str().unwrap(), said["control_key"].as_str().unwrap());
    let place = place
        .with("STRIPE_API_BASE", url)
        .with("STRIPE_SECRET_KEY", "sk_test_stranger")
        .with("PUBLIC_URL", "http://127.0.0.1:9")
        .with("STRIPE_WEBHOOK_SECRET", "whsec_of_nobody")
        .with("MAIL_FROM", "billing@example.com")
        .with("SMTP_URL", &good_mail());
    place.run(&["init"]).fine();
    place.run(&["migrate", "up"]).fine();
    place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
    let private = free_port().to_string();
    let serve = place.start(&["serve", "--port", "0", "--private-port", &private]);
    serve.until("\"serving\"");
    let beside = |place: &Place| place.run(&["doctor", "--json", "--private-port", &private]);
    let bound = || beside(&place).json()["checks"].to_string();
    let began = std::time::Instant::now();
    while bound().contains("has not met Stripe") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", bound());
    }
    assert_eq!(codes(&beside(&place)), [""; 0]);
    later(url, control, 1_000);
    later(url, control, 1_000);
    later(url, control, 1);
    assert_eq!(codes(&beside(&place)), [""; 0], "they lie ahead of Stripe's own clock");
    let place = place.with("STRIPE_API_BASE", &way(url, |_| Carried::Dated(MUCH_LATER)));
    let all = codes(&beside(&place));
    // A watermark pass may have brought them meanwhile.
    let silent = ["stripe-clock", "webhooks-silent"];
    let missing = ["stripe-clock", "events-missing", "webhooks-silent"];
    assert!(all == silent || all == missing, "{all:?}");
    serve.stops_by("TERM", SOON);
    later(url, control, 1_000);
    later(url, control, 1);
    // One that was killed long ago says nothing of what comes now.
    in_database(&place, async |db| {
        let mut tx = db.begin().await.unwrap();
        let dead = "insert into replicas (id, started_at, seen_at, delivered_at) \
                    select '00000000-0000-7000-8000-000000000001', at, at, at \
                    from (select '2020-01-01T00:00:00.000000Z' as at)";
        raw(&mut tx, dead).await.unwrap();
        tx.commit().await.unwrap();
    });
    assert_eq!(found(&place), ["stripe-clock", "events-missing"]);
}

#[test]
fn each_fault_of_the_database_is_found() {
    let (place, sandbox, _) = sound(&good_mail());
    assert_eq!(found(&place), [""; 0]);
    place.run(&["migrate", "down", "--to", "3"]).fine();
    assert_eq!(found(&place), ["schema-old"]);
    place.run(&["migrate", "up"]).fine();

    let file = place.path("specie.db");
    let mode = |bits| std::fs::set_permissions(&file, PermissionsExt::from_mode(bits)).unwrap();
    mode(0o000);
    // Whoever may do anything may read it all the same.
    if std::fs::File::open(&file).is_err() {
        place
            .run(&["keys", "list"])
            .refused(2, &["`specie.db` cannot be read", "the right to read"]);
    }
    mode(0o400);
    assert_eq!(found(&place), ["database-read-only"]);
    mode(0o600);
    in_database(&place, async |db| {
        let mut tx = db.begin().await.unwrap();
        raw(&mut tx, "insert into schema_versions (version) values (99)").await.unwrap();
        tx.commit().await.unwrap();
    });
    assert_eq!(found(&place), ["schema-new"]);
    place.write("specie.db", "this is no database, and longer than a few bytes");
    assert_eq!(found(&place), ["database-unreachable"]);
    let place = place.with("DATABASE_URL", "nowhere.db");
    assert_eq!(found(&place), ["database-missing"]);
    assert!(!place.names().contains(&"nowhere.db".into()), "the doctor makes none");
    sandbox.stops_by("INT", SOON);
}

/// The same database for somebody who may read it, and no more.
fn for_reading(database: &str, name: &str) -> String {
    let role: &'static str = String::leak(format!(
        "create role {name} login password 'p'; \
         grant select on all tables in schema public to {name}"
    ));
    change(database, &[role]);
    let (_, rest) = database.split_once("://").unwrap();
    let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
    format!("postgres://{name}:p@{server}")
}

#[test]
fn each_fault_of_a_postgres_is_found() {
    let Some(own) = Own::make() else { return };
    let (place, sandbox, _) = sound_on(&own.url(), &good_mail());
    assert_eq!(found(&place), [""; 0]);
    let looked = doctor(&place, &[]).json()["checks"].to_string();
    assert!(looked.contains("Postgres answers, and its schema is this program's"), "{looked}");

    let name = format!("reader_{}", std::process::id());
    let place = place.with("DATABASE_URL", &for_reading(&own.url(), &name));
    assert_eq!(found(&place), ["database-read-only"]);
    let told = doctor(&place, &[]).json()["findings"].to_string();
    assert!(told.contains("and a user who may write"), "{told}");
    let gone: &'static str = String::leak(format!("drop owned by {name}; drop role {name}"));
    change(&own.url(), &[gone]);

    let place = place.with("DATABASE_URL", &own.url());
    let only_reads = "do $$ begin execute format('alter database %I set \
                      default_transaction_read_only = on', current_database()); end $$";
    change(&own.url(), &[only_reads]);
    assert_eq!(found(&place), ["database-read-only"]);
    let (serve, private, _) = start(&place, 0);
    let ready = get(&format!("{private}/readyz"));
    assert_eq!((ready.status, &ready.json()["stripe"]), (503, &"unknown".into()), "{ready:?}");
    assert!(ready.body.contains("it can only be read"), "{ready:?}");
    serve.stops_by("TERM", SOON);
    let closed = format!("postgres://127.0.0.1:{}/specie", free_port());
    let place = place.with("DATABASE_URL", &closed);
    assert_eq!(found(&place), ["database-unreachable"]);
    sandbox.stops_by("INT", SOON);
    own.drop();
}

/// Acts on the database of a place, while nobody else writes it.
pub fn in_database(place: &Place, act: impl AsyncFn(Db)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = place.path("specie.db");
    runtime.block_on(async {
        let db = Db::open(path.to_str().unwrap(), Options::default()).await.unwrap();
        act(db.clone()).await;
        db.close().await;
    });
}

#[test]
fn a_database_of_another_account_or_mode_is_found() {
    let (place, sandbox, _) = sound(&good_mail());
    in_database(&place, async |db| {
        let mut tx = db.begin().await.unwrap();
        let other = "update installation set account = 'acct_ofSomebodyElse', livemode = 1";
        raw(&mut tx, other).await.unwrap();
        tx.commit().await.unwrap();
    });
    assert_eq!(found(&place), ["account-mismatch", "mode-mismatch"]);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn each_fault_on_the_way_to_stripe_is_found() {
    let (place, sandbox, url) = sound(&good_mail());
    let at = |place: Place, base: &str| place.with("STRIPE_API_BASE", base);
    let place = at(place, SILENT);
    assert_eq!(found(&place), ["stripe-unreachable"]);
    let place = at(place, &way(&url, |_| Carried::Refused(401)));
    assert_eq!(found(&place), ["stripe-key-refused"]);
    let place = at(place, &way(&url, |_| Carried::Refused(403)));
    assert_eq!(found(&place), ["stripe-right-missing"]);
    let place = at(place, &way(&url, |_| Carried::Dated("Sun, 06 Nov 1994 08:49:37 GMT")));
    assert_eq!(found(&place), ["stripe-clock"]);

    let place =
        at(place, &way(&url, |_| Carried::On)).with("STRIPE_SECRET_KEY", "rk_test_stranger");
    assert_eq!(found(&place), [""; 0], "a restricted key with all rights");
    let lacks = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        ["GET", path, _] if path.starts_with("/v1/refunds") => Carried::Refused(403),
        ["POST", path, _] if path.starts_with("/v1/subscriptions/") => Carried::Refused(403),
        _ => Carried::On,
    };
    let place = at(place, &way(&url, lacks));
    let ended = doctor(&place, &[]);
    assert_eq!(codes(&ended), ["stripe-right-missing"]);
    let told = ended.json()["findings"].to_string();
    assert!(told.contains("refused: Refunds (read), Subscriptions (write)"), "{told}");
    sandbox.stops_by("INT", SOON);
}

#[test]
fn prices_that_are_not_in_stripe_are_found() {
    let (place, sandbox, _) = sound(&good_mail());
    let text = place.read("specie.toml");
    place.write("specie.toml", &text.replace("key = \"monthly\"", "key = \"each_month\""));
    assert_eq!(found(&place), ["price-missing"]);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_price_that_was_archived_at_stripe_is_found() {
    let (place, sandbox, url) = sound(&good_mail());
    let all = stripe("GET", &url, "/v1/prices", "");
    let monthly = all["data"].as_array().unwrap().iter().find(|it| it["unit_amount"] == 2900);
    let price = format!("/v1/prices/{}", monthly.unwrap()["id"].as_str().unwrap());
    stripe("POST", &url, &price, "active=false");
    let ended = doctor(&place, &[]);
    assert_eq!(codes(&ended), ["price-missing"]);
    let told = ended.json()["findings"].to_string();
    assert!(told.contains("no longer so in Stripe: `pro/monthly` at $29.00"), "{told}");
    stripe("POST", &url, &price, "active=true");
    assert_eq!(found(&place), [""; 0]);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_price_that_was_changed_and_not_applied_is_found_and_told_at_the_start() {
    let (place, sandbox, _) = sound(&good_mail());
    let text = place.read("specie.toml");
    place.write("specie.toml", &text.replace("\"29.00\"", "\"39.00\""));
    let ended = doctor(&place, &[]);
    assert_eq!(codes(&ended), ["price-missing"]);
    let price = "`pro/monthly` at $39.00 every 30 days";
    let told = ended.json();
    let mut findings = told["findings"].as_array().unwrap().iter();
    let finding = findings.find(|it| it["code"] == "price-missing").unwrap();
    assert_eq!(finding["found"], format!("not in Stripe yet: {price}"));

    let (serve, _, logs) = start(&place, 0);
    let said = format!("price {price} is not in Stripe yet: run `specie catalog apply`");
    assert!(logs.iter().any(|line| line.contains(&said)), "`{said}` is not in {logs:?}");
    serve.stops_by("TERM", SOON);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn each_fault_of_the_mail_server_is_found() {
    let (place, sandbox, _) = sound("");
    assert_eq!(found(&place), ["mail-not-configured"]);
    let place = place.with("SMTP_URL", "smtp://127.0.0.1:1");
    assert_eq!(found(&place), ["mail-unreachable"]);
    let place = place.with("SMTP_URL", &format!("{}?tls=required", good_mail()));
    assert_eq!(found(&place), ["mail-unreachable"]);
    let port = mail_server("250 taken");
    let place = place.with("SMTP_URL", &format!("smtp://u:p@0.0.0.0:{port}?tls=none"));
    assert_eq!(found(&place), ["mail-login-exposed"]);
    let refuses = format!("smtp://127.0.0.1:{}", mail_server("550 not for you"));
    let place = place.with("SMTP_URL", &refuses);
    assert_eq!(found(&place), [""; 0], "nothing is sent");
    let sent = doctor(&place, &["--send-to", "ada@example.com"]);
    assert_eq!(codes(&sent), ["mail-not-sent"]);
    assert!(sent.out.contains("answered 550"), "{}", sent.out);
    let place = place.with("SMTP_URL", &good_mail());
    assert_eq!(codes(&doctor(&place, &["--send-to", "ada@example.com"])), [""; 0]);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_service_that_is_not_ready_is_found() {
    let (place, sandbox, url) = sound(&good_mail());
    let not_ready = way(&url, |_| Carried::Refused(503));
    let port = not_ready.rsplit(':').next().unwrap();
    let ended = place.run(&["doctor", "--json", "--private-port", port]);
    assert_eq!(codes(&ended), ["service-not-ready"]);
    let ended = doctor(&place, &[]);
    let told: Vec<Value> = ended.json()["findings"].as_array().unwrap().clone();
    assert_eq!((told.len(), &told[0]["code"]), (1, &"service-not-running".into()));
    assert_eq!((ended.code, &told[0]["severity"]), (Some(3), &"warning".into()));
    sandbox.stops_by("INT", SOON);
}
