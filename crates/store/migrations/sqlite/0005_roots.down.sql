drop index inbox_handled;
alter table inbox drop column reason;
alter table wishes drop column why;
drop table audit_root_heads;
drop table audit_roots;
drop table audit_unanchored;
