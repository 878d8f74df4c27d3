//! What stands around every page: brand, navigation, footer, and in development the strip.

use askama::Template;
use axum::http::Uri;
use specie_billing::catalog;

use super::strip::{self, Strip};
use super::texts::{Texts, english, fill};
use crate::auth::session::Session;
use crate::{ApiError, App};

/// See the module.
pub(crate) struct Frame {
    pub t: &'static Texts,
    pub brand: Brand,
    /// The path under which the service is seen.
    pub root: String,
    /// The path of the pages.
    pub base: String,
    pub title: String,
    /// Which entry of the navigation this is.
    pub here: &'static str,
    pub notice: Option<Notice>,
    pub strip: Option<Strip>,
}

pub(crate) struct Brand {
    pub name: String,
    pub initial: String,
    pub logo: Option<String>,
    pub app: Option<String>,
    pub terms: Option<String>,
    pub privacy: Option<String>,
    pub support: Option<String>,
}

/// A line above a page's content.
pub(crate) struct Notice {
    /// The colour: `good`, `warn`, `bad`, or nothing.
    pub kind: &'static str,
    pub title: String,
    pub text: String,
}

pub(crate) struct Link {
    pub url: String,
    pub text: String,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    pub frame: Frame,
    pub title: String,
    pub text: String,
    pub actions: Vec<Link>,
}

impl Frame {
    /// The frame of the page at `uri` for this visitor.
    pub async fn new(
        app: &App,
        title: &str,
        session: Option<&Session>,
        uri: &Uri,
    ) -> Result<Self, ApiError> {
        let root = app.settings.prefix().to_owned();
        Ok(Self {
            t: english(),
            brand: brand(&app.catalog.brand),
            base: format!("{root}/billing"),
            strip: strip::of(app, &root, session, uri).await?,
            root,
            title: title.into(),
            here: "",
            notice: None,
        })
    }

    pub fn page_title(&self) -> String {
        fill(&self.t.title, &[("page", &self.title), ("brand", &self.brand.name)])
    }

    pub fn has_links(&self) -> bool {
        let Brand { terms, privacy, support, .. } = &self.brand;
        terms.is_some() || privacy.is_some() || support.is_some()
    }

    pub fn back_to_app(&self) -> String {
        fill(&self.t.back_to_app, &[("brand", &self.brand.name)])
    }

    pub fn way_to_app(&self) -> Option<Link> {
        let url = self.brand.app.clone()?;
        Some(Link { url, text: self.back_to_app() })
    }
}

fn brand(brand: &catalog::Brand) -> Brand {
    let initial = brand.name.chars().next().map(|first| first.to_uppercase().to_string());
    Brand {
        name: brand.name.clone(),
        initial: initial.unwrap_or_default(),
        logo: brand.logo.clone(),
        app: brand.app.clone(),
        terms: brand.terms.clone(),
        privacy: brand.privacy.clone(),
        support: brand.support.clone(),
    }
}
