//! Prints the page `docs/spec-rules.md`.

fn main() {
    print!("{}", specie_spec::rules::page());
}
