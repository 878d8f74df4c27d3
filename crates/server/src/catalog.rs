//! The catalog in Stripe: what `specie catalog plan` shows and `apply` makes so.
//!
//! A plan is a product, known by its metadata; a price is a Stripe price under a lookup key. What is
//! there already is adopted, so that a broken run goes on where it stopped, and a second one changes
//! nothing.

mod versions;

use serde_json::Value;
use specie_billing::Catalog;
use specie_billing::catalog::{Plan, PlanGroup, Price};
use specie_store::{Db, StoreError};
use specie_stripe::{API_VERSION, Form, Priority, StoredRequest, StripeError, WebhookEndpoint};
use specie_stripe::{Client, Price as StripePrice, Product};
use specie_vocab::{Money, Secret};

pub use versions::{not_applied, not_in_stripe, sold_as};

/// The events that the service reads; others need not travel.
pub const EVENTS: [&str; 30] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
];

/// Where Stripe is to send events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address of `POST webhook`.
    pub url: String,
}

/// One thing that would change in Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A product is made.
    CreateProduct {
        /// The plan's key.
        plan: String,
        /// The plan's name.
        name: String,
    },
    /// A product gets another name or description, or is switched on again.
    UpdateProduct {
        /// The plan's key.
        plan: String,
        /// The plan's name.
        name: String,
    },
    /// A price is made.
    CreatePrice {
        /// Its lookup key in Stripe.
        lookup_key: String,
        /// What a period costs, and how long it is.
        terms: String,
    },
    /// The webhook endpoint is made.
    CreateEndpoint {
        /// Where it leads.
        url: String,
    },
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CreateProduct { plan, name } => write!(f, "create product {name} (`{plan}`)"),
            Self::UpdateProduct { plan, name } => write!(f, "update product {name} (`{plan}`)"),
            Self::CreatePrice { lookup_key, terms } => {
                write!(f, "create price `{lookup_key}`: {terms}")
            }
            Self::CreateEndpoint { url } => write!(f, "create webhook endpoint {url}"),
        }
    }
}

/// What a run did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// In the order of their dependence.
    pub changes: Vec<Change>,
    /// The new endpoint's secret, which Stripe shows this once.
    pub webhook_secret: Option<Secret>,
}

/// Why the catalog could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Stripe.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something in Stripe is not what it must be.
    #[error("{0}")]
    Unexpected(String),
    /// The key is not this installation's.
    #[error("{}", crate::account::WRONG)]
    WrongAccount,
}

impl From<specie_stripe::Unreadable> for CatalogError {
    fn from(error: specie_stripe::Unreadable) -> Self {
        Self::Stripe(error.into())
    }
}

/// What applying the catalog would change.
pub async fn plan(
    stripe: &Client,
    catalog: &Catalog,
    endpoint: Option<&Endpoint>,
) -> Result<Vec<Change>, CatalogError> {
    let mut run = Run::begin(stripe, None).await?;
    run.all(catalog, endpoint).await?;
    Ok(run.done.changes)
}

/// Makes Stripe hold the catalog, and notes which Stripe price each price has.
pub async fn apply(
    db: &Db,
    stripe: &Client,
    catalog: &Catalog,
    endpoint: Option<&Endpoint>,
) -> Result<Applied, CatalogError> {
    let mut run = Run::begin(stripe, Some(db)).await?;
    run.all(catalog, endpoint).await?;
    Ok(run.done)
}

/// The lookup key of a price with these terms: other terms are another price.
fn lookup_key(group: &PlanGroup, plan: &Plan, price: &Price) -> String {
    let Price { key, amount, interval, .. } = price;
    let terms =
        format!("{}{}{}{}", amount.minor, amount.currency, interval.count, interval.unit.as_str());
    format!("specie.{}.{}.{key}.{terms}", group.key, plan.key)
}

struct Run<'a> {
    stripe: &'a Client,
    /// None: nothing is changed, only told.
    db: Option<&'a Db>,
    products: Vec<Product>,
    prices: Vec<StripePrice>,
    done: Applied,
}

impl<'a> Run<'a> {
    async fn begin(stripe: &'a Client, db: Option<&'a Db>) -> Result<Self, CatalogError> {
        let products = stripe.list_all("/v1/products", &Form::new(), Priority::Interactive).await?;
        let prices = stripe.list_all("/v1/prices", &Form::new(), Priority::Interactive).await?;
        Ok(Self {
            stripe,
            db,
            products: products.iter().map(Product::parse).collect::<Result<_, _>>()?,
            prices: prices.iter().map(StripePrice::parse).collect::<Result<_, _>>()?,
            done: Applied::default(),
        })
    }

    async fn all(
        &mut self,
        catalog: &Catalog,
        endpoint: Option<&Endpoint>,
    ) -> Result<(), CatalogError> {
        for group in &catalog.groups {
            for plan in &group.plans {
                let product = self.product(plan).await?;
                for price in &plan.prices {
                    self.price(group, plan, price, product.as_deref()).await?;
                }
            }
        }
        match endpoint {
            Some(endpoint) => self.endpoint(endpoint).await,
            None => Ok(()),
        }
    }

    /// The product's id; none, if it would be made.
    async fn product(&mut self, plan: &Plan) -> Result<Option<String>, CatalogError> {
        let of_it = |it: &&Product| it.metadata.get("specie_plan") == Some(&plan.key);
        let name = plan.name.clone();
        let Some(found) = self.products.iter().find(of_it) else {
            let change = Change::CreateProduct { plan: plan.key.clone(), name };
            let form = product_form(plan).set("metadata[specie_plan]", plan.key.as_str());
            return self.post(change, "/v1/products", form).await;
        };
        let id = found.id.clone();
        let description = found.raw["description"].as_str().unwrap_or_default();
        if found.name.as_deref() != Some(&plan.name)
            || description != plan.description
            || !found.active
        {
            let change = Change::UpdateProduct { plan: plan.key.clone(), name };
            let form = product_form(plan).set("active", "true");
            let before = format!(" {}", found.raw["updated"]);
            self.call(change, &format!("/v1/products/{id}"), form, &before).await?;
        }
        Ok(Some(id))
    }

    async fn price(
        &mut self,
        group: &PlanGroup,
        plan: &Plan,
        price: &Price,
        product: Option<&str>,
    ) -> Result<(), CatalogError> {
        let lookup_key = lookup_key(group, plan, price);
        let of_it = |it: &&StripePrice| it.lookup_key.as_ref() == Some(&lookup_key);
        let found = self.prices.iter().find(of_it).cloned();
        let stripe_price = match &found {
            Some(found) => {
                check(found, price, &lookup_key)?;
                Some(found.id.clone())
            }
            None => {
                let terms = format!("{} {}", price.amount, price.interval);
                let change = Change::CreatePrice { lookup_key: lookup_key.clone(), terms };
                let form = price_form(price, product.unwrap_or_default(), &lookup_key);
                self.post(change, "/v1/prices", form).await?
            }
        };
        let product = found.map(|it| it.product).or(product.map(String::from));
        let (Some(db), Some(stripe_price), Some(product)) = (self.db, stripe_price, product) else {
            return Ok(());
        };
        versions::note(db, (group, plan, price), &product, &stripe_price).await
    }

    async fn endpoint(&mut self, endpoint: &Endpoint) -> Result<(), CatalogError> {
        let all = self
            .stripe
            .list_all("/v1/webhook_endpoints", &Form::new(), Priority::Interactive)
            .await?;
        for found in &all {
            let found = WebhookEndpoint::parse(found)?;
            if found.url == endpoint.url && found.api_version.as_deref() == Some(API_VERSION) {
                return Ok(());
            }
        }
        let change = Change::CreateEndpoint { url: endpoint.url.clone() };
        let form = endpoint_form(endpoint);
        let body = self.call(change, "/v1/webhook_endpoints", form, "").await?;
        if let Some(body) = body {
            let secret = WebhookEndpoint::parse(&body)?.secret;
            self.done.webhook_secret = secret;
        }
        Ok(())
    }

    async fn post(
        &mut self,
        change: Change,
        path: &str,
        form: Form,
    ) -> Result<Option<String>, CatalogError> {
        let body = self.call(change, path, form, "").await?;
        Ok(body.and_then(|body| body["id"].as_str().map(String::from)))
    }

    /// Carries out a change, unless changes are only told.
    async fn call(
        &mut self,
        change: Change,
        path: &str,
        form: Form,
        before: &str,
    ) -> Result<Option<Value>, CatalogError> {
        self.done.changes.push(change);
        if self.db.is_none() {
            return Ok(None);
        }
        send(self.stripe, path, &form, before).await.map(Some)
    }
}

/// The same change asked for twice within a day is one: the key is made of its content, and of how
/// the object stood `before`, so that a change there and back is two. What Stripe only remembers of
/// an update may be undone by now, and what it remembers to have made may be gone: then it is asked
/// again, under another key.
async fn send(
    stripe: &Client,
    path: &str,
    form: &Form,
    before: &str,
) -> Result<Value, CatalogError> {
    let mut content = format!("{path}?{}{before}", form.to_body());
    loop {
        let hash = specie_vocab::hex(&crate::digest::sha256(content.as_bytes())[..16]);
        let request = StoredRequest::post(path, form, format!("catalog:{hash}"));
        let answer = stripe.send(&request).await?;
        let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
        let replayed = answer.original_request.is_some_and(|it| Some(it) != answer.request_id);
        let is_update = path.ends_with(&id);
        if !replayed || (!is_update && is_there(stripe, path, &id).await?) {
            return Ok(answer.body);
        }
        content.push_str(&id);
    }
}

async fn is_there(stripe: &Client, path: &str, id: &str) -> Result<bool, CatalogError> {
    match stripe.get(&format!("{path}/{id}"), &Form::new(), Priority::Interactive).await {
        Ok(found) => Ok(found["deleted"] != true),
        Err(StripeError::Refused(fault)) if fault.status == 404 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn endpoint_form(endpoint: &Endpoint) -> Form {
    let form = Form::new()
        .set("url", endpoint.url.as_str())
        .set("api_version", API_VERSION)
        .set("metadata[specie]", "true");
    let numbered = EVENTS.iter().enumerate();
    numbered.fold(form, |form, (n, kind)| form.set(format!("enabled_events[{n}]"), *kind))
}

/// The secret of an endpoint that a broken run made and could not keep: within a day Stripe repeats
/// its answer. None: it no longer does, or somebody else made the endpoint.
pub async fn told_again(
    stripe: &Client,
    endpoint: &Endpoint,
) -> Result<Option<Secret>, CatalogError> {
    const PATH: &str = "/v1/webhook_endpoints";
    let before = stripe.list_all(PATH, &Form::new(), Priority::Interactive).await?;
    let told = WebhookEndpoint::parse(&send(stripe, PATH, &endpoint_form(endpoint), "").await?)?;
    if before.iter().any(|it| it["id"] == told.id.as_str()) {
        return Ok(told.secret);
    }
    // Stripe made a second one: this was no repetition.
    let path = format!("{PATH}/{}", told.id);
    let gone = StoredRequest::delete(path, &Form::new(), format!("catalog:gone:{}", told.id));
    stripe.send(&gone).await?;
    Ok(None)
}

fn product_form(plan: &Plan) -> Form {
    let form = Form::new().set("name", plan.name.as_str());
    if plan.description.is_empty() {
        form
    } else {
        form.set("description", plan.description.as_str())
    }
}

fn price_form(price: &Price, product: &str, lookup_key: &str) -> Form {
    Form::new()
        .set("product", product)
        .set("currency", price.amount.currency.as_str())
        .set("unit_amount", price.amount.minor.to_string())
        .set("recurring[interval]", price.interval.unit.as_str())
        .set("recurring[interval_count]", price.interval.count.to_string())
        .set("lookup_key", lookup_key)
}

fn can_be_sold_as(found: &StripePrice, price: &Price) -> bool {
    found.unit_amount == Some(price.amount.minor)
        && found.currency == price.amount.currency
        && found.interval == Some(price.interval)
        && found.active
}

/// A price found under our lookup key must have our terms: somebody else may have set it.
fn check(found: &StripePrice, price: &Price, lookup_key: &str) -> Result<(), CatalogError> {
    if can_be_sold_as(found, price) {
        return Ok(());
    }
    let amount = found.unit_amount.map(|minor| Money::new(minor, found.currency).to_string());
    Err(CatalogError::Unexpected(format!(
        "stripe's price `{}` has the lookup key `{lookup_key}`, but is {} and {} where the catalog \
         says {} {}; take the lookup key off it, or switch it on, in Stripe's dashboard",
        found.id,
        amount.as_deref().unwrap_or("without an amount"),
        if found.active { "active" } else { "archived" },
        price.amount,
        price.interval,
    )))
}
