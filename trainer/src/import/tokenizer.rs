//! CLIP's table of merges, in the forms that it is published in.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use rszs_tokenizer::Tokenizer;

use super::ImportError;
use crate::TrainError;

/// The largest table. CLIP's has 3 MB.
const TABLE_BYTES: u64 = 64 << 20;

/// Reads a tokenizer of `vocabulary` ids: the text table of `OpenAI`
/// (`bpe_simple_vocab_16e6.txt.gz`, packed or not) or of Hugging Face (`merges.txt`), or our own
/// JSON form.
pub(super) fn read(path: &Path, vocabulary: usize) -> Result<Tokenizer, TrainError> {
    let mut bytes = fs::read(path).map_err(TrainError::file(path))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        let unpacked = GzDecoder::new(&packed[..]).take(TABLE_BYTES).read_to_end(&mut bytes);
        unpacked.map_err(TrainError::file(path))?;
    }
    let tokenizer = if bytes.starts_with(b"{") {
        Tokenizer::from_json(&bytes)
    } else {
        Tokenizer::from_clip_merges(&String::from_utf8_lossy(&bytes))
    };
    let hint =
        "CLIP's is bpe_simple_vocab_16e6.txt.gz of openai/CLIP, or merges.txt of Hugging Face";
    let tokenizer = tokenizer
        .map_err(|error| ImportError::format(path, "a table of merges", error.to_string(), hint))?;
    if tokenizer.vocabulary_size() != vocabulary {
        let found = format!("{}", tokenizer.vocabulary_size());
        return Err(ImportError::format(
            path,
            format!("merges for {vocabulary} tokens"),
            found,
            hint,
        )
        .into());
    }
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn text_packed_text_and_json_give_the_same_table() {
        let folder = tempfile::tempdir().unwrap();
        let text = "#version: 0.2\na b\nab c</w>\n";
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let json = br#"{"merges": ["a b", "ab c</w>"]}"#;
        for bytes in [text.as_bytes(), &packed.finish().unwrap(), json] {
            let path = folder.path().join("merges");
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path, 516).unwrap().encode("abc", 3).ids, [514, 513, 515]);
        }
    }

    #[test]
    fn a_table_for_another_vocabulary_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("merges.txt");
        fs::write(&path, "#version: 0.2\na b\n").unwrap();
        let message = read(&path, 49_408).unwrap_err().to_string();
        assert!(
            message.contains("merges.txt: expected merges for 49408 tokens, found 515"),
            "{message}"
        );
    }
}
