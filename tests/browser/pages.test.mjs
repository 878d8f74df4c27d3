// The pages in a real browser: choose, pay, return, cancel, resume, and what can go wrong.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { folder, freePort, serve, start } from '../clients/specie.mjs';
import { launch, look } from './chromium.mjs';

const PAYS = '4242 4242 4242 4242';
const DECLINED = '4000 0000 0000 0002';
const ASKS_FOR_3DS = '4000 0027 6000 3184';

describe('the hosted pages', { timeout: 240_000 }, () => {
  const closers = [];
  let browser, service, sandbox;

  before(async () => {
    const t = { after: (close) => closers.unshift(close) };
    const [port, sandboxPort] = [await freePort(), await freePort()];
    service = `http://127.0.0.1:${port}`;
    sandbox = `http://127.0.0.1:${sandboxPort}`;
    const cwd = await folder(t);
    await start(t, ['dev', '--port', `${port}`, '--sandbox-port', `${sandboxPort}`], { port, cwd });
    browser = await launch();
    t.after(() => browser.close());
  });
  after(async () => {
    for (const close of closers) await close();
  });

  /** A page of a browser of its own, signed in as the n-th demo customer. */
  async function signedIn(t, n, options = {}) {
    const context = await browser.newContext(options);
    t.after(() => context.close());
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(`${error}`));
    // A refused form is answered 4xx, which the console notes too.
    const refused = /the server responded with a status of 4\d\d/;
    page.on('console', (message) => {
      if (message.type() === 'error' && !refused.test(message.text())) problems.push(message.text());
    });
    await page.goto(service);
    await page.locator('.strip button[name=customer]').nth(n).click();
    return { page, problems };
  }

  const button = (page, name) => page.getByRole('button', { name, exact: true });
  const link = (page, name) => page.getByRole('link', { name, exact: true });
  const title = (page) => page.locator('h1').innerText();

  async function fillCard(page, number) {
    const email = page.getByLabel('Email');
    if ((await email.count()) && (await email.isEditable())) await email.fill('ada@example.com');
    await page.getByLabel('Card number').fill(number);
    await page.getByLabel('Expiry').fill('12 / 34');
    await page.getByLabel('Security code').fill('123');
    const name = page.getByLabel('Name on card');
    if (await name.count()) await name.fill('Ada Lovelace');
  }

  it('choose, be declined, pay, return, cancel, resume', async (t) => {
    const { page, problems } = await signedIn(t, 0);

    await page.goto(service);
    assert.equal(new URL(page.url()).pathname, '/billing/plans');
    await look(page, 'plans');
    await link(page, 'Annual').click();
    await page.getByText('$290.00').first().waitFor();
    await page.getByText('every 365 days').first().waitFor();
    assert.match(await page.locator('.saves').first().innerText(), /^Saves \$\d+\.\d\d/);
    await link(page, 'Monthly').click();
    await page.getByText('every 30 days').first().waitFor();

    await page.goto(`${service}/billing/account`);
    await look(page, 'account-empty');
    await page.goto(`${service}/billing/plans`);

    // Our form leads to the payment page of another origin: the policy must name it.
    const policy = (await page.request.get(page.url())).headers()['content-security-policy'];
    assert.match(policy, /form-action [^;]*'self'/);
    assert.ok(policy.includes(sandbox), policy);
    assert.doesNotMatch(policy, /unsafe/);
    await button(page, 'Choose Pro').click();
    await page.waitForURL(`${sandbox}/c/pay/cs_test_*`);
    const payment = page.url();
    await look(page, 'checkout');

    await fillCard(page, DECLINED);
    await page.getByRole('button', { name: /^Subscribe/ }).click();
    assert.match(await page.getByRole('alert').innerText(), /declined/);
    await look(page, 'checkout-declined');

    await fillCard(page, ASKS_FOR_3DS);
    await page.getByRole('button', { name: /^Subscribe/ }).click();
    assert.match(await page.getByRole('alert').innerText(), /3D Secure|authenticat/i);

    await fillCard(page, '4242 4242 4242 4241');
    await page.getByRole('button', { name: /^Subscribe/ }).click();
    assert.match(await page.getByRole('alert').innerText(), /number/);

    // A second choice meets the payment that is open.
    await page.goto(`${service}/billing/account`);
    await page.getByText('A payment page is waiting for you').waitFor();
    await page.goto(payment);

    await fillCard(page, PAYS);
    await page.getByRole('button', { name: /^Subscribe/ }).click();
    await page.waitForURL(`${service}/billing/account**`);
    await page.getByText('Thank you, your payment went through').waitFor();
    const account = page.locator('main');
    for (const text of ['Pro', 'Active', '$29.00', 'Visa ending in 4242', 'Paid']) {
      await account.getByText(text).first().waitFor();
    }
    await look(page, 'account');
    const receipt = account.getByRole('link', { name: /^Receipt/ }).first();
    const receiptUrl = await receipt.getAttribute('href');
    for (const paper of await account.locator('tbody a').all()) {
      const found = await page.request.get(await paper.getAttribute('href'));
      assert.equal(found.status(), 200, found.url());
    }

    await link(page, 'Cancel subscription').click();
    assert.equal(new URL(page.url()).pathname, '/billing/cancel');
    assert.equal(await title(page), 'Cancel your subscription?');
    await look(page, 'cancel');
    await link(page, 'Keep my subscription').click();
    assert.equal(await title(page), 'Your subscription');
    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').click();
    await account.getByText('Active, ends soon').waitFor();
    await account.getByText('Your subscription will end on').waitFor();
    await look(page, 'account-ending');
    await button(page, 'Resume subscription').click();
    await account.getByText('Your subscription goes on').waitFor();
    await link(page, 'Cancel subscription').waitFor();

    await page.goto(`${service}/billing/plans`);
    await page.getByText('Your plan').first().waitFor();
    assert.equal(await button(page, 'Choose Pro').count(), 0, 'a plan that is held cannot be chosen');

    await page.goto(receiptUrl);
    await look(page, 'receipt');
    assert.deepEqual(problems, []);
  });

  it('replace the card on the portal', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    await button(page, 'Update card').click();
    await page.waitForURL(`${sandbox}/p/session/**`);
    const replace = page.getByText('Replace the card');
    if (!(await page.getByLabel('Card number').isVisible())) await replace.click();
    await look(page, 'portal');
    await fillCard(page, '5555 5555 5555 4444');
    await button(page, 'Save card').click();
    await page.getByText('4444').first().waitFor();
    await page.getByRole('link', { name: 'Back' }).click();
    await page.waitForURL(`${service}/billing/account**`);
    assert.equal(await title(page), 'Your subscription');
  });

  it('move the clock to a renewal and read the mail', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    await button(page, 'To the next renewal').click();
    await page.locator('.strip details[open] .log li').first().waitFor();
    await button(page, 'One day').click();
    await page.goto(`${service}/billing/account`);
    assert.equal(await page.locator('main tbody tr').count(), 2, 'two payments');
    await page.getByRole('link', { name: /^Mailbox/ }).click();
    assert.equal(await title(page), 'Mailbox');
    await look(page, 'mailbox');
    await page.locator('main tbody a').first().click();
    await look(page, 'mail');
  });

  it('look at what the sandbox holds', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${sandbox}/objects`);
    await look(page, 'objects');
    await page.goto(`${sandbox}/objects/subscription`);
    await page.locator('main a[href*="sub_"]').first().click();
    await look(page, 'object');
  });

  it('work without script', async (t) => {
    const { page } = await signedIn(t, 1, { javaScriptEnabled: false });
    await page.goto(`${service}/billing/plans?every=annual`);
    await link(page, 'Annual').click();
    await button(page, 'Choose Pro').click();
    await page.waitForURL(`${sandbox}/c/pay/**`);
    await fillCard(page, PAYS);
    await page.getByRole('button', { name: /^Subscribe/ }).click();
    await page.waitForURL(`${service}/billing/account**`);
    await page.locator('main').getByText('$290.00').first().waitFor();
    await link(page, 'Cancel subscription').click();
    await button(page, 'Cancel at the end of the period').click();
    await page.getByText('Active, ends soon').waitFor();
    await button(page, 'Resume subscription').click();
    await link(page, 'Cancel subscription').waitFor();
  });

  it('work by keyboard alone', async (t) => {
    const { page } = await signedIn(t, 2);
    /** Presses Tab until the element has the focus, as a person would. */
    const reach = async (element) => {
      for (let n = 0; n < 60; n += 1) {
        await page.keyboard.press('Tab');
        if (await element.evaluate((node) => node === document.activeElement)) return;
      }
      assert.fail(`Tab does not reach ${element}`);
    };
    const press = async (element) => {
      await reach(element);
      const outline = await element.evaluate((node) => {
        const style = getComputedStyle(node);
        return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
      });
      assert.ok(outline, `the focus does not show on ${element}`);
      await page.keyboard.press('Enter');
    };
    const type = async (label, text) => {
      await reach(page.getByLabel(label));
      await page.keyboard.type(text);
    };

    await page.goto(`${service}/billing/plans`);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await press(button(page, 'Choose Pro'));
    await page.waitForURL(`${sandbox}/c/pay/**`);
    if (await page.getByLabel('Email').isEditable()) await type('Email', 'kay@example.com');
    await type('Card number', PAYS);
    await type('Expiry', '12 / 34');
    await type('Security code', '123');
    await type('Name on card', 'Kay');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${service}/billing/account**`);
    await press(link(page, 'Cancel subscription'));
    await page.waitForURL(`${service}/billing/cancel**`);
    await press(button(page, 'Cancel at the end of the period'));
    await page.getByText('Active, ends soon').waitFor();
    await press(button(page, 'Resume subscription'));
    await link(page, 'Cancel subscription').waitFor();
  });

  it('read the API documentation', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/docs`);
    await page.getByText('/api/billing/checkout').first().waitFor();
    await look(page, 'docs');
  });

  it('keep others out', async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const { url } = await serve(t);
    const stranger = await page.goto(`${url}/billing/account`);
    assert.equal(stranger.status(), 401);
    assert.equal(await title(page), 'Please come in through the app');
    await look(page, 'sign-in');
    const nobody = await page.goto(`${service}/billing/nothing-here`);
    assert.equal(nobody.status(), 404);
    await look(page, 'not-found');
    const forged = await page.request.post(`${service}/billing/choose`, {
      form: { plan: 'pro', price: 'monthly', token: 'made-up' },
      headers: { Origin: 'http://evil.example' },
      maxRedirects: 0,
    });
    assert.ok([401, 403].includes(forged.status()), `${forged.status()}`);
  });
});
