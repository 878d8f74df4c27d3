//! The service: routes, commands, lanes, outbox, reads, hosted pages.
