//! The OpenAPI document, and a page that shows it without script.

use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

use super::problems::{CODES, Code};
use crate::App;
use crate::pages::html;

/// The credentials, in the document's words.
pub(super) struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = |text: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text));
            SecurityScheme::Http(scheme.build())
        };
        let customer = ApiKeyValue::with_description(
            "Specie-Customer",
            "The app's own id of the customer for whom a server key acts",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("server_key", bearer("A server key, `sk_specie_…`"));
        components
            .add_security_scheme("customer", SecurityScheme::ApiKey(ApiKey::Header(customer)));
        components.add_security_scheme(
            "app_jwt",
            bearer("The app's own JWT (HS256) with `exp`, `aud`, `iss` and `sub`, who pays"),
        );
        let none: [&str; 0] = [];
        document.security = Some(vec![
            SecurityRequirement::new("server_key", none).add("customer", none),
            SecurityRequirement::new("app_jwt", none),
        ]);
    }
}

/// What every door may answer that takes a credential, a body, parameters or a key: it holds for all
/// of them alike, and is written here alone.
pub(super) struct CommonAnswers;

impl Modify for CommonAnswers {
    fn modify(&self, document: &mut OpenApi) {
        for (path, item) in &mut document.paths.paths {
            if !path.starts_with("/api/billing/") || path.ends_with("/webhook") {
                continue;
            }
            let changes = [&mut item.post, &mut item.delete].into_iter().flatten();
            changes.for_each(|door| complete(door, true));
            item.get.iter_mut().for_each(|door| complete(door, false));
        }
    }
}

fn complete(door: &mut Operation, changes: bool) {
    let parameters = door.parameters.iter().flatten().filter_map(|it| match it {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let keyed = parameters.clone().any(|it| it.name == "Idempotency-Key");
    let asks = parameters.clone().any(|it| it.parameter_in == ParameterIn::Query);
    let in_group = parameters.clone().any(|it| it.name == "group");
    let body = door.request_body.is_some();
    let secret = door.security.is_none();
    let all = [
        (secret, "401", "No credentials, or none that are known"),
        (
            secret && changes,
            "403",
            "The credential may not do this: its claim `billing` says `read`",
        ),
        (
            secret,
            "429",
            "`rate_limited`: too many calls for this customer; `Retry-After` says when",
        ),
        (asks || body, "400", "A parameter or the body is wrong"),
        (in_group, "404", "The catalog has no such plan group"),
        (keyed, "422", "`idempotency_key_reused`: this key was used for another request"),
        (body, "413", "The body is too large"),
        (body, "415", "The body is not `application/json`"),
    ];
    for (_, status, text) in all.into_iter().filter(|(holds, ..)| *holds) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let answer =
            ResponseBuilder::new().description(text).content("application/problem+json", problem);
        let answers = &mut door.responses.responses;
        answers.entry(status.into()).or_insert_with(|| RefOr::T(answer.build()));
    }
}

/// The document as it is served: its text, and its doors for the page.
struct Docs {
    text: String,
    doors: Vec<Door>,
}

static DOCS: LazyLock<Docs> = LazyLock::new(|| {
    let value = serde_json::to_value(super::openapi()).expect("the document is plain data");
    let text = serde_json::to_string_pretty(&value).expect("a value is JSON");
    Docs { text, doors: doors(&value) }
});

pub(super) fn router() -> Router<App> {
    let json = HeaderValue::from_static("application/json");
    Router::new()
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, json)], DOCS.text.as_str())))
        .route("/docs", get(async |State(app): State<App>| page(&app, &DOCS.doors)))
}

/// One door of the API.
struct Door {
    id: String,
    method: String,
    path: String,
    summary: String,
    parameters: Vec<Named>,
    fields: Vec<Named>,
    answers: Vec<Named>,
}

struct Named {
    name: String,
    text: String,
}

/// A stretch of a text: what stands between backticks is code.
struct Piece<'a> {
    code: bool,
    text: &'a str,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split('`').enumerate().map(|(n, text)| Piece { code: n % 2 == 1, text })
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    root: &'a str,
    doors: &'a [Door],
    codes: &'static [Code],
}

fn page(app: &App, doors: &[Door]) -> Response {
    let root = app.settings.prefix();
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    let page = html(StatusCode::OK, &DocsPage { root, doors, codes: CODES });
    ([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))], page).into_response()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn doors(document: &Value) -> Vec<Door> {
    let none = serde_json::Map::new();
    let paths = document["paths"].as_object().unwrap_or(&none);
    let mut doors = Vec::new();
    for (path, methods) in paths {
        for (method, door) in methods.as_object().unwrap_or(&none) {
            doors.push(Door {
                id: text(&door["operationId"]),
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(&door["summary"]),
                parameters: parameters(&door["parameters"]),
                fields: fields(document, &door["requestBody"]),
                answers: answers(document, &door["responses"]),
            });
        }
    }
    doors
}

fn parameters(list: &Value) -> Vec<Named> {
    let named = |entry: &Value| Named {
        name: format!("{} ({})", text(&entry["name"]), text(&entry["in"])),
        text: text(&entry["description"]),
    };
    list.as_array().into_iter().flatten().map(named).collect()
}

fn fields(document: &Value, body: &Value) -> Vec<Named> {
    let Some(schema) = resolve(document, &body["content"]["application/json"]["schema"]) else {
        return Vec::new();
    };
    let properties = schema["properties"].as_object();
    let named = |(name, field): (&String, &Value)| Named {
        name: name.clone(),
        text: text(&field["description"]),
    };
    properties.into_iter().flatten().map(named).collect()
}

fn answers(document: &Value, list: &Value) -> Vec<Named> {
    let named = |(status, answer): (&String, &Value)| {
        let fields: Vec<String> = match status.starts_with('2') {
            true => shape(document, answer),
            false => Vec::new(),
        };
        let said = text(&answer["description"]);
        let text = if fields.is_empty() { said } else { format!("{said}: {}", fields.join(", ")) };
        Named { name: status.clone(), text }
    };
    list.as_object().into_iter().flatten().map(named).collect()
}

/// The names of an answer's fields.
fn shape(document: &Value, answer: &Value) -> Vec<String> {
    let schema = &answer["content"]["application/json"]["schema"];
    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
    let Some(schema) = resolve(document, schema) else { return Vec::new() };
    let parts = schema["allOf"].as_array().map_or_else(|| vec![schema], |all| all.iter().collect());
    parts
        .into_iter()
        .filter_map(|part| resolve(document, part)?["properties"].as_object())
        .flat_map(|properties| properties.keys().cloned())
        .collect()
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#')?),
        None if schema.is_null() => None,
        None => Some(schema),
    }
}
