//! Opening the machine's browser, where there is one.

use std::process::{Command, Stdio};

const PROGRAM: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens `url`, or says that nobody could.
pub fn open(url: &str) {
    let url = url.to_owned();
    // The program may stay as long as the browser does.
    std::thread::spawn(move || {
        let mut program = Command::new(PROGRAM);
        let quiet =
            program.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !quiet.status().is_ok_and(|status| status.success()) {
            eprintln!("no browser could be opened: go to {url} yourself");
        }
    });
}
