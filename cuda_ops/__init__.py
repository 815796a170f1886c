"""The native operations of StyleGAN2 and StyleGAN3, each with its plain-torch twin. Importing compiles nothing.

    bias_act(x, b, scale, noise)   scale, add noise and bias, leaky ReLU, gain, clamp
    upfirdn2d(x, taps, up=2)       zero-insert, pad or crop, separable FIR filter, decimate
    blur_act(x, taps, b, ...)      the filter behind an upsampling convolution and bias_act, in one pass
    filtered_lrelu(x, b, scale, ...)  upsample, leaky ReLU, clamp, downsample

`STYLECLIP_OPS=auto|native|reference` chooses the implementation; `backend()` names the one in use.
"""

from cuda_ops._backend import CHOICES, backend, unavailable_reason
from cuda_ops.bias_act import bias_act, bias_act_reference
from cuda_ops.blur_act import blur_act, blur_act_reference
from cuda_ops.filtered_lrelu import filtered_lrelu, filtered_lrelu_reference
from cuda_ops.upfirdn2d import upfirdn2d, upfirdn2d_reference

__all__ = [
    "CHOICES",
    "backend",
    "bias_act",
    "bias_act_reference",
    "blur_act",
    "blur_act_reference",
    "filtered_lrelu",
    "filtered_lrelu_reference",
    "unavailable_reason",
    "upfirdn2d",
    "upfirdn2d_reference",
]
