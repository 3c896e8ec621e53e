//! ONNX Runtime, from a library that is loaded at run time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor as OrtTensor;
use rszs_graph::{Element, Graph, Tensor};

use super::EngineError;
use super::library::candidates;

/// One library a process: neither it nor its environment can be had twice.
static LIBRARY: OnceLock<Library> = OnceLock::new();

struct Library {
    path: PathBuf,
    environment: Environment,
}

/// An ONNX file, loaded by ONNX Runtime.
pub struct OnnxRuntime {
    session: Session,
}

impl std::fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxRuntime").finish_non_exhaustive()
    }
}

impl OnnxRuntime {
    pub(super) fn load(model: &[u8], library: Option<&Path>) -> Result<Self, EngineError> {
        let library = load_library(library)?;
        let load = |error: ort::Error| EngineError::Load {
            engine: Self::name(),
            reason: one_line(&error),
        };
        let mut builder = Session::builder(&library.environment).map_err(load)?;
        Ok(Self { session: builder.commit_from_memory(model).map_err(load)? })
    }

    /// Name and place of the library. The binding does not tell the version; a file name often
    /// does, so links are followed.
    pub(super) fn name() -> String {
        let Some(library) = LIBRARY.get() else { return "ONNX Runtime".to_owned() };
        let path = std::fs::canonicalize(&library.path).unwrap_or_else(|_| library.path.clone());
        format!("ONNX Runtime ({})", path.display())
    }

    pub(super) fn run(
        &mut self,
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
    ) -> Result<Vec<(String, Tensor)>, EngineError> {
        let failed =
            |error: ort::Error| EngineError::Run { engine: Self::name(), reason: one_line(&error) };
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
        for (node, element) in graph.inputs() {
            if let Some(tensor) = feeds.get(&node.name) {
                inputs.push((Cow::Borrowed(&node.name), value(element, tensor).map_err(failed)?));
            }
        }
        let results = self.session.run(inputs).map_err(failed)?;
        let mut outputs = Vec::new();
        for (name, _) in graph.outputs() {
            let missing =
                || EngineError::Run { engine: Self::name(), reason: format!("no output {name}") };
            let (shape, values) = results
                .get(name)
                .ok_or_else(missing)?
                .try_extract_tensor::<f32>()
                .map_err(failed)?;
            let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
            outputs.push((name.clone(), Tensor::new(shape, values.to_vec())));
        }
        Ok(outputs)
    }
}

fn value(element: Element, tensor: &Tensor) -> ort::Result<SessionInputValue<'static>> {
    let shape = tensor.shape.clone();
    let numbers = tensor.values.iter();
    Ok(match element {
        Element::U8 => {
            OrtTensor::from_array((shape, numbers.map(|&x| x as u8).collect::<Vec<u8>>()))?.into()
        }
        Element::I32 => {
            OrtTensor::from_array((shape, numbers.map(|&x| x as i32).collect::<Vec<i32>>()))?.into()
        }
        Element::F32 => OrtTensor::from_array((shape, tensor.values.clone()))?.into(),
    })
}

fn load_library(typed: Option<&Path>) -> Result<&'static Library, EngineError> {
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    let mut tried = Vec::new();
    for path in candidates(typed) {
        let environment = match ort::init_from(&path) {
            Ok(builder) => builder.with_name("rszs-export").with_telemetry(false).build(),
            Err(error) => {
                tried.push(format!("{}: {}", path.display(), one_line(&error)));
                continue;
            }
        };
        match environment {
            Ok(environment) => return Ok(LIBRARY.get_or_init(|| Library { path, environment })),
            Err(error) => tried.push(format!("{}: {}", path.display(), one_line(&error))),
        }
    }
    Err(EngineError::NoLibrary { tried })
}

fn one_line(text: &dyn std::fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
