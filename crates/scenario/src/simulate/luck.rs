//! What happens next, by the dice.

use http::Method;
use serde_json::Value;
use specie_server::intents::stuck::Decision;

use super::acts::{Act, Ask, Visit};
use super::operator::Order;
use super::{CUSTOMERS, Simulation, replicas, shop};
use crate::person::Card;

/// Cards that customers type: good ones, one that is declined at once, one that is declined later.
const CARDS: [&str; 5] =
    [Card::GOOD.0, Card::GOOD.0, Card::OTHER.0, Card::DECLINED.0, "4000000000000341"];

impl Simulation {
    /// The next act, and the replica that hears of it.
    pub(super) fn next_act(&self) -> (Act, usize) {
        let at = self.dice.below(replicas::REPLICAS as u32) as usize;
        let customer = self.dice.one_of(&CUSTOMERS);
        let act = match self.dice.below(100) {
            0..57 => self.of_customer(customer),
            57..61 => self.of_operator(),
            61..70 => self.of_dashboard(),
            70..84 => {
                let day = 86_400;
                let most = self.dice.one_of(&[3_600, day, 5 * day, 20 * day, 31 * day]);
                Act::Wait { seconds: 1 + i64::from(self.dice.below(most)) }
            }
            84..88 => Act::Settle,
            88..94 => Act::Pulse,
            _ => Act::Pass,
        };
        (act, at)
    }

    fn of_customer(&self, customer: &'static str) -> Act {
        let ask = |what| Act::Ask { customer, what };
        let begun: Vec<_> =
            self.begun.iter().filter(|(whose, _)| *whose == customer).map(|(_, it)| it).collect();
        let one = match (begun.split_last(), self.dice.percent(80)) {
            (Some((last, [])) | Some((last, _)), true) => Some((*last).clone()),
            (Some((last, earlier)), false) => Some((*earlier.last().unwrap_or(last)).clone()),
            (None, _) => None,
        };
        let group = self.dice.one_of(&shop::GROUPS);
        match (self.dice.below(60), one) {
            (15..31, Some(begun)) => Act::Pay { customer, begun, card: self.dice.one_of(&CARDS) },
            (31..37, Some(begun)) => ask(Ask::Sync { session: begun.session }),
            (37..42, Some(_)) => ask(Ask::Cancel { group }),
            (42..47, Some(_)) => ask(Ask::Resume { group }),
            (47..53, Some(_)) => {
                Act::Portal { customer, visit: Visit::Card(self.dice.one_of(&CARDS)) }
            }
            (53..55, Some(_)) => Act::Portal { customer, visit: Visit::Cancel },
            (55..57, Some(_)) => Act::Portal { customer, visit: Visit::Resume },
            (57.., _) => ask(Ask::Look { group }),
            _ => {
                let (plan, price) = self.dice.one_of(&shop::CHOICES);
                ask(Ask::Choose { plan, price })
            }
        }
    }

    fn of_operator(&self) -> Act {
        let which = self.dice.below(1_000);
        Act::Operate(match self.dice.below(6) {
            0 => Order::Apply,
            1 => Order::Replay { which },
            2 => Order::Decide { which, decision: Decision::Retry },
            3 => Order::Decide { which, decision: Decision::Close },
            _ => Order::Verify,
        })
    }

    /// Something that is at Stripe, if anything of the kind is.
    fn any(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let all = self.stage.sandbox.each(kind, |it| fits(it).then(|| it.clone()));
        let all: Vec<_> = all.into_iter().flatten().collect();
        let n = self.dice.below(u32::try_from(all.len()).unwrap_or(1)) as usize;
        all.into_iter().nth(n)
    }

    fn of_dashboard(&self) -> Act {
        let id = |it: &Value| it["id"].as_str().unwrap_or_default().to_owned();
        let living = |it: &Value| it["status"] == "active" || it["status"] == "past_due";
        let delete =
            |what, path| Act::Dashboard { what, method: Method::DELETE, path, form: String::new() };
        let post = |what, path, form: &str| Act::Dashboard {
            what,
            method: Method::POST,
            path,
            form: form.into(),
        };
        let found = match self.dice.below(23) {
            0..4 => self
                .any("subscription", living)
                .map(|it| delete("cancels at once", format!("/v1/subscriptions/{}", id(&it)))),
            4..6 => self.second(),
            6..10 => self.any("subscription", living).map(|it| {
                let wanted = it["cancel_at_period_end"] != true;
                let path = format!("/v1/subscriptions/{}", id(&it));
                post("sets its end", path, &format!("cancel_at_period_end={wanted}"))
            }),
            10..12 => self
                .any("charge", |it| it["status"] == "succeeded")
                .map(|it| post("refunds", "/v1/refunds".into(), &format!("charge={}", id(&it)))),
            12..14 => self.any("checkout.session", |it| it["status"] == "open").map(|it| {
                let path = format!("/v1/checkout/sessions/{}/expire", id(&it));
                post("expires a session", path, "")
            }),
            14..16 => self
                .any("invoice", |it| it["status"] == "open")
                .map(|it| post("charges again", format!("/v1/invoices/{}/pay", id(&it)), "")),
            16..18 => self.any("customer", |it| it["email"].is_string()).map(|it| {
                let path = format!("/v1/customers/{}", id(&it));
                post("renames", path, &format!("name=Name+{}", self.dice.below(1000)))
            }),
            18 => self
                .any("customer", |it| it["deleted"] != true)
                .map(|it| delete("deletes a customer", format!("/v1/customers/{}", id(&it)))),
            19..21 => self.any("webhook_endpoint", |_| true).map(|it| {
                let path = format!("/v1/webhook_endpoints/{}", id(&it));
                let disable = it["status"] == "enabled";
                post("switches the endpoint", path, &format!("disabled={disable}"))
            }),
            _ => self.blocked(),
        };
        found.unwrap_or(Act::Pass)
    }

    /// Somebody makes a subscription by hand.
    fn second(&self) -> Option<Act> {
        let customer = self.any("subscription", |_| true)?;
        let price = self.any("price", |it| it["active"] == true)?;
        let form = format!(
            "customer={}&items[0][price]={}&default_payment_method={}",
            customer["customer"].as_str()?,
            price["id"].as_str()?,
            customer["default_payment_method"].as_str()?,
        );
        let path = "/v1/subscriptions".into();
        Some(Act::Dashboard { what: "subscribes by hand", method: Method::POST, path, form })
    }

    /// A card that will be declined is attached, or one that is there becomes a subscription's.
    fn blocked(&self) -> Option<Act> {
        let living = |it: &Value| it["status"] == "active" || it["status"] == "past_due";
        let subscription = self.any("subscription", living)?;
        let customer = &subscription["customer"];
        let of_them = self.any("payment_method", |it| it["customer"] == *customer);
        let (what, path, form) = match of_them.filter(|_| self.dice.percent(70)) {
            Some(card) => (
                "sets a card",
                format!("/v1/subscriptions/{}", subscription["id"].as_str()?),
                format!("default_payment_method={}", card["id"].as_str()?),
            ),
            None => (
                "attaches a card",
                "/v1/payment_methods/pm_card_chargeCustomerFail/attach".into(),
                format!("customer={}", customer.as_str()?),
            ),
        };
        Some(Act::Dashboard { what, method: Method::POST, path, form })
    }
}
