//! Stripe's wire: forms, client, errors, objects, signatures.
