-- Whose installation this is: one row. It is bound to one Stripe account and one mode, once.
create table installation (
    one integer primary key check (one = 1),
    id text check (length(id) = 36) not null,
    account text check (substr(account, 1, 5) = 'acct_'),
    livemode integer check (livemode in (0, 1)),
    bound_at text check (length(bound_at) = 27),
    created_at text check (length(created_at) = 27) not null,
    check ((account is null) = (bound_at is null) and (livemode is null) = (bound_at is null))
) strict;

-- Who pays: the app's id on one side, Stripe's on the other.
create table customers (
    id text check (length(id) = 36) primary key,
    realm text not null,
    app_id text not null,
    stripe text check (substr(stripe, 1, 4) = 'cus_'),
    version integer not null check (version >= 0),
    created_at text check (length(created_at) = 27) not null,
    unique (realm, app_id),
    unique (stripe)
) strict;

-- What holds a plan group of a payer, as `billing::Slot` says it.
create table slots (
    payer text check (length(payer) = 36) not null references customers (id),
    plan_group text not null,
    state text not null,
    intent text check (length(intent) = 36),
    session text check (substr(session, 1, 3) = 'cs_'),
    subscription text check (substr(subscription, 1, 4) = 'sub_'),
    others text check (json_valid(others)) not null,
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
) strict;
create unique index slots_subscription on slots (subscription) where subscription is not null;
create unique index slots_session on slots (session) where session is not null;

-- One row per subscription that a payer holds or held, with what we decided about it.
create table held_subscriptions (
    payer text check (length(payer) = 36) not null references customers (id),
    subscription text check (substr(subscription, 1, 4) = 'sub_') not null,
    plan_group text not null,
    plan text not null,
    price text not null,
    status text not null check (status in ('incomplete', 'incomplete_expired', 'trialing', 'active',
        'past_due', 'unpaid', 'canceled', 'paused')),
    access text not null check (access in ('none', 'until', 'open')),
    access_until text check (length(access_until) = 27),
    grace_until text check (length(grace_until) = 27),
    period_start text check (length(period_start) = 27) not null,
    period_end text check (length(period_end) = 27) not null,
    cancel_at_period_end integer check (cancel_at_period_end in (0, 1)) not null,
    cancel_at text check (length(cancel_at) = 27),
    canceled_at text check (length(canceled_at) = 27),
    ended_at text check (length(ended_at) = 27),
    created text check (length(created) = 27) not null,
    latest_invoice text check (substr(latest_invoice, 1, 3) = 'in_'),
    more text check (json_valid(more)) not null,
    updated_at text check (length(updated_at) = 27) not null,
    primary key (payer, subscription),
    unique (subscription),
    check (period_start <= period_end)
) strict;

-- Which price of Stripe's stands for a price of the catalog, version by version.
create table price_versions (
    plan_group text not null,
    plan text not null,
    price text not null,
    version integer not null check (version > 0),
    stripe_product text check (substr(stripe_product, 1, 5) = 'prod_') not null,
    stripe_price text check (substr(stripe_price, 1, 6) = 'price_') not null unique,
    amount integer not null check (amount >= 0),
    currency text not null check (length(currency) = 3),
    interval_unit text not null check (interval_unit in ('day', 'week', 'month', 'year')),
    interval_count integer not null check (interval_count > 0),
    created_at text check (length(created_at) = 27) not null,
    primary key (plan_group, plan, price, version)
) strict;

-- Mirrors: what Stripe said. No rules of ours, and no order in which rows must come.
create table stripe_customers (
    id text check (substr(id, 1, 4) = 'cus_') primary key,
    email text,
    name text,
    currency text,
    delinquent integer check (delinquent in (0, 1)) not null,
    default_payment_method text,
    deleted integer check (deleted in (0, 1)) not null,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;

create table stripe_subscriptions (
    id text check (substr(id, 1, 4) = 'sub_') primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    status text not null,
    price text,
    quantity integer,
    currency text not null,
    cancel_at_period_end integer check (cancel_at_period_end in (0, 1)) not null,
    cancel_at text check (length(cancel_at) = 27),
    canceled_at text check (length(canceled_at) = 27),
    ended_at text check (length(ended_at) = 27),
    current_period_start text check (length(current_period_start) = 27),
    current_period_end text check (length(current_period_end) = 27),
    latest_invoice text,
    default_payment_method text,
    start_date text check (length(start_date) = 27) not null,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_subscriptions_customer on stripe_subscriptions (customer, created, id);

create table stripe_invoices (
    id text check (substr(id, 1, 3) = 'in_') primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    subscription text,
    number text,
    status text not null,
    billing_reason text,
    currency text not null,
    amount_due integer not null,
    amount_paid integer not null,
    amount_remaining integer not null,
    total integer not null,
    attempt_count integer not null,
    attempted integer check (attempted in (0, 1)) not null,
    next_payment_attempt text check (length(next_payment_attempt) = 27),
    line_period_start text check (length(line_period_start) = 27),
    line_period_end text check (length(line_period_end) = 27),
    hosted_invoice_url text,
    invoice_pdf text,
    created text check (length(created) = 27) not null,
    finalized_at text check (length(finalized_at) = 27),
    paid_at text check (length(paid_at) = 27),
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_invoices_customer on stripe_invoices (customer, created, id);

-- Payment intents, each with its latest charge.
create table stripe_payments (
    id text check (substr(id, 1, 3) = 'pi_') primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    invoice text,
    amount integer not null,
    amount_received integer not null,
    amount_refunded integer not null,
    currency text not null,
    status text not null,
    latest_charge text,
    charge_status text,
    failure_code text,
    card_brand text,
    card_last4 text check (length(card_last4) = 4),
    receipt_url text,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_payments_customer on stripe_payments (customer, created, id);

create table stripe_refunds (
    id text primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    payment_intent text,
    charge text,
    amount integer not null,
    currency text not null,
    status text,
    reason text,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_refunds_customer on stripe_refunds (customer, created, id);

create table stripe_checkout_sessions (
    id text check (substr(id, 1, 3) = 'cs_') primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    status text,
    payment_status text not null,
    mode text not null,
    subscription text,
    invoice text,
    url text,
    expires_at text check (length(expires_at) = 27) not null,
    intent text,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_checkout_sessions_customer on stripe_checkout_sessions (customer, created, id);

create table stripe_payment_methods (
    id text primary key,
    customer text check (substr(customer, 1, 4) = 'cus_') not null,
    kind text not null,
    brand text,
    last4 text check (length(last4) = 4),
    exp_month integer check (exp_month between 1 and 12),
    exp_year integer,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;
create index stripe_payment_methods_customer on stripe_payment_methods (customer, created, id);

create table stripe_prices (
    id text primary key,
    product text not null,
    active integer check (active in (0, 1)) not null,
    currency text not null,
    unit_amount integer,
    interval_unit text,
    interval_count integer,
    lookup_key text,
    created text check (length(created) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;

create table stripe_products (
    id text primary key,
    name text not null,
    active integer check (active in (0, 1)) not null,
    created text check (length(created) = 27) not null,
    updated text check (length(updated) = 27) not null,
    raw text check (json_valid(raw)) not null,
    fetched_at text check (length(fetched_at) = 27) not null
) strict;

-- Events of Stripe's, byte for byte (compressed). A pending row is all that says that work waits.
create table inbox (
    id text primary key,
    kind text not null,
    created text check (length(created) = 27) not null,
    api_version text,
    account text,
    livemode integer check (livemode in (0, 1)) not null,
    object text,
    customer text,
    lane text,
    payload blob not null,
    received_at text check (length(received_at) = 27) not null,
    state text not null check (state in ('pending', 'handled', 'unclaimed', 'unroutable', 'foreign',
        'parked')),
    failures integer not null default 0 check (failures >= 0),
    handled_at text check (length(handled_at) = 27),
    check ((state = 'handled') = (handled_at is not null)),
    check (state <> 'pending' or lane is not null)
) strict;
create index inbox_pending on inbox (lane, received_at, id) where state = 'pending';
create index inbox_unclaimed on inbox (customer) where state = 'unclaimed';
create index inbox_parked on inbox (customer) where state = 'parked';
create index inbox_received on inbox (received_at, id);

-- Who works on a customer, behind which fence, and when business time makes it due again.
create table lanes (
    lane text primary key,
    fence integer not null default 0 check (fence >= 0),
    leased_until text check (length(leased_until) = 27),
    not_before text check (length(not_before) = 27),
    failures integer not null default 0 check (failures >= 0),
    wake_at text check (length(wake_at) = 27)
) strict;
create index lanes_wake on lanes (wake_at) where wake_at is not null;
create index lanes_leased on lanes (leased_until) where leased_until is not null;
create index lanes_not_before on lanes (not_before) where not_before is not null;

create table wishes (
    id text check (length(id) = 36) primary key,
    lane text not null,
    what text check (json_valid(what)) not null,
    -- The same as `what`, in a form that can be compared.
    same text not null,
    due text check (length(due) = 27) not null,
    urgent integer check (urgent in (0, 1)) not null,
    unique (lane, same, due)
) strict;
create index wishes_due on wishes (due);

-- Changes of ours to Stripe, committed before their first call.
create table intents (
    id text check (length(id) = 36) primary key,
    payer text check (length(payer) = 36) not null references customers (id),
    plan_group text,
    kind text not null,
    what text check (json_valid(what)) not null,
    state text not null check (state in ('open', 'done', 'undone', 'failed', 'stuck')),
    decided_version integer not null check (decided_version >= 0),
    created_at text check (length(created_at) = 27) not null,
    finished_at text check (length(finished_at) = 27),
    result text check (json_valid(result)),
    leased_until text check (length(leased_until) = 27),
    check ((state in ('open', 'stuck')) = (finished_at is null))
) strict;
create unique index intents_one_unfinished on intents (payer, plan_group)
    where state in ('open', 'stuck');
create index intents_open on intents (created_at, id) where state = 'open';
create index intents_payer on intents (payer, created_at, id);

create table steps (
    intent text check (length(intent) = 36) not null references intents (id),
    n integer not null check (n >= 0),
    name text not null,
    state text not null check (state in ('waiting', 'sent', 'done', 'failed')),
    object text,
    primary key (intent, n)
) strict;

-- Requests as they were sent, and what came back.
create table tries (
    intent text check (length(intent) = 36) not null,
    step integer not null,
    n integer not null check (n > 0),
    key text not null unique,
    method text not null check (method in ('GET', 'POST', 'DELETE')),
    path text not null,
    body text not null,
    version text not null,
    sent_at text check (length(sent_at) = 27) not null,
    status integer check (status between 100 and 599),
    request_id text,
    original_request text,
    outcome text,
    primary key (intent, step, n),
    foreign key (intent, step) references steps (intent, n)
) strict;

-- Effects that are to be carried out. Rows stay, so that none is queued twice.
create table outbox (
    key text primary key,
    payer text check (length(payer) = 36) not null references customers (id),
    kind text not null,
    what text check (json_valid(what)) not null,
    due text check (length(due) = 27) not null,
    not_before text check (length(not_before) = 27),
    attempts integer not null check (attempts >= 0),
    done integer check (done in (0, 1)) not null default false
) strict;
create index outbox_due on outbox (due, key) where not done;

-- One row per mail.
create table mails (
    key text primary key,
    payer text check (length(payer) = 36) not null references customers (id),
    kind text not null,
    recipient text not null,
    subject text not null,
    text text not null,
    html text not null,
    message_id text not null unique,
    created_at text check (length(created_at) = 27) not null,
    sent_at text check (length(sent_at) = 27)
) strict;
create index mails_newest on mails (created_at, key);
create index mails_payer on mails (payer, created_at, key);

-- Per payer a chain of hashes. Nothing is ever changed or taken away.
create table audit (
    payer text check (length(payer) = 36) not null,
    n integer not null check (n > 0),
    at text check (length(at) = 27) not null,
    who text not null,
    what text not null,
    why text not null,
    details_digest blob not null check (length(details_digest) = 32),
    hash blob not null check (length(hash) = 32),
    primary key (payer, n)
) strict;

-- What may be erased: without the salt, the digest says nothing.
create table audit_details (
    payer text check (length(payer) = 36) not null,
    n integer not null,
    salt blob not null check (length(salt) = 32),
    details blob not null,
    primary key (payer, n)
) strict;

create trigger audit_no_update before update on audit
begin
    select raise(abort, 'audit is append-only');
end;
create trigger audit_no_delete before delete on audit
begin
    select raise(abort, 'audit is append-only');
end;
-- Deletes what it replaces, and fires no trigger of deletion.
create trigger audit_no_replace before insert on audit
when exists (select 1 from audit where payer = new.payer and n = new.n)
begin
    select raise(abort, 'audit is append-only');
end;

-- Server keys: what is found by the prefix is compared by the hash.
create table api_keys (
    id text check (length(id) = 36) primary key,
    prefix text not null unique,
    hash text not null check (length(hash) = 64),
    realm text not null,
    name text not null,
    scopes text not null,
    created_at text check (length(created_at) = 27) not null,
    revoked_at text check (length(revoked_at) = 27)
) strict;

-- Links into the hosted pages, each for one use.
create table session_tokens (
    hash text primary key check (length(hash) = 64),
    payer text check (length(payer) = 36) not null references customers (id),
    expires_at text check (length(expires_at) = 27) not null,
    used_at text check (length(used_at) = 27)
) strict;
create index session_tokens_expiry on session_tokens (expires_at);

-- What the cookie of a hosted page stands for.
create table page_sessions (
    hash text primary key check (length(hash) = 64),
    payer text check (length(payer) = 36) not null references customers (id),
    expires_at text check (length(expires_at) = 27) not null
) strict;
create index page_sessions_expiry on page_sessions (expires_at);

-- Requests to our API that carried an `Idempotency-Key`.
create table idempotency (
    scope text not null,
    key text not null,
    fingerprint blob not null,
    started_at text check (length(started_at) = 27) not null,
    leased_until text check (length(leased_until) = 27),
    status integer check (status between 100 and 599),
    body blob,
    primary key (scope, key),
    check ((status is null) = (body is null) and (status is null) = (leased_until is not null))
) strict;
create index idempotency_started on idempotency (started_at);

-- What nobody can decide but a person.
create table quarantine (
    payer text check (length(payer) = 36) not null references customers (id),
    object text not null,
    reason text not null,
    details text check (json_valid(details)) not null,
    created_at text check (length(created_at) = 27) not null,
    resolved_at text check (length(resolved_at) = 27),
    primary key (payer, object, reason)
) strict;

-- Passes over Stripe's list of events.
create table watermarks (
    id text check (length(id) = 36) primary key,
    head text,
    began_at text check (length(began_at) = 27) not null,
    events integer not null check (events >= 0)
) strict;
create index watermarks_began on watermarks (began_at);

create table replicas (
    id text check (length(id) = 36) primary key,
    started_at text check (length(started_at) = 27) not null,
    seen_at text check (length(seen_at) = 27) not null
) strict;

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
