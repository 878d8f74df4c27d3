//! The binding to one Stripe account and one mode, at first contact and before the first write.

use specie_store::installation;
use specie_stripe::{Form, Priority};
use specie_vocab::AccountId;
use tokio::sync::OnceCell;

use crate::{ApiError, App};

/// Whether this process has made sure whose account it works on.
#[derive(Debug, Default)]
pub struct Binding(OnceCell<()>);

/// Makes sure that the key's account and mode are this installation's: the first ones met are, and
/// stay so. Anything else is refused with `wrong_account`, and a person must decide.
pub async fn ensure(app: &App) -> Result<(), ApiError> {
    app.binding.0.get_or_try_init(|| check(app)).await.map(|_| ())
}

async fn check(app: &App) -> Result<(), ApiError> {
    let found = app.stripe.get("/v1/account", &Form::new(), Priority::Interactive).await?;
    let account = found["id"].as_str().unwrap_or_default();
    let account = AccountId::try_from(account).map_err(ApiError::internal)?;
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    installation::get_or_make(&mut tx, app.id(), now).await?;
    let ours = installation::bind(&mut tx, &account, app.settings.livemode, now).await?;
    tx.commit().await?;
    app.watch.saw_account(!ours);
    if ours {
        return Ok(());
    }
    tracing::error!(
        %account,
        "this Stripe key is of another account or mode than the one this installation is bound to"
    );
    Err(ApiError::conflict(
        "wrong_account",
        "the Stripe key is of another account or mode than the one this installation is bound to",
    ))
}
