// The functions of libcuda that this project calls, on host memory. Device 1 shares memory with the
// host, the others are discrete.

#include "kernels.h"

namespace {

constexpr int DEVICES = 3;
constexpr int DRIVER_VERSION = 12000;

enum Attribute {
    INTEGRATED = 18,
    CAN_MAP_HOST_MEMORY = 19,
    CAPABILITY_MAJOR = 75,
    CAPABILITY_MINOR = 76
};
constexpr unsigned HOST_ALLOC_DEVICEMAP = 2;

struct Words {
    const char *name, *explanation;
};
// Those that tests let a call answer with.
const std::map<int, Words> CODES = {
    {INVALID_VALUE, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {OUT_OF_MEMORY, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {36, {"CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", "API call requires a newer CUDA driver"}},
    {46, {"CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"}},
    {INVALID_CONTEXT, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
    {218, {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"}},
    {ILLEGAL_ADDRESS, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
    {702, {"CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"}},
    {719, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {CAPTURE_UNSUPPORTED,
     {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
    {999, {"CUDA_ERROR_UNKNOWN", "unknown error"}},
};

struct Context {
    int device;
};
Context contexts[DEVICES] = {{0}, {1}, {2}};
thread_local Context *current = nullptr;
thread_local int captures = 0;

struct Module {
    std::string ptx;
};

std::shared_ptr<Stream> stream_of(void *handle) {
    auto found = state().streams.find(handle);
    return found == state().streams.end() ? nullptr : found->second;
}

std::shared_ptr<Event> event_of(void *handle) {
    auto found = state().events.find(handle);
    return found == state().events.end() ? nullptr : found->second;
}

int run_everything() {
    for (auto &[handle, stream] : state().streams) stream->run_until(stream->asked);
    return state().margins_are_whole() ? SUCCESS : ILLEGAL_ADDRESS;
}

} // namespace

// Every function counts itself, lets a test make it fail, and holds the lock while it works.
#define BEGIN(name)                                                                                \
    std::lock_guard<std::recursive_mutex> lock(state().mutex);                                     \
    if (const int wanted = called(name)) return wanted
#define BEGIN_IN_CONTEXT(name)                                                                     \
    BEGIN(name);                                                                                   \
    if (current == nullptr) return INVALID_CONTEXT
// What may not be done while this thread captures.
#define REFUSE_IN_CAPTURE()                                                                        \
    if (captures > 0) return CAPTURE_UNSUPPORTED

extern "C" {

void simulator_fail(const char *function, int code) {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    if (code == 0)
        state().failures.erase(function);
    else
        state().failures[function] = code;
}

uint64_t simulator_calls(const char *function) {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    return state().calls[function];
}

// Work of a test's own on a stream, again at every launch of a graph that captured it.
int simulator_ask(void *handle, void (*function)(void *), void *data) {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    const auto stream = stream_of(handle);
    if (!stream) return INVALID_VALUE;
    stream->ask([function, data] { function(data); });
    return SUCCESS;
}

// Work that is asked for until `function` gives a number other than 0, as work that waits for other
// processes.
int simulator_ask_again(void *handle, int (*function)(void *), void *data) {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    const auto stream = stream_of(handle);
    if (!stream || stream->captured) return INVALID_VALUE;
    stream->ask_again([function, data] { return function(data) != 0; });
    return SUCCESS;
}

int cuInit(unsigned) {
    BEGIN("cuInit");
    return SUCCESS;
}

int cuDriverGetVersion(int *version) {
    BEGIN("cuDriverGetVersion");
    *version = DRIVER_VERSION;
    return SUCCESS;
}

// As a driver of CUDA 13 knows them, or as none does.
int cuGetErrorName(int code, const char **text) {
    const auto found = CODES.find(code);
    *text = found == CODES.end() ? nullptr : found->second.name;
    return found == CODES.end() ? INVALID_VALUE : SUCCESS;
}

int cuGetErrorString(int code, const char **text) {
    const auto found = CODES.find(code);
    *text = found == CODES.end() ? nullptr : found->second.explanation;
    return found == CODES.end() ? INVALID_VALUE : SUCCESS;
}

int cuDeviceGetCount(int *count) {
    BEGIN("cuDeviceGetCount");
    *count = DEVICES;
    return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
    BEGIN("cuDeviceGet");
    if (ordinal < 0 || ordinal >= DEVICES) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

int cuDeviceGetName(char *name, int length, int device) {
    BEGIN("cuDeviceGetName");
    std::strncpy(name, device == 1 ? "simulated module" : "simulated board", length);
    return SUCCESS;
}

int cuDeviceGetUuid(unsigned char *uuid, int device) {
    BEGIN("cuDeviceGetUuid");
    std::memset(uuid, device + 1, 16);
    return SUCCESS;
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
    BEGIN("cuDeviceTotalMem_v2");
    *bytes = TOTAL_BYTES;
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    BEGIN("cuDeviceGetAttribute");
    switch (attribute) {
    case INTEGRATED:
        *value = device == 1;
        return SUCCESS;
    case CAN_MAP_HOST_MEMORY:
        *value = 1;
        return SUCCESS;
    case CAPABILITY_MAJOR:
        *value = 8;
        return SUCCESS;
    case CAPABILITY_MINOR:
        *value = device == 1 ? 7 : 6;
        return SUCCESS;
    default:
        return INVALID_VALUE;
    }
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    BEGIN("cuDevicePrimaryCtxRetain");
    *context = &contexts[device];
    return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int) {
    BEGIN("cuDevicePrimaryCtxRelease_v2");
    return SUCCESS;
}

int cuCtxSetCurrent(void *context) {
    BEGIN("cuCtxSetCurrent");
    current = static_cast<Context *>(context);
    return SUCCESS;
}

int cuCtxSynchronize() {
    BEGIN_IN_CONTEXT("cuCtxSynchronize");
    REFUSE_IN_CAPTURE();
    return run_everything();
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
    BEGIN_IN_CONTEXT("cuMemGetInfo_v2");
    *total_bytes = TOTAL_BYTES;
    *free_bytes = TOTAL_BYTES - state().used_bytes;
    return SUCCESS;
}

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
    BEGIN_IN_CONTEXT("cuMemAlloc_v2");
    REFUSE_IN_CAPTURE();
    if (bytes == 0) return INVALID_VALUE;
    if (bytes > TOTAL_BYTES - state().used_bytes) return OUT_OF_MEMORY;
    const size_t rounded = (bytes + MARGIN - 1) / MARGIN * MARGIN;
    auto *start = static_cast<unsigned char *>(std::aligned_alloc(MARGIN, rounded + 2 * MARGIN));
    if (start == nullptr) return OUT_OF_MEMORY;
    std::memset(start, MARGIN_BYTE, rounded + 2 * MARGIN);
    std::memset(start + MARGIN, FRESH_BYTE, bytes);
    *address = reinterpret_cast<uintptr_t>(start + MARGIN);
    state().device_memory[*address] = {bytes, false};
    state().used_bytes += bytes;
    return SUCCESS;
}

int cuMemFree_v2(unsigned long long address) {
    BEGIN_IN_CONTEXT("cuMemFree_v2");
    REFUSE_IN_CAPTURE();
    const int code = run_everything();
    auto found = state().device_memory.find(address);
    if (found == state().device_memory.end()) return INVALID_VALUE;
    state().used_bytes -= found->second.bytes;
    state().device_memory.erase(found);
    std::free(reinterpret_cast<unsigned char *>(address) - MARGIN);
    return code;
}

int cuMemHostAlloc(void **start, size_t bytes, unsigned flags) {
    BEGIN_IN_CONTEXT("cuMemHostAlloc");
    REFUSE_IN_CAPTURE();
    *start = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (*start == nullptr) return OUT_OF_MEMORY;
    std::memset(*start, FRESH_BYTE, bytes);
    state().pinned_memory[reinterpret_cast<uintptr_t>(*start)] = {
        bytes, (flags & HOST_ALLOC_DEVICEMAP) != 0};
    return SUCCESS;
}

int cuMemFreeHost(void *start) {
    BEGIN_IN_CONTEXT("cuMemFreeHost");
    if (state().pinned_memory.erase(reinterpret_cast<uintptr_t>(start)) == 0) return INVALID_VALUE;
    std::free(start);
    return SUCCESS;
}

int cuMemHostGetDevicePointer_v2(unsigned long long *address, void *start, unsigned) {
    BEGIN_IN_CONTEXT("cuMemHostGetDevicePointer_v2");
    auto found = state().pinned_memory.find(reinterpret_cast<uintptr_t>(start));
    if (found == state().pinned_memory.end() || !found->second.is_mapped) return INVALID_VALUE;
    *address = reinterpret_cast<uintptr_t>(start);
    return SUCCESS;
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes, void *handle) {
    BEGIN_IN_CONTEXT("cuMemcpyHtoDAsync_v2");
    const auto stream = stream_of(handle);
    if (!stream || !state().holds(to, bytes)) return INVALID_VALUE;
    stream->ask([to, from, bytes] { std::memcpy(reinterpret_cast<void *>(to), from, bytes); });
    return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes, void *handle) {
    BEGIN_IN_CONTEXT("cuMemcpyDtoHAsync_v2");
    const auto stream = stream_of(handle);
    if (!stream || !state().holds(from, bytes)) return INVALID_VALUE;
    stream->ask(
        [to, from, bytes] { std::memcpy(to, reinterpret_cast<const void *>(from), bytes); });
    return SUCCESS;
}

int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes,
                         void *handle) {
    BEGIN_IN_CONTEXT("cuMemcpyDtoDAsync_v2");
    const auto stream = stream_of(handle);
    if (!stream || !state().holds(to, bytes) || !state().holds(from, bytes)) return INVALID_VALUE;
    stream->ask([to, from, bytes] {
        std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
    });
    return SUCCESS;
}

int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void *handle) {
    BEGIN_IN_CONTEXT("cuMemsetD8Async");
    const auto stream = stream_of(handle);
    if (!stream || !state().holds(to, bytes)) return INVALID_VALUE;
    stream->ask([to, value, bytes] { std::memset(reinterpret_cast<void *>(to), value, bytes); });
    return SUCCESS;
}

int cuStreamCreate(void **handle, unsigned) {
    BEGIN_IN_CONTEXT("cuStreamCreate");
    auto stream = std::make_shared<Stream>();
    *handle = stream.get();
    state().streams[*handle] = stream;
    return SUCCESS;
}

int cuStreamDestroy_v2(void *handle) {
    BEGIN_IN_CONTEXT("cuStreamDestroy_v2");
    const auto stream = stream_of(handle);
    if (!stream) return INVALID_VALUE;
    stream->run_until(stream->asked);
    state().streams.erase(handle);
    return SUCCESS;
}

int cuStreamSynchronize(void *handle) {
    BEGIN_IN_CONTEXT("cuStreamSynchronize");
    const auto stream = stream_of(handle);
    if (!stream) return INVALID_VALUE;
    REFUSE_IN_CAPTURE();
    stream->run_until(stream->asked);
    return state().margins_are_whole() ? SUCCESS : ILLEGAL_ADDRESS;
}

int cuStreamWaitEvent(void *handle, void *event_handle, unsigned) {
    BEGIN_IN_CONTEXT("cuStreamWaitEvent");
    const auto stream = stream_of(handle);
    const auto event = event_of(event_handle);
    if (!stream || !event) return INVALID_VALUE;
    if (stream->captured) return CAPTURE_UNSUPPORTED;
    if (event->stream) {
        stream->ask_again([awaited = event->stream, position = event->position] {
            return awaited->try_until(position);
        });
    }
    return SUCCESS;
}

int cuStreamBeginCapture_v2(void *handle, int) {
    BEGIN_IN_CONTEXT("cuStreamBeginCapture_v2");
    const auto stream = stream_of(handle);
    if (!stream || stream->captured) return INVALID_VALUE;
    stream->captured = std::make_unique<Graph>();
    ++captures;
    return SUCCESS;
}

int cuStreamEndCapture(void *handle, void **graph) {
    BEGIN_IN_CONTEXT("cuStreamEndCapture");
    const auto stream = stream_of(handle);
    if (!stream || !stream->captured) return INVALID_VALUE;
    *graph = stream->captured.release();
    --captures;
    return SUCCESS;
}

int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
    BEGIN_IN_CONTEXT("cuGraphInstantiateWithFlags");
    *executable = new Graph(*static_cast<Graph *>(graph));
    return SUCCESS;
}

int cuGraphLaunch(void *executable, void *handle) {
    BEGIN_IN_CONTEXT("cuGraphLaunch");
    const auto stream = stream_of(handle);
    if (!stream) return INVALID_VALUE;
    for (const Work &work : static_cast<Graph *>(executable)->work) stream->ask(work);
    return SUCCESS;
}

int cuGraphExecDestroy(void *executable) {
    BEGIN_IN_CONTEXT("cuGraphExecDestroy");
    delete static_cast<Graph *>(executable);
    return SUCCESS;
}

int cuGraphDestroy(void *graph) {
    BEGIN_IN_CONTEXT("cuGraphDestroy");
    delete static_cast<Graph *>(graph);
    return SUCCESS;
}

int cuEventCreate(void **handle, unsigned) {
    BEGIN_IN_CONTEXT("cuEventCreate");
    auto event = std::make_shared<Event>();
    *handle = event.get();
    state().events[*handle] = event;
    return SUCCESS;
}

int cuEventDestroy_v2(void *handle) {
    BEGIN_IN_CONTEXT("cuEventDestroy_v2");
    return state().events.erase(handle) == 1 ? SUCCESS : INVALID_VALUE;
}

int cuEventRecord(void *handle, void *stream_handle) {
    BEGIN_IN_CONTEXT("cuEventRecord");
    const auto event = event_of(handle);
    const auto stream = stream_of(stream_handle);
    if (!event || !stream) return INVALID_VALUE;
    if (stream->captured) return CAPTURE_UNSUPPORTED;
    const uint64_t record = ++event->recorded;
    stream->ask([event, record] {
        event->reached = record;
        event->time = std::chrono::steady_clock::now();
    });
    event->stream = stream;
    event->position = stream->asked;
    return SUCCESS;
}

int cuEventSynchronize(void *handle) {
    BEGIN_IN_CONTEXT("cuEventSynchronize");
    REFUSE_IN_CAPTURE();
    const auto event = event_of(handle);
    if (!event) return INVALID_VALUE;
    if (event->stream) event->stream->run_until(event->position);
    return state().margins_are_whole() ? SUCCESS : ILLEGAL_ADDRESS;
}

// Whoever asks again and again comes to the end: a question that is answered with no lets the
// device work.
int cuEventQuery(void *handle) {
    BEGIN_IN_CONTEXT("cuEventQuery");
    REFUSE_IN_CAPTURE();
    const auto event = event_of(handle);
    if (!event) return INVALID_VALUE;
    if (event->reached == event->recorded) return SUCCESS;
    event->stream->try_until(event->position);
    return NOT_READY;
}

int cuEventElapsedTime(float *milliseconds, void *from, void *until) {
    BEGIN_IN_CONTEXT("cuEventElapsedTime");
    const auto start = event_of(from), end = event_of(until);
    if (!start || !end || start->recorded == 0 || end->recorded == 0) return INVALID_VALUE;
    if (start->reached != start->recorded || end->reached != end->recorded) return NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return SUCCESS;
}

int cuModuleLoadData(void **module, const void *image) {
    BEGIN_IN_CONTEXT("cuModuleLoadData");
    const std::string ptx = static_cast<const char *>(image);
    if (ptx.find(".version") == std::string::npos) return INVALID_IMAGE;
    *module = new Module{ptx};
    return SUCCESS;
}

int cuModuleUnload(void *module) {
    BEGIN_IN_CONTEXT("cuModuleUnload");
    delete static_cast<Module *>(module);
    return SUCCESS;
}

// The kernel must be in the PTX as well, with parameters of the same sizes.
int cuModuleGetFunction(void **function, void *module, const char *name) {
    BEGIN_IN_CONTEXT("cuModuleGetFunction");
    auto found = kernels().find(name);
    std::vector<size_t> bytes;
    if (found == kernels().end() ||
        !parameters_in_ptx(static_cast<Module *>(module)->ptx, name, bytes))
        return NOT_FOUND;
    if (bytes != found->second.parameter_bytes) return INVALID_IMAGE;
    *function = const_cast<Kernel *>(&found->second);
    return SUCCESS;
}

int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned, void *handle,
                   void **arguments, void **) {
    BEGIN_IN_CONTEXT("cuLaunchKernel");
    const auto stream = stream_of(handle);
    if (!stream || grid_x == 0 || grid_y != 1 || grid_z != 1 || block_x == 0 || block_x > 1024 ||
        block_y != 1 || block_z != 1) {
        return INVALID_VALUE;
    }
    Index grid, block;
    grid.x = grid_x;
    block.x = block_x;
    stream->ask(static_cast<Kernel *>(function)->launch(arguments, grid, block));
    return SUCCESS;
}

} // extern "C"
