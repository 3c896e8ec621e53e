//! The logistic function and its inverse. `core` has neither `exp` nor `ln`.

/// `1 / (1 + exp(-x))`, within 3e-7 of the exact value. Branch-free, so that a loop over it becomes
/// vector code.
#[inline]
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + exponential(-logit))
}

/// `exp(x)` of `x` held to [-80, 80], where an f32 has no trouble.
///
/// `2^t = 2^n * 2^f` with `n` the nearest integer. Polynomial for `2^f` on [-0.5, 0.5]. Source:
/// Cephes, `exp2f.c`.
#[inline]
fn exponential(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the significand.
    const TO_INTEGER: f32 = 12_582_912.0;
    const EXPONENT_BIAS: u32 = 127;
    const EXPONENT_SHIFT: u32 = 23;
    let t = x.clamp(-80.0, 80.0) * core::f32::consts::LOG2_E;
    let shifted = t + TO_INTEGER;
    let f = t - (shifted - TO_INTEGER);
    let mut power = 1.535_336_2e-4;
    for coefficient in
        [1.339_887_4e-3, 9.618_437e-3, 5.550_332_5e-2, 2.402_264_8e-1, core::f32::consts::LN_2, 1.0]
    {
        power = power * f + coefficient;
    }
    let scale = (shifted.to_bits() << EXPONENT_SHIFT).wrapping_add(EXPONENT_BIAS << EXPONENT_SHIFT);
    power * f32::from_bits(scale)
}

/// `ln(p / (1 - p))`: the logit above which the score exceeds `probability`. Infinite at 0 and 1,
/// NaN outside [0, 1].
pub fn logit(probability: f32) -> f32 {
    let p = f64::from(probability);
    match probability {
        0.0 => f32::NEG_INFINITY,
        1.0 => f32::INFINITY,
        p_inside if p_inside > 0.0 && p_inside < 1.0 => {
            (natural_logarithm(p) - natural_logarithm(1.0 - p)) as f32
        }
        _ => f32::NAN,
    }
}

/// `ln(x)` of a positive normal number: `x = m * 2^e` with `m` near 1, then the series of
/// `2 artanh((m - 1) / (m + 1))`.
fn natural_logarithm(x: f64) -> f64 {
    const SIGNIFICAND_BITS: u32 = 52;
    const EXPONENT_BIAS: i32 = 1023;
    let bits = x.to_bits();
    let mut exponent = (bits >> SIGNIFICAND_BITS) as i32 - EXPONENT_BIAS;
    let mut m = f64::from_bits(
        (bits & ((1 << SIGNIFICAND_BITS) - 1)) | ((EXPONENT_BIAS as u64) << SIGNIFICAND_BITS),
    );
    if m > core::f64::consts::SQRT_2 {
        m /= 2.0;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let mut series = 0.0;
    for odd in (1..=17).rev().step_by(2) {
        series = series * s * s + 1.0 / f64::from(odd);
    }
    2.0 * s * series + f64::from(exponent) * core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_is_within_3e_7_of_the_exact_value() {
        for step in -4000..=4000 {
            let x = step as f32 / 100.0;
            let exact = 1.0 / (1.0 + f64::exp(-f64::from(x)));
            assert!(
                (f64::from(sigmoid(x)) - exact).abs() < 3e-7,
                "{x}: {} instead of {exact}",
                sigmoid(x)
            );
        }
        assert!(sigmoid(f32::NAN).is_nan());
        assert!(sigmoid(f32::MAX) > 0.999_999 && sigmoid(f32::MIN) < 1e-6);
    }

    #[test]
    fn logit_is_the_inverse_of_the_exact_sigmoid() {
        for step in 1..1000 {
            let p = step as f32 / 1000.0;
            let exact = (f64::from(p) / (1.0 - f64::from(p))).ln() as f32;
            assert!(
                (logit(p) - exact).abs() <= f32::EPSILON * exact.abs(),
                "{p}: {} instead of {exact}",
                logit(p)
            );
        }
        assert_eq!(
            (logit(0.0).to_bits(), logit(1.0).to_bits()),
            (f32::NEG_INFINITY.to_bits(), f32::INFINITY.to_bits())
        );
        assert!(logit(1.5).is_nan() && logit(-0.5).is_nan() && logit(f32::NAN).is_nan());
    }
}
