//! Flows over the real sandbox, in process, with one clock.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod account;
mod ahead;
mod alarms;
mod away;
mod browser;
mod ceiling;
mod checks;
mod deleted;
mod doors;
mod endpoints;
mod fetches;
mod full;
mod generations;
mod gone;
mod happenings;
mod late;
mod lifecycle;
mod losses;
mod one_subscription;
mod outage;
mod overtaken;
mod returning;
mod rows;
mod set;
mod shapes;
mod simulation;
mod story;
mod strangers;
mod stuck;
mod tampering;
mod trail;
mod two_groups;
mod views;
mod webhooks;
mod year;
