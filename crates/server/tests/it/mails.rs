//! Mails on their way to a mail server: over which connections, how long they may take, and what
//! becomes of them, and of what else is under way, when the process is to end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use specie_server::digest::sha256;
use specie_server::quiet::run_to_quiet;
use specie_server::smtp::{NotSent, Waits};
use specie_server::trail::why;
use specie_server::{Mailer, alarms, runner};
use specie_store::mails::{self, Mail};
use specie_store::outbox::{self, Effect};
use specie_store::{Fate, Gate, StoreError, audit, lanes, roots};
use specie_vocab::{BusinessTime, PayerId, WallClock, WallTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::house::{House, NOW, Wish, both};
use crate::post::{self, Post};

/// As many mails are under way at once.
const AT_ONCE: usize = 4;

/// So often a mail is tried.
const TRIES: usize = 24;

/// How long a fact is waited for that another task brings about.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service that sends to `post`.
fn mailing(post: &Post, waits: Waits) -> Wish {
    Wish { mailer: Mailer::Smtp(post.smtp().waiting(waits)), ..Wish::default() }
}

/// What becomes of the next commits; those after them last.
#[derive(Default)]
struct Fates(Mutex<VecDeque<Fate>>);

impl Gate for Fates {
    fn is_up(&self) -> bool {
        true
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        Box::pin(async { self.0.lock().unwrap().pop_front().unwrap_or(Fate::Lasts) })
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// Writes so many mails to a customer, all of them due.
async fn write(house: &House, count: usize) -> PayerId {
    let mut tx = house.app.db.begin().await.unwrap();
    let payer = house.payer(&mut tx).await;
    for n in 1..=count {
        let mail = mail(n, payer);
        let (key, due) = (mail.key.clone(), mail.created_at);
        let effect = Effect::new(key, payer, "mail", json!({}), due);
        assert!(outbox::add(&mut tx, &effect).await.unwrap());
        assert!(mails::insert(&mut tx, &mail).await.unwrap());
    }
    tx.commit().await.unwrap();
    payer
}

fn mail(n: usize, payer: PayerId) -> Mail {
    Mail {
        key: format!("receipt:in_{n}"),
        payer,
        kind: "receipt".into(),
        recipient: "ada@example.com".into(),
        subject: "Your receipt".into(),
        text: "Thank you\n".into(),
        html: "<p>Thank you</p>\n".into(),
        message_id: format!("<{n}@specie.example>"),
        created_at: BusinessTime::from_second(NOW),
        sent_at: None,
        failed_at: None,
        failure: None,
    }
}

/// How many mails are still to be sent.
async fn waiting(house: &House) -> i64 {
    let mut tx = house.app.db.read().await.unwrap();
    outbox::waiting(&mut tx).await.unwrap()
}

/// Sends what is due, in a task of its own. It answers how many mails were sent.
fn send(house: &House) -> JoinHandle<Result<usize, StoreError>> {
    let app = house.app.clone();
    tokio::spawn(async move { specie_server::outbox::deliver_due(&app).await })
}

/// When a claim that stands runs out.
async fn claimed_until(house: &House) -> Option<WallTime> {
    let mut tx = house.app.db.read().await.unwrap();
    let now = tx.now().await.unwrap();
    lanes::next_wall(&mut tx, now).await.unwrap()
}

/// Another process claims the mail that is under way. While a claim is being renewed it is passed over.
async fn take_over(house: &House, now: WallTime) {
    let due = BusinessTime::from_second(NOW);
    let mut taken = 0;
    while taken == 0 {
        let mut tx = house.app.db.begin().await.unwrap();
        taken = outbox::claim(&mut tx, 1, now, due).await.unwrap().0.len();
        tx.commit().await.unwrap();
    }
}

/// Returns when the claim was renewed just now.
async fn is_renewed(house: &House) {
    let until = WallClock::now(&*house.clock).plus_seconds(60);
    let renewed = async {
        while claimed_until(house).await != Some(until) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the claim is renewed");
}

/// Writes an entry into a customer's trail.
async fn note(house: &House, payer: PayerId) {
    let mut tx = house.app.db.begin().await.unwrap();
    let (at, salt, about) = (tx.now().await.unwrap(), [0; 32], json!({}));
    audit::append(&mut tx, payer, at, "specie", "looked", why::CLOCK, &about, salt, sha256)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Whether every entry is in a root.
async fn is_anchored(house: &House) -> bool {
    let mut tx = house.app.db.read().await.unwrap();
    roots::moved(&mut tx, 1).await.unwrap().is_empty()
}

/// Returns when every entry is in a root.
async fn anchored(house: &House) {
    let anchored = async {
        while !is_anchored(house).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, anchored).await.expect("a root is made");
}

/// The background work of a process, and what ends it.
fn start(house: &House) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    (stop, tokio::spawn(runner::run(house.app.clone(), stopped)))
}

#[tokio::test]
async fn a_connection_serves_the_next_mail_until_the_server_ends_it() {
    let post = Post::open("250 taken").await;
    post.answer(3);
    let smtp = post.smtp();
    let now = WallTime::from_second(NOW);
    let send = async || smtp.send_greeting("ada@example.com", now).await.unwrap();
    send().await;
    send().await;
    assert_eq!(post.connections(), 1);
    post.hang_up();
    send().await;
    assert_eq!((post.connections(), post.ids().len()), (2, 3));
}

both! {
    async fn a_mail_that_nobody_takes_is_given_up_after_two_days_and_an_alarm_stands(house: &House) {
        let post = Post::open("451 come back later").await;
        post.answer(TRIES + 1);
        let house = house.but(mailing(&post, Waits::default()));
        write(&house, 1).await;
        let mut tries = 1;
        while let Some(next) = run_to_quiet(&house.app).await.unwrap().wall {
            assert!(tries < TRIES, "it is tried again and again");
            assert_eq!(waiting(&house).await, 1);
            house.clock.advance_to(next.timestamp());
            tries += 1;
        }
        assert_eq!((tries, post.ids().len(), waiting(&house).await), (TRIES, TRIES, 0));

        let now = WallClock::now(&*house.clock);
        let hours = now.seconds_since(WallTime::from_second(NOW)) / 3_600;
        assert!((46..=52).contains(&hours), "{hours}");
        let mut tx = house.app.db.read().await.unwrap();
        let mail = mails::get(&mut tx, "receipt:in_1").await.unwrap().unwrap();
        assert_eq!((mail.sent_at, mail.failed_at), (None, Some(now)));
        assert_eq!(mail.failure.as_deref(), Some("the mail server answered 451"));
        drop(tx);
        let standing = alarms::standing(&house.app).await.unwrap();
        let failing = standing.iter().find(|it| it.alarm.code == "mail_failing").unwrap();
        assert_eq!(failing.found, "0 wait after several tries, 1 were given up");
    }

    async fn a_mail_that_takes_minutes_is_begun_by_nobody_else(house: &House) {
        let post = Post::open("250 taken").await;
        let waits = Waits { sign_of_life: Duration::from_millis(2), ..Waits::default() };
        let house = house.but(mailing(&post, waits));
        write(&house, 1).await;
        let sending = send(&house);
        post.has(1).await;
        for _ in 0..9 {
            house.wait(59);
            is_renewed(&house).await;
            assert_eq!(send(&house).await.unwrap().unwrap(), 0, "it is under way");
        }
        post.answer(1);
        assert_eq!(sending.await.unwrap().unwrap(), 1);
        assert_eq!((post.ids().len(), waiting(&house).await), (1, 0));
    }

    async fn a_mail_that_was_taken_is_noted_again_and_again_until_that_lasts(house: &House) {
        let post = Post::open("250 taken").await;
        let fates = Arc::new(Fates::default());
        let (mailer, gate) = (Mailer::Smtp(post.smtp()), Some(fates.clone() as Arc<dyn Gate>));
        let house = house.but(Wish { mailer, gate, ..Wish::default() });
        write(&house, 1).await;
        let sending = send(&house);
        post.has(1).await;
        fates.0.lock().unwrap().extend([Fate::Undone, Fate::Unheard]);
        post.answer(1);
        assert_eq!(sending.await.unwrap().unwrap(), 1);
        assert!(fates.0.lock().unwrap().is_empty(), "neither was the last word");
        assert_eq!((post.ids().len(), waiting(&house).await), (1, 0));
        let mut tx = house.app.db.read().await.unwrap();
        let mail = mails::get(&mut tx, "receipt:in_1").await.unwrap().unwrap();
        assert_eq!(mail.sent_at, Some(WallTime::from_second(NOW)));
    }

    // Twenty seconds are longer than this takes: as if the database had been away for a minute.
    async fn a_mail_whose_claim_could_not_be_kept_is_not_begun_again_by_who_has_it_under_way(house: &House) {
        let post = Post::open("250 taken").await;
        let house = house.but(mailing(&post, Waits::default()));
        write(&house, 1).await;
        let sending = send(&house);
        post.has(1).await;
        house.wait(61);
        let again = tokio::time::timeout(PATIENCE, send(&house)).await.expect("nothing is begun");
        assert_eq!(again.unwrap().unwrap(), 0);
        post.answer(1);
        assert_eq!(sending.await.unwrap().unwrap(), 1);
        assert_eq!((post.ids().len(), waiting(&house).await), (1, 0));
    }

    async fn who_stood_still_leaves_a_mail_to_who_has_taken_it_over(house: &House) {
        let post = Post::open("250 taken").await;
        let waits = Waits { sign_of_life: Duration::from_millis(50), ..Waits::default() };
        let house = house.but(mailing(&post, waits));
        write(&house, 1).await;
        let sending = send(&house);
        post.has(1).await;
        let later = WallTime::from_second(NOW + 1_000);
        let taken = tokio::time::timeout(PATIENCE, take_over(&house, later)).await;
        taken.expect("it is taken over");
        assert_eq!(sending.await.unwrap().unwrap(), 0);
        assert_eq!(claimed_until(&house).await, Some(later.plus_seconds(60)), "it is the other's");
    }

    async fn a_stop_leaves_the_mails_that_wait_to_the_next_start(house: &House) {
        let post = Post::open("250 taken").await;
        let house = house.but(mailing(&post, Waits::default()));
        write(&house, 9).await;
        let (stop, running) = start(&house);
        post.has(AT_ONCE).await;
        stop.send(true).unwrap();
        post.answer(9);
        running.await.unwrap();
        assert_eq!(
            post.ids().len(),
            AT_ONCE,
            "those under way are handed over, and no other is begun"
        );
        assert_eq!(waiting(&house).await, 5);

        let (stop, running) = start(&house);
        post.has(9).await;
        stop.send(true).unwrap();
        running.await.unwrap();
        assert_eq!(waiting(&house).await, 0);
        let mut ids = post.ids();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), post.ids().len()), (9, 9), "each came once: {ids:?}");
    }

    async fn a_mail_whose_server_takes_too_long_is_left_at_the_end_and_sent_again(house: &House) {
        let post = Post::open("250 taken").await;
        let waits = Waits { at_the_end: Duration::from_millis(20), ..Waits::default() };
        let house = house.but(mailing(&post, waits));
        write(&house, 1).await;
        let (stop, running) = start(&house);
        post.has(1).await;
        stop.send(true).unwrap();
        running.await.unwrap();
        assert_eq!(waiting(&house).await, 1);

        post.answer(2);
        assert_eq!(send(&house).await.unwrap().unwrap(), 0, "nobody knows yet that it was left");
        house.wait(60);
        assert_eq!(send(&house).await.unwrap().unwrap(), 1);
        assert_eq!(post.ids(), ["Message-ID: <1@specie.example>"; 2]);
    }

    async fn what_is_written_while_the_last_work_ends_is_in_a_root(house: &House) {
        let post = Post::open("250 taken").await;
        let house = house.but(mailing(&post, Waits::default()));
        let payer = write(&house, 1).await;
        note(&house, payer).await;
        let (stop, running) = start(&house);
        post.has(1).await;
        anchored(&house).await;
        note(&house, payer).await;
        stop.send(true).unwrap();
        // By now the anchoring has ended, and the mail is still under way.
        anchored(&house).await;
        note(&house, payer).await;
        post.answer(1);
        running.await.unwrap();
        assert!(is_anchored(&house).await);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_within_bounds() {
    let now = WallTime::from_second(NOW);
    let late = Err(NotSent::Later("no answer in 0 s".into()));
    let soon = Duration::from_millis(20);

    let post = Post::open("250 taken").await;
    let smtp = post.smtp().waiting(Waits { take: soon, ..Waits::default() });
    assert_eq!(smtp.send_greeting("ada@example.com", now).await, late);
    // The server has all of it, and may deliver it.
    post.has(1).await;

    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let smtp = post::smtp_to(silent.local_addr().unwrap().port());
    let smtp = smtp.waiting(Waits { begin: soon, ..Waits::default() });
    assert_eq!(smtp.send_greeting("ada@example.com", now).await, late);
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_has_refused_no_mail() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let smtp = post::smtp_to(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"554 no service for you\r\n").await.unwrap();
        }
    });
    let closed = NotSent::Later("the mail server answered 554".into());
    let sent = smtp.send_greeting("ada@example.com", WallTime::from_second(NOW)).await;
    assert_eq!(sent, Err(closed));
}

#[tokio::test]
async fn a_mail_that_another_process_has_claimed_is_not_begun() {
    let post = Post::open("250 taken").await;
    let (mail, now) = (mail(1, PayerId(Uuid::from_u128(1))), WallTime::from_second(NOW));
    assert_eq!(post.smtp().send(&mail, now, async || false).await, Ok(false));
    assert_eq!(post.ids(), [""; 0]);
    post.answer(1);
    assert_eq!(post.smtp().send(&mail, now, async || true).await, Ok(true));
    assert_eq!(post.ids().len(), 1);
}
