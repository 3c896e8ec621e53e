//! Objects with tables whose every slot writes the call down.

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::control::{record, state};
use crate::exports;
use crate::script::{self, Answer, Argument};

/// An object as NVIDIA's are, with what the recorder needs behind it.
#[repr(C)]
pub(crate) struct Fake {
    table: *const *const c_void,
    implementation: *mut Fake,
    class: &'static str,
    is_alive: AtomicBool,
}

/// `nvinfer1::Dims64`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    rank: i32,
    sizes: [i64; 8],
}

impl Shape {
    /// A rank of -1 for what is unknown, as NVIDIA's libraries answer.
    pub(crate) fn new(shape: Option<Vec<i64>>) -> Self {
        let mut sizes = [0; 8];
        let Some(shape) = shape else { return Self { rank: -1, sizes } };
        sizes[..shape.len()].copy_from_slice(&shape);
        Self { rank: shape.len() as i32, sizes }
    }

    fn sizes(&self) -> &[i64] {
        &self.sizes[..self.rank as usize]
    }
}

const SLOTS: usize = 64;

// Both take as many words as any method here; of a method with fewer, the rest is whatever the
// registers held, and is not looked at. A shape is returned through memory whose address comes in a
// register of its own or before `this`: hence two functions.
extern "C" fn number<const SLOT: usize>(this: *mut Fake, a: usize, b: usize, c: usize) -> usize {
    call(this, SLOT, [a, b, c])
}

extern "C" fn shape<const SLOT: usize>(this: *mut Fake, a: usize, b: usize, c: usize) -> Shape {
    call(this, SLOT, [a, b, c]);
    match &state().network {
        // SAFETY: every method of a network's that answers with a shape takes a name first.
        Some(network) => network.shape(&unsafe { text(a) }),
        None => Shape { rank: 2, sizes: [3, -1, 0, 0, 0, 0, 0, 0] },
    }
}

/// # Safety
/// `address` is that of a string.
unsafe fn text(address: usize) -> String {
    // SAFETY: the caller's word.
    unsafe { CStr::from_ptr(address as *const c_char) }.to_string_lossy().into_owned()
}

macro_rules! slots {
    ($function:ident: $($slot:literal)*) => { [$($function::<$slot> as *const c_void),*] };
}

#[rustfmt::skip]
fn numbers() -> [*const c_void; SLOTS] {
    slots!(number:
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
        16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
        48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    )
}

#[rustfmt::skip]
fn shapes() -> [*const c_void; SLOTS] {
    slots!(shape:
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
        16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
        48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    )
}

/// A new object. `V…` are implementations behind an object that can only be deleted; the others are
/// interfaces.
pub(crate) fn object(class: &'static str) -> *mut Fake {
    if !class.starts_with('V') {
        return leak(class, std::ptr::null_mut());
    }
    leak("INoCopy", leak(class, std::ptr::null_mut()))
}

fn leak(class: &'static str, implementation: *mut Fake) -> *mut Fake {
    let mut table = numbers();
    for (slot, entry) in table.iter_mut().enumerate() {
        let method = script::method(class, slot);
        if method.is_some_and(|method| matches!(script::answer(method), Answer::Shape)) {
            *entry = shapes()[slot];
        }
    }
    let table = Box::leak(Box::new(table)).as_ptr();
    Box::into_raw(Box::new(Fake { table, implementation, class, is_alive: AtomicBool::new(true) }))
}

fn call(this: *mut Fake, slot: usize, arguments: [usize; 3]) -> usize {
    // SAFETY: the caller got the object here, and none is ever freed.
    let fake = unsafe { &*this };
    let is_deletion = match fake.class {
        "INoCopy" => slot == 1,
        // Behind `clearErrors` and the complete destructor, in both generations of the interface.
        "IParser" => script::method("IParser", slot - 3.min(slot)) == Some("IParser::getError"),
        _ => false,
    };
    if is_deletion {
        // SAFETY: as above.
        let deleted = unsafe { fake.implementation.as_ref() }.unwrap_or(fake);
        let was_alive = deleted.is_alive.swap(false, Ordering::Relaxed);
        record(format!("delete {}{}", deleted.class, if was_alive { "" } else { " AGAIN" }));
        return 0;
    }
    let Some(method) = script::method(fake.class, slot) else {
        record(format!("{}, UNKNOWN SLOT {slot}", fake.class));
        return 0;
    };
    let death = if fake.is_alive.load(Ordering::Relaxed) { "" } else { " AFTER DELETION" };
    record(format!("{method}({}){death}", written(method, arguments)));
    let end = state().ends.get(method).copied();
    if let Some(end) = end {
        exports::log(1, &format!("{method} was told to end"));
        end.meet();
    }
    if method == "VBuilderConfig::setProgressMonitor" {
        state().monitor = arguments[0];
    }
    let is_stopped = method == "VBuilder::buildSerializedNetwork" && !exports::report_progress();
    let other_answer = state().answers.get(method).copied();
    if is_stopped || other_answer.is_some() {
        exports::log(1, &format!("{method} was told to refuse"));
        return other_answer.unwrap_or(0);
    }
    if let Some(answer) = of_network(method, arguments) {
        return answer;
    }
    match script::answer(method) {
        Answer::Number(number) => number,
        Answer::Object(class) => object(class) as usize,
        Answer::Data(data) => data.as_ptr() as usize,
        Answer::Shape => 0,
    }
}

/// The answer of a method that the network of a script knows more about.
fn of_network(method: &str, [a, b, _]: [usize; 3]) -> Option<usize> {
    let mut state = state();
    let network = state.network.as_mut()?;
    // SAFETY: the methods below that use it take a name first.
    let name = || unsafe { text(a) };
    Some(match method {
        "VHostMemory::data" => network.plan.as_ptr() as usize,
        "VHostMemory::size" => network.plan.len(),
        "VRuntime::deserializeCudaEngine" => {
            // SAFETY: the method takes bytes.
            let is_ours = unsafe { std::slice::from_raw_parts(a as *const u8, b) } == network.plan;
            if is_ours {
                return None;
            }
            drop(state);
            exports::log(1, "the plan is of another version or device");
            0
        }
        "VCudaEngine::getNbIOTensors" => network.tensors.len(),
        "VCudaEngine::getIOTensorName" => network.tensors[a].name.as_ptr() as usize,
        "VCudaEngine::getTensorIOMode" => {
            network.tensor(&name()).map_or(0, |tensor| 2 - usize::from(tensor.is_input))
        }
        "VCudaEngine::getTensorDataType" => network.tensor(&name())?.data_type,
        "VExecutionContext::setInputShape" => {
            // SAFETY: the method takes a name and a shape.
            let sizes = unsafe { &*(b as *const Shape) }.sizes().to_vec();
            network.shapes.insert(name(), sizes);
            1
        }
        "VExecutionContext::setTensorAddress" => {
            network.addresses.insert(name(), b);
            1
        }
        "VExecutionContext::enqueueV3" => usize::from(network.run(a)),
        _ => return None,
    })
}

/// The arguments as text.
fn written(method: &str, values: [usize; 3]) -> String {
    let mut values = values.into_iter();
    let mut next = || values.next().expect("no method here takes more");
    let kinds = script::arguments(method).iter();
    let texts = kinds.map(|kind| match kind {
        // SAFETY: the method takes a string here.
        Argument::Text => unsafe { text(next()) },
        Argument::Integer => (next() as i32).to_string(),
        Argument::Word => format!("{:#x}", next()),
        Argument::Shape => {
            // SAFETY: the method takes a pointer to a shape here.
            let shape = unsafe { *(next() as *const Shape) };
            format!("{:?}", shape.sizes())
        }
        Argument::Bytes => {
            next();
            format!("{} bytes", next())
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}
