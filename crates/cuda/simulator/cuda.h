// What the kernels want of CUDA C++, for an ordinary compiler. Threads run one after the other, so
// an atomic operation is a plain one.

#pragma once

#include <cstring>

#define __global__
#define __device__

struct Index {
    unsigned x = 0, y = 0, z = 0;
};
static thread_local Index blockIdx, threadIdx, blockDim, gridDim;

template <typename T> static inline T atomicAdd(T *place, T value) {
    const T before = *place;
    *place = before + value;
    return before;
}

template <typename T> static inline T atomicMin(T *place, T value) {
    const T before = *place;
    *place = value < before ? value : before;
    return before;
}

template <typename T> static inline T atomicMax(T *place, T value) {
    const T before = *place;
    *place = value > before ? value : before;
    return before;
}

template <typename To, typename From> static inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

static inline unsigned __float_as_uint(float value) { return bits_as<unsigned>(value); }
static inline float __uint_as_float(unsigned value) { return bits_as<float>(value); }
static inline int __popcll(long long value) {
    return __builtin_popcountll((unsigned long long)value);
}
static inline int __ffsll(long long value) { return __builtin_ffsll(value); }
static inline int __clzll(long long value) {
    return value == 0 ? 64 : __builtin_clzll((unsigned long long)value);
}
