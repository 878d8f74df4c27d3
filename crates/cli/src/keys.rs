//! `specie keys`: server keys.

use clap::{Args, Subcommand};
use specie_server::api_keys;
use specie_store::{Db, Options, keys};
use specie_vocab::{SystemChance, SystemClock, WallClock};
use uuid::Uuid;

use crate::config::Environment;
use crate::fail::Fail;
use crate::serve::database_url;

/// See `specie keys --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie keys create --name backend\n  specie keys list\n  specie keys revoke 01941f29-7c00-7000-8000-000000000000"
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Makes a key, and shows it this once.
    Create {
        /// What it is for.
        #[arg(long, default_value = "server")]
        name: String,
        /// Whose customers it speaks for: an app's id means a customer within its realm.
        #[arg(long, default_value = "app")]
        realm: String,
    },
    /// Lists the keys, without their secrets.
    List,
    /// Revokes a key, at once.
    Revoke {
        /// Its id, as `list` shows it.
        id: Uuid,
    },
}

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let url = database_url(&Environment::read()?)?;
    let db = Db::open(&url, Options::default()).await?;
    match arguments.what {
        What::Create { name, realm } => {
            let key = api_keys::create(&db, &SystemChance, &realm, &name).await?;
            println!("{}", key.expose());
            eprintln!("this is shown once; only its digest is stored");
        }
        What::List => {
            let mut tx = db.read().await?;
            for key in keys::list(&mut tx).await? {
                let state = key.revoked_at.map_or("active".into(), |at| format!("revoked {at}"));
                println!("{}  {}…  {}  {}  {}", key.id, key.prefix, key.realm, key.name, state);
            }
        }
        What::Revoke { id } => {
            let mut tx = db.begin().await?;
            let revoked = keys::revoke(&mut tx, id, SystemClock.now()).await?;
            tx.commit().await?;
            if !revoked {
                return Err(Fail::Input(format!("there is no active key `{id}`")));
            }
            println!("revoked {id}");
        }
    }
    Ok(())
}
