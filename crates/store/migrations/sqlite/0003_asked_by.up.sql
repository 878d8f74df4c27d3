-- Who asked for a change: `customer`, `key:` and its id, or `specie`.
alter table intents add column asked_by text not null default 'specie';
-- So that each decision can count what was taken back in the last day.
create index intents_kind on intents (kind, created_at);
