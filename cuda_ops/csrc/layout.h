// Shared by the kernels of every device: the memory format of results, and the checks of argument shapes.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace cuda_ops {

// channels_last where the channels of a pixel [N, C, H, W] lie side by side, else contiguous; `empty` in
// cuda_ops/_register.py has the same rule for shapes without data.
inline at::MemoryFormat layout_of(const at::Tensor& x) {
  const bool last = x.dim() == 4 && x.stride(1) == 1 && x.size(2) * x.size(3) > 1;
  return last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

// Raises where the shapes of b, scale or noise do not fit a result [N, C, ...] of these sizes.
inline void check_terms(const at::Tensor& x, at::IntArrayRef sizes, const std::optional<at::Tensor>& b,
                        const std::optional<at::Tensor>& scale, const std::optional<at::Tensor>& noise) {
  const auto fits = [&](const at::Tensor& term) {
    return term.device() == x.device() && term.scalar_type() == x.scalar_type();
  };
  TORCH_CHECK(sizes.size() >= 2, "bias_act: x needs the shape [N, C, ...], not ", sizes);
  TORCH_CHECK(!b || (fits(*b) && b->sizes() == sizes.slice(1, 1)),
              "bias_act: b needs the shape [", sizes[1], "], the dtype and the device of x");
  TORCH_CHECK(!scale || (fits(*scale) && scale->sizes() == sizes.slice(0, 2)),
              "bias_act: scale needs the shape [", sizes[0], ", ", sizes[1], "], the dtype and the device of x");
  TORCH_CHECK(!noise || (fits(*noise) && noise->dim() == 4 && sizes.size() == 4 && noise->size(1) == 1 &&
                         (noise->size(0) == 1 || noise->size(0) == sizes[0]) &&
                         noise->sizes().slice(2) == sizes.slice(2)),
              "bias_act: noise needs the shape [N or 1, 1, H, W] of the result, the dtype and the device of x");
}

}  // namespace cuda_ops
