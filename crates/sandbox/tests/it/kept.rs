//! What is kept over a restart, and what is refused.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use axum::body::Body;
use http::Request;
use specie_sandbox::OpenError;
use tempfile::tempdir;

use crate::desk::{Desk, HOME, START};
use crate::shop::{self, typed};

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// A line as a journal has it.
fn summed(json: &str) -> String {
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, json.as_bytes());
    format!("{} {json}\n", specie_vocab::hex(&sum.as_ref()[..8]))
}

/// Puts `to` into the lines of a journal where they say `from`.
fn rewrite(folder: &Path, from: &str, to: &str) {
    let path = folder.join("journal");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| summed(&line[17..].replace(from, to)));
    fs::write(&path, lines.collect::<String>()).unwrap();
}

/// A folder with a journal of three lines after its header.
fn with_three_lines() -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    for day in 1..=3 {
        desk.sandbox.advance(START + day * 86_400).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_sandbox_goes_on_where_it_stopped() {
    let folder = tempdir().unwrap();
    let first = Desk::kept(folder.path());
    let made = first.api("POST", "/v1/customers", &[("email", "a@b.example")]).await;
    first.sandbox.advance(START + 86_400).unwrap();
    drop(first);

    let again = Desk::kept(folder.path());
    assert_eq!(again.sandbox.now(), START + 86_400);
    assert_eq!(again.sandbox.opened().replayed, 2);
    assert_eq!(again.sandbox.opened().cut, 0);
    if made.status == 200 {
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let found = again.api("GET", &format!("/v1/customers/{id}"), &[]).await;
        assert_eq!(found.body, made.body);
    }
}

#[test]
fn a_snapshot_replaces_the_journal() {
    let folder = with_three_lines();
    let desk = Desk::kept(folder.path());
    desk.sandbox.snapshot().unwrap();
    desk.sandbox.advance(START + 10 * 86_400).unwrap();
    drop(desk);

    let again = Desk::kept(folder.path());
    assert_eq!(again.sandbox.now(), START + 10 * 86_400);
    assert_eq!(again.sandbox.opened().replayed, 1);
}

#[test]
fn a_break_between_snapshot_and_new_journal_loses_nothing() {
    let folder = with_three_lines();
    let journal = folder.path().join("journal");
    let old = fs::read(&journal).unwrap();
    Desk::kept(folder.path()).sandbox.snapshot().unwrap();
    fs::write(&journal, old).unwrap();

    let again = Desk::kept(folder.path());
    assert_eq!(again.sandbox.now(), START + 3 * 86_400);
    assert_eq!(again.sandbox.opened().replayed, 0);
    again.sandbox.advance(START + 4 * 86_400).unwrap();
    drop(again);
    assert_eq!(Desk::kept(folder.path()).sandbox.now(), START + 4 * 86_400);
}

#[test]
fn a_torn_end_is_cut_and_reported_at_every_byte() {
    let folder = with_three_lines();
    let journal = folder.path().join("journal");
    let whole = fs::read(&journal).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for torn in last + 1..whole.len() {
        fs::write(&journal, &whole[..torn]).unwrap();
        let desk = Desk::kept(folder.path());
        assert_eq!(desk.sandbox.now(), START + 2 * 86_400, "torn at {torn}");
        assert_eq!(desk.sandbox.opened().cut, (torn - last) as u64);
        assert_eq!(fs::metadata(&journal).unwrap().len(), last as u64);
    }
}

#[test]
fn what_follows_a_cut_is_kept() {
    let folder = with_three_lines();
    append(&folder.path().join("journal"), b"0123456789abcdef {\"seq\":4,\"ans");
    let desk = Desk::kept(folder.path());
    assert!(desk.sandbox.opened().cut > 0);
    desk.sandbox.advance(START + 9 * 86_400).unwrap();
    drop(desk);
    assert_eq!(Desk::kept(folder.path()).sandbox.now(), START + 9 * 86_400);
}

#[test]
fn damage_before_the_end_is_refused_and_left_alone() {
    let folder = with_three_lines();
    let journal = folder.path().join("journal");
    let mut bytes = fs::read(&journal).unwrap();
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    bytes[second + 20] ^= 1;
    fs::write(&journal, &bytes).unwrap();

    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("--fresh"), "{error}");
    assert_eq!(fs::read(&journal).unwrap(), bytes);
}

#[test]
fn a_missing_line_is_damage() {
    let folder = with_three_lines();
    let journal = folder.path().join("journal");
    let text = fs::read_to_string(&journal).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.remove(2);
    fs::write(&journal, lines.concat()).unwrap();
    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { line: 3, .. }), "{error}");
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let folder = with_three_lines();
    Desk::kept(folder.path()).sandbox.snapshot().unwrap();
    let path = folder.path().join("snapshot");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { line: 2, .. }), "{error}");
}

/// Opens a folder that is refused. Nothing in it has changed by that.
#[track_caller]
fn refused(folder: &Path) -> OpenError {
    let files = || ["journal", "snapshot"].map(|name| fs::read(folder.join(name)).ok());
    let before = files();
    let error = Desk::open(folder).err().unwrap();
    assert_eq!(files(), before, "{error}");
    assert!(error.to_string().contains("--fresh"), "{error}");
    error
}

#[test]
fn a_journal_without_the_snapshot_that_it_follows_is_refused() {
    let folder = with_three_lines();
    let snapshot = folder.path().join("snapshot");
    Desk::kept(folder.path()).sandbox.snapshot().unwrap();
    let older = fs::read(&snapshot).unwrap();
    let desk = Desk::kept(folder.path());
    desk.sandbox.advance(START + 10 * 86_400).unwrap();
    desk.sandbox.snapshot().unwrap();
    drop(desk);
    let newer = fs::read(&snapshot).unwrap();

    fs::write(&snapshot, older).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Damaged { line: 1, .. }), "{error}");
    fs::remove_file(&snapshot).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Damaged { line: 1, .. }), "{error}");
    fs::write(&snapshot, newer).unwrap();
    assert_eq!(Desk::kept(folder.path()).sandbox.now(), START + 10 * 86_400);
}

#[test]
fn a_snapshot_without_its_journal_is_refused() {
    let folder = with_three_lines();
    Desk::kept(folder.path()).sandbox.snapshot().unwrap();
    fs::remove_file(folder.path().join("journal")).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::JournalMissing(_)), "{error}");
}

#[test]
fn the_journal_of_another_version_is_refused_with_one_sentence() {
    let folder = tempdir().unwrap();
    let line = summed(r#"{"version":"9.9.9/7","other":"form"}"#);
    fs::write(folder.path().join("journal"), line).unwrap();

    let error = Desk::open(folder.path()).err().unwrap();
    let sentence = error.to_string();
    assert!(matches!(error, OpenError::OtherVersion { .. }), "{sentence}");
    assert!(sentence.contains("9.9.9/7") && sentence.contains("--fresh"), "{sentence}");
    assert!(!sentence.contains('\n') && !sentence.contains("  "), "{sentence}");
}

#[test]
fn the_journal_of_the_version_before_is_read_if_it_comes_to_the_same() {
    let folder = with_three_lines();
    let this = concat!("\"", env!("CARGO_PKG_VERSION"), "/7\"");
    let before = concat!("\"", env!("CARGO_PKG_VERSION"), "/6\"");
    rewrite(folder.path(), this, before);
    let journal = || fs::read_to_string(folder.path().join("journal")).unwrap();
    assert!(journal().contains(before));
    assert_eq!(Desk::kept(folder.path()).sandbox.opened().replayed, 3);
    assert!(journal().contains(this), "what comes now is answered as by this version");

    let folder = with_three_lines();
    rewrite(folder.path(), this, before);
    rewrite(folder.path(), "\"answer\":\"", "\"answer\":\"other");
    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::OtherVersion { .. }), "{error}");
    rewrite(folder.path(), before, this);
    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { line: 2, .. }), "{error}");
}

/// Where the process that is to be killed keeps its sandbox.
const TO_BE_KILLED: &str = "SPECIE_TEST_TO_BE_KILLED";

/// Not a test of its own: makes customers, and says so, until it is killed.
#[tokio::test]
async fn a_process_that_is_killed() {
    let Ok(folder) = std::env::var(TO_BE_KILLED) else { return };
    let desk = Desk::kept(Path::new(&folder));
    for n in 0.. {
        let name = format!("customer {n}");
        let made = desk.api("POST", "/v1/customers", &[("name", &name)]).await.expect(200).json();
        println!("made {}", shop::id(&made));
        if n % 50 == 49 {
            desk.sandbox.snapshot().unwrap();
        }
    }
}

#[test]
fn killing_the_process_loses_nothing_that_was_answered() {
    let folder = tempdir().unwrap();
    let mut all: Vec<String> = Vec::new();
    for wanted in [3, 60, 17] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kept::a_process_that_is_killed", "--exact", "--nocapture"])
            .env(TO_BE_KILLED, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let made = said.filter_map(|line| Some(line.split_once("made ")?.1.to_owned()));
        all.extend(made.take(wanted));
        child.kill().unwrap();
        child.wait().unwrap();

        let desk = Desk::kept(folder.path());
        let kept: Vec<String> = desk.sandbox.list("customer").iter().map(shop::id).collect();
        assert!(all.iter().all(|id| kept.contains(id)), "{} of {}", kept.len(), all.len());
    }
}

#[tokio::test]
async fn a_test_clock_that_advances_is_ready_by_itself_after_a_restart() {
    let folder = tempdir().unwrap();
    let clocks = "/v1/test_helpers/test_clocks";
    let clock = {
        let desk = Desk::kept(folder.path());
        let frozen = START.to_string();
        let made = desk.api("POST", clocks, &[("frozen_time", &frozen)]).await.expect(200).json();
        let to = (START + 60).to_string();
        let path = format!("{clocks}/{}/advance", shop::id(&made));
        desk.api("POST", &path, &[("frozen_time", &to)]).await.expect(200);
        shop::id(&made)
    };
    let status = |desk: &Desk| desk.sandbox.object(&clock).unwrap()["status"].clone();
    let desk = Desk::kept(folder.path());
    desk.sandbox.catch_up().unwrap();
    assert_eq!(status(&desk), "advancing");
    desk.wait(1);
    desk.sandbox.catch_up().unwrap();
    assert_eq!(status(&desk), "ready");
    drop(desk);
    assert_eq!(status(&Desk::kept(folder.path())), "ready");
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = tempdir().unwrap();
    let _first = Desk::kept(folder.path());
    let error = Desk::open(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let inside = folder.path().join("sandbox");
    Desk::kept(&inside).sandbox.snapshot().unwrap();
    assert_eq!(fs::metadata(&inside).unwrap().permissions().mode() & 0o777, 0o700);
    for file in ["journal", "snapshot", "lock"] {
        let mode = fs::metadata(inside.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn no_card_number_is_kept() {
    let folder = tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    let number = "4242424242424242";
    let card = [
        ("type", "card"),
        ("card[number]", number),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2034"),
        ("card[cvc]", "123"),
    ];
    desk.api("POST", "/v1/payment_methods", &card).await;
    desk.api("POST", "/v1/customers", &[("name", number)]).await.expect(400);
    desk.api("POST", "/v1/customers", &[("name", "4242 4242 4242 4242")]).await.expect(400);
    desk.api("GET", &format!("/v1/customers?email={number}"), &[]).await.expect(400);
    desk.api("GET", &format!("/v1/customers/{number}"), &[]).await.expect(400);
    desk.form("/c/pay/cs_test_1", &[("number", number), ("name", number)]).await;
    for (method, path, body) in [
        ("POST", format!("idempotency_keys/{number}"), String::new()),
        ("DELETE", format!("idempotency_keys/{number}"), String::new()),
        ("POST", format!("webhook_endpoints/{number}/roll"), String::new()),
        ("POST", "switches".into(), format!(r#"{{"x":"{number}"}}"#)),
        ("POST", "switches".into(), format!(r#"{{"draft_seconds":{number}}}"#)),
        ("POST", "chaos".into(), format!(r#"{{"x":"{number}"}}"#)),
        ("POST", "chaos".into(), format!(r#"{{"seed":{number}}}"#)),
    ] {
        let refused = desk.control(method, &path, &body).await.expect(400).body;
        assert!(!refused.contains(number), "{refused}");
    }
    desk.sandbox.switch(&serde_json::json!({ "x": number })).unwrap().unwrap_err();
    let journal = fs::read_to_string(folder.path().join("journal")).unwrap();
    assert!(!journal.contains("4242424242"), "{journal}");
    desk.sandbox.snapshot().unwrap();
    drop(desk);
    for file in ["journal", "snapshot"] {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(!text.contains("4242424242") && !text.contains("4242 4242"), "{file}");
    }
}

#[test]
fn pages_may_stand_elsewhere_after_a_restart() {
    let folder = with_three_lines();
    let wall = std::sync::Arc::new(specie_vocab::ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let options = || specie_sandbox::Options {
        seed: 1,
        data_dir: Some(folder.path().to_owned()),
        start: jiff::Timestamp::UNIX_EPOCH,
        base_url: "http://127.0.0.1:9999/".into(),
        control_key: specie_vocab::Secret::new("x"),
        wall: wall.clone(),
    };
    let moved = specie_sandbox::Sandbox::open(options()).unwrap();
    assert_eq!(moved.now(), START + 3 * 86_400);
    drop(moved);
    let again = specie_sandbox::Sandbox::open(options()).unwrap();
    assert_eq!(again.opened().replayed, 4); // it moved once
}

#[tokio::test]
async fn a_year_comes_back_from_the_journal_and_from_a_snapshot_alike() {
    let folder = tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    desk.form(&path, &typed("4000000000000002")).await.expect(402);
    desk.form(&path, &typed("4000000000000341")).await.expect(402);
    desk.form(&path, &typed("4242424242424242")).await.expect(303);
    desk.sandbox.advance(START + 365 * 86_400).unwrap();
    let memory = |desk: &Desk| {
        let kinds = ["event", "subscription", "invoice", "charge", "checkout.session"];
        (kinds.map(|kind| desk.sandbox.list(kind)), desk.sandbox.next_due())
    };
    let before = memory(&desk);
    assert!(before.0[3].len() >= 13, "{}", before.0[3].len());
    drop(desk);

    let replayed = Desk::kept(folder.path());
    assert_eq!(memory(&replayed), before);
    replayed.sandbox.snapshot().unwrap();
    drop(replayed);
    let loaded = Desk::kept(folder.path());
    assert_eq!(loaded.sandbox.opened().replayed, 0);
    assert_eq!(memory(&loaded), before);

    // Both go on in the same way.
    loaded.sandbox.advance(START + 400 * 86_400).unwrap();
    let straight = Desk::in_memory();
    let shop = shop::open(&straight).await;
    let path = format!("/c/pay/{}", shop.session);
    straight.form(&path, &typed("4000000000000002")).await.expect(402);
    straight.form(&path, &typed("4000000000000341")).await.expect(402);
    straight.form(&path, &typed("4242424242424242")).await.expect(303);
    straight.sandbox.advance(START + 365 * 86_400).unwrap();
    straight.sandbox.advance(START + 400 * 86_400).unwrap();
    assert_eq!(memory(&straight), memory(&loaded));
}

/// A live key that is sent here by mistake stands in no file, and neither does another.
#[tokio::test]
async fn no_key_is_kept_and_all_are_answered_as_before() {
    let folder = tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    let keys = [
        ("Bearer sk_test_mine1234567890", 200),
        (concat!("Bearer sk_", "live_mine1234567890"), 401),
        ("Bearer pk_test_mine1234567890", 401),
        ("Bearer mine", 401),
        ("Bearer", 401),
        ("Digest mine1234567890", 401),
        // The same key, as HTTP Basic has it.
        ("Basic c2tfbGl2ZV9taW5lMTIzNDU2Nzg5MDo=", 401),
        ("Basic c2tfdGVzdF9taW5lMTIzNDU2Nzg5MDo=", 200),
    ];
    let ask = async |desk: &Desk, key: &str| {
        let request = Request::get(format!("{HOME}/v1/customers")).header("authorization", key);
        desk.send(request.body(Body::empty()).unwrap()).await
    };
    for (key, status) in keys {
        let answer = ask(&desk, key).await;
        assert_eq!(answer.status, status, "{key}");
        assert!(!answer.body.contains("mine1234567890"), "{}", answer.body);
    }
    let live = ask(&desk, concat!("Bearer sk_", "live_mine1234567890")).await;
    assert!(
        live.body.contains("Invalid API Key provided: sk_live_**********7890"),
        "{}",
        live.body
    );
    let typo = Request::post(format!("{HOME}/v1/customers"))
        .header("authorization", concat!("Bearer sk_", "live_mine1234567890"))
        .header("content-type", "application/json");
    desk.send(typo.body(Body::from("{}")).unwrap()).await;
    drop(desk);

    let journal = fs::read_to_string(folder.path().join("journal")).unwrap();
    for left in ["mine", "c2tfbGl2", "c2tfdGVzd"] {
        assert!(!journal.contains(left), "{left}: {journal}");
    }
    assert_eq!(Desk::kept(folder.path()).sandbox.opened().cut, 0);
}
