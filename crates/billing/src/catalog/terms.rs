//! The parts of the catalog beside what is sold: policies, brand, settings.

use std::ops::Range;

use specie_vocab::Currency;

use super::fields::{Fault, Faults, Fields, Spanned};
use super::plans::Shortest;
use super::read::{optional, required};
use super::values::{is_colour, is_link, is_mail_link, shortest_days};
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
    /// When a customer's cancellation takes effect.
    pub cancellation: Cancellation,
    /// What happens when a renewal stays unpaid.
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

/// When a customer's cancellation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// At the end of the period that is paid for.
    PeriodEnd,
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

/// The policies, each with its default where the file is silent.
pub(super) fn policies(
    root: &Fields<'_>,
    currency: Currency,
    shortest: Shortest,
    longest_trial: Option<u32>,
    faults: &Faults<'_>,
) -> Policies {
    let mut policies = Policies::new(currency);
    let Some(fields) = section(root, "policies", faults) else { return policies };
    fields.only(&[
        "grace_days",
        "when_stale",
        "refunds_per_day",
        "trial_max_days",
        "credit",
        "cancellation",
        "after_dunning",
        "full_refund",
        "dispute",
    ]);
    let set = |name, range, field: &mut u32| {
        if let Some(number) = fields.number(name, range) {
            *field = number;
        }
    };
    set("grace_days", 0..=90, &mut policies.grace_days);
    set("refunds_per_day", 0..=1000, &mut policies.refunds_per_day);
    set("trial_max_days", 0..=730, &mut policies.trial_max_days);

    let stale = [("allow", StaleAccess::Allow), ("deny", StaleAccess::Deny)];
    let credit = [("wait", CreditOnChange::Wait), ("keep", CreditOnChange::Keep)];
    let after = [("keep", AccessAfter::Keep), ("end", AccessAfter::End)];
    choose(&fields, "when_stale", &stale, &mut policies.access_when_stale);
    choose(&fields, "credit", &credit, &mut policies.credit);
    choose(
        &fields,
        "cancellation",
        &[("period_end", Cancellation::PeriodEnd)],
        &mut policies.cancellation,
    );
    choose(
        &fields,
        "after_dunning",
        &[("as_stripe", AfterDunning::AsStripe)],
        &mut policies.after_dunning,
    );
    choose(&fields, "full_refund", &after, &mut policies.full_refund);
    choose(&fields, "dispute", &after, &mut policies.dispute);

    let place = |name| fields.item(name).map_or(fields.span.clone(), |item| item.span);
    if let Some((interval, price)) = shortest
        && policies.grace_days > shortest_days(interval)
    {
        faults.error(Fault {
            rule: "policy-clash",
            span: place("grace_days"),
            message: format!(
                "`grace_days` is {}, longer than a period of `{price}` ({interval})",
                policies.grace_days
            ),
            found: Some(format!("{} days", policies.grace_days)),
            expected: Some(format!("at most {} days", shortest_days(interval))),
            help: Some("access without payment must end before the next period does".into()),
        });
    }
    if let Some(days) = longest_trial
        && days > policies.trial_max_days
    {
        faults.error(Fault {
            rule: "policy-clash",
            span: place("trial_max_days"),
            message: format!(
                "a price has a trial of {days} days, but `trial_max_days` is {}",
                policies.trial_max_days
            ),
            found: Some(policies.trial_max_days.to_string()),
            expected: Some(format!("at least {days}")),
            help: None,
        });
    }
    policies
}

impl Policies {
    /// What holds where the file says nothing.
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            grace_days: 7,
            access_when_stale: StaleAccess::Allow,
            refunds_per_day: 20,
            trial_max_days: 90,
            credit: CreditOnChange::Wait,
            cancellation: Cancellation::PeriodEnd,
            after_dunning: AfterDunning::AsStripe,
            full_refund: AccessAfter::End,
            dispute: AccessAfter::End,
        }
    }
}

/// The brand. Only its name must be there.
pub(super) fn brand(root: &Fields<'_>, faults: &Faults<'_>) -> Brand {
    let mut brand = Brand {
        name: String::new(),
        logo: None,
        accent: "#4f46e5".into(),
        app: None,
        terms: None,
        privacy: None,
        support: None,
    };
    let help = "write `[brand]` and below it `name = \"…\"`, the name that pages show";
    let Some(fields) = section(root, "brand", faults) else {
        if root.item("brand").is_none() {
            root.missing("brand", help);
        }
        return brand;
    };
    fields.only(&["name", "logo", "accent", "app", "terms", "privacy", "support"]);
    brand.name = required(&fields, "name", help, faults);
    if let Some(Spanned { value, span }) = fields.text("accent") {
        if is_colour(value) {
            brand.accent = value.to_ascii_lowercase();
        } else {
            let expected = "a colour such as `#4f46e5`";
            invalid("invalid-colour", "accent", value, expected, span, faults);
        }
    }
    let link = |name| {
        let Spanned { value, span } = fields.text(name)?;
        if is_link(value) || (name == "support" && is_mail_link(value)) {
            return Some(value.to_owned());
        }
        let expected = match name {
            "support" => "an `https://` address or a `mailto:` address",
            _ => "an `https://` address",
        };
        invalid("invalid-link", name, value, expected, span, faults);
        None
    };
    brand.logo = link("logo");
    brand.app = link("app");
    brand.terms = link("terms");
    brand.privacy = link("privacy");
    brand.support = link("support");
    brand
}

/// The settings, each with its default where the file is silent.
pub(super) fn settings(root: &Fields<'_>, faults: &Faults<'_>) -> Settings {
    let mut settings = Settings {
        return_urls: Vec::new(),
        payment_methods: vec!["card".into(), "link".into()],
        jwt: JwtClaims {
            issuer: "app".into(),
            audience: "specie".into(),
            payer: "sub".into(),
            billing: "billing".into(),
        },
    };
    let Some(fields) = section(root, "settings", faults) else { return settings };
    fields.only(&["return_urls", "payment_methods", "jwt"]);
    for Spanned { value, span } in fields.texts("return_urls") {
        match AllowedReturn::parse(value) {
            Ok(allowed) => settings.return_urls.push(allowed),
            Err(why) => {
                let expected = why.to_string().replace("the return address ", "an address that ");
                invalid("invalid-return-url", "return_urls", value, &expected, span, faults);
            }
        }
    }
    if fields.item("payment_methods").is_some() {
        settings.payment_methods.clear();
        for Spanned { value, span } in fields.texts("payment_methods") {
            if ["card", "link"].contains(&value) {
                settings.payment_methods.push(value.into());
            } else {
                let expected = "`card` or `link`; others come later";
                invalid("invalid-choice", "payment_methods", value, expected, span, faults);
            }
        }
        if settings.payment_methods.is_empty() {
            fields.missing("payment_methods", "name at least one, or leave the key out");
        }
    }
    if let Some(Spanned { value, span }) = fields.item("jwt")
        && let Some(jwt) = Fields::of(value, "`settings.jwt`", span, faults)
    {
        jwt.only(&["issuer", "audience", "payer", "billing"]);
        let set = |name, field: &mut String| {
            if let Some(text) = optional(&jwt, name, faults) {
                *field = text;
            }
        };
        set("issuer", &mut settings.jwt.issuer);
        set("audience", &mut settings.jwt.audience);
        set("payer", &mut settings.jwt.payer);
        set("billing", &mut settings.jwt.billing);
    }
    settings
}

fn section<'a>(root: &Fields<'a>, name: &str, faults: &'a Faults<'a>) -> Option<Fields<'a>> {
    let Spanned { value, span } = root.item(name)?;
    Fields::of(value, format!("`{name}`"), span, faults)
}

fn choose<T: Copy>(fields: &Fields<'_>, name: &str, choices: &[(&'static str, T)], to: &mut T) {
    if let Some(choice) = fields.choice(name, choices) {
        *to = choice;
    }
}

fn invalid(
    rule: &'static str,
    name: &str,
    found: &str,
    expected: &str,
    span: Range<usize>,
    faults: &Faults<'_>,
) {
    faults.error(Fault {
        rule,
        span,
        message: format!("`{name}` is `{found}`, expected {expected}"),
        found: Some(format!("`{found}`")),
        expected: Some(expected.into()),
        help: None,
    });
}
