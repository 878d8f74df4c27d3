// Stripe's own library for Node, unchanged but for the host, against the sandbox.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import Stripe from 'stripe';
import { misshapen, noting, sandbox } from './specie.mjs';

describe('the stripe library for Node', () => {
  let stripe, host;
  const closers = [];
  const answers = [];

  before(async () => {
    host = await sandbox({ after: (close) => closers.unshift(close) });
    stripe = client('sk_test_specie');
  });
  after(async () => {
    for (const close of closers) await close();
    assert.ok(answers.length > 50, `${answers.length}`);
    assert.equal(misshapen(answers), '', 'every answer has its declared shape');
  });

  const client = (key) =>
    new Stripe(key, {
      host: '127.0.0.1',
      port: host.port,
      protocol: 'http',
      maxNetworkRetries: 0,
      httpClient: noting(Stripe.createNodeHttpClient(), answers),
    });

  const monthly = async () => {
    const product = await stripe.products.create({ name: 'Pro' });
    return stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 2900,
      recurring: { interval: 'day', interval_count: 30 },
    });
  };

  /** A customer who can be charged. */
  const payer = async (card = 'pm_card_visa') => {
    const customer = await stripe.customers.create({ email: 'ada@example.com', name: 'Ada' });
    const method = await stripe.paymentMethods.attach(card, { customer: customer.id });
    return stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: method.id },
    });
  };

  it('speaks the version that the library is pinned to', () => {
    assert.equal(Stripe.API_VERSION ?? stripe.getApiField?.('version'), '2026-10-28.endive');
  });

  it('creates a customer and reads it back', async () => {
    const made = await stripe.customers.create({
      email: 'ada@example.com',
      metadata: { app_id: 'u_1' },
    });
    assert.match(made.id, /^cus_/);
    assert.equal(made.livemode, false);
    const found = await stripe.customers.retrieve(made.id);
    assert.equal(found.email, 'ada@example.com');
    assert.deepEqual({ ...found.metadata }, { app_id: 'u_1' });
    assert.equal(found.lastResponse.statusCode, 200);
    assert.match(found.lastResponse.requestId, /^req_/);
  });

  it('creates a price that repeats', async () => {
    const price = await monthly();
    assert.match(price.id, /^price_/);
    assert.equal(price.unit_amount, 2900);
    assert.equal(price.recurring.interval, 'day');
    assert.equal(price.recurring.interval_count, 30);
  });

  it('creates a Checkout Session with a page to pay on', async () => {
    const price = await monthly();
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'http://127.0.0.1:9/done',
      cancel_url: 'http://127.0.0.1:9/back',
    });
    assert.match(session.id, /^cs_test_/);
    assert.equal(session.status, 'open');
    assert.equal(session.payment_status, 'unpaid');
    assert.equal(session.amount_total, 2900);
    assert.ok(session.url.startsWith(`${host.url}/c/pay/${session.id}`), session.url);
    assert.equal((await fetch(session.url)).status, 200);

    const expired = await stripe.checkout.sessions.expire(session.id);
    assert.equal(expired.status, 'expired');
    assert.equal(expired.url, null);
  });

  it('subscribes a customer with a card and charges at once', async () => {
    const customer = await payer();
    const price = await monthly();
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    assert.equal(made.status, 'active');
    const [item] = made.items.data;
    assert.equal(item.current_period_end - item.current_period_start, 30 * 24 * 60 * 60);

    const found = await stripe.subscriptions.retrieve(made.id, {
      expand: ['customer', 'latest_invoice', 'default_payment_method'],
    });
    assert.equal(found.customer.email, 'ada@example.com');
    assert.equal(found.latest_invoice.status, 'paid');
    assert.equal(found.latest_invoice.amount_paid, 2900);
    assert.equal(found.latest_invoice.billing_reason, 'subscription_create');
    assert.equal(made.customer, customer.id, 'not expanded unless asked for');

    const ending = await stripe.subscriptions.update(made.id, { cancel_at_period_end: true });
    assert.equal(ending.status, 'active');
    assert.equal(ending.cancel_at, item.current_period_end);
    const over = await stripe.subscriptions.cancel(made.id);
    assert.equal(over.status, 'canceled');
  });

  it('lists page by page, newest first', async () => {
    const email = 'grace@example.com';
    const made = [];
    for (let n = 0; n < 7; n += 1) made.push((await stripe.customers.create({ email })).id);
    const found = [];
    for await (const customer of stripe.customers.list({ email, limit: 3 })) found.push(customer.id);
    assert.deepEqual(found, made.toReversed());

    const page = await stripe.customers.list({ email, limit: 3 });
    assert.equal(page.has_more, true);
    assert.equal(page.data.length, 3);
    const back = await stripe.customers.list({ email, limit: 3, ending_before: page.data[2].id });
    assert.deepEqual(back.data.map((c) => c.id), page.data.slice(0, 2).map((c) => c.id));
  });

  it('replays the answer of a call with the same idempotency key', async () => {
    const idempotencyKey = 'first-try';
    const once = await stripe.customers.create({ name: 'Once' }, { idempotencyKey });
    const twice = await stripe.customers.create({ name: 'Once' }, { idempotencyKey });
    assert.equal(twice.id, once.id);
    assert.equal(twice.lastResponse.headers['idempotent-replayed'], 'true');
  });

  it('refuses the same idempotency key with other parameters', async () => {
    const idempotencyKey = 'second-try';
    await stripe.customers.create({ name: 'Once' }, { idempotencyKey });
    await assert.rejects(stripe.customers.create({ name: 'Other' }, { idempotencyKey }), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeIdempotencyError);
      assert.equal(error.statusCode, 400);
      return true;
    });
  });

  it('raises a card error for a card that is declined at attach', async () => {
    const customer = await stripe.customers.create();
    const attach = stripe.paymentMethods.attach('pm_card_visa_chargeDeclined', { customer: customer.id });
    await assert.rejects(attach, (error) => {
      assert.ok(error instanceof Stripe.errors.StripeCardError);
      assert.equal(error.statusCode, 402);
      assert.equal(error.code, 'card_declined');
      assert.equal(error.decline_code, 'generic_decline');
      assert.equal(error.message, 'Your card was declined.');
      return true;
    });
  });

  it('raises a card error for a card that is declined when it is charged', async () => {
    const customer = await payer('pm_card_chargeCustomerFail');
    const price = await monthly();
    const create = stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      payment_behavior: 'error_if_incomplete',
    });
    await assert.rejects(create, (error) => {
      assert.ok(error instanceof Stripe.errors.StripeCardError);
      assert.equal(error.code, 'card_declined');
      return true;
    });
  });

  it('tells what is missing, unknown, or not permitted, each in its own class', async () => {
    await assert.rejects(stripe.customers.retrieve('cus_nobody'), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.statusCode, 404);
      assert.equal(error.code, 'resource_missing');
      assert.equal(error.param, 'id');
      return true;
    });
    await assert.rejects(stripe.customers.create({ favourite_colour: 'teal' }), (error) => {
      assert.equal(error.code, 'parameter_unknown');
      assert.equal(error.param, 'favourite_colour');
      return true;
    });
    await assert.rejects(client('no_key').customers.list(), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeAuthenticationError);
      assert.equal(error.statusCode, 401);
      return true;
    });
  });

  it('pays, fails, refunds and reads what came of it', async () => {
    const customer = await payer();
    const price = await monthly();
    const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
    const [invoice] = (await stripe.invoices.list({ subscription: made.id })).data;
    const payments = await stripe.invoicePayments.list({ invoice: invoice.id });
    const intent = await stripe.paymentIntents.retrieve(payments.data[0].payment.payment_intent, {
      expand: ['latest_charge.balance_transaction'],
    });
    assert.equal(intent.latest_charge.balance_transaction.fee, 114);
    assert.equal((await fetch(invoice.hosted_invoice_url)).status, 200);
    const pdf = await fetch(invoice.invoice_pdf);
    assert.equal(pdf.headers.get('content-type'), 'application/pdf');
    assert.match(await pdf.text(), /^%PDF-/);
    assert.equal((await fetch(intent.latest_charge.receipt_url)).status, 200);

    await assert.rejects(stripe.invoices.pay(invoice.id), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.message, 'Invoice is already paid');
      return true;
    });
    const refund = await stripe.refunds.create({ payment_intent: intent.id, reason: 'duplicate' });
    assert.equal(refund.status, 'succeeded');
    assert.equal(refund.amount, 2900);
    await assert.rejects(stripe.refunds.create({ payment_intent: intent.id }), (error) => {
      assert.equal(error.code, 'charge_already_refunded');
      return true;
    });
    const moved = await stripe.balanceTransactions.list({ source: refund.id });
    assert.equal(moved.data[0].net, -2900);
    assert.equal((await stripe.balance.retrieve()).object, 'balance');
  });

  it('refuses by name what the sandbox does not support', async () => {
    await assert.rejects(stripe.coupons.list(), (error) => {
      assert.equal(error.code, 'specie_sandbox_unsupported');
      assert.match(error.message, /coupons/);
      return true;
    });
  });

  it('bills a customer of a test clock in its time', { timeout: 20_000 }, async () => {
    const clocks = stripe.testHelpers.testClocks;
    const january = Date.UTC(2031, 0, 31) / 1000;
    const clock = await clocks.create({ frozen_time: january, name: 'A month' });
    assert.equal(clock.status, 'ready');
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const price = await monthly();
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    assert.equal(made.created, january);
    assert.equal(made.test_clock, clock.id);

    const advancing = await clocks.advance(clock.id, { frozen_time: january + 31 * 86400 });
    assert.equal(advancing.status, 'advancing');
    assert.equal(advancing.frozen_time, january);
    await assert.rejects(stripe.subscriptions.cancel(made.id), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeRateLimitError, error.constructor.name);
      assert.match(error.message, /^Test clock advancement underway/);
      return true;
    });
    while ((await clocks.retrieve(clock.id)).status !== 'ready') await pause(100);
    const { data } = await stripe.invoices.list({ customer: customer.id });
    assert.deepEqual(
      data.map((invoice) => [invoice.status, invoice.created - january]),
      [['paid', 30 * 86400], ['paid', 0]],
    );
    assert.ok((await stripe.customers.list({ limit: 100 })).data.every((other) => !other.test_clock));
    assert.equal((await stripe.customers.list({ test_clock: clock.id })).data[0].id, customer.id);
    assert.equal((await clocks.del(clock.id)).deleted, true);
    assert.equal((await stripe.customers.retrieve(customer.id)).deleted, true);
  });

  it('reads a webhook that the sandbox signed and sent', { timeout: 20_000 }, async (t) => {
    const deliveries = [];
    let arrived;
    const next = new Promise((resolve) => (arrived = resolve));
    const listener = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        deliveries.push({ body: Buffer.concat(chunks), signature: request.headers['stripe-signature'] });
        response.end('{}');
        arrived();
      });
    });
    await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
    t.after(() => (listener.closeAllConnections(), listener.close()));

    const endpoint = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${listener.address().port}/webhook`,
      enabled_events: ['customer.created'],
    });
    assert.match(endpoint.secret, /^whsec_/);
    const customer = await stripe.customers.create({ email: 'hook@example.com' });
    await next;

    const [{ body, signature }] = deliveries;
    const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
    assert.equal(event.type, 'customer.created');
    assert.equal(event.data.object.id, customer.id);
    assert.equal(event.api_version, '2026-10-28.endive');
    assert.equal((await stripe.events.retrieve(event.id)).type, 'customer.created');

    const changed = Buffer.from(body.toString().replace('hook@', 'evil@'));
    assert.throws(
      () => stripe.webhooks.constructEvent(changed, signature, endpoint.secret),
      Stripe.errors.StripeSignatureVerificationError,
    );
    await stripe.webhookEndpoints.del(endpoint.id);
  });
});
