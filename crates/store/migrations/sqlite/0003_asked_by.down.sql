drop index intents_kind;
alter table intents drop column asked_by;
