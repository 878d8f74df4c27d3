// Measures how fast a running service stores webhooks, and what that costs.
//
//   node bench/ingest.mjs --url http://127.0.0.1:8080/api/billing/webhook --secret whsec_… \
//        --events 20000 --at-once 16 [--processes 123,456]
//
// Sends signed events, each once, over `--at-once` connections that stay open: of customers whom the
// service does not know, or of `--customers cus_…,cus_…`. Prints events a second, the latencies, and
// the CPU seconds that the processes and their children (the service, the database) used for a
// thousand events.
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    secret: { type: 'string' },
    events: { type: 'string', default: '10000' },
    'at-once': { type: 'string', default: '1' },
    processes: { type: 'string', default: '' },
    customers: { type: 'string', default: '' },
  },
});
const events = Number(values.events);
const atOnce = Number(values['at-once']);
const url = new URL(values.url);
const customers = values.customers.split(',').filter(Boolean);
const processes = values.processes.split(',').filter(Boolean).map(Number);
const run = Date.now().toString(36);
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

/** An event of about the size that Stripe sends: 2 kB. */
function event(n) {
  const customer = customers.length ? customers[n % customers.length] : `cus_${run}${n % 1000}`;
  return JSON.stringify({
    id: `evt_${run}${n}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: Math.floor(Date.now() / 1000),
    data: {
      object: {
        id: customer,
        object: 'customer',
        email: 'ada@example.com',
        description: 'x'.repeat(1500),
        metadata: {},
      },
      previous_attributes: { description: null },
    },
    livemode: false,
    pending_webhooks: 1,
    request: { id: `req_${run}${n}`, idempotency_key: null },
    type: 'customer.updated',
  }, null, 2);
}

function send(n) {
  const body = event(n);
  const t = Math.floor(Date.now() / 1000);
  const v1 = createHmac('sha256', values.secret).update(`${t}.${body}`).digest('hex');
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'stripe-signature': `t=${t},v1=${v1}`,
  };
  return new Promise((resolve, reject) => {
    const sent = process.hrtime.bigint();
    const call = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        if (answer.statusCode !== 200) reject(new Error(`answered ${answer.statusCode}`));
        else resolve(Number(process.hrtime.bigint() - sent) / 1e6);
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** CPU seconds that the processes and all their descendants have used so far. */
function cpu() {
  const all = new Map();
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      all.set(Number(name), { parent: Number(fields[1]), own: Number(fields[11]) + Number(fields[12]), gone: Number(fields[13]) + Number(fields[14]) });
    } catch { /* it has ended meanwhile */ }
  }
  const sum = (pid) => {
    const one = all.get(pid);
    if (!one) return 0;
    const children = [...all].filter(([, child]) => child.parent === pid);
    return one.own + one.gone + children.reduce((total, [child]) => total + sum(child), 0);
  };
  return processes.reduce((total, pid) => total + sum(pid), 0) / 100;
}

const latencies = [];
let next = 0;
async function connection(upTo) {
  while (next < upTo) latencies.push(await send(next++));
}

// A little to warm up, uncounted.
const warm = Math.min(500, events);
await Promise.all(Array.from({ length: atOnce }, () => connection(warm)));
latencies.length = 0;
const spent = cpu();
const began = process.hrtime.bigint();
await Promise.all(Array.from({ length: atOnce }, () => connection(warm + events)));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const used = cpu() - spent;
latencies.sort((a, b) => a - b);
const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))].toFixed(2);
console.log(
  [
    `${events} events`,
    `${atOnce} at once`,
    `${Math.round(events / seconds)} events/s`,
    `p50 ${at(0.5)} ms`,
    `p99 ${at(0.99)} ms`,
    processes.length ? `${((used / events) * 1000).toFixed(3)} CPU s per 1,000` : '',
  ].filter(Boolean).join(', '),
);
agent.destroy();
