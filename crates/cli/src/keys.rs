//! `specie keys`: server keys.

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::json;
use specie_server::api_keys;
use specie_store::keys::{self, ApiKey};
use specie_vocab::{Secret, SystemChance, SystemClock, WallClock};
use uuid::Uuid;

use crate::config::Environment;
use crate::database::{self, Writer};
use crate::fail::Fail;
use crate::operator::{self, NewKey};
use crate::out;
use crate::table::{self, Column, left};

/// See `specie keys --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie keys create --name backend\n  specie keys list\n  specie keys revoke 01941f29-7c00-7000-8000-000000000000\n\nThe database is the one that `DATABASE_URL` names; a running `specie serve` may stay."
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
    /// Makes a key, and shows it this once.
    #[command(
        after_help = "Examples:\n  specie keys create --name backend\n  KEY=$(specie keys create)"
    )]
    Create {
        /// What it is for.
        #[arg(long, default_value = "server")]
        name: String,
        /// Whose customers it speaks for: an app's id means a customer within its realm.
        #[arg(long, default_value = "app")]
        realm: String,
    },
    /// Lists the keys, without their secrets.
    #[command(after_help = "Examples:\n  specie keys list --json")]
    List,
    /// Revokes a key, at once.
    #[command(after_help = "Examples:\n  specie keys revoke 01941f29-7c00-7000-8000-000000000000")]
    Revoke {
        /// Its id, as `list` shows it.
        id: Uuid,
    },
}

/// Id, prefix, realm, name, state.
const COLUMNS: [Column; 5] = [left(36), left(23), left(8), left(16), left(32)];

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let environment = Environment::read()?;
    match arguments.what {
        What::Create { name, realm } => {
            api_keys::check(&realm, &name).map_err(Fail::Input)?;
            let writer = database::writer(&environment).await?;
            let key = create(writer, NewKey { realm, name }).await?;
            if arguments.json {
                return out::json(&json!({ "key": key.expose() }));
            }
            out::say(key.expose())?;
            eprintln!("this is shown once; only its digest is stored");
        }
        What::List => {
            let db = database::reader(&environment).await?;
            let all = keys::list(&mut db.read().await?).await?;
            list(&all, arguments.json)?;
        }
        What::Revoke { id } => {
            let writer = database::writer(&environment).await?;
            if !revoke(writer, id).await? {
                return Err(Fail::Input(format!(
                    "there is no active key `{id}`\n\nhint: `specie keys list` shows them"
                )));
            }
            if arguments.json {
                return out::json(&json!({ "revoked": id }));
            }
            out::say(format!("revoked {id}"))?;
        }
    }
    Ok(())
}

async fn create(writer: Writer, new: NewKey) -> Result<Secret, Fail> {
    match writer {
        Writer::Direct(db) => {
            Ok(api_keys::create(&db, &SystemChance, &new.realm, &new.name).await?)
        }
        Writer::Through(path) => {
            let answer = operator::ask(&path, Method::POST, "/operator/keys", &new).await?;
            Ok(Secret::new(answer["key"].as_str().unwrap_or_default()))
        }
    }
}

async fn revoke(writer: Writer, id: Uuid) -> Result<bool, Fail> {
    match writer {
        Writer::Direct(db) => {
            let mut tx = db.begin().await?;
            let revoked = keys::revoke(&mut tx, id, SystemClock.now()).await?;
            tx.commit().await?;
            Ok(revoked)
        }
        Writer::Through(path) => {
            let door = format!("/operator/keys/{id}");
            let answer = operator::ask(&path, Method::DELETE, &door, &()).await?;
            Ok(answer["revoked"] == true)
        }
    }
}

fn list(all: &[ApiKey], as_json: bool) -> Result<(), Fail> {
    if as_json {
        let shown = |key: &ApiKey| {
            json!({
                "id": key.id, "prefix": key.prefix, "realm": key.realm, "name": key.name,
                "created_at": key.created_at.timestamp(),
                "revoked_at": key.revoked_at.map(|at| at.timestamp()),
            })
        };
        return out::json(&json!({ "keys": all.iter().map(shown).collect::<Vec<_>>() }));
    }
    if all.is_empty() {
        return out::say("there are no keys yet: `specie keys create` makes one");
    }
    out::say(table::row(&COLUMNS, &["id", "key", "realm", "name", "state"]))?;
    for key in all {
        let day = |at: specie_vocab::WallTime| at.timestamp().strftime("%Y-%m-%d").to_string();
        let state = match key.revoked_at {
            None => format!("active since {}", day(key.created_at)),
            Some(at) => format!("revoked on {}", day(at)),
        };
        let (id, prefix) = (key.id.to_string(), format!("{}…", key.prefix));
        out::say(table::row(&COLUMNS, &[&id, &prefix, &key.realm, &key.name, &state]))?;
    }
    Ok(())
}
