// Launches of kernels: the choice of the template instance and of the grid.
#pragma once

#include <limits>
#include <type_traits>
#include <utility>

#include "ops.h"
#include "values.h"

namespace cuda_ops::cuda {

template <typename I>
__host__ __device__ constexpr I ceil_div(I a, I b) {
  return (a + b - 1) / b;
}

struct Grid {
  int64_t x, y;

  explicit Grid(int64_t x, int64_t y = 1) : x(x), y(y) {}
};

// kernel<<<grid, block, 0, stream>>>(args...), spelled so that a C++ compiler reads it too.
template <typename... Parameters, typename... Args>
cudaError_t launch(void (*kernel)(Parameters...), Grid grid, dim3 block, cudaStream_t stream, Args&&... args) {
  if (grid.x > std::numeric_limits<int32_t>::max()) return cudaErrorInvalidConfiguration;  // not cut to 32 bits
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y);
  config.blockDim = block;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...);
}

template <typename T>
struct Type {
  using type = T;
};

// Calls run(Type<T>()) with the C++ type of a tensor's values.
template <typename Run>
cudaError_t by_type(DType dtype, Run run) {
  switch (dtype) {
    case DType::float32: return run(Type<float>());
    case DType::float64: return run(Type<double>());
    case DType::float16: return run(Type<__half>());
    case DType::bfloat16: return run(Type<__nv_bfloat16>());
  }
  return cudaErrorInvalidValue;
}

// Calls run(V, LAST) with the layout and with how many adjacent values a thread may move at once: as many as 16 bytes
// hold where the rows of adjacent values and all pointers allow it, else one.
template <typename T, typename Run, typename... Pointers>
cudaError_t by_layout(const Picture& picture, Run run, Pointers... pointers) {
  const std::integral_constant<int, WIDEST<T>> wide;
  const std::integral_constant<int, 1> one;
  const bool fits = picture.row() % WIDEST<T> == 0 && ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
  if (picture.channels_last) return fits ? run(wide, std::true_type()) : run(one, std::true_type());
  return fits ? run(wide, std::false_type()) : run(one, std::false_type());
}

}  // namespace cuda_ops::cuda
