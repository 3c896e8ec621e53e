// What all kernels share: names of types, and the one frame that is under way.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// One frame. It lies in device memory, so that a captured graph serves every frame and every batch.
// crates/cuda/src/frame/job.rs has the same fields in the same order.
struct FrameJob {
    const u8 *image;             // [H, W, 3]
    float *accumulator;          // [R, H4, W4]
    const float *column_weights; // [columns, T4]
    const float *row_weights;    // [rows, T4]
    float *presence;             // [tiles, K]
    // least tile * R + rule with a logit that is not finite, all ones if there is none
    u64 bad_logit;
    u32 width_px;
    u32 height_px;
    u32 wide;       // W4
    u32 high;       // H4
    u32 columns;    // tiles side by side
    u32 step;       // logits from one tile to the next
    u32 last_x;     // logits left of the last column of tiles
    u32 last_y;     // logits above the last row of tiles
    u32 first_tile; // of the batch under way
    u32 unused;
};
static_assert(sizeof(FrameJob) == 88, "src/frame/job.rs has this size too");

__device__ static inline u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }

// Origin of a tile in logits: a regular step, except that the last tile ends at the edge.
__device__ static inline u32 origin(u32 index, u32 step, u32 last) {
    return least(index * step, last);
}

// The batch was blended: the next one starts behind it. One thread.
extern "C" __global__ void next_batch(FrameJob *job, u32 count) { job->first_tile += count; }
