// The service takes what Stripe's own library signs, and nothing else.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Stripe from 'stripe';
import { serve } from './specie.mjs';

const OLD = 'whsec_the_old_one';
const NEW = 'whsec_the_new_one';

describe('the service and signatures of the stripe library', () => {
  const closers = [];
  let webhook;
  const { webhooks } = new Stripe('sk_test_specie');

  before(async () => {
    const t = { after: (close) => closers.unshift(close) };
    const { url } = await serve(t, { STRIPE_WEBHOOK_SECRET: `${OLD},${NEW}` });
    webhook = `${url}/api/billing/webhook`;
  });
  after(async () => {
    for (const close of closers) await close();
  });

  const payload = (id) =>
    JSON.stringify({
      id,
      object: 'event',
      api_version: '2026-10-28.endive',
      created: Math.floor(Date.now() / 1000),
      livemode: false,
      type: 'customer.created',
      data: { object: { id: 'cus_of_somebody', object: 'customer' } },
    });
  const deliver = async (body, signature) => {
    const headers = { 'Content-Type': 'application/json' };
    if (signature) headers['Stripe-Signature'] = signature;
    return (await fetch(webhook, { method: 'POST', headers, body })).status;
  };
  const sign = (body, secret = NEW, more = {}) =>
    webhooks.generateTestHeaderString({ payload: body, secret, ...more });

  it('takes an event that is signed with either of its secrets, once or twice', async () => {
    const body = payload('evt_1');
    assert.equal(await deliver(body, sign(body, OLD)), 200);
    assert.equal(await deliver(body, sign(body, NEW)), 200);
  });

  it('takes a header that holds one good signature among others', async () => {
    const body = payload('evt_2');
    const [stamp, good] = sign(body).split(',');
    const bad = `v1=${'0'.repeat(64)}`;
    assert.equal(await deliver(body, [stamp, bad, good, 'v0=abc'].join(',')), 200);
    assert.equal(await deliver(body, [stamp, bad, bad].join(',')), 400);
  });

  it('refuses a forged, changed, stale or missing signature', async () => {
    const body = payload('evt_3');
    const stale = Math.floor(Date.now() / 1000) - 301;
    assert.equal(await deliver(body, sign(body, 'whsec_of_somebody_else')), 400);
    assert.equal(await deliver(body.replace('evt_3', 'evt_4'), sign(body)), 400);
    assert.equal(await deliver(body, sign(body, NEW, { timestamp: stale })), 400);
    assert.equal(await deliver(body, sign(body).slice(0, -2)), 400);
    assert.equal(await deliver(body, 'nonsense'), 400);
    assert.equal(await deliver(body, undefined), 400);
  });

  it('keeps a signed body that is no event, and refuses one that is too large', async () => {
    assert.equal(await deliver('no JSON', sign('no JSON')), 200);
    const large = 'x'.repeat(1024 * 1024 + 1); // one byte more than it takes
    assert.equal(await deliver(large, sign(large)), 413);
  });
});
