// Starts the binary for a test: on free ports, in a folder of its own, and gone afterwards.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = process.env.SPECIE_BINARY ?? join(root, 'target/debug/specie');

/** Checks answers against Stripe's declared shapes; `cargo test` builds it. */
const shapes = process.env.SPECIE_SHAPES ?? join(root, 'target/debug/examples/shapes');

/**
 * The library's own HTTP client, which notes every answer.
 * @param {any} client
 * @param {{method: string, path: string, status: number, body: string}[]} answers
 */
export function noting(client, answers) {
  const ask = client.makeRequest.bind(client);
  client.makeRequest = async (...request) => {
    const [, , path, method] = request;
    const response = await ask(...request);
    const read = response.toJSON.bind(response);
    response.toJSON = async () => {
      const body = await read();
      const status = response.getStatusCode();
      answers.push({ method, path: path.split('?')[0], status, body: JSON.stringify(body) });
      return body;
    };
    return response;
  };
  return client;
}

/** What is wrong with the answers; nothing, if all have their declared shapes. */
export function misshapen(answers) {
  const input = answers.map((answer) => JSON.stringify(answer)).join('\n');
  const checked = spawnSync(shapes, { input, encoding: 'utf8' });
  if (checked.error) throw new Error(`\`${shapes}\` does not start: run \`cargo test --no-run\``);
  return checked.status === 0 ? '' : checked.stderr || 'the checker failed';
}

/** A port that nobody listens on right now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** What `./test` looks through at the end, if it runs this. */
const kept = process.env.SPECIE_KEEP;

/** A folder that is gone when the test is over. */
export async function folder(t) {
  const path = await mkdtemp(join(kept ?? tmpdir(), 'specie-client-'));
  if (!kept) t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Settings whose value is a secret. */
const SECRET = ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'JWT_SECRET', 'SPECIE_AUDIT_KEY'];

/** Leaves what a process said on stderr, and the secrets that it was given. */
function leave(cwd, name, log, env) {
  if (!kept) return;
  writeFileSync(join(cwd, `${name}.log`), log);
  const secrets = SECRET.filter((setting) => env[setting]).map((setting) => `${env[setting]}\n`);
  appendFileSync(join(cwd, 'secrets'), secrets.join(''));
}

/**
 * Starts `specie` and waits until it listens on `port`. It is ended when `t` is over.
 * @param {{after: (f: () => any) => void}} t
 * @param {string[]} args
 * @param {{port: number, cwd: string, env?: Record<string, string>}} options
 */
export async function start(t, args, { port, cwd, env = {} }) {
  const child = spawn(binary, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let log = '';
  child.stdout.on('data', (data) => (said += data));
  child.stderr.on('data', (data) => ((said += data), (log += data)));
  let over = false;
  const ended = new Promise((resolve) => child.on('close', (code) => ((over = true), resolve(code))));
  child.on('error', (error) => ((over = true), (said += error)));
  const stop = async () => {
    if (!over) child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
    leave(cwd, `${args[0]}-${port}`, log, env);
  };
  t.after(stop);

  const deadline = Date.now() + 20_000;
  while (!(await listens(port))) {
    if (over || Date.now() > deadline) {
      throw new Error(`\`specie ${args.join(' ')}\` does not listen on ${port}:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { said: () => said, stop, ended };
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });
}

/** A sandbox of its own for this test: its port and address. */
export async function sandbox(t) {
  const port = await freePort();
  const cwd = await folder(t);
  await start(t, ['sandbox', '--port', `${port}`, '--data-dir', join(cwd, 'world'), '--seed', '7'], { port, cwd });
  return { port, url: `http://127.0.0.1:${port}` };
}

/** `specie serve` on SQLite, with a sandbox of its own for Stripe: its address. */
export async function serve(t, settings = {}) {
  const world = await sandbox(t);
  const [port, privatePort] = [await freePort(), await freePort()];
  const cwd = await folder(t);
  const url = `http://127.0.0.1:${port}`;
  const env = {
    STRIPE_SECRET_KEY: 'sk_test_specie',
    STRIPE_API_BASE: world.url,
    STRIPE_WEBHOOK_SECRET: 'whsec_of_this_test',
    JWT_SECRET: 'a secret of this test, long enough',
    PUBLIC_URL: url,
    ...settings,
  };
  await promisify(execFile)(binary, ['migrate', 'up'], { cwd, env: { PATH: process.env.PATH, ...env } });
  const args = ['serve', '--port', `${port}`, '--private-port', `${privatePort}`];
  await start(t, args, { port, cwd, env });
  return { url };
}
