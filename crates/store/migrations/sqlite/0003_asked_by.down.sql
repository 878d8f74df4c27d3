alter table intents drop column asked_by;
