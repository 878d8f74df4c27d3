//! Whoever pays, under our own id: the app's id on one side, Stripe's on the other.

use specie_vocab::{CustomerId, PayerId, WallTime};

use crate::sql::{all, one, row, run, statements, value};
use crate::{StoreError, Tx};

row! {
    /// A user or a team of the app that pays, or may.
    pub struct Payer in "customers" by id: PayerId {
        /// Ours.
        pub id: PayerId,
        /// Whose credential named them: ids of the app are unique within it.
        pub realm: String,
        /// The app's own id.
        pub app_id: String,
        /// Stripe's id, once there is one.
        pub stripe: Option<CustomerId>,
        /// Raised by each decision.
        pub version: i64,
        /// When we first heard of them.
        pub created_at: WallTime,
    }
}

row! {
    /// A customer that Stripe has deleted, and whose payer was untied from it since.
    struct Former in "former_customers" by stripe: CustomerId {
        /// Stripe's id.
        pub stripe: CustomerId,
    }
}

statements! {
    FIND: Payer = "select {columns} from customers where realm = $1 and app_id = $2";
    GET: Payer = "select {columns} from customers where id = $1";
    BY_APP: Payer = "select {columns} from customers where app_id = $1 order by realm";
    BY_STRIPE: Payer = "select {columns} from customers where id = coalesce( \
                        (select payer.id from customers payer where payer.stripe = $1), \
                        (select payer from former_customers where stripe = $1))";
    FORMER: Former = "select {columns} from former_customers where payer = $1 order by stripe";
    INSERT: Payer = "insert into customers ({columns}) values ({places}) \
                     on conflict do nothing";
    LOCK: Payer = "select {columns} from customers where id = $1 {lock}";
    BIND = "update customers set stripe = $2 where id = $1 and (stripe is null or stripe = $2)";
    UNBIND = "update customers set stripe = null where id = $1 and stripe = $2";
    REMEMBER = "insert into former_customers (stripe, payer) values ($2, $1) on conflict do nothing";
    BUMP = "update customers set version = version + 1 where id = $1 returning version";
    LIST: Payer = "select {columns} from customers order by created_at, id limit $1";
    AT_STRIPE: Payer = "select {columns} from customers \
                        where stripe is not null and (id > $1 or $1 is null) order by id limit $2";
}

/// The payer whom the app calls `app_id`.
pub async fn find(tx: &mut Tx, realm: &str, app_id: &str) -> Result<Option<Payer>, StoreError> {
    Ok(one!(tx, FIND, [realm, app_id]))
}

/// The payer with this id of ours.
pub async fn get(tx: &mut Tx, id: PayerId) -> Result<Option<Payer>, StoreError> {
    Ok(one!(tx, GET, [id]))
}

/// The payers whom some realm calls `app_id`.
pub async fn by_app_id(tx: &mut Tx, app_id: &str) -> Result<Vec<Payer>, StoreError> {
    Ok(all!(tx, BY_APP, [app_id]))
}

/// The payer whom Stripe calls `customer`, or called so before it deleted that one.
pub async fn by_stripe(tx: &mut Tx, customer: &CustomerId) -> Result<Option<Payer>, StoreError> {
    Ok(one!(tx, BY_STRIPE, [customer]))
}

/// Adds a payer. False, if the app's id (or Stripe's) is known already.
pub async fn insert(tx: &mut Tx, payer: &Payer) -> Result<bool, StoreError> {
    let Payer { id, realm, app_id, stripe, version, created_at } = payer;
    Ok(run!(tx, INSERT, [id, realm, app_id, stripe, version, created_at]) == 1)
}

/// Reads a payer and locks the row until the transaction ends. On Postgres whoever holds it is waited
/// for no longer than five seconds, and can stand still for thirty; the error is transient then.
pub async fn lock(tx: &mut Tx, id: PayerId) -> Result<Option<Payer>, StoreError> {
    Ok(one!(tx, LOCK, [id]))
}

/// Binds a payer to a customer of Stripe's, once: another binding is a conflict.
pub async fn bind(tx: &mut Tx, id: PayerId, customer: &CustomerId) -> Result<(), StoreError> {
    match run!(tx, BIND, [id, customer]) {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("customers.stripe of {id}"))),
    }
}

/// Unties a payer from a customer that Stripe has deleted, so that they may have another, and remembers
/// whose it was. False, if they have another by now.
pub async fn unbind(tx: &mut Tx, payer: PayerId, stripe: &CustomerId) -> Result<bool, StoreError> {
    if run!(tx, UNBIND, [payer, stripe]) != 1 {
        return Ok(false);
    }
    run!(tx, REMEMBER, [payer, stripe]);
    Ok(true)
}

/// The customers of a payer that Stripe has deleted and that were untied since.
pub async fn former(tx: &mut Tx, payer: PayerId) -> Result<Vec<CustomerId>, StoreError> {
    let rows: Vec<Former> = all!(tx, FORMER, [payer]);
    Ok(rows.into_iter().map(|row| row.stripe).collect())
}

/// Raises the version, and answers with it.
pub async fn bump(tx: &mut Tx, id: PayerId) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, BUMP, [id]))
}

/// Payers whom Stripe knows, in the order of their ids, from after one of them on.
pub async fn at_stripe(
    tx: &mut Tx,
    after: Option<PayerId>,
    limit: i64,
) -> Result<Vec<Payer>, StoreError> {
    Ok(all!(tx, AT_STRIPE, [after, limit]))
}

/// Payers in the order in which they came.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Payer>, StoreError> {
    Ok(all!(tx, LIST, [limit]))
}
