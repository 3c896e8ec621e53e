//! From published names and layouts to ours, every tensor accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tch::{Kind, Tensor};

use super::naming::{Layout, NAMINGS, Naming};
use super::{ImportError, Model, Published};
use crate::{PositionRule, TrainError, group, interpolate_positions};

/// How the tensors of a file differ from the parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Whose names the file has.
    pub origin: &'static str,
    /// Tensors that a parameter needs.
    pub missing: Vec<String>,
    /// Tensors that no parameter needs.
    pub unexpected: Vec<String>,
    /// Tensors of another shape or kind, as `name: expected …, found …`.
    pub misshapen: Vec<String>,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.misshapen),
        ];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let lists: Vec<String> = lists
            .map(|(kind, names)| format!("{} {kind}: {}", names.len(), names.join(", ")))
            .collect();
        write!(f, "expected exactly the tensors of {}, found {}", self.origin, lists.join("; "))
    }
}

/// Parameters out of one file.
#[derive(Debug)]
pub struct Towers {
    /// Whose names the file had.
    pub origin: &'static str,
    /// In `f32`, by our names.
    pub parameters: BTreeMap<String, Tensor>,
    /// Tensors of the file that are not needed, and why.
    pub unused: Vec<(String, &'static str)>,
    /// Position tables of another grid than the network's: name, grid in the file, grid here.
    pub interpolated: Vec<(String, usize, usize)>,
}

impl Towers {
    /// Takes the parameters of `model` out of a file. `shapes` are all parameters of the network;
    /// those of other parts are left alone. Nothing is taken unless everything fits.
    pub fn take(
        published: Published,
        model: Model,
        shapes: &BTreeMap<String, Vec<i64>>,
    ) -> Result<Self, TrainError> {
        let naming = naming(&published, model)?;
        let Published { path, mut tensors, .. } = published;
        let mut difference = Difference { origin: naming.origin, ..Difference::default() };
        let mut towers = Self {
            origin: naming.origin,
            parameters: BTreeMap::new(),
            unused: Vec::new(),
            interpolated: Vec::new(),
        };
        let mut used = BTreeSet::new();
        for (ours, shape) in shapes.iter().filter(|(name, _)| naming.has(group(name))) {
            let Some((theirs, layout)) = naming.theirs(ours) else {
                difference.missing.push(format!("{ours}, for which {} has no name", naming.origin));
                continue;
            };
            let Some(tensor) = tensors.get(&theirs) else {
                if used.insert(theirs.clone()) {
                    difference.missing.push(theirs);
                }
                continue;
            };
            let first_use = used.insert(theirs.clone());
            let there = shape_there(ours, shape, tensor, layout);
            match misfit(tensor, &published_shape(&there, layout)) {
                None => {
                    towers.add(
                        ours,
                        shape,
                        &to_our_layout(tensor, &there, layout)?,
                        naming.rule,
                    )?;
                }
                Some(reason) if first_use => {
                    difference.misshapen.push(format!("{theirs}: {reason}"));
                }
                Some(_) => {}
            }
        }
        tensors.retain(|name, _| !used.contains(name));
        let skipped = last_attention(naming, shapes);
        for name in tensors.into_keys() {
            let skipped = skipped
                .contains(&name)
                .then_some("the last block's queries and keys: dense features need none");
            match skipped.or_else(|| naming.extra(&name)) {
                Some(reason) => towers.unused.push((name, reason)),
                None => difference.unexpected.push(name),
            }
        }
        if difference.is_empty() {
            Ok(towers)
        } else {
            Err(ImportError::Difference { path, difference }.into())
        }
    }

    /// Keeps a tensor of our layout; a position table comes to the grid of `shape`.
    fn add(
        &mut self,
        ours: &str,
        shape: &[i64],
        tensor: &Tensor,
        rule: PositionRule,
    ) -> Result<(), TrainError> {
        let tensor = if tensor.size() == shape {
            tensor.f_contiguous()?
        } else {
            let [from, to] = [tensor.size()[0], shape[0]].map(|rows| (rows - 1).isqrt() as usize);
            self.interpolated.push((ours.to_owned(), from, to));
            interpolate_positions(tensor, from, to, rule)?
        };
        self.parameters.insert(ours.to_owned(), tensor);
        Ok(())
    }
}

/// The naming of a file that must hold `model`.
fn naming(published: &Published, model: Model) -> Result<&'static Naming, ImportError> {
    let known = || NAMINGS.iter().filter(|naming| naming.model == model);
    known().find(|naming| published.tensors.contains_key(naming.marker)).ok_or_else(|| {
        let markers: Vec<String> =
            known().map(|naming| format!("{} ({})", naming.marker, naming.origin)).collect();
        let first = published
            .tensors
            .keys()
            .next()
            .map_or(String::new(), |name| format!(", among them {name}"));
        let found = format!("{} tensors{first}", published.tensors.len());
        ImportError::format(
            &published.path,
            markers.join(" or "),
            found,
            "weights of another model?",
        )
    })
}

/// Published names of the queries and keys of the last image block, where the network has none:
/// `clip::dense_tower`.
fn last_attention(naming: &Naming, shapes: &BTreeMap<String, Vec<i64>>) -> BTreeSet<String> {
    let number =
        |name: &String| name.strip_prefix("vlm.blocks.")?.split('.').next()?.parse::<usize>().ok();
    let Some(last) = shapes.keys().filter_map(number).max() else { return BTreeSet::new() };
    let ours = ["q.weight", "q.bias", "k.weight", "k.bias"]
        .map(|end| format!("vlm.blocks.{last}.attn.{end}"));
    ours.iter()
        .filter(|ours| !shapes.contains_key(*ours))
        .filter_map(|ours| Some(naming.theirs(ours)?.0))
        .collect()
}

/// The shape of our parameter for the file's own grid: a position table of another square grid can
/// be brought to ours.
fn shape_there(ours: &str, shape: &[i64], tensor: &Tensor, layout: Layout) -> Vec<i64> {
    let mut shape = shape.to_vec();
    if matches!(ours, "vlm.positions" | "rsi.positions") {
        let rows = tensor
            .size()
            .get(usize::from(layout == Layout::Unbatched))
            .copied()
            .unwrap_or_default();
        let side = (rows - 1).max(0).isqrt();
        if side > 0 && 1 + side * side == rows {
            shape[0] = rows;
        }
    }
    shape
}

/// The shape that a parameter of `shape` has in a file.
fn published_shape(shape: &[i64], layout: Layout) -> Vec<i64> {
    match (layout, shape) {
        (Layout::Transposed, &[inputs, outputs]) => vec![outputs, inputs],
        (Layout::Third(_), &[inputs, outputs]) => vec![3 * outputs, inputs],
        (Layout::Third(_), &[outputs]) => vec![3 * outputs],
        (Layout::Vector, &[1, 1, width]) => vec![width],
        (Layout::Unbatched, &[rows, columns]) => vec![1, rows, columns],
        (_, shape) => shape.to_vec(),
    }
}

/// In what a tensor differs from real numbers of the expected shape.
pub(super) fn misfit(tensor: &Tensor, expected: &[i64]) -> Option<String> {
    let (kind, found) = (tensor.kind(), tensor.size());
    if !matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double) {
        return Some(format!("expected real numbers, found {kind:?}"));
    }
    (found != expected).then(|| format!("expected {expected:?}, found {found:?}"))
}

/// A tensor of [`published_shape`] as `shape`, in `f32`.
fn to_our_layout(tensor: &Tensor, shape: &[i64], layout: Layout) -> Result<Tensor, TrainError> {
    let tensor = tensor.f_to_kind(Kind::Float)?;
    let transposed = |matrix: &Tensor| {
        if shape.len() == 2 { matrix.f_transpose(0, 1) } else { Ok(matrix.shallow_clone()) }
    };
    Ok(match layout {
        Layout::Same => tensor,
        Layout::Transposed => transposed(&tensor)?,
        Layout::Third(part) => transposed(&tensor.f_chunk(3, 0)?[part])?,
        Layout::Vector | Layout::Unbatched => tensor.f_reshape(shape)?,
    })
}
