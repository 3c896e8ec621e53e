// Stands in for libtorch_cuda.so: says that it is there, and sees two devices. It computes nothing.

#include <ATen/detail/CUDAHooksInterface.h>

// The name under which libtorch looks for it.
struct CUDAHooks : at::CUDAHooksInterface {
    explicit CUDAHooks(at::CUDAHooksArgs) {}
    bool hasCUDA() const override { return true; }
    bool hasCUDART() const override { return true; }
    int getNumGPUs() const override { return 2; }
    at::DeviceIndex deviceCount() const override { return 2; }
};

using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks)
