// The pages in a real browser: choose, pay, return, cancel, resume, and what can go wrong.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serve } from '../clients/specie.mjs';
import { look } from './chromium.mjs';
import { ASKS_FOR_3DS, DECLINED, FAILS_LATER, PAYS, button, fillCard, headed, house, jump, link, replaceCard, title, turn } from './house.mjs';

describe('the hosted pages', { timeout: 600_000 }, () => {
  const closers = [];
  let browser, service, sandbox, signedIn;

  before(async () => {
    ({ browser, service, sandbox, signedIn } = await house({ after: (close) => closers.unshift(close) }));
  });
  after(async () => {
    for (const close of closers) await close();
  });

  it('choose, be declined, pay, return, cancel, resume', async (t) => {
    const { page, problems } = await signedIn(t, 0);

    await page.goto(service);
    assert.equal(new URL(page.url()).pathname, '/billing/plans');
    await look(page, 'plans');
    await page.getByRole('link', { name: 'Annual save 17%' }).click();
    await page.getByText('$290.00').first().waitFor();
    await page.getByText('every 365 days').first().waitFor();
    assert.match(await page.locator('.saves').first().innerText(), /^Saves \$62\.83 \(17%\)/);
    await look(page, 'plans-annual');
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

    const pay = () => page.getByRole('button', { name: /^Subscribe/ }).click();
    for (const [number, answer] of [
      ['', /number is missing/],
      ['4000 0000 0000 9995', /insufficient funds/],
      ['4000 0000 0000 0069', /expired/],
      ['4000 0000 0000 0127', /security code is incorrect/],
      ['4000 0000 0000 0119', /error occurred while processing/],
      ['4242 4242 4242 4241', /number is incorrect/],
      ['4929 0000 0000 6', /test card/],
      [FAILS_LATER, /declined/],
      [ASKS_FOR_3DS, /3-D Secure authentication, which the sandbox does not support yet\. Please use another card/],
      [DECLINED, /declined/],
    ]) {
      await fillCard(page, number);
      await turn(page, pay);
      assert.match(await page.getByRole('alert').innerText(), answer, number);
    }
    await look(page, 'checkout-declined');

    // A second choice meets the payment that is open.
    await page.goto(`${service}/billing/account`);
    await page.getByText('A payment page is waiting for you').waitFor();
    await page.goto(payment);

    await look(page, 'checkout');
    await fillCard(page, PAYS);
    await pay();
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
    await page.waitForURL(`${service}/billing/cancel**`);
    await headed(page, 'Cancel your subscription?');
    await look(page, 'cancel');
    await link(page, 'Keep my subscription').click();
    await headed(page, 'Your subscription');
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
    const { page, problems } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    await button(page, 'Update card').click();
    await page.waitForURL(`${sandbox}/p/session/**`);
    await look(page, 'portal');
    await fillCard(page, DECLINED);
    await button(page, 'Save card').click();
    assert.match(await page.getByRole('alert').innerText(), /declined/);
    await link(page, 'Cancel Pro').click();
    await look(page, 'portal-cancel');
    await link(page, 'Keep it').click();
    await page.getByRole('link', { name: 'Back' }).click();
    await page.getByText('Visa ending in 4242').waitFor();
    await replaceCard(page, '5555 5555 5555 4444');
    await page.locator('main').getByText('Mastercard ending in 4444').waitFor();
    assert.deepEqual(problems, []);
  });

  it('move the clock to a renewal and read the mail', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${service}/billing/account`);
    assert.match(await jump(page, 'To the next renewal'), /Ada Lovelace\s+paid \$29\.00/);
    assert.equal(await page.locator('main tbody tr').count(), 2, 'two payments');
    assert.match(await page.locator('main tbody tr').first().innerText(), /\$29\.00\s+Paid\s+Mastercard 4444/);
    assert.match(await jump(page, 'A month'), /paid \$29\.00[^]*mail: Your receipt/);
    await page.getByText('Last events').click();
    await look(page, 'strip');
    await page.locator('.strip').getByRole('link', { name: 'invoice.paid' }).first().click();
    await page.waitForURL(`${sandbox}/objects/event/evt_*`);
    await page.goto(`${service}/billing/account`);
    await page.getByRole('link', { name: /^Mailbox/ }).click();
    await headed(page, 'Mailbox');
    await look(page, 'mailbox');
    await page.locator('main tbody a').first().click();
    await page.frameLocator('iframe').getByRole('heading').waitFor();
    await look(page, 'mail');
  });

  it('look at what the sandbox holds', async (t) => {
    const { page } = await signedIn(t, 0);
    await page.goto(`${sandbox}/objects`);
    await look(page, 'objects');
    await page.goto(`${sandbox}/objects/event`);
    await look(page, 'events');
    await page.goto(`${sandbox}/objects/subscription`);
    await page.locator('main a[href*="sub_"]').first().click();
    await look(page, 'object');
  });

  it('work without script', async (t) => {
    const { page } = await signedIn(t, 1, { javaScriptEnabled: false });
    await page.goto(`${service}/billing/plans`);
    await page.getByRole('link', { name: /^Annual/ }).click();
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
