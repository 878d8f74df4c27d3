-- A mail that a mail server refused, or that none took in two days, and why.
alter table mails add column failed_at text check (length(failed_at) = 27);
alter table mails add column failure text;
create index mails_failed on mails (failed_at) where failed_at is not null;
-- When a webhook of Stripe's last came to a process.
alter table replicas add column delivered_at text check (length(delivered_at) = 27);
-- What alarms look for.
create index inbox_foreign on inbox (received_at) where state = 'foreign';
create index held_subscriptions_alive on held_subscriptions (payer, plan_group)
    where status in ('trialing', 'active', 'past_due', 'unpaid', 'paused');
