//! One frame with an engine that gives prepared logits, on a device and on the host.
//!
//! Such an engine needs nothing but copies, so it runs on a device as it does on the simulator, and
//! can be captured.

use std::time::{Duration, Instant};

use half::f16;
use rszs_cuda::frame::{
    Absence, DeviceEngine, EngineShape, EngineTensors, FrameError, FrameKeep, FramePath, FrameRule,
    FrameSettings, FrameTimes, LogitType,
};
use rszs_cuda::{Device, DeviceBuffer, Stream, copy_on_device};
use rszs_hot::{Decision, QueryRule, TileGrid, TileLayout, fill_tile};

use crate::oracle::{expected, found};

/// K; the last row is a support word where queries compete.
const ROWS: usize = 3;

/// What to check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) size: (u32, u32),
    pub(crate) layout: TileLayout,
    pub(crate) batch: usize,
    pub(crate) decision: Decision,
    pub(crate) logits: LogitType,
    /// Every batch gives the logits of the first one, in a graph. Otherwise each tile gives its
    /// own, and its pixels are looked at.
    pub(crate) is_captured: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Checked {
    /// What the device gives otherwise than the host; nothing if all bits are equal.
    pub(crate) differences: Vec<&'static str>,
    /// Of the last frame on the device.
    pub(crate) times: FrameTimes,
    /// Cutting, blending and deciding on one thread of the host, the oracle's own copies included.
    pub(crate) host: Duration,
}

/// Gives prepared logits and keeps the tiles that it is given.
struct Replay {
    kind: LogitType,
    is_captured: bool,
    logits: DeviceBuffer<u8>,
    presence: DeviceBuffer<f32>,
    tiles: DeviceBuffer<u8>,
    next_tile: usize,
}

impl DeviceEngine for Replay {
    fn logits(&self) -> LogitType {
        self.kind
    }

    fn is_capturable(&self) -> bool {
        self.is_captured
    }

    #[expect(unsafe_code, reason = "an engine works on addresses")]
    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        let first = self.next_tile;
        let logit_bytes = shape.rows * (shape.tile_px / 4).pow(2) * self.kind.bytes();
        let (presence_bytes, tile_bytes) =
            (shape.rows * size_of::<f32>(), shape.tile_px.pow(2) * 3);
        if !self.is_captured {
            self.next_tile += count;
        }
        let place = |start: u64, bytes: usize| start + (first * bytes) as u64;
        let (logits, presence) = (self.logits.address(), self.presence.address());
        let copies = [
            (place(logits, logit_bytes), tensors.logits, logit_bytes),
            (place(presence, presence_bytes), tensors.presence, presence_bytes),
            (tensors.tiles, place(self.tiles.address(), tile_bytes), tile_bytes),
        ];
        for (from, to, bytes) in copies {
            // SAFETY: the tensors have room for the batch; the buffers here hold every tile of the
            // frame, and outlive the frame path.
            unsafe { copy_on_device(from, to, count * bytes, stream) }
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Numbers that look like noise, the same on every machine.
fn noise(seed: usize) -> u32 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as u32
}

/// Logits between -6 and 6 in slow waves with noise, and presences between -1 and 1.
fn score(tile: usize, logits: &mut [f32], presence: &mut [f32], kind: LogitType) {
    for (place, logit) in logits.iter_mut().enumerate() {
        let wave = ((place % 211) as f32 / 211.0 - 0.5) * 8.0;
        *logit = wave + (noise(tile * 1_000_003 + place) % 4096) as f32 / 1024.0 - 2.0;
        if kind == LogitType::F16 {
            *logit = f16::from_f32(*logit).to_f32();
        }
    }
    for (row, presence) in presence.iter_mut().enumerate() {
        *presence = (noise(tile * 31 + row) % 2000) as f32 / 1000.0 - 1.0;
    }
}

fn rules() -> Vec<FrameRule> {
    let rule = |threshold, temperature, engine_row| {
        let rule = QueryRule::new(threshold, temperature).expect("a threshold and a temperature");
        FrameRule { rule, engine_row, absence: None }
    };
    let absence = Some(Absence { least_presence: -0.5, highest_logit: -16.0 });
    vec![rule(0.5, 1.0, 1), FrameRule { absence, ..rule(0.7, 1.7, 0) }, rule(0.4, 0.8, 2)]
}

/// Runs `case` on `device` and on the host.
pub(crate) fn check(device: &Device, case: &Case) -> Result<Checked, FrameError> {
    let grid = TileGrid::new(case.size.0, case.size.1, case.layout)?;
    let tile_px = case.layout.engine_px();
    let (plane, tile_bytes) = ((tile_px as usize / 4).pow(2), (tile_px as usize).pow(2) * 3);
    let number = |tile: usize| if case.is_captured { tile % case.batch } else { tile };
    let rgb: Vec<u8> =
        (0..(case.size.0 * case.size.1 * 3) as usize).map(|place| noise(place) as u8).collect();
    let rules = rules();
    let queries = if case.decision == Decision::Exclusive { ROWS - 1 } else { ROWS };
    let Case { layout, batch, decision, .. } = *case;
    let settings = FrameSettings {
        layout,
        batch,
        decision,
        queries,
        rules: &rules,
        engine_rows: ROWS,
        embeddings: None,
    };

    let stream = device.stream()?;
    let (logits, presence) = prepared(grid.len(), plane, case.logits);
    let mut engine = Replay {
        kind: case.logits,
        is_captured: case.is_captured,
        logits: device.buffer(logits.len())?,
        presence: device.buffer(presence.len())?,
        tiles: device.buffer(grid.len() * tile_bytes)?,
        next_tile: 0,
    };
    engine.logits.write(&logits, &stream)?;
    engine.presence.write(&presence, &stream)?;

    // The first frame of a graph captures it, so the last of three is the one to look at.
    let frames = if case.is_captured { 3 } else { 1 };
    let mut path = FramePath::new(device, &mut engine, &settings)?;
    for _ in 1..frames {
        path.submit(&rgb, case.size.0, case.size.1, FrameKeep { masks: true, logits: true })?;
        path.collect()?;
    }
    path.submit(&rgb, case.size.0, case.size.1, FrameKeep { masks: true, logits: true })?;
    let results = path.collect()?;
    let (on_device, times, bad_logit) = (found(&results), results.times, results.bad_logit);
    drop(path);

    let start = Instant::now();
    let on_host = expected(&rgb, case.size, &settings, |tile, _, logits, presence| {
        score(number(tile), logits, presence, case.logits);
    })?;
    let host = start.elapsed();
    let mut tiles = vec![0; grid.len() * tile_bytes];
    engine.tiles.read(&mut tiles, &stream)?;
    let mut differences = vec![
        ("a logit that is not finite", bad_logit.is_some()),
        ("classes", on_device.classes != on_host.classes),
        ("masks", on_device.masks != on_host.masks),
        ("regions", on_device.regions != on_host.regions),
        ("presence", on_device.presence != on_host.presence),
        ("logits", on_device.logits != on_host.logits),
    ];
    if !case.is_captured {
        differences.push(("tiles", tiles != cut(&rgb, &grid, tile_bytes)?));
    }
    let differences =
        differences.into_iter().filter_map(|(what, differs)| differs.then_some(what)).collect();
    Ok(Checked { differences, times, host })
}

/// Logits of every tile as bytes of `kind`, and presences.
fn prepared(tiles: usize, plane: usize, kind: LogitType) -> (Vec<u8>, Vec<f32>) {
    let (mut all, mut presences) = (Vec::new(), Vec::new());
    let (mut logits, mut presence) = (vec![0.0; ROWS * plane], vec![0.0; ROWS]);
    for tile in 0..tiles {
        score(tile, &mut logits, &mut presence, kind);
        match kind {
            LogitType::F32 => all.extend(logits.iter().flat_map(|logit| logit.to_ne_bytes())),
            LogitType::F16 => {
                all.extend(logits.iter().flat_map(|logit| f16::from_f32(*logit).to_ne_bytes()));
            }
        }
        presences.extend_from_slice(&presence);
    }
    (all, presences)
}

/// Every tile as the host cuts it.
fn cut(rgb: &[u8], grid: &TileGrid, tile_bytes: usize) -> Result<Vec<u8>, FrameError> {
    let (tile_px, reduction) = (grid.layout().engine_px(), grid.layout().reduction());
    let mut tiles = vec![0; grid.len() * tile_bytes];
    for (tile, out) in grid.iter().zip(tiles.chunks_exact_mut(tile_bytes)) {
        fill_tile(rgb, grid.width_px(), grid.height_px(), tile, tile_px, reduction, out)?;
    }
    Ok(tiles)
}
