//! The parts of the catalog beside what is sold: policies, brand, settings.

use specie_vocab::Currency;

use crate::return_url::AllowedReturn;

/// What happens when money does not come, and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// The catalog's currency: what comes in another one is put in quarantine.
    pub currency: Currency,
    /// For how many days access goes on while a renewal is not paid.
    pub grace_days: u32,
    /// What is answered when what we know may be old.
    pub access_when_stale: StaleAccess,
    /// How many second subscriptions are canceled and refunded by themselves in a day; what comes
    /// after them waits for a person.
    pub refunds_per_day: u32,
    /// The longest trial that a server key may grant.
    pub trial_max_days: u32,
    /// What happens to a credit when a plan is changed upward.
    pub credit: CreditOnChange,
    /// What ends when a renewal stays unpaid.
    pub after_dunning: AfterDunning,
    /// Whether a full refund ends access.
    pub full_refund: AccessAfter,
    /// Whether a dispute ends access while it is open.
    pub dispute: AccessAfter,
}

/// What is answered when what we know may be old and Stripe cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleAccess {
    /// What we knew last.
    Allow,
    /// No access.
    Deny,
}

/// What happens when a change upward would leave a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditOnChange {
    /// The change waits for the next cycle.
    Wait,
    /// The change is made, and the credit kept for later invoices.
    Keep,
}

/// What happens when Stripe has tried a renewal for the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDunning {
    /// What the Stripe account is set to.
    AsStripe,
}

/// What becomes of access when money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessAfter {
    /// It stays.
    Keep,
    /// It ends.
    End,
}

/// Under which name and look it is sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The product's name.
    pub name: String,
    /// The address of its logo.
    pub logo: Option<String>,
    /// Its colour, as `#rrggbb` in lower case.
    pub accent: String,
    /// Back to the app.
    pub app: Option<String>,
    /// Terms of service.
    pub terms: Option<String>,
    /// How data is treated.
    pub privacy: Option<String>,
    /// Where help is: a page or a `mailto:` address.
    pub support: Option<String>,
}

/// The rest of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where a customer may be sent after checkout and portal, beside the service's own pages.
    pub return_urls: Vec<AllowedReturn>,
    /// How customers may pay, in Stripe's words.
    pub payment_methods: Vec<String>,
    /// How the app's tokens are read.
    pub jwt: JwtClaims,
}

/// How the app's tokens are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtClaims {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must hold.
    pub audience: String,
    /// The claim that names who pays.
    pub payer: String,
    /// The claim that says whether its user may change billing: `read` forbids it.
    pub billing: String,
}
