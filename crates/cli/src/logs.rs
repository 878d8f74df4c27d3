//! Logs: JSON, or pretty ones on a terminal. To stderr; data goes to stdout.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Starts logging at `level` for our own parts; libraries speak up from warnings on.
pub fn start(level: LevelFilter) {
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        // It repeats what it does not know of an address, which may be a password.
        .with_target("sqlx_postgres::options", LevelFilter::OFF)
        .with_target("specie_server", level)
        .with_target("specie_sandbox", level)
        .with_target("specie_scenario", level)
        .with_target("specie", level);
    let terminal = std::io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(terminal);
    let layer = if terminal { layer.boxed() } else { layer.json().boxed() };
    // A second start is a test's: the first one stands.
    let _ = registry().with(layer.with_filter(targets)).try_init();
}

/// Quiet but for what needs a person.
pub fn quiet() {
    start(LevelFilter::ERROR);
}
