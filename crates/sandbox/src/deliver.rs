//! Sends webhooks: signed, one at a time, in the order in which things happened.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response};
use specie_stripe::sign;
use specie_vocab::{Secret, WallTime};
use tower::{Service, ServiceExt};

use crate::deliveries::{Outcome, Waiting};
use crate::faults::Fault;
use crate::input::What;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// Sends what is due, and what falls due by that, until nothing is. Answers how many requests
    /// reached the transport. A failed one is tried again when the plan says so.
    pub async fn deliver<S>(&self, transport: &S) -> usize
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
        S::Error: Display,
    {
        self.deliver_within(transport, None).await
    }

    /// As [`Sandbox::deliver`], waiting for each answer as long as `limit` says.
    pub(crate) async fn deliver_within<S>(&self, transport: &S, limit: Option<Duration>) -> usize
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
        S::Error: Display,
    {
        let _turn = self.shared().sending.lock().await;
        if self.catch_up().is_err() {
            return 0;
        }
        let mut sent = 0;
        while let Some(waiting) = self.due() {
            let before = self.shared().wall.now();
            let outcome = match self.address(&waiting) {
                None => Outcome::Dropped,
                Some(url) => {
                    let fault = self.fault(&waiting);
                    match fault {
                        Some(Fault::Lose) => Outcome::Lost,
                        Some(Fault::Delay(seconds)) => Outcome::Held(self.wall() + seconds.max(1)),
                        Some(Fault::Fail) => Outcome::Failed("lost on the way".into()),
                        Some(Fault::Duplicate) => {
                            sent += 2;
                            self.send(transport, &waiting, &url, limit).await;
                            self.send(transport, &waiting, &url, limit).await
                        }
                        None => {
                            sent += 1;
                            self.send(transport, &waiting, &url, limit).await
                        }
                    }
                }
            };
            let after = self.shared().wall.now();
            let millis = after.timestamp().as_millisecond() - before.timestamp().as_millisecond();
            let what = What::Attempt { number: waiting.number, outcome, millis };
            if self.put(what).is_err() {
                break;
            }
        }
        sent
    }

    /// What is to be sent next. What cannot be written down is not sent: nobody would know of it
    /// after the next start.
    fn due(&self) -> Option<Waiting> {
        if self.is_broken() {
            return None;
        }
        let wall = self.wall();
        self.read(|state| state.deliveries.due(wall).cloned())
    }

    fn fault(&self, waiting: &Waiting) -> Option<Fault> {
        let named = self.faults().next();
        let fault = named
            .or_else(|| self.read(|state| state.chaos.webhook(waiting.number, waiting.attempts)));
        fault.filter(|fault| !(waiting.held && matches!(fault, Fault::Delay(_))))
    }

    /// Where the endpoint is now; none if it was deleted or switched off.
    fn address(&self, waiting: &Waiting) -> Option<String> {
        let endpoint = self.object(&waiting.pending.endpoint)?;
        let on = endpoint["status"].as_str().is_none_or(|status| status == "enabled");
        let url = endpoint["url"].as_str().unwrap_or(&waiting.pending.url);
        (on && endpoint["deleted"] != true).then(|| url.to_owned())
    }

    async fn send<S>(
        &self,
        transport: &S,
        waiting: &Waiting,
        url: &str,
        limit: Option<Duration>,
    ) -> Outcome
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
        S::Error: Display,
    {
        let pending = &waiting.pending;
        let wall = self.wall();
        let secrets = self.read(|state| state.world.signing_secrets(&pending.endpoint, wall));
        let signature = signature(&secrets, pending.body.as_bytes(), self.shared().wall.now());
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header(USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("stripe-signature", signature)
            .body(Bytes::from(pending.body.clone()));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let answer = transport.clone().oneshot(request);
        let answer = match limit {
            None => answer.await,
            Some(limit) => match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer,
                Err(_) => return Outcome::Failed(format!("no answer in {} s", limit.as_secs())),
            },
        };
        match answer {
            Ok(response) => Outcome::Answered(response.status().as_u16()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// `t=…,v1=…,v0=…` as Stripe's test mode writes it: a `v1` for each secret that signs, and a
/// scheme that nobody may believe.
fn signature(secrets: &[String], body: &[u8], at: WallTime) -> String {
    let tag = |secret: &str| {
        let signed = sign(&Secret::new(secret), body, at);
        signed.rsplit('=').next().unwrap_or_default().to_owned()
    };
    let mut header = format!("t={}", at.as_second());
    for secret in secrets {
        header += &format!(",v1={}", tag(secret));
    }
    header + &format!(",v0={}", tag("whsec_nobodyBelievesThis"))
}
