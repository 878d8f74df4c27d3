//! The brand's colour, made readable: a generated stylesheet, since no style may stand in a page.

/// A colour as three bytes.
type Rgb = [u8; 3];

const SURFACE_LIGHT: Rgb = [0xff, 0xff, 0xff];
const SURFACE_DARK: Rgb = [0x1e, 0x22, 0x2a];
const INK: Rgb = [0x10, 0x13, 0x1c];
/// The contrast of WCAG 2.2 AA for text, with a little to spare.
const ENOUGH: f64 = 4.6;

/// The stylesheet for an accent such as `#3b4fd8`; empty for anything else, so that the defaults
/// stand.
pub fn stylesheet(accent: &str) -> String {
    let Some(accent) = parse(accent) else { return String::new() };
    let light = scheme(accent, SURFACE_LIGHT);
    let dark = scheme(accent, SURFACE_DARK);
    format!(":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
}

/// A button's colour and the colour of what it says, where there is one scheme: in mails.
pub fn button(accent: &str) -> (String, String) {
    let (button, on) = match parse(accent) {
        Some(accent) => button_on(accent, SURFACE_LIGHT),
        None => (INK, [255; 3]),
    };
    (hex(button), hex(on))
}

/// A button stands out from its surface by 3 to 1 at least, and what it says can be read.
fn button_on(accent: Rgb, surface: Rgb) -> (Rgb, Rgb) {
    let away = away_from(surface);
    let fits = |c: Rgb| contrast(c, surface) >= 3.1 && readable(c).1 >= ENOUGH;
    let button = until(accent, away, fits);
    (button, readable(button).0)
}

fn away_from(surface: Rgb) -> Rgb {
    if luminance(surface) > 0.5 { [0; 3] } else { [255; 3] }
}

/// The tokens on one surface: the accent as text and as a button, moved away from the surface's
/// tone until both can be read.
fn scheme(accent: Rgb, surface: Rgb) -> String {
    let soft = mix(surface, accent, 0.1);
    let away = away_from(surface);
    let text =
        until(accent, away, |c| contrast(c, soft) >= ENOUGH && contrast(c, surface) >= ENOUGH);
    let (button, on) = button_on(accent, surface);
    let [button, on, text, soft] = [button, on, text, soft].map(hex);
    format!("--accent:{button};--on-accent:{on};--accent-text:{text};--accent-soft:{soft}")
}

/// The better of white and ink on a colour, and its contrast.
fn readable(on: Rgb) -> (Rgb, f64) {
    let (white, ink) = (contrast([255; 3], on), contrast(INK, on));
    // White looks calmer on a strong colour; it wins when it can be read.
    if white >= ENOUGH || white >= ink { ([255; 3], white) } else { (INK, ink) }
}

fn until(from: Rgb, to: Rgb, fits: impl Fn(Rgb) -> bool) -> Rgb {
    (0..=50).map(|step| mix(from, to, f64::from(step) / 50.0)).find(|c| fits(*c)).unwrap_or(to)
}

fn mix(a: Rgb, b: Rgb, share: f64) -> Rgb {
    [0, 1, 2].map(|i| {
        let mixed = f64::from(a[i]) * (1.0 - share) + f64::from(b[i]) * share;
        mixed.round() as u8
    })
}

/// WCAG's contrast ratio of two colours: 1 to 21.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// WCAG's relative luminance.
fn luminance(colour: Rgb) -> f64 {
    let [r, g, b] = colour.map(|byte| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn parse(text: &str) -> Option<Rgb> {
    let digits = text.strip_prefix('#')?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let wide = match digits.len() {
        6 => digits.to_owned(),
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => return None,
    };
    let number = u32::from_str_radix(&wide, 16).ok()?;
    let [_, r, g, b] = number.to_be_bytes();
    Some([r, g, b])
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(sheet: &str, name: &str) -> Rgb {
        let (_, after) = sheet.split_once(&format!("--{name}:")).unwrap();
        parse(&after[..7]).unwrap()
    }

    proptest! {
        /// Whatever colour a brand has, text and buttons can be read in both schemes.
        #[test]
        fn every_accent_is_readable(accent in any::<[u8; 3]>()) {
            for surface in [SURFACE_LIGHT, SURFACE_DARK] {
                let sheet = scheme(accent, surface);
                let token = |name| token(&sheet, name);
                prop_assert!(contrast(token("accent-text"), surface) >= 4.5);
                prop_assert!(contrast(token("accent-text"), token("accent-soft")) >= 4.5);
                prop_assert!(contrast(token("on-accent"), token("accent")) >= 4.5);
                prop_assert!(contrast(token("accent"), surface) >= 3.0);
            }
        }
    }

    #[test]
    fn what_is_no_colour_leaves_the_defaults() {
        for wrong in ["", "red", "#12", "#12345g", "#fff;}body{"] {
            assert_eq!(stylesheet(wrong), "");
        }
        assert!(stylesheet("#3b4fd8").contains("--accent:#3b4fd8"));
        assert!(stylesheet("#06c").contains("--accent:#0066cc"));
    }
}
