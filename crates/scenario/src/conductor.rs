//! One conductor moves time. The world's clock is the only one that is stored; between two steps
//! everything that a step caused comes to rest.

use std::sync::Arc;

use specie_sandbox::Sandbox;
use specie_server::{ApiError, App, anchor, quiet, watermark};
use specie_stripe::Transport;
use specie_vocab::{ManualClock, OffsetClock, WallClock, WallTime};

/// Wall time that can be skipped when only work that waits for it is left.
pub trait Skip: WallClock {
    /// Moves on to `to`, if that is ahead.
    fn skip_to(&self, to: WallTime);
}

impl Skip for ManualClock {
    fn skip_to(&self, to: WallTime) {
        self.advance_to(to.timestamp());
    }
}

impl Skip for OffsetClock {
    fn skip_to(&self, to: WallTime) {
        OffsetClock::skip_to(self, to);
    }
}

/// Why time does not move on.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// The service failed.
    #[error("the service failed: {0}")]
    Service(ApiError),
    /// The sandbox cannot write its journal.
    #[error(transparent)]
    Sandbox(#[from] specie_sandbox::Unwritable),
    /// Something is always due.
    #[error("it does not come to rest: something is due again and again")]
    Restless,
}

impl From<ApiError> for Stuck {
    fn from(error: ApiError) -> Self {
        Self::Service(error)
    }
}

/// Moves the world's clock, delivers, and runs both sides to rest.
#[derive(Clone)]
pub struct Conductor {
    apps: Vec<App>,
    sandbox: Sandbox,
    deliver: Transport,
    wall: Arc<dyn Skip>,
    /// One jump at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Rounds without rest that are taken for a bug.
const ROUNDS: usize = 100_000;

impl Conductor {
    /// Conducts `sandbox` and the replicas of the service in `apps`, whose webhooks travel by
    /// `deliver`.
    pub fn new(apps: Vec<App>, sandbox: Sandbox, deliver: Transport, wall: Arc<dyn Skip>) -> Self {
        Self { apps, sandbox, deliver, wall, turn: Arc::default() }
    }

    /// Delivers and works on what is due now, without moving any clock.
    pub async fn pulse(&self) -> Result<(), Stuck> {
        let Ok(_turn) = self.turn.try_lock() else { return Ok(()) };
        self.present().await.map(drop)
    }

    /// Comes to rest at the present business time; wall time moves when only what waits for it is
    /// left.
    pub async fn settle(&self) -> Result<(), Stuck> {
        let _turn = self.turn.lock().await;
        self.rest().await.map(drop)
    }

    /// Moves business time to `to`, step by step, and ends with one watermark pass at rest.
    /// An earlier moment only comes to rest.
    pub async fn advance_to(&self, to: i64) -> Result<(), Stuck> {
        let _turn = self.turn.lock().await;
        for _ in 0..ROUNDS {
            if !self.step_on(to).await? {
                return self.catch_up().await;
            }
        }
        Err(Stuck::Restless)
    }

    /// One step: to the next moment at which anything is due, but not past `to`. Answers whether
    /// there was one.
    pub async fn step(&self, to: i64) -> Result<bool, Stuck> {
        let _turn = self.turn.lock().await;
        self.step_on(to).await
    }

    async fn step_on(&self, to: i64) -> Result<bool, Stuck> {
        let waiting = self.rest().await?;
        let wakes = waiting.business.map(|at| at.as_second());
        let next = [self.sandbox.next_due(), wakes].into_iter().flatten().min();
        let next = next.unwrap_or(to).min(to).max(self.sandbox.now());
        self.sandbox.advance(next)?;
        self.rest().await?;
        Ok(next < to)
    }

    /// One watermark pass of each replica, without moving any clock.
    pub async fn pass(&self) -> Result<(), Stuck> {
        let Ok(_turn) = self.turn.try_lock() else { return Ok(()) };
        for app in &self.apps {
            watermark::pass(app).await?;
        }
        Ok(())
    }

    /// One watermark pass of each replica, and what it brings.
    pub async fn watermark(&self) -> Result<(), Stuck> {
        let _turn = self.turn.lock().await;
        self.catch_up().await
    }

    /// What this comes to is anchored.
    async fn catch_up(&self) -> Result<(), Stuck> {
        for app in &self.apps {
            watermark::pass(app).await?;
        }
        self.rest().await?;
        for app in &self.apps {
            anchor::anchor(app).await.map_err(ApiError::from)?;
        }
        Ok(())
    }

    /// Takes what has moved in the audit trail into a root, without moving any clock.
    pub async fn anchor(&self) -> Result<(), Stuck> {
        let Ok(_turn) = self.turn.try_lock() else { return Ok(()) };
        for app in &self.apps {
            anchor::anchor(app).await.map_err(ApiError::from)?;
        }
        Ok(())
    }

    async fn rest(&self) -> Result<quiet::Waiting, Stuck> {
        for _ in 0..ROUNDS {
            let waiting = self.present().await?;
            let next = [waiting.wall, self.sandbox.next_delivery()].into_iter().flatten().min();
            match next {
                Some(next) => self.wall.skip_to(next),
                None => return Ok(waiting),
            }
        }
        Err(Stuck::Restless)
    }

    /// Delivers and works until nothing is due at the present times.
    async fn present(&self) -> Result<quiet::Waiting, Stuck> {
        for _ in 0..ROUNDS {
            let mut sent = self.sandbox.deliver(&self.deliver).await;
            let mut waiting = quiet::Waiting::default();
            for app in &self.apps {
                waiting = quiet::run_to_quiet(app).await?;
            }
            // What the service did may have made events.
            sent += self.sandbox.deliver(&self.deliver).await;
            if sent == 0 {
                return Ok(waiting);
            }
        }
        Err(Stuck::Restless)
    }
}
