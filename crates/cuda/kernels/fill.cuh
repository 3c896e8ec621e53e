// Pixels of the frame to the engine's input. Twin: rszs_hot::fill_tile.

// Tiles `[count, side, side, 3]` from the first of the batch on, each pixel the mean of reduction x
// reduction pixels of the frame; what hangs over an edge repeats the last column or row. A thread
// writes four pixels of a row: three whole words.
extern "C" __global__ void fill_tiles(const FrameJob *job, u32 *tiles, u32 count, u32 side,
                                      u32 reduction) {
    const u32 quads = side / 4;
    const u64 index = thread_index();
    if (index >= (u64)count * side * quads) return;
    const u32 quad = (u32)(index % quads);
    const u32 row = (u32)(index / quads % side);
    const u32 tile = job->first_tile + (u32)(index / quads / side);

    const u32 stride_px = 4 * reduction;
    const u32 left = origin(tile % job->columns, job->step, job->last_x) * stride_px;
    const u32 top = origin(tile / job->columns, job->step, job->last_y) * stride_px;
    const u32 rows_inside = (job->height_px - top + reduction - 1) / reduction;
    const u32 cells_inside = (job->width_px - left + reduction - 1) / reduction;
    const u32 y_from = top + least(row, rows_inside - 1) * reduction;
    const u32 y_until = least(y_from + reduction, job->height_px);

    u32 words[3] = {0, 0, 0};
    for (u32 pixel = 0; pixel < 4; ++pixel) {
        const u32 x_from = left + least(quad * 4 + pixel, cells_inside - 1) * reduction;
        const u32 x_until = least(x_from + reduction, job->width_px);
        const u32 covered = (y_until - y_from) * (x_until - x_from);
        u32 sums[3] = {0, 0, 0};
        for (u32 y = y_from; y < y_until; ++y) {
            const u8 *source = job->image + ((u64)y * job->width_px + x_from) * 3;
            for (u32 x = x_from; x < x_until; ++x, source += 3) {
                for (u32 part = 0; part < 3; ++part) sums[part] += source[part];
            }
        }
        for (u32 part = 0; part < 3; ++part) {
            const u32 byte = pixel * 3 + part;
            words[byte / 4] |= (sums[part] + covered / 2) / covered << (byte % 4 * 8);
        }
    }
    for (u32 word = 0; word < 3; ++word) tiles[index * 3 + word] = words[word];
}
