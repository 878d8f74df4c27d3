//! The time of a document: `--now`, else `SOURCE_DATE_EPOCH`, else the clock.

use jiff::Timestamp;
use specie_vocab::{SystemClock, WallClock};

use crate::fail::Fail;

/// The time that was asked for, to the second, in UTC. `named` is what `--now` says, as RFC 3339.
pub fn now(named: Option<&str>) -> Result<Timestamp, Fail> {
    if let Some(named) = named {
        return named.parse().map_err(|_| {
            Fail::Input(format!(
                "`--now {named}` is no time, expected one such as `2026-01-31T09:30:00Z`"
            ))
        });
    }
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        let now = SystemClock.now().timestamp();
        return Ok(Timestamp::from_second(now.as_second()).unwrap_or(now));
    };
    let epoch = epoch.to_string_lossy();
    let second = epoch.trim().parse().ok().and_then(|it| Timestamp::from_second(it).ok());
    second.ok_or_else(|| {
        Fail::Input(format!("SOURCE_DATE_EPOCH is `{epoch}`, expected seconds since 1970"))
    })
}

/// `2026-01-31`
pub fn day(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d").to_string()
}

/// `2026-01-31 09:30`
pub fn minute(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d %H:%M").to_string()
}
