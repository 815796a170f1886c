// filtered_lrelu on the CPU: a thread makes some columns of the result for one vector of channels, row by row, so that
// the upsampled picture, 4 to 16 times the size of the input, is never larger than its last rows.
#include <torch/library.h>

#include "resampling.h"

namespace cuda_ops {
namespace {

constexpr int64_t COLUMNS = 64;  // of the result that a thread makes at once

// The picture of `sizes` with the planes and the memory format of another.
Picture resized(Picture picture, int64_t height, int64_t width) {
  picture.height = height, picture.width = width;
  return picture;
}

// The size of the upsampled picture.
Picture upsampled(const Picture& of_x, const MaybeTensor& filter, int64_t up, at::IntArrayRef padding) {
  const int64_t more = padding[0] + padding[1] - (filter ? filter->size(0) : 1) + 1;
  const Picture middle = resized(of_x, of_x.height * up + more, of_x.width * up + more);
  TORCH_CHECK(middle.height > 0 && middle.width > 0, "filtered_lrelu: up_filter is larger than the padded picture");
  return middle;
}

// Calls work(channels, first column, last column) for all parts of a result of these sizes, on all threads.
template <typename A, typename Work>
void for_all_parts(const Picture& result, const Work& work) {
  constexpr int64_t LANES = Lanes<A>::count;
  const int64_t vectors = (result.channels + LANES - 1) / LANES, parts = (result.width + COLUMNS - 1) / COLUMNS;
  at::parallel_for(0, result.samples * vectors * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % parts * COLUMNS, vector = i / parts % vectors, channel = vector * LANES;
      const Channels channels{i / parts / vectors, channel, std::min(LANES, result.channels - channel)};
      work(channels, column, std::min(column + COLUMNS, result.width));
    }
  });
}

// The numbers of some channels: those of `tensor` [C] or, with `per_sample`, [N, C]; `otherwise` without a tensor.
template <typename T, typename A>
Vec<A> numbers(const MaybeTensor& tensor, const Channels& at, int64_t channels, bool per_sample, A otherwise) {
  Vec<A> values{};
  const T* from = tensor ? tensor->const_data_ptr<T>() + (per_sample ? at.sample * channels : 0) + at.first : nullptr;
  for (int64_t lane = 0; lane < at.count; ++lane) values[lane] = from ? widen<A>(from[lane]) : otherwise;
  return values;
}

MaybeTensor dense(const MaybeTensor& tensor) { return tensor ? std::make_optional(tensor->contiguous()) : std::nullopt; }

// The leaky ReLU on vectors; see Activation.
template <typename A>
struct VectorActivation {
  A slope, gain, limit;

  explicit VectorActivation(const Activation<A>& act) : slope(act.slope), gain(act.gain), limit(act.limit) {}

  Vec<A> operator()(Vec<A> v) const {
    Vec<A> y = gain * (v > A(0) ? v : slope * v);
    y = y > limit ? limit - Vec<A>{} : y;
    return y < -limit ? -limit - Vec<A>{} : y;
  }

  Vec<A> derivative(Vec<A> v) const {
    const Vec<A> factor = v > A(0) ? gain - Vec<A>{} : gain * slope - Vec<A>{}, y = v * factor;
    return y < -limit || y > limit ? Vec<A>{} : factor;
  }
};

Tensor filtered_lrelu(const Tensor& input, const MaybeTensor& b, const MaybeTensor& scale,
                      const MaybeTensor& up_filter, const MaybeTensor& down_filter, int64_t up, int64_t down,
                      at::IntArrayRef padding, double gain, double slope, std::optional<double> clamp) {
  check_terms(input, input.sizes(), b, scale, std::nullopt);
  const Picture of_x(input), middle = upsampled(of_x, up_filter, up, padding);
  const int64_t taps = down_filter ? down_filter->size(0) : 1;
  TORCH_CHECK(middle.height >= taps && middle.width >= taps, "filtered_lrelu: down_filter is larger than the picture");
  const Picture of_y = resized(of_x, (middle.height - taps) / down + 1, (middle.width - taps) / down + 1);
  const Tensor x = input.contiguous(of_x.format);
  Tensor y = at::empty({of_y.samples, of_y.channels, of_y.height, of_y.width}, x.options(), of_x.format);
  if (y.numel() == 0) return y;
  const MaybeTensor biases = dense(b), scales = dense(scale);
  CUDA_OPS_DISPATCH(x.scalar_type(), "filtered_lrelu", [&] {
    using A = at::opmath_type<scalar_t>;
    const Resampling<A> above(up_filter, of_x, middle, up, 1, padding[0], up * up);
    const Resampling<A> below(down_filter, middle, of_y, 1, down, 0, 1);
    const LanePicture<const scalar_t*> from(x.const_data_ptr<scalar_t>(), of_x);
    const LanePicture<scalar_t*> to(y.mutable_data_ptr<scalar_t>(), of_y);
    const VectorActivation<A> act(Activation<A>(slope, gain, clamp));
    for_all_parts<A>(of_y, [&](const Channels& channels, int64_t begin, int64_t end) {
      std::optional<UpsampledRows<scalar_t, A>> rows;
      int64_t length = 0;
      const auto make = [&](int64_t row, Vec<A>* out) {
        rows->make(row, out);
        for (int64_t i = 0; i < length; ++i) out[i] = act(out[i]);
      };
      DownsampledRows<A, decltype(make)> results(below, begin, end, make);
      length = results.to() - results.from();
      rows.emplace(from, above, channels, results.from(), results.to(),
                   numbers<scalar_t, A>(scales, channels, of_x.channels, true, 1),
                   numbers<scalar_t, A>(biases, channels, of_x.channels, false, 0));
      std::vector<Vec<A>> line(end - begin);
      for (int64_t row = 0; row < of_y.height; ++row) {
        results.make(row, line.data());
        to.template store<A>(channels, row, begin, end - begin, line.data());
      }
    });
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CPU, m) { m.impl("filtered_lrelu", &filtered_lrelu); }

}  // namespace cuda_ops
