//! How a browser comes to the hosted pages: a link with a token that counts once becomes a cookie
//! of the pages' own, and leaves the address.

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use specie_store::{page_sessions, session_tokens};
use specie_vocab::{PayerId, Secret};

use super::key::sha256;
use crate::rates::Kind;
use crate::{ApiError, App, payers};

/// A link into the pages counts for 15 minutes.
pub const TOKEN_SECONDS: i64 = 15 * 60;
/// A browser stays signed in for 12 hours.
pub const COOKIE_SECONDS: i64 = 12 * 60 * 60;

const COOKIE_NAME: &str = "specie_session";
/// So many cookies of our name are tried; a browser sends two when it knows two paths.
const MOST_COOKIES: usize = 4;

/// A browser that is signed in: the request's extension that pages look for.
#[derive(Clone, Debug)]
pub struct Session {
    /// What the cookie holds. Form tokens are made from it.
    pub secret: Secret,
    /// Who pays.
    pub payer: PayerId,
}

/// Makes a link's token for a payer.
pub async fn token(app: &App, payer: PayerId) -> Result<String, ApiError> {
    let token = app.chance.token();
    let expires_at = app.wall.now().plus_seconds(TOKEN_SECONDS);
    let mut tx = app.db.begin().await?;
    session_tokens::add(&mut tx, &sha256(&token), payer, expires_at).await?;
    tx.commit().await?;
    Ok(token)
}

/// Exchanges a link's token for a session, once.
pub async fn exchange(app: &App, token: &str) -> Result<Option<Session>, ApiError> {
    let mut tx = app.db.begin().await?;
    let payer = session_tokens::take(&mut tx, &sha256(token), app.wall.now()).await?;
    tx.commit().await?;
    match payer {
        Some(payer) => Ok(Some(open(app, payer).await?)),
        None => Ok(None),
    }
}

/// Signs a browser in.
pub async fn open(app: &App, payer: PayerId) -> Result<Session, ApiError> {
    let secret = app.chance.token();
    let expires_at = app.wall.now().plus_seconds(COOKIE_SECONDS);
    let mut tx = app.db.begin().await?;
    page_sessions::add(&mut tx, &sha256(&secret), payer, expires_at).await?;
    tx.commit().await?;
    Ok(Session { secret: Secret::new(secret), payer })
}

/// The cookie that keeps a session.
pub fn cookie(app: &App, session: &Session) -> HeaderValue {
    let url = &app.settings.public_url;
    let prefix = app.settings.prefix();
    // In development the tools beside the pages know the visitor too.
    let path = if app.dev.is_some() { format!("{prefix}/") } else { format!("{prefix}/billing") };
    let secure = if url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE_NAME}={}; Path={path}; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
        session.secret.expose()
    );
    HeaderValue::from_str(&text).expect("a token and an address are printable")
}

/// Finds out who visits. In development a visitor without a session becomes the first demo
/// customer.
pub async fn recognise(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let mut new_cookie = None;
    let mut session = find(&app, request.headers()).await?;
    if session.is_none()
        && let Some(dev) = &app.dev
        && let Some((customer, _)) = dev.customers.first()
    {
        let payer = payers::find_or_create(&app, &app.settings.realm, customer).await?;
        let opened = open(&app, payer.id).await?;
        new_cookie = Some(cookie(&app, &opened));
        session = Some(opened);
    }
    if let Some(session) = session {
        let kind = if request.method() == Method::POST { Kind::Change } else { Kind::Read };
        super::counted(request.extensions(), &app, session.payer, kind)?;
        request.extensions_mut().insert(session);
    }
    let mut response = next.run(request).await;
    // A page that signs somebody else in has the last word.
    if let Some(value) = new_cookie.filter(|_| !response.headers().contains_key(SET_COOKIE)) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    Ok(response)
}

async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Session>, ApiError> {
    for secret in secrets(headers).into_iter().take(MOST_COOKIES) {
        let mut tx = app.db.read().await?;
        if let Some(payer) = page_sessions::find(&mut tx, &sha256(&secret), app.wall.now()).await? {
            return Ok(Some(Session { secret: Secret::new(secret), payer }));
        }
    }
    Ok(None)
}

fn secrets(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, value)| *name == COOKIE_NAME && value.len() == 64)
        .map(|(_, value)| value.into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookies_are_found_among_others() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let mut headers = HeaderMap::new();
        let text = format!("theme=dark; {COOKIE_NAME}={a};x=; {COOKIE_NAME}=short");
        headers.append(COOKIE, text.parse().unwrap());
        headers.append(COOKIE, format!("{COOKIE_NAME}={b}").parse().unwrap());
        assert_eq!(secrets(&headers), [a, b]);
        assert!(secrets(&HeaderMap::new()).is_empty());
    }
}
