//! `GET plans`.

use axum::Json;
use axum::extract::State;

use crate::views::PlanView;
use crate::{App, reads};

/// The plans that can be bought.
#[utoipa::path(
    get, path = "/plans", tag = "plans", security(()),
    responses((status = 200, description = "In the catalog's order", body = Vec<PlanView>))
)]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<PlanView>> {
    Json(reads::plans(&app))
}
