//! A network for tests that run one: its tensors, and outputs that a run copies to where they are
//! to go.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::driver;
use crate::fake::Shape;

/// An input or output.
pub(crate) struct Tensor {
    pub(crate) name: CString,
    pub(crate) is_input: bool,
    /// `nvinfer1::DataType`.
    pub(crate) data_type: usize,
    /// Sizes, [`N`] and [`K`] being open.
    shape: Vec<i64>,
    /// Content of an output, float32 in the order of bytes of this machine, for a run of all that
    /// there is; of the input `tiles`, bytes by which a run is found that asks for some of it.
    content: Option<PathBuf>,
}

/// Open sizes: the first ones of the inputs `tiles` and `queries`.
const N: i64 = -1;
const K: i64 = -2;

/// Tensors, and what one context was told about them. Addresses are of this process: device memory
/// is host memory here.
#[derive(Default)]
pub(crate) struct Network {
    /// Bytes of its plan; everything else is refused as NVIDIA's libraries refuse the plan of
    /// another version.
    pub(crate) plan: Vec<u8>,
    /// Runs so far.
    runs: usize,
    /// Runs that fail, the first being 1.
    failing_runs: Option<RangeInclusive<usize>>,
    /// What the driver answers from which run on: the run, the driver's function (`*`: any), its
    /// code.
    driver_at_run: Option<(usize, String, i32)>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) shapes: BTreeMap<String, Vec<i64>>,
    pub(crate) addresses: BTreeMap<String, usize>,
}

impl Network {
    /// Adds a line of the script: `input NAME TYPE Nx2x3 FILE`, `output NAME TYPE NxKx3 FILE`,
    /// `plan WORD`, `failing-runs FIRST LAST` or `driver-at-run RUN FUNCTION CODE`.
    pub(crate) fn add(&mut self, words: &[&str]) {
        match words {
            ["plan", word] => self.plan = word.as_bytes().to_vec(),
            ["failing-runs", first, last] => {
                self.failing_runs =
                    Some(first.parse().expect("a number")..=last.parse().expect("a number"));
            }
            ["driver-at-run", run, function, code] => {
                let (run, code) = (run.parse().expect("a number"), code.parse().expect("a code"));
                self.driver_at_run = Some((run, function.to_string(), code));
            }
            _ => self.add_tensor(words),
        }
    }

    fn add_tensor(&mut self, words: &[&str]) {
        let [direction, name, data_type, shape, content @ ..] = words else {
            panic!("{words:?}: a tensor's line")
        };
        self.tensors.push(Tensor {
            name: CString::new(*name).expect("a name"),
            is_input: *direction == "input",
            data_type: data_type.parse().expect("a number of a type"),
            shape: shape.split('x').map(size).collect(),
            content: content.first().map(PathBuf::from),
        });
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name.to_bytes() == name.as_bytes())
    }

    /// What a call about the tensor `name` answers with a shape.
    pub(crate) fn shape(&self, name: &str) -> Shape {
        Shape::new(self.tensor(name).map(|tensor| self.resolved(tensor)))
    }

    /// The shape of a tensor as far as the inputs' shapes tell it.
    fn resolved(&self, tensor: &Tensor) -> Vec<i64> {
        let first = |input| self.shapes.get(input).map_or(-1, |shape| shape[0]);
        let size = |&size: &i64| match size {
            N => first("tiles"),
            K => first("queries"),
            size => size,
        };
        tensor.shape.iter().map(size).collect()
    }

    /// Writes every output, as much of it as the run asks for, to its address, in the order of
    /// `stream`: from the place on where the first tile is in the content of the input `tiles`, or
    /// from the start if it is nowhere. False: the run is to fail, or an output has no address.
    pub(crate) fn run(&mut self, stream: usize) -> bool {
        self.runs += 1;
        if let Some((_, function, code)) =
            self.driver_at_run.as_ref().filter(|(run, ..)| *run == self.runs)
        {
            driver::fail(function, *code);
        }
        if self.failing_runs.as_ref().is_some_and(|failing| failing.contains(&self.runs)) {
            return false;
        }
        let known = self.tensor("tiles").and_then(|tensor| tensor.content.clone());
        let (tiles, tile) = (self.addresses.get("tiles").copied(), self.tile_bytes());
        self.tensors.iter().filter(|tensor| !tensor.is_input).all(|tensor| {
            let name = tensor.name.to_string_lossy();
            let (Some(&address), Some(file)) = (self.addresses.get(&*name), &tensor.content) else {
                return false;
            };
            let content = std::fs::read(file).expect("the output that the test has written");
            let shape = self.resolved(tensor);
            let length = shape.iter().product::<i64>() as usize * size_of::<f32>();
            let (known, step) = (known.clone(), length / shape[0] as usize);
            driver::ask(stream, move || {
                let place = tiles.zip(known.as_ref()).map_or(0, |(tiles, known)| {
                    let known = std::fs::read(known).expect("the tiles that the test has written");
                    // SAFETY: the caller's word, as for a real library: a tile lies there.
                    let given = unsafe { std::slice::from_raw_parts(tiles as *const u8, tile) };
                    known.chunks(tile).position(|known| known == given).unwrap_or(0)
                });
                let from = &content[(place * step).min(content.len())..];
                // SAFETY: as above: memory of the output's size lies there.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        from.as_ptr(),
                        address as *mut u8,
                        length.min(from.len()),
                    );
                };
            });
            true
        })
    }

    /// Bytes of one tile.
    fn tile_bytes(&self) -> usize {
        let shape = self.tensor("tiles").map_or(&[][..], |tensor| &tensor.shape);
        shape.iter().skip(1).product::<i64>() as usize
    }
}

fn size(word: &str) -> i64 {
    match word {
        "N" => N,
        "K" => K,
        size => size.parse().expect("a size"),
    }
}
