//! What an engine reaches on this machine where nothing is in its way: one large product.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use prost::Message as _;
use rszs_engine::{EngineKind, EngineOptions, LoadError, NamedInput, NamedOutput, Values};
use rszs_export::lower::lower;
use rszs_graph::{Builder, DType, Init, N, Tensor};

/// Rows and columns of all three matrices: 12 MB, beyond the caches of a core.
const SIDE: usize = 1024;

/// How long is measured.
const PATIENCE: Duration = Duration::from_millis(500);

/// Multiply-accumulates a second of a product of two matrices of 1024 × 1024 in 32-bit floats, by
/// the fastest of its runs.
pub fn macs_per_s(kind: EngineKind, options: &EngineOptions) -> Result<f64, LoadError> {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [N, SIDE.into()]);
    let y = x.matmul(builder.param("weight", [SIDE, SIDE], Init::Constant(0.5)));
    let graph = builder.finish(&[("y", y.id())]).expect("both matrices are square and of one size");
    let parameters = BTreeMap::from([("weight".to_owned(), Tensor::filled([SIDE, SIDE], 0.5))]);
    let file = lower(&graph, &parameters, "gemm", &[])
        .expect("a product can be written as ONNX")
        .encode_to_vec();
    let mut session = kind.load(&file, options)?;

    let shape = [SIDE, SIDE];
    let (x, mut y) = (vec![0.5; SIDE * SIDE], vec![0.0; SIDE * SIDE]);
    let (start, mut fastest) = (Instant::now(), Duration::MAX);
    while start.elapsed() < PATIENCE {
        let run = Instant::now();
        let inputs = [NamedInput { name: "x", shape: &shape, values: Values::F32(&x) }];
        session.run(&inputs, &mut [NamedOutput { name: "y", shape: &shape, values: &mut y }])?;
        fastest = fastest.min(run.elapsed());
    }
    Ok((SIDE * SIDE * SIDE) as f64 / fastest.as_secs_f64())
}
