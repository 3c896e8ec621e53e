//! Order between streams, and what a host buffer shows when.

use std::sync::atomic::{AtomicBool, Ordering};

use rszs_cuda::{Device, Error};

use crate::frames::simulated;

#[test]
fn an_upload_is_seen_by_a_stream_that_waits_and_by_no_other() {
    let device = Device::open(simulated()).unwrap();
    let (copies, other) = (device.stream().unwrap(), device.stream().unwrap());
    let mut pinned = device.host_buffer::<u32>(4).unwrap();
    pinned.wait_mut().unwrap().copy_from_slice(&[1, 2, 3, 4]);
    let mut buffer = device.buffer::<u32>(4).unwrap();
    buffer.upload(&mut pinned, 4, &copies).unwrap();
    let uploaded = device.event().unwrap();
    uploaded.record(&copies).unwrap();

    let mut early = [9; 4];
    buffer.read(&mut early, &other).unwrap();
    assert_eq!(early, [0; 4], "the simulator is as late as it may be");
    other.wait(&uploaded).unwrap();
    let mut late = [9; 4];
    buffer.read(&mut late, &other).unwrap();
    assert_eq!(late, [1, 2, 3, 4]);
}

#[test]
fn a_stream_that_waits_for_the_default_stream_comes_after_what_another_library_asked_there() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    let device = Device::open(simulated()).unwrap();
    let (stream, asked) = (device.stream().unwrap(), device.event().unwrap());
    rszs_cuda_simulator::load().ask(0, || IS_DONE.store(true, Ordering::Relaxed));
    stream.synchronize().unwrap();
    assert!(!IS_DONE.load(Ordering::Relaxed), "the simulator is as late as it may be");
    asked.record_on_default_stream().unwrap();
    stream.wait(&asked).unwrap();
    stream.synchronize().unwrap();
    assert!(IS_DONE.load(Ordering::Relaxed));
}

#[test]
fn a_host_buffer_waits_before_it_shows_or_changes_its_values() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let mut pinned = device.host_buffer::<f32>(2).unwrap();
    pinned.wait_mut().unwrap().copy_from_slice(&[1.5, 2.5]);
    let mut buffer = device.buffer::<f32>(2).unwrap();
    buffer.upload(&mut pinned, 2, &stream).unwrap();
    pinned.wait_mut().unwrap().fill(0.0);
    buffer.download(&mut pinned, 2, &stream).unwrap();
    assert_eq!(pinned.wait().unwrap(), [1.5, 2.5]);
}

#[test]
#[expect(unsafe_code, reason = "a graph works on addresses")]
fn a_graph_does_again_what_was_captured() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let mut buffer = device.buffer::<u8>(3).unwrap();
    buffer.write(&[1, 2, 3], &stream).unwrap();
    let mut graph = stream.capture(|stream| buffer.clear(2, stream)).unwrap();
    let mut found = [9; 3];
    buffer.read(&mut found, &stream).unwrap();
    assert_eq!(found, [1, 2, 3], "capturing does nothing");
    for _ in 0..2 {
        buffer.write(&[4, 5, 6], &stream).unwrap();
        // SAFETY: the buffer outlives the reading below, which waits for the launch.
        unsafe { graph.launch(&stream) }.unwrap();
        buffer.read(&mut found, &stream).unwrap();
        assert_eq!(found, [0, 0, 6]);
    }
}

#[test]
fn what_may_not_be_captured_ends_the_capture_with_an_error() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let error = stream.capture(|_| device.buffer::<u8>(1).map(drop)).unwrap_err();
    assert!(matches!(error, Error::Call { function: "cuMemAlloc", .. }), "{error}");
    assert!(stream.synchronize().is_ok(), "the stream captures no more");
}

#[test]
fn a_panic_while_a_stream_captures_ends_the_capture() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let captured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        stream.capture(|_| -> Result<(), Error> { panic!("out of breath") })
    }));
    assert!(captured.is_err(), "the panic goes on");
    assert!(stream.synchronize().is_ok(), "the stream captures no more");
}

#[test]
fn events_that_are_timed_say_how_long() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let (start, end) = (device.timer().unwrap(), device.timer().unwrap());
    start.record(&stream).unwrap();
    rszs_cuda_simulator::load()
        .ask(stream.handle(), || std::thread::sleep(std::time::Duration::from_millis(5)));
    end.record(&stream).unwrap();
    assert!(end.since(&start).is_err(), "the device has not come to it");
    end.synchronize().unwrap();
    let elapsed = end.since(&start).unwrap();
    assert!(elapsed.as_millis() >= 4, "{elapsed:?}");
}

#[test]
fn copies_that_do_not_fit_are_refused() {
    let device = Device::open(simulated()).unwrap();
    let stream = device.stream().unwrap();
    let mut pinned = device.host_buffer::<u8>(4).unwrap();
    let mut buffer = device.buffer::<u8>(3).unwrap();
    let error = buffer.upload(&mut pinned, 4, &stream).unwrap_err();
    assert_eq!(error, Error::Length { buffer: "device memory to copy to", expected: 4, found: 3 });
}
