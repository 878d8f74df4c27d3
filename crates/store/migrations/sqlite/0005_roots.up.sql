-- Entries of the audit trail that no root has anchored yet. Rows are added and taken away, never
-- changed: no commit waits for the job that anchors.
create table audit_unanchored (
    payer text check (length(payer) = 36) not null,
    n integer not null check (n > 0),
    primary key (payer, n)
) strict;
insert into audit_unanchored (payer, n) select payer, max(n) from audit group by payer;

-- Roots: the heads of the chains that moved, in one digest that names the root before. Nothing is
-- ever changed or taken away.
create table audit_roots (
    n integer primary key check (n > 0),
    at text check (length(at) = 27) not null,
    previous blob not null check (length(previous) = 32),
    heads integer not null check (heads >= 0),
    digest blob not null check (length(digest) = 32),
    signer blob check (length(signer) = 32),
    signature blob check (length(signature) = 64),
    check ((signer is null) = (signature is null))
) strict;
create table audit_root_heads (
    root integer not null references audit_roots (n),
    payer text check (length(payer) = 36) not null,
    n integer not null check (n > 0),
    hash blob not null check (length(hash) = 32),
    primary key (root, payer)
) strict;
create index audit_root_heads_payer on audit_root_heads (payer, n);

create trigger audit_roots_no_update before update on audit_roots
begin
    select raise(abort, 'audit_roots is append-only');
end;
create trigger audit_roots_no_delete before delete on audit_roots
begin
    select raise(abort, 'audit_roots is append-only');
end;
-- Deletes what it replaces, and fires no trigger of deletion.
create trigger audit_roots_no_replace before insert on audit_roots
when exists (select 1 from audit_roots where n = new.n)
begin
    select raise(abort, 'audit_roots is append-only');
end;
create trigger audit_root_heads_no_update before update on audit_root_heads
begin
    select raise(abort, 'audit_root_heads is append-only');
end;
create trigger audit_root_heads_no_delete before delete on audit_root_heads
begin
    select raise(abort, 'audit_root_heads is append-only');
end;
create trigger audit_root_heads_no_replace before insert on audit_root_heads
when exists (select 1 from audit_root_heads where root = new.root and payer = new.payer)
begin
    select raise(abort, 'audit_root_heads is append-only');
end;

-- Why a lane looks: an intent, a call, a rule, or the event before.
alter table wishes add column why text not null default 'rule:look';
-- What an event last failed of.
alter table inbox add column reason text;
-- A customer's events: those in another state have indexes of their own.
create index inbox_handled on inbox (customer, received_at, id) where state = 'handled';
