//! An engine of the host where a frame path on the simulator wants one of a device.

use rszs_cuda::frame::{DeviceEngine, EngineShape, EngineTensors, LogitType};
use rszs_cuda::{Device, Stream};
use rszs_cuda_simulator::Simulator;
use rszs_engine::{TileBatch, TileEngine, TileScores};

/// An engine of the host on a stream of the simulator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnStream<E> {
    simulator: &'static Simulator,
    engine: E,
}

impl<E: TileEngine + Copy + Send + Sync + 'static> DeviceEngine for OnStream<E> {
    fn logits(&self) -> LogitType {
        LogitType::F32
    }

    fn is_capturable(&self) -> bool {
        true
    }

    #[expect(unsafe_code, reason = "the simulator's device memory is named by addresses")]
    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        let (tensors, EngineShape { tile_px, rows, width, .. }, engine) =
            (*tensors, *shape, self.engine);
        let logits = count * rows * (tile_px / 4).pow(2);
        self.simulator.ask(stream.handle(), move || {
            // SAFETY: the frame path has made room for a batch at these addresses, and the
            // simulator's device memory is the host's.
            let (tiles, embeddings, logits, presence) = unsafe {
                (
                    std::slice::from_raw_parts(
                        tensors.tiles as *const u8,
                        count * tile_px * tile_px * 3,
                    ),
                    std::slice::from_raw_parts(tensors.queries as *const f32, rows * width),
                    std::slice::from_raw_parts_mut(tensors.logits as *mut f32, logits),
                    std::slice::from_raw_parts_mut(tensors.presence as *mut f32, count * rows),
                )
            };
            let batch = TileBatch { tiles, count, tile_px, embeddings: Some(embeddings), rows };
            let mut engine = engine;
            engine.run(batch, TileScores { logits, presence }).unwrap();
        });
        Ok(())
    }
}

/// The simulated board, and `engine` for it.
pub(crate) fn on_stream<E>(engine: E) -> (Device, OnStream<E>) {
    let simulator = rszs_cuda_simulator::load();
    (Device::open(0).unwrap(), OnStream { simulator, engine })
}
