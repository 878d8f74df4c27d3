//! The tools of `specie dev`: what the strip under each page leads to.

pub(crate) mod local;
mod mailbox;
mod tools;

use axum::Router;
use axum::routing::{get, post};

use crate::App;
use crate::pages::dressed;

/// Everything under `/dev`; nothing in production.
pub(crate) fn router(app: &App) -> Router<App> {
    if app.dev.is_none() {
        return Router::new();
    }
    let tools = Router::new()
        .route("/clock", post(tools::jump))
        .route("/customers", post(tools::switch))
        .route("/mailbox", get(mailbox::list))
        .route("/mailbox/{key}", get(mailbox::show))
        .route("/mailbox/{key}/html", get(mailbox::body));
    Router::new().nest("/dev", dressed(tools, app))
}
