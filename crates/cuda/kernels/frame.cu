// The frame path on the device: pixels to tiles, logits to classes and masks.
//
// Every kernel gives the bits of its twin in crates/hot: the same operations in the same order,
// without fused multiply-add. No kernel waits for another thread, so the simulator runs the threads
// of a launch one after the other.

#include "job.cuh"
#include "fill.cuh"
#include "blend.cuh"
#include "interpolate.cuh"
#include "decide.cuh"
#include "measure.cuh"
