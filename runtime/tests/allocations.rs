//! The frame path allocates nothing once it has seen a frame of that size.
//!
//! What is counted is everything between the decoded frame and the masks, the engine included,
//! which is a fake here: real engines and the codecs at both ends are outside the promise.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
#[path = "fake/on_stream.rs"]
mod on_stream;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fake::{ColourEngine, LAYOUT, frame, queries};
use on_stream::on_stream;
use rszs_edge::device::DeviceSegmenter;
use rszs_edge::segment::{FrameSegmenter, Keep, Segmentation, Segmenter};
use rszs_hot::Decision;

thread_local! {
    /// Allocations of this thread; the test harness has threads of its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    // A thread that is going away has no counter any more, and nobody reads it.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn allocations_of(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_of(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn after_the_first_frame_nothing_is_allocated() {
    let decisions = [Decision::Multilabel, Decision::Exclusive].into_iter();
    for (decision, reduction) in decisions.flat_map(|decision| [(decision, 1), (decision, 4)]) {
        for keep in [Keep::default(), Keep { masks: true, scores: true }] {
            let (first, second) = (frame(133, 71), frame(133, 71));
            let queries = queries("red,green,blue", decision);
            let mut segmenter = Segmenter::new(LAYOUT.reduced(reduction), 4);
            let mut segmentation = Segmentation::default();
            let mut segment = |frame| {
                segmenter
                    .segment(frame, &queries, &mut ColourEngine, keep, &mut segmentation)
                    .unwrap();
            };
            assert!(allocations_of(|| segment(&first)) > 0, "buffers come from somewhere");
            assert_eq!(
                allocations_of(|| segment(&second)),
                0,
                "{decision:?}, {reduction}, {keep:?}"
            );
        }
    }
}

#[test]
fn on_a_device_nothing_is_allocated_once_its_graphs_are_captured() {
    let queries = queries("red,green,blue", Decision::Multilabel);
    let keep = Keep { masks: true, scores: true };
    let (device, engine) = on_stream(ColourEngine);
    let mut segmenter = DeviceSegmenter::new(&device, engine, LAYOUT, 4, &queries, keep).unwrap();
    let (mut segmentation, image) = (Segmentation::default(), frame(133, 71));
    // The fake engine allocates where it runs: in `collect`, when the simulator must work.
    let mut submit = || {
        let allocations = allocations_of(|| segmenter.submit(&image).unwrap());
        segmenter.collect(&mut segmentation).unwrap();
        allocations
    };
    assert!(submit() > 0, "buffers come from somewhere");
    // 18 tiles are four batches of 4 and one of 2, which is captured in the second frame.
    submit();
    assert_eq!(submit(), 0);
}
