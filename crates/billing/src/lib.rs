//! What happens to subscriptions, access and mails: pure decisions, and the catalog.
