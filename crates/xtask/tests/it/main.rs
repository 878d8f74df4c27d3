//! The commands for those who work on Specie, from outside. What they measure is not asserted: that
//! they measure is.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod bench;
mod simulate;

use std::path::PathBuf;
use std::process::{Command, Output};

/// `cargo xtask` with `arguments`, in a folder that is no repository.
fn xtask(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(folder.path()).env("TMPDIR", folder.path());
    command.args(arguments).output().unwrap()
}

/// What it printed, if all went well.
fn printed(arguments: &[&str]) -> String {
    let out = xtask(arguments);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{arguments:?}: {} {said}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// The binary that is measured: `cargo build` puts it beside ours.
fn specie() -> PathBuf {
    let specie = PathBuf::from(env!("CARGO_BIN_EXE_xtask")).with_file_name("specie");
    assert!(specie.is_file(), "`{}` is not there: cargo build", specie.display());
    specie
}

/// Whether a Postgres may be started here.
fn has_postgres() -> bool {
    let has = std::env::var_os("SPECIE_TEST_POSTGRES_BIN").is_some();
    if !has {
        eprintln!("skipped on Postgres: SPECIE_TEST_POSTGRES_BIN is not set");
    }
    has
}
