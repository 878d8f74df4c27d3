//! Objects as recordings show them, at the pinned version.

use serde_json::{Value, json};

pub const AT: i64 = 1_767_225_600;
pub const LATER: i64 = AT + 30 * 86_400;

pub fn customer() -> Value {
    json!({
        "id": "cus_TestCustomer1", "object": "customer", "address": null, "balance": 0,
        "created": AT, "currency": "usd", "customer_account": null, "default_source": null,
        "delinquent": false, "description": null, "discount": null, "email": "ada@example.com",
        "invoice_prefix": "ABCD1234",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": "pm_1Test", "footer": null,
            "rendering_options": null,
        },
        "livemode": false, "metadata": {"specie_payer": "1"}, "name": "Ada",
        "next_invoice_sequence": 2, "phone": null, "preferred_locales": [], "shipping": null,
        "tax_exempt": "none", "test_clock": null,
    })
}

pub fn price() -> Value {
    json!({
        "id": "price_1Test", "object": "price", "active": true, "billing_scheme": "per_unit",
        "created": AT, "currency": "usd", "custom_unit_amount": null, "livemode": false,
        "lookup_key": "specie:pro:monthly", "metadata": {}, "nickname": null,
        "product": "prod_Test",
        "recurring": {
            "interval": "day", "interval_count": 30, "meter": null, "trial_period_days": null,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
        "type": "recurring", "unit_amount": 2900, "unit_amount_decimal": "2900",
    })
}

pub fn subscription() -> Value {
    json!({
        "id": "sub_1Test", "object": "subscription", "application": null,
        "billing_cycle_anchor": AT,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "cancel_at": LATER, "cancel_at_period_end": true, "canceled_at": AT + 60,
        "cancellation_details": {
            "comment": null, "feedback": null, "feedback_option": null,
            "reason": "cancellation_requested",
        },
        "collection_method": "charge_automatically", "created": AT, "currency": "usd",
        "customer": "cus_TestCustomer1", "default_payment_method": null, "discounts": [],
        "ended_at": null,
        "items": {
            "object": "list",
            "data": [{
                "id": "si_Test", "object": "subscription_item", "billing_thresholds": null,
                "created": AT + 1, "current_period_end": LATER, "current_period_start": AT,
                "current_trial": null, "discounts": [], "metadata": {}, "plan": {"id": "price_1Test"},
                "price": price(), "quantity": 1, "subscription": "sub_1Test", "tax_rates": [],
            }],
            "has_more": false, "total_count": 1,
            "url": "/v1/subscription_items?subscription=sub_1Test",
        },
        "latest_invoice": "in_1Test", "livemode": false, "metadata": {"specie_intent": "i1"},
        "pause_collection": null, "plan": {"id": "price_1Test"}, "quantity": 1, "schedule": null,
        "start_date": AT, "status": "active", "test_clock": null, "trial_end": null,
    })
}

fn line(start: i64, end: i64) -> Value {
    json!({
        "id": "il_1Test", "object": "line_item", "amount": 2900, "currency": "usd",
        "period": {"end": end, "start": start}, "quantity": 1, "subtotal": 2900,
    })
}

pub fn invoice() -> Value {
    json!({
        "id": "in_1Test", "object": "invoice", "amount_due": 2900, "amount_overpaid": 0,
        "amount_paid": 2900, "amount_remaining": 0, "attempt_count": 1, "attempted": true,
        "auto_advance": false, "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically", "created": AT, "currency": "usd",
        "customer": "cus_TestCustomer1", "hosted_invoice_url": "https://invoice.stripe.com/i/x",
        "invoice_pdf": "https://pay.stripe.com/invoice/x/pdf",
        "lines": {
            "object": "list", "data": [line(AT - 10, LATER), line(AT, LATER), line(AT - 90, AT)],
            "has_more": false, "total_count": 3, "url": "/v1/invoices/in_1Test/lines",
        },
        "metadata": {}, "next_payment_attempt": null, "number": "ABCD1234-0001",
        "parent": {
            "quote_details": null,
            "subscription_details": {
                "metadata": {"specie_intent": "i1"}, "subscription": "sub_1Test",
            },
            "type": "subscription_details",
        },
        "payments": {
            "object": "list",
            "data": [{
                "id": "inpay_1Test", "object": "invoice_payment", "amount_paid": 2900,
                "amount_requested": 2900, "created": AT, "currency": "usd", "invoice": "in_1Test",
                "is_default": true, "livemode": false,
                "payment": {"payment_intent": "pi_3Test", "type": "payment_intent"},
                "status": "paid", "status_transitions": {"canceled_at": null, "paid_at": AT},
            }],
            "has_more": false, "url": "/v1/invoices/payments",
        },
        "period_end": AT, "period_start": AT - 90, "status": "paid",
        "status_transitions": {
            "finalized_at": AT, "marked_uncollectible_at": null, "paid_at": AT + 1,
            "voided_at": null,
        },
        "subtotal": 2900, "total": 2900,
    })
}

pub fn charge() -> Value {
    json!({
        "id": "ch_3Test", "object": "charge", "amount": 2900, "amount_captured": 2900,
        "amount_refunded": 900, "created": AT, "currency": "usd", "customer": "cus_TestCustomer1",
        "failure_code": null, "livemode": false, "metadata": {}, "payment_intent": "pi_3Test",
        "payment_method": "pm_1Test",
        "payment_method_details": {"card": {"brand": "visa", "last4": "4242"}, "type": "card"},
        "receipt_url": "https://pay.stripe.com/receipts/payment/x", "refunded": false,
        "status": "succeeded",
    })
}

pub fn payment_intent() -> Value {
    json!({
        "id": "pi_3Test", "object": "payment_intent", "amount": 2900, "amount_received": 0,
        "created": AT, "currency": "usd", "customer": "cus_TestCustomer1",
        "last_payment_error": {
            "code": "card_declined", "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.", "type": "card_error",
        },
        "latest_charge": "ch_3Test", "livemode": false, "metadata": {"specie_intent": "i1"},
        "next_action": {"redirect_to_url": {"return_url": "https://app", "url": "https://3ds"}},
        "payment_details": {"customer_reference": null, "order_reference": "in_1Test"},
        "payment_method": null, "status": "requires_action",
    })
}

pub fn session() -> Value {
    json!({
        "id": "cs_test_a1Test", "object": "checkout.session", "amount_subtotal": 2900,
        "amount_total": 2900, "created": AT, "currency": "usd", "customer": "cus_TestCustomer1",
        "customer_creation": null, "expires_at": AT + 86_400, "invoice": null, "livemode": false,
        "metadata": {"specie_intent": "i1"}, "mode": "subscription", "payment_intent": null,
        "payment_status": "unpaid", "status": "open", "subscription": null,
        "ui_mode": "hosted_page", "url": "https://checkout.stripe.com/c/pay/cs_test_a1Test#x",
    })
}
