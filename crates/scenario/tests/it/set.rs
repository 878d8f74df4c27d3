//! Setting the scene.

use jiff::Timestamp;
use specie_billing::{SAASKIT, catalog};
use specie_scenario::{Opening, Over, Stage};
use tempfile::TempDir;

/// A stage with SQLite in a folder of its own, in process.
pub async fn stage() -> (Stage, TempDir) {
    stage_of(1).await
}

/// The same with a seed.
pub async fn stage_of(seed: u64) -> (Stage, TempDir) {
    // Shown only with a test that fails. A second start is another test's: the first one stands.
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::open(Opening {
        database: folder.path().join("specie.db").display().to_string(),
        over: Over::Process,
        start: "2026-01-01T09:00:00Z".parse::<Timestamp>().unwrap(),
        seed,
        catalog: catalog::parse(SAASKIT, "saaskit").unwrap(),
        sandbox_folder: None,
    })
    .await
    .unwrap();
    (stage, folder)
}
