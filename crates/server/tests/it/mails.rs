//! Mails on their way to a mail server: over which connections, and what becomes of them when the
//! process is to end.

use serde_json::json;
use specie_server::runner;
use specie_store::mails::{self, Mail};
use specie_store::outbox::{self, Effect};
use specie_vocab::{BusinessTime, PayerId, WallTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::house::{House, NOW, Wish};
use crate::post::Post;

/// As many mails are under way at once.
const AT_ONCE: usize = 4;

/// A service that sends to `post`.
async fn house(post: &Post) -> House {
    House::new(Wish { mailer: post.mailer(), ..Wish::default() }).await
}

/// Writes so many mails to a customer, all of them due.
async fn write(house: &House, mails: usize) -> PayerId {
    let mut tx = house.app.db.begin().await.unwrap();
    let payer = house.payer(&mut tx).await;
    for n in 1..=mails {
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

#[tokio::test]
async fn a_stop_leaves_the_mails_that_wait_to_the_next_start() {
    let post = Post::open("250 taken").await;
    let house = house(&post).await;
    write(&house, 9).await;
    let (stop, running) = start(&house);
    post.has(AT_ONCE).await;
    stop.send(true).unwrap();
    post.answer(9);
    running.await.unwrap();
    assert_eq!(post.ids().len(), AT_ONCE, "those under way are handed over, and no other is begun");
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
