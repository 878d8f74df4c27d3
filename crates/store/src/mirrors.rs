//! Mirrors: what Stripe said, as it said it, with the columns that we query. No rules of ours, but
//! one: a terminal state is never taken back by what was read late.

use serde_json::Value;

pub mod checkout_sessions;
pub mod customers;
pub mod invoices;
pub mod payment_methods;
pub mod payments;
pub mod prices;
pub mod products;
pub mod refunds;
pub mod subscriptions;

/// What came of writing a mirror's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// The row is new.
    New,
    /// The row differed only in what we do not query.
    Changed,
    /// What we query of the row differed from what was read before.
    Differed {
        /// When that was read.
        read_at: specie_vocab::WallTime,
    },
    /// The row said the same, but for links that Stripe writes anew each time.
    Same,
    /// The row stays as it was: its state is terminal, and the one that came is another.
    Kept,
}

/// Fields in which Stripe writes another link, with the moment in it, each time that it is asked.
const LINKS: [&str; 3] = ["hosted_invoice_url", "invoice_pdf", "receipt_url"];

/// Another link to the same thing is no change; that there is one is.
fn same_link(link: &mut Option<String>, before: &Option<String>) {
    if link.is_some() && before.is_some() {
        link.clone_from(before);
    }
}

/// Whether two objects of Stripe's say the same, but for links to the same things.
fn but_for_links(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, value), (same, before))| {
                    let links = value.is_string() && before.is_string();
                    let linked = links && LINKS.contains(&key.as_str());
                    key == same && (linked || but_for_links(value, before))
                })
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(value, before)| but_for_links(value, before))
        }
        (one, other) => one == other,
    }
}

/// Declares a mirror: its row, and the functions `upsert`, `get` and, where it has a customer,
/// `of_customer`. `$ended` names a row's terminal state, if it is in one; `$link` columns with links
/// that Stripe writes anew each time.
macro_rules! mirror {
    (
        $(#[$doc:meta])*
        pub struct $row:ident in $table:literal by $id:ty, $(of $customer:ident,)? ended $ended:expr
            $(, links $($link:ident)+)?;
        $($(#[$about:meta])* pub $field:ident $(= $column:literal)?: $type:ty,)*
        ---
        $($more:tt)*
    ) => {
        use $crate::mirrors::Mirrored;
        use $crate::{StoreError, Tx};

        $crate::sql::row! {
            $(#[$doc])*
            pub struct $row in $table by id: $id {
                /// As Stripe names it.
                pub id: $id,
                $($(#[$about])* pub $field $(= $column)?: $type,)*
                /// The object as Stripe wrote it.
                pub raw: serde_json::Value,
                /// When it was read.
                pub fetched_at: specie_vocab::WallTime,
            }
        }

        $crate::sql::statements! {
            GET: $row = concat!("select {columns} from ", $table, " where id = $1");
            UPSERT: $row = concat!(
                "insert into ", $table, " ({columns}) values ({places}) ",
                "on conflict (id) do update set {sets}"
            );
            TOUCH = concat!("update ", $table, " set fetched_at = $2 where id = $1");
            $(OF_CUSTOMER: $row = concat!(
                "select {columns} from ", $table,
                " where ", stringify!($customer), " = $1 order by created, id"
            );)?
            $($more)*
        }

        /// What Stripe last said of it, if it was ever read.
        pub async fn get(tx: &mut Tx, id: &$id) -> Result<Option<$row>, StoreError> {
            Ok($crate::sql::one!(tx, GET, [id]))
        }

        /// Keeps what Stripe says. A terminal state is never taken back.
        pub async fn upsert(tx: &mut Tx, row: &$row) -> Result<Mirrored, StoreError> {
            let before = get(tx, &row.id).await?;
            write(tx, before.as_ref(), row).await
        }

        /// A row as it is read again: the databases do not keep every character that Stripe may say.
        fn as_kept(row: &$row) -> $row {
            use $crate::column::kept;
            $row {
                id: kept(&row.id),
                $($field: kept(&row.$field),)*
                raw: kept(&row.raw),
                fetched_at: row.fetched_at,
            }
        }

        /// The same, where it is known what Stripe last said of it.
        async fn write(
            tx: &mut Tx,
            before: Option<&$row>,
            row: &$row,
        ) -> Result<Mirrored, StoreError> {
            if let Some(before) = before {
                let ended: fn(&$row) -> Option<&str> = $ended;
                if ended(before).is_some_and(|state| ended(row) != Some(state)) {
                    return Ok(Mirrored::Kept);
                }
                let mut again = $row { fetched_at: before.fetched_at, ..as_kept(row) };
                if again == *before {
                    $crate::sql::run!(tx, TOUCH, [row.id, row.fetched_at]);
                    return Ok(Mirrored::Same);
                }
                $crate::sql::run!(tx, UPSERT, [row.id, $(row.$field,)* row.raw, row.fetched_at]);
                $($($crate::mirrors::same_link(&mut again.$link, &before.$link);)+)?
                if $crate::mirrors::but_for_links(&again.raw, &before.raw) {
                    again.raw = before.raw.clone();
                }
                if again == *before {
                    return Ok(Mirrored::Same);
                }
                let read_at = before.fetched_at;
                let queried = $row { raw: before.raw.clone(), ..again };
                return Ok(match queried == *before {
                    true => Mirrored::Changed,
                    false => Mirrored::Differed { read_at },
                });
            }
            $crate::sql::run!(tx, UPSERT, [row.id, $(row.$field,)* row.raw, row.fetched_at]);
            Ok(Mirrored::New)
        }

        $(
            /// All that is known of a customer, oldest first.
            pub async fn of_customer(
                tx: &mut Tx,
                $customer: &specie_vocab::CustomerId,
            ) -> Result<Vec<$row>, StoreError> {
                Ok($crate::sql::all!(tx, OF_CUSTOMER, [$customer]))
            }

            /// The same as [`upsert`] of a row of `$customer`, all of whose rows are `known`: they are
            /// brought up to date, and what is among them is not read again.
            pub async fn put(
                tx: &mut Tx,
                $customer: &specie_vocab::CustomerId,
                known: &mut Vec<$row>,
                row: $row,
            ) -> Result<Mirrored, StoreError> {
                let at = known.iter().position(|it| it.id == row.id);
                let before = match at {
                    Some(at) => Some(known.remove(at)),
                    // It may have been another one's, or nobody's.
                    None => get(tx, &row.id).await?,
                };
                let mirrored = write(tx, before.as_ref(), &row).await?;
                let before = before.filter(|_| mirrored == Mirrored::Kept);
                let row = before.unwrap_or_else(|| as_kept(&row));
                if Option::<&specie_vocab::CustomerId>::from(&row.$customer) == Some($customer) {
                    known.push(row);
                    known.sort_by(|one, other| {
                        (&one.created, &one.id).cmp(&(&other.created, &other.id))
                    });
                }
                Ok(mirrored)
            }
        )?
    };
}
pub(crate) use mirror;
