// The conversions of __half, to the nearest with ties to even.
#pragma once

#include <cmath>
#include <cstdint>

struct __half {
  uint16_t bits;
};

inline float __half2float(__half half) {
  const int exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  const float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                          : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                         : std::ldexp(fraction, -24);
  return half.bits >> 15 ? -magnitude : magnitude;
}

inline __half __float2half(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return {uint16_t(sign | 0x7e00)};
  if (magnitude >= 65520) return {uint16_t(sign | 0x7c00)};
  if (magnitude < std::ldexp(1.0f, -14)) return {uint16_t(sign | int(std::nearbyint(std::ldexp(magnitude, 24))))};
  int exponent;
  const float fraction = std::frexp(magnitude, &exponent);  // in [1/2, 1)
  // where the fraction is rounded up to 2, it carries into the exponent
  return {uint16_t(sign | (((exponent + 13) << 10) + int(std::nearbyint(std::ldexp(fraction, 11)))))};
}
