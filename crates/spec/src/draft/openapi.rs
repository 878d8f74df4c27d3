//! `openapi.yaml`: the doors of the interface, in OpenAPI 3.1.

use std::collections::BTreeMap;

use super::supporting::{camel, is_required};
use super::{Draft, Page, sections};
use crate::power::{FragmentKind, Piece};

/// `openapi.yaml`
pub(super) fn openapi(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("openapi.yaml", draft.base());
    page.lay("openapi: 3.1.0");
    page.lay("info:");
    page.lay(format!("  title: {}", quoted(&draft.names.title)));
    page.lay(format!("  version: {}", quoted(&draft.names.version)));
    page.lay("servers:");
    page.lay("  - url: /");
    paths(draft, &mut page);
    components(draft, &mut page);
    page
}

/// A text as YAML and JSON both quote it.
fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => all.extend(['\\', c]),
            c if c.is_control() => all.push(' '),
            c => all.push(c),
        }
    }
    all.push('"');
    all
}

fn paths(draft: &Draft<'_>, page: &mut Page) {
    let mut by_path: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for endpoint in draft.of_kind(FragmentKind::Endpoint) {
        by_path.entry(endpoint.text("path")).or_default().push(endpoint);
    }
    page.lay(if by_path.is_empty() { "paths: {}" } else { "paths:" });
    for (path, endpoints) in by_path {
        if let Some(first) = endpoints.first() {
            page.say(format!("  {}:", quoted(path)), first, &["path"]);
        }
        for endpoint in endpoints {
            operation(page, endpoint, path);
        }
    }
}

fn operation(page: &mut Page, piece: &Piece, path: &str) {
    let mut say = |text: String| {
        page.say(text, piece, &["method", "path", "text", "takes", "gives", "answers"])
    };
    let method = piece.text("method").to_lowercase();
    say(format!("    {method}:"));
    say(format!("      operationId: {}", quoted(&operation_id(&method, path))));
    say(format!("      summary: {}", quoted(piece.text("text"))));
    let secured =
        if piece.flag("auth") { "      security: [{ session: [] }]" } else { "      security: []" };
    say(secured.into());
    let parameters: Vec<&str> =
        path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}')).collect();
    let takes: Vec<Field<'_>> = piece.list("takes").into_iter().map(Field::read).collect();
    let in_query = |it: &&Field<'_>| !parameters.contains(&it.name) && method == "get";
    let query: Vec<&Field<'_>> = takes.iter().filter(in_query).collect();
    if !parameters.is_empty() || !query.is_empty() {
        say("      parameters:".into());
    }
    for name in &parameters {
        say(format!(
            "        - {{ name: {}, in: path, required: true, schema: {{ type: string }} }}",
            quoted(name)
        ));
    }
    for field in query {
        let (name, what) = (quoted(field.name), quoted(field.what));
        say(format!(
            "        - {{ name: {name}, in: query, description: {what}, schema: {{ {} }} }}",
            field.schema()
        ));
    }
    let body: Vec<&Field<'_>> =
        takes.iter().filter(|it| !parameters.contains(&it.name) && method != "get").collect();
    if !body.is_empty() {
        say("      requestBody:".into());
        say("        required: true".into());
        content(&mut say, "        ", &body);
    }
    let gives: Vec<Field<'_>> = piece.list("gives").into_iter().map(Field::read).collect();
    say("      responses:".into());
    say("        \"200\":".into());
    say("          description: \"It is done.\"".into());
    if !gives.is_empty() {
        content(&mut say, "          ", &gives.iter().collect::<Vec<_>>());
    }
    for answer in piece.list("answers") {
        let (code, why) = answer.split_once(':').unwrap_or((answer, ""));
        say(format!("        \"{}\":", code.trim()));
        say(format!("          description: {}", quoted(why.trim())));
    }
}

fn content(say: &mut impl FnMut(String), indent: &str, fields: &[&Field<'_>]) {
    say(format!("{indent}content:"));
    if let [Field { kind: "bytes", .. }] = fields {
        say(format!("{indent}  application/json:"));
        say(format!("{indent}    schema: {{ type: object }}"));
        return;
    }
    say(format!("{indent}  application/json:"));
    say(format!("{indent}    schema:"));
    say(format!("{indent}      type: object"));
    say(format!("{indent}      properties:"));
    for field in fields {
        let (name, what) = (quoted(field.name), quoted(field.what));
        say(format!("{indent}        {name}: {{ {}, description: {what} }}", field.schema()));
    }
}

/// `key: string, what is bought`
struct Field<'a> {
    name: &'a str,
    kind: &'a str,
    what: &'a str,
}

impl<'a> Field<'a> {
    fn read(text: &'a str) -> Self {
        let (name, rest) = text.split_once(':').unwrap_or((text, "string"));
        let (kind, what) = rest.split_once(',').unwrap_or((rest, ""));
        Self { name: name.trim(), kind: kind.trim(), what: what.trim() }
    }

    fn schema(&self) -> &'static str {
        match self.kind {
            "integer" | "number" => "type: integer",
            "boolean" => "type: boolean",
            "array" => "type: array, items: { type: object }",
            "object" | "json" => "type: object",
            "timestamp" => "type: string, format: date-time",
            "uuid" => "type: string, format: uuid",
            _ => "type: string",
        }
    }
}

/// `post_api_orders_id_sync`
fn operation_id(method: &str, path: &str) -> String {
    let parts = path.split(['/', '{', '}', '-', '.']).filter(|it| !it.is_empty());
    std::iter::once(method).chain(parts).collect::<Vec<_>>().join("_")
}

fn components(draft: &Draft<'_>, page: &mut Page) {
    page.lay("components:");
    page.lay("  securitySchemes:");
    page.lay("    session: { type: http, scheme: bearer }");
    if draft.of_kind(FragmentKind::Table).next().is_none() {
        return;
    }
    page.lay("  schemas:");
    for table in draft.of_kind(FragmentKind::Table) {
        let name = table.text("name");
        page.say(format!("    {}:", camel(name)), table, &["name"]);
        page.say(format!("      description: {}", quoted(table.text("text"))), table, &["text"]);
        page.say("      type: object", table, &["name"]);
        page.say("      properties:", table, &["name"]);
        let columns: Vec<&Piece> = sections::columns(draft, name).collect();
        for column in &columns {
            let schema = column_schema(draft, column.text("type"));
            let what = quoted(column.text("text"));
            let text =
                format!("        {}: {{ {schema}, description: {what} }}", column.text("name"));
            page.say(text, column, &["name", "type", "text"]);
        }
        let required: Vec<&str> =
            columns.iter().filter(|it| is_required(it)).map(|it| it.text("name")).collect();
        if !required.is_empty() {
            page.say(format!("      required: [{}]", required.join(", ")), table, &["name"]);
        }
    }
}

fn column_schema(draft: &Draft<'_>, sql: &str) -> String {
    if let Some(kind) = draft.of_kind(FragmentKind::Enum).find(|it| it.text("name") == sql) {
        let values: Vec<String> = kind.list("values").iter().map(|it| quoted(it)).collect();
        return format!("type: string, enum: [{}]", values.join(", "));
    }
    let upper = sql.to_uppercase();
    let schema = match upper.as_str() {
        "UUID" => "type: string, format: uuid",
        "BOOLEAN" => "type: boolean",
        "JSONB" | "JSON" => "type: object",
        it if it.starts_with("TIMESTAMP") => "type: string, format: date-time",
        "BIGINT" | "INTEGER" | "INT" | "SMALLINT" => "type: integer",
        _ => "type: string",
    };
    schema.to_owned()
}
