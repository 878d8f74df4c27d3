//! Checks answers of the sandbox against Stripe's declared shapes, for tests in other languages:
//! one `{"method", "path", "status", "body"}` a line on standard input, what is wrong with them on
//! standard error.

#[path = "../tests/shapes/check.rs"]
mod check;

use std::io::{self, Read};
use std::process::ExitCode;

use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    method: String,
    path: String,
    status: u16,
    body: String,
}

fn main() -> ExitCode {
    let mut said = String::new();
    if let Err(error) = io::stdin().read_to_string(&mut said) {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let mut faults = Vec::new();
    for line in said.lines() {
        match serde_json::from_str::<Answer>(line) {
            Ok(Answer { method, path, status, body }) => {
                faults.extend(check::answer(&method.to_uppercase(), &path, status, &body));
            }
            Err(error) => faults.push(format!("not an answer: {error}")),
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    println!("{} answers, {} faults", said.lines().count(), faults.len());
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
