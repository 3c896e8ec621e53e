//! CLIP's byte-level byte-pair encoding: words in, token ids out, exactly as the model was trained.
//!
//! A text is cleaned ([`clean`]), split into words, each word's UTF-8 bytes become symbols, and
//! neighbouring symbols are merged in the order of a table of merges until none applies. The
//! vocabulary follows from the merges alone: 256 byte symbols, the same 256 at the end of a word,
//! one symbol per merge, start of text, end of text. Source: `clip/simple_tokenizer.py` of the
//! original CLIP, arXiv:2103.00020, section 2.4.
//!
//! Not done: repair of text decoded with the wrong character set, and HTML entities by name other
//! than the basic ones.

mod byte_symbols;
mod clean;
mod encoded;
mod error;
mod merge_table;
mod split;
mod tokenizer;
pub mod train;

pub use clean::clean;
pub use encoded::Encoded;
pub use error::TokenizerError;
pub use tokenizer::Tokenizer;
