// Logits to pixels: bilinear, half-pixel centres, edges repeated. Twin:
// crates/hot/src/upsample.rs.

// Pixels that one thread decides: a byte of a mask row. A stride divides them or is divided by
// them.
#define GROUP_PX 8

// Logits that a group lies between, at most: two of its own at a stride of 4, and one more on each
// side.
#define NEIGHBOURS 4

// Blended logits `[R, high, wide]`, `stride` pixels apart, and the two rows of them that a row of
// pixels lies between.
struct RowPair {
    const float *upper;
    const float *lower;
    float upper_weight;
    float lower_weight;
    u32 wide;
    u32 stride;
};

// How much the logit on the pixel's side of its own counts; the own one counts the rest. Exact: the
// divisor is a power of two.
__device__ static inline float far_weight(u32 place, u32 stride) {
    const u32 doubled = 2 * place + 1;
    return (float)(doubled < stride ? stride - doubled : doubled - stride) / (float)(2 * stride);
}

__device__ static inline RowPair around(const float *plane, u32 wide, u32 high, u32 stride,
                                        u32 y_px, float scale) {
    const u32 own = y_px / stride, place = y_px % stride;
    const float far = far_weight(place, stride);
    u32 upper = own, lower = least(own + 1, high - 1);
    float upper_weight = 1.0f - far, lower_weight = far;
    if (place < stride / 2) {
        upper = own == 0 ? 0 : own - 1;
        lower = own;
        upper_weight = far;
        lower_weight = 1.0f - far;
    }
    RowPair pair = {plane + (u64)upper * wide,
                    plane + (u64)lower * wide,
                    upper_weight * scale,
                    lower_weight * scale,
                    wide,
                    stride};
    return pair;
}

// Vertical interpolation at the logit `column`, the ends of the row repeated.
__device__ static inline float between(const RowPair &pair, int column) {
    const u32 at = column < 0 ? 0 : least((u32)column, pair.wide - 1);
    return pair.upper_weight * pair.upper[at] + pair.lower_weight * pair.lower[at];
}

// Horizontal interpolation at a pixel from its own logit and those beside it.
__device__ static inline float widen(float before, float own, float after, u32 place, u32 stride) {
    const float far = far_weight(place, stride);
    const float other = place < stride / 2 ? before : after;
    return far * other + (1.0f - far) * own;
}

// The value of one pixel.
__device__ static inline float value_at(const RowPair &pair, u32 x_px) {
    const int own = (int)(x_px / pair.stride);
    return widen(between(pair, own - 1), between(pair, own), between(pair, own + 1),
                 x_px % pair.stride, pair.stride);
}

// The values of the group of pixels that starts at `x_px`, and the logits that it lies between.
__device__ static inline void group_at(const RowPair &pair, u32 x_px, float near[NEIGHBOURS],
                                       float values[GROUP_PX]) {
    const int first_own = (int)(x_px / pair.stride);
    for (int place = 0; place < NEIGHBOURS; ++place)
        near[place] = between(pair, first_own + place - 1);
    for (u32 pixel = 0; pixel < GROUP_PX; ++pixel) {
        const u32 from_cell = x_px % pair.stride + pixel;
        const u32 cell = from_cell / pair.stride; // 0, or 1 at a stride of 4
        const float before = cell ? near[1] : near[0], own = cell ? near[2] : near[1],
                    after = cell ? near[3] : near[2];
        values[pixel] = widen(before, own, after, from_cell % pair.stride, pair.stride);
    }
}
