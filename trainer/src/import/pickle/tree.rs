//! What a pickle holds.

use tch::Kind;

use super::global::Global;

/// Dictionaries in dictionaries deeper than this are no weights.
const DEPTH: usize = 64;
/// Values that are looked at. A pickle can mention one dictionary twice in another, and so on:
/// small files, endless trees.
const VISITS: usize = 1_000_000;

/// The number of a value in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Id(pub(super) usize);

#[derive(Debug, PartialEq)]
pub(super) enum Node {
    /// None, a real number: read over.
    Plain,
    Flag(bool),
    Number(i64),
    Text(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Mapping(Vec<(Id, Id)>),
    /// An object and its attributes, once they are known.
    Object(Option<Id>),
    Global(Global),
    Storage(Storage),
    Tensor(StoredTensor),
}

/// Numbers in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Storage {
    /// Name of the file in the archive's folder `data`; in older files a key.
    pub(in super::super) key: String,
    pub(in super::super) kind: Kind,
    /// How many numbers.
    pub(in super::super) length: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct StoredTensor {
    pub(in super::super) storage: Storage,
    /// In numbers, not bytes.
    pub(in super::super) offset: i64,
    pub(in super::super) size: Vec<i64>,
    pub(in super::super) stride: Vec<i64>,
}

/// All values of a pickle; they refer to each other by number.
#[derive(Debug)]
pub(in super::super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

impl Tree {
    /// The whole.
    pub(in super::super) fn root(&self) -> Id {
        self.root
    }

    /// The dictionary under `key` in the dictionary `id`.
    pub(in super::super) fn dictionary(&self, id: Id, key: &str) -> Option<Id> {
        self.entry(id, key).filter(|id| matches!(self.nodes[id.0], Node::Mapping(_)))
    }

    fn entry(&self, id: Id, key: &str) -> Option<Id> {
        let Node::Mapping(entries) = &self.nodes[id.0] else { return None };
        let is_key = |id: Id| matches!(&self.nodes[id.0], Node::Text(text) if text == key);
        entries.iter().find(|(name, _)| is_key(*name)).map(|entry| entry.1)
    }

    /// The truth value under `key` in the dictionary `id`.
    pub(in super::super) fn flag(&self, id: Id, key: &str) -> Option<bool> {
        match self.nodes[self.entry(id, key)?.0] {
            Node::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// The texts that the list `id` has, if it has nothing else.
    pub(in super::super) fn texts(&self, id: Id) -> Option<Vec<&str>> {
        let Node::Sequence(items) = &self.nodes[id.0] else { return None };
        let text = |item: &Id| match &self.nodes[item.0] {
            Node::Text(text) => Some(&text[..]),
            _ => None,
        };
        items.iter().map(text).collect()
    }

    /// Every storage that is mentioned, as often as it is.
    pub(in super::super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// Every tensor in `id`, named by the keys and attributes that lead to it, joined by dots.
    pub(in super::super) fn tensors(&self, id: Id) -> Result<Vec<(String, StoredTensor)>, String> {
        let mut found = Vec::new();
        let mut visits = 0;
        self.collect(id, &mut Vec::new(), &mut visits, &mut found)?;
        Ok(found)
    }

    fn collect(
        &self,
        id: Id,
        path: &mut Vec<String>,
        visits: &mut usize,
        found: &mut Vec<(String, StoredTensor)>,
    ) -> Result<(), String> {
        *visits += 1;
        if path.len() > DEPTH || *visits > VISITS {
            return Err(format!(
                "more than {DEPTH} dictionaries in each other, or more than {VISITS} values"
            ));
        }
        let mut below = |name: String, child: Id| {
            path.push(name);
            let result = self.collect(child, path, visits, found);
            path.pop();
            result
        };
        match &self.nodes[id.0] {
            Node::Tensor(tensor) => found.push((path.join("."), tensor.clone())),
            Node::Mapping(entries) => {
                for &(key, value) in entries {
                    let name = match &self.nodes[key.0] {
                        Node::Text(text) => text.clone(),
                        Node::Number(number) => number.to_string(),
                        other => return Err(format!("a dictionary with the key {other:?}")),
                    };
                    below(name, value)?;
                }
            }
            Node::Sequence(items) => {
                for (index, &item) in items.iter().enumerate() {
                    below(index.to_string(), item)?;
                }
            }
            Node::Object(Some(attributes)) => self.collect(*attributes, path, visits, found)?,
            Node::Plain
            | Node::Flag(_)
            | Node::Number(_)
            | Node::Text(_)
            | Node::Object(None)
            | Node::Global(_)
            | Node::Storage(_) => {}
        }
        Ok(())
    }
}
