// `specie dev` for a test, with a browser before it, and what a customer does there.
import assert from 'node:assert/strict';
import { folder, freePort, start } from '../clients/specie.mjs';
import { launch } from './chromium.mjs';

export const PAYS = '4242 4242 4242 4242';
export const MASTERCARD = '5555 5555 5555 4444';
export const FAILS_LATER = '4000 0000 0000 0341';
export const DECLINED = '4000 0000 0000 0002';
export const ASKS_FOR_3DS = '4000 0027 6000 3184';

export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const link = (page, name) => page.getByRole('link', { name, exact: true });
export const title = (page) => page.locator('h1').innerText();

/** Waits until the page has this heading: a click may be over before its page has come. */
export const headed = (page, text) => page.locator('h1').filter({ hasText: exactly(text) }).waitFor();
const exactly = (text) => new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);

/** Does what brings another page, and waits until that page stands in the place of this one. */
export async function turn(page, act) {
  await page.evaluate(() => document.documentElement.setAttribute('data-left', ''));
  await act();
  await page.locator('html:not([data-left])').waitFor();
  await page.waitForLoadState();
}
export const strip = (page) => page.locator('.strip');

/**
 * Starts all of it; `prepare` may fill the folder that it starts in.
 * @param {{env?: Record<string, string>, prepare?: (folder: string) => any}} [options]
 */
export async function house(t, { env = {}, prepare } = {}) {
  const [port, sandboxPort] = [await freePort(), await freePort()];
  const cwd = await folder(t);
  await prepare?.(cwd);
  const own = `http://127.0.0.1:${port}`;
  const sandbox = `http://127.0.0.1:${sandboxPort}`;
  const args = ['dev', '--port', `${port}`, '--sandbox-port', `${sandboxPort}`];
  const { said } = await start(t, args, { port, cwd, env });
  const browser = await launch();
  t.after(() => browser.close());
  const service = env.PUBLIC_URL ?? own;

  /** A page of a browser of its own, signed in as the n-th demo customer. */
  async function signedIn(t, n, options = {}) {
    const context = await browser.newContext(options);
    t.after(() => context.close());
    context.setDefaultTimeout(45_000);
    const problems = [];
    const page = await watched(context, problems);
    await page.goto(`${service}/billing/plans`);
    await strip(page).locator('button[name=customer]').nth(n).click();
    await strip(page).locator('button[name=customer][aria-pressed=true]').nth(0).waitFor();
    return { page, problems, another: () => watched(context, problems) };
  }
  return { service, own, sandbox, browser, said, signedIn };
}

/** A page whose errors, and whose policy's, are remembered. */
async function watched(context, problems) {
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`${error}`));
  // A refused form is answered 4xx, which the console notes too.
  const refused = /the server responded with a status of 4\d\d/;
  page.on('console', (message) => {
    if (message.type() === 'error' && !refused.test(message.text())) problems.push(message.text());
  });
  return page;
}

export async function fillCard(page, number) {
  const email = page.getByLabel('Email');
  if ((await email.count()) && (await email.isEditable())) await email.fill('ada@example.com');
  await page.getByLabel('Card number').fill(number);
  await page.getByLabel('Expiry').fill('12 / 34');
  await page.getByLabel('Security code').fill('123');
  const name = page.getByLabel('Name on card');
  if (await name.count()) await name.fill('Ada Lovelace');
}

/** Waits for a page after a double click: the journey of the second press may end that of the first. */
export async function arrive(page, url) {
  try {
    await page.waitForURL(url);
  } catch (error) {
    if (!error.message.includes('ERR_ABORTED')) throw error;
    await page.waitForURL(url);
  }
}

/** Chooses Pro, pays, and comes back to the account. */
export async function subscribe(page, service, every = '') {
  await page.goto(`${service}/billing/plans${every}`);
  await button(page, 'Choose Pro').click();
  await page.waitForURL('**/c/pay/**');
  await fillCard(page, PAYS);
  await page.getByRole('button', { name: /^Subscribe/ }).click();
  await page.waitForURL(`${service}/billing/account**`);
}

/** Saves another card on the portal, and comes back to the account. */
export async function replaceCard(page, number) {
  await button(page, 'Update card').click();
  await page.waitForURL('**/p/session/**');
  await fillCard(page, number);
  await button(page, 'Save card').click();
  const last4 = number.slice(-4);
  await page.getByText(`ending in ${last4}`).first().waitFor();
  await page.getByRole('link', { name: 'Back' }).click();
  await page.waitForURL('**/billing/account**');
}

/** Presses a button of the strip's clock, and answers with what the strip tells then. */
export async function jump(page, name) {
  await turn(page, () => button(page, name).click());
  return strip(page).locator('.told').innerText();
}

/** The clock, in seconds. */
export async function clock(page) {
  return Date.parse(await strip(page).locator('time').first().getAttribute('datetime')) / 1000;
}

/** Every link of a page, and of the text of a mail, is answered. */
export async function follows(page, urls) {
  for (const url of new Set(urls)) {
    const found = await page.request.get(url);
    assert.equal(found.status(), 200, url);
  }
}
