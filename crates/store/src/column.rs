//! How the words of `vocab` lie in a column of either database.

use jiff::Timestamp;
use serde_json::Value;
use specie_vocab::{
    AccountId, BusinessTime, ChargeId, Currency, CustomerId, EventId, IntentId, InvoiceId, PayerId,
    PaymentIntentId, PaymentMethodId, PriceId, ProductId, RefundId, SessionId, SubscriptionId,
    WallTime, WebhookEndpointId,
};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Postgres, Sqlite, Type, TypeInfo};
use uuid::Uuid;

use crate::call::Stored;

/// A type with a form that both databases keep.
pub(crate) trait Column: Sized {
    /// What is bound and read.
    type Stored: Stored;
    /// Whether what stands there in its place may be told: documents and bytes may name somebody.
    const TOLD: bool = true;

    fn stored(&self) -> Self::Stored;

    /// None, if no value of ours has this form.
    fn parse(stored: Self::Stored) -> Option<Self>;
}

/// A value as it comes back from the database.
pub(crate) fn kept<T: Column + Clone>(value: &T) -> T {
    T::parse(value.stored()).unwrap_or_else(|| value.clone())
}

macro_rules! as_they_are {
    ($($type:ty)*) => {$(
        impl Column for $type {
            type Stored = $type;
            const TOLD: bool = false;

            fn stored(&self) -> $type {
                self.clone()
            }

            fn parse(stored: $type) -> Option<Self> {
                Some(stored)
            }
        }
    )*};
}

as_they_are! { bool i64 Vec<u8> }

/// Postgres keeps no U+0000 in text; what is not text of ours may hold one.
fn without_null(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl Column for String {
    type Stored = String;
    const TOLD: bool = false;

    fn stored(&self) -> String {
        without_null(self)
    }

    fn parse(stored: String) -> Option<Self> {
        Some(stored)
    }
}

fn clean(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_null(text)),
        Value::Array(items) => Value::Array(items.iter().map(clean).collect()),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (without_null(name), clean(value))).collect(),
        ),
        _ => value.clone(),
    }
}

impl<T: Column> Column for Option<T> {
    type Stored = Option<T::Stored>;
    const TOLD: bool = T::TOLD;

    fn stored(&self) -> Self::Stored {
        self.as_ref().map(T::stored)
    }

    fn parse(stored: Self::Stored) -> Option<Self> {
        match stored {
            Some(stored) => T::parse(stored).map(Some),
            None => Some(None),
        }
    }
}

impl<T: Column> Column for &T {
    type Stored = T::Stored;

    fn stored(&self) -> Self::Stored {
        T::stored(self)
    }

    fn parse(_: Self::Stored) -> Option<Self> {
        None
    }
}

impl Column for &str {
    type Stored = String;

    fn stored(&self) -> String {
        without_null(self)
    }

    fn parse(_: String) -> Option<Self> {
        None
    }
}

impl Column for Value {
    type Stored = Json<Value>;
    const TOLD: bool = false;

    fn stored(&self) -> Json<Value> {
        Json(clean(self))
    }

    fn parse(Json(stored): Json<Value>) -> Option<Self> {
        Some(stored)
    }
}

macro_rules! texts {
    ($($type:ident)*) => {$(
        impl Column for $type {
            type Stored = String;

            fn stored(&self) -> String {
                self.as_str().to_owned()
            }

            fn parse(stored: String) -> Option<Self> {
                $type::try_from(stored).ok()
            }
        }
    )*};
}

texts! {
    AccountId ChargeId Currency CustomerId EventId InvoiceId PaymentIntentId PaymentMethodId PriceId ProductId
    RefundId SessionId SubscriptionId WebhookEndpointId
}

macro_rules! ids {
    ($($type:ident)*) => {$(
        impl Column for $type {
            type Stored = Id;

            fn stored(&self) -> Id {
                Id(self.0)
            }

            fn parse(Id(stored): Id) -> Option<Self> {
                Some($type(stored))
            }
        }
    )*};
}

ids! { PayerId IntentId }

impl Column for Uuid {
    type Stored = Id;

    fn stored(&self) -> Id {
        Id(*self)
    }

    fn parse(Id(stored): Id) -> Option<Self> {
        Some(stored)
    }
}

macro_rules! times {
    ($($type:ident)*) => {$(
        impl Column for $type {
            type Stored = At;

            fn stored(&self) -> At {
                At(self.timestamp().as_microsecond())
            }

            fn parse(At(stored): At) -> Option<Self> {
                Some($type::new(At(stored).time()))
            }
        }
    )*};
}

times! { BusinessTime WallTime }

/// One of our ids: `uuid` on Postgres, its 36 characters on SQLite, so that a person can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) Uuid);

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0, buffer)
    }
}

impl Decode<'_, Postgres> for Id {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self)
    }
}

impl Type<Sqlite> for Id {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Id {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.to_string(), buffer)
    }
}

impl Decode<'_, Sqlite> for Id {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let text = <&str as Decode<Sqlite>>::decode(value)?;
        let id = Uuid::try_parse(text)?;
        // One id is one text: in other letters it would be another row's for the database.
        match id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text {
            true => Ok(Self(id)),
            false => Err(format!("`{text}` is not how `{id}` is written").into()),
        }
    }
}

/// A moment, in microseconds since 1970: `timestamptz` on Postgres; on SQLite text of one width in
/// UTC, `2026-11-21T14:36:23.000000Z`, which sorts as time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) i64);

/// Where Postgres starts to count: the year 2000.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);
/// `0000-01-01T00:00:00Z`. What lies before would need a sign, and text with a sign does not sort.
const EARLIEST: i64 = -62_167_219_200_000_000;
const WIDTH: usize = "2026-11-21T14:36:23.000000Z".len();

impl At {
    /// The moment; what no calendar holds becomes the nearest end, as in `vocab`.
    fn time(self) -> Timestamp {
        let end = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_microsecond(self.0).unwrap_or(end)
    }

    /// The text of one width. None for years before 0, which nothing of ours has.
    pub(crate) fn text(self) -> Option<String> {
        (self.0 >= EARLIEST).then(|| format!("{:.6}", self.time()))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let time = text.parse::<Timestamp>().ok().filter(|_| text.len() == WIDTH)?;
        Some(Self(time.as_microsecond()))
    }
}

impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }

    fn compatible(found: &PgTypeInfo) -> bool {
        found.oid() == Some(TIMESTAMPTZ) || found.name() == "TIMESTAMPTZ"
    }
}

impl PgHasArrayType for At {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0 - POSTGRES_EPOCH, buffer)
    }
}

impl Decode<'_, Postgres> for At {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(<i64 as Decode<Postgres>>::decode(value)? + POSTGRES_EPOCH))
    }
}

impl Type<Sqlite> for At {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for At {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        let text = self.text().ok_or("no time before the year 0 is kept")?;
        Encode::<Sqlite>::encode(text, buffer)
    }
}

impl Decode<'_, Sqlite> for At {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let text = <&str as Decode<Sqlite>>::decode(value)?;
        Self::from_text(text).ok_or_else(|| "not a time of fixed width".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LATEST: i64 = 253_402_207_200_000_000;

    proptest! {
        #[test]
        fn text_of_times_has_one_width_sorts_as_time_does_and_reads_back(
            a in EARLIEST..=LATEST, b in EARLIEST..=LATEST, near in -2_000_000..2_000_000_i64,
        ) {
            for b in [b, (a + near).clamp(EARLIEST, LATEST)] {
                let (left, right) = (At(a).text().unwrap(), At(b).text().unwrap());
                prop_assert_eq!((left.len(), right.len()), (WIDTH, WIDTH));
                prop_assert_eq!(left.cmp(&right), a.cmp(&b));
                prop_assert_eq!(At::from_text(&left), Some(At(a)));
            }
        }
    }

    #[test]
    fn a_time_of_another_width_is_none() {
        assert_eq!(At(EARLIEST - 1).text(), None);
        for wrong in [
            "2026-11-21T14:36:23Z",
            "2026-11-21 14:36:23.000000",
            "",
            "27 characters but no time..",
        ] {
            assert_eq!(At::from_text(wrong), None, "{wrong}");
        }
    }
}
