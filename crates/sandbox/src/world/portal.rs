//! The customer portal: its sessions, and what a person does there.

use serde_json::{Value, json};

use crate::cards::{self, Behaviour};

use super::fault::{Answer, Fault};
use super::given::Given;
use super::methods::no_billing;
use super::state::{is, maybe, object, put, text};
use super::{PageError, World};

fn refused(fault: &Fault) -> PageError {
    PageError { message: fault.message(), code: fault.finest_code() }
}

impl World {
    /// The one configuration, kept from the beginning.
    pub(super) fn keep_configuration(&mut self) {
        let id = self.long_id("bpc_", '1');
        let reasons = ["too_expensive", "missing_features", "switched_service", "unused", "other"];
        self.keep(object("application default_return_url name", json!({
            "id": id, "object": "billing_portal.configuration", "active": true,
            "business_profile": {
                "headline": null, "privacy_policy_url": null, "terms_of_service_url": null,
            },
            "created": self.now,
            "features": {
                "customer_update": { "allowed_updates": [], "enabled": false },
                "invoice_history": { "enabled": true },
                "payment_method_update": { "enabled": true, "payment_method_configuration": null },
                "subscription_cancel": {
                    "cancellation_reason": {
                        "enabled": false, "feedback_options": null, "options": reasons,
                    },
                    "enabled": true, "mode": "at_period_end", "proration_behavior": "none",
                },
                "subscription_pause": {
                    "duration": { "interval_options": [], "type": "indefinite" }, "enabled": false,
                },
                "subscription_update": {
                    "billing_cycle_anchor": null, "default_allowed_updates": [], "enabled": false,
                    "products": null, "proration_behavior": "none",
                    "schedule_at_period_end": { "conditions": [] },
                    "trial_update_behavior": "end_trial",
                },
            },
            "is_default": true, "livemode": false,
            "login_page": { "enabled": false, "url": null }, "metadata": {}, "updated": self.now,
        })));
    }

    pub(super) fn create_portal(&mut self, given: &Given) -> Answer {
        let customer = given.filled("customer").unwrap_or_default();
        if self.find("customer", customer).is_none() {
            return Err(Fault::missing(400, "customer", customer, "customer"));
        }
        let default = self.newest("billing_portal.configuration").next();
        let default = default.map(|found| text(found, "id").to_owned()).unwrap_or_default();
        if let Some(wanted) = given.filled("configuration").filter(|wanted| *wanted != default) {
            return Err(Fault::missing(400, "configuration", wanted, "configuration"));
        }
        let mut flow = Value::Null;
        if let Some(kind) = given.filled("flow_data.type") {
            flow = object(
                "customer_update subscription_cancel subscription_pause \
                subscription_update subscription_update_confirm",
                json!({
                    "after_completion": {
                        "hosted_confirmation": null, "redirect": null, "type": "portal_homepage",
                    },
                    "type": kind,
                }),
            );
            match kind {
                "payment_method_update" => {}
                "subscription_cancel" => {
                    let sub = given
                        .filled("flow_data.subscription_cancel.subscription")
                        .unwrap_or_default();
                    let held =
                        self.find("subscription", sub).filter(|s| text(s, "customer") == customer);
                    if held.is_none() {
                        let param = "flow_data[subscription_cancel][subscription]";
                        return Err(Fault::missing(400, "subscription", sub, param));
                    }
                    put(
                        &mut flow,
                        "subscription_cancel",
                        json!({ "retention": null, "subscription": sub }),
                    );
                }
                _ => return Err(Fault::unsupported("value of", "flow_data[type]")),
            }
        }
        let customer = customer.to_owned();
        let id = self.long_id("bps_", '1');
        let page = format!("{}/p/session/{id}", self.config.base_url);
        self.keep(object("customer_account on_behalf_of", json!({
            "id": id, "object": "billing_portal.session", "configuration": default,
            "created": self.now, "customer": customer, "flow": flow, "livemode": false,
            "locale": given.filled("locale"), "return_url": given.filled("return_url"), "url": page,
        })));
        self.emit("billing_portal.session.created", &id);
        Ok(self.copy(&id))
    }

    fn portal_customer(&self, session: &str) -> Result<String, PageError> {
        let customer =
            self.find("billing_portal.session", session).and_then(|s| maybe(s, "customer"));
        customer.filter(|customer| self.find("customer", customer).is_some()).ok_or_else(|| {
            PageError {
                message: "This page does not exist.".into(),
                code: "resource_missing".into(),
            }
        })
    }

    /// Sets whether a subscription of the portal's customer ends with its period.
    pub(super) fn portal_schedule(
        &mut self,
        session: &str,
        subscription: &str,
        ends: bool,
    ) -> Result<(), PageError> {
        let customer = self.portal_customer(session)?;
        let sub =
            self.find("subscription", subscription).filter(|s| text(s, "customer") == customer);
        let sub = sub.cloned().ok_or_else(|| PageError {
            message: "There is no such subscription.".into(),
            code: "resource_missing".into(),
        })?;
        if !matches!(text(&sub, "status"), "active" | "past_due" | "trialing" | "unpaid") {
            return Err(PageError {
                message: "This subscription has ended already.".into(),
                code: "subscription_ended".into(),
            });
        }
        if is(&sub, "cancel_at_period_end") == ends {
            return Ok(());
        }
        let given = Given(json!({ "cancel_at_period_end": ends.to_string() }));
        self.update_subscription(subscription, &given).map_err(|fault| refused(&fault))?;
        Ok(())
    }

    /// Saves another card and makes it the customer's default.
    pub(super) fn portal_card(&mut self, session: &str, card: &str) -> Result<(), PageError> {
        let customer = self.portal_customer(session)?;
        let card = cards::by_name(card).ok_or_else(|| PageError {
            message: "Your card number is incorrect.".into(),
            code: "incorrect_number".into(),
        })?;
        if let Behaviour::NeedsAuthentication(_) = card.behaviour {
            return Err(PageError {
                message: "This card asks for 3-D Secure, which this sandbox does not show yet. \
                          Please use another card."
                    .into(),
                code: "authentication_required".into(),
            });
        }
        let method = self.make_method(card, no_billing());
        self.attach(&method, &customer).map_err(|fault| refused(&fault))?;
        let field = "invoice_settings.default_payment_method";
        let previous = self.set(&customer, [(field, json!(method))]);
        self.emit_change("customer.updated", &customer, previous);
        Ok(())
    }
}
