// What can become of a subscription, and what people do with a browser, as the pages show it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../clients/specie.mjs';
import { look } from './chromium.mjs';
import {
  DECLINED,
  FAILS_LATER,
  MASTERCARD,
  PAYS,
  arrive,
  button,
  clock,
  fillCard,
  follows,
  house,
  jump,
  link,
  replaceCard,
  strip,
  subscribe,
  title,
  turn,
} from './house.mjs';

const DAY = 86_400;
const closers = [];
const whole = { after: (close) => closers.unshift(close) };
const closeAll = async () => {
  for (const close of closers.splice(0)) await close();
};

describe('a life on the pages', { timeout: 600_000 }, () => {
  let service, sandbox, signedIn;

  before(async () => {
    ({ service, sandbox, signedIn } = await house(whole));
  });
  after(closeAll);

  it('move a clock that has nothing to renew', async (t) => {
    const { page } = await signedIn(t, 0);
    const before = await clock(page);
    assert.match(await jump(page, 'To the next renewal'), /did not move: nobody has a subscription/);
    assert.equal(await clock(page), before);
    assert.match(await jump(page, 'One day'), /^One day later: nothing happened/);
    assert.equal((await clock(page)) - before, DAY);
  });

  it('a renewal fails, and another card mends it', async (t) => {
    const { page, problems } = await signedIn(t, 0);
    const main = page.locator('main');
    await subscribe(page, service);
    await replaceCard(page, FAILS_LATER);
    await main.getByText('Visa ending in 0341').waitFor();

    const told = await jump(page, 'To the next renewal');
    assert.match(told, /Ada Lovelace\s+payment of \$29\.00 declined, attempt 1/);
    assert.match(told, /mail: Your payment to SaaSKit failed/);
    await main.getByText('Your last payment failed').waitFor();
    assert.match(await main.innerText(), /You keep access until \d+ \w+ \d{4}.*The next attempt is on/s);
    await look(page, 'account-past-due');
    await link(page, 'Cancel subscription').click();
    await main.getByText('The payment that failed is still open').waitFor();
    await link(page, 'Keep my subscription').click();

    await page.getByRole('link', { name: /^Mailbox/ }).click();
    await page.getByRole('link', { name: 'Your payment to SaaSKit failed' }).first().click();
    await page.frameLocator('iframe').getByRole('heading').waitFor();
    await look(page, 'mail-failed');
    const mail = page.url();
    // Nothing may run in a mail, nor can axe.
    await page.goto(`${mail}/html`);
    await link(page, 'Or pay this invoice directly').click();
    await page.waitForURL(`${sandbox}/i/in_*`);
    await look(page, 'invoice-open');
    await fillCard(page, DECLINED);
    await button(page, 'Pay $29.00').click();
    assert.match(await page.getByRole('alert').innerText(), /declined/);

    await page.goto(`${mail}/html`);
    await link(page, 'Update your card').click();
    await page.waitForURL(`${service}/billing/account`);
    await replaceCard(page, MASTERCARD);
    await main.getByText('Active').first().waitFor();
    await main.getByText('Mastercard ending in 4444').waitFor();
    assert.equal(await main.getByText('Paid', { exact: true }).count(), 2);
    assert.match(await main.innerText(), /Next payment\s+\$29\.00 on/);
    await page.getByRole('link', { name: /^Mailbox/ }).click();
    await page.getByRole('link', { name: 'Your payment to SaaSKit went through' }).waitFor();
    assert.deepEqual(problems, []);
  });

  it('an invoice is paid on its own page', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    await replaceCard(page, FAILS_LATER);
    await jump(page, 'To the next renewal');
    await page.getByRole('link', { name: /^Finish payment of \$29\.00/ }).first().click();
    await fillCard(page, PAYS);
    await button(page, 'Pay $29.00').click();
    await page.getByText('Paid on').waitFor();
    await look(page, 'invoice');
    const paper = await page.request.get(await link(page, 'Download as PDF').getAttribute('href').then((path) => sandbox + path));
    assert.equal(paper.headers()['content-type'], 'application/pdf');
    assert.match((await paper.body()).toString('latin1'), /^%PDF-1\.4[^]*\(\$29\.00\) Tj[^]*%%EOF\n$/);
    await page.goto(`${service}/billing/account`);
    await page.locator('main').getByText('Active').first().waitFor();
  });

  it('it ends, and begins again', async (t) => {
    const { page } = await signedIn(t, 0);
    const main = page.locator('main');
    await page.goto(`${service}/billing/account`);
    // The card that fails is still the subscription's own: the last attempt ends it.
    const told = await jump(page, 'A year');
    assert.match(told, /attempt 2[^]*the subscription ended[^]*mail: Your SaaSKit subscription has ended/);
    await main.getByText('Ended').first().waitFor();
    assert.match(await main.innerText(), /Ended on\s+\d/);
    assert.equal(await main.getByText('Finish payment').count(), 0, 'nothing is left to pay for');
    await look(page, 'account-ended');
    assert.match(await jump(page, 'To the next renewal'), /nobody has a subscription that renews/);
    await link(page, 'See the plans').click();
    await subscribe(page, service, '?every=365day');
    await main.getByText('$290.00 every 365 days').waitFor();
    const began = await clock(page);
    assert.match(await jump(page, 'To the next renewal'), /paid \$290\.00/);
    assert.ok((await clock(page)) - began < 366 * DAY);
    assert.match(await main.innerText(), /Next payment\s+\$290\.00 on/);
    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').dblclick();
    await main.getByText('Active, ends soon').waitFor();
    assert.match(await jump(page, 'To the next renewal'), /the subscription ended/);
    await main.getByText('Ended').first().waitFor();
  });

  it('every mail can be read, and its links lead on', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/dev/mailbox`);
    const mails = await page.locator('main tbody a').evaluateAll((all) => all.map((it) => [it.textContent, it.href]));
    const kinds = new Map(mails.reverse());
    for (const subject of ['Your receipt from SaaSKit', 'Your payment to SaaSKit failed']) {
      assert.ok(kinds.has(subject), [...kinds.keys()].join('\n'));
    }
    const urls = [];
    for (const [subject, url] of kinds) {
      await page.goto(url);
      assert.equal(await title(page), subject);
      const text = await page.locator('.plain-mail').innerText();
      urls.push(...text.match(/http:\S+/g));
      await page.goto(`${url}/html`);
      urls.push(...(await page.locator('a').evaluateAll((all) => all.map((it) => it.href))));
      const html = await page.locator('body').innerText();
      assert.deepEqual(html.match(/\$[\d.]+/g), text.match(/\$[\d.]+/g), `the amounts of ${subject}`);
    }
    await follows(page, urls);
  });

  it('two subscriptions need a person', async (t) => {
    const { page } = await signedIn(t, 1);
    await subscribe(page, service);
    const key = { Authorization: 'Bearer sk_test_dashboard' };
    const get = async (path) => (await page.request.get(`${sandbox}/v1/${path}`, { headers: key })).json();
    const [mine] = (await get('subscriptions')).data;
    const form = { customer: mine.customer, 'items[0][price]': mine.items.data[0].price.id };
    form.default_payment_method = mine.default_payment_method;
    const made = await page.request.post(`${sandbox}/v1/subscriptions`, { headers: key, form });
    assert.equal(made.status(), 200, await made.text());
    const told = page.getByText('We found more than one subscription');
    for (let n = 0; n < 50 && (await told.count()) === 0; n++) await page.reload();
    await told.waitFor();
    await look(page, 'account-conflict');
  });
});

describe('a browser on the pages', { timeout: 600_000 }, () => {
  let service, own, sandbox, signedIn, browser, said;

  before(async () => {
    ({ service, own, sandbox, signedIn, browser, said } = await house(whole));
  });
  after(closeAll);

  it('press everything twice', async (t) => {
    const { page, problems } = await signedIn(t, 0);
    await page.goto(`${service}/billing/plans`);
    await button(page, 'Choose Pro').dblclick();
    await arrive(page, `${sandbox}/c/pay/**`);
    await fillCard(page, PAYS);
    await page.getByRole('button', { name: /^Subscribe/ }).dblclick();
    await arrive(page, `${service}/billing/account**`);
    assert.equal(await page.locator('main tbody tr').count(), 1, 'one payment');
    const before = await clock(page);
    await button(page, 'One day').dblclick();
    await strip(page).locator('.told').waitFor();
    assert.equal((await clock(page)) - before, DAY, 'one day');
    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').dblclick();
    await page.getByText('Active, ends soon').waitFor();
    await button(page, 'Resume subscription').dblclick();
    await link(page, 'Cancel subscription').waitFor();
    assert.deepEqual(problems, []);
  });

  it('go back, reload, and come back to what is over', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').click();
    await page.getByText('Active, ends soon').waitFor();
    await page.goBack();
    await page.goForward();
    await page.getByText('Active, ends soon').waitFor();
    await page.goto(`${service}/billing/cancel`);
    assert.equal(new URL(page.url()).pathname, '/billing/account', 'it is canceled already');
    await button(page, 'Resume subscription').click();
    await page.getByText('Your subscription goes on').waitFor();
    await page.reload();
    await link(page, 'Cancel subscription').waitFor();
  });

  it('two tabs, one of them late', async (t) => {
    const { page, another, problems } = await signedIn(t, 1);
    const late = await another();
    const second = await another();
    await page.goto(`${service}/billing/plans`);
    await late.goto(`${service}/billing/plans`);
    await second.goto(`${service}/billing/plans?every=365day`);
    await button(page, 'Choose Pro').click();
    await page.waitForURL(`${sandbox}/c/pay/**`);
    const session = page.url().split('/').pop();

    await page.goto(`${service}/billing/return?session=${session}`);
    assert.equal(await title(page), 'Your payment is not complete yet');
    await look(page, 'return');
    await link(page, 'Go on with the payment').click();
    await page.waitForURL(`**/c/pay/${session}`);
    await page.getByRole('link', { name: 'Back' }).click();
    await page.getByText('Nothing was charged').waitFor();
    await look(page, 'plans-not-paid');

    await button(second, 'Choose Pro').click();
    await second.waitForURL(`${sandbox}/c/pay/**`);
    await page.goto(`${sandbox}/c/pay/${session}`);
    assert.equal(await title(page), 'This page has expired');
    await look(page, 'checkout-expired');
    await link(page, 'Go back').click();
    await page.waitForURL(`${service}/billing/plans**`);

    await fillCard(second, PAYS);
    await second.getByRole('button', { name: /^Subscribe/ }).click();
    await second.waitForURL(`${service}/billing/account**`);
    await button(late, 'Choose Pro').click();
    await late.getByText('You already have a subscription').waitFor();
    await look(late, 'already-subscribed');
    await link(late, 'Back to your account').click();
    await late.getByText('$290.00 every 365 days').waitFor();

    await second.goBack();
    assert.equal(await title(second), 'All done');
    await look(second, 'checkout-done');
    await link(second, 'Continue').click();
    await second.waitForURL(`${service}/billing/account**`);
    await second.goto(`${service}/billing/plans`);
    await second.getByText('You already have a plan').waitFor();
    await look(second, 'plans-taken');
    assert.deepEqual(problems, []);
  });

  it('a link into the pages counts once', async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const key = said().match(/sk_specie_\w+/)[0];
    const headers = { Authorization: `Bearer ${key}`, 'Specie-Customer': 'a-new-customer' };
    const made = await page.request.post(`${own}/api/billing/session-tokens`, { headers });
    const { url } = await made.json();
    assert.match(url, /\/billing\/session\?token=/);
    await page.goto(url);
    assert.equal(page.url(), `${service}/billing/account`, 'the token leaves the address');
    await page.getByText('You have no subscription').waitFor();
    assert.equal(await page.locator('.strip [aria-pressed=true]').count(), 0, 'nobody of the demo');
    const again = await page.goto(url);
    assert.equal(again.status(), 401);
    assert.equal(await title(page), 'Please come in through the app');
  });

  it('another name of this machine leads to the one that is known', async (t) => {
    const { page } = await signedIn(t, 2);
    await page.goto(`${service.replace('127.0.0.1', 'localhost')}/billing/plans?every=365day`);
    assert.equal(page.url(), `${service}/billing/plans?every=365day`);
    await strip(page).locator('button[name=customer][aria-pressed=true]', { hasText: 'Linus' }).waitFor();
    await page.getByText('$290.00').waitFor();
    await turn(page, () => button(page, 'Grace Hopper').click());
    assert.equal(page.url(), `${service}/billing/plans?every=365day`, 'the choice stays');
  });
});

/** A proxy that shows a service under `/pay`, and a logo beside it, as a founder's server would. */
async function proxy(t, { port, target, passes }) {
  const logo = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32" width="120" height="32"><rect width="120" height="32" rx="8" fill="#7a5c00"/></svg>';
  const server = createServer((from, to) => {
    if (from.url === '/logo.svg') return to.writeHead(200, { 'content-type': 'image/svg+xml' }).end(logo);
    if (!from.url.startsWith('/pay')) return to.writeHead(404).end('not the billing');
    const path = passes ? from.url : from.url.slice('/pay'.length) || '/';
    const onward = request({ host: '127.0.0.1', port: target(), path, method: from.method, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => to.writeHead(502).end());
    from.pipe(onward);
  });
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  t.after(() => new Promise((closed) => (server.close(closed), server.closeAllConnections())));
}

describe('a brand behind a proxy', { timeout: 600_000 }, () => {
  let port, service, own, signedIn;

  before(async () => {
    port = await freePort();
    service = `http://127.0.0.1:${port}/pay`;
    const site = `http://127.0.0.1:${port}`;
    const catalog = `
currency = "usd"

[brand]
name = "Marigold & Söhne"
logo = "${site}/logo.svg"
accent = "#ffe066"
app = "${site}/app"
terms = "https://marigold.example/terms"
privacy = "https://marigold.example/privacy"
support = "mailto:help@marigold.example"

[features]
all = "Everything"
seats = { name = "Seats", kind = "limit" }

[[plans]]
key = "small"
name = "Small"
features = ["all"]
limits = { seats = 3 }
prices = [{ key = "monthly", amount = "5.00", every = "month" }, { key = "yearly", amount = "50.00", every = "year" }]

[[plans]]
key = "pro"
name = "Pro"
description = "For teams."
features = ["all"]
limits = { seats = 100 }
prices = [{ key = "monthly", amount = "12.50", every = "month" }, { key = "yearly", amount = "125.00", every = "year" }]
`;
    const prepare = (folder) => writeFileSync(join(folder, 'specie.toml'), catalog);
    await proxy(whole, { port, target: () => new URL(own).port });
    ({ own, signedIn } = await house(whole, { env: { PUBLIC_URL: service }, prepare }));
  });
  after(closeAll);

  it('choose, pay, return and read the mail under the prefix', async (t) => {
    const { page, problems } = await signedIn(t, 0);
    const wrong = [];
    page.on('response', (answer) => {
      if (answer.status() >= 400) wrong.push(`${answer.status()} ${answer.url()}`);
    });
    await page.goto(service);
    await page.waitForURL(`${service}/billing/plans`);
    await page.getByText('every month').first().waitFor();
    await page.getByRole('img', { name: 'Marigold & Söhne' }).waitFor();
    assert.equal(await page.getByRole('img').evaluate((it) => it.naturalWidth > 0), true, 'the logo loads');
    for (const [name, url] of [
      ['Terms', 'https://marigold.example/terms'],
      ['Privacy', 'https://marigold.example/privacy'],
      ['Support', 'mailto:help@marigold.example'],
      ['Back to Marigold & Söhne', `http://127.0.0.1:${port}/app`],
    ]) {
      assert.equal(await link(page, name).getAttribute('href'), url);
    }
    await look(page, 'brand-plans');
    await page.getByRole('link', { name: /^Annual/ }).click();
    await page.getByText('$125.00').waitFor();
    await page.getByText('every year').first().waitFor();
    await subscribe(page, service, '?every=1year');
    await page.getByText('$125.00 every year').waitFor();
    await look(page, 'brand-account');

    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').click();
    await button(page, 'Resume subscription').click();
    await page.getByText('Your subscription goes on').waitFor();
    await replaceCard(page, MASTERCARD);
    await page.locator('main').getByText('Mastercard ending in 4444').waitFor();
    assert.match(await jump(page, 'To the next renewal'), /paid \$125\.00/);
    await page.getByRole('link', { name: /^Mailbox/ }).click();
    await page.locator('main tbody a').first().click();
    const text = await page.locator('.plain-mail').innerText();
    assert.ok(text.includes(`${service}/billing/account`), text);
    const paths = [];
    for (const path of ['billing/plans', 'billing/account', 'dev/mailbox', 'docs']) {
      await page.goto(`${service}/${path}`);
      paths.push(...(await page.locator('[href^="/"], [action^="/"], [src^="/"]').evaluateAll((all) => all.map((it) => it.getAttribute('href') ?? it.getAttribute('action') ?? it.getAttribute('src')))));
    }
    assert.deepEqual(paths.filter((path) => !path.startsWith('/pay/')), [], 'nothing leaves the prefix');
    assert.deepEqual(wrong, []);
    assert.deepEqual(problems, []);
  });
});
