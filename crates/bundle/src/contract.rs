//! What the files of a bundle promise each other.

use crate::{Bundle, BundleError, FileName, OnnxError, OnnxSummary, ValueSummary};
use std::fmt::{self, Display};

/// `TensorProto.DataType` of the values of a contract.
const F32: u64 = 1;
const UINT8: u64 = 2;
const INT32: u64 = 6;

/// One input or output as a contract has it; sizes that are symbolic stand as letters.
struct Expected {
    name: &'static str,
    element_type: u64,
    shape: Vec<Size>,
}

/// One size of a shape.
#[derive(Clone, Copy)]
enum Size {
    Symbolic(char),
    Fixed(u64),
}

impl Bundle {
    /// Checks that models, text tower, vocabulary and golden set are all of the sizes the manifest
    /// says.
    pub(crate) fn check_contracts(&self) -> Result<(), BundleError> {
        for (&precision, model) in &self.models {
            check_onnx(
                self,
                FileName::Model(precision),
                model,
                &self.model_inputs(),
                &self.model_outputs(),
            )?;
        }
        if let (Some(text), Some(contract)) = (&self.text, &self.manifest.text) {
            let (k, context) = (Size::Symbolic('K'), Size::Fixed(contract.context.into()));
            let d = Size::Fixed(self.manifest.engine.joint_width.into());
            let inputs =
                [expected("tokens", INT32, &[k, context]), expected("end", F32, &[k, context])];
            check_onnx(
                self,
                FileName::Text,
                text,
                &inputs,
                &[expected("embeddings", F32, &[k, d])],
            )?;
        }
        self.check_vocabulary()?;
        self.check_golden()
    }

    fn model_inputs(&self) -> Vec<Expected> {
        let engine = &self.manifest.engine;
        let side = Size::Fixed(engine.tile_px.into());
        let tiles = expected("tiles", UINT8, &[Size::Symbolic('N'), side, side, Size::Fixed(3)]);
        let queries = expected(
            "queries",
            F32,
            &[Size::Symbolic('K'), Size::Fixed(engine.joint_width.into())],
        );
        if self.manifest.folded.is_some() { vec![tiles] } else { vec![tiles, queries] }
    }

    fn model_outputs(&self) -> Vec<Expected> {
        let engine = &self.manifest.engine;
        let side = Size::Fixed((engine.tile_px / engine.logits_stride_px).into());
        let n = Size::Symbolic('N');
        let k = self
            .manifest
            .folded
            .as_ref()
            .map_or(Size::Symbolic('K'), |names| Size::Fixed(names.len() as u64));
        vec![expected("logits", F32, &[n, k, side, side]), expected("presence", F32, &[n, k])]
    }

    fn check_vocabulary(&self) -> Result<(), BundleError> {
        let width = self.manifest.engine.joint_width;
        let found = self.vocabulary.joint_width();
        self.agree(
            FileName::VocabularyEmbeddings,
            found == width as usize,
            format!("embeddings of {width} numbers"),
            found,
        )?;
        for name in self.manifest.folded.iter().flatten() {
            let is_row = self.vocabulary.entries().iter().any(|row| row.name == *name);
            self.agree(
                FileName::VocabularyRows,
                is_row,
                format!("a row for the folded name {name}"),
                "none",
            )?;
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), BundleError> {
        let engine = &self.manifest.engine;
        let shape = self.golden.shape;
        let agree = |holds, expected, found: &dyn Display| {
            self.agree(FileName::Golden, holds, expected, found)
        };
        let tile = engine.tile_px as usize;
        agree(shape.tile_px == tile, format!("tiles of {tile} px"), &shape.tile_px)?;
        if let Some(folded) = &self.manifest.folded {
            agree(
                self.golden.queries.is_none(),
                "no queries, as the vocabulary is folded".to_owned(),
                &"queries",
            )?;
            agree(
                shape.queries == folded.len(),
                format!("outputs for {} names", folded.len()),
                &shape.queries,
            )
        } else {
            let width = engine.joint_width as usize;
            agree(
                shape.joint_width == width,
                format!("queries of {width} numbers"),
                &shape.joint_width,
            )
        }
    }

    fn agree(
        &self,
        file: FileName,
        holds: bool,
        expected: impl Into<String>,
        found: impl Display,
    ) -> Result<(), BundleError> {
        if holds {
            return Ok(());
        }
        let path = self.path.join(file.as_str());
        Err(BundleError::Contradiction {
            path,
            expected: expected.into(),
            found: found.to_string(),
        })
    }
}

fn expected(name: &'static str, element_type: u64, shape: &[Size]) -> Expected {
    Expected { name, element_type, shape: shape.to_vec() }
}

fn check_onnx(
    bundle: &Bundle,
    file: FileName,
    model: &[u8],
    inputs: &[Expected],
    outputs: &[Expected],
) -> Result<(), BundleError> {
    OnnxSummary::of(model)
        .and_then(|summary| {
            check_values("inputs", inputs, &summary.inputs)?;
            check_values("outputs", outputs, &summary.outputs)
        })
        .map_err(|source| BundleError::Onnx { path: bundle.path.join(file.as_str()), source })
}

fn check_values(
    what: &str,
    expected: &[Expected],
    found: &[ValueSummary],
) -> Result<(), OnnxError> {
    let contradiction = |what: String, expected: String, found: String| {
        Err(OnnxError::Contract { what, expected, found })
    };
    let mut expected_names: Vec<&str> = expected.iter().map(|value| value.name).collect();
    let mut found_names: Vec<&str> = found.iter().map(|value| value.name.as_str()).collect();
    expected_names.sort_unstable();
    found_names.sort_unstable();
    if expected_names != found_names {
        return contradiction(what.to_owned(), expected_names.join(", "), found_names.join(", "));
    }
    for expected in expected {
        let Some(value) = found.iter().find(|value| value.name == expected.name) else { continue };
        if !expected.accepts(value) {
            return contradiction(expected.name.to_owned(), expected.to_string(), described(value));
        }
    }
    Ok(())
}

impl Expected {
    fn accepts(&self, value: &ValueSummary) -> bool {
        let accepts_size = |(expected, found): (&Size, &Option<u64>)| match (expected, found) {
            // A file may leave a size open that the contract fixes (nothing inferred it), never the
            // other way round.
            (Size::Symbolic(_) | Size::Fixed(_), None) => true,
            (Size::Symbolic(_), Some(_)) => false,
            (Size::Fixed(expected), Some(found)) => expected == found,
        };
        self.element_type == value.element_type
            && self.shape.len() == value.shape.len()
            && self.shape.iter().zip(&value.shape).all(accepts_size)
    }
}

impl Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        write!(formatter, "{} [{}]", element_name(self.element_type), sizes.join(", "))
    }
}

impl Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbolic(letter) => write!(formatter, "{letter}"),
            Self::Fixed(size) => write!(formatter, "{size}"),
        }
    }
}

fn described(value: &ValueSummary) -> String {
    let sizes: Vec<String> = value
        .shape
        .iter()
        .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()))
        .collect();
    format!("{} [{}]", element_name(value.element_type), sizes.join(", "))
}

fn element_name(element_type: u64) -> String {
    match element_type {
        F32 => "f32".to_owned(),
        UINT8 => "uint8".to_owned(),
        INT32 => "int32".to_owned(),
        7 => "int64".to_owned(),
        10 => "f16".to_owned(),
        other => format!("element type {other}"),
    }
}
