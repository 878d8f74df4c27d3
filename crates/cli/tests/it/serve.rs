//! `specie serve` from outside: what it refuses, and a whole walk against a sandbox in another
//! process, as `docs/getting-started.md` and `docs/going-live.md` tell it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::catalog::project;
use crate::force::postgres::Own;
use crate::place::{Place, Running};
use crate::web::{Answer, free_port, get, linger, send};

const GOOD: [(&str, &str); 3] = [
    ("STRIPE_SECRET_KEY", "sk_test_stranger"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_stranger"),
    ("PUBLIC_URL", "http://127.0.0.1:9"),
];

#[test]
fn all_that_is_missing_is_told_at_once() {
    let ended = Place::new().run(&["serve"]);
    ended.refused(
        2,
        &[
            "3 settings are missing or wrong",
            "`PUBLIC_URL` is not set: the address",
            "`STRIPE_SECRET_KEY` is not set: Stripe's secret key",
            "`STRIPE_WEBHOOK_SECRET` is not set",
            "`specie catalog apply --secret-file FILE`",
            "hint: settings come from the environment",
        ],
    );
}

#[test]
fn each_wrong_setting_has_its_sentence_and_no_secret_is_told() {
    let cases = [
        ("STRIPE_SECRET_KEY", "pk_test_hidden", "is a publishable key"),
        ("STRIPE_SECRET_KEY", "sk_test_", "is no secret key"),
        ("STRIPE_SECRET_KEY", "hidden", "is no secret key"),
        ("STRIPE_SECRET_KEY", "sk_live_hidden", "is a live key and `PUBLIC_URL` is `http://"),
        ("STRIPE_WEBHOOK_SECRET", "hidden", "is no webhook secret"),
        ("STRIPE_WEBHOOK_SECRET", ",", "is no webhook secret"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_a,hidden", "is no webhook secret"),
        ("PUBLIC_URL", "ftp://example.com", "expected an address such as"),
        ("PUBLIC_URL", "http://", "expected an address such as"),
        ("PUBLIC_URL", "https://me:hidden@example.com", "names a user"),
        ("PUBLIC_URL", "https://example.com/?a=1", "expected an address such as"),
        ("SPECIE_AUDIT_KEY", "hidden", "`SPECIE_AUDIT_KEY` is no key"),
        ("JWT_SECRET", "hidden", "`JWT_SECRET` has 6 bytes, expected at least 32"),
        ("STRIPE_API_BASE", "rubbish", "expected an https:// address"),
        ("STRIPE_API_BASE", "http://example.com", "expected an https:// address"),
        ("STRIPE_API_BASE", "http://me:hidden@example.com", "names a user"),
        ("STRIPE_API_BASE", "https://me:hidden@example.com", "names a user"),
        ("DATABASE_URL", "mysql://me:hidden@host/db", "begins with `mysql://`"),
        ("DATABASE_URL", "postgres://me:a?hidden&b@host/db", "has a `?` before its `@`"),
        ("SMTP_URL", "http://me:hidden@host", "`SMTP_URL` begins with neither"),
        ("SMTP_URL", "smtps://me:hidden@host", "`MAIL_FROM` is not set"),
        ("STRIPE_SECRET_KEY_FILE", "/no/such/file", "which cannot be read"),
    ];
    for (name, value, said) in cases {
        let mut place = Place::new();
        for (name, value) in GOOD.iter().filter(|(it, _)| !name.starts_with(it) || *it == name) {
            place = place.with(name, value);
        }
        let ended = place.with(name, value).run(&["serve", "--port", "0", "--private-port", "0"]);
        ended.refused(2, &[said]);
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
        assert!(!ended.err.contains("settings are missing"), "one fault alone: {}", ended.err);
    }
}

#[test]
fn a_live_key_never_travels_in_clear_text() {
    let place = Place::new()
        .with("PUBLIC_URL", "https://example.com")
        .with("STRIPE_WEBHOOK_SECRET", "whsec_stranger")
        .with("STRIPE_SECRET_KEY", "sk_live_hidden")
        .with("STRIPE_API_BASE", "http://127.0.0.1:9");
    let ended = place.run(&["serve", "--port", "0", "--private-port", "0"]);
    ended.refused(2, &["would travel in clear text"]);
    assert!(!ended.err.contains("hidden"), "{}", ended.err);
}

#[test]
fn a_database_without_its_tables_is_refused() {
    let mut place = Place::new();
    for (name, value) in GOOD {
        place = place.with(name, value);
    }
    place.run(&["init"]).fine();
    let ended = place.run(&["serve", "--port", "0", "--private-port", "0"]);
    ended.refused(2, &["there is no database `specie.db`", "`specie migrate up` makes it"]);
    assert_eq!(place.names(), [".env.example", "specie.toml"], "nothing is made");
    place.run(&["migrate", "up"]).fine();
    place.run(&["migrate", "down", "--to", "0"]).fine();
    let ended = place.run(&["serve", "--port", "0", "--private-port", "0"]);
    ended.refused(2, &["schema 0", "hint: run `specie migrate up`"]);
}

#[test]
fn a_program_that_meets_another_schema_refuses_and_says_which_way_to_go() {
    for database in [Some(None), Own::make().map(Some)].into_iter().flatten() {
        let url = database.as_ref().map_or("specie.db".into(), Own::url);
        let mut place = Place::new().with("DATABASE_URL", &url);
        for (name, value) in GOOD {
            place = place.with(name, value);
        }
        let file = place.database();
        place.run(&["init"]).fine();
        place.run(&["migrate", "up"]).fine();
        place.run(&["migrate", "down", "--to", "4"]).fine();
        let commands: [&[&str]; 4] = [
            &["serve", "--port", "0", "--private-port", "0"],
            &["keys", "list"],
            &["audit", "verify"],
            &["events", "list"],
        ];
        for command in commands {
            place.run(command).refused(2, &["schema 4", "hint: run `specie migrate up`"]);
        }
        // What a newer program leaves behind.
        place.run(&["migrate", "up"]).fine();
        change(&file, &["insert into schema_versions (version) values (99)"]);
        for command in commands.into_iter().chain([&["migrate", "up"][..], &["migrate", "status"]])
        {
            let ended = place.run(command);
            ended.refused(2, &["schema 99", "run the newer program"]);
        }
        change(&file, &["delete from schema_versions where version = 99"]);
        let place = place.with("STRIPE_API_BASE", "http://127.0.0.1:1");
        let (serve, private, _) = start(&place, 0);
        // A replica of a newer program comes, and migrates: this one is taken out of rotation.
        if file.contains("://") {
            assert_eq!(get(&format!("{private}/readyz")).status, 200);
            change(&file, &["insert into schema_versions (version) values (99)"]);
            let told = get(&format!("{private}/readyz"));
            assert_eq!(told.status, 503);
            assert!(told.body.contains("newer than this program"), "{told:?}");
        }
        serve.stops_by("TERM", Duration::from_secs(10));
        if let Some(own) = database {
            own.drop();
        }
    }
}

pub fn start(place: &Place, port: u16) -> (Running, String, Vec<String>) {
    let port = port.to_string();
    let running = place.start(&["serve", "--port", &port, "--private-port", "0"]);
    let logs = running.until("\"serving\"");
    let line: Value = serde_json::from_str(logs.last().unwrap()).unwrap();
    let private = line["fields"]["private"].as_str().unwrap().to_owned();
    (running, private, logs)
}

pub fn call(url: &str, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Specie-Customer", "ada"),
        ("Content-Type", "application/json"),
    ];
    send(method, &format!("{url}/api/billing/{path}"), &headers, body)
}

/// Types a card on the sandbox's payment page.
pub fn pay(page: &str) {
    let origin = page.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", origin.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let form = "email=ada%40example.com&number=4242424242424242&expiry=12+%2F+34&cvc=123&name=Ada";
    let paid = send("POST", page, &headers, form);
    assert!([200, 302, 303].contains(&paid.status), "{paid:?}");
}

#[test]
fn a_whole_walk_from_an_empty_folder_to_a_paid_subscription() {
    let (place, sandbox, _) = project();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let place = place.with("PUBLIC_URL", &url).with("SPECIE_AUDIT_KEY", &"07".repeat(32));
    place.write(".env", "STRIPE_WEBHOOK_SECRET_FILE=webhook.secret # written by apply\n");
    place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
    place.run(&["migrate", "up"]).fine();
    let (serve, private, logs) = start(&place, port);
    assert!(logs.iter().any(|line| line.contains("mails stay in the mailbox")), "{logs:?}");
    assert_eq!(get(&format!("{private}/readyz")).status, 200);

    // Keys are made while the service runs, through its operator's door.
    let key = place.run(&["keys", "create", "--name", "backend"]).fine().out.trim().to_owned();
    let checkout = call(&url, &key, "POST", "checkout", r#"{"plan": "pro", "price": "monthly"}"#);
    assert_eq!(checkout.status, 201, "{checkout:?}");
    let checkout = checkout.json();
    pay(checkout["url"].as_str().unwrap());
    let sync = format!("checkout/{}/sync", checkout["id"].as_str().unwrap());
    assert_eq!(call(&url, &key, "POST", &sync, "").status, 200);
    let view = call(&url, &key, "GET", "subscription", "").json();
    assert_eq!((&view["status"], &view["access"]), (&"active".into(), &true.into()));

    told_beside_it(&place, &checkout);
    let again = place.run(&["catalog", "apply"]).fine();
    assert!(again.out.starts_with("nothing to do"), "{again:?}");
    assert!(place.run(&["migrate", "status"]).fine().out.contains("up to date"));
    let told = place.run(&["keys", "list", "--json"]).fine().json();
    place.run(&["keys", "revoke", told["keys"][0]["id"].as_str().unwrap()]).fine();
    assert_eq!(call(&url, &key, "GET", "subscription", "").status, 401, "revoked at once");
    let door: Value = serde_json::from_str(&place.read("specie.db.door")).unwrap();
    let token = door["token"].as_str().unwrap().to_owned();
    assert_eq!(send("POST", &format!("{private}/operator/keys"), &[], "{}").status, 401);

    let kept = linger(&url);
    let ended = serve.stops_by("TERM", Duration::from_secs(10));
    drop(kept);
    let said = format!("{logs:?}{}{}", ended.out, ended.err);
    for secret in [&key, &token, place.read("webhook.secret").trim(), "sk_test_stranger"] {
        assert!(!said.contains(secret), "a secret is in the logs");
    }
    assert!(!place.names().contains(&"specie.db.door".into()), "{:?}", place.names());
    sandbox.stops_by("INT", Duration::from_secs(10));
    stuck_changes_are_decided_about(&place, port);
    what_is_done_to_the_trail_is_found(&place, &format!("{}{}", logs.join("\n"), ended.err));
}

/// The commands that read, and the one that writes through the door, while the service runs.
fn told_beside_it(place: &Place, checkout: &Value) {
    let session = checkout["id"].as_str().unwrap();
    let told = place.run(&["explain", session]).fine().out;
    for said in ["checkout.begun", "POST /v1/checkout/sessions", ", by key:", ", because of "] {
        assert!(told.contains(said), "`{said}` is not in {told}");
    }
    let story = place.run(&["explain", session, "--json"]).fine().json();
    let customer = story["customer"]["app_id"].as_str().unwrap();
    let whole = place.run(&["explain", customer]).fine().out;
    assert!(whole.contains("subscription.held"), "{whole}");
    place
        .run(&["explain", "sub_nobody"])
        .refused(2, &["`sub_nobody`", "looked for a subscription"]);

    let all = place.run(&["events", "list", "--customer", customer, "--json"]).fine().json();
    let events = all["events"].as_array().unwrap();
    let id = events[0]["id"].as_str().unwrap();
    let kind = events[0]["type"].as_str().unwrap();
    let listed = place.run(&["events", "list", "--type", kind, "--limit", "1"]).fine().out;
    assert!(listed.contains(id) && listed.lines().count() == 2, "{listed}");
    let shown = place.run(&["events", "show", id]).fine().out;
    assert!(shown.contains(kind) && !shown.contains("\"object\""), "{shown}");
    let shown = place.run(&["events", "show", id, "--payload", "--json"]).fine().json();
    assert_eq!(shown["payload"]["id"], id);
    place.run(&["events", "show", "evt_nobody"]).refused(2, &["there is no event `evt_nobody`"]);
    let said = place.run(&["events", "replay", "--state", "parked"]).fine().out;
    assert_eq!(said, "no event is parked\n");
    place.run(&["events", "replay", "evt_nobody"]).refused(2, &["there is no event `evt_nobody`"]);
    place.run(&["events", "replay"]).refused(2, &["<IDS>"]);
    let handled = place.run(&["events", "list", "--state", "handled", "--json"]).fine().json();
    let id = handled["events"][0]["id"].as_str().unwrap();
    place
        .run(&["events", "replay", id])
        .refused(2, &["is handled, and only parked ones are replayed"]);
    assert!(place.run(&["audit", "verify"]).fine().out.ends_with("sound\n"));
}

/// By an operator: where no service runs, and through the door of one that does.
fn stuck_changes_are_decided_about(place: &Place, port: u16) {
    let listed = place.run(&["intents", "list", "--json"]).fine().json();
    let known = listed["intents"].as_array().unwrap();
    let checkout = known.iter().find(|it| it["kind"] == "checkout").unwrap();
    assert_eq!((&checkout["state"], &checkout["customer"]), (&"done".into(), &"ada".into()));
    let id = checkout["id"].as_str().unwrap();
    let why = "is done, and only stuck ones are retried or closed";
    place.run(&["intents", "close", id]).refused(2, &[why, "hint: `specie intents list`"]);
    place.run(&["intents", "retry", "ada"]).refused(2, &["invalid value 'ada'"]);
    place.run(&["intents", "retry"]).refused(2, &["<IDS>"]);
    assert_eq!(place.run(&["intents", "list", "--state", "stuck"]).fine().out, NONE_STUCK);

    let stick = r#"update intents set state = 'stuck', finished_at = null, result = '{"why":"said no"}'
                   where kind = 'checkout'"#;
    meddle(place, &[stick]);
    let told = place.run(&["intents", "list", "--state", "stuck"]).fine().out;
    assert!(told.contains(id) && told.contains("  said no\n"), "{told}");
    let unknown = "019a0000-0000-7000-8000-000000000000";
    place.run(&["intents", "close", id, unknown]).refused(2, &["there is no intent `019a0000"]);
    let said = place.run(&["intents", "retry", id, id, "--json"]).fine().json();
    assert_eq!(said, json!({ "retried": [id] }));

    meddle(place, &[stick]);
    let (serve, ..) = start(place, port);
    place.run(&["intents", "close", unknown]).refused(2, &["there is no intent `019a0000"]);
    let said = place.run(&["intents", "close", id, id]).fine().out;
    assert_eq!(said, format!("closed {id}\n"));
    serve.stops_by("TERM", Duration::from_secs(10));
    assert_eq!(place.run(&["intents", "list", "--state", "stuck"]).fine().out, NONE_STUCK);
    let story = place.run(&["explain", id]).fine().out;
    for said in ["checkout.undone, by operator", "checkout.retried, by operator"] {
        assert!(story.contains(said), "`{said}` is not in {story}");
    }
}

const NONE_STUCK: &str = "no change is like that\n";

/// The log, kept elsewhere, finds a tail that was cut with the roots that anchored it.
fn what_is_done_to_the_trail_is_found(place: &Place, log: &str) {
    place.write("kept.log", log);
    let told = place.run(&["audit", "verify", "--root", "kept.log", "--json"]).fine().json();
    assert_eq!((&told["sound"], &told["unanchored"]), (&true.into(), &0.into()), "{told}");
    assert!(told["roots"].as_i64() > Some(0) && told["signed"] == told["roots"], "{told}");
    assert_eq!(told["signers"], told["trusted"]);
    let other = place.run(&["audit", "verify", "--root", &"ab".repeat(32)]);
    other.refused(3, &[]);
    assert!(other.out.contains("the kept root abab"), "{other:?}");
    place.run(&["audit", "verify", "--root", "nowhere"]).refused(2, &["`--root` is `nowhere`"]);
    place.run(&["audit", "verify", "--root", "specie.toml"]).refused(2, &["tells of no root"]);
    place.run(&["audit", "verify", "--public-key", "ab"]).refused(2, &["`--public-key` is `ab`"]);

    meddle(
        place,
        &[
            "drop trigger audit_no_delete",
            "delete from audit where n = (select max(n) from audit)",
            "delete from audit_details where n = (select max(n) from audit_details)",
        ],
    );
    let found = place.run(&["audit", "verify"]);
    found.refused(3, &[]);
    assert!(found.out.contains("anchored it, and it is gone"), "{found:?}");
    meddle(
        place,
        &[
            "drop trigger audit_root_heads_no_delete",
            "drop trigger audit_roots_no_delete",
            "delete from audit_root_heads",
            "delete from audit_roots",
        ],
    );
    let found = place.run(&["audit", "verify", "--root", "kept.log"]);
    found.refused(3, &[]);
    assert!(found.out.contains("no root in the database has this digest"), "{found:?}");
}

/// What somebody who has the file could do to it.
fn meddle(place: &Place, statements: &[&'static str]) {
    change(&place.path("specie.db").display().to_string(), statements);
}

/// The same to any database.
pub fn change(path: &str, statements: &[&'static str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = specie_store::Db::open(path, Default::default()).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for sql in statements {
            specie_store::raw(&mut tx, sql).await.unwrap();
        }
        tx.commit().await.unwrap();
        db.close().await;
    });
}

#[test]
fn what_is_not_as_somebody_may_think_is_said_at_the_start() {
    let mail = "smtp://u:hidden@0.0.0.0:1?tls=none";
    let mut place = Place::new().with("SMTP_URL", mail).with("MAIL_FROM", "billing@example.com");
    for (name, value) in GOOD {
        place = place.with(name, value);
    }
    let place = place.with("STRIPE_API_BASE", "http://127.0.0.1:1");
    place.write("specie.toml", include_str!("../../../../examples/tiers/specie.toml"));
    place.run(&["migrate", "up"]).fine();
    let (serve, _, logs) = start(&place, 0);
    for said in [
        "the password of `SMTP_URL` travels to 0.0.0.0:1 in clear text",
        "pass `season` is not sold yet",
        "price `basic/monthly` at $5.00 every month is not in Stripe yet: run `specie catalog apply`",
    ] {
        assert!(logs.iter().any(|line| line.contains(said)), "`{said}` is not in {logs:?}");
    }
    serve.stops_by("INT", Duration::from_secs(10));
}
