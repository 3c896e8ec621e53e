//! `cargo xtask columns`: no line of code, comment or prose is wider than [`LIMIT`].

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// The most characters of a line: Unicode scalar values, not bytes. `rustfmt.toml` has the same.
const LIMIT: usize = 100;
/// How the names of the files that are looked at end.
const ENDINGS: [&str; 10] =
    [".rs", ".md", ".py", ".toml", ".h", ".cu", ".cuh", ".cpp", ".sh", ".ci/run"];

/// Checks the files that git tracks below `root`. Returns how many were looked at.
pub(crate) fn check_workspace(root: &Path) -> Result<usize, Error> {
    let paths = tracked(root)?;
    let paths: Vec<&str> = paths.split('\0').filter(|path| is_checked(path)).collect();
    let mut faults = Vec::new();
    for path in &paths {
        let file = root.join(path);
        let text = fs::read_to_string(&file).map_err(Error::io(&file))?;
        faults.extend(faults_of(path, &text));
    }
    if faults.is_empty() { Ok(paths.len()) } else { Err(Error::Faults(faults)) }
}

/// The paths that git tracks, each followed by a zero byte.
fn tracked(root: &Path) -> Result<String, Error> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z"]).current_dir(root).stderr(Stdio::inherit());
    let output = command.output().map_err(Error::io(Path::new("git")))?;
    if !output.status.success() {
        return Err(Error::Command {
            command: "git ls-files -z".to_owned(),
            status: output.status,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether lines of this file have a limit. Files of a bundle are those whose hashes its manifest
/// has.
fn is_checked(path: &str) -> bool {
    let is_ours = !path.starts_with("third_party/") && !path.starts_with("bundles/");
    is_ours && ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// One sentence for each line of `text` that is too long.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let numbered = text.lines().zip(1..).map(|(line, number)| (number, line, line.chars().count()));
    numbered
        .filter(|(_, line, length)| *length > LIMIT && can_be_broken(line))
        .map(|(number, _, length)| {
            format!(
                "{path}:{number}: expected at most {LIMIT} characters, found {length} (break the \
                 line)"
            )
        })
        .collect()
}

/// False for a row of a table and for a single token, such as a link, that fills the line.
fn can_be_broken(line: &str) -> bool {
    let text = line.trim_start_matches(['/', '!', '#', '*', '-', ' ']).trim_end();
    let is_row = text.starts_with('|') && text.ends_with('|');
    !is_row && text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_limit_passes_and_one_more_character_is_a_fault() {
        let words = |length: usize| format!("a {}\n", "b".repeat(length - 2));
        assert_eq!(faults_of("a.rs", &words(LIMIT)), Vec::<String>::new());
        assert_eq!(
            faults_of("a.rs", &format!("short\n{}", words(LIMIT + 1))),
            ["a.rs:2: expected at most 100 characters, found 101 (break the line)"]
        );
    }

    #[test]
    fn characters_count_and_not_bytes() {
        assert_eq!(faults_of("a.md", &format!("× {}", "×".repeat(98))), Vec::<String>::new());
        assert_eq!(faults_of("a.md", &format!("× {}", "×".repeat(99))).len(), 1);
    }

    #[test]
    fn rows_of_tables_may_be_longer() {
        let cell = "long ".repeat(30);
        for marker in ["", "/// ", "//! ", "# ", "    // "] {
            assert!(!can_be_broken(&format!("{marker}| {cell} | {cell} |")), "{marker}");
        }
        assert!(can_be_broken(&format!("    | '{cell}'")), "a pattern of Rust is no row");
    }

    #[test]
    fn a_single_token_may_be_longer() {
        let link = format!("https://example.org/{}", "a".repeat(100));
        for marker in ["", "/// ", "# ", "* ", "- "] {
            assert!(!can_be_broken(&format!("{marker}{link}")), "{marker}");
        }
        assert!(can_be_broken(&format!("see {link}")));
    }

    #[test]
    fn only_sources_and_prose_of_this_project_are_looked_at() {
        for path in ["README.md", "xtask/src/main.rs", ".ci/run", "crates/cuda/kernels/frame.cu"] {
            assert!(is_checked(path), "{path}");
        }
        for path in ["Cargo.lock", "third_party/a/b.rs", "bundles/nano/MODEL_CARD.md", ""] {
            assert!(!is_checked(path), "{path}");
        }
    }
}
