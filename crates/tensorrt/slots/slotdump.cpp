// Prints the vtable slot (Itanium C++ ABI) of every method that rszs-tensorrt calls, one
// "Class::method SLOT" a line, from installed NVIDIA headers. README.md in this folder says how to
// compile it. Building the crate never needs it.
#include "cuda_runtime_api.h"
#include "NvInfer.h"
#include "NvOnnxParser.h"
#include <cstdio>
#include <cstring>

// A pointer to a virtual member function holds its slot: 1 + 8 * slot in the pointer, or in the
// adjustment on Arm.
template <class M> long slot(M m) {
    struct {
        std::ptrdiff_t ptr, adj;
    } r;
    static_assert(sizeof r == sizeof m, "expected the Itanium C++ ABI");
    std::memcpy(&r, &m, sizeof r);
#if defined(__aarch64__) || defined(__arm__)
    return (r.adj & 1) ? r.ptr / 8 : -1;
#else
    return (r.ptr & 1) ? (r.ptr - 1) / 8 : -1;
#endif
}

using namespace nvinfer1;
using namespace nvinfer1::apiv;
using nvonnxparser::IParser;
using nvonnxparser::IParserError;
#define SLOT(C, M) std::printf("%s::%s %ld\n", #C, #M, slot(&C::M));

int main() {
    SLOT(VBuilder, createBuilderConfig)
    SLOT(VBuilder, createNetworkV2)
    SLOT(VBuilder, createOptimizationProfile)
    SLOT(VBuilder, buildSerializedNetwork)
    SLOT(VBuilderConfig, setFlag)
    SLOT(VBuilderConfig, clearFlag)
    SLOT(VBuilderConfig, addOptimizationProfile)
    SLOT(VBuilderConfig, createTimingCache)
    SLOT(VBuilderConfig, setTimingCache)
    SLOT(VBuilderConfig, setMemoryPoolLimit)
    SLOT(VBuilderConfig, setBuilderOptimizationLevel)
    SLOT(VBuilderConfig, setProfilingVerbosity)
    SLOT(VBuilderConfig, setProgressMonitor)
    SLOT(VNetworkDefinition, getNbLayers)
    SLOT(VNetworkDefinition, getNbInputs)
    SLOT(VNetworkDefinition, getInput)
    SLOT(VNetworkDefinition, getNbOutputs)
    SLOT(VNetworkDefinition, getOutput)
    SLOT(VTensor, getName)
    SLOT(VTensor, getDimensions)
    SLOT(VTensor, getType)
    SLOT(VOptimizationProfile, setDimensions)
    SLOT(VHostMemory, data)
    SLOT(VHostMemory, size)
    SLOT(VTimingCache, serialize)
    std::printf("VRuntime::deserializeCudaEngine %ld\n",
                slot(static_cast<ICudaEngine *(VRuntime::*)(void const *, std::size_t) noexcept>(
                    &VRuntime::deserializeCudaEngine)));
    SLOT(VCudaEngine, createExecutionContext)
#if NV_TENSORRT_MAJOR == 10
    SLOT(VCudaEngine, getDeviceMemorySize)
#endif
#if NV_TENSORRT_MAJOR != 10 || NV_TENSORRT_MINOR >= 1
    SLOT(VCudaEngine, getDeviceMemorySizeV2)
    SLOT(VExecutionContext, setDeviceMemoryV2)
#endif
    SLOT(VExecutionContext, setDeviceMemory)
    SLOT(VCudaEngine, getNbOptimizationProfiles)
    SLOT(VCudaEngine, getTensorShape)
    SLOT(VCudaEngine, getTensorDataType)
    SLOT(VCudaEngine, getTensorIOMode)
    SLOT(VCudaEngine, getProfileShape)
    SLOT(VCudaEngine, getNbIOTensors)
    SLOT(VCudaEngine, getIOTensorName)
    SLOT(VExecutionContext, setOptimizationProfileAsync)
    SLOT(VExecutionContext, setInputShape)
    SLOT(VExecutionContext, getTensorShape)
    SLOT(VExecutionContext, setTensorAddress)
    SLOT(VExecutionContext, inferShapes)
    SLOT(VExecutionContext, enqueueV3)
    SLOT(IParser, parse)
    SLOT(IParser, getNbErrors)
    SLOT(IParser, getError)
    SLOT(IParserError, code)
    SLOT(IParserError, desc)
    SLOT(IParserError, node)
    SLOT(IParserError, nodeName)
    SLOT(IParserError, nodeOperator)
    SLOT(ILogger, log)
    SLOT(IProgressMonitor, phaseStart)
    SLOT(IProgressMonitor, stepComplete)
    SLOT(IProgressMonitor, phaseFinish)
}
