drop index held_subscriptions_alive;
drop index inbox_foreign;
alter table replicas drop column delivered_at;
drop index mails_failed;
alter table mails drop column failure;
alter table mails drop column failed_at;
