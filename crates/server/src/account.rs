//! The binding to one Stripe account and one mode, at first contact and before the first write.

use specie_store::{Db, StoreError, installation};
use specie_stripe::{Client, Form, Priority};
use specie_vocab::AccountId;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::catalog::CatalogError;
use crate::{ApiError, App};

/// What is said of a key that is not this installation's.
pub const WRONG: &str =
    "the Stripe key is of another account or mode than the one this installation is bound to";

/// Whether this process has made sure whose account it works on.
#[derive(Debug, Default)]
pub struct Binding(OnceCell<()>);

/// Makes sure that the key's account and mode are this installation's: the first ones met are, and
/// stay so. Anything else is refused with `wrong_account`, and a person must decide.
pub async fn ensure(app: &App) -> Result<(), ApiError> {
    app.binding.0.get_or_try_init(|| check(app)).await.map(|_| ())
}

async fn check(app: &App) -> Result<(), ApiError> {
    let account = of_key(&app.stripe).await.map_err(|error| match error {
        CatalogError::Stripe(error) => error.into(),
        other => ApiError::internal(other),
    })?;
    let ours = bind(&app.db, app.id(), &account, app.settings.livemode).await?;
    app.watch.saw_account(!ours);
    if ours {
        return Ok(());
    }
    tracing::error!(%account, "{WRONG}");
    Err(ApiError::conflict("wrong_account", WRONG))
}

/// Whose key `stripe` has.
async fn of_key(stripe: &Client) -> Result<AccountId, CatalogError> {
    let found = stripe.get("/v1/account", &Form::new(), Priority::Interactive).await?;
    let account = found["id"].as_str().unwrap_or_default();
    AccountId::try_from(account).map_err(|error| CatalogError::Unexpected(error.to_string()))
}

async fn bind(db: &Db, id: Uuid, account: &AccountId, live: bool) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    installation::get_or_make(&mut tx, id, now).await?;
    let ours = installation::bind(&mut tx, account, live, now).await?;
    tx.commit().await?;
    Ok(ours)
}

/// The same as [`ensure`] for who has no [`App`], such as a command: binds an installation that is
/// not bound yet.
pub async fn claim(db: &Db, stripe: &Client, id: Uuid, live: bool) -> Result<(), CatalogError> {
    let account = of_key(stripe).await?;
    let ours = bind(db, id, &account, live).await?;
    ours.then_some(()).ok_or(CatalogError::WrongAccount)
}

/// Refuses a key that is not this installation's, and writes nothing.
pub async fn compare(db: &Db, stripe: &Client, live: bool) -> Result<(), CatalogError> {
    let Some(bound) = installation::get(&mut db.read().await?).await? else { return Ok(()) };
    let (Some(ours), Some(mode)) = (bound.account, bound.livemode) else { return Ok(()) };
    let account = of_key(stripe).await?;
    (ours == account && mode == live).then_some(()).ok_or(CatalogError::WrongAccount)
}
