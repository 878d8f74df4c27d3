-- Who asked for a change: `customer`, `key:` and its id, or `specie`.
alter table intents add column asked_by text not null default 'specie';
