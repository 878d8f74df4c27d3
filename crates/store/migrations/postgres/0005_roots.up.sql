-- Entries of the audit trail that no root has anchored yet. Rows are added and taken away, never
-- changed: no commit waits for the job that anchors.
create table audit_unanchored (
    payer uuid not null,
    n bigint not null check (n > 0),
    primary key (payer, n)
);
insert into audit_unanchored (payer, n) select payer, max(n) from audit group by payer;

-- Roots: the heads of the chains that moved, in one digest that names the root before. Nothing is
-- ever changed or taken away.
create table audit_roots (
    n bigint primary key check (n > 0),
    at timestamptz not null,
    previous bytea not null check (length(previous) = 32),
    heads bigint not null check (heads >= 0),
    digest bytea not null check (length(digest) = 32),
    signer bytea check (length(signer) = 32),
    signature bytea check (length(signature) = 64),
    check ((signer is null) = (signature is null))
);
create table audit_root_heads (
    root bigint not null references audit_roots (n),
    payer uuid not null,
    n bigint not null check (n > 0),
    hash bytea not null check (length(hash) = 32),
    primary key (root, payer)
);
create index audit_root_heads_payer on audit_root_heads (payer, n);

create function audit_root_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;
create trigger audit_roots_append_only before update or delete or truncate on audit_roots
    for each statement execute function audit_root_is_append_only();
create trigger audit_root_heads_append_only before update or delete or truncate on audit_root_heads
    for each statement execute function audit_root_is_append_only();

-- Why a lane looks: an intent, a call, a rule, or the event before.
alter table wishes add column why text collate "C" not null default 'rule:look';
-- What an event last failed of.
alter table inbox add column reason text;
-- A customer's events: those in another state have indexes of their own.
create index inbox_handled on inbox (customer, received_at, id) where state = 'handled';
