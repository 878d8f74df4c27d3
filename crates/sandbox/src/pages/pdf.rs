//! A document as a PDF, in a font that every reader has; as many pages as it takes.

/// So many lines fit on a page.
const LINES: usize = 40;

/// What stands on the paper: names on the left, values beside them or on the right.
pub(super) struct Paper {
    pub title: String,
    pub facts: Vec<(String, String)>,
    pub lines: Vec<(String, String)>,
    pub sums: Vec<(String, String)>,
}

/// One line of text, and where what stands on its right begins.
struct Row<'a> {
    left: &'a str,
    right: &'a str,
    across: usize,
}

/// Facts beside their names, amounts in a column of their own.
const BESIDE: usize = 150;
const RIGHT: usize = 470;

/// The bytes of the PDF. Its objects are a catalogue, the pages, two fonts, and for each page
/// itself and its contents.
pub(super) fn pdf(paper: &Paper) -> Vec<u8> {
    let mut all: Vec<Row<'_>> = Vec::new();
    for (across, part) in [(BESIDE, &paper.facts), (RIGHT, &paper.lines), (RIGHT, &paper.sums)] {
        all.extend(part.iter().map(|(left, right)| Row { left, right, across }));
        all.push(Row { left: "", right: "", across });
    }
    let pages: Vec<&[Row<'_>]> = all.chunks(LINES).collect();
    let kids = (0..pages.len()).map(|n| format!("{} 0 R", 5 + 2 * n)).collect::<Vec<_>>();
    let font = |name: &str| {
        format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
            .into_bytes()
    };
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len())
            .into_bytes(),
        font("Helvetica"),
        font("Helvetica-Bold"),
    ];
    for (n, page) in pages.iter().enumerate() {
        let contents = contents(&paper.title, page);
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R \
                 /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>",
                6 + 2 * n
            )
            .into_bytes(),
        );
        let mut stream = format!("<< /Length {} >>\nstream\n", contents.len()).into_bytes();
        stream.extend(contents);
        stream.extend(b"\nendstream");
        objects.push(stream);
    }
    assembled(&objects)
}

/// Objects one after the other, and the table of where each begins.
fn assembled(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", file.len());
        file.extend(format!("{} 0 obj\n", n + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    file.extend(table.into_bytes());
    let trailer = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    file.extend(trailer.into_bytes());
    file
}

fn contents(title: &str, rows: &[Row<'_>]) -> Vec<u8> {
    let mut made = Vec::new();
    let mut write = |font: &str, column: usize, height: usize, text: &str| {
        made.extend(format!("BT /{font} Tf {column} {height} Td (").into_bytes());
        made.extend(plain(text));
        made.extend(b") Tj ET\n");
    };
    write("F2 20", 56, 780, title);
    for (n, row) in rows.iter().enumerate() {
        write("F1 10", 56, 744 - 17 * n, row.left);
        write("F1 10", row.across, 744 - 17 * n, row.right);
    }
    made
}

/// A text in the encoding of the font, what has a meaning in PDF escaped.
fn plain(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        match letter {
            '(' | ')' | '\\' => bytes.extend([b'\\', u8::try_from(letter).unwrap_or(b'?')]),
            '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{ff}' => {
                bytes.push(u8::try_from(letter).unwrap_or(b'?'));
            }
            '\u{20ac}' => bytes.push(0x80),
            '\u{2013}' | '\u{2014}' => bytes.push(b'-'),
            '\u{2018}' | '\u{2019}' => bytes.push(b'\''),
            _ => bytes.push(b'?'),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_stands_where_the_table_says() {
        let lines = (0..90).map(|n| (format!("Line ({n}) \u{20ac}"), "$1".into())).collect();
        let (facts, sums) = (Vec::new(), Vec::new());
        let file = pdf(&Paper { title: "Invoice".into(), facts, lines, sums });
        let find = |what: &[u8]| file.windows(what.len()).rposition(|part| part == what).unwrap();
        let table = find(b"xref\n0 ");
        let text = String::from_utf8_lossy(&file[table..]);
        let starts = text.lines().filter_map(|line| line.strip_suffix(" 00000 n "));
        let starts: Vec<usize> = starts.map(|start| start.parse().unwrap()).collect();
        assert_eq!(starts.len(), 4 + 2 * 3, "three pages");
        for (n, start) in starts.iter().enumerate() {
            assert!(file[*start..].starts_with(format!("{} 0 obj\n", n + 1).as_bytes()), "{n}");
        }
        assert!(text.contains(&format!("startxref\n{table}\n%%EOF")));
        assert!(find(b"(Line \\(0\\) \x80)") > 0);
    }
}
