//! The time that a document says, so that it can be written a second time as it was.

use clap::Args;
use jiff::Timestamp;
use specie_vocab::{SystemClock, WallClock};

use crate::fail::Fail;

/// `--now`, for commands that write a time.
#[derive(Args)]
pub struct Now {
    /// The time to write, as in 2026-01-31T08:00:00Z [default: `SOURCE_DATE_EPOCH`, else the clock]
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

impl Now {
    /// The time: what `--now` says, else `SOURCE_DATE_EPOCH` in seconds, else the clock.
    pub fn get(&self) -> Result<Timestamp, Fail> {
        let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().filter(|it| !it.is_empty());
        chosen(self.now, epoch.as_deref(), || SystemClock.now().timestamp())
    }
}

/// `2026-01-31`
pub fn day(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d").to_string()
}

/// `2026-01-31 09:30`
pub fn minute(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d %H:%M").to_string()
}

fn chosen(
    asked: Option<Timestamp>,
    epoch: Option<&str>,
    clock: impl FnOnce() -> Timestamp,
) -> Result<Timestamp, Fail> {
    match (asked, epoch) {
        (Some(now), _) => Ok(now),
        (None, Some(epoch)) => {
            let second = epoch.trim().parse::<i64>().ok();
            second.and_then(|second| Timestamp::from_second(second).ok()).ok_or_else(|| {
                Fail::Input(format!(
                    "`SOURCE_DATE_EPOCH` is `{epoch}`, expected seconds since 1970\n\nhint: `--now` goes before it"
                ))
            })
        }
        (None, None) => Ok(clock()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_variable_and_that_before_the_clock() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let of = |asked, epoch| chosen(asked, epoch, || at(3)).map_err(|_| ());
        assert_eq!(of(Some(at(1)), Some("2")), Ok(at(1)));
        assert_eq!(of(None, Some("2")), Ok(at(2)));
        assert_eq!(of(None, None), Ok(at(3)));
        assert_eq!(of(None, Some("soon")), Err(()));
    }
}
