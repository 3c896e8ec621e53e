//! What goes wrong is told, and the next frame is as good as ever.

use half::f16;
use rszs_cuda::frame::{
    BadLogit, DeviceEngine, EngineShape, EngineTensors, FrameError, FrameKeep, FramePath,
    FrameRule, FrameSettings, LogitType,
};
use rszs_cuda::{Device, Error, Stream};
use rszs_hot::{BlendError, Decision};

use crate::frames::{EVERYTHING, frame, host, network, rules, settings, simulated};
use crate::network::{Network, level};

#[test]
fn a_logit_that_is_not_finite_is_told_by_tile_and_rule() {
    let rules = rules(3);
    let device = Device::open(simulated()).unwrap();
    for (value, logits) in [
        (f32::NAN, LogitType::F32),
        (f32::INFINITY, LogitType::F32),
        (f32::NEG_INFINITY, LogitType::F32),
        (f32::NAN, LogitType::F16),
        (1e9, LogitType::F16),
    ] {
        // The rules read the rows 2, 0 and 1, so the second rule is the first that reads the row 0.
        let embeddings = [value, value, 1.0, 1.0];
        let settings = settings(&rules, Decision::Multilabel, 1, 2);
        let settings = FrameSettings { embeddings: Some(&embeddings), ..settings };
        let engine = Network { score: level, ..network(logits) };
        let mut path = FramePath::new(&device, engine, &settings).unwrap();
        let rgb = frame((90, 70), 1);
        path.submit(&rgb, 90, 70, FrameKeep::default()).unwrap();
        assert_eq!(
            path.collect().unwrap().bad_logit,
            Some(BadLogit { tile: 0, rule: 1 }),
            "{value}"
        );
        let host = host(&rgb, (90, 70), &settings, (logits, level)).unwrap_err();
        assert_eq!(host, BlendError::NotFinite { tile: 0, query: 1 });
    }
}

#[test]
fn every_half_is_read_exactly() {
    let sizes =
        [1_u16, 2, 0x3ff, 0x400, 0x401, 0x3c00, 0x5bff].into_iter().chain((0..0x5c00).step_by(37));
    let halves: Vec<f16> =
        sizes.flat_map(|bits| [bits, bits | 0x8000]).map(f16::from_bits).collect();
    let device = Device::open(simulated()).unwrap();
    for halves in halves.chunks(200) {
        let rule = |engine_row| FrameRule { engine_row, ..rules(1)[0] };
        let rules: Vec<_> = (0..halves.len()).map(rule).collect();
        let embeddings: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
        let settings = settings(&rules, Decision::Multilabel, 1, 1);
        let settings =
            FrameSettings { embeddings: Some(&embeddings), engine_rows: halves.len(), ..settings };
        let engine = Network { score: level, ..network(LogitType::F16) };
        let mut path = FramePath::new(&device, engine, &settings).unwrap();
        path.submit(&[0; 32 * 32 * 3], 32, 32, EVERYTHING).unwrap();
        let results = path.collect().unwrap();
        // One tile stands alone in its frame, so a logit of the frame is the engine's, rounded to
        // 2^-14.
        for (plane, half) in results.logits.chunks_exact(64).zip(halves) {
            let rounded = (half.to_f32() + 768.0) - 768.0;
            assert_eq!(plane[63].to_bits(), rounded.to_bits(), "{:#06x}", half.to_bits());
        }
    }
}

#[test]
fn a_frame_without_room_on_the_device_fails_and_the_next_one_does_not() {
    let (simulator, rules) = (rszs_cuda_simulator::load(), rules(2));
    let device = Device::open(0).unwrap();
    let mut path = FramePath::new(
        &device,
        network(LogitType::F32),
        &settings(&rules, Decision::Multilabel, 1, 4),
    )
    .unwrap();
    path.submit(&frame((64, 64), 1), 64, 64, EVERYTHING).unwrap();
    simulator.fail("cuMemAlloc_v2", 2);
    let error = path.submit(&frame((200, 200), 2), 200, 200, EVERYTHING).unwrap_err();
    simulator.fail("cuMemAlloc_v2", 0);
    assert_eq!(
        error.to_string(),
        "cuMemAlloc: expected success, found CUDA_ERROR_OUT_OF_MEMORY (out of memory)",
        "{error:?}"
    );
    assert!(path.collect().unwrap().bad_logit.is_none(), "the frame before it is whole");
    path.submit(&frame((200, 200), 2), 200, 200, EVERYTHING).unwrap();
    assert_eq!(path.collect().unwrap().classes.len(), 200 * 200);
}

#[test]
fn more_frames_than_places_and_none_at_all_are_refused() {
    let rules = rules(2);
    let device = Device::open(simulated()).unwrap();
    let mut path = FramePath::new(
        &device,
        network(LogitType::F32),
        &settings(&rules, Decision::Multilabel, 1, 4),
    )
    .unwrap();
    assert_eq!(path.collect().unwrap_err(), FrameError::Nothing);
    let rgb = frame((40, 40), 1);
    path.submit(&rgb, 40, 40, EVERYTHING).unwrap();
    path.submit(&rgb, 40, 40, EVERYTHING).unwrap();
    assert_eq!(path.submit(&rgb, 40, 40, EVERYTHING).unwrap_err(), FrameError::Full { most: 2 });
    assert!(matches!(path.collect(), Ok(results) if results.classes.len() == 1600));
}

#[test]
fn settings_that_a_kernel_would_read_past_an_end_with_are_refused() {
    let rules = rules(3);
    let device = Device::open(simulated()).unwrap();
    let mut wrong = settings(&rules, Decision::Multilabel, 1, 2);
    wrong.engine_rows = 2;
    let error = FramePath::new(&device, network(LogitType::F32), &wrong).unwrap_err();
    assert_eq!(error.to_string(), "rules: expected rows of the engine, found row 2 of 2");
    let mut wrong = settings(&rules, Decision::Multilabel, 1, 2);
    wrong.layout.stride_px = 2;
    assert!(matches!(
        FramePath::new(&device, network(LogitType::F32), &wrong),
        Err(FrameError::Settings { .. })
    ));
}

#[test]
fn an_engine_that_fails_while_it_is_captured_leaves_no_capture_behind() {
    struct Failing(usize);
    impl DeviceEngine for Failing {
        fn logits(&self) -> LogitType {
            LogitType::F32
        }
        fn is_capturable(&self) -> bool {
            true
        }
        #[expect(unsafe_code, reason = "an engine works on addresses")]
        unsafe fn enqueue(
            &mut self,
            _: &Stream,
            _: &EngineTensors,
            _: &EngineShape,
            _: usize,
        ) -> Result<(), String> {
            self.0 += 1;
            if self.0 == 2 { Err("out of breath".to_owned()) } else { Ok(()) }
        }
    }
    let rules = rules(1);
    let device = Device::open(simulated()).unwrap();
    let mut path =
        FramePath::new(&device, Failing(0), &settings(&rules, Decision::Multilabel, 1, 1)).unwrap();
    let rgb = frame((80, 32), 1);
    let error = path.submit(&rgb, 80, 32, EVERYTHING).unwrap_err();
    assert_eq!(error.to_string(), "engine: out of breath");
    path.submit(&rgb, 80, 32, EVERYTHING).unwrap();
    assert!(path.collect().is_ok());
}

#[test]
fn values_that_a_device_may_still_write_are_never_shown() {
    let simulator = rszs_cuda_simulator::load();
    let device = Device::open(0).unwrap();
    let stream = device.stream().unwrap();
    let mut buffer = device.buffer::<u8>(3).unwrap();
    buffer.write(&[1, 2, 3], &stream).unwrap();
    let mut pinned = device.host_buffer::<u8>(3).unwrap();

    // The mark behind the copy cannot be made: the copy itself is waited for.
    simulator.fail("cuEventRecord", 999);
    assert!(buffer.download(&mut pinned, 3, &stream).is_err());
    simulator.fail("cuEventRecord", 0);
    assert_eq!(pinned.wait().unwrap(), [1, 2, 3]);

    // Nor can the copy be waited for: nobody sees the values again, and they are not freed.
    simulator.fail("cuEventRecord", 999);
    simulator.fail("cuStreamSynchronize", 999);
    assert!(buffer.download(&mut pinned, 3, &stream).is_err());
    simulator.fail("cuEventRecord", 0);
    simulator.fail("cuStreamSynchronize", 0);
    assert_eq!(pinned.wait().unwrap_err(), Error::OpenUse);
    assert_eq!(buffer.upload(&mut pinned, 3, &stream).unwrap_err(), Error::OpenUse);
    let freed = simulator.calls("cuMemFreeHost");
    drop(pinned);
    assert_eq!(simulator.calls("cuMemFreeHost"), freed);
}

#[test]
fn a_copy_whose_end_is_not_known_touches_no_borrowed_values() {
    let simulator = rszs_cuda_simulator::load();
    let device = Device::open(0).unwrap();
    let stream = device.stream().unwrap();
    let mut buffer = device.buffer::<u8>(3).unwrap();
    let mut values = [1, 2, 3];
    simulator.fail("cuEventRecord", 719);
    simulator.fail("cuStreamSynchronize", 719);
    assert!(buffer.write(&values, &stream).is_err());
    assert!(buffer.read(&mut values, &stream).is_err());
    simulator.fail("cuEventRecord", 0);
    simulator.fail("cuStreamSynchronize", 0);
    values = [7, 8, 9];
    stream.synchronize().unwrap();
    assert_eq!(values, [7, 8, 9], "a copy came down after the borrow");
    let mut found = [0; 3];
    buffer.read(&mut found, &stream).unwrap();
    assert_eq!(found, [1, 2, 3], "a copy went up as the values were when it was asked for");
}

#[test]
fn kernels_that_do_not_load_are_an_error() {
    let simulator = rszs_cuda_simulator::load();
    let device = Device::open(0).unwrap();
    simulator.fail("cuModuleLoadData", 218);
    let error = FramePath::new(
        &device,
        network(LogitType::F32),
        &settings(&rules(1), Decision::Multilabel, 1, 1),
    );
    simulator.fail("cuModuleLoadData", 0);
    assert!(matches!(
        error,
        Err(FrameError::Cuda(Error::Call { function: "cuModuleLoadData", ref name, .. }))
            if name == "CUDA_ERROR_INVALID_PTX"
    ));
}
