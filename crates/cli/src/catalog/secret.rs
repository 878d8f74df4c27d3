//! The webhook endpoint's secret: Stripe says it once, so it is kept at once.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use specie_server::catalog::{self as in_stripe, Endpoint};
use specie_stripe::Client;
use specie_vocab::Secret;

use crate::fail::Fail;
use crate::out;

/// Refuses a place where a new secret could not be kept, before there is one.
pub(super) fn make_sure(path: &Path, is_needed: bool) -> Result<(), Fail> {
    if path.exists() {
        return match is_needed {
            false => Ok(()),
            true => Err(Fail::Input(format!(
                "`{}` is there already and is not overwritten: it may hold another endpoint's secret\n\nhint: name another file with `--secret-file`, or move it away",
                path.display()
            ))),
        };
    }
    write(path, "")?;
    std::fs::remove_file(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fail {
    Fail::Input(format!("`{}` cannot be written: {error}", path.display()))
}

/// Makes a file for its owner alone; one that is there is not touched.
fn write(path: &Path, text: &str) -> Result<(), Fail> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| unwritable(path, &error))
}

/// What there is to keep, and where.
pub(super) struct Wanted<'a> {
    /// The new endpoint's secret.
    pub new: Option<Secret>,
    /// Where it goes.
    pub file: Option<&'a Path>,
    /// Whether the service knows one.
    pub is_known: bool,
}

/// Where the secret is now.
pub(super) enum Kept {
    /// In a file.
    In(PathBuf),
    /// Nowhere but here: it is shown.
    Shown(Secret),
    /// The endpoint was there before, and somebody has it.
    Before,
    /// The endpoint was there before, and nobody here has it.
    Lost,
}

/// Keeps the new secret, or the one that a broken run made and could not keep.
pub(super) async fn keep(
    stripe: &Client,
    endpoint: &Endpoint,
    wanted: Wanted<'_>,
) -> Result<Kept, Fail> {
    let Wanted { new, file, is_known } = wanted;
    let secret = match new {
        Some(secret) => secret,
        None if is_known || file.is_some_and(Path::exists) => return Ok(Kept::Before),
        None => match in_stripe::told_again(stripe, endpoint).await.map_err(super::failed)? {
            Some(secret) => secret,
            None => return Ok(Kept::Lost),
        },
    };
    match file {
        // A file that cannot be written after all must not lose the secret.
        Some(path) if write(path, &format!("{}\n", secret.expose())).is_ok() => {
            Ok(Kept::In(path.to_owned()))
        }
        _ => Ok(Kept::Shown(secret)),
    }
}

impl Kept {
    /// The file, if one holds it.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::In(path) => Some(path),
            _ => None,
        }
    }

    /// The secret, if no file holds it.
    pub(super) fn shown(&self) -> Option<&str> {
        match self {
            Self::Shown(secret) => Some(secret.expose()),
            _ => None,
        }
    }

    /// Says where it is.
    pub(super) fn tell(&self) -> Result<(), Fail> {
        match self {
            Self::In(path) => out::say(format!(
                "\nthe webhook secret is in `{0}`: start `specie serve` with STRIPE_WEBHOOK_SECRET_FILE={0}, or copy it into STRIPE_WEBHOOK_SECRET",
                path.display()
            )),
            Self::Shown(secret) => {
                out::say(format!("\nSTRIPE_WEBHOOK_SECRET={}   (shown this once)", secret.expose()))
            }
            Self::Before => Ok(()),
            Self::Lost => out::say(
                "\nthe webhook endpoint was there before: its secret stands in Stripe's dashboard under Developers, Webhooks; or delete the endpoint there and apply again",
            ),
        }
    }
}
