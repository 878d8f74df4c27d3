//! The operator's door: commands that write a SQLite file go through the `serve` that holds it.
//!
//! Its address and a token of this run lie beside the database's lock, for its owner alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::{Path as Segment, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use specie_billing::catalog;
use specie_scenario::Door;
use specie_server::auth::key::sha256;
use specie_server::catalog::{self as in_stripe, Endpoint};
use specie_server::events::{self, NotReplayed};
use specie_server::intents::stuck::{self, Decision, NotDecided};
use specie_server::{App, account, api_keys};
use specie_stripe::https_transport;
use specie_vocab::{Chance, IntentId, Secret, SystemChance, SystemClock, WallClock};
use uuid::Uuid;

use crate::fail::Fail;
use crate::files;

/// How long the running service may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A key to be made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Within which the app's ids are unique.
    pub realm: String,
    /// What it is for.
    pub name: String,
}

/// A catalog to be applied.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCatalog {
    /// The file's text.
    pub text: String,
    /// Where Stripe is to send events.
    pub endpoint: String,
}

/// Events to be replayed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToReplay {
    /// Their ids; none means all that are parked.
    pub ids: Vec<String>,
}

/// What is decided about stuck changes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToDecide {
    /// Their ids.
    pub ids: Vec<IntentId>,
    /// What is to become of them.
    pub decision: Decision,
}

#[derive(Serialize, Deserialize)]
struct Note {
    address: String,
    token: String,
}

/// The door of this process. It is closed when this value goes.
pub struct Opened {
    note: PathBuf,
    /// What the private listener serves beside its own.
    pub router: Router,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // A note that stays behind leads nowhere, and is overwritten by the next run.
        let _ = std::fs::remove_file(&self.note);
    }
}

fn note_of(database: &Path) -> PathBuf {
    specie_store::beside(database, ".door")
}

/// Whether whoever holds `database` has a door.
pub fn has_door(database: &Path) -> bool {
    note_of(database).exists()
}

/// Opens the door of a service on the SQLite file `database`, whose private listener is at
/// `address`.
pub fn open(database: &Path, address: &str, app: App) -> Result<Opened, Fail> {
    let token = SystemChance.token();
    let note = note_of(database);
    let text = json!({ "address": address, "token": token }).to_string();
    files::secret_file(&note, &text)?;
    let digest: std::sync::Arc<str> = sha256(&token).into();
    let router = Router::new()
        .route("/operator/keys", post(create))
        .route("/operator/keys/{id}", delete(revoke))
        .route("/operator/catalog", post(apply))
        .route("/operator/replays", post(replay))
        .route("/operator/decisions", post(decide))
        .layer(middleware::from_fn_with_state(digest, authorised))
        .with_state(app);
    Ok(Opened { note, router })
}

/// Digests are compared, so that time tells nothing of the token.
async fn authorised(
    State(digest): State<std::sync::Arc<str>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let shown = shown.and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    if *sha256(shown) != *digest {
        return refused(StatusCode::UNAUTHORIZED, "this is not the token of this run");
    }
    next.run(request).await
}

fn refused(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

async fn create(State(app): State<App>, Json(new): Json<NewKey>) -> Response {
    if let Err(wrong) = api_keys::check(&new.realm, &new.name) {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, wrong);
    }
    match api_keys::create(&app.db, &SystemChance, &new.realm, &new.name).await {
        Ok(key) => Json(json!({ "key": key.expose() })).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn revoke(State(app): State<App>, Segment(id): Segment<Uuid>) -> Response {
    let revoked = async {
        let mut tx = app.db.begin().await?;
        let revoked = specie_store::keys::revoke(&mut tx, id, SystemClock.now()).await?;
        tx.commit().await?;
        Ok::<bool, specie_store::StoreError>(revoked)
    };
    match revoked.await {
        Ok(revoked) => Json(json!({ "revoked": revoked })).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn apply(State(app): State<App>, Json(new): Json<NewCatalog>) -> Response {
    let Ok(catalog) = catalog::parse(&new.text, "the catalog") else {
        return refused(StatusCode::BAD_REQUEST, "the running service does not take this catalog");
    };
    if let Err(error) = account::ensure(&app).await {
        return refused(error.status, error.detail);
    }
    let endpoint = Endpoint { url: new.endpoint };
    match in_stripe::apply(&app.db, &app.stripe, &catalog, Some(&endpoint)).await {
        Ok(applied) => {
            let changes: Vec<_> = applied.changes.iter().map(ToString::to_string).collect();
            let secret = applied.webhook_secret.as_ref().map(Secret::expose);
            Json(json!({ "changes": changes, "webhook_secret": secret })).into_response()
        }
        Err(error) => refused(StatusCode::BAD_GATEWAY, error),
    }
}

async fn replay(State(app): State<App>, Json(wanted): Json<ToReplay>) -> Response {
    match events::replay_here(&app, &wanted.ids).await {
        Ok(replayed) => Json(json!({ "replayed": replayed.events })).into_response(),
        Err(NotReplayed::Store(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn decide(State(app): State<App>, Json(wanted): Json<ToDecide>) -> Response {
    match stuck::decide_here(&app, &wanted.ids, wanted.decision).await {
        Ok(decided) => Json(json!({ "decided": decided.intents })).into_response(),
        Err(NotDecided::Store(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

/// Asks the process that holds `database` to do something.
pub async fn ask(
    database: &Path,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Result<Value, Fail> {
    let in_use = |why: &str| {
        Fail::Failed(format!(
            "another process uses `{}` and {why}\n\nhint: stop it, or name another database with `DATABASE_URL`",
            database.display()
        ))
    };
    let note = std::fs::read_to_string(note_of(database)).ok();
    let note: Option<Note> = note.and_then(|text| serde_json::from_str(&text).ok());
    let note = note.ok_or_else(|| in_use("takes no orders"))?;
    let silent = |why: String| in_use(&format!("does not answer at {}: {why}", note.address));
    let door = Door { transport: https_transport(), base: note.address.clone() };
    let bearer = format!("Bearer {}", note.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = serde_json::to_vec(body).unwrap_or_default();
    let asked = tokio::time::timeout(PATIENCE, door.send(method, path, &headers, body)).await;
    let asked = asked.map_err(|_| silent(format!("nothing came in {} s", PATIENCE.as_secs())))?;
    let reply = asked.map_err(|error| silent(error.to_string()))?;
    let answer = reply.json().unwrap_or_default();
    let why = answer["error"].as_str().unwrap_or(reply.status.as_str());
    match reply.status {
        status if status.is_success() => Ok(answer),
        // What was asked for is not so, and the database would say the same.
        StatusCode::UNPROCESSABLE_ENTITY => Err(Fail::Input(why.into())),
        _ => Err(Fail::Failed(format!("the running service refused: {why}"))),
    }
}
