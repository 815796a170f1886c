// upfirdn2d: the FIR filter alone.
#include "fir_kernels.h"

namespace cuda_ops::cuda {
namespace {

struct Nothing {
  template <int V>
  __device__ Nothing channel(unsigned, unsigned) const {
    return {};
  }

  template <typename A, int V>
  __device__ Values<A, V> operator()(const Values<A, V>& values, Nothing, unsigned, unsigned) const {
    return values;
  }
};

}  // namespace

cudaError_t upfirdn2d(DType dtype, const Picture& of_x, const Picture& of_y, const Fir& fir, const void* x, void* y,
                      cudaStream_t stream) {
  return by_type(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto nothing = [](auto) { return Nothing(); };
    const Filtering<T, decltype(nothing)> filtering{
        of_x, of_y, {fir, of_x, of_y}, static_cast<const T*>(x), static_cast<T*>(y), nothing, stream};
    if constexpr (HAS_FAST_KERNELS<T>) {
      const auto is = [&](int64_t up, int64_t down) { return fir.count == TAPS && fir.up == up && fir.down == down; };
      if (is(1, 1)) return filtering.template with_four_taps<1, 1>();
      if (is(2, 1)) return filtering.template with_four_taps<2, 1>();
      if (is(1, 2)) return filtering.template with_four_taps<1, 2>();
    }
    return filtering.with_any();
  });
}

}  // namespace cuda_ops::cuda
