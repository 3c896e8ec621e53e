//! One rank: what it is told to do, and the process that does it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use rszs_cuda_simulator::{load, load_nccl};
use rszs_train::parallel::{Communicator, Environment, Transport, TransportKind};
use rszs_train::run::Run;
use rszs_train::train::{job, train_together};
use rszs_train::{RunConfig, Stop, TrainError};
use tch::{Device, Tensor};

use crate::support;

/// Buckets that are on their way at once.
const BUCKETS: usize = 3;
/// Numbers of a bucket.
const NUMBERS: usize = 1000;

/// A job of several ranks.
pub(crate) struct Job {
    variables: Vec<(&'static str, String)>,
    size: usize,
}

impl Job {
    /// `size` ranks that do `task`.
    pub(crate) fn new(size: usize, task: &str) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port() - 1;
        let variables = vec![
            ("WORLD_SIZE", size.to_string()),
            ("MASTER_ADDR", "127.0.0.1".to_owned()),
            ("MASTER_PORT", port.to_string()),
            ("TEST_TASK", task.to_owned()),
            ("TEST_TRANSPORT", "nccl".to_owned()),
        ];
        Self { variables, size }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    /// Starts every rank.
    pub(crate) fn start(&self) -> Vec<Child> {
        let start = |rank: usize| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "--nocapture", "rank::one_rank"]);
            command.envs(self.variables.iter().map(|(name, value)| (name, value)));
            command.env("RANK", rank.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        (0..self.size).map(start).collect()
    }

    /// What each rank told, all of which did as they should.
    pub(crate) fn finish(&self) -> Vec<String> {
        let finish = |(rank, child)| {
            let (is_well, told) = end(child);
            assert!(is_well, "rank {rank}: {told}");
            told
        };
        self.start().into_iter().enumerate().map(finish).collect()
    }

    /// What each rank told, all of which failed.
    pub(crate) fn fail(&self) -> Vec<String> {
        self.start().into_iter().map(failure).collect()
    }
}

fn end(child: Child) -> (bool, String) {
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}

/// What a rank told that failed by an error, not by a signal.
pub(crate) fn failure(child: Child) -> String {
    let (is_well, told) = end(child);
    assert!(!is_well && told.contains("error: "), "{told}");
    told
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Whether the variable `name`, `RANK …`, is for this rank; then what follows.
fn for_rank(name: &str, rank: usize) -> Option<String> {
    let value: String = variable(name)?;
    let (wanted, rest) = value.split_once(' ')?;
    (wanted == rank.to_string()).then(|| rest.to_owned())
}

#[test]
#[ignore = "a rank, which the other tests of this program start as a process of its own"]
fn one_rank() {
    support::single_thread();
    let (driver, nccl) = (load(), load_nccl());
    let environment = Environment::read().unwrap();
    let rank = environment.as_ref().map_or(0, |environment| environment.rank);
    if let Some(failure) = for_rank("TEST_FAIL", rank) {
        let (function, code) = failure.split_once(' ').unwrap();
        let code = code.parse().unwrap();
        if function.starts_with("cu") {
            driver.fail(function, code);
        } else {
            nccl.fail(function, code);
        }
    }
    if let Some(version) = for_rank("TEST_VERSION", rank) {
        nccl.set_version(version.parse().unwrap());
    }
    let kind =
        TransportKind::from_str(&variable::<String>("TEST_TRANSPORT").unwrap(), false).unwrap();
    let ordinal = variable("TEST_DEVICE").unwrap_or(rank as u32);
    let connect = |job: &str| match &environment {
        None => Ok(Communicator::Single),
        Some(environment) => Communicator::connect(environment, job, kind, Some(ordinal)),
    };
    let result = match variable::<String>("TEST_TASK").unwrap().as_str() {
        "train" => train(connect),
        "sum" => connect("a test")
            .and_then(|communicator| sum(communicator, kind == TransportKind::Nccl)),
        "wait" => connect("a test")
            .and_then(|communicator| wait(communicator, variable("TEST_STUCK").unwrap())),
        task => panic!("{task}: expected train, sum or wait"),
    };
    if let Err(error) = result {
        panic!("error: {error}");
    }
}

/// Steps of the tiny network in float32, without stochastic depth, whose draws differ by rank.
fn train(connect: impl FnOnce(&str) -> Result<Communicator, TrainError>) -> Result<(), TrainError> {
    let folder: String = variable("TEST_FOLDER").unwrap();
    let folder = Path::new(&folder);
    let mut changes = support::changes(folder, variable("TEST_STEPS").unwrap());
    changes.push("train.precision = 'float32'".to_owned());
    changes.push("network.vlm.drop_path = 0.0".to_owned());
    changes.push(format!("train.batch_size = {}", variable::<usize>("TEST_BATCH").unwrap()));
    let config = RunConfig::read(&support::nano(), &changes)?;
    let options = rszs_train::train::TrainOptions {
        from: folder.join("text.safetensors"),
        exclude_queries: Vec::new(),
    };
    let communicator = connect(&job(&config, &options)?)?;
    let mut run = Run::open(&folder.join(variable::<String>("TEST_RUN").unwrap()))?;
    train_together(&config, &options, &mut run, Device::Cpu, communicator, &Stop::never()).map(drop)
}

fn transport(communicator: Communicator) -> Box<dyn Transport> {
    let Communicator::Ranks(transport) = communicator else { panic!("expected several ranks") };
    transport
}

/// Number `place` of bucket `bucket` of rank `rank`: sums of these are exact.
fn number(rank: usize, bucket: usize, place: usize) -> f32 {
    (place * (rank + 1) + bucket * 10_000) as f32
}

/// Several buckets at once, with numbers of the processor between them; `is_late`: what libtorch
/// was asked for writes the buckets only when somebody waits for its stream.
fn sum(communicator: Communicator, is_late: bool) -> Result<(), TrainError> {
    let mut transport = transport(communicator);
    let (rank, size) = (transport.rank(), transport.size());
    for bucket in 0..BUCKETS {
        let numbers: Vec<f32> = (0..NUMBERS).map(|place| number(rank, bucket, place)).collect();
        let tensor = if is_late {
            let tensor = Tensor::full([NUMBERS as i64], f64::NAN, (tch::Kind::Float, Device::Cpu));
            let unwritten = tensor.shallow_clone();
            let written = Tensor::from_slice(&numbers);
            let unwritten = std::sync::Mutex::new((unwritten, written));
            load().ask(0, move || {
                let mut tensors = unwritten.lock().unwrap();
                let (unwritten, written) = &mut *tensors;
                unwritten.copy_(written);
            });
            tensor
        } else {
            Tensor::from_slice(&numbers)
        };
        transport.start(tensor)?;
    }
    for bucket in 0..BUCKETS {
        let expected: Vec<f32> = (0..NUMBERS)
            .map(|place| (0..size).map(|rank| number(rank, bucket, place)).sum())
            .collect();
        assert_eq!(Vec::<f32>::try_from(transport.finish()?).unwrap(), expected, "bucket {bucket}");
    }
    let mut numbers = [0.1, rank as f64];
    transport.sum(&mut numbers)?;
    assert_eq!(numbers[1].to_bits(), ((size * (size - 1) / 2) as f64).to_bits());
    Ok(())
}

/// Waits for a bucket that rank `stuck` never gives.
fn wait(communicator: Communicator, stuck: usize) -> Result<(), TrainError> {
    let mut transport = transport(communicator);
    if transport.rank() == stuck {
        rszs_train::run::tell("stuck");
        std::thread::sleep(Duration::from_mins(5));
    }
    transport.start(Tensor::from_slice(&[1.0_f32]))?;
    transport.finish().map(drop)
}
