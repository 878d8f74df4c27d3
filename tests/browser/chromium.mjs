// A browser for a test, and a thorough look at a page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '../clients/node_modules/playwright-core/index.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const axe = readFileSync(here('../clients/node_modules/axe-core/axe.min.js'), 'utf8');
const pictures = process.env.SPECIE_SCREENSHOTS ?? here('../../target/screenshots');
mkdirSync(pictures, { recursive: true });

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];
const DEVICES = { desktop: { width: 1280, height: 900 }, phone: { width: 375, height: 812 } };
// Of these views pictures are kept; SPECIE_ALL_VIEWS=1 keeps all four.
const SHOWN = process.env.SPECIE_ALL_VIEWS
  ? ['desktop-light', 'desktop-dark', 'phone-light', 'phone-dark']
  : ['desktop-light', 'phone-dark'];
// A picture of a longer page shows its beginning.
const LONGEST = 2000;

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = 'command -v chromium || command -v chromium-browser || command -v google-chrome';
  return execFileSync('sh', ['-c', names], { encoding: 'utf8' }).trim();
}

export function launch() {
  return chromium.launch({
    executablePath: executable(),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * Looks at the page as it is, light and dark, on a desktop and on a phone: axe finds no fault of
 * WCAG 2.2 A or AA, nothing is wider than the screen, and pictures are kept.
 */
export async function look(page, name) {
  const faults = [];
  await page.bringToFront(); // one behind another is drawn late
  await page.evaluate(axe);
  for (const [device, size] of Object.entries(DEVICES)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const view = `${name}-${device}-${colorScheme}`;
      const { violations } = await page.evaluate((values) => {
        return window.axe.run(document, {
          runOnly: { type: 'tag', values },
          resultTypes: ['violations'],
          iframes: false,
        });
      }, RULES);
      for (const { id, help, nodes } of violations) {
        const where = nodes.map((node) => `    ${node.target.join(' ')}: ${node.failureSummary}`);
        faults.push(`${view}: ${id}: ${help}\n${where.join('\n')}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) faults.push(`${view}: ${wide} pixels wider than the screen`);
      if (SHOWN.includes(`${device}-${colorScheme}`)) await picture(page, view, size);
    }
  }
  await page.setViewportSize(DEVICES.desktop);
  await page.emulateMedia({ colorScheme: 'light' });
  if (faults.length > 0) assert.fail(`${page.url()} has faults:\n${faults.join('\n\n')}`);
}

async function picture(page, view, size) {
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width: size.width, height: Math.min(whole, LONGEST) };
  await page.screenshot({ path: join(pictures, `${view}.png`), fullPage: true, clip });
}
