//! One buffer behind several tensors.

use tch::Tensor;

use crate::TrainError;

/// Tensors that lie one after the other in one buffer, so that one operation acts on all of them.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    /// Nothing before the first tensors.
    whole: Option<Tensor>,
}

impl Flat {
    /// `tensors` as one, `[numbers]`. Tensors that do not already fill the buffer in this order are
    /// moved into a new one: their values, gradients and handles stay.
    pub(crate) fn over(&mut self, tensors: &[Tensor]) -> Result<Tensor, TrainError> {
        if let Some(whole) = self.whole.as_ref().filter(|whole| fill(whole, tensors)) {
            return Ok(whole.shallow_clone());
        }
        let _guard = tch::no_grad_guard();
        let whole = joined(tensors)?;
        let lengths: Vec<i64> = tensors.iter().map(|tensor| tensor.numel() as i64).collect();
        for (tensor, part) in tensors.iter().zip(whole.f_split_with_sizes(lengths, 0)?) {
            tensor.shallow_clone().f_set_data(&part.f_view_as(tensor)?)?;
        }
        self.whole = Some(whole.shallow_clone());
        Ok(whole)
    }
}

/// A copy of all numbers of `tensors`, one after the other. Not for a backward pass to see.
pub(crate) fn joined(tensors: &[Tensor]) -> Result<Tensor, TrainError> {
    let rows: Result<Vec<Tensor>, _> =
        tensors.iter().map(|tensor| tensor.f_flatten(0, -1)).collect();
    Ok(Tensor::f_cat(&rows?, 0)?)
}

/// Whether `tensors` are exactly the memory of `whole`, in this order. Memory that `whole` owns is
/// nobody else's, so addresses tell.
fn fill(whole: &Tensor, tensors: &[Tensor]) -> bool {
    let mut place = whole.data_ptr() as usize;
    let number_bytes = whole.kind().elt_size_in_bytes();
    let end = place + whole.numel() * number_bytes;
    tensors.iter().all(|tensor| {
        let begins_here = tensor.data_ptr() as usize == place;
        place += tensor.numel() * number_bytes;
        begins_here
    }) && place == end
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn leaf(length: i64, first: i64) -> Tensor {
        Tensor::arange_start(first, first + length, (Kind::Float, Device::Cpu))
            .set_requires_grad(true)
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten(0, -1).try_into().unwrap()
    }

    #[test]
    fn tensors_share_the_buffer_and_stay_leaves_that_learn() {
        let tensors = [leaf(3, 0), leaf(4, 3)];
        let whole = Flat::default().over(&tensors).unwrap();
        assert_eq!(values(&whole), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let _ = whole.shallow_clone().fill_(2.0);
        assert_eq!(values(&tensors[1]), [2.0; 4]);
        assert!(tensors.iter().all(|tensor| tensor.is_leaf() && tensor.requires_grad()));
        (tensors[0].sum(Kind::Float) + tensors[1].square().sum(Kind::Float)).backward();
        assert_eq!(values(&tensors[0].grad()), [1.0; 3]);
        assert_eq!(values(&tensors[1].grad()), [4.0; 4]);
    }

    #[test]
    fn a_gradient_in_a_buffer_is_added_to_where_it_lies() {
        let tensors = [leaf(3, 0).reshape([1, 3]).detach().set_requires_grad(true), leaf(2, 0)];
        let mut flat = Flat::default();
        let learn = || {
            (tensors[0].tr().sum(Kind::Float) + tensors[1].sum(Kind::Float) * 2.0).backward();
        };
        let gradients = || tensors.each_ref().map(Tensor::grad);
        learn();
        let whole = flat.over(&gradients()).unwrap();
        learn();
        assert_eq!(values(&whole), [2.0, 2.0, 2.0, 4.0, 4.0]);
        assert_eq!(flat.over(&gradients()).unwrap().data_ptr(), whole.data_ptr());
    }

    #[test]
    fn a_new_buffer_is_made_for_other_tensors_only() {
        let mut tensors = vec![leaf(3, 0), leaf(4, 3), leaf(1, 7)];
        let mut flat = Flat::default();
        let mut place = |tensors: &[Tensor]| flat.over(tensors).unwrap().data_ptr();
        let first = place(&tensors);
        assert_eq!(place(&tensors), first);
        tensors[1] = leaf(4, 20);
        let replaced = place(&tensors);
        assert_ne!(replaced, first);
        tensors.pop();
        let shorter = place(&tensors);
        assert_ne!(shorter, replaced);
        tensors.swap(0, 1);
        assert_ne!(place(&tensors), shorter);
        assert_eq!(values(&tensors[0]), [20.0, 21.0, 22.0, 23.0]);
    }
}
