// Blended logits to classes and masks. Twin: rszs_hot::Decider.

// Pixels of one word of a mask row.
#define BLOCK_PX 64

// What both decisions are given. `classes: [H, W]`; `masks: [queries, H, words, 8]`, bytes of
// little-endian words; for each of the R rules a threshold as a logit and one over the temperature.
struct DecideJob {
    const float *logits; // [R, H4, W4]
    const float *threshold_logits;
    const float *inverse_temperatures;
    u8 *classes;
    u8 *masks;
    u32 rules;
    u32 queries;
    u32 width_px;
    u32 height_px;
    u32 wide;   // W4
    u32 high;   // H4
    u32 stride; // pixels from logit to logit: 4, 8, 16 or 32
    u32 words;  // of a mask row
};
static_assert(sizeof(DecideJob) == 72, "src/frame/job.rs has this size too");

__device__ static inline RowPair rows_of(const DecideJob &job, u32 rule, u32 y_px) {
    const float *plane = job.logits + (u64)rule * job.high * job.wide;
    return around(plane, job.wide, job.high, job.stride, y_px, job.inverse_temperatures[rule]);
}

// Whether a logit that the block of `x_px` lies between exceeds `threshold`. Interpolation may
// round a pixel above a threshold that no logit exceeds; the twin passes over such a block, so this
// does.
__device__ static inline bool block_exceeds(const RowPair &pair, u32 x_px, float threshold) {
    const u32 own = BLOCK_PX / pair.stride;
    const int first = (int)(x_px / BLOCK_PX * own) - 1;
    for (int place = 0; place < (int)own + 2; ++place) {
        if (between(pair, first + place) > threshold) return true;
    }
    return false;
}

__device__ static inline void write_classes(const DecideJob &job, u32 x_px, u32 y_px,
                                            const u32 classes[GROUP_PX]) {
    for (u32 pixel = 0; pixel < GROUP_PX && x_px + pixel < job.width_px; ++pixel) {
        job.classes[(u64)y_px * job.width_px + x_px + pixel] = (u8)classes[pixel];
    }
}

__device__ static inline void write_mask(const DecideJob &job, u32 query, u32 x_px, u32 y_px,
                                         u32 byte) {
    const u32 inside = x_px < job.width_px ? least(job.width_px - x_px, GROUP_PX) : 0;
    const u64 row = (u64)query * job.height_px + y_px;
    job.masks[row * job.words * 8 + x_px / GROUP_PX] = (u8)(byte & ((1u << inside) - 1));
}

// A query's mask is where its value exceeds its threshold; the class is the query with the largest
// margin, the first of equals.
__device__ static inline void multilabel(const DecideJob &job, u32 x_px, u32 y_px) {
    float highest[GROUP_PX] = {0, 0, 0, 0, 0, 0, 0, 0};
    u32 classes[GROUP_PX] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (u32 query = 0; query < job.queries; ++query) {
        const RowPair pair = rows_of(job, query, y_px);
        const float threshold = job.threshold_logits[query];
        float near[NEIGHBOURS], values[GROUP_PX];
        group_at(pair, x_px, near, values);
        u32 byte = 0;
        for (u32 pixel = 0; pixel < GROUP_PX; ++pixel)
            byte |= (u32)(values[pixel] - threshold > 0.0f) << pixel;
        if (byte != 0 && !block_exceeds(pair, x_px, threshold)) byte = 0;
        for (u32 pixel = 0; pixel < GROUP_PX; ++pixel) {
            const float margin = values[pixel] - threshold;
            if ((byte >> pixel & 1) && margin > highest[pixel]) {
                highest[pixel] = margin;
                classes[pixel] = query + 1;
            }
        }
        write_mask(job, query, x_px, y_px, byte);
    }
    write_classes(job, x_px, y_px, classes);
}

// The class is the rule with the largest value, the first of equals, and none if that is no query.
// A mask is where its query is the class.
__device__ static inline void exclusive(const DecideJob &job, u32 x_px, u32 y_px) {
    float highest[GROUP_PX];
    u32 classes[GROUP_PX];
    for (u32 pixel = 0; pixel < GROUP_PX; ++pixel) {
        highest[pixel] = -__uint_as_float(0x7f800000u);
        classes[pixel] = 0;
    }
    for (u32 rule = 0; rule < job.rules; ++rule) {
        const RowPair pair = rows_of(job, rule, y_px);
        float near[NEIGHBOURS], values[GROUP_PX];
        group_at(pair, x_px, near, values);
        for (u32 pixel = 0; pixel < GROUP_PX; ++pixel) {
            if (values[pixel] > highest[pixel]) {
                highest[pixel] = values[pixel];
                classes[pixel] = rule + 1;
            }
        }
    }
    for (u32 pixel = 0; pixel < GROUP_PX; ++pixel)
        classes[pixel] = classes[pixel] > job.queries ? 0 : classes[pixel];
    for (u32 query = 0; query < job.queries; ++query) {
        u32 byte = 0;
        for (u32 pixel = 0; pixel < GROUP_PX; ++pixel)
            byte |= (u32)(classes[pixel] == query + 1) << pixel;
        write_mask(job, query, x_px, y_px, byte);
    }
    write_classes(job, x_px, y_px, classes);
}

// A thread decides eight pixels of a row for every query.
extern "C" __global__ void decide(DecideJob job, u32 is_exclusive) {
    const u32 groups = job.words * (BLOCK_PX / GROUP_PX);
    const u64 index = thread_index();
    if (index >= (u64)groups * job.height_px) return;
    const u32 x_px = (u32)(index % groups) * GROUP_PX;
    const u32 y_px = (u32)(index / groups);
    if (is_exclusive) {
        exclusive(job, x_px, y_px);
    } else {
        multilabel(job, x_px, y_px);
    }
}
