//! `specie audit`: whether the audit trail is as it was written.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use specie_server::anchor;
use specie_server::digest::sha256;
use specie_store::roots::verify::{Checks, Finding, Place, Report, verify};
use specie_vocab::hex;

use crate::config::Environment;
use crate::database;
use crate::fail::Fail;
use crate::{out, settings};

/// What the log says of a root.
const TOLD: &str = "the audit trail is anchored";

/// See `specie audit --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie audit verify\n  specie audit verify --root anchors.log\n\nIt reads the database that `DATABASE_URL` names, beside a running `specie serve`."
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Looks at every chain, every root and every signature; exit code 3 if something does not fit.
    #[command(
        after_help = "Examples:\n  specie audit verify\n  specie audit verify --public-key 2f8c…\n  specie audit verify --root service.log --json\n\nThe public key is the one of `SPECIE_AUDIT_KEY`, or those that are named. `--root` takes the\ndigest of a root, or a file of log lines that were kept elsewhere."
    )]
    Verify {
        /// A public key that may have signed roots (32 bytes in hex or base64); may be repeated.
        #[arg(long, value_name = "KEY")]
        public_key: Vec<String>,
        /// The digest of a root, or a file of log lines that tell of roots; may be repeated.
        #[arg(long, value_name = "FILE|HEX")]
        root: Vec<String>,
    },
}

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let What::Verify { public_key, root } = &arguments.what;
    let environment = Environment::read()?;
    let trusted = trusted(&environment, public_key)?;
    let kept = kept(root)?;
    let db = database::reader(&environment).await?;
    let checks =
        Checks { digest: sha256, signed_by: anchor::is_signed_by, trusted: &trusted, kept: &kept };
    let report = verify(&mut db.snapshot().await?, checks).await?;
    if arguments.json {
        out::json(&document(&report, &trusted, &kept))?;
    } else {
        tell(&report, &trusted, &kept)?;
    }
    if report.findings.is_empty() { Ok(()) } else { Err(Fail::Found) }
}

/// The keys that are named, and that of the environment.
fn trusted(environment: &Environment, named: &[String]) -> Result<Vec<Vec<u8>>, Fail> {
    let mut keys = Vec::new();
    for text in named {
        let key = anchor::public_key(text).ok_or_else(|| {
            Fail::Input(format!(
                "`--public-key` is `{text}`, expected 32 bytes in hex or base64\n\nhint: the service says its key when it starts, and each root in the log names its `signer`"
            ))
        })?;
        keys.push(key.to_vec());
    }
    if let Some(key) = settings::audit_key(environment)? {
        keys.push(key.public().to_vec());
    }
    keys.dedup();
    Ok(keys)
}

/// The digests that were kept elsewhere.
fn kept(named: &[String]) -> Result<Vec<Vec<u8>>, Fail> {
    let mut digests = Vec::new();
    for it in named {
        if let Some(digest) = unhex(it) {
            digests.push(digest);
            continue;
        }
        let text = std::fs::read_to_string(it).map_err(|error| {
            Fail::Input(format!(
                "`--root` is `{it}`, expected the digest of a root (64 digits of hex) or a file of log lines, which cannot be read: {error}"
            ))
        })?;
        let found = of_log(&text);
        if found.is_empty() {
            return Err(Fail::Input(format!(
                "`{it}` tells of no root: expected lines with `{TOLD}` and a `digest`"
            )));
        }
        digests.extend(found);
    }
    Ok(digests)
}

/// The digests of the roots that a log tells of, as JSON or as text.
fn of_log(text: &str) -> Vec<Vec<u8>> {
    let digest = |line: &str| {
        let (_, rest) = line.split_once("digest")?;
        let rest = rest.trim_start_matches(['"', ':', '=', ' ']);
        unhex(rest.get(..64)?)
    };
    text.lines().filter(|line| line.contains(TOLD)).filter_map(digest).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn document(report: &Report, trusted: &[Vec<u8>], kept: &[Vec<u8>]) -> Value {
    let finding = |it: &Finding| {
        let mut told = json!({ "what": it.what });
        match &it.place {
            Place::Entry { payer, n } => {
                told["customer"] = json!(payer.to_string());
                told["entry"] = json!(n);
            }
            Place::Root { n } => told["root"] = json!(n),
            Place::Kept { digest } => told["kept"] = json!(hex(digest)),
        }
        told
    };
    let keys = |keys: &[Vec<u8>]| keys.iter().map(|key| hex(key)).collect::<Vec<_>>();
    json!({
        "sound": report.findings.is_empty(),
        "customers": report.payers, "entries": report.entries, "unanchored": report.unanchored,
        "roots": report.roots, "signed": report.signed, "signers": keys(&report.signers),
        "trusted": keys(trusted), "kept": keys(kept),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn tell(report: &Report, trusted: &[Vec<u8>], kept: &[Vec<u8>]) -> Result<(), Fail> {
    for Finding { place, what } in &report.findings {
        out::say(format!("{place}: {what}"))?;
    }
    out::say(format!(
        "{} entries of {} customers, {} of them not anchored yet; {} roots, {} signed; {} kept elsewhere",
        report.entries,
        report.payers,
        report.unanchored,
        report.roots,
        report.signed,
        kept.len()
    ))?;
    for signer in &report.signers {
        out::say(format!("signed by {}", hex(signer)))?;
    }
    if trusted.is_empty() {
        eprintln!(
            "note: it was not asked who signed; `SPECIE_AUDIT_KEY` or `--public-key` names a key"
        );
    }
    out::say(match report.findings.len() {
        0 => "sound".into(),
        n => out::count(n, "finding"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_from_logs_of_both_forms() {
        let hex = "ab".repeat(32);
        let json = format!(r#"{{"fields":{{"message":"{TOLD}","root":1,"digest":"{hex}"}}}}"#);
        let text = format!("12:00 INFO {TOLD} root=1 heads=2 digest=\"{hex}\" signer=\"\"");
        let bare = format!("12:00 INFO {TOLD} root=1 digest={hex}");
        let log = format!("nothing digest={hex}\n{json}\n{text}\n{bare}\n{TOLD} digest=ab\n");
        assert_eq!(of_log(&log), vec![vec![0xab; 32]; 3]);
    }
}
