//! What the first stage reads: images, targets of the teacher, vectors of names, the tokenizer.

use std::collections::BTreeSet;
use std::path::Path;

use rszs_data::{AidRsicd, ClipText, Split, catalogue};
use rszs_tokenizer::Tokenizer;
use tch::{Device, Kind};

use super::batch::Pool;
use super::{PretrainSettings, evaluation};
use crate::checkpoint::TOKENIZER;
use crate::pretrain::features::{Tiles, targets};
use crate::pretrain::text_training::{self, TextTargets};
use crate::run::{Run, tell, write_atomically};
use crate::{PromptSettings, RunConfig, TrainError};

/// Everything that is read before the first step. Images and targets of the teacher stay on the
/// processor: all of them may not fit on a device.
pub(super) struct Data {
    pub(super) aid_rsicd: AidRsicd,
    pub(super) train: Pool,
    pub(super) val: Pool,
    pub(super) crops: Pool,
    pub(super) names: TextTargets,
    pub(super) templates: Vec<String>,
    pub(super) tokenizer: Tokenizer,
}

impl Data {
    pub(super) fn open(
        config: &RunConfig,
        settings: &PretrainSettings,
        run: &Run,
        device: Device,
    ) -> Result<Self, TrainError> {
        let root = &config.data().root;
        let templates = config.section::<PromptSettings>("prompts")?.templates;
        let aid_rsicd = AidRsicd::open(&root.join("aid_rsicd"))?;
        let clip_text = ClipText::open(&root.join("clip_text"))?;
        let words = query_words(root)?;

        let path = run.path(TOKENIZER);
        let tokenizer = if path.is_file() {
            Tokenizer::from_json(&std::fs::read(&path).map_err(TrainError::file(&path))?)?
        } else {
            let vocabulary = config.network().text.vocabulary;
            let tokenizer = text_training::tokenizer(
                &aid_rsicd,
                &clip_text.names,
                &words,
                &templates,
                vocabulary,
            );
            write_atomically(&path, &tokenizer.to_json())?;
            tokenizer
        };
        let needed = words.iter().chain(aid_rsicd.scenes()).cloned().collect();
        let names =
            TextTargets::new(&clip_text, &needed, settings.text.held_out_names, settings.seed)?
                .on(device)?;

        tell("reading images");
        let train = Tiles::aid_rsicd(&aid_rsicd, Split::Train, settings.tile_px)?;
        let val = Tiles::aid_rsicd(&aid_rsicd, Split::Val, settings.tile_px)?;
        let crops = Tiles::crops(root, &settings.teacher, settings.tile_px, settings.seed)?;
        let features =
            targets(&[&train, &val, &crops], root, &settings.teacher, &run.path(""), device)?;
        let pool = |tiles: Tiles, part: usize| Pool {
            tiles: tiles.tiles,
            targets: features[part].shallow_clone(),
        };
        let (train, val, crops) = (pool(train, 0), pool(val, 1), pool(crops, 2));
        Ok(Self { aid_rsicd, train, val, crops, names, templates, tokenizer })
    }

    /// What [`evaluation::Report::rsi_scene_neighbours`] is for the teacher itself: the student's
    /// upper bound, and the proof that its weights were read right.
    pub(super) fn teacher_neighbours(&self) -> Result<f64, TrainError> {
        let mean = |pool: &Pool| pool.targets.f_mean_dim([1].as_slice(), false, Kind::Float);
        let scenes = |split| evaluation::scenes(&self.aid_rsicd, split);
        let (known, queries) = (mean(&self.train)?, mean(&self.val)?);
        evaluation::neighbour_accuracy(
            &known,
            &scenes(Split::Train)?,
            &queries,
            &scenes(Split::Val)?,
        )
    }
}

/// Every word that the mask sets answer to.
fn query_words(data_root: &Path) -> Result<Vec<String>, TrainError> {
    let mut words = BTreeSet::new();
    for set in catalogue::NAMES {
        let set = catalogue::open(set, data_root)?;
        for concept in set.classes().concepts() {
            words.extend(concept.words().map(str::to_owned));
        }
    }
    Ok(words.into_iter().collect())
}
