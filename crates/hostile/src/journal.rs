//! The sandbox's journal.

use std::sync::OnceLock;

use aws_lc_rs::digest;
use specie_sandbox::inspect_journal;
use specie_sandbox::world::Call;
use specie_vocab::hex;

use crate::{Target, many, sandbox};

pub const TARGET: Target = Target {
    name: "journal",
    seeds,
    words: &[
        "\n",
        " ",
        "{}",
        "null",
        "\"seq\":",
        "\"seq\":18446744073709551615",
        "\"seq\":-1",
        "\"answer\":",
        "\"input\":",
        "\"wall\":",
        "\"what\":",
        "\"call\":",
        "\"settle\"",
        "\"flush\"",
        "{\"advance\":{\"to\":1}}",
        "\"version\":",
        "\"0.0.0/0\"",
    ],
    run,
    grown,
};

/// A journal as a sandbox writes it.
fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let sandbox = sandbox(Some(folder.path().into()));
    for name in ["Ada", "Ben", "Cleo"] {
        let call = Call {
            method: "POST".into(),
            path: "/v1/customers".into(),
            body: format!("name={name}"),
            authorization: Some("Bearer sk_test_anybody".into()),
            ..Call::default()
        };
        sandbox.call(call).expect("it is written");
    }
    sandbox.advance(sandbox.now() + 60).expect("it is written");
    std::fs::read(folder.path().join("journal")).expect("it was just written")
}

fn seeds() -> Vec<Vec<u8>> {
    static WRITTEN: OnceLock<Vec<u8>> = OnceLock::new();
    let whole = WRITTEN.get_or_init(written);
    let torn = whole[..whole.len() - 40].to_vec();
    vec![whole.clone(), torn, b"\n".to_vec()]
}

fn run(bytes: &[u8]) {
    check(bytes);
    // The same with true sums, so that what stands behind them is read.
    check(&summed(bytes));
}

fn check(bytes: &[u8]) {
    match inspect_journal(bytes) {
        Ok(found) => {
            assert_eq!(found.kept + found.cut, bytes.len() as u64);
            let kept = &bytes[..usize::try_from(found.kept).expect("it is within the bytes")];
            let again = inspect_journal(kept).expect("what is kept opens");
            assert_eq!((again.inputs, again.kept, again.cut), (found.inputs, found.kept, 0));
        }
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
}

/// Each line with the sum that its text has.
fn summed(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len());
    for raw in bytes.split_inclusive(|b| *b == b'\n') {
        let (line, end) = match raw.strip_suffix(b"\n") {
            Some(line) => (line, &b"\n"[..]),
            None => (raw, &b""[..]),
        };
        let json = line.get(17..).unwrap_or_default();
        let sum = hex(&digest::digest(&digest::SHA256, json).as_ref()[..8]);
        all.extend_from_slice(&[sum.as_bytes(), b" ", json, end].concat());
    }
    all
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let whole = written();
    let head = whole.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    let after = |unit: &str| summed(&[&whole[..head], many(unit, size).as_slice()].concat());
    let entry = format!(
        "{} {{\"seq\":1,\"answer\":\"\",\"input\":{{\"wall\":0,\"what\":\"flush\"}}}}\n",
        "0".repeat(16)
    );
    vec![
        after(&entry),
        many("\n", size),
        [&whole[..head], many("\n", size).as_slice()].concat(),
        [&whole[..head], many("x", size).as_slice()].concat(),
        many("x", size),
    ]
}
