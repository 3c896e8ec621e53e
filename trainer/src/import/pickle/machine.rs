//! The stack machine.

use std::collections::BTreeMap;

use super::PickleError;
use super::global::Global;
use super::tree::{Id, Node, Storage, StoredTensor, Tree};

/// Reads the pickle that `bytes` begin with, and says how many of them it has.
pub(in super::super) fn read(bytes: &[u8]) -> Result<(Tree, usize), PickleError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    loop {
        if let Some(root) = machine.step()? {
            return Ok((Tree { nodes: machine.nodes, root }, machine.at));
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack, where lists of unknown length began.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

impl Machine<'_> {
    /// One opcode. The last one gives the result.
    fn step(&mut self) -> Result<Option<Id>, PickleError> {
        let [opcode] = self.take()?;
        match opcode {
            // STOP, PROTO
            b'.' => return self.pop().map(Some),
            0x80 => {
                self.take::<1>()?;
            }
            // MARK
            b'(' => self.marks.push(self.stack.len()),
            // NONE, NEWTRUE, NEWFALSE, BINFLOAT
            b'N' => self.push(Node::Plain),
            0x88 | 0x89 => self.push(Node::Flag(opcode == 0x88)),
            b'G' => {
                self.take::<8>()?;
                self.push(Node::Plain);
            }
            // BININT1, BININT2, BININT, LONG1
            b'K' => {
                let number = u8::from_le_bytes(self.take()?);
                self.push(Node::Number(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.take()?);
                self.push(Node::Number(number.into()));
            }
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.push(Node::Number(number.into()));
            }
            0x8a => self.long()?,
            // BINUNICODE
            b'X' => self.text()?,
            // EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE
            b'}' => self.push(Node::Mapping(Vec::new())),
            b']' | b')' => self.push(Node::Sequence(Vec::new())),
            // TUPLE, TUPLE1, TUPLE2, TUPLE3
            b't' => {
                let items = self.since_mark()?;
                self.push(Node::Sequence(items));
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0..opcode - 0x84 {
                    items.insert(0, self.pop()?);
                }
                self.push(Node::Sequence(items));
            }
            // APPEND, APPENDS
            b'a' => {
                let item = self.pop()?;
                self.extend_sequence(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.extend_sequence(items)?;
            }
            // SETITEM, SETITEMS
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_mapping(&[key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.extend_mapping(&items)?;
            }
            // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
            b'q' => {
                let [place] = self.take()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.take()?);
                self.remember(place)?;
            }
            b'h' => {
                let [place] = self.take()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.take()?);
                self.recall(place)?;
            }
            // GLOBAL, REDUCE, NEWOBJ, BUILD, BINPERSID
            b'c' => self.global()?,
            b'R' => self.reduce()?,
            0x81 => self.new_object()?,
            b'b' => self.build()?,
            b'Q' => self.persistent()?,
            other => {
                return Err(
                    self.error("an opcode of torch.save's protocol 2", format!("{other:#04x}"))
                );
            }
        }
        Ok(None)
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> PickleError {
        PickleError { at: self.at, expected: expected.into(), found: found.into() }
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], PickleError> {
        let Some(slice) = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)) else {
            return Err(self.error(format!("{length} more bytes"), "the end"));
        };
        self.at += length;
        Ok(slice)
    }

    fn take<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], PickleError> {
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(self.slice(LENGTH)?);
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.error("a line", "the end"));
        };
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn push(&mut self, node: Node) {
        self.stack.push(Id(self.nodes.len()));
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.error("a value on the stack", "none"));
        }
        self.stack.pop().ok_or_else(|| self.error("a value on the stack", "none"))
    }

    fn top(&self) -> Result<Id, PickleError> {
        self.stack.last().copied().ok_or_else(|| self.error("a value on the stack", "none"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let floor = self.marks.pop().ok_or_else(|| self.error("a mark", "none"))?;
        Ok(self.stack.split_off(floor))
    }

    fn remember(&mut self, place: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), PickleError> {
        let id = *self
            .memo
            .get(&place)
            .ok_or_else(|| self.error(format!("a value remembered as {place}"), "none"))?;
        self.stack.push(id);
        Ok(())
    }

    fn long(&mut self) -> Result<(), PickleError> {
        let [length] = self.take()?;
        let mut bytes = self.slice(length.into())?.to_vec();
        if bytes.len() > 8 {
            return Err(self.error("a whole number of at most 8 bytes", format!("one of {length}")));
        }
        let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
        bytes.resize(8, sign);
        let number = bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        self.push(Node::Number(number.cast_signed()));
        Ok(())
    }

    fn text(&mut self) -> Result<(), PickleError> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let text = String::from_utf8(self.slice(length)?.to_vec());
        let text = text.map_err(|error| self.error("text in UTF-8", error.to_string()))?;
        self.push(Node::Text(text));
        Ok(())
    }

    fn extend_sequence(&mut self, mut added: Vec<Id>) -> Result<(), PickleError> {
        let top = self.top()?;
        match &mut self.nodes[top.0] {
            Node::Sequence(items) => items.append(&mut added),
            _ => return Err(self.error("a list to add to", "something else")),
        }
        Ok(())
    }

    fn extend_mapping(&mut self, added: &[Id]) -> Result<(), PickleError> {
        let top = self.top()?;
        match (&mut self.nodes[top.0], added.as_chunks()) {
            (Node::Mapping(entries), (pairs, [])) => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
            _ => return Err(self.error("a dictionary and pairs to add to it", "something else")),
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), PickleError> {
        let start = self.at - 1;
        let (module, name) = (self.line()?, self.line()?);
        let global = Global::of(&module, &name).ok_or_else(|| PickleError {
            at: start,
            expected: "only what holds tensors".to_owned(),
            found: format!("{module}.{name}"),
        })?;
        self.push(Node::Global(global));
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Node::Global(callee), Node::Sequence(arguments)) =
            (&self.nodes[callee.0], &self.nodes[arguments.0])
        else {
            return Err(self.error("a name and its arguments", "something else"));
        };
        match (callee, &arguments[..]) {
            (Global::OrderedDict, []) => self.push(Node::Mapping(Vec::new())),
            (Global::RebuildTensor, &[storage, offset, size, stride, ..]) => {
                let tensor = self.tensor(storage, offset, size, stride);
                let tensor = tensor.ok_or_else(|| {
                    self.error("a storage, an offset, a size and strides", "others")
                })?;
                self.push(Node::Tensor(tensor));
            }
            (Global::RebuildParameter | Global::Typed, &[first, ..]) => self.stack.push(first),
            (callee, arguments) => {
                let found = format!("{} of {callee:?}", arguments.len());
                return Err(self.error("the arguments that PyTorch writes", found));
            }
        }
        Ok(())
    }

    fn tensor(&self, storage: Id, offset: Id, size: Id, stride: Id) -> Option<StoredTensor> {
        let (Node::Storage(storage), Node::Number(offset)) =
            (&self.nodes[storage.0], &self.nodes[offset.0])
        else {
            return None;
        };
        let (size, stride) = (self.numbers(size)?, self.numbers(stride)?);
        Some(StoredTensor { storage: storage.clone(), offset: *offset, size, stride })
    }

    fn numbers(&self, id: Id) -> Option<Vec<i64>> {
        let Node::Sequence(items) = &self.nodes[id.0] else { return None };
        let number = |item: &Id| match self.nodes[item.0] {
            Node::Number(number) => Some(number),
            _ => None,
        };
        items.iter().map(number).collect()
    }

    fn new_object(&mut self) -> Result<(), PickleError> {
        let (_arguments, class) = (self.pop()?, self.pop()?);
        match self.nodes[class.0] {
            Node::Global(Global::Object) => self.push(Node::Object(None)),
            _ => {
                return Err(
                    self.error("a class of objects that are their attributes", "something else")
                );
            }
        }
        Ok(())
    }

    /// Attributes of an object. A dictionary's own attributes (`_metadata` of a state dict) are no
    /// weights.
    fn build(&mut self) -> Result<(), PickleError> {
        let (attributes, object) = (self.pop()?, self.top()?);
        match (&self.nodes[object.0], &self.nodes[attributes.0]) {
            (Node::Object(None), Node::Mapping(_)) => {
                self.nodes[object.0] = Node::Object(Some(attributes));
            }
            (Node::Mapping(_), Node::Mapping(_)) => {}
            _ => return Err(self.error("an object and its attributes", "something else")),
        }
        Ok(())
    }

    /// `("storage", kind, key, device, length)`; before PyTorch 1.6 with a last field, None: the
    /// storage is no part of another.
    fn persistent(&mut self) -> Result<(), PickleError> {
        let id = self.pop()?;
        let fields: Vec<&Node> = match &self.nodes[id.0] {
            Node::Sequence(fields) => fields.iter().map(|field| &self.nodes[field.0]).collect(),
            _ => Vec::new(),
        };
        let &[
            Node::Text(tag),
            Node::Global(Global::Storage(kind)),
            Node::Text(key),
            Node::Text(_),
            &Node::Number(length),
        ] = fields.strip_suffix(&[&Node::Plain]).unwrap_or(&fields)
        else {
            return Err(
                self.error("a storage: its kind, name, device and length", "something else")
            );
        };
        let Some(length) = usize::try_from(length).ok().filter(|_| tag == "storage") else {
            return Err(self.error("a storage: its kind, name, device and length", tag.clone()));
        };
        let storage = Storage { key: key.clone(), kind: *kind, length };
        self.push(Node::Storage(storage));
        Ok(())
    }
}
