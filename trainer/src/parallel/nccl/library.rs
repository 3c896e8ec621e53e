//! NCCL's functions, loaded while the program runs.
//!
//! The types are cudarc's. Its functions are not called: cudarc 0.19.10 looks for `libnccl.so` and
//! `libnccl.so.1`, and the packages of `PyPI` and Debian have `libnccl.so.2` alone; it ends the
//! program where there is none; and it reads codes as an enum, so that a code of a later NCCL would
//! be undefined.
#![allow(unsafe_code, reason = "every call of NCCL is a foreign function")]

use std::ffi::{CStr, c_char, c_int, c_void};

use cudarc::nccl::sys::{
    cudaStream_t, ncclComm_t, ncclConfig_v21700, ncclDataType_t, ncclRedOp_t, ncclUniqueId,
};
use rszs_cuda::Stream;

/// Names under which the loader knows NCCL, from packages and from a folder of one's own.
const NAMES: [&str; 2] = ["libnccl.so.2", "libnccl.so"];
/// That of cudarc's oldest binding, whose `ncclConfig_t` later versions take as well.
const LEAST_VERSION: c_int = 22_200;
/// `NCCL_CONFIG_INITIALIZER` of nccl.h.
const CONFIG_MAGIC: u32 = 0xcafe_beef;
/// `NCCL_CONFIG_UNDEF_INT` of nccl.h: NCCL chooses.
const UNDEFINED: c_int = c_int::MIN;

const SUCCESS: u32 = 0;
const IN_PROGRESS: u32 = 7;
/// Names of the codes from 0 on, as nccl.h has them.
const CODES: [&str; 9] = [
    "ncclSuccess",
    "ncclUnhandledCudaError",
    "ncclSystemError",
    "ncclInternalError",
    "ncclInvalidArgument",
    "ncclInvalidUsage",
    "ncclRemoteError",
    "ncclInProgress",
    "ncclTimeout",
];

/// What goes wrong between this program and NCCL.
#[derive(Debug, thiserror::Error)]
pub(super) enum NcclError {
    #[error(
        "libnccl.so.2: expected NCCL 2.22 or later, found none ({reason}); install \
         nvidia-nccl-cu13 (or nvidia-nccl-cu12) from PyPI and put its \
         folder nvidia/nccl/lib into LD_LIBRARY_PATH, or libnccl2 from NVIDIA's Debian repository; \
         libnccl.so was looked for as well"
    )]
    Absent { reason: libloading::Error },
    #[error(
        "libnccl.so.2: expected the function {function}, found none; install NCCL 2.22 or later"
    )]
    MissingFunction { function: &'static str },
    #[error(
        "libnccl.so.2: expected NCCL 2.22 or later, found {found}; install a newer \
         nvidia-nccl-cu13 or libnccl2"
    )]
    Old { found: String },
    #[error("{function}: expected success, found {code} ({explanation})")]
    Call { function: &'static str, code: String, explanation: String },
}

type GetVersion = unsafe extern "C" fn(*mut c_int) -> u32;
type GetUniqueId = unsafe extern "C" fn(*mut ncclUniqueId) -> u32;
type InitRankConfig = unsafe extern "C" fn(
    *mut ncclComm_t,
    c_int,
    ncclUniqueId,
    c_int,
    *mut ncclConfig_v21700,
) -> u32;
type AllReduce = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    usize,
    ncclDataType_t,
    ncclRedOp_t,
    ncclComm_t,
    cudaStream_t,
) -> u32;
type GetAsyncError = unsafe extern "C" fn(ncclComm_t, *mut u32) -> u32;
type Abort = unsafe extern "C" fn(ncclComm_t) -> u32;
type GetErrorString = unsafe extern "C" fn(u32) -> *const c_char;
type GetLastError = unsafe extern "C" fn(ncclComm_t) -> *const c_char;

/// NCCL. It is never unloaded: its threads may still run.
#[derive(Debug)]
pub(super) struct Library {
    version: c_int,
    get_unique_id: GetUniqueId,
    init_rank_config: InitRankConfig,
    all_reduce: AllReduce,
    get_async_error: GetAsyncError,
    abort: Abort,
    get_error_string: GetErrorString,
    get_last_error: GetLastError,
}

impl Library {
    /// Loads NCCL, with every function that is called here, in a version that takes what it is
    /// given.
    pub(super) fn open() -> Result<Self, NcclError> {
        let library = load(NAMES)?;
        // SAFETY: the type is that of nccl.h, as are those below.
        let get_version: GetVersion = unsafe { function(library, "ncclGetVersion") }?;
        // SAFETY: as above.
        let nccl = unsafe {
            Self {
                version: 0,
                get_unique_id: function(library, "ncclGetUniqueId")?,
                init_rank_config: function(library, "ncclCommInitRankConfig")?,
                all_reduce: function(library, "ncclAllReduce")?,
                get_async_error: function(library, "ncclCommGetAsyncError")?,
                abort: function(library, "ncclCommAbort")?,
                get_error_string: function(library, "ncclGetErrorString")?,
                get_last_error: function(library, "ncclGetLastError")?,
            }
        };
        let mut number = 0;
        // SAFETY: NCCL writes one integer.
        nccl.check("ncclGetVersion", unsafe { get_version(&raw mut number) })?;
        if number < LEAST_VERSION {
            return Err(NcclError::Old { found: version(number) });
        }
        Ok(Self { version: number, ..nccl })
    }

    /// As NVIDIA writes it: 2.22.3.
    pub(super) fn version(&self) -> String {
        version(self.version)
    }

    /// What makes a group of its own: rank 0 asks for it and the others are told.
    pub(super) fn unique_id(&self) -> Result<[u8; 128], NcclError> {
        let mut id = ncclUniqueId { internal: [0; 128] };
        // SAFETY: NCCL writes 128 bytes.
        self.check("ncclGetUniqueId", unsafe { (self.get_unique_id)(&raw mut id) })?;
        Ok(id.internal.map(c_char::cast_unsigned))
    }

    fn check(&self, function: &'static str, code: u32) -> Result<(), NcclError> {
        if code == SUCCESS || code == IN_PROGRESS {
            return Ok(());
        }
        let name = CODES
            .get(code as usize)
            .map_or_else(|| format!("code {code}"), |name| (*name).to_owned());
        // SAFETY: both give a string that ends with a zero and lives longer than this call; no
        // group has to be named.
        let texts =
            unsafe { [(self.get_error_string)(code), (self.get_last_error)(std::ptr::null_mut())] };
        let explanation = texts.map(|text| {
            if text.is_null() {
                return String::new();
            }
            // SAFETY: as above.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned()
        });
        let explanation =
            explanation.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        Err(NcclError::Call { function, code: name, explanation })
    }
}

fn load([packaged, own]: [&str; 2]) -> Result<&'static libloading::Library, NcclError> {
    // SAFETY: loading runs the initialisers of NVIDIA's library, which libtorch's CUDA part loads
    // as well.
    let open = |name| unsafe { libloading::Library::new(name) };
    let library =
        open(packaged).or_else(|reason| open(own).map_err(|_| NcclError::Absent { reason }))?;
    Ok(Box::leak(Box::new(library)))
}

/// The function `name` of `library`; `T` must be its type.
unsafe fn function<T: Copy>(
    library: &'static libloading::Library,
    name: &'static str,
) -> Result<T, NcclError> {
    // SAFETY: the caller vouches for the type.
    let symbol = unsafe { library.get::<T>(name.as_bytes()) };
    symbol.map(|symbol| *symbol).map_err(|_| NcclError::MissingFunction { function: name })
}

/// From 2.9 on NCCL writes 2.22.3 as 22203.
fn version(number: c_int) -> String {
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

/// Ranks that sum together: NCCL's communicator, which never blocks the calling thread.
#[derive(Debug)]
pub(super) struct Group {
    library: Library,
    handle: ncclComm_t,
}

impl Group {
    /// Begins to make a group of `size` ranks, this one on the device that is current. It is made
    /// once [`Self::is_ready`].
    pub(super) fn begin(
        library: Library,
        size: usize,
        rank: usize,
        id: &[u8],
    ) -> Result<Self, NcclError> {
        let mut unique = ncclUniqueId { internal: [0; 128] };
        unique.internal.iter_mut().zip(id).for_each(|(letter, byte)| *letter = byte.cast_signed());
        let mut config = ncclConfig_v21700 {
            size: size_of::<ncclConfig_v21700>(),
            magic: CONFIG_MAGIC,
            version: LEAST_VERSION.unsigned_abs(),
            blocking: 0,
            cgaClusterSize: UNDEFINED,
            minCTAs: UNDEFINED,
            maxCTAs: UNDEFINED,
            netName: std::ptr::null(),
            splitShare: UNDEFINED,
        };
        let mut group = Self { library, handle: std::ptr::null_mut() };
        let (size, rank) = (size as c_int, rank as c_int);
        let (handle, settings) = (&raw mut group.handle, &raw mut config);
        // SAFETY: NCCL writes one handle and reads the config, which says its own size.
        let code =
            unsafe { (group.library.init_rank_config)(handle, size, unique, rank, settings) };
        group.library.check("ncclCommInitRankConfig", code)?;
        Ok(group)
    }

    /// NCCL's version.
    pub(super) fn version(&self) -> String {
        self.library.version()
    }

    /// Whether what was last asked of the group is on its way; an error once the group has broken.
    pub(super) fn is_ready(&self) -> Result<bool, NcclError> {
        let mut state = SUCCESS;
        // SAFETY: the handle is alive; NCCL writes one code.
        let code = unsafe { (self.library.get_async_error)(self.handle, &raw mut state) };
        self.library.check("ncclCommGetAsyncError", code)?;
        self.library.check("NCCL", state)?;
        Ok(state != IN_PROGRESS)
    }

    /// Begins to replace `count` numbers at `address` by their sums over all ranks. The sum is on
    /// `stream` once [`Self::is_ready`].
    ///
    /// # Safety
    ///
    /// `count` float32 lie at `address`, on the device of `stream`, and stay there until the stream
    /// has come behind the sum or this is dropped.
    pub(super) unsafe fn sum(
        &self,
        address: *mut c_void,
        count: usize,
        stream: &Stream,
    ) -> Result<(), NcclError> {
        let (float32, sum) = (ncclDataType_t::ncclFloat32, ncclRedOp_t::ncclSum);
        let stream = stream.handle() as cudaStream_t;
        // SAFETY: the caller vouches for the numbers; group and stream are alive.
        let code = unsafe {
            (self.library.all_reduce)(address, address, count, float32, sum, self.handle, stream)
        };
        self.library.check("ncclAllReduce", code)
    }
}

impl Drop for Group {
    /// Gives up what is not summed. Every rank has all its sums when a step ends, so an orderly end
    /// loses nothing by it, and it waits for nobody.
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle is alive and not used again. A failure leaves nothing to do: the
            // process is about to end.
            let _ = unsafe { (self.library.abort)(self.handle) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tell;

    #[test]
    fn versions_are_written_as_nvidia_writes_them() {
        assert_eq!((version(22_203), version(23_002)), ("2.22.3".to_owned(), "2.30.2".to_owned()));
    }

    #[test]
    fn where_there_is_none_the_error_names_the_packages() {
        let told =
            load(["libnccl-of-nobody.so.2", "libnccl-of-nobody.so"]).unwrap_err().to_string();
        for part in
            ["libnccl.so.2: expected NCCL 2.22", "nvidia-nccl-cu13", "nvidia-nccl-cu12", "libnccl2"]
        {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    #[ignore = "needs NVIDIA's NCCL in LD_LIBRARY_PATH and a machine without a GPU; run by hand, \
        as reports/without_gpu.md says"]
    fn the_real_library_refuses_a_machine_without_a_gpu() {
        let library = Library::open().unwrap();
        tell(&format!("NCCL {}", library.version()));
        let id = library.unique_id().unwrap();
        assert!(id.iter().any(|byte| *byte != 0));
        let made = Group::begin(library, 1, 0, &id).and_then(|group| {
            while !group.is_ready()? {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok(group)
        });
        let refusal = made.unwrap_err().to_string();
        tell(&refusal);
        assert!(refusal.contains("expected success, found nccl"), "{refusal}");
    }
}
