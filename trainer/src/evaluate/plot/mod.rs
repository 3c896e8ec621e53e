//! Plots as SVG, written by hand: two kinds of them do not need a library.

mod confusion;
mod precision_recall;

use std::fmt::{Display, Write};

pub(super) use confusion::confusion;
pub(super) use precision_recall::precision_recall;

/// Where a text starts.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing on white; lengths in px, y grows downwards.
struct Svg {
    body: String,
}

impl Svg {
    fn new(width_px: f64, height_px: f64) -> Self {
        let mut svg = Self { body: String::new() };
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width_px:.0}\" \
             height=\"{height_px:.0}\" font-family=\"sans-serif\">"
        ));
        svg.rectangle([0.0, 0.0], [width_px, height_px], "white");
        svg
    }

    fn push(&mut self, element: impl Display) {
        writeln!(self.body, "{element}").expect("a string takes any text");
    }

    fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], fill: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"/>"
        ));
    }

    /// `dashes`: lengths of strokes and gaps; empty for a line without gaps.
    fn line(&mut self, points: &[[f64; 2]], colour: &str, width_px: f64, dashes: &str) {
        let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let dashes = if dashes.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{dashes}\"")
        };
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"{width_px}\"{dashes}/>",
            points.join(" ")
        ));
    }

    fn dot(&mut self, [x, y]: [f64; 2], colour: &str) {
        self.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"));
    }

    /// `turned`: read from below.
    fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, colour: &str, turned: bool, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if turned {
            format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"")
        } else {
            String::new()
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"12\" text-anchor=\"{anchor}\" \
             fill=\"{colour}\"{turn}>{text}</text>"
        ));
    }

    fn finish(mut self) -> String {
        self.push("</svg>");
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_cannot_break_the_markup() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text([0.0, 0.0], Anchor::Start, "black", false, "<road> & track");
        let text = svg.finish();
        assert!(text.contains(">&lt;road&gt; &amp; track</text>"), "{text}");
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }
}
