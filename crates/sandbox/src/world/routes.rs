//! Which function answers which endpoint.

use serde_json::{Value, json};

use super::World;
use super::clocks::KIND;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::index::{ITEMS, SUBSCRIPTION};
use super::pages::{Lines, List};
use super::params::Endpoint;
use super::state::{items, text};

impl World {
    pub(super) fn write(&mut self, endpoint: &Endpoint, ids: &[String], given: &Given) -> Answer {
        let id = ids.first().map(String::as_str).unwrap_or_default();
        match endpoint.name {
            "POST /v1/customers" => self.create_customer(given),
            "POST /v1/customers/{id}" => self.update_customer(id, given),
            "DELETE /v1/customers/{id}" => self.delete_customer(id),
            "POST /v1/payment_methods" => self.create_method(given),
            "POST /v1/payment_methods/{id}" => self.update_method(id, given),
            "POST /v1/payment_methods/{id}/attach" => self.attach_method(id, given),
            "POST /v1/payment_methods/{id}/detach" => self.detach_method(id),
            "POST /v1/products" => self.create_product(given),
            "POST /v1/products/{id}" => self.update_product(id, given),
            "DELETE /v1/products/{id}" => self.delete_product(id),
            "POST /v1/prices" => self.create_price(given),
            "POST /v1/prices/{id}" => self.update_price(id, given),
            "POST /v1/checkout/sessions" => self.create_session(given),
            "POST /v1/checkout/sessions/{id}" => self.update_session(id, given),
            "POST /v1/checkout/sessions/{id}/expire" => self.expire_session(id),
            "POST /v1/subscriptions" => self.create_subscription(given),
            "POST /v1/subscriptions/{id}" => self.update_subscription(id, given),
            "DELETE /v1/subscriptions/{id}" => self.cancel_subscription(id, given),
            "POST /v1/invoices/{id}" => self.update_invoice(id, given),
            "POST /v1/invoices/{id}/pay" => self.pay_invoice(id, given),
            "POST /v1/invoices/{id}/void" => self.void_invoice(id),
            "POST /v1/invoices/{id}/finalize" => self.finalize_invoice(id, given),
            "POST /v1/refunds" => self.create_refund(given),
            "POST /v1/refunds/{id}" => self.update_refund(id, given),
            "POST /v1/webhook_endpoints" => self.create_endpoint(given),
            "POST /v1/webhook_endpoints/{id}" => self.update_endpoint(id, given),
            "DELETE /v1/webhook_endpoints/{id}" => self.delete_endpoint(id),
            "POST /v1/billing_portal/sessions" => self.create_portal(given),
            "POST /v1/tokens" => self.create_token(given),
            "POST /v1/test_helpers/test_clocks" => self.create_test_clock(given),
            "POST /v1/test_helpers/test_clocks/{id}/advance" => self.advance_test_clock(id, given),
            "DELETE /v1/test_helpers/test_clocks/{id}" => self.delete_test_clock(id),
            other => Err(Fault::unsupported("endpoint", other)),
        }
    }

    pub(super) fn read(
        &self,
        endpoint: &Endpoint,
        ids: &[String],
        given: &Given,
        url: &str,
    ) -> Answer {
        let id = ids.first().map(String::as_str).unwrap_or_default();
        let customer = ("customer", "customer");
        let all: List<'_, Value> = match endpoint.name {
            "GET /v1/account" => return Ok(self.account_object()),
            "GET /v1/balance" => return Ok(self.balance_object()),
            "GET /v1/balance_transactions/{id}" => {
                return self.need("balance_transaction", id).map(|found| self.shown(found));
            }
            "GET /v1/balance_transactions" => self.list_balance_transactions(given),
            "GET /v1/customers/{id}" => return self.retrieve_customer(id),
            "GET /v1/payment_methods/{id}" => return self.need_method(id),
            "GET /v1/customers/{customerId}/payment_methods/{id}" => {
                self.need("customer", id)?;
                let method = ids.get(1).map(String::as_str).unwrap_or_default();
                let found = self.need_method(method)?;
                if text(&found, "customer") != id {
                    return Err(Fault::missing(404, "PaymentMethod", method, "payment_method"));
                }
                return Ok(found);
            }
            "GET /v1/products/{id}" => return self.need("product", id),
            "GET /v1/prices/{id}" => return self.need("price", id),
            "GET /v1/checkout/sessions/{id}" => return self.need("checkout.session", id),
            "GET /v1/subscriptions/{id}" => return self.need("subscription", id),
            "GET /v1/subscription_items/{id}" => return self.subscription_item(id),
            "GET /v1/invoices/{id}" => return self.need("invoice", id),
            "GET /v1/invoice_payments/{id}" => return self.need("invoice_payment", id),
            "GET /v1/payment_intents/{id}" => return self.need("payment_intent", id),
            "GET /v1/charges/{id}" => return self.need("charge", id),
            "GET /v1/refunds/{id}" => return self.need("refund", id),
            "GET /v1/webhook_endpoints/{id}" => return self.need("webhook_endpoint", id),
            "GET /v1/tokens/{id}" => return self.need("token", id),
            "GET /v1/test_helpers/test_clocks/{id}" => return self.need(KIND, id),
            "GET /v1/test_helpers/test_clocks" => self.where_texts(KIND, given, &[]),
            "GET /v1/billing_portal/configurations/{id}" => {
                return self.need("billing_portal.configuration", id);
            }
            "GET /v1/events/{id}" => {
                return self.event(id).ok_or_else(|| Fault::missing(404, "event", id, "id"));
            }
            "GET /v1/customers" => {
                let all = self.where_texts("customer", given, &[("email", "email")]);
                self.seen(all, given)?
            }
            "GET /v1/customers/{id}/payment_methods" => {
                self.need("customer", id)?;
                self.list_methods(id, given)
            }
            "GET /v1/payment_methods" => match given.filled("customer") {
                None => List::of(self, "payment_method").none(),
                Some(id) => {
                    let found = self.find("customer", id);
                    found.ok_or_else(|| Fault::missing(400, "customer", id, "customer"))?;
                    self.list_methods(id, given)
                }
            },
            "GET /v1/products" => self.list_products(given),
            "GET /v1/prices" => self.list_prices(given)?,
            "GET /v1/checkout/sessions" => {
                let fields = [
                    customer,
                    ("payment_intent", "payment_intent"),
                    ("subscription", "subscription"),
                    ("status", "status"),
                ];
                self.where_texts("checkout.session", given, &fields)
            }
            "GET /v1/checkout/sessions/{id}/line_items" => {
                self.need("checkout.session", id)?;
                let lines = self.baskets.get(id).map(|basket| basket.lines.as_slice());
                let lines = Lines { kind: "item", lines: lines.unwrap_or_default() };
                return self.page(&lines, url, given);
            }
            "GET /v1/subscriptions" => self.seen(self.list_subscriptions(given), given)?,
            "GET /v1/subscription_items" => {
                let sub = given.filled("subscription").unwrap_or_default();
                let found = self.find("subscription", sub);
                let found = found
                    .ok_or_else(|| Fault::missing(404, "subscription", sub, "subscription"))?;
                let lines = items(found, "items.data");
                return self.page(&Lines { kind: "subscription_item", lines }, url, given);
            }
            "GET /v1/invoices" => {
                let fields = [
                    customer,
                    ("status", "status"),
                    ("collection_method", "collection_method"),
                    ("subscription", SUBSCRIPTION),
                ];
                self.seen(self.where_texts("invoice", given, &fields), given)?
            }
            "GET /v1/invoices/{id}/lines" => {
                self.need("invoice", id)?;
                let lines = self.lines.get(id).map(Vec::as_slice).unwrap_or_default();
                return self.page(&Lines { kind: "line_item", lines }, url, given);
            }
            "GET /v1/invoice_payments" => {
                let fields = [
                    ("invoice", "invoice"),
                    ("status", "status"),
                    ("payment.type", "payment.type"),
                    ("payment.payment_intent", "payment.payment_intent"),
                    ("payment.charge", "payment.charge"),
                ];
                self.where_texts("invoice_payment", given, &fields)
            }
            "GET /v1/payment_intents" => self.where_texts("payment_intent", given, &[customer]),
            "GET /v1/charges" => {
                let fields = [customer, ("payment_intent", "payment_intent")];
                self.where_texts("charge", given, &fields)
            }
            "GET /v1/refunds" => {
                let fields = [("charge", "charge"), ("payment_intent", "payment_intent")];
                self.where_texts("refund", given, &fields)
            }
            "GET /v1/events" => return self.page(&self.list_events(given)?, url, given),
            "GET /v1/webhook_endpoints" => self.where_texts("webhook_endpoint", given, &[]),
            "GET /v1/billing_portal/configurations" => {
                let all = self.where_texts("billing_portal.configuration", given, &[]);
                all.only(|found| {
                    ["active", "is_default"].iter().all(|field| {
                        given.bool(field).is_none_or(|want| found[*field] == json!(want))
                    })
                })
            }
            other => return Err(Fault::unsupported("endpoint", other)),
        };
        self.page(&all, url, given)
    }

    pub(super) fn subscription_item(&self, id: &str) -> Answer {
        let found = self
            .newest_with("subscription", ITEMS, id)
            .flat_map(|sub| items(sub, "items.data"))
            .find(|item| text(item, "id") == id);
        found.cloned().ok_or_else(|| {
            let mut fault = Fault::invalid(format!("Invalid subscription_item id: {id}"));
            fault.final_word = false;
            fault
        })
    }

    pub(super) fn account_object(&self) -> Value {
        json!({
            "id": self.account, "object": "account",
            "business_profile": {
                "annual_revenue": null, "estimated_worker_count": null, "mcc": null,
                "minority_owned_business_designation": null, "monthly_estimated_revenue": null,
                "name": "Specie sandbox", "product_description": null, "specified_commercial_transactions_act_url": null,
                "support_address": null,
                "support_email": null, "support_phone": null, "support_url": null, "url": null,
            },
            "business_type": null, "capabilities": { "card_payments": "active", "transfers": "active" },
            "charges_enabled": true, "country": "US", "created": self.config.start,
            "default_currency": "usd", "details_submitted": true, "email": null, "metadata": {},
            "payouts_enabled": true, "type": "standard",
        })
    }
}
