//! What each command does with what was typed.

use anyhow::Result;
use rszs_train::evaluate::{EvaluateOptions, evaluate, table};
use rszs_train::experiment::{self, ExperimentOptions, Plan};
use rszs_train::import::{ImportOptions, WordSource, import};
use rszs_train::parallel::{Communicator, Environment, end_with_launcher, launch};
use rszs_train::pretrain::pretrain;
use rszs_train::run::report;
use rszs_train::train::{TrainOptions, job, train_together};
use rszs_train::{Ending, Stop};

use crate::arguments::{Command, Description, Images};

/// Does it and says how it ended.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Prepare(prepare) => prepare.run()?,
        Command::Pretrain { common } => {
            let (config, mut run, device) = common.open()?;
            pretrain(&config, &mut run, device)?;
        }
        Command::Import {
            description,
            clip,
            tokenizer,
            text,
            stem,
            dino,
            allow_pickle,
            output,
        } => {
            let words = match (clip, tokenizer, text) {
                (_, _, Some(text)) => WordSource::Checkpoint(text),
                (Some(weights), Some(tokenizer), None) => WordSource::Clip { weights, tokenizer },
                _ => unreachable!("clap asks for --text or for --clip with --tokenizer"),
            };
            let options = ImportOptions { words, stem, dino, output, allow_pickle };
            import(description.read()?.network(), &options)?;
        }
        Command::Train { common, from, exclude_queries, nproc, transport } => {
            let stop = Stop::on_signals()?;
            if nproc.get() > 1 && Environment::read()?.is_none() {
                transport.expect_launcher()?;
                let device = common.device.device.expect_for(nproc.get())?;
                transport.expect_on(device)?;
                return Ok(launch(nproc, &stop)?);
            }
            end_with_launcher()?;
            let (config, mut run, device) = common.open()?;
            let options = TrainOptions { from, exclude_queries };
            let communicator =
                Communicator::from_environment(&job(&config, &options)?, transport, device)?;
            return Ok(train_together(&config, &options, &mut run, device, communicator, &stop)?);
        }
        Command::Evaluate { common, weights, images: Images { sets, limit }, protocol, novel } => {
            let (config, run, device) = common.open()?;
            let options = EvaluateOptions { weights, sets, limit, protocol, novel };
            report(&table(&evaluate(&config, &options, &run, device)?))?;
        }
        Command::Experiment {
            name,
            config,
            set,
            runs,
            from,
            images,
            protocol,
            novel,
            plan: only_plan,
            threads,
            device,
        } => {
            tch::set_num_threads(i32::from(threads));
            let Images { sets, limit } = images;
            let config = Description { config, set }.read()?;
            let plan = Plan::new(
                name,
                &config,
                &ExperimentOptions { from, runs, sets, limit, protocol, novel },
            )?;
            if only_plan {
                report(&plan.to_string())?;
            } else {
                report(&experiment::run(&config, &plan, device.open()?)?.to_string())?;
            }
        }
    }
    Ok(Ending::Done)
}
