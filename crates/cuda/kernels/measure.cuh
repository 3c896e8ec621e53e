// Masks to area, place and confidence. Twin: rszs_hot::RegionStatistics.

// Sums over one mask, all of them exact and without order. A least coordinate is kept as its
// complement, so that zeros are the start.
struct RegionRecord {
    u64 pixels;
    u64 x_sum;
    u64 y_sum;
    u64 score_steps; // 2^-22 each
    u32 left_complement;
    u32 top_complement;
    u32 right_px;
    u32 bottom_px;
    u32 maximum_score; // bits of a float that is not negative: they have its order
    u32 unused;
};
static_assert(sizeof(RegionRecord) == 56, "src/frame/job.rs has this size too");

// exp(x) of x held to [-80, 80]. Twin: crates/hot/src/sigmoid.rs.
__device__ static inline float exponential(float x) {
    const float to_integer = 12582912.0f;
    x = x < -80.0f ? -80.0f : x;
    x = x > 80.0f ? 80.0f : x;
    const float t = x * 1.44269504088896340736f;
    const float shifted = t + to_integer;
    const float f = t - (shifted - to_integer);
    float power = 1.5353362e-4f;
    power = power * f + 1.3398874e-3f;
    power = power * f + 9.618437e-3f;
    power = power * f + 5.5503325e-2f;
    power = power * f + 2.4022648e-1f;
    power = power * f + 0.693147180559945309417f;
    power = power * f + 1.0f;
    return power * __uint_as_float((__float_as_uint(shifted) << 23) + (127u << 23));
}

__device__ static inline float sigmoid(float logit) { return 1.0f / (1.0f + exponential(-logit)); }

// A score as a number of steps of 2^-22: adding 2^23 leaves the nearest integer in the low bits.
__device__ static inline u32 score_steps(float score) {
    return __float_as_uint(score * 4194304.0f + 8388608.0f) & 0x7fffff;
}

// A thread measures one word of one mask and adds to that query's record.
extern "C" __global__ void measure(DecideJob job, RegionRecord *records) {
    const u64 index = thread_index();
    if (index >= (u64)job.queries * job.height_px * job.words) return;
    u64 word = ((const u64 *)job.masks)[index];
    if (word == 0) return;
    const u32 x_px = (u32)(index % job.words) * BLOCK_PX;
    const u32 y_px = (u32)(index / job.words % job.height_px);
    const u32 query = (u32)(index / job.words / job.height_px);

    const u32 pixels = (u32)__popcll((long long)word);
    const u32 left_px = x_px + (u32)__ffsll((long long)word) - 1;
    const u32 right_px = x_px + BLOCK_PX - 1 - (u32)__clzll((long long)word);
    const RowPair pair = rows_of(job, query, y_px);
    u64 x_sum = 0;
    u32 steps = 0;
    float maximum = 0.0f;
    for (; word != 0; word &= word - 1) {
        const u32 x = x_px + (u32)__ffsll((long long)word) - 1;
        const float score = sigmoid(value_at(pair, x));
        x_sum += x;
        steps += score_steps(score);
        maximum = score > maximum ? score : maximum;
    }
    RegionRecord *record = &records[query];
    atomicAdd(&record->pixels, (u64)pixels);
    atomicAdd(&record->x_sum, x_sum);
    atomicAdd(&record->y_sum, (u64)y_px * pixels);
    atomicAdd(&record->score_steps, (u64)steps);
    atomicMax(&record->left_complement, ~left_px);
    atomicMax(&record->top_complement, ~y_px);
    atomicMax(&record->right_px, right_px);
    atomicMax(&record->bottom_px, y_px);
    atomicMax(&record->maximum_score, __float_as_uint(maximum));
}
