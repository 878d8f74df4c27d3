-- What each look at Stripe has found, and because of which events, changes, calls and rules it was
-- taken. Stories tell it; it is forgotten with the events.
create table looks (
    lane text collate "C" not null,
    fence bigint not null check (fence > 0),
    at timestamptz not null,
    because jsonb not null,
    found jsonb not null,
    primary key (lane, fence)
);
create index looks_at on looks (at);
