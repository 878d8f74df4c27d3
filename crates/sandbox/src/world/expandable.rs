//! What `expand[]` can reach, whatever an object holds.

/// Which fields of which objects are references, and to what: to nothing, where it is of several kinds,
/// and to `-` where the sandbox has none of that kind: then it is empty, but for a tax code.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("customer", "default_source", ""),
    ("customer", "invoice_settings.default_payment_method", "payment_method"),
    ("customer", "test_clock", "test_helpers.test_clock"),
    ("payment_method", "customer", "customer"),
    ("product", "default_price", "price"),
    ("product", "tax_code", "-"),
    ("price", "product", "product"),
    ("plan", "product", "product"),
    ("subscription", "application", "-"),
    ("subscription", "customer", "customer"),
    ("subscription", "default_payment_method", "payment_method"),
    ("subscription", "default_source", ""),
    ("subscription", "discounts", "-"),
    ("subscription", "latest_invoice", "invoice"),
    ("subscription", "on_behalf_of", "-"),
    ("subscription", "pending_setup_intent", "-"),
    ("subscription", "schedule", "-"),
    ("subscription", "test_clock", "test_helpers.test_clock"),
    ("subscription_item", "discounts", "-"),
    ("invoice", "account_tax_ids", "-"),
    ("invoice", "application", "-"),
    ("invoice", "customer", "customer"),
    ("invoice", "default_payment_method", "payment_method"),
    ("invoice", "default_source", ""),
    ("invoice", "discounts", "-"),
    ("invoice", "latest_revision", "invoice"),
    ("invoice", "on_behalf_of", "-"),
    ("invoice", "parent.subscription_details.subscription", "subscription"),
    ("invoice", "test_clock", "test_helpers.test_clock"),
    ("line_item", "discounts", "-"),
    ("line_item", "pricing.price_details.price", "price"),
    ("line_item", "subscription", "subscription"),
    ("invoice_payment", "invoice", "invoice"),
    ("invoice_payment", "payment.charge", "charge"),
    ("invoice_payment", "payment.payment_intent", "payment_intent"),
    ("payment_intent", "application", "-"),
    ("payment_intent", "customer", "customer"),
    ("payment_intent", "latest_charge", "charge"),
    ("payment_intent", "on_behalf_of", "-"),
    ("payment_intent", "payment_method", "payment_method"),
    ("payment_intent", "review", "-"),
    ("balance_transaction", "source", ""),
    ("charge", "application", "-"),
    ("charge", "balance_transaction", "balance_transaction"),
    ("charge", "customer", "customer"),
    ("charge", "failure_balance_transaction", "balance_transaction"),
    ("charge", "on_behalf_of", "-"),
    ("charge", "payment_intent", "payment_intent"),
    ("charge", "review", "-"),
    ("refund", "balance_transaction", "balance_transaction"),
    ("refund", "charge", "charge"),
    ("refund", "customer", "customer"),
    ("refund", "payment_intent", "payment_intent"),
    ("refund", "payment_method", "payment_method"),
    ("checkout.session", "customer", "customer"),
    ("checkout.session", "invoice", "invoice"),
    ("checkout.session", "payment_intent", "payment_intent"),
    ("checkout.session", "payment_link", "-"),
    ("checkout.session", "setup_intent", "-"),
    ("checkout.session", "subscription", "subscription"),
    ("billing_portal.session", "configuration", "billing_portal.configuration"),
];

/// Parts that every object has, or gets when they are asked for: hashes, objects, and lists (`[]`).
const PARTS: &[(&str, &str, &str)] = &[
    ("customer", "invoice_credit_balance", ""),
    ("customer", "sources", ""),
    ("customer", "subscriptions", "subscription[]"),
    ("customer", "tax", ""),
    ("customer", "tax_ids", ""),
    ("price", "currency_options", ""),
    ("subscription", "items", "subscription_item[]"),
    ("subscription_item", "price", "price"),
    ("invoice", "confirmation_secret", ""),
    ("invoice", "lines", "line_item[]"),
    ("invoice", "payments", "invoice_payment[]"),
    ("charge", "refunds", "refund[]"),
    ("checkout.session", "line_items", "item[]"),
    ("item", "price", "price"),
];

/// Names what the sandbox does not have, and so never opens.
const TAX_CODE: &str = "tax_code";

/// What the writes below a path answer.
const ANSWERS: &[(&str, &str)] = &[
    ("/v1/customers", "customer"),
    ("/v1/payment_methods", "payment_method"),
    ("/v1/products", "product"),
    ("/v1/prices", "price"),
    ("/v1/checkout/sessions", "checkout.session"),
    ("/v1/subscriptions", "subscription"),
    ("/v1/invoices", "invoice"),
    ("/v1/refunds", "refund"),
    ("/v1/billing_portal/sessions", "billing_portal.session"),
];

/// Whether a field of an object is a reference.
pub(super) fn is_reference(kind: &str, path: &str) -> bool {
    REFERENCES.iter().any(|(of, field, _)| *of == kind && *field == path)
}

/// Whether what a reference names may be gone, rather than never have been there.
pub(super) fn may_be_gone(kind: &str, path: &str) -> bool {
    REFERENCES.iter().any(|(of, field, to)| *of == kind && *field == path && *to != "-")
}

/// Hashes that hold references deeper down.
pub(super) fn is_branch(kind: &str, path: &str) -> bool {
    REFERENCES.iter().any(|(of, field, _)| {
        *of == kind && field.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Whether `expand` opens in the answer of each write to `path` that is not refused. Of another path
/// only the answer itself tells.
pub(super) fn opens_surely(path: &str, expand: &str) -> bool {
    let below = |start: &str| {
        path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let parts: Vec<&str> = expand.split('.').collect();
    let kind = ANSWERS.iter().find(|(start, _)| below(start)).map(|(_, kind)| *kind);
    parts.len() <= 4 && kind.is_some_and(|kind| opens(kind, "", &parts))
}

fn opens(kind: &str, path: &str, parts: &[&str]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    let path = if path.is_empty() { (*part).to_owned() } else { format!("{path}.{part}") };
    let mut known = REFERENCES.iter().chain(PARTS);
    match (known.find(|(of, field, _)| *of == kind && *field == path), rest) {
        (Some((_, field, "-")), _) => *field != TAX_CODE,
        (Some(_), []) => true,
        (Some((_, _, to)), rest) => match (to.strip_suffix("[]"), rest) {
            (Some(of), ["data", rest @ ..]) => opens(of, "", rest),
            (Some(_), _) => false,
            (None, rest) => opens(to, "", rest),
        },
        (None, rest) => is_branch(kind, &path) && !rest.is_empty() && opens(kind, &path, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Call, Config, World};
    use super::*;
    use serde_json::Value;

    const START: i64 = 1_767_225_600;

    fn post(world: &mut World, path: &str, form: &[(&str, &str)]) -> String {
        ask(world, "POST", path, form)
    }

    fn ask(world: &mut World, method: &str, path: &str, form: &[(&str, &str)]) -> String {
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = Call {
            method: method.into(),
            path: path.into(),
            query: String::new(),
            body: body.join("&"),
            authorization: Some("Bearer sk_test_expandable".into()),
            idempotency_key: None,
            version: None,
            account: None,
        };
        let reply = world.call(&call, START);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        body["id"].as_str().unwrap().to_owned()
    }

    /// A world with a paid subscription, one that is canceled, an open checkout, a refund and a
    /// customer who is deleted.
    fn world() -> World {
        let mut world = World::new(Config::new(1, START, "http://stripe.localhost"));
        let ada = post(&mut world, "/v1/customers", &[]);
        let card =
            post(&mut world, "/v1/payment_methods/pm_card_visa/attach", &[("customer", &ada)]);
        let product = post(&mut world, "/v1/products", &[("name", "Pro")]);
        let money = [("currency", "usd"), ("unit_amount", "2900"), ("product", &*product)];
        let price = post(
            &mut world,
            "/v1/prices",
            &[&money[..], &[("recurring[interval]", "month")]].concat(),
        );
        let bought = [("items[0][price]", &*price), ("default_payment_method", &*card)];
        post(&mut world, "/v1/subscriptions", &[&bought[..], &[("customer", &*ada)]].concat());
        let bob = post(&mut world, "/v1/customers", &[]);
        let his =
            post(&mut world, "/v1/payment_methods/pm_card_visa/attach", &[("customer", &bob)]);
        let bought = [("items[0][price]", &*price), ("default_payment_method", &*his)];
        let sub =
            post(&mut world, "/v1/subscriptions", &[&bought[..], &[("customer", &*bob)]].concat());
        ask(&mut world, "DELETE", &format!("/v1/subscriptions/{sub}"), &[]);
        ask(&mut world, "DELETE", &format!("/v1/customers/{bob}"), &[]);
        let paid = world.list("payment_intent")[0]["id"].as_str().unwrap().to_owned();
        post(&mut world, "/v1/refunds", &[("payment_intent", &paid), ("amount", "100")]);
        let line = [("line_items[0][price]", &*price), ("line_items[0][quantity]", "1")];
        let back = [("mode", "subscription"), ("success_url", "http://localhost/")];
        post(&mut world, "/v1/checkout/sessions", &[&line[..], &back[..]].concat());
        post(&mut world, "/v1/billing_portal/sessions", &[("customer", &ada)]);
        world
    }

    /// All paths of up to four parts that the tables know below an object of a kind.
    fn below(kind: &str, room: usize) -> Vec<String> {
        let mut paths = Vec::new();
        let known = REFERENCES.iter().chain(PARTS);
        for (_, field, to) in known.filter(|(of, field, _)| *of == kind && *field != TAX_CODE) {
            let (to, own) = match to.strip_suffix("[]") {
                Some(of) => (of, format!("{field}.data")),
                None => (*to, (*field).to_owned()),
            };
            let length = own.split('.').count();
            if length <= room {
                paths.extend([(*field).to_owned(), own.clone()]);
                paths.extend(below(to, room - length).iter().map(|path| format!("{own}.{path}")));
            }
        }
        paths
    }

    #[test]
    fn what_opens_surely_opens_in_every_object() {
        let world = world();
        let (mut tried, mut gone) = (0, world.clone());
        gone.objects.retain(|id, _| !id.starts_with("ch_") && !id.starts_with("prod_"));
        for (path, kind) in ANSWERS {
            assert!(!world.list(kind).is_empty(), "{kind}");
            for object in world.list(kind) {
                for expand in below(kind, 4) {
                    assert!(opens_surely(path, &expand), "{kind} {expand}");
                    for world in [&world, &gone] {
                        let opened = world.expand(object.clone(), std::slice::from_ref(&expand));
                        assert!(opened.is_ok(), "{kind} {expand}: {opened:?}");
                        tried += 1;
                    }
                }
            }
        }
        assert!(tried > 1_000, "{tried}");
    }

    #[test]
    fn what_is_always_empty_opens_surely_as_well() {
        for (path, expand) in [
            ("/v1/subscriptions", "pending_setup_intent"),
            ("/v1/subscriptions", "schedule"),
            ("/v1/subscriptions", "items.data.discounts"),
            ("/v1/subscriptions", "latest_invoice.discounts"),
            ("/v1/checkout/sessions", "line_items.data.price.product"),
            ("/v1/billing_portal/sessions", "configuration"),
        ] {
            assert!(opens_surely(path, expand), "{path} {expand}");
        }
    }

    #[test]
    fn of_another_path_nothing_is_said() {
        for (path, expand) in [
            ("/v1/customers", "nope"),
            ("/v1/customers", "default_source.nope"),
            ("/v1/customers", "invoice_settings"),
            ("/v1/subscriptions", "items.price"),
            ("/v1/products", "tax_code"),
            ("/v1/subscriptions", "latest_invoice.nope"),
            ("/v1/subscriptions", "items.data.price.product.default_price"),
            ("/v1/subscriptionsx", "customer"),
            ("/v1/tokens", "customer"),
        ] {
            assert!(!opens_surely(path, expand), "{path} {expand}");
        }
    }
}
