//! A service of one or more processes, a sandbox and a mail server, each a process or a thread of
//! its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use specie_vocab::Secret;

use crate::catalog::project;
use crate::place::{Place, Running};
use crate::serve::start;
use crate::way::{Heard, post_office};
use crate::web::free_port;

use super::load::Pulse;
use super::under_way::{Kind, UnderWay};

/// How often a mail with each `Message-ID` came.
type Mails = Arc<Mutex<BTreeMap<String, usize>>>;

/// See above.
pub struct Town {
    pub place: Place,
    pub sandbox: Running,
    /// The sandbox's address.
    pub stripe: String,
    /// The addresses of the replicas.
    pub services: Vec<String>,
    /// The mail server of each replica, so that it is known whose mail is under way.
    post_offices: Vec<String>,
    /// A server key.
    pub key: String,
    /// What signs webhooks.
    pub secret: Secret,
    pub mails: Mails,
    pub pulse: Pulse,
    pub under_way: UnderWay,
    running: Vec<Option<Running>>,
}

/// A test that fails shows what the service said last.
impl Drop for Town {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for running in self.running.iter().flatten() {
                let said = running.said();
                eprintln!("{}", said[said.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

impl Town {
    /// Starts all of it on a database that has nothing in it.
    pub fn new(database: &str, replicas: usize) -> Self {
        let (place, sandbox, stripe) = project();
        let (mails, pulse) = (Mails::default(), Pulse::default());
        let under_way = UnderWay::default();
        let services: Vec<_> =
            (0..replicas).map(|_| format!("http://127.0.0.1:{}", free_port())).collect();
        let post_offices = (0..replicas)
            .map(|n| post_office_of(n, mails.clone(), pulse.clone(), under_way.clone()))
            .collect();
        let place = place
            .with("DATABASE_URL", database)
            .with("PUBLIC_URL", &services[0])
            .with("STRIPE_WEBHOOK_SECRET_FILE", "webhook.secret")
            .with("SPECIE_AUDIT_KEY", &"07".repeat(32))
            .with("MAIL_FROM", "billing@example.com");
        place.run(&["migrate", "up"]).fine();
        place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
        let key = place.run(&["keys", "create"]).fine().out.trim().to_owned();
        let secret = Secret::new(place.read("webhook.secret").trim());
        let running = services.iter().map(|_| None).collect();
        let mut town = Self {
            place,
            sandbox,
            stripe,
            services,
            post_offices,
            key,
            secret,
            mails,
            pulse,
            under_way,
            running,
        };
        (0..replicas).for_each(|n| town.start(n));
        town
    }

    pub fn replicas(&self) -> usize {
        self.services.len()
    }

    /// Starts a replica, and returns when it serves.
    pub fn start(&mut self, n: usize) {
        let port = self.services[n].rsplit(':').next().unwrap().parse().unwrap();
        self.place.set("SMTP_URL", &self.post_offices[n]);
        let (running, ..) = start(&self.place, port);
        self.running[n] = Some(running);
    }

    /// Waits until the first replica says that in its log.
    pub fn says(&self, text: &str) {
        self.running[0].as_ref().unwrap().until(text);
    }

    /// `kill -9`.
    pub fn kill(&mut self, n: usize) {
        drop(self.running[n].take());
    }

    /// Lets all replicas end by themselves.
    pub fn stop(&mut self) {
        for running in self.running.iter_mut().filter_map(Option::take) {
            running.stops_by("TERM", Duration::from_secs(15));
        }
    }
}

/// The address of the mail server of a replica.
fn post_office_of(replica: usize, mails: Mails, pulse: Pulse, under_way: UnderWay) -> String {
    let port = post_office(move |heard| match heard {
        Heard::Begun => under_way.begun(Kind::Mail, replica),
        Heard::Lines(mail) => {
            let id = mail.iter().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
            *mails.lock().unwrap().entry(id.to_owned()).or_default() += 1;
            pulse.count();
            under_way.hold();
        }
        Heard::Over => under_way.ended(Kind::Mail, replica),
    });
    format!("smtp://127.0.0.1:{port}")
}
