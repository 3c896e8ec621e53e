// The kernels themselves, from the sources that are compiled for devices.

#pragma once

#include <tuple>

#include "cuda.h"
#include "../kernels/frame.cu"
#include "state.h"

struct Kernel {
    std::vector<size_t> parameter_bytes;
    // Copies the arguments and gives what runs every thread of a grid.
    std::function<Work(void **arguments, Index grid, Index block)> launch;
};

template <typename... Arguments, size_t... Places>
std::tuple<Arguments...> copies(void **arguments, std::index_sequence<Places...>) {
    return {*static_cast<Arguments *>(arguments[Places])...};
}

template <typename... Arguments> Kernel kernel(void (*function)(Arguments...)) {
    auto launch = [function](void **arguments, Index grid, Index block) -> Work {
        const auto copied =
            copies<Arguments...>(arguments, std::index_sequence_for<Arguments...>{});
        return [function, copied, grid, block] {
            gridDim = grid;
            blockDim = block;
            // Forwards and backwards in turn: no result may depend on which thread is first.
            static bool backwards = false;
            backwards = !backwards;
            const auto numbered = [](unsigned place, unsigned count) {
                return backwards ? count - 1 - place : place;
            };
            for (unsigned a = 0; a < grid.x; ++a) {
                blockIdx.x = numbered(a, grid.x);
                for (unsigned b = 0; b < block.x; ++b) {
                    threadIdx.x = numbered(b, block.x);
                    std::apply(function, copied);
                }
            }
        };
    };
    return Kernel{{sizeof(Arguments)...}, launch};
}

inline const std::map<std::string, Kernel> &kernels() {
    static const std::map<std::string, Kernel> table = {
        {"next_batch", kernel(next_batch)},
        {"fill_tiles", kernel(fill_tiles)},
        {"blend_tiles_f32", kernel(blend_tiles_f32)},
        {"blend_tiles_f16", kernel(blend_tiles_f16)},
        {"decide", kernel(decide)},
        {"measure", kernel(measure)},
    };
    return table;
}

// Bytes of each parameter of an entry of PTX, as `.param .u32 name` or
// `.param .align 8 .b8 name[72]`.
inline bool parameters_in_ptx(const std::string &ptx, const std::string &entry,
                              std::vector<size_t> &bytes) {
    const size_t start = ptx.find(".entry " + entry + "(");
    if (start == std::string::npos) return false;
    const std::string list = ptx.substr(start, ptx.find(')', start) - start);
    for (size_t at = list.find(".param"); at != std::string::npos;
         at = list.find(".param", at + 1)) {
        const std::string line = list.substr(at, list.find('\n', at) - at);
        const size_t array = line.find('[');
        if (array != std::string::npos) {
            bytes.push_back(std::stoul(line.substr(array + 1)));
        } else {
            bytes.push_back(line.find("64 ") != std::string::npos ? 8 : 4);
        }
    }
    return true;
}
