//! `GET payments`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::StrictQuery;
use super::problems::Problem;
use crate::auth::Reader;
use crate::views::{PageView, PaymentView};
use crate::{ApiError, App, reads};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// How many, 1 to 100; 20 if absent.
    limit: Option<u16>,
}

/// How many payments a page has when nobody says.
const PAGE: u16 = 20;

/// The customer's payments, newest first.
#[utoipa::path(
    get, path = "/payments", tag = "payments",
    params(Wanted),
    responses(
        (status = 200, description = "A page", body = PageView<PaymentView>),
        (status = 400, description = "The cursor or the limit is wrong", body = Problem),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Reader(payer): Reader,
    StrictQuery(Wanted { cursor, limit }): StrictQuery<Wanted>,
) -> Result<Json<PageView<PaymentView>>, ApiError> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::invalid("`limit` must be 1 to 100"));
    }
    Ok(Json(reads::payments(&app, &payer, cursor.as_deref(), limit.into()).await?))
}
