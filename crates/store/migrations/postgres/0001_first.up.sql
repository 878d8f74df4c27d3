-- Whose installation this is: one row. It is bound to one Stripe account and one mode, once.
create table installation (
    one bigint primary key check (one = 1),
    id uuid not null,
    account text collate "C" check (substr(account, 1, 5) = 'acct_'),
    livemode boolean,
    bound_at timestamptz,
    created_at timestamptz not null,
    check ((account is null) = (bound_at is null) and (livemode is null) = (bound_at is null))
);

-- Who pays: the app's id on one side, Stripe's on the other.
create table customers (
    id uuid primary key,
    realm text collate "C" not null,
    app_id text collate "C" not null,
    stripe text collate "C" check (substr(stripe, 1, 4) = 'cus_'),
    version bigint not null check (version >= 0),
    created_at timestamptz not null,
    unique (realm, app_id),
    unique (stripe)
);

-- What holds a plan group of a payer, as `billing::Slot` says it.
create table slots (
    payer uuid not null references customers (id),
    plan_group text collate "C" not null,
    state text not null,
    intent uuid,
    session text collate "C" check (substr(session, 1, 3) = 'cs_'),
    subscription text collate "C" check (substr(subscription, 1, 4) = 'sub_'),
    others jsonb not null,
    primary key (payer, plan_group),
    -- Each state has just what it needs.
    check (case state
        when 'empty' then intent is null and session is null and subscription is null
        when 'claimed' then intent is not null and session is null and subscription is null
        when 'open' then intent is not null and session is not null and subscription is null
        when 'held' then intent is null and session is null and subscription is not null
        when 'conflict' then intent is null and session is null and subscription is not null
        else false
    end)
);
create unique index slots_subscription on slots (subscription) where subscription is not null;
create unique index slots_session on slots (session) where session is not null;

-- One row per subscription that a payer holds or held, with what we decided about it.
create table held_subscriptions (
    payer uuid not null references customers (id),
    subscription text collate "C" check (substr(subscription, 1, 4) = 'sub_') not null,
    plan_group text collate "C" not null,
    plan text collate "C" not null,
    price text collate "C" not null,
    status text not null check (status in ('incomplete', 'incomplete_expired', 'trialing', 'active',
        'past_due', 'unpaid', 'canceled', 'paused')),
    access text not null check (access in ('none', 'until', 'open')),
    access_until timestamptz,
    grace_until timestamptz,
    period_start timestamptz not null,
    period_end timestamptz not null,
    cancel_at_period_end boolean not null,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    created timestamptz not null,
    latest_invoice text collate "C" check (substr(latest_invoice, 1, 3) = 'in_'),
    more jsonb not null,
    updated_at timestamptz not null,
    primary key (payer, subscription),
    unique (subscription),
    check (period_start <= period_end)
);

-- Which price of Stripe's stands for a price of the catalog, version by version.
create table price_versions (
    plan_group text collate "C" not null,
    plan text collate "C" not null,
    price text collate "C" not null,
    version bigint not null check (version > 0),
    stripe_product text collate "C" check (substr(stripe_product, 1, 5) = 'prod_') not null,
    stripe_price text collate "C" check (substr(stripe_price, 1, 6) = 'price_') not null unique,
    amount bigint not null check (amount >= 0),
    currency text collate "C" not null check (length(currency) = 3),
    interval_unit text not null check (interval_unit in ('day', 'week', 'month', 'year')),
    interval_count bigint not null check (interval_count > 0),
    created_at timestamptz not null,
    primary key (plan_group, plan, price, version)
);

-- Mirrors: what Stripe said. No rules of ours, and no order in which rows must come.
create table stripe_customers (
    id text collate "C" check (substr(id, 1, 4) = 'cus_') primary key,
    email text,
    name text,
    currency text collate "C",
    delinquent boolean not null,
    default_payment_method text collate "C",
    deleted boolean not null,
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);

create table stripe_subscriptions (
    id text collate "C" check (substr(id, 1, 4) = 'sub_') primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    status text not null,
    price text collate "C",
    quantity bigint,
    currency text collate "C" not null,
    cancel_at_period_end boolean not null,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    current_period_start timestamptz,
    current_period_end timestamptz,
    latest_invoice text collate "C",
    default_payment_method text collate "C",
    start_date timestamptz not null,
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_subscriptions_customer on stripe_subscriptions (customer, created, id);

create table stripe_invoices (
    id text collate "C" check (substr(id, 1, 3) = 'in_') primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    subscription text collate "C",
    number text,
    status text not null,
    billing_reason text,
    currency text collate "C" not null,
    amount_due bigint not null,
    amount_paid bigint not null,
    amount_remaining bigint not null,
    total bigint not null,
    attempt_count bigint not null,
    attempted boolean not null,
    next_payment_attempt timestamptz,
    line_period_start timestamptz,
    line_period_end timestamptz,
    hosted_invoice_url text,
    invoice_pdf text,
    created timestamptz not null,
    finalized_at timestamptz,
    paid_at timestamptz,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_invoices_customer on stripe_invoices (customer, created, id);

-- Payment intents, each with its latest charge.
create table stripe_payments (
    id text collate "C" check (substr(id, 1, 3) = 'pi_') primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    invoice text collate "C",
    amount bigint not null,
    amount_received bigint not null,
    amount_refunded bigint not null,
    currency text collate "C" not null,
    status text not null,
    latest_charge text collate "C",
    charge_status text,
    failure_code text,
    card_brand text,
    card_last4 text check (length(card_last4) = 4),
    receipt_url text,
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_payments_customer on stripe_payments (customer, created, id);

create table stripe_refunds (
    id text collate "C" primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    payment_intent text collate "C",
    charge text collate "C",
    amount bigint not null,
    currency text collate "C" not null,
    status text,
    reason text,
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_refunds_customer on stripe_refunds (customer, created, id);

create table stripe_checkout_sessions (
    id text collate "C" check (substr(id, 1, 3) = 'cs_') primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    status text,
    payment_status text not null,
    mode text not null,
    subscription text collate "C",
    invoice text collate "C",
    url text,
    expires_at timestamptz not null,
    intent text collate "C",
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_checkout_sessions_customer on stripe_checkout_sessions (customer, created, id);

create table stripe_payment_methods (
    id text collate "C" primary key,
    customer text collate "C" check (substr(customer, 1, 4) = 'cus_') not null,
    kind text not null,
    brand text,
    last4 text check (length(last4) = 4),
    exp_month bigint check (exp_month between 1 and 12),
    exp_year bigint,
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);
create index stripe_payment_methods_customer on stripe_payment_methods (customer, created, id);

create table stripe_prices (
    id text collate "C" primary key,
    product text collate "C" not null,
    active boolean not null,
    currency text collate "C" not null,
    unit_amount bigint,
    interval_unit text,
    interval_count bigint,
    lookup_key text collate "C",
    created timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);

create table stripe_products (
    id text collate "C" primary key,
    name text not null,
    active boolean not null,
    created timestamptz not null,
    updated timestamptz not null,
    raw jsonb not null,
    fetched_at timestamptz not null
);

-- Events of Stripe's, byte for byte (compressed). A pending row is all that says that work waits.
create table inbox (
    id text collate "C" primary key,
    kind text not null,
    created timestamptz not null,
    api_version text,
    account text collate "C",
    livemode boolean not null,
    object text collate "C",
    customer text collate "C",
    lane text collate "C",
    payload bytea not null,
    received_at timestamptz not null,
    state text not null check (state in ('pending', 'handled', 'unclaimed', 'unroutable', 'foreign',
        'parked')),
    failures bigint not null default 0 check (failures >= 0),
    handled_at timestamptz,
    check ((state = 'handled') = (handled_at is not null)),
    check (state <> 'pending' or lane is not null)
);
create index inbox_pending on inbox (lane, received_at, id) where state = 'pending';
create index inbox_unclaimed on inbox (customer) where state = 'unclaimed';
create index inbox_parked on inbox (customer) where state = 'parked';
create index inbox_received on inbox (received_at, id);
-- They are compressed before they come; another try would cost and gain nothing.
alter table inbox alter column payload set storage external;

-- Who works on a customer, behind which fence, and when business time makes it due again.
create table lanes (
    lane text collate "C" primary key,
    fence bigint not null default 0 check (fence >= 0),
    leased_until timestamptz,
    not_before timestamptz,
    failures bigint not null default 0 check (failures >= 0),
    wake_at timestamptz
);
create index lanes_wake on lanes (wake_at) where wake_at is not null;
create index lanes_leased on lanes (leased_until) where leased_until is not null;
create index lanes_not_before on lanes (not_before) where not_before is not null;

create table wishes (
    id uuid primary key,
    lane text collate "C" not null,
    what jsonb not null,
    -- The same as `what`, in a form that can be compared.
    same text collate "C" not null,
    due timestamptz not null,
    urgent boolean not null,
    unique (lane, same, due)
);
create index wishes_due on wishes (due);

-- Changes of ours to Stripe, committed before their first call.
create table intents (
    id uuid primary key,
    payer uuid not null references customers (id),
    plan_group text collate "C",
    kind text not null,
    what jsonb not null,
    state text not null check (state in ('open', 'done', 'undone', 'failed', 'stuck')),
    decided_version bigint not null check (decided_version >= 0),
    created_at timestamptz not null,
    finished_at timestamptz,
    result jsonb,
    leased_until timestamptz,
    check ((state in ('open', 'stuck')) = (finished_at is null))
);
create unique index intents_one_unfinished on intents (payer, plan_group)
    where state in ('open', 'stuck');
create index intents_open on intents (created_at, id) where state = 'open';
create index intents_payer on intents (payer, created_at, id);

create table steps (
    intent uuid not null references intents (id),
    n bigint not null check (n >= 0),
    name text not null,
    state text not null check (state in ('waiting', 'sent', 'done', 'failed')),
    object text collate "C",
    primary key (intent, n)
);

-- Requests as they were sent, and what came back.
create table tries (
    intent uuid not null,
    step bigint not null,
    n bigint not null check (n > 0),
    key text collate "C" not null unique,
    method text not null check (method in ('GET', 'POST', 'DELETE')),
    path text not null,
    body text not null,
    version text not null,
    sent_at timestamptz not null,
    status bigint check (status between 100 and 599),
    request_id text collate "C",
    original_request text collate "C",
    outcome text,
    primary key (intent, step, n),
    foreign key (intent, step) references steps (intent, n)
);

-- Effects that are to be carried out. Rows stay, so that none is queued twice.
create table outbox (
    key text collate "C" primary key,
    payer uuid not null references customers (id),
    kind text not null,
    what jsonb not null,
    due timestamptz not null,
    not_before timestamptz,
    attempts bigint not null check (attempts >= 0),
    done boolean not null default false
);
create index outbox_due on outbox (due, key) where not done;

-- One row per mail.
create table mails (
    key text collate "C" primary key,
    payer uuid not null references customers (id),
    kind text not null,
    recipient text not null,
    subject text not null,
    text text not null,
    html text not null,
    message_id text collate "C" not null unique,
    created_at timestamptz not null,
    sent_at timestamptz
);
create index mails_newest on mails (created_at, key);
create index mails_payer on mails (payer, created_at, key);

-- Per payer a chain of hashes. Nothing is ever changed or taken away.
create table audit (
    payer uuid not null,
    n bigint not null check (n > 0),
    at timestamptz not null,
    who text not null,
    what text not null,
    why text not null,
    details_digest bytea not null check (octet_length(details_digest) = 32),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (payer, n)
);

-- What may be erased: without the salt, the digest says nothing.
create table audit_details (
    payer uuid not null,
    n bigint not null,
    salt bytea not null check (octet_length(salt) = 32),
    details bytea not null,
    primary key (payer, n)
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'audit is append-only';
end
$$;
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function audit_is_append_only();

-- Server keys: what is found by the prefix is compared by the hash.
create table api_keys (
    id uuid primary key,
    prefix text collate "C" not null unique,
    hash text collate "C" not null check (length(hash) = 64),
    realm text collate "C" not null,
    name text not null,
    scopes text not null,
    created_at timestamptz not null,
    revoked_at timestamptz
);

-- Links into the hosted pages, each for one use.
create table session_tokens (
    hash text collate "C" primary key check (length(hash) = 64),
    payer uuid not null references customers (id),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index session_tokens_expiry on session_tokens (expires_at);

-- What the cookie of a hosted page stands for.
create table page_sessions (
    hash text collate "C" primary key check (length(hash) = 64),
    payer uuid not null references customers (id),
    expires_at timestamptz not null
);
create index page_sessions_expiry on page_sessions (expires_at);

-- Requests to our API that carried an `Idempotency-Key`.
create table idempotency (
    scope text collate "C" not null,
    key text collate "C" not null,
    fingerprint bytea not null,
    started_at timestamptz not null,
    leased_until timestamptz,
    status bigint check (status between 100 and 599),
    body bytea,
    primary key (scope, key),
    check ((status is null) = (body is null) and (status is null) = (leased_until is not null))
);
create index idempotency_started on idempotency (started_at);

-- What nobody can decide but a person.
create table quarantine (
    payer uuid not null references customers (id),
    object text collate "C" not null,
    reason text not null,
    details jsonb not null,
    created_at timestamptz not null,
    resolved_at timestamptz,
    primary key (payer, object, reason)
);

-- Passes over Stripe's list of events.
create table watermarks (
    id uuid primary key,
    head text collate "C",
    began_at timestamptz not null,
    events bigint not null check (events >= 0)
);
create index watermarks_began on watermarks (began_at);

create table replicas (
    id uuid primary key,
    started_at timestamptz not null,
    seen_at timestamptz not null
);

-- For whoever reads with SQL: one row per subscription that gives or gave access.
create view subscriptions as
select held.subscription as id,
       customers.app_id as user_id,
       case when (select count(distinct price_versions.plan) from price_versions
                  where price_versions.plan_group = held.plan_group) > 1
           then held.plan || '/' || held.price
           else held.price
       end as plan,
       case held.status when 'paused' then 'unpaid' else held.status end as status,
       held.status as stripe_status,
       customers.stripe as stripe_customer_id,
       held.subscription as stripe_subscription_id,
       held.period_start as current_period_start,
       held.period_end as current_period_end,
       held.canceled_at as canceled_at,
       held.created as created_at,
       held.updated_at as updated_at
from held_subscriptions held
join customers on customers.id = held.payer
where held.status not in ('incomplete', 'incomplete_expired');

-- One row per payment of our payers.
create view payments as
select paid.id as id,
       customers.id as customer_id,
       paid.amount as amount,
       paid.currency as currency,
       case
           when paid.status = 'succeeded' and paid.amount_refunded >= paid.amount
               and paid.amount_refunded > 0 then 'refunded'
           when paid.status = 'succeeded' and paid.amount_refunded > 0 then 'partially_refunded'
           when paid.status = 'succeeded' then 'succeeded'
           when paid.status = 'requires_action' then 'requires_action'
           when paid.status = 'canceled' then 'failed'
           when paid.status = 'requires_payment_method'
               and (paid.charge_status = 'failed' or paid.failure_code is not null) then 'failed'
           else 'pending'
       end as status,
       paid.id as stripe_payment_intent_id,
       paid.amount_refunded as refunded_amount,
       paid.created as created_at
from stripe_payments paid
join customers on customers.stripe = paid.customer;
