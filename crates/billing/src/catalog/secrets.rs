//! Finds secrets in the file: it is under version control.

use toml_edit::{Item, Value};

use super::fields::{Fault, Faults};
use super::values::secret_kind;

/// Notes every text that looks like a secret, wherever it stands.
pub(super) fn check(item: &Item, faults: &Faults<'_>) {
    match item {
        Item::None => {}
        Item::Value(value) => check_value(value, faults),
        Item::Table(table) => table.iter().for_each(|(_, item)| check(item, faults)),
        Item::ArrayOfTables(tables) => {
            let items = tables.iter().flat_map(|table| table.iter());
            items.for_each(|(_, item)| check(item, faults));
        }
    }
}

fn check_value(value: &Value, faults: &Faults<'_>) {
    match value {
        Value::String(text) => {
            if let Some(kind) = secret_kind(text.value()) {
                faults.error(Fault {
                    rule: "secret",
                    span: value.span().unwrap_or(0..0),
                    message: format!("the file holds {kind}"),
                    found: Some(kind.into()),
                    expected: None,
                    help: Some(
                        "take it out, replace it at its source, and keep secrets in the \
                                environment or in `.env`"
                            .into(),
                    ),
                });
            }
        }
        Value::Array(values) => values.iter().for_each(|value| check_value(value, faults)),
        Value::InlineTable(table) => {
            table.iter().for_each(|(_, value)| check_value(value, faults));
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}
