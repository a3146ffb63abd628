#pragma once
// The special functions that the intervals need. For this room only; Boost.Math stays in
// special.cpp.

namespace sighter::stats {

double normal_quantile(double p);                           // z with P(Z <= z) = p, p in (0, 1)
double beta_quantile(double a, double b, double p);         // x with P(X <= x) = p, X of Beta(a, b)
double beta_below(double a, double b, double x);            // P(X <= x)
double beta_tail(double a, double b, double x);             // P(X > x)
double student_quantile(double degrees, double two_sided);  // t with P(|T| > t) = two_sided

}  // namespace sighter::stats
