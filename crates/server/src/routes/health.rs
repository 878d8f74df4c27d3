//! Whether the process lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use specie_store::{StoreError, migration_status, watermarks};

use crate::App;
use crate::alarms::{CLOCK_OFF, SILENT};

const NO_ANSWER: &str = "no answer";
/// Nobody says when its list of events was last read.
const UNKNOWN: &str = "unknown";

/// Says that the process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain"))
)]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Ready, when the database answers with the right schema and its clock agrees with ours. An
/// unreachable Stripe is told, and stops nothing: webhooks are taken all the same.
pub(super) async fn readyz(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let database = database(&app).await;
    // A database that is away is not waited for once more.
    let stripe = match database {
        Ok(()) => stripe(&app).await.unwrap_or(UNKNOWN),
        Err(_) if app.stripe.outages() > 0 => NO_ANSWER,
        Err(_) => UNKNOWN,
    };
    let status = match database {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let database = database.map_or_else(|why| why, |()| "ok");
    (
        status,
        Json(json!({ "ready": status == StatusCode::OK, "database": database, "stripe": stripe })),
    )
}

async fn database(app: &App) -> Result<(), &'static str> {
    let failed = |error: StoreError| {
        tracing::error!(%error, "not ready");
        "it does not answer"
    };
    let status = match migration_status(&app.db).await {
        Err(StoreError::SchemaTooNew { .. }) => {
            return Err("its schema is newer than this program: run the newer program");
        }
        status => status.map_err(failed)?,
    };
    if status.current != status.newest {
        return Err("its schema is not up to date: run `specie migrate up`");
    }
    let mut tx = app.db.read().await.map_err(failed)?;
    let theirs = tx.now().await.map_err(failed)?;
    if theirs.seconds_since(app.wall.now()).abs() > CLOCK_OFF {
        return Err("its clock and this machine's differ by more than a minute");
    }
    drop(tx);
    // A file was opened for writing, or the process would not run.
    if app.db.is_postgres() && app.db.only_reads().await.map_err(failed)? {
        return Err("it can only be read: name the primary server, and a user who may write");
    }
    Ok(())
}

/// What is known of Stripe: `no answer` when the last call got none.
async fn stripe(app: &App) -> Result<&'static str, StoreError> {
    if app.stripe.outages() > 0 {
        return Ok(NO_ANSWER);
    }
    let mut tx = app.db.read().await?;
    Ok(match watermarks::latest(&mut tx).await? {
        None => "not asked yet",
        Some(mark) if app.wall.now().seconds_since(mark.began_at) > SILENT => "silent",
        Some(_) => "ok",
    })
}
