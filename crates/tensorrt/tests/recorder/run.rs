//! From a plan to an enqueued run. No device is there: the recorder writes addresses down and
//! touches none.

use rszs_tensorrt::{Direction, Error, LoadedPlan, Runtime};

use crate::recorder::{FAMILIES, Recorder, assert_transcript, driver_calls};

#[test]
fn an_engine_is_described_and_run_through_the_right_slots() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        let runtime = Runtime::new(&library).unwrap();
        let engine = runtime.deserialize(b"a plan").unwrap();
        assert_eq!(engine.profiles(), 1);
        let tensors = engine.tensors().unwrap();
        assert_eq!(
            (tensors[0].direction, tensors[0].tensor.name.as_str()),
            (Direction::Input, "tiles")
        );
        assert_eq!(engine.profile_shapes("tiles", 0).unwrap(), [[3, -1], [3, -1], [3, -1]]);
        assert_eq!(engine.memory_bytes().unwrap(), 0x30_0000);
        // SAFETY: the recorder computes nothing.
        let mut context = unsafe { engine.create_context(0x6_0000_0000) }.unwrap();
        // SAFETY: the recorder enqueues nothing.
        unsafe { context.set_profile(0, 0x5_0000_0000) }.unwrap();
        context.set_input_shape("tiles", &[3, 8]).unwrap();
        assert_eq!(context.shape("tiles").unwrap(), [3, -1]);
        context.infer_shapes().unwrap();
        // SAFETY: the recorder reads nothing there.
        unsafe { context.set_address("tiles", 0x7_0000_0000) }.unwrap();
        // SAFETY: the recorder enqueues nothing.
        unsafe { context.enqueue(0x5_0000_0000) }.unwrap();
        drop(context);
        drop(engine);
        drop(runtime);
        let create = format!("createInferRuntime({number})");
        let mut expected = driver_calls(number).to_vec();
        let (size, set) = if number == 100_000 {
            (
                "VCudaEngine::getDeviceMemorySize()",
                "VExecutionContext::setDeviceMemory(0x600000000)",
            )
        } else {
            (
                "VCudaEngine::getDeviceMemorySizeV2()",
                "VExecutionContext::setDeviceMemoryV2(0x600000000, 0x300000)",
            )
        };
        expected.extend([
            create.as_str(),
            "VRuntime::deserializeCudaEngine(6 bytes)",
            "VCudaEngine::getNbOptimizationProfiles()",
            "VCudaEngine::getNbIOTensors()",
            "VCudaEngine::getIOTensorName(0)",
            "VCudaEngine::getTensorIOMode(tiles)",
            "VCudaEngine::getTensorDataType(tiles)",
            "VCudaEngine::getTensorShape(tiles)",
            "VCudaEngine::getProfileShape(tiles, 0, 0)",
            "VCudaEngine::getProfileShape(tiles, 0, 1)",
            "VCudaEngine::getProfileShape(tiles, 0, 2)",
            size,
            size,
            "VCudaEngine::createExecutionContext(2)",
            set,
            "VCudaEngine::getNbIOTensors()",
            "VCudaEngine::getIOTensorName(0)",
            "VExecutionContext::setOptimizationProfileAsync(0, 0x500000000)",
            "VExecutionContext::setInputShape(tiles, [3, 8])",
            "VExecutionContext::getTensorShape(tiles)",
            "VExecutionContext::inferShapes(1)",
            "VExecutionContext::setTensorAddress(tiles, 0x700000000)",
            "VExecutionContext::enqueueV3(0x500000000)",
            "delete VExecutionContext",
            "delete VCudaEngine",
            "delete VRuntime",
        ]);
        assert_transcript(&recorder.transcript(), &expected, number);
    }
}

#[test]
fn names_and_shapes_that_cannot_be_never_reach_the_library() {
    let recorder = Recorder::new(100_300);
    let library = recorder.open().unwrap();
    let runtime = Runtime::new(&library).unwrap();
    let engine = runtime.deserialize(b"a plan").unwrap();
    // SAFETY: the recorder computes nothing.
    let mut context = unsafe { engine.create_context(0x6_0000_0000) }.unwrap();
    recorder.transcript();
    let error = context.set_input_shape("tile", &[1]).unwrap_err();
    assert_eq!(error.to_string(), "tensor `tile`: expected one of tiles, found no such name");
    let error = context.set_input_shape("tiles", &[1; 9]).unwrap_err();
    assert_eq!(error.to_string(), "tensor `tiles`: expected at most 8 sizes, found 9");
    assert!(matches!(engine.profile_shapes("a\0b", 0), Err(Error::Name { .. })));
    assert!(recorder.transcript().is_empty());
}

#[test]
fn a_loaded_plan_moves_to_another_thread_and_is_deleted_in_order() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = Box::leak(Box::new(recorder.open().unwrap()));
        let mut plan = LoadedPlan::new(library, b"a plan").unwrap();
        assert_eq!(plan.tensors().unwrap()[0].tensor.name, "tiles");
        // SAFETY: the recorder computes nothing.
        let mut add = || unsafe { plan.add_context(0x6_0000_0000) }.unwrap();
        let (first, second) = (add(), add());
        assert_ne!(first, second);
        recorder.transcript();
        let elsewhere = std::thread::spawn(move || {
            plan.set_input_shape(second, "tiles", &[3, 8]).unwrap();
            plan.infer_shapes(second).unwrap();
            assert_eq!(plan.shape(first, "tiles").unwrap(), [3, -1]);
            // SAFETY: the recorder reads nothing there.
            unsafe { plan.set_address(second, "tiles", 0x7_0000_0000) }.unwrap();
            // SAFETY: the recorder enqueues nothing.
            unsafe { plan.enqueue(second, 0x5_0000_0000) }.unwrap();
        });
        elsewhere.join().unwrap();
        let expected = [
            "VExecutionContext::setInputShape(tiles, [3, 8])",
            "VExecutionContext::inferShapes(1)",
            "VExecutionContext::getTensorShape(tiles)",
            "VExecutionContext::setTensorAddress(tiles, 0x700000000)",
            "VExecutionContext::enqueueV3(0x500000000)",
            "delete VExecutionContext",
            "delete VExecutionContext",
            "delete VCudaEngine",
            "delete VRuntime",
        ];
        assert_transcript(&recorder.transcript(), &expected, number);
    }
}
