// Tensors as the kernels' launches take them: dimensions, pointers, and the terms of bias_act.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <limits>
#include <optional>

#include "layout.h"
#include "ops.h"

namespace cuda_ops {

using at::Tensor;
using cuda::BiasAct;
using cuda::DType;
using cuda::Picture;
using MaybeTensor = std::optional<Tensor>;
using c10::cuda::CUDAGuard;
using c10::cuda::getCurrentCUDAStream;

constexpr int64_t FAR = 1 << 30;  // positions in a filtered picture are counted in 32 bits

inline DType dtype_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat: return DType::float32;
    case at::kDouble: return DType::float64;
    case at::kHalf: return DType::float16;
    case at::kBFloat16: return DType::bfloat16;
    default: TORCH_CHECK(false, "cuda_ops: x needs to be float32, float64, float16 or bfloat16, not ", x.scalar_type());
  }
}

inline at::ScalarType computed_in(const Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

inline void check_size(const Picture& picture) {
  TORCH_CHECK(picture.sample() <= std::numeric_limits<int32_t>::max(),
              "cuda_ops: a sample needs to have less than 2^31 values, not ", picture.channels, " * ", picture.height,
              " * ", picture.width);
}

// The dimensions and the memory format of `x`.
inline Picture picture_of(const Tensor& x) {
  const bool last = x.dim() == 2 || layout_of(x) == at::MemoryFormat::ChannelsLast;
  Picture picture{x.size(0), x.size(1), 1, 1, last};
  for (int64_t i = 2; i < x.dim(); ++i) picture.width *= x.size(i);
  if (x.dim() == 4) picture.height = x.size(2), picture.width = x.size(3);
  check_size(picture);
  return picture;
}

// BiasAct and the tensors that it points to, for a result of these sizes.
struct Arguments {
  Tensor b, scale, noise;
  BiasAct plain;

  Arguments(const Tensor& x, at::IntArrayRef sizes, const MaybeTensor& b, const MaybeTensor& scale,
            const MaybeTensor& noise, double slope, double gain, std::optional<double> clamp)
      : b(dense(b)), scale(dense(scale)), noise(dense(noise)) {
    check_terms(x, sizes, b, scale, noise);
    const auto data = [](const Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; };
    const double limit = clamp.value_or(std::numeric_limits<double>::infinity());
    plain = {data(this->b), data(this->scale), data(this->noise), noise ? noise->size(0) : 1, slope, gain, limit};
  }

 private:
  static Tensor dense(const MaybeTensor& tensor) { return tensor ? tensor->contiguous() : Tensor(); }
};

}  // namespace cuda_ops
