//! What a step asks of libtorch does not grow with the network.
//!
//! libtorch tells its observers of every operation (`ATen/record_function.h`). torch-sys has no
//! function for them, so this is the C++ function by its name in the Itanium ABI.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "foreign functions")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Mutex;

use rszs_train::{AdamW, AdamWSettings, Average, Parameters};
use tch::{Device, Kind, Tensor};

/// `at::RecordFunctionCallback` of libtorch 2.11.
#[repr(C)]
struct Observer {
    /// Returns a `std::unique_ptr`, which the caller has made room for.
    start: extern "C" fn(*mut *mut c_void, *const c_void) -> *mut *mut c_void,
    end: *const c_void,
    share: f64,
    scopes: [bool; 10],
    needs_inputs_outputs_ids: [bool; 3],
}

unsafe extern "C" {
    /// `at::CallbackHandle at::addGlobalCallback(at::RecordFunctionCallback)`
    #[link_name = "_ZN2at17addGlobalCallbackENS_22RecordFunctionCallbackE"]
    fn add_global_callback(observer: Observer) -> u64;
    /// `const char* at::RecordFunction::name() const`
    #[link_name = "_ZNK2at14RecordFunction4nameEv"]
    fn name_of(operation: *const c_void) -> *const c_char;
}

/// Operations that compute nothing.
const VIEWS: [&str; 2] = ["aten::flatten", "aten::view"];

static SEEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

extern "C" fn see(context: *mut *mut c_void, operation: *const c_void) -> *mut *mut c_void {
    // SAFETY: libtorch gives an operation that lives through this call, whose name is text, and
    // room for a pointer.
    let name = unsafe {
        context.write(std::ptr::null_mut());
        CStr::from_ptr(name_of(operation))
    };
    *SEEN.lock().unwrap().entry(name.to_string_lossy().into_owned()).or_default() += 1;
    context
}

/// What a step and the moving average ask for, without the views, which compute nothing: of two
/// groups of parameters with so many tensors each.
fn operations(tensors: usize) -> BTreeMap<String, usize> {
    let mut parameters = Parameters::empty(Device::Cpu);
    for index in 0..tensors {
        let shape = [3, 2 + index as i64 % 2];
        let ones = || Tensor::ones(shape, (Kind::Float, Device::Cpu));
        parameters.insert(&format!("vlm.{index}.weight"), ones()).unwrap();
        parameters.insert(&format!("carh.{index}.bias"), ones().flatten(0, -1)).unwrap();
    }
    let settings = AdamWSettings {
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.05,
        max_gradient_norm: 1.0,
        learning_rate_factors: BTreeMap::from([("vlm".to_owned(), 0.01)]),
    };
    let mut optimizer = AdamW::new(settings);
    let mut average = Average::new(&parameters, 0.99).unwrap();
    let mut seen = BTreeMap::new();
    // The first step makes the buffers.
    for _ in 0..2 {
        for (_, tensor) in parameters.iter() {
            tensor.sum(Kind::Float).backward();
        }
        SEEN.lock().unwrap().clear();
        optimizer.step(&parameters, 1e-3).unwrap();
        average.update(&parameters).unwrap();
        seen = std::mem::take(&mut *SEEN.lock().unwrap());
        seen.retain(|name, _| !VIEWS.contains(&name.as_str()));
    }
    seen
}

#[test]
fn a_step_is_as_many_operations_whatever_the_network() {
    tch::set_num_threads(1);
    let observer = Observer {
        start: see,
        end: std::ptr::null(),
        share: 1.0,
        scopes: [true; 10],
        needs_inputs_outputs_ids: [false; 3],
    };
    // SAFETY: the layout is that of libtorch 2.11; the function that it names is never removed.
    unsafe { add_global_callback(observer) };
    let (few, many) = (operations(3), operations(30));
    assert_eq!(few, many);
    assert!(few["aten::lerp_"] == 5, "moments of two groups and the average: {few:?}");
}
