// blur_act: the filter behind an upsampling convolution and the bias_act that follows it, in one pass over memory.
#include "activation.h"
#include "fir_kernels.h"

namespace cuda_ops::cuda {
namespace {

template <typename T, bool LAST>
struct Activate {
  Terms<T, LAST> terms;
  Activation<compute_t<T>> act;

  template <int V>
  __device__ auto channel(unsigned sample, unsigned first) const {
    return terms.template channel<V>(sample, first);
  }

  template <typename A, int V>
  __device__ Values<A, V> operator()(const Values<A, V>& values, const Channel<A, V>& channel, unsigned sample,
                                     unsigned pixel) const {
    return act(terms(values, channel, sample, pixel));
  }
};

}  // namespace

cudaError_t blur_act(DType dtype, const Picture& of_x, const Picture& of_y, const Fir& fir, const BiasAct& args,
                     const void* x, void* y, cudaStream_t stream) {
  return by_type(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto activate = [&](auto last) {
      return Activate<T, last>{Terms<T, last>(args, of_y), Activation<compute_t<T>>(args)};
    };
    const Filtering<T, decltype(activate)> filtering{
        of_x, of_y, {fir, of_x, of_y}, static_cast<const T*>(x), static_cast<T*>(y), activate, stream};
    if constexpr (HAS_FAST_KERNELS<T>)
      if (fir.count == TAPS) return filtering.template with_four_taps<1, 1>(args.b, args.scale);
    return filtering.with_any();
  });
}

}  // namespace cuda_ops::cuda
