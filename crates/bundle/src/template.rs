//! Sentences that names are put into before they are encoded.

use crate::ManifestError;
use crate::sha256::shortened;
use serde::{Deserialize, Serialize};

/// A sentence with one `{}` where the name goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(String);

impl Template {
    /// Accepts a line with exactly one `{}`.
    pub fn new(text: impl Into<String>) -> Result<Self, ManifestError> {
        let text = text.into();
        let is_template = text.matches("{}").count() == 1
            && text.len() <= 1000
            && !text.contains(char::is_control);
        if is_template {
            return Ok(Self(text));
        }
        let (expected, found) =
            ("one line with exactly one {}".to_owned(), format!("{:?}", shortened(&text)));
        Err(ManifestError::Field { field: "template", expected, found })
    }

    /// The sentence about `name`.
    pub fn fill(&self, name: &str) -> String {
        self.0.replacen("{}", name, 1)
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Template {
    type Error = ManifestError;
    fn try_from(text: String) -> Result<Self, ManifestError> {
        Self::new(text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.0
    }
}
