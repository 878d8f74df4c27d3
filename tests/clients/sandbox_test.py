"""Stripe's own library for Python, unchanged but for the host, against the sandbox."""

import http.server
import queue
import threading
import time
import unittest

import stripe
from specie import Sandbox, misshapen, noting


class StripePython(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.answers = []
        cls.sandbox = cls.enterClassContext(Sandbox())
        cls.stripe = cls.client("sk_test_specie")

    @classmethod
    def client(cls, key):
        addresses = {"api": cls.sandbox.url}
        http_client = noting(stripe.new_default_http_client(), cls.answers)
        return stripe.StripeClient(
            key, base_addresses=addresses, max_network_retries=0, http_client=http_client
        ).v1

    def tearDown(self):
        self.assertTrue(self.answers)
        self.assertEqual(misshapen(self.answers), "")
        self.answers.clear()

    def monthly(self):
        product = self.stripe.products.create({"name": "Pro"})
        return self.stripe.prices.create(
            {
                "product": product.id,
                "currency": "usd",
                "unit_amount": 2900,
                "recurring": {"interval": "day", "interval_count": 30},
            }
        )

    def payer(self, card="pm_card_visa"):
        """A customer who can be charged."""
        customer = self.stripe.customers.create({"email": "ada@example.com", "name": "Ada"})
        method = self.stripe.payment_methods.attach(card, {"customer": customer.id})
        settings = {"default_payment_method": method.id}
        return self.stripe.customers.update(customer.id, {"invoice_settings": settings})

    def test_a_customer_is_created_and_read_back(self):
        made = self.stripe.customers.create(
            {"email": "ada@example.com", "metadata": {"app_id": "u_1"}}
        )
        found = self.stripe.customers.retrieve(made.id)
        self.assertRegex(made.id, "^cus_")
        self.assertEqual(found.email, "ada@example.com")
        self.assertEqual(found.metadata["app_id"], "u_1")
        self.assertFalse(found.livemode)
        self.assertRegex(found.last_response.request_id, "^req_")

    def test_a_price_repeats(self):
        price = self.monthly()
        self.assertEqual(price.unit_amount, 2900)
        self.assertEqual((price.recurring.interval, price.recurring.interval_count), ("day", 30))

    def test_a_checkout_session_has_a_page_to_pay_on(self):
        session = self.stripe.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": self.monthly().id, "quantity": 1}],
                "success_url": "http://127.0.0.1:9/done",
            }
        )
        self.assertEqual((session.status, session.payment_status), ("open", "unpaid"))
        self.assertEqual(session.amount_total, 2900)
        self.assertTrue(session.url.startswith(f"{self.sandbox.url}/c/pay/{session.id}"))

    def test_a_subscription_is_charged_at_once_and_can_be_expanded(self):
        customer = self.payer()
        made = self.stripe.subscriptions.create(
            {"customer": customer.id, "items": [{"price": self.monthly().id}]}
        )
        self.assertEqual(made.status, "active")
        found = self.stripe.subscriptions.retrieve(
            made.id, {"expand": ["customer", "latest_invoice"]}
        )
        self.assertEqual(found.customer.email, "ada@example.com")
        self.assertEqual(found.latest_invoice.amount_paid, 2900)
        self.assertEqual(made.customer, customer.id)

    def test_a_refund_gives_back_what_was_paid(self):
        customer = self.payer()
        made = self.stripe.subscriptions.create(
            {"customer": customer.id, "items": [{"price": self.monthly().id}]}
        )
        paid = self.stripe.invoice_payments.list({"invoice": made.latest_invoice}).data[0]
        refund = self.stripe.refunds.create({"payment_intent": paid.payment.payment_intent})
        self.assertEqual((refund.status, refund.amount), ("succeeded", 2900))
        moved = self.stripe.balance_transactions.list({"source": refund.charge}).data[0]
        self.assertEqual((moved.amount, moved.fee), (2900, 114))
        with self.assertRaises(stripe.InvalidRequestError) as raised:
            self.stripe.refunds.create({"charge": refund.charge})
        self.assertEqual(raised.exception.code, "charge_already_refunded")

    def test_lists_go_page_by_page_newest_first(self):
        email = "grace@example.com"
        made = [self.stripe.customers.create({"email": email}).id for _ in range(7)]
        pages = self.stripe.customers.list({"email": email, "limit": 3})
        self.assertTrue(pages.has_more)
        self.assertEqual([c.id for c in pages.auto_paging_iter()], made[::-1])

    def test_the_same_key_replays_the_same_answer(self):
        options = {"idempotency_key": "python-first"}
        once = self.stripe.customers.create({"name": "Once"}, options)
        twice = self.stripe.customers.create({"name": "Once"}, options)
        self.assertEqual(once.id, twice.id)
        self.assertEqual(twice.last_response.headers["Idempotent-Replayed"], "true")

    def test_the_same_key_with_other_parameters_is_refused(self):
        options = {"idempotency_key": "python-second"}
        self.stripe.customers.create({"name": "Once"}, options)
        with self.assertRaises(stripe.IdempotencyError) as raised:
            self.stripe.customers.create({"name": "Other"}, options)
        self.assertEqual(raised.exception.http_status, 400)

    def test_a_declined_card_raises_a_card_error(self):
        customer = self.stripe.customers.create({})
        with self.assertRaises(stripe.CardError) as raised:
            self.stripe.payment_methods.attach(
                "pm_card_visa_chargeDeclined", {"customer": customer.id}
            )
        error = raised.exception
        self.assertEqual((error.http_status, error.code), (402, "card_declined"))
        self.assertEqual(error.error.decline_code, "generic_decline")
        self.assertEqual(error.user_message, "Your card was declined.")

    def test_other_errors_have_their_own_classes(self):
        with self.assertRaises(stripe.InvalidRequestError) as raised:
            self.stripe.customers.retrieve("cus_nobody")
        self.assertEqual((raised.exception.http_status, raised.exception.code), (404, "resource_missing"))
        with self.assertRaises(stripe.InvalidRequestError) as raised:
            self.stripe.customers.create({"favourite_colour": "teal"})
        self.assertEqual(raised.exception.code, "parameter_unknown")
        with self.assertRaises(stripe.AuthenticationError):
            self.client("no_key").customers.list()

    def test_a_customer_of_a_test_clock_is_billed_in_its_time(self):
        clocks = self.stripe.test_helpers.test_clocks
        january = 1_927_584_000
        clock = clocks.create({"frozen_time": january})
        card = "pm_card_visa"
        customer = self.stripe.customers.create(
            {
                "test_clock": clock.id,
                "payment_method": card,
                "invoice_settings": {"default_payment_method": card},
            }
        )
        made = self.stripe.subscriptions.create(
            {"customer": customer.id, "items": [{"price": self.monthly().id}]}
        )
        self.assertEqual((made.created, made.test_clock), (january, clock.id))
        advancing = clocks.advance(clock.id, {"frozen_time": january + 31 * 86_400})
        self.assertEqual((advancing.status, advancing.frozen_time), ("advancing", january))
        with self.assertRaises(stripe.RateLimitError) as refused:
            self.stripe.subscriptions.cancel(made.id)
        self.assertIn("Test clock advancement underway", str(refused.exception))
        while clocks.retrieve(clock.id).status != "ready":
            time.sleep(0.1)
        invoices = self.stripe.invoices.list({"customer": customer.id}).data
        told = [(invoice.status, invoice.created - january) for invoice in invoices]
        self.assertEqual(told, [("paid", 30 * 86_400), ("paid", 0)])
        self.assertTrue(clocks.delete(clock.id).deleted)

    def test_a_webhook_that_the_sandbox_sent_is_read(self):
        deliveries = queue.Queue()

        class Listener(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                deliveries.put((body, self.headers["Stripe-Signature"]))

            def log_message(self, *_):
                pass

        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        threading.Thread(target=listener.serve_forever, daemon=True).start()

        endpoint = self.stripe.webhook_endpoints.create(
            {
                "url": f"http://127.0.0.1:{listener.server_port}/webhook",
                "enabled_events": ["customer.created"],
            }
        )
        customer = self.stripe.customers.create({"email": "hook@example.com"})
        body, signature = deliveries.get(timeout=10)
        event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
        self.assertEqual(event.type, "customer.created")
        self.assertEqual(event.data.object["id"], customer.id)
        with self.assertRaises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", signature, endpoint.secret)
        self.stripe.webhook_endpoints.delete(endpoint.id)


if __name__ == "__main__":
    unittest.main()
