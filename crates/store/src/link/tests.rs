//! On a network that swallows what is sent, where a server is named.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use specie_vocab::{BusinessTime, WallTime};
use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Limits, PATIENCE, RESTED};
use crate::inbox::{self, InboxState, NewEvent};
use crate::own::Own;
use crate::pools::Pools;
use crate::{Db, Options, StoreError};

const SHORT: Duration = Duration::from_millis(200);

/// What stands between us and the server.
struct Network {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    /// So many of them carry nothing any more.
    swallowed: watch::Sender<u64>,
}

impl Network {
    async fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (swallowed, told) = watch::channel(0);
        let connections = Arc::new(AtomicU64::default());
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut ours, _)) = listener.accept().await {
                let n = counted.fetch_add(1, Ordering::SeqCst);
                let (mut told, server) = (told.clone(), server.clone());
                tokio::spawn(async move {
                    let mut theirs = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        biased;
                        _ = told.wait_for(|swallowed| *swallowed > n) => {}
                        _ = copy_bidirectional(&mut ours, &mut theirs) => return,
                    }
                    std::future::pending().await
                });
            }
        });
        Self { address, connections, swallowed }
    }

    /// All connections so far fall silent, and none of them is closed.
    fn swallow(&self) {
        self.swallowed.send_replace(self.connections.load(Ordering::SeqCst));
    }
}

/// A database behind a network, with few connections and little patience.
async fn behind_a_network() -> Option<(Own, Network, Db)> {
    let own = Own::for_test("link").await.unwrap()?;
    let url = own.url();
    let server = PgConnectOptions::from_str(&url).unwrap();
    let server = (server.get_host().to_owned(), server.get_port());
    let network = Network::before(server.clone()).await;
    let by = url.replace(&format!("{}:{}", server.0, server.1), &network.address.to_string());
    assert_ne!(by, url, "the server is named by host and port");
    let options = Options { connections: 3, ..Options::default() };
    let mut db = Db::open(&by, options).await.unwrap();
    let Pools::Postgres { limits, .. } = &mut db.pools else { unreachable!("it is Postgres") };
    *limits = Limits { answer: Some(SHORT), sign: SHORT };
    Some((own, network, db))
}

/// What comes to no end fails, and does not hold the other tests up.
async fn in_the_end<T>(act: impl Future<Output = T>) -> T {
    timeout(10 * PATIENCE, act).await.expect("it is given up")
}

async fn add(db: &Db, id: &str) -> Result<u64, StoreError> {
    let created = BusinessTime::from_second(1_700_000_000);
    let received_at = WallTime::from_second(1_700_000_000);
    let (kind, lane) = ("invoice.paid".to_owned(), Some("cus_1".to_owned()));
    let event = NewEvent {
        id: id.into(),
        kind,
        created,
        api_version: None,
        account: None,
        livemode: false,
        object: None,
        customer: lane.clone(),
        lane,
        payload: b"{}".to_vec(),
        received_at,
        state: InboxState::Pending,
    };
    in_the_end(inbox::add(db, &[event])).await
}

async fn count(db: &Db) -> Result<i64, StoreError> {
    in_the_end(async { inbox::count(&mut db.begin().await?).await }).await
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_and_the_next_comes_by_another_way() {
    let Some((own, network, db)) = behind_a_network().await else { return };
    for event in ["evt_a", "evt_b", "evt_c"] {
        assert_eq!(add(&db, event).await.unwrap(), 1);
        let mut begun = db.begin().await.unwrap();
        network.swallow();
        assert!(add(&db, "evt_lost").await.unwrap_err().is_transient());
        assert!(in_the_end(inbox::count(&mut begun)).await.unwrap_err().is_transient());
    }
    assert_eq!(count(&db).await.unwrap(), 3);
    db.close().await;
    own.remove().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_has_rested_is_asked_before_an_event_relies_on_it() {
    let Some((own, network, db)) = behind_a_network().await else { return };
    assert_eq!(add(&db, "evt_a").await.unwrap(), 1);
    let Pools::Postgres { kept, .. } = &db.pools else { unreachable!("it is Postgres") };
    kept.lock().await.as_mut().unwrap().1 -= RESTED;
    network.swallow();
    assert_eq!(add(&db, "evt_b").await.unwrap(), 1);
    db.close().await;
    own.remove().await.unwrap();
}

#[tokio::test]
async fn a_pool_misses_no_connection_that_was_dropped_on_a_silent_network() {
    let Some((own, network, db)) = behind_a_network().await else { return };
    for _ in 0..3 {
        let mut begun = db.begin().await.unwrap();
        inbox::count(&mut begun).await.unwrap();
        network.swallow();
        drop(begun);

        let mut begun = db.begin().await.unwrap();
        network.swallow();
        let left = timeout(SHORT / 4, inbox::count(&mut begun)).await;
        assert!(left.is_err(), "nobody waits for it: {left:?}");
        drop(begun);
    }
    assert_eq!(count(&db).await.unwrap(), 0);
    db.close().await;
    own.remove().await.unwrap();
}
