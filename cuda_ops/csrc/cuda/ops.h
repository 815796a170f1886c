// The interface of the kernels: plain structs and pointers, so that kernels need no header of torch, and callers no
// header of the kernels.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace cuda_ops::cuda {

enum class DType : int { float32, float64, float16, bfloat16 };

// A dense tensor [samples, channels, height, width]. A sample has less than 2^31 values, so that kernels count in 32
// bits within a sample and in 64 bits across samples.
struct Picture {
  int64_t samples, channels, height, width;
  bool channels_last;  // the channels of a pixel are adjacent, else the pixels of a channel

  int64_t pixels() const { return height * width; }
  int64_t sample() const { return channels * pixels(); }
  int64_t row() const { return channels_last ? channels : pixels(); }  // adjacent values of one pixel, or one channel
};

// The arguments of bias_act; pointers may be null.
struct BiasAct {
  const void* b;       // [channels]
  const void* scale;   // [samples, channels]
  const void* noise;   // [noises, height, width]
  int64_t noises;      // samples, or 1 for one noise that all share
  double slope, gain;  // gain * leaky_relu(v), slope where v <= 0
  double limit;        // bounds the result to [-limit, limit]; infinity does not
};

// The arguments of upfirdn2d. Right and bottom padding follow from the size of the result, which the caller allocates.
struct Fir {
  const void* taps;  // [count], in float, or in double for float64
  int64_t count, up, down;
  int64_t left, top;  // padding, in upsampled pixels
  double gain;
};

// One resampling of filtered_lrelu: up or down by `factor`.
struct Resampling {
  const void* taps;  // [count] or, where it is square, [count, count], in float, or in double for float64; null: a 1
  int64_t count;
  bool square;
  int64_t factor, before;  // padding before the first row and column, in pixels of the larger picture
};

// The arguments of filtered_lrelu, and of its gradient where `a` is not null.
struct FilteredLrelu {
  BiasAct act;                    // without noise
  Resampling up, a_up, down;      // of x, of a, and behind the activation
  int64_t height, width;          // of the upsampled picture
  int64_t a_height, a_width;      // of a
  double gain;                    // of `up` and, with a, of `down` too
};

cudaError_t bias_act(DType, const Picture&, const BiasAct&, const void* x, void* y, cudaStream_t);

// dx as x, sums [2, samples, channels]; `partial` is room for [bias_act_parts(), 2, samples, channels] in float, or in
// double for float64.
int64_t bias_act_parts(DType, const Picture&);
cudaError_t bias_act_backward(DType, const Picture&, const BiasAct&, const void* grad, const void* x, void* dx,
                              void* partial, void* sums, cudaStream_t);

// `x` is the picture that comes in, `y` the one that goes out, with as many samples and channels and in the same
// layout.
cudaError_t upfirdn2d(DType, const Picture& of_x, const Picture& of_y, const Fir&, const void* x, void* y,
                      cudaStream_t);
cudaError_t blur_act(DType, const Picture& of_x, const Picture& of_y, const Fir&, const BiasAct&, const void* x,
                     void* y, cudaStream_t);


// cudaErrorInvalidConfiguration where the filters need more than the shared memory of a block.
cudaError_t filtered_lrelu(DType, const Picture& of_x, const Picture& of_y, const FilteredLrelu&, const void* x,
                           const void* a, void* y, cudaStream_t);

}  // namespace cuda_ops::cuda
