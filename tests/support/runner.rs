//! What can compute a case from its exported file. The libtorch runner of the same suite is
//! `trainer/tests/oracle.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Trial;
use prost::Message as _;
use rszs_engine::{LoadError, OnnxRuntimeSession};
use rszs_export::engine::Engine;
use rszs_graph::Tensor;
use rszs_tests::harness::{Need, test};
use rszs_tests::{Case, Tolerance};

/// An implementation of the ops, other than the oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// The exported ONNX file in the engine inside the program.
    Embedded,
    /// The exported ONNX file in ONNX Runtime.
    OnnxRuntime,
}

/// Every case on every runner.
pub(crate) fn trials(cases: Vec<Case>) -> Vec<Trial> {
    let runners = [
        (Runner::Embedded, "embedded", Need::nothing()),
        (Runner::OnnxRuntime, "onnxruntime", onnx_runtime()),
    ];
    let cases = cases.into_iter().map(Arc::new);
    cases
        .flat_map(|case| {
            runners.each_ref().map(|(runner, name, need)| {
                let (runner, case) = (*runner, Arc::clone(&case));
                test(&format!("{name}: {}", case.name), need, move || runner.check(&case))
            })
        })
        .collect()
}

/// A library of ONNX Runtime.
pub(crate) fn onnx_runtime() -> Need {
    let missing = match OnnxRuntimeSession::find(None) {
        Ok(()) => None,
        Err(error) => Some(format!("{error} (cargo xtask setup)")),
    };
    Need::unless(missing)
}

impl Runner {
    /// The outputs of a case, by name.
    pub(crate) fn run(self, case: &Case) -> BTreeMap<String, Tensor> {
        match self {
            Self::Embedded => on_engine(Engine::embedded(&onnx(case)), case),
            Self::OnnxRuntime => on_engine(Engine::onnx_runtime(&onnx(case), None), case),
        }
    }

    /// Panics with the case, the output and the numbers where this runner is too far from the
    /// oracle.
    pub(crate) fn check(self, case: &Case) {
        let found = self.run(case);
        for (output, reference) in case.reference() {
            let checked = found.get(&output).ok_or_else(|| "no such output".to_owned());
            let checked = checked.and_then(|tensor| Tolerance::Float32.check(&reference, tensor));
            checked.unwrap_or_else(|reason| panic!("{self:?}: {}: {output}: {reason}", case.name));
        }
    }
}

/// The ONNX file of a case.
fn onnx(case: &Case) -> Vec<u8> {
    let model = rszs_export::lower::lower(&case.graph, &case.parameters, "case", &[]);
    model.unwrap_or_else(|error| panic!("{}: {error}", case.name)).encode_to_vec()
}

fn on_engine(engine: Result<Engine, LoadError>, case: &Case) -> BTreeMap<String, Tensor> {
    let mut engine = engine.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let outputs = engine.run(&case.graph, &case.feeds);
    outputs.unwrap_or_else(|error| panic!("{}: {error}", case.name)).into_iter().collect()
}
