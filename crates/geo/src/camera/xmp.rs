//! The properties of an XMP packet (ISO 16684-1), attributes and elements alike.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use quick_xml::{XmlVersion, escape};

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// Elements within each other. Cameras write six.
const MAX_DEPTH: usize = 32;

/// Properties kept. Cameras write a hundred.
const MAX_PROPERTIES: usize = 4096;

/// Text of each property by namespace, without the slash at its end, and local name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Xmp {
    properties: BTreeMap<(String, String), String>,
}

impl Xmp {
    /// The properties of `packet` up to its end or to where it breaks.
    ///
    /// Of a list the first item counts; a structure gives its fields. A packet with a document type
    /// gives nothing: XMP has none, and entities of one's own are how XML is made large.
    pub(super) fn parse(packet: &[u8]) -> Self {
        let mut properties = Properties::default();
        let Ok(text) = std::str::from_utf8(packet) else { return Self::default() };
        let mut reader = NsReader::from_str(text.trim_end_matches('\0'));
        loop {
            match reader.read_event() {
                Ok(Event::DocType(_)) => return Self::default(),
                Ok(Event::Eof) | Err(_) => break,
                Ok(event) => {
                    if !properties.take(&reader, &event) {
                        break;
                    }
                }
            }
        }
        Self { properties: properties.found }
    }

    /// The text of a property.
    pub(super) fn text(&self, namespace: &str, name: &str) -> Option<&str> {
        self.properties.get(&(namespace.to_owned(), name.to_owned())).map(String::as_str)
    }

    /// The number of a property: `+40.10`, or a fraction such as `401/10`.
    pub(super) fn number(&self, namespace: &str, name: &str) -> Option<f64> {
        let text = self.text(namespace, name)?.trim();
        let value = match text.split_once('/') {
            Some((above, below)) => {
                above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?
            }
            None => text.parse().ok()?,
        };
        value.is_finite().then_some(value)
    }

    /// Whether any property is of `namespace`.
    pub(super) fn has_namespace(&self, namespace: &str) -> bool {
        self.properties.keys().any(|(found, _)| found == namespace)
    }
}

#[derive(Default)]
struct Properties {
    found: BTreeMap<(String, String), String>,
    /// Names of the elements that are open; nothing for RDF's own.
    open: Vec<Option<(String, String)>>,
}

impl Properties {
    /// Whether to go on.
    fn take(&mut self, reader: &NsReader<&[u8]>, event: &Event<'_>) -> bool {
        match event {
            Event::Start(start) => {
                self.attributes(reader, start);
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                self.open.push(key(&namespace, name.into_inner()));
            }
            Event::Empty(start) => self.attributes(reader, start),
            Event::End(_) => {
                self.open.pop();
            }
            Event::Text(text) => {
                let owner = self.open.iter().rev().flatten().next().cloned();
                self.insert(owner, &text.xml10_content());
            }
            _ => {}
        }
        self.open.len() <= MAX_DEPTH && self.found.len() <= MAX_PROPERTIES
    }

    fn attributes(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) {
        for attribute in start.attributes().flatten() {
            let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
            if let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) {
                self.insert(key(&namespace, name.into_inner()), &value);
            }
        }
    }

    fn insert(&mut self, key: Option<(String, String)>, text: &str) {
        let text = escape::unescape(text.trim()).unwrap_or_default();
        if let (Some(key), false) = (key, text.is_empty()) {
            self.found.entry(key).or_insert_with(|| text.into_owned());
        }
    }
}

fn key(namespace: &ResolveResult<'_>, name: &str) -> Option<(String, String)> {
    let ResolveResult::Bound(namespace) = namespace else { return None };
    (namespace.0 != RDF).then(|| (namespace.0.trim_end_matches('/').to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/">
         <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
          <rdf:Description rdf:about="" xmlns:any="http://maker/one/" any:Height="+40.10">
           <any:Yaw> 1125/10 </any:Yaw>
           <any:Bands><rdf:Seq><rdf:li>LWIR</rdf:li><rdf:li>Red</rdf:li></rdf:Seq></any:Bands>
           <any:Name>A &amp; B</any:Name>
          </rdf:Description>
         </rdf:RDF>
        </x:xmpmeta>"#;

    #[test]
    fn attributes_elements_and_lists_are_properties_whatever_their_prefix() {
        let xmp = Xmp::parse(PACKET.as_bytes());
        assert_eq!(xmp.number("http://maker/one", "Height"), Some(40.1));
        assert_eq!(xmp.number("http://maker/one", "Yaw"), Some(112.5));
        assert_eq!(xmp.text("http://maker/one", "Bands"), Some("LWIR"));
        assert_eq!(xmp.text("http://other", "Height"), None);
        assert_eq!(xmp.number("http://maker/one", "Name"), None);
    }

    #[test]
    fn entities_of_ones_own_are_not_read() {
        let hostile = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{PACKET}");
        assert_eq!(Xmp::parse(hostile.as_bytes()), Xmp::default());
    }

    #[test]
    fn a_packet_that_breaks_keeps_what_came_before() {
        let cut = &PACKET[..PACKET.find("<any:Bands").unwrap() + 20];
        assert_eq!(Xmp::parse(cut.as_bytes()).number("http://maker/one", "Yaw"), Some(112.5));
    }

    #[test]
    fn elements_without_end_end() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(Xmp::parse(deep.as_bytes()), Xmp::default());
    }
}
