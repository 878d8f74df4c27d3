//! Tokens: cards that were typed and are not yet payment methods.

use serde_json::json;

use crate::cards::{self, TestCard};

use super::World;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::methods::missing_token;
use super::state::object;

impl World {
    pub(super) fn card_of_token(&mut self, token: &str, param: &str) -> Answer<&'static TestCard> {
        let name = match self.tokens.remove(token) {
            Some(name) => {
                self.set(token, [("used", json!(true))]);
                name
            }
            None if self.find("token", token).is_some() => {
                let message = format!("You cannot use a Stripe token more than once: {token}.");
                return Err(Fault::invalid(message).code("token_already_used").param(param));
            }
            None => token.to_owned(),
        };
        let card =
            cards::by_name(&name).filter(|card| card.token == name || name.starts_with("pm_"));
        let card = card.or(cards::by_name(&name).filter(|_| name == "tok_chargeDeclined"));
        card.ok_or_else(|| match cards::is_unsupported(token) {
            true => Fault::unsupported("test card", token),
            false => missing_token(token),
        })
    }

    pub(super) fn create_token(&mut self, given: &Given) -> Answer {
        let Some(name) = given.filled("card.token") else {
            return Err(
                Fault::parameter("Missing required param: card.", "card").code("parameter_missing")
            );
        };
        if cards::is_unsupported(name) {
            return Err(Fault::unsupported("test card", name));
        }
        let card = cards::by_name(name).ok_or_else(|| missing_token(name))?;
        let (id, source) = (self.long_id("tok_", '1'), self.long_id("card_", '1'));
        let (year, month) = self.year_and_month();
        let brand = match card.brand {
            "mastercard" => "MasterCard",
            "amex" => "American Express",
            "discover" => "Discover",
            "diners" => "Diners Club",
            "jcb" => "JCB",
            "unionpay" => "UnionPay",
            _ => "Visa",
        };
        let nulls = "address_city address_country address_line1 address_line1_check address_line2 \
                     address_state address_zip address_zip_check dynamic_last4 name \
                     tokenization_method";
        let fingerprint = self.fingerprint(card);
        let source = object(
            nulls,
            json!({
                "id": source, "object": "card", "brand": brand, "country": card.country,
                "cvc_check": "unchecked", "exp_month": month, "exp_year": year + 1,
                "fingerprint": fingerprint, "funding": card.funding, "last4": card.last4,
                "metadata": {}, "networks": { "preferred": null }, "regulated_status": "unregulated",
                "wallet": null,
            }),
        );
        let name = if card.token.is_empty() { card.template } else { card.token };
        self.tokens.insert(id.clone(), name.to_owned());
        self.keep(json!({
            "id": id, "object": "token", "card": source, "client_ip": null, "created": self.now,
            "livemode": false, "type": "card", "used": false,
        }));
        Ok(self.copy(&id))
    }
}
