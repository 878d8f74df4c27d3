// A webhook service as it is usually written, with care: the raw body is verified by Stripe's own
// library, the event is stored once, and the customer's state is written in the same transaction.
//
//   DATABASE_URL=postgres://… STRIPE_WEBHOOK_SECRET=whsec_… PORT=0 FORM=transaction node server.mjs
//
// `FORM=transaction` (begin, insert, upsert, commit) or `FORM=statement` (the same in one statement).
// Prints its address when it listens. Statements are prepared once per connection.
import express from 'express';
import pg from 'pg';
import Stripe from 'stripe';

const secret = process.env.STRIPE_WEBHOOK_SECRET;
const stripe = new Stripe('sk_test_bench');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });

await pool.query(`
  create table if not exists events (
    id text primary key,
    type text not null,
    customer text,
    payload bytea not null,
    received_at timestamptz not null default now()
  );
  create table if not exists states (
    customer text primary key,
    object jsonb not null,
    as_of bigint not null,
    updated_at timestamptz not null default now()
  )`);

const insert = {
  name: 'insert',
  text: `insert into events (id, type, customer, payload) values ($1, $2, $3, $4)
         on conflict (id) do nothing`,
};
const upsert = {
  name: 'upsert',
  text: `insert into states (customer, object, as_of) values ($1, $2, $3)
         on conflict (customer) do update
         set object = excluded.object, as_of = excluded.as_of, updated_at = now()
         where states.as_of <= excluded.as_of`,
};
const both = {
  name: 'both',
  text: `with added as (
           insert into events (id, type, customer, payload) values ($1, $2, $3, $4)
           on conflict (id) do nothing returning id
         )
         insert into states (customer, object, as_of) select $3, $5::jsonb, $6::bigint from added
         on conflict (customer) do update
         set object = excluded.object, as_of = excluded.as_of, updated_at = now()
         where states.as_of <= excluded.as_of`,
};

async function inTransaction(event, customer, body) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const added = await client.query({ ...insert, values: [event.id, event.type, customer, body] });
    if (added.rowCount === 1) {
      await client.query({ ...upsert, values: [customer, event.data.object, event.created] });
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

async function inOneStatement(event, customer, body) {
  const values = [event.id, event.type, customer, body, event.data.object, event.created];
  await pool.query({ ...both, values });
}

const store = process.env.FORM === 'statement' ? inOneStatement : inTransaction;
const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.post('/webhook', express.raw({ type: 'application/json', limit: '1mb' }), async (request, response) => {
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.get('stripe-signature'), secret);
  } catch {
    response.sendStatus(400);
    return;
  }
  const object = event.data.object;
  const customer = object.object === 'customer' ? object.id : object.customer;
  await store(event, customer, request.body);
  response.json({ received: true });
});

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/webhook`);
});
