-- Lanes that were not at rest when a pass had read to its end: those it does not confirm.
alter table watermarks add column restless jsonb not null default '[]';
