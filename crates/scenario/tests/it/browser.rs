//! The hosted pages without a browser: what one sends, and what it is told.

use http::Method;
use serde_json::json;
use specie_scenario::{Door, Person, Reply, Stage};

use crate::set::text;

/// A browser that is signed in as a customer.
pub struct Browser<'a> {
    service: &'a Door,
    /// What it sends to be known.
    pub cookie: String,
}

impl<'a> Browser<'a> {
    /// Comes in by a link that the app's server made for this customer.
    pub async fn of(stage: &'a Stage, id: &str) -> Self {
        Self::at(stage, &stage.service, id).await
    }

    /// The same at another process of the service.
    pub async fn at(stage: &Stage, service: &'a Door, id: &str) -> Self {
        let person = Person::new(stage, id, id).at(service);
        let link = person.call(Method::POST, "session-tokens", json!({})).await.unwrap();
        let link = link.json().unwrap();
        let entered = service.get(text(&link["url"]), &[]).await.unwrap();
        let cookie = entered.headers["set-cookie"].to_str().unwrap().to_owned();
        Self { service, cookie: cookie.split(';').next().unwrap().into() }
    }

    /// Opens a page.
    pub async fn open(&self, page: &str) -> Reply {
        self.service.get(page, &[("cookie", &self.cookie)]).await.unwrap()
    }

    /// The token in the forms of a page.
    pub async fn token(&self, page: &str) -> String {
        let page = self.open(page).await.text();
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().into()
    }

    /// Sends a form.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let form = fields
            .iter()
            .fold(specie_stripe::Form::new(), |form, (name, value)| form.set(*name, *value));
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "http://service.localhost"),
        ];
        self.service.send(Method::POST, path, &headers, form.to_body()).await.unwrap()
    }
}
