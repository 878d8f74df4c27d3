//! What mails say: templates, strict about every name, rendered as text and as HTML.

use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use specie_billing::{Catalog, MailFacts, MailKind, PriceRef};
use specie_vocab::BusinessTime;

use crate::App;
use crate::pages::texts::english;
use crate::pages::{theme, words};

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A template that does not fit its facts.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Minijinja refuses.
    #[error("a mail's template failed: {0:#}")]
    Template(#[from] minijinja::Error),
    /// The text does not begin with its subject.
    #[error("the template of `{0}` must begin with a line `Subject: …` and an empty line")]
    NoSubject(&'static str),
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(environment);

macro_rules! templates {
    ($environment:ident: $($name:literal)*) => {
        [$(($name, include_str!(concat!("../templates/mail/", $name)))),*]
            .into_iter()
            .try_for_each(|(name, text)| $environment.add_template(name, text))
            .expect("a test renders every template")
    };
}

fn environment() -> Environment<'static> {
    let mut all = Environment::new();
    // `if` may ask for what is absent, since every name is always given; nothing else may.
    all.set_undefined_behavior(UndefinedBehavior::Strict);
    templates!(all:
        "layout.html" "parts.html"
        "payment_failed.txt" "payment_failed.html" "action_needed.txt" "action_needed.html"
        "recovered.txt" "recovered.html" "cancellation_scheduled.txt" "cancellation_scheduled.html"
        "canceled.txt" "canceled.html" "receipt.txt" "receipt.html" "renewal_ahead.txt"
        "renewal_ahead.html");
    all
}

/// The mail that tells these facts.
pub fn render(app: &App, kind: MailKind, about: &MailFacts) -> Result<RenderedMail, MailError> {
    render_for(&app.catalog, &app.settings.public_url, kind, about)
}

/// The same, from what it needs alone.
pub fn render_for(
    catalog: &Catalog,
    public_url: &str,
    kind: MailKind,
    about: &MailFacts,
) -> Result<RenderedMail, MailError> {
    let name = kind.as_str();
    let facts = facts(catalog, public_url, about);
    let text = without_gaps(&TEMPLATES.get_template(&format!("{name}.txt"))?.render(&facts)?);
    let (subject, body) = text
        .strip_prefix("Subject: ")
        .and_then(|rest| rest.split_once("\n\n"))
        .ok_or(MailError::NoSubject(name))?;
    let subject = subject.trim().to_owned();
    let with_subject = context! { subject => &subject, ..facts };
    let html = TEMPLATES.get_template(&format!("{name}.html"))?.render(with_subject)?;
    Ok(RenderedMail { text: format!("{}\n", body.trim()), subject, html })
}

/// One empty line at most, where a template left out a paragraph.
fn without_gaps(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || !kept.ends_with("\n\n") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Every name that a template may use; what there is no fact for is none.
fn facts(catalog: &Catalog, public_url: &str, about: &MailFacts) -> Value {
    let date = |at: BusinessTime| words::date(english(), at.timestamp());
    let second =
        |second: i64| Timestamp::from_second(second).ok().map(|at| words::date(english(), at));
    let price = PriceRef {
        group: about.group.clone(),
        plan: about.plan.clone(),
        price: about.price.clone(),
    };
    // A plan that left the catalog keeps its key for a name.
    let plan = catalog.look_up(&price).map_or(&about.plan, |(_, plan, _)| &plan.name);
    let (accent, on_accent) = theme::button(&catalog.brand.accent);
    context! {
        brand => &catalog.brand.name,
        accent => accent,
        on_accent => on_accent,
        support => &catalog.brand.support,
        plan => plan,
        account_url => format!("{public_url}/billing/account"),
        plans_url => format!("{public_url}/billing/plans"),
        at => date(about.at),
        amount => about.amount.map(|amount| amount.to_string()),
        number => &about.number,
        attempt => about.attempt,
        next_attempt => about.next_attempt.map(date),
        grace_until => about.grace_until.map(date),
        ends_at => about.ends_at.map(date),
        period_start => about.period.and_then(|period| second(period.start)),
        period_end => about.period.and_then(|period| second(period.end)),
        link => &about.link,
        pdf => &about.pdf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_billing::{SAASKIT, catalog};
    use specie_vocab::{Currency, Money, Period, SubscriptionId};

    const URL: &str = "https://example.com/pay";

    fn saaskit() -> Catalog {
        catalog::parse(SAASKIT, "specie.toml").unwrap()
    }

    /// Facts with everything, or with as little as a mail can be made from.
    fn facts(full: bool) -> MailFacts {
        let catalog = saaskit();
        let (group, plan, price) = catalog.prices().next().unwrap();
        let some = |day: i64| full.then(|| BusinessTime::from_second(1_800_000_000 + day * 86_400));
        MailFacts {
            subscription: SubscriptionId::try_from("sub_1").unwrap(),
            group: group.key.clone(),
            plan: plan.key.clone(),
            price: price.key.clone(),
            at: BusinessTime::from_second(1_800_000_000),
            invoice: None,
            number: full.then(|| "A<b>-1".into()),
            amount: Some(Money::new(2900, Currency::USD)),
            attempt: full.then_some(2),
            next_attempt: some(3),
            grace_until: some(7),
            ends_at: some(30),
            period: full.then_some(Period { start: 1_800_000_000, end: 1_802_592_000 }),
            link: full.then(|| "https://pay.example.com/?a=1&b=2".into()),
            pdf: None,
        }
    }

    #[test]
    fn every_kind_renders_with_all_and_with_few_facts() {
        for kind in MailKind::ALL {
            for full in [true, false] {
                let mail = render_for(&saaskit(), URL, kind, &facts(full)).unwrap();
                assert!(
                    !mail.subject.contains('\n') && mail.subject.contains("SaaSKit"),
                    "{kind:?}"
                );
                assert!(mail.text.contains("\nhttps://"), "{kind:?} has a link: {}", mail.text);
                assert!(
                    mail.html.contains("<a href=\"https:&#x2f;&#x2f;"),
                    "{kind:?} {}",
                    mail.html
                );
                assert!(mail.html.contains(&format!("<title>{}", mail.subject)), "{kind:?}");
                assert!(!mail.text.contains("\n\n\n"), "{kind:?} has gaps: {}", mail.text);
                assert!(
                    !mail.text.contains("none"),
                    "{kind:?} shows an absent fact: {}",
                    mail.text
                );
            }
        }
    }

    #[test]
    fn a_failed_payment_says_what_until_when_and_how_to_mend_it() {
        let mail = render_for(&saaskit(), URL, MailKind::PaymentFailed, &facts(true)).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text), @"
        Your payment to SaaSKit failed

        We could not collect $29.00 for Pro.

        You keep access until 22 January 2027. We try again on 18 January 2027.

        Update your card, and we charge it at once:
        https://example.com/pay/billing/account

        Or pay this invoice directly:
        https://pay.example.com/?a=1&b=2
        ");
    }

    #[test]
    fn what_others_wrote_is_escaped_in_html_and_plain_in_text() {
        let mail = render_for(&saaskit(), URL, MailKind::Receipt, &facts(true)).unwrap();
        assert!(mail.html.contains("A&lt;b&gt;-1") && !mail.html.contains("A<b>"));
        assert!(mail.text.contains("A<b>-1") && mail.text.contains("a=1&b=2"));
    }
}
