//! Who pays: the app's own customers, known by the app's id within a realm.

use specie_store::customers::{self, Payer};

use crate::{ApiError, App};

/// The customer with the app's `app_id` in `realm`, made if it is new.
pub async fn find_or_create(app: &App, realm: &str, app_id: &str) -> Result<Payer, ApiError> {
    check_app_id(app_id)?;
    let mut tx = app.db.read().await?;
    if let Some(found) = customers::find(&mut tx, realm, app_id).await? {
        return Ok(found);
    }
    drop(tx);

    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let new = Payer {
        id: app.chance.payer(app.wall.now()),
        realm: realm.into(),
        app_id: app_id.into(),
        stripe: None,
        version: 0,
        created_at: now,
    };
    customers::insert(&mut tx, &new).await?;
    let found = customers::find(&mut tx, realm, app_id).await?;
    tx.commit().await?;
    found.ok_or_else(|| ApiError::internal("a customer that was just stored is not there"))
}

/// An app's id has 1 to 200 printable characters.
fn check_app_id(app_id: &str) -> Result<(), ApiError> {
    let fits = (1..=200).contains(&app_id.chars().count());
    if fits && !app_id.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::invalid("a customer's id must have 1 to 200 printable characters"))
}
