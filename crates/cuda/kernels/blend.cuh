// Logits of overlapping tiles to one image of logits. Twin: rszs_hot::Blender, and the runtime's
// composer for absent queries.

// Adding and subtracting this rounds a term below 256 in magnitude to a multiple of 2^-14. Such
// terms add up without rounding, so atomic additions give the sum of any other order.
#define ROUND_TO_GRID 768.0f

__device__ static inline float as_float(float value) { return value; }

// Half precision to single, exactly. Shifted to the place of a single, the exponent is 112 too
// small: one product repairs that, and normalises what is subnormal.
__device__ static inline float as_float(u16 half) {
    const u32 magnitude = (u32)(half & 0x7fff) << 13;
    const u32 repaired =
        __float_as_uint(__uint_as_float(magnitude) * 5.192296858534827628530496329220096e33f);
    const u32 not_finite = (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
    return __uint_as_float(repaired | not_finite | (u32)(half & 0x8000) << 16);
}

// `logits: [count, K, side, side]`, `presence: [count, K]`. For each of the R rules: `rows`, its
// row of the engine; `least_presence`, below which it is absent from a tile; `absent_logit`, which
// its logits do not exceed there.
template <typename Logit>
__device__ static void blend(FrameJob *job, const Logit *logits, const float *presence, u32 count,
                             u32 side, u32 engine_rows, const u32 *rows,
                             const float *least_presence, const float *absent_logit, u32 rules) {
    const u64 index = thread_index();
    for (u64 place = index; place < (u64)count * engine_rows;
         place += (u64)gridDim.x * blockDim.x) {
        job->presence[(u64)job->first_tile * engine_rows + place] = presence[place];
    }
    if (index >= (u64)count * rules * side * side) return;
    const u32 x = (u32)(index % side);
    const u32 y = (u32)(index / side % side);
    const u32 rule = (u32)(index / side / side % rules);
    const u32 in_batch = (u32)(index / side / side / rules);
    const u32 tile = job->first_tile + in_batch;

    const u64 engine_row = (u64)in_batch * engine_rows + rows[rule];
    float logit = as_float(logits[(engine_row * side + y) * side + x]);
    if (presence[engine_row] < least_presence[rule]) {
        const float highest = absent_logit[rule];
        logit = logit < highest ? logit : highest;
    }
    if ((__float_as_uint(logit) & 0x7f800000u) == 0x7f800000u) {
        atomicMin(&job->bad_logit, (u64)tile * rules + rule);
        return;
    }
    if (x >= job->wide || y >= job->high) return;

    const u32 column = tile % job->columns, row = tile / job->columns;
    const u32 image_x = origin(column, job->step, job->last_x) + x;
    const u32 image_y = origin(row, job->step, job->last_y) + y;
    const float weight =
        job->column_weights[(u64)column * side + x] * job->row_weights[(u64)row * side + y];
    const float term = (logit * weight + ROUND_TO_GRID) - ROUND_TO_GRID;
    atomicAdd(&job->accumulator[((u64)rule * job->high + image_y) * job->wide + image_x], term);
}

extern "C" __global__ void blend_tiles_f32(FrameJob *job, const float *logits,
                                           const float *presence, u32 count, u32 side,
                                           u32 engine_rows, const u32 *rows,
                                           const float *least_presence, const float *absent_logit,
                                           u32 rules) {
    blend(job, logits, presence, count, side, engine_rows, rows, least_presence, absent_logit,
          rules);
}

extern "C" __global__ void blend_tiles_f16(FrameJob *job, const u16 *logits, const float *presence,
                                           u32 count, u32 side, u32 engine_rows, const u32 *rows,
                                           const float *least_presence, const float *absent_logit,
                                           u32 rules) {
    blend(job, logits, presence, count, side, engine_rows, rows, least_presence, absent_logit,
          rules);
}
