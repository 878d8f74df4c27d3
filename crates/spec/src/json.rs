//! JSON with places: each value knows where it stands in its file.

use std::ops::Range;

/// No file that is meant for people nests deeper.
const DEEPEST: usize = 64;

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) data: Data,
    /// In bytes of the file, `[start, end)`; of a text with its quotes.
    pub(crate) span: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// `null`, `true`, `false` or a number, as it is written.
    Word(String),
    Text(String),
    List(Vec<Value>),
    /// In the order of the file; a name may stand twice.
    Map(Vec<(Value, Value)>),
}

/// Where something else was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

impl Value {
    /// The words of a text, or a number as it is written; none for anything else.
    pub(crate) fn words(&self) -> Option<&str> {
        match &self.data {
            Data::Word(text) | Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Value] {
        if let Data::List(list) = &self.data { list } else { &[] }
    }

    pub(crate) fn map(&self) -> &[(Value, Value)] {
        if let Data::Map(map) = &self.data { map } else { &[] }
    }

    /// What stands under a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let named = |(key, _): &&(Value, Value)| key.words() == Some(name);
        self.map().iter().find(named).map(|(_, value)| value)
    }
}

/// Reads the value that `bytes[span]` holds.
pub(crate) fn parse(bytes: &[u8], span: Range<usize>) -> Result<Value, Broken> {
    let mut reader = Reader { bytes: &bytes[..span.end], at: span.start };
    if reader.rest().starts_with(b"\xef\xbb\xbf") {
        reader.at += 3;
    }
    let value = reader.value(0)?;
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(reader.broken("the end")),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn broken(&self, expected: &'static str) -> Broken {
        Broken { at: self.at, expected }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.bytes.get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.next() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        let first = self.next();
        let start = self.at;
        let data = match first {
            _ if depth > DEEPEST => return Err(self.broken("fewer brackets")),
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Data::Text(self.text()?),
            _ => self.word()?,
        };
        Ok(Value { data, span: start..self.at })
    }

    fn list(&mut self, depth: usize) -> Result<Data, Broken> {
        self.at += 1;
        let mut list = Vec::new();
        while !self.takes(b']') {
            if !list.is_empty() && !self.takes(b',') {
                return Err(self.broken("`,` or `]`"));
            }
            list.push(self.value(depth + 1)?);
        }
        Ok(Data::List(list))
    }

    fn map(&mut self, depth: usize) -> Result<Data, Broken> {
        self.at += 1;
        let mut map = Vec::new();
        while !self.takes(b'}') {
            if !map.is_empty() && !self.takes(b',') {
                return Err(self.broken("`,` or `}`"));
            }
            if self.next() != Some(b'"') {
                return Err(self.broken("a name in quotes"));
            }
            let name = self.value(depth + 1)?;
            if !self.takes(b':') {
                return Err(self.broken("`:`"));
            }
            map.push((name, self.value(depth + 1)?));
        }
        Ok(Data::Map(map))
    }

    fn word(&mut self) -> Result<Data, Broken> {
        let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = self.rest().iter().take_while(inside).count();
        let word = String::from_utf8_lossy(&self.rest()[..length]).into_owned();
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if !number && !["null", "true", "false"].contains(&word.as_str()) {
            return Err(self.broken("a value"));
        }
        self.at += length;
        Ok(Data::Word(word))
    }

    fn text(&mut self) -> Result<String, Broken> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let plain = self.rest().iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count();
            text.extend_from_slice(&self.rest()[..plain]);
            self.at += plain;
            match *self.rest() {
                [b'"', ..] => break,
                [b'\\', b'u', ..] => {
                    let mut bytes = [0; 4];
                    text.extend_from_slice(self.unicode().encode_utf8(&mut bytes).as_bytes());
                }
                [b'\\', byte, ..] => {
                    text.push(match byte {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        other => other,
                    });
                    self.at += 2;
                }
                _ => return Err(self.broken("`\"`")),
            }
        }
        self.at += 1;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// `\u00e9`, or two halves of one character.
    fn unicode(&mut self) -> char {
        let half = |rest: &[u8]| {
            let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
            u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let Some(first) = half(self.rest()) else {
            self.at += 2;
            return char::REPLACEMENT_CHARACTER;
        };
        self.at += 6;
        match (first, half(self.rest())) {
            (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
                self.at += 6;
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
            }
            _ => char::from_u32(first),
        }
        .unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, Broken> {
        parse(text.as_bytes(), 0..text.len())
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = "\u{feff} { \"a\" : [1, \"\\u00e9\\\"\\ud83d\\ude00\", {}], \"b\": null }\n";
        let value = read(text).unwrap();
        let list = value.get("a").unwrap().list();
        assert_eq!(&text[list[0].span.clone()], "1");
        assert_eq!(list[1].words(), Some("é\"😀"));
        assert!(text[list[1].span.clone()].starts_with('"'));
        assert_eq!(value.get("b").unwrap().words(), Some("null"));
        assert_eq!(&text[value.span.clone()], text[3..].trim());
    }

    #[test]
    fn what_is_no_json_says_where_and_what_was_expected() {
        for (text, at, expected) in [
            ("", 0, "a value"),
            ("{\"a\" 1}", 5, "`:`"),
            ("[1 2]", 3, "`,` or `]`"),
            ("{a: 1}", 1, "a name in quotes"),
            ("\"open", 5, "`\"`"),
            ("[1] x", 4, "the end"),
            ("[yes]", 1, "a value"),
        ] {
            assert_eq!(read(text), Err(Broken { at, expected }), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err(), "deep nesting ends");
    }
}
