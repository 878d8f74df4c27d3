//! How many tokens a text has.

/// By what tokens are counted.
pub const TOKENIZER: &str = "o200k_base (tiktoken-rs)";

/// How many tokens a text has.
pub fn count_tokens(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}
