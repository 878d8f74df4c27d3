alter table watermarks drop column restless;
